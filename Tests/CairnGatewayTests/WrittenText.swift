// What the tests of this room share: text that a ByteWriter wrote, and folders that vanish.

import CairnCore
import Foundation

@testable import CairnGateway

/// The text that `body` writes.
func written(capacity: Int = 16, _ body: (inout ByteWriter) -> Void) -> String {
    var writer = ByteWriter(capacity: capacity)
    body(&writer)
    return String(decoding: writer.copyBytes(), as: UTF8.self)
}

/// A fresh folder that is removed with its owner.
final class FreshFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "cairn-gateway-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Makes a file, and the folder of its name if that is missing.
    func write(_ name: String, _ text: String = "", mode: Int = 0o600) throws {
        let file = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
    }

    func text(_ name: String) -> String? {
        FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
    }

    func names() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}

/// Looks again and again until the condition holds, at most `seconds`.
func eventually(seconds: Double = 5, _ condition: () -> Bool) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if condition() { return true }
        usleep(2000)
    }
    return condition()
}

func parseJSON(_ text: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return try (value as? [String: Any]).orThrow(CocoaError(.propertyListReadCorrupt))
}

extension Optional {
    func orThrow(_ error: any Error) throws -> Wrapped {
        guard let self else { throw error }
        return self
    }
}
