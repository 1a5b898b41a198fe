// How far a process that will be killed has come, in memory that outlives it: a file mapped by both processes.
//
//     word 0       1 when its store is ready
//     word 1       items appended
//     word 2 + 2i  when item i was appended, in nanoseconds of the clock that both processes read
//     word 3 + 2i  1 when its promise was kept

import Glibc
import Synchronization

/// The mapped words. Each is written by one thread and read by the other process.
struct Progress: @unchecked Sendable {  // Atomic words in memory that is never unmapped.
    static let itemsMax = 100_000
    private static let bytes = (2 + 2 * itemsMax) * 8
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// Maps the file, which is made when it is missing.
    init?(path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard ftruncate(descriptor, Self.bytes) == 0,
            let memory = mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            memory != MAP_FAILED
        else { return nil }
        words = memory.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    func clear() { memset(words, 0, Self.bytes) }

    var isReady: Bool {
        get { words[0].load(ordering: .acquiring) == 1 }
        nonmutating set { words[0].store(newValue ? 1 : 0, ordering: .releasing) }
    }

    var appendedCount: Int { Int(words[1].load(ordering: .acquiring)) }

    /// Items are noted in order.
    func note(appended item: Int) {
        words[2 + 2 * item].store(Clock.nanoseconds(), ordering: .releasing)
        words[1].store(UInt64(item + 1), ordering: .releasing)
    }

    func note(kept item: Int) { words[3 + 2 * item].store(1, ordering: .releasing) }

    func appendedNanoseconds(_ item: Int) -> UInt64 { words[2 + 2 * item].load(ordering: .acquiring) }
    func isKept(_ item: Int) -> Bool { words[3 + 2 * item].load(ordering: .acquiring) == 1 }
}

enum Clock {
    static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
