// A lock around a value with a condition to wait on: what the appending threads, the writer and the readers share.
// POSIX, as the gateway's locks are, because the thread sanitizer sees those.

import Glibc

/// A value, the lock that guards it and a signal that it changed.
final class Monitor<State: ~Copyable> {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    init(_ state: consuming State) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        let status =
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            | pthread_mutex_init(mutex, nil) | pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
        precondition(status == 0, "plain locks need nothing that could be missing")
        self.state = state
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` alone. `body` takes no other lock and does not wait.
    func withLock<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Wakes everybody who waits.
    func signal() { pthread_cond_broadcast(condition) }

    /// Asks `body` until it gives a value, anew after each signal. At that time of the monotonic clock it returns nil;
    /// without one it waits for ever.
    func wait<Result: Sendable>(untilNanoseconds end: UInt64?, for body: (inout State) -> Result?) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            guard let end else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            guard MonotonicClock.nanoseconds() < end else { return nil }
            var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
            pthread_cond_timedwait(condition, mutex, &time)
        }
    }
}

// Proof: the state is reached only with the lock held, and what leaves is Sendable.
extension Monitor: @unchecked Sendable where State: ~Copyable {}

/// The clock that never goes back.
enum MonotonicClock {
    static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    static func nanoseconds(fromNowMilliseconds milliseconds: Int) -> UInt64 {
        nanoseconds() &+ UInt64(max(0, milliseconds)) &* 1_000_000
    }
}
