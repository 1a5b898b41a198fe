// A lock around a value, for the few things of this room that several threads write: the log and the lanes of the usage
// log. `Synchronization.Mutex` would do, but the thread sanitizer cannot see it on Linux (Swift 6.3.1): its operations
// lie in a library that is not instrumented, so every value it guards is reported as a race. POSIX locks are seen.

import Glibc

/// A value and the lock that guards it.
final class Locked<State: ~Copyable> {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    init(_ state: consuming State) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        let status = pthread_mutex_init(mutex, nil)
        precondition(status == 0, "a mutex without attributes needs nothing that could be missing")
        self.state = state
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` alone. `body` calls nothing that takes a lock. Uncontended: about 10 ns.
    func withLock<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }
}

// The state is reached only with the lock held, and what leaves `withLock` is Sendable.
extension Locked: @unchecked Sendable where State: ~Copyable {}
