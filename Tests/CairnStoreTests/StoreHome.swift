// A fresh folder with a store in it, and waiting for what its writer thread does.

import CairnContext
import Foundation
import Glibc
import Synchronization

@testable import CairnStore

/// A folder that goes with the test.
final class StoreHome: Sendable {
    let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "cairn-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Not there yet, so that the store makes it.
    var home: String { folder + "/home/of/cairn" }
    var database: String { home + "/cairn.db" }

    var options: StoreOptions {
        var options = StoreOptions(folder: home)
        options.retryMilliseconds = 20
        options.busyMilliseconds = 20
        return options
    }

    func open(_ change: (inout StoreOptions) -> Void = { _ in }) throws -> SQLiteStore {
        var options = options
        change(&options)
        return try SQLiteStore(options)
    }

    /// Opens a store, uses it and closes it, which must succeed.
    func withStore<Result>(
        _ change: (inout StoreOptions) -> Void = { _ in }, _ body: (SQLiteStore) throws -> Result
    ) throws -> Result {
        let store = try open(change)
        defer { _ = store.close(withinMilliseconds: 10_000) }
        return try body(store)
    }

    func names() -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: home)) ?? []).sorted() }

    func mode(_ path: String) throws -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { throw CocoaError(.fileNoSuchFile) }
        return Int(status.st_mode & 0o7777)
    }

    /// Runs SQL on the file with a connection of its own.
    func execute(_ sql: String) throws {
        let other = try Database(path: database, access: .readWrite, fileSystem: nil, busyMilliseconds: 1000)
        try other.execute(sql, step: "changing")
    }
}

extension SQLiteStore {
    /// Appends a batch and waits until its promise is kept or broken.
    func appendAndWait(_ batch: StorageBatch) throws {
        let answer = Answer()
        append(batch) { answer.set($0) }
        guard eventually({ answer.value != nil }), let value = answer.value else { throw CocoaError(.userCancelled) }
        try value.get()
    }
}

/// What a promise said, and how often.
final class Answer: Sendable {
    private let results = Monitor<[Result<Void, StoreError>]>([])

    func set(_ result: Result<Void, StoreError>) { results.withLock { $0.append(result) } }
    var value: Result<Void, StoreError>? { results.withLock { $0.first } }
    var count: Int { results.withLock { $0.count } }

    var error: StoreError? {
        guard case .failure(let error) = value else { return nil }
        return error
    }
}

func eventually(seconds: Double = 10, _ condition: () -> Bool) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}
