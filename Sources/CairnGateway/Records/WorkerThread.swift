// A plain POSIX thread for work that may wait for the disk, and the signal that wakes it. Foundation has such a thread,
// but the gateway does without Foundation.

import Glibc
import Synchronization

/// A thread or signal could not be made; the value is an errno.
struct WorkerThreadError: Error, Equatable {
    let errno: Int32
}

/// One thread that runs one function. All signals are blocked in it: they belong to the loops.
final class WorkerThread: Sendable {
    private let thread: pthread_t
    private let ended: WakeSignal
    private let isCollected = Atomic(false)

    /// Starts the thread. `name` is what `top` shows, at most 15 bytes.
    init(name: String, body: @escaping @Sendable () -> Void) throws(WorkerThreadError) {
        let ended = try WakeSignal()
        let work = Unmanaged.passRetained(
            Work {
                Self.setName(name)
                body()
                ended.signal()
            })
        var allSignals = sigset_t()
        var callersSignals = sigset_t()
        sigfillset(&allSignals)
        pthread_sigmask(SIG_BLOCK, &allSignals, &callersSignals)
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        pthread_sigmask(SIG_SETMASK, &callersSignals, nil)
        guard status == 0 else {
            work.release()
            throw WorkerThreadError(errno: status)
        }
        self.thread = thread
        self.ended = ended
    }

    deinit {
        if !isCollected.load(ordering: .relaxed) { pthread_detach(thread) }
    }

    /// Waits until the function has returned, at most so long. False: it still runs. One caller at a time.
    func join(withinMilliseconds milliseconds: Int) -> Bool {
        if isCollected.load(ordering: .relaxed) { return true }
        guard ended.wait(milliseconds: milliseconds) else { return false }
        pthread_join(thread, nil)
        isCollected.store(true, ordering: .relaxed)
        return true
    }

    /// Names the calling thread. Best effort: the name only helps who looks.
    private static func setName(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = Glibc.write(file, name, name.utf8.count)
        close(file)
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }
}

/// Wakes one waiting thread; a signal given before the wait is not lost. A pipe, because `signal` must never wait.
final class WakeSignal: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32

    init() throws(WorkerThreadError) {
        var ends: [2 of Int32] = [-1, -1]
        var span = ends.mutableSpan
        let status = span.withUnsafeMutableBufferPointer { pipe($0.baseAddress) }
        guard status == 0 else { throw WorkerThreadError(errno: errno) }
        (readEnd, writeEnd) = (ends[0], ends[1])
        for end in [readEnd, writeEnd] {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Any thread. Costs one write of a byte; when the pipe is full, a signal is already waiting.
    func signal() {
        var byte: UInt8 = 1
        _ = Glibc.write(writeEnd, &byte, 1)
    }

    /// Waits for a signal, at most so long (nil: for ever), and takes all that are there. False: none came.
    func wait(milliseconds: Int?) -> Bool {
        var request = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        let deadline = milliseconds.map { SystemTime.monotonicNanoseconds() + UInt64(max($0, 0)) * 1_000_000 }
        while true {
            let status = poll(&request, 1, Self.rest(until: deadline))
            if status > 0 { break }
            if status == 0 || errno != EINTR { return false }
        }
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            while read(readEnd, buffer.baseAddress, buffer.count) == buffer.count {}
        }
        return true
    }

    private static func rest(until deadline: UInt64?) -> Int32 {
        guard let deadline else { return -1 }
        let now = SystemTime.monotonicNanoseconds()
        guard deadline > now else { return 0 }
        return Int32(clamping: (deadline - now + 999_999) / 1_000_000)
    }
}
