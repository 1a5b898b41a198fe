// Tells one thread that another has done something; the waiting one looks again and again, which costs no wake-up.

import Synchronization

final class SpinSignal: Sendable {
    private let flag = Atomic(false)

    func raise() { flag.store(true, ordering: .releasing) }
    var isRaised: Bool { flag.load(ordering: .acquiring) }
}
