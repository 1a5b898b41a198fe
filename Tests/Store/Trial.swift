// The trials: kills under load, a folder that may only be read, a file that may not grow.

import CairnContext
import CairnCore
import CairnStore
import Glibc

struct Trial {
    /// Plain records may be lost when they are younger than this; on a busy machine the writer gets its turn late, so
    /// some rounds may lose older ones, none much older.
    static let lostAgeNanoseconds: UInt64 = 50_000_000
    static let lateRoundsPercent = 5
    static let lateAgeNanoseconds: UInt64 = 500_000_000
    /// After so many rounds a fresh file is begun, because each round checks all of it.
    private static let roundsPerFile = 20

    private var passed = 0
    private var failed = 0

    static func runAll(rounds: Int, folder: String, program: String) -> Int32 {
        var trial = Trial()
        trial.kills(rounds: rounds, folder: folder + "/kills", program: program)
        // The last two change what this process may do.
        trial.fileThatMayNotGrow(folder: folder + "/limit")
        trial.folderThatMayNotBeWritten(folder: folder + "/rights")
        print("\(trial.passed) passed, \(trial.failed) failed")
        return trial.failed == 0 ? 0 : 1
    }

    private mutating func check(_ name: String, _ isTrue: Bool) {
        passed += isTrue ? 1 : 0
        failed += isTrue ? 0 : 1
        print("\(isTrue ? "ok" : "not ok") - \(name)")
    }

    private static func eventually(_ condition: () -> Bool) -> Bool {
        let end = Clock.nanoseconds() + 10_000_000_000
        while Clock.nanoseconds() < end {
            if condition() { return true }
            usleep(1000)
        }
        return condition()
    }

    // MARK: - Kills

    /// What a killed process left.
    private struct Remains {
        var appended = 0
        var lost = 0
        var brokenPromises = 0
        /// A stored item after a lost one.
        var gaps = 0
        var damages = 0
        var isSound = false
        var oldestLostNanoseconds: UInt64 = 0
    }

    private mutating func kills(rounds: Int, folder: String, program: String) {
        mkdir(folder, 0o700)
        let seed = UInt64(time(nil))
        var random = Dice(state: seed)
        print("# seed \(seed)")
        var remains: [Remains] = []
        for round in 0..<rounds {
            let place = folder + "/\(round / Self.roundsPerFile)"
            mkdir(place, 0o700)
            guard let progress = Progress(path: place + "/progress") else { break }
            progress.clear()
            // Every tenth is killed while it opens its store.
            let isEarly = round % 10 == 9
            let pid = Self.spawn(program, ["load", place, "\(round)"])
            if !isEarly { _ = Self.eventually { progress.isReady } }
            usleep(UInt32(random.below(isEarly ? 8_000 : 80_000)))
            let appended = progress.appendedCount
            let killedNanoseconds = Clock.nanoseconds()
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
            guard status & 0x7F == SIGKILL else { continue }
            remains.append(
                Self.examine(
                    progress, round: UInt64(round), appended: appended, killedNanoseconds: killedNanoseconds,
                    home: place + "/home"))
        }
        report(remains, rounds: rounds)
    }

    private mutating func report(_ remains: [Remains], rounds: Int) {
        func sum(_ value: (Remains) -> Int) -> Int { remains.reduce(0) { $0 + value($1) } }
        let late = remains.filter { $0.oldestLostNanoseconds > Self.lostAgeNanoseconds }.count
        let oldest = remains.map(\.oldestLostNanoseconds).max() ?? 0
        print(
            "# \(remains.count) kills, \(sum(\.appended)) turns appended, \(sum(\.lost)) lost,",
            "the oldest \(oldest / 1_000_000) ms before its kill, \(late) rounds with one older than 50 ms")
        check("every process was killed under load", remains.count == rounds && sum(\.appended) > 10 * rounds)
        check("no promised emission is lost", sum(\.brokenPromises) == 0)
        check("what is lost is the last, never something before what is kept", sum(\.gaps) == 0)
        check("every stored turn has its bytes", sum(\.damages) == 0)
        check("every file passes the full integrity check and is used on", remains.allSatisfy(\.isSound))
        check(
            "at most the last 50 ms are lost",
            late * 100 <= remains.count * Self.lateRoundsPercent && oldest < Self.lateAgeNanoseconds)
    }

