// The recorded DeepSeek sessions that are beside the checkout, in ../shared/traces/miniswe-dev, or in
// $CAIRN_SHARED/traces/miniswe-dev: real usage, as billed, call by call. They are data of others and not in the
// repository.

import CZlib
import Foundation

/// One recorded session.
struct RecordedSession: Decodable {
    struct Message: Decodable {
        var role: String
        var reasoningContent: String?
    }

    struct Usage: Decodable {
        var promptTokens: Int
        var completionTokens: Int
        var promptCacheHitTokens: Int
    }

    var id: String
    var model: String
    var messages: [Message]
    /// One for each answer, as are the seconds since 1970.
    var usage: [Usage?]
    var created: [Int64]

    static let folder: URL? = {
        let checkout = URL(filePath: #filePath).appending(path: "../../..").standardized
        let shared = ProcessInfo.processInfo.environment["CAIRN_SHARED"].map { URL(filePath: $0) }
        let folder = (shared ?? checkout.appending(path: "../shared")).standardized
            .appending(path: "traces/miniswe-dev")
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }()

    /// All sessions, in the order they began.
    static func all() throws -> [RecordedSession] {
        guard let folder else { return [] }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasSuffix(".json.gz") }
            .map { try decoder.decode(RecordedSession.self, from: unpacked($0)) }
            .sorted { ($0.created.first ?? 0, $0.id) < ($1.created.first ?? 0, $1.id) }
    }

    private static func unpacked(_ url: URL) throws -> Data {
        guard let file = gzopen(url.path, "rb") else { throw CocoaError(.fileReadNoSuchFile) }
        defer { gzclose(file) }
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = gzread(file, &chunk, UInt32(chunk.count))
            guard count >= 0 else { throw CocoaError(.fileReadCorruptFile) }
            if count == 0 { return data }
            data.append(contentsOf: chunk[..<Int(count)])
        }
    }
}
