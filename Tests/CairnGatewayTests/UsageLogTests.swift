import Foundation
import Synchronization
import Testing

@testable import CairnGateway

@Suite struct UsageLogTests {
    private let silent = Log(level: .error, fileDescriptor: -1)

    private func usageLog(
        _ folder: FreshFolder, bytesMax: Int = 1 << 20, filesMax: Int = 3, loopCount: Int = 1
    ) throws -> UsageLog {
        try UsageLog(
            directory: folder.path + "/home", bytesMax: bytesMax, filesMax: filesMax, loopCount: loopCount, log: silent,
            retryMilliseconds: 20)
    }

    private func record(_ number: Int) -> UsageRecord {
        var record = UsageRecord.example
        record.requestBytes = UInt64(number)
        return record
    }

    /// The numbers of the records in a file, in its order. Every line must be whole.
    private func numbers(_ text: String?) throws -> [Int] {
        guard let text else { return [] }
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return try text.split(separator: "\n").map { line in
            let bytes = try parseJSON(String(line))["bytes"] as? [String: Any]
            return try (bytes?["request"] as? Int).orThrow(CocoaError(.propertyListReadCorrupt))
        }
    }

    private func mode(_ path: String) throws -> Int {
        try (FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int).orThrow(
            CocoaError(.fileNoSuchFile))
    }

    @Test func `records reach the file in order within moments, and only their owner reads it`() throws {
        let folder = try FreshFolder()
        let log = try usageLog(folder)

        for number in 0..<100 { log.append(record(number), loopIndex: 0) }

        #expect(eventually { (try? numbers(folder.text("home/usage.jsonl")).count) == 100 })
        #expect(try numbers(folder.text("home/usage.jsonl")) == Array(0..<100))
        #expect(try mode(folder.path + "/home/usage.jsonl") == 0o600)
        #expect(try mode(folder.path + "/home") == 0o700)
        #expect(log.droppedCount == 0)
    }

    @Test func `closing writes everything and takes nothing more`() throws {
        let folder = try FreshFolder()
        let log = try usageLog(folder, loopCount: 2)
        for number in 0..<500 { log.append(record(number), loopIndex: number % 2) }

        #expect(log.close(withinMilliseconds: 5000))
        log.append(record(1), loopIndex: 0)

        #expect(try numbers(folder.text("home/usage.jsonl")).count == 500)
        #expect(log.droppedCount == 1)
        #expect(log.close(withinMilliseconds: 0))
    }

    @Test func `without records there is no file`() throws {
        let folder = try FreshFolder()
        let log = try usageLog(folder)

        #expect(log.close(withinMilliseconds: 5000))

        #expect(folder.names() == [])
    }

    @Test func `many loops write whole lines and every one of them`() throws {
        let folder = try FreshFolder()
        let log = try usageLog(folder, bytesMax: 1 << 26, loopCount: 4)
        let running = Atomic(4)
        for loopIndex in 0..<4 {
            Thread {
                for number in 0..<2000 { log.append(record(loopIndex * 2000 + number), loopIndex: loopIndex) }
                running.wrappingSubtract(1, ordering: .releasing)
            }.start()
        }
        #expect(eventually(seconds: 30) { running.load(ordering: .acquiring) == 0 })

        #expect(log.close(withinMilliseconds: 10_000))

        let all = try numbers(folder.text("home/usage.jsonl"))
        #expect(all.sorted() == Array(0..<8000))
        for loopIndex in 0..<4 {
            let own = all.filter { $0 / 2000 == loopIndex }
            #expect(own == own.sorted(), "loop \(loopIndex) keeps its order")
        }
    }