    /// Opens the file that a process left and compares it with what that process had noted.
    private static func examine(
        _ progress: Progress, round: UInt64, appended: Int, killedNanoseconds: UInt64, home: String
    ) -> Remains {
        var remains = Remains(appended: appended)
        guard let store = try? SQLiteStore(StoreOptions(folder: home)), let opening = store.opening else {
            return remains
        }
        defer { _ = store.close(withinMilliseconds: 10_000) }
        // An early kill may come before there is a file, or between a clean end and the next beginning.
        remains.isSound =
            opening.setAsidePath == nil && store.health.state == .ready
            && (opening.check == .full || !progress.isReady)
        var lineage = Load.Lineage(round: round)
        for item in 0..<appended {
            let batch = lineage.next()
            let link = try? store.link(chain: batch.links[0].chain)
            if link == batch.links[0] {
                remains.gaps += remains.lost > 0 ? 1 : 0
                let bytes = try? store.blob(batch.blobs[0].digest)
                remains.damages += bytes == batch.blobs[0].bytes ? 0 : 1
                continue
            }
            if remains.lost == 0 {
                remains.oldestLostNanoseconds = killedNanoseconds &- progress.appendedNanoseconds(item)
            }
            remains.lost += 1
            remains.brokenPromises += progress.isKept(item) ? 1 : 0
        }
        return remains
    }

    private static func spawn(_ program: String, _ arguments: [String]) -> pid_t {
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, program, nil, nil, &words, environ)
        precondition(status == 0, "the program itself can be started")
        return pid
    }

    // MARK: - Limits of the system

    /// Random bytes, so that compression does not spare the disk.
    private static func blobs(_ count: Int) -> [BlobRecord] {
        var random = Dice(state: 1)
        return (0..<count).map { _ in
            BlobRecord((0..<1000).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
    }

    private mutating func fileThatMayNotGrow(folder: String) {
        signal(SIGXFSZ, SIG_IGN)
        var options = StoreOptions(folder: folder)
        options.retryMilliseconds = 20
        guard let store = try? SQLiteStore(options) else { return check("a store can be opened", false) }
        let blobs = Self.blobs(1000)
        limitFiles(to: 400_000)
        for blob in blobs { store.append(StorageBatch(blobs: [blob])) }
        check("a file that may not grow degrades the store", Self.eventually { store.health.state != .ready })
        check("nothing is lost meanwhile", store.health.lostRecords == 0 && store.health.queuedRecords > 0)
        limitFiles(to: nil)
        check(
            "when it may grow again, what waited is written",
            Self.eventually { store.health.state == .ready && store.health.queuedRecords == 0 }
                && blobs.allSatisfy { (try? store.blob($0.digest)) == $0.bytes })
        check("and the store closes", store.close(withinMilliseconds: 10_000))
    }

    /// nil: as far as the system allows.
    private func limitFiles(to bytes: rlim_t?) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        limit.rlim_cur = bytes ?? limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    }

    private mutating func folderThatMayNotBeWritten(folder: String) {
        let nobody: uid_t = 65_534
        mkdir(folder, 0o700)
        if geteuid() == 0 {
            // Rights mean nothing to root.
            chown(folder, nobody, nobody)
            _ = setgid(nobody)
            guard chdir(folder) == 0, setuid(nobody) == 0 else { return check("root's rights are given up", false) }
        } else {
            chdir(folder)
        }
        chmod(".", 0o500)
        var options = StoreOptions(folder: ".")
        options.retryMilliseconds = 20
        guard let store = try? SQLiteStore(options) else { return check("a store can be started", false) }
        let blob = Self.blobs(1)[0]
        if case .degraded(let error) = store.health.state {
            check("a folder that may not be written degrades the store: \(error)", error.kind == .cannotOpen)
        } else {
            check("a folder that may not be written degrades the store", false)
        }
        store.append(StorageBatch(blobs: [blob]))
        chmod(".", 0o700)
        check(
            "when it may be written, what waited is written",
            Self.eventually { (try? store.blob(blob.digest)) == blob.bytes })
        check("and the store closes there", store.close(withinMilliseconds: 10_000))
    }
}

/// Numbers that look random: splitmix64 (Steele, Lea, Flood 2014).
struct Dice {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
}
