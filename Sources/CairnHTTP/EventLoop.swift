// EventLoop.swift: one loop on one thread, and Swift concurrency on that thread.
//
// Who uses it: everything that serves or fetches. A call is answered by synchronous events wherever it can be; what has
// to wait (a timer, a slow reader, work on another thread) is an async function that runs on the loop's executor, so no
// call ever leaves its thread. Measured on this kind of machine: a task that starts and suspends on the loop's executor
// costs 0.7 microseconds, the default pool 6 (docs/decisions/0002).
//
// Two executor objects on purpose: one class that is both a TaskExecutor and a SerialExecutor makes nonisolated code
// enqueue itself again.
import CHTTP
import Glibc
import Synchronization

public final class EventLoop: @unchecked Sendable {
    // Sendable: `handle` is used from other threads only through chttp_loop_post and _stop, which allow it; `jobs` is
    // touched on the loop's thread only.
    let handle: OpaquePointer
    private let jobs = LocalJobs()
    private let threadNumber = Atomic<UInt>(0)
    /// Runs tasks on this loop: `Task(executorPreference: loop.taskExecutor) { ... }`.
    public private(set) var taskExecutor: LoopTaskExecutor!
    /// Lets an actor live on this loop.
    public private(set) var actorExecutor: LoopActorExecutor!

    /// Throws when memory or file descriptors ran out.
    public init() throws(HTTPError) {
        let box = LoopBox()
        let made = chttp_loop_new(
            { context in Unmanaged<LoopBox>.fromOpaque(context!).takeUnretainedValue().loop?.turn() ?? false },
            Unmanaged.passUnretained(box).toOpaque())
        guard let made else { throw .outOfResources("an event loop could not be made") }
        handle = made
        self.box = box
        signal(SIGPIPE, SIG_IGN)  // a client that left is an error of a write, never the end of the process
        taskExecutor = LoopTaskExecutor(loop: self)
        actorExecutor = LoopActorExecutor(loop: self)
        box.loop = self
    }

    private let box: LoopBox

    deinit { chttp_loop_free(handle) }

    /// Runs the loop on the calling thread until `stop()`.
    public func run() {
        threadNumber.store(UInt(pthread_self()), ordering: .relaxed)
        chttp_loop_run(handle)
    }

    /// Ends `run()`. Any thread.
    public func stop() { chttp_loop_stop(handle) }

    /// Runs `job` on the loop's thread, in order of posting. Any thread.
    public func post(_ job: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(PostedJob(job)).toOpaque()
        let isPosted = chttp_loop_post(
            handle, { Unmanaged<PostedJob>.fromOpaque($0!).takeRetainedValue().run() }, context)
        precondition(isPosted, "out of memory")
    }

    /// Runs `work` on this loop and comes back with its result. From any loop's task.
    public func ask<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        if isCurrent { return work() }
        return await withUnsafeContinuation { (continuation: UnsafeContinuation<Result, Never>) in
            post { continuation.resume(returning: work()) }
        }
    }

    /// True on the loop's own thread.
    public var isCurrent: Bool { threadNumber.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Monotonic.
    public var nowNanoseconds: UInt64 { chttp_now_nanoseconds() }

    /// Waits on a timer of the loop. Call it on the loop.
    public func sleep(milliseconds: UInt64) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            after(milliseconds: milliseconds) { continuation.resume() }
        }
    }

    /// Calls `fire` once, on the loop, after that time. Call it on the loop.
    public func after(milliseconds: UInt64, _ fire: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(PostedJob(fire)).toOpaque()
        let timer = chttp_timer_start(
            handle, milliseconds, { Unmanaged<PostedJob>.fromOpaque($0!).takeRetainedValue().run() }, context)
        precondition(timer != nil, "out of memory")
    }

    /// Runs `work` on a worker thread and comes back to the loop with its result. For what takes longer than about
    /// 100 microseconds. Call it on the loop.
    public func offload<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Result, Never>) in
            let task = OffloadedWork(
                work: { work() as any Sendable }, done: { continuation.resume(returning: $0 as! Result) })
            let context = Unmanaged.passRetained(task).toOpaque()
            let isQueued = chttp_loop_offload(
                handle,
                { Unmanaged<OffloadedWork>.fromOpaque($0!).takeUnretainedValue().run() },
                { Unmanaged<OffloadedWork>.fromOpaque($0!).takeRetainedValue().finish() }, context)
            precondition(isQueued, "out of memory")
        }
    }

    /// Connections and calls of this loop now. Call it on the loop.
    public var counts: LoopCounts {
        let counts = chttp_loop_counts(handle)
        return LoopCounts(
            clientConnections: Int(counts.downstream_open), openCalls: Int(counts.downstream_calls),
            upstreamConnections: Int(counts.upstream_open), idleUpstreamConnections: Int(counts.upstream_idle))
    }

    // MARK: executor

    fileprivate func enqueue(_ job: UnownedJob) {
        if isCurrent {
            jobs.list.append(job)
            return
        }
        post { [jobs] in jobs.list.append(job) }
    }

    /// One turn: runs what was enqueued, at most `jobsPerTurnMax` jobs, so that sockets are never starved.
    private func turn() -> Bool {
        var done = 0
        while done < jobs.list.count && done < jobsPerTurnMax {
            jobs.list[done].runSynchronously(on: taskExecutor.asUnownedTaskExecutor())
            done += 1
        }
        if done == jobs.list.count { jobs.list.removeAll(keepingCapacity: true) } else { jobs.list.removeFirst(done) }
        return !jobs.list.isEmpty
    }
}

/// The most jobs that one turn of a loop runs before it looks at its sockets again.
let jobsPerTurnMax = 1024

/// What belongs to one loop now.
public struct LoopCounts: Sendable {
    public var clientConnections: Int
    public var openCalls: Int
    public var upstreamConnections: Int
    public var idleUpstreamConnections: Int
}

/// Runs tasks on an event loop.
public final class LoopTaskExecutor: TaskExecutor {
    private unowned let loop: EventLoop
    init(loop: EventLoop) { self.loop = loop }
    public func enqueue(_ job: consuming ExecutorJob) { loop.enqueue(UnownedJob(job)) }
}

/// Runs an actor's work on an event loop.
public final class LoopActorExecutor: SerialExecutor {
    private unowned let loop: EventLoop
    init(loop: EventLoop) { self.loop = loop }
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        loop.post { job.runSynchronously(on: executor) }
    }
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

/// What C calls back into; weak, so that a loop can go.
private final class LoopBox {
    weak var loop: EventLoop?
}

private final class LocalJobs: @unchecked Sendable {
    // Sendable: touched on the loop's thread only; jobs from other threads come as posted closures.
    @exclusivity(unchecked) var list: [UnownedJob] = []
}

private final class PostedJob: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private final class OffloadedWork: @unchecked Sendable {
    // Sendable: `result` is written by the worker and read by the loop after libuv handed the work back.
    private let work: @Sendable () -> any Sendable
    private let done: (any Sendable) -> Void
    private var result: (any Sendable)?
    init(work: @escaping @Sendable () -> any Sendable, done: @escaping (any Sendable) -> Void) {
        self.work = work
        self.done = done
    }
    func run() { result = work() }
    func finish() { done(result!) }
}