    @Test func `files are rotated between lines, bounded in size and number`() throws {
        let folder = try FreshFolder()
        let lineBytes = record(10).line.utf8.count
        let log = try usageLog(folder, bytesMax: lineBytes * 10 + 5, filesMax: 3)

        for number in 10..<55 { log.append(record(number), loopIndex: 0) }
        #expect(log.close(withinMilliseconds: 5000))

        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path + "/home").sorted() == [
                "usage.jsonl", "usage.jsonl.1", "usage.jsonl.2",
            ])
        #expect(try numbers(folder.text("home/usage.jsonl")) == Array(50..<55))
        #expect(try numbers(folder.text("home/usage.jsonl.1")) == Array(40..<50))
        #expect(try numbers(folder.text("home/usage.jsonl.2")) == Array(30..<40))
    }

    @Test func `a single file begins anew, and a line longer than the limit is still written`() throws {
        let folder = try FreshFolder()
        let log = try usageLog(folder, bytesMax: 10, filesMax: 1)

        for number in 0..<5 { log.append(record(number), loopIndex: 0) }
        #expect(log.close(withinMilliseconds: 5000))

        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/home") == ["usage.jsonl"])
        #expect(try numbers(folder.text("home/usage.jsonl")) == [4])
    }

    @Test func `a lowered number of files removes the older ones`() throws {
        let folder = try FreshFolder()
        for number in 1...4 { try folder.write("home/usage.jsonl.\(number)") }
        let log = try usageLog(folder, bytesMax: 10, filesMax: 2)

        for number in 0..<2 { log.append(record(number), loopIndex: 0) }
        #expect(log.close(withinMilliseconds: 5000))

        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path + "/home").sorted() == [
                "usage.jsonl", "usage.jsonl.1",
            ])
    }

    @Test func `a run goes on in the file of the one before, behind a line it left unfinished`() throws {
        let folder = try FreshFolder()
        try folder.write("home/usage.jsonl", "{\"unfinished\":", mode: 0o644)

        let log = try usageLog(folder)
        log.append(record(7), loopIndex: 0)
        #expect(log.close(withinMilliseconds: 5000))

        let text = try #require(folder.text("home/usage.jsonl"))
        #expect(text == "{\"unfinished\":\n" + record(7).line)
        #expect(try mode(folder.path + "/home/usage.jsonl") == 0o600)
    }

    @Test func `after reopen the next line goes to a new file of the name`() throws {
        let folder = try FreshFolder()
        let log = try usageLog(folder)
        log.append(record(1), loopIndex: 0)
        #expect(eventually { (try? numbers(folder.text("home/usage.jsonl"))) == [1] })

        #expect(rename(folder.path + "/home/usage.jsonl", folder.path + "/home/moved") == 0)
        log.reopen()
        log.append(record(2), loopIndex: 0)

        #expect(eventually { (try? numbers(folder.text("home/usage.jsonl"))) == [2] })
        #expect(try numbers(folder.text("home/moved")) == [1])
    }

    @Test func `a vanished directory is made again`() throws {
        let folder = try FreshFolder()
        let log = try usageLog(folder)
        log.append(record(1), loopIndex: 0)
        #expect(eventually { (try? numbers(folder.text("home/usage.jsonl"))) == [1] })

        try FileManager.default.removeItem(atPath: folder.path + "/home")
        log.append(record(2), loopIndex: 0)

        #expect(eventually { (try? numbers(folder.text("home/usage.jsonl"))) == [2] })
        #expect(log.droppedCount == 0)
    }

    @Test func `what cannot be written is kept, and written when the disk is well again`() throws {
        let folder = try FreshFolder()
        try folder.write("home")
        let log = try usageLog(folder)

        for number in 0..<50 { log.append(record(number), loopIndex: 0) }
        usleep(150_000)
        #expect(log.droppedCount == 0)
        try FileManager.default.removeItem(atPath: folder.path + "/home")

        #expect(eventually { (try? numbers(folder.text("home/usage.jsonl"))) == Array(0..<50) })
    }

    @Test func `a full lane drops records, counts them, and never grows`() throws {
        let folder = try FreshFolder()
        try folder.write("home")
        let log = try usageLog(folder)
        var big = record(0)
        big.usage = Array(("{\"a\":\"" + String(repeating: "x", count: 15_000) + "\"}").utf8)
        let count = 3 * UsageLog.laneBytesMax / big.line.utf8.count

        for _ in 0..<count { log.append(big, loopIndex: 0) }

        // One lane's worth waits in the lane and at most one with the writer.
        #expect(log.droppedCount >= UInt64(count / 4))
        #expect(!log.close(withinMilliseconds: 200))
        #expect(eventually { log.droppedCount == UInt64(count) })
    }

    @Test func `a failing disk is logged once with its reason`() throws {
        let folder = try FreshFolder()
        try folder.write("home")
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let log = try UsageLog(
            directory: folder.path + "/home", bytesMax: 1000, filesMax: 2, loopCount: 1,
            log: Log(level: .error, fileDescriptor: ends[1]), retryMilliseconds: 5)

        log.append(record(0), loopIndex: 0)
        usleep(300_000)
        #expect(!log.close(withinMilliseconds: 100))

        var buffer = [UInt8](repeating: 0, count: 65_536)
        let text = String(decoding: buffer[..<max(read(ends[0], &buffer, buffer.count), 0)], as: UTF8.self)
        #expect(text.split(separator: "\n").count == 1)
        #expect(text.contains("event=usage_log_failing") && text.contains("reason=\"Not a directory\""))
    }

    @Test func `a pipe or directory of the file's name is an error, not a wait`() throws {
        let folder = try FreshFolder()
        #expect(mkfifo(folder.path + "/usage.jsonl", 0o600) == 0)
        var file = UsageFile(directory: folder.path, bytesMax: 100, filesMax: 1)
        var start = 0

        #expect(throws: UsageFileError.self) { try file.append("line\n", from: &start) }
        #expect(unlink(folder.path + "/usage.jsonl") == 0 && mkdir(folder.path + "/usage.jsonl", 0o700) == 0)
        #expect(throws: UsageFileError.self) { try file.append("line\n", from: &start) }
        #expect(start == 0)
    }

    @Test func `a line that a full disk cut in two is finished when there is room again`() async {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let folder = try FreshFolder()
            var file = UsageFile(directory: folder.path, bytesMax: 1 << 20, filesMax: 1)
            var start = 0
            try file.append("first\n", from: &start)

            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let before = limit.rlim_cur
            limit.rlim_cur = 10
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            start = 0
            #expect(throws: UsageFileError(step: "write", errno: EFBIG)) {
                try file.append("second\nthird\n", from: &start)
            }
            #expect(start == 4)
            limit.rlim_cur = before
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)

            try file.append("second\nthird\n", from: &start)
            #expect(folder.text("usage.jsonl") == "first\nsecond\nthird\n")
            exit(folder.text("usage.jsonl") == "first\nsecond\nthird\n" && start == 13 ? EXIT_SUCCESS : EXIT_FAILURE)
        }
    }

    @Test func `a cut line goes whole to a new file if the old one is gone`() throws {
        let folder = try FreshFolder()
        var file = UsageFile(directory: folder.path, bytesMax: 1 << 20, filesMax: 1)
        var start = 0
        try file.append("first\n", from: &start)
        #expect(unlink(folder.path + "/usage.jsonl") == 0)

        start = 9  // in the middle of "second"
        try file.append("first\nsecond\n", from: &start)

        #expect(folder.text("usage.jsonl") == "second\n")
    }
}

