// The files of this repository as git sees them: tracked, or new and not ignored. Every tidy test reads them
// through here. A test makes a small repository of its own to show that its rule can fail.

import Foundation

struct Repository {
    /// Paths from the top of the repository, in order.
    let paths: [String]
    private let read: @Sendable (String) throws -> String?

    /// The text of a file; nil when there is no such file, or it is not UTF-8 (an archive, an image).
    func text(_ path: String) throws -> String? { try read(path) }

    /// The files whose names end in one of the extensions, with their text.
    func texts(_ extensions: String...) throws -> [(path: String, text: String)] {
        try paths.filter { path in extensions.contains { path.hasSuffix("." + $0) } }
            .compactMap { path in try text(path).map { (path, $0) } }
    }

    /// Every text file.
    func allTexts() throws -> [(path: String, text: String)] {
        try paths.compactMap { path in try text(path).map { (path, $0) } }
    }

    /// True for a file of that path and for a folder that holds files.
    func contains(_ path: String) -> Bool {
        path.isEmpty || paths.contains { $0 == path || $0.hasPrefix(path + "/") }
    }
}

extension Repository {
    /// An imagined repository.
    init(_ files: [String: String]) {
        paths = files.keys.sorted()
        read = { files[$0] }
    }

    /// The repository this test was compiled from.
    static func here() throws -> Repository {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let listing = try git(["ls-files", "-z", "--cached", "--others", "--exclude-standard"], in: root)
        let paths = Set(listing.split(separator: "\0").map(String.init))
            .filter { FileManager.default.fileExists(atPath: root.appending(path: $0).path) }
        return Repository(
            paths: paths.sorted(),
            read: { path in
                guard paths.contains(path) else { return nil }
                return String(data: try Data(contentsOf: root.appending(path: path)), encoding: .utf8)
            })
    }

    private static func git(_ arguments: [String], in folder: URL) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["git", "-C", folder.path] + arguments
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw TidyError.notACheckout }
        return String(decoding: data, as: UTF8.self)
    }
}

enum TidyError: Error, CustomStringConvertible {
    case notACheckout
    case unreadable(String)

    var description: String {
        switch self {
        case .notACheckout: "git does not list this folder; the tidy tests need a git checkout"
        case .unreadable(let what): "cannot read \(what)"
        }
    }
}
