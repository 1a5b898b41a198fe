// Request bodies as the gateway reads and sends them: decoded if the client encoded them, written anew if the upstream wants
// another dialect, and asked for the model they name.

import CairnCore
import CairnHTTP

/// A body that the gateway made (decoded or written anew) or took out of the call. Immutable, so that the worker that made it
/// may hand it to the loop.
final class HeldBody: @unchecked Sendable {
    // Sendable: nothing writes to the bytes after init.
    private enum Memory: ~Copyable {
        case written(ByteWriter)
        case taken(OwnedBytes)
    }

    private let memory: Memory

    init(_ writer: consuming ByteWriter) { memory = .written(writer) }

    /// The client's own bytes.
    init(_ owned: OwnedBytes) { memory = .taken(owned) }

    /// A view, valid as long as this object lives: the memory does not move any more.
    var bytes: UnsafeRawBufferPointer {
        switch memory {
        case .written(let writer): writer.withBytes { UnsafeRawBufferPointer($0) }
        case .taken(let owned): owned.withBytes { $0 }
        }
    }

    /// Decodes a whole body. Up to `bytesMax` bytes come out; runs on a worker thread, because a small body may become a
    /// large one.
    static func decode(
        _ body: OwnedBytes, codings: [ContentCoding], bytesMax: Int
    ) -> Result<HeldBody, ContentDecodingError> {
        do throws(ContentDecodingError) {
            let decoder = try ContentDecoder(codings: codings, bytesMax: bytesMax)
            var writer = ByteWriter(capacity: 4 * body.count)
            var problem: ContentDecodingError?
            body.withBytes { bytes in
                let input = bytes.assumingMemoryBound(to: UInt8.self)
                do throws(ContentDecodingError) {
                    try decoder.decode(input) { writer.append($0) }
                    try decoder.finish()
                } catch {
                    problem = error
                }
            }
            if let problem { return .failure(problem) }
            return .success(HeldBody(writer))
        } catch {
            return .failure(error)
        }
    }
}

/// Reads the name of the model out of a JSON body.
enum ModelName {
    /// The text of the top-level member `model`, without JSON escapes, at most `UsageRecord.nameBytesMax` bytes; nil if
    /// the body is no JSON object or names none. Stops at the member; about 10 GB/s in what stands before it.
    static func read(_ body: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let range = try? JSONSkimmer.member("model", of: body) else { return nil }
        let raw = UnsafeRawBufferPointer(rebasing: body[range])
        guard raw.count >= 2, raw.first == UInt8(ascii: "\"") else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: raw[1..<raw.count - 1])
        if !content.contains(UInt8(ascii: "\\")) { return [UInt8](content.prefix(UsageRecord.nameBytesMax)) }
        guard let text = try? JSONText.string(raw, bytesMax: UsageRecord.nameBytesMax) else { return nil }
        return [UInt8](text.utf8)
    }
}
