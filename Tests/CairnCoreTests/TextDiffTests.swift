import Foundation
import Testing

@testable import CairnCore

extension TextDiffer {
    fileprivate mutating func changes(_ old: String, _ new: String, stepsMax: UInt64? = nil) throws -> [Change] {
        let bytes = Array((old + new).utf8)
        let split = old.utf8.count
        return try bytes.withUnsafeBytes { bytes in
            try changes(
                from: UnsafeRawBufferPointer(rebasing: bytes[..<split]),
                to: UnsafeRawBufferPointer(rebasing: bytes[split...]), stepsMax: stepsMax)
        }
    }

    fileprivate mutating func patch(
        _ old: String, _ new: String, names: (old: String, new: String) = ("", ""), contextLines: Int = 3
    ) throws -> String {
        let bytes = Array((old + new).utf8)
        let split = old.utf8.count
        let written = try bytes.withUnsafeBytes { bytes in
            try patch(
                from: UnsafeRawBufferPointer(rebasing: bytes[..<split]),
                to: UnsafeRawBufferPointer(rebasing: bytes[split...]), oldName: names.old, newName: names.new,
                contextLines: contextLines)
        }
        return String(decoding: written, as: UTF8.self)
    }
}

private func apply(_ patch: String, to text: String) throws -> String {
    let bytes = Array((patch + text).utf8)
    let split = patch.utf8.count
    let result = try bytes.withUnsafeBytes { bytes in
        try UnifiedPatch.apply(
            UnsafeRawBufferPointer(rebasing: bytes[..<split]), to: UnsafeRawBufferPointer(rebasing: bytes[split...]))
    }
    return String(decoding: result, as: UTF8.self)
}

@Suite struct TextDiffTests {
    @Test func `changes name the lines of both texts`() throws {
        var differ = TextDiffer()

        let changes = try differ.changes("a\nb\nc\n", "a\nx\ny\nc\nd\n")

        #expect(changes == [.init(oldLines: 1..<2, newLines: 1..<3), .init(oldLines: 3..<3, newLines: 4..<5)])
        let isMinimal = differ.isMinimal
        #expect(isMinimal)
    }

    @Test func `a search that is cut short still turns old into new`() throws {
        var differ = TextDiffer()

        let changes = try differ.changes("a\nb\nc\nd\n", "b\na\nd\nc\n", stepsMax: 1)

        #expect(changes == [.init(oldLines: 0..<4, newLines: 0..<4)])
        let isMinimal = differ.isMinimal
        let stepCount = differ.stepCount
        #expect(!isMinimal && stepCount > 1)
    }

    @Test func `a patch has names, context and the mark of a missing newline`() throws {
        var differ = TextDiffer()

        let patch = try differ.patch("a\nb\nc\n", "a\nx\nc", names: ("a/f", "b/f"), contextLines: 1)

        #expect(patch == "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-b\n-c\n+x\n+c\n\\ No newline at end of file\n")
        #expect(try apply(patch, to: "a\nb\nc\n") == "a\nx\nc")
        let empty = try differ.patch("a\n", "a\n", names: ("a/f", "b/f"))
        #expect(empty == "")
    }

    @Test func `a wrong name or context is refused`() {
        #expect(throws: CoreError(.argument)) {
            var differ = TextDiffer()
            _ = try differ.patch("a", "b", names: ("a\nb", "b"))
        }
        #expect(throws: CoreError(.argument)) {
            var differ = TextDiffer()
            _ = try differ.patch("a", "b", contextLines: -1)
        }
        #expect(throws: CoreError(.tooBig)) {
            var differ = TextDiffer()
            _ = try differ.patch("a", "b", contextLines: .max)
        }
    }

    @Test(arguments: [
        ("@@ -1 +1 @@\n-x\n+b\n", PatchError(.notFound, patchLine: 2, textLine: 1)),
        ("@@ -1 +1 @@\n-a\n", PatchError(.incomplete, patchLine: 2)),
        ("nonsense\n", PatchError(.syntax, patchLine: 1)),
    ])
    func `a patch that does not fit says where`(patch: String, expected: PatchError) {
        #expect(throws: expected) { try apply(patch, to: "a\n") }
    }

    /// Real texts: this repository's sources are turned into each other, and git agrees with what the patches mean.
    @Test func `patches between real files are applied alike here and by git`() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "swift" }.sorted { $0.path < $1.path }
        let texts = try files.map { try String(contentsOf: $0, encoding: .utf8) }
        var differ = TextDiffer()
        for (old, new) in zip(texts, texts.dropFirst()) {
            let patch = try differ.patch(old, String(new.dropLast()), names: ("a/f", "b/f"))
            #expect(try apply(patch, to: old) == String(new.dropLast()))
            #expect(try gitApply(patch, to: old) == String(new.dropLast()))
        }
    }

    /// What git makes of a text by a patch.
    private func gitApply(_ patch: String, to text: String) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cairn-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "f")
        let patchFile = folder.appending(path: "patch")
        try text.write(to: file, atomically: false, encoding: .utf8)
        try patch.write(to: patchFile, atomically: false, encoding: .utf8)
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "apply", "patch"]
        git.currentDirectoryURL = folder
        git.environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "GIT_CEILING_DIRECTORIES": "/"]
        try git.run()
        git.waitUntilExit()
        #expect(git.terminationStatus == 0)
        return try String(contentsOf: file, encoding: .utf8)
    }
}
