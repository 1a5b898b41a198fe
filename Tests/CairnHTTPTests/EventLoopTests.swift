import CairnHTTP
import Foundation
import Testing

/// An actor that lives on a loop.
private actor Counter {
    nonisolated let unownedExecutor: UnownedSerialExecutor
    private let loop: EventLoop
    private(set) var count = 0

    init(loop: EventLoop) {
        self.loop = loop
        unownedExecutor = loop.actorExecutor.asUnownedSerialExecutor()
    }

    func add() -> Bool {
        count += 1
        return loop.isCurrent
    }
}

/// Runs an async function as a task of the loop and waits for it.
private func run(on thread: LoopThread, _ work: @escaping @Sendable (EventLoop) async -> Void) {
    let done = DispatchSemaphore(value: 0)
    let loop = thread.loop
    Task(executorPreference: loop.taskExecutor) {
        await work(loop)
        done.signal()
    }
    done.wait()
}

@Suite struct EventLoopTests {
    @Test func `a task stays on its loop's thread across everything it waits for`() throws {
        let log = EventLog()
        run(on: try LoopThread()) { loop in
            func note(_ place: String) { log.add("\(place) \(loop.isCurrent)") }
            note("start")
            await loop.sleep(milliseconds: 1)
            note("slept")
            await Task.yield()
            note("yielded")
            let isElsewhere = await loop.offload { !loop.isCurrent }
            note("offloaded \(isElsewhere)")
            async let child: Void = note("child")
            await child
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { note("member") } }
            }
            note("end")
        }

        #expect(
            log.entries == [
                "start true", "slept true", "yielded true", "offloaded true true", "child true", "member true",
                "member true", "member true", "end true",
            ])
    }

    @Test func `sleeping takes its time and others go on meanwhile`() throws {
        let thread = try LoopThread()
        let order = EventLog()
        let began = DispatchTime.now().uptimeNanoseconds
        run(on: thread) { loop in
            await withTaskGroup(of: Void.self) { group in
                for milliseconds: UInt64 in [40, 20, 0] {
                    group.addTask {
                        await loop.sleep(milliseconds: milliseconds)
                        order.add("\(milliseconds)")
                    }
                }
            }
        }

        #expect(order.entries == ["0", "20", "40"])
        #expect(DispatchTime.now().uptimeNanoseconds - began >= 39_000_000)  // to the millisecond
    }

    @Test func `jobs posted by one thread run in order`() throws {
        let thread = try LoopThread()
        nonisolated(unsafe) var seen: [Int: [Int]] = [:]  // touched on the loop only
        let group = DispatchGroup()

        for poster in 0..<4 {
            DispatchQueue.global().async(group: group) {
                for number in 0..<2000 {
                    thread.loop.post {
                        #expect(thread.loop.isCurrent)
                        seen[poster, default: []].append(number)
                    }
                }
            }
        }
        group.wait()

        let result = thread.onLoop { seen }
        for poster in 0..<4 { #expect(result[poster] == Array(0..<2000)) }
    }

    @Test func `loops ask each other`() throws {
        let first = try LoopThread()
        let second = try LoopThread()
        let log = EventLog()
        run(on: first) { loop in
            for number in 0..<200 {
                let (answer, isThere) = await second.loop.ask { (number * 2, second.loop.isCurrent) }
                if answer != number * 2 || !isThere || !loop.isCurrent { log.add("wrong \(number)") }
            }
            let own = await loop.ask { loop.isCurrent }
            log.add("done \(own)")
        }

        #expect(log.entries == ["done true"])
    }

    @Test func `an actor on a loop runs there whoever calls`() async throws {
        let thread = try LoopThread()
        let counter = Counter(loop: thread.loop)

        let places = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<500 { group.addTask { await counter.add() } }
            return await group.reduce(into: []) { $0.append($1) }
        }

        #expect(places.count == 500 && places.allSatisfy { $0 })
        #expect(await counter.count == 500)
    }

    @Test func `thousands of tasks run in the order they were made`() throws {
        let thread = try LoopThread()
        let taskCount = 5000  // more than one turn runs
        nonisolated(unsafe) var seen: [Int] = []  // touched on the loop only
        let done = DispatchSemaphore(value: 0)
        thread.onLoop {
            for number in 0..<taskCount {
                Task(executorPreference: thread.loop.taskExecutor) {
                    seen.append(number)
                    if seen.count == taskCount { done.signal() }
                }
            }
        }
        done.wait()

        #expect(thread.onLoop { seen } == Array(0..<taskCount))
    }

    @Test func `a loop goes on with its sockets while tasks never end`() throws {
        let server = try TestServer()
        let isOver = EventLog()
        let loop = server.thread.loop
        Task(executorPreference: loop.taskExecutor) {
            while isOver.entries.isEmpty { await Task.yield() }
        }
        let client = try server.connect()

        try client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")

        #expect(try client.receiveAnswer().status == 200)
        isOver.add("over")
    }

    @Test func `timers fire in order and once`() throws {
        let thread = try LoopThread()
        let log = EventLog()
        thread.onLoop {
            for milliseconds: UInt64 in [30, 10, 20] {
                thread.loop.after(milliseconds: milliseconds) { log.add("\(milliseconds)") }
            }
        }

        log.waits(for: "30")
        #expect(log.entries == ["10", "20", "30"])
    }

    @Test func `a loop that stopped runs again`() throws {
        let loop = try EventLoop()
        let log = EventLog()
        for number in 0..<3 {
            loop.post {
                log.add("\(number)")
                loop.stop()
            }
            loop.run()
        }

        #expect(log.entries == ["0", "1", "2"])
    }

    @Test func `offloaded work runs beside the loop and many come back`() throws {
        let thread = try LoopThread()
        let log = EventLog()
        run(on: thread) { loop in
            let sum = await withTaskGroup(of: Int.self) { group in
                for number in 0..<100 { group.addTask { await loop.offload { number } } }
                return await group.reduce(0, +)
            }
            log.add("\(sum) \(loop.isCurrent)")
        }

        #expect(log.entries == ["4950 true"])
    }
}