extension UsageFile {
    /// Appends text for a test.
    mutating func append(_ text: String, from start: inout Int) throws(UsageFileError) {
        try Array(text.utf8).withUnsafeBufferPointer { (bytes) throws(UsageFileError) in try append(bytes, from: &start)
        }
    }
}

@Suite struct WorkerThreadTests {
    @Test func `a thread runs its function once and can be joined`() throws {
        let count = Box()

        let thread = try WorkerThread(name: "test") { count.value.wrappingAdd(1, ordering: .relaxed) }

        #expect(thread.join(withinMilliseconds: 5000))
        #expect(thread.join(withinMilliseconds: 0))
        #expect(count.value.load(ordering: .relaxed) == 1)
    }

    @Test func `waiting for a thread that goes on ends in time`() throws {
        let gate = try WakeSignal()
        let thread = try WorkerThread(name: "test") { _ = gate.wait(milliseconds: 10_000) }
        let start = SystemTime.monotonicNanoseconds()

        #expect(!thread.join(withinMilliseconds: 20))
        #expect(SystemTime.monotonicNanoseconds() - start < 5_000_000_000)
        gate.signal()
        #expect(thread.join(withinMilliseconds: 5000))
    }

    @Test func `a signal before the wait is not lost, and many are one`() throws {
        let signal = try WakeSignal()

        for _ in 0..<100_000 { signal.signal() }

        #expect(signal.wait(milliseconds: 0))
        #expect(!signal.wait(milliseconds: 0))
    }

    private final class Box: Sendable {
        let value = Atomic(0)
    }
}
