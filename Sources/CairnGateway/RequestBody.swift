// Request bodies as the gateway reads them: decoded if the client encoded them, and asked for the model they name.

import CairnCore
import CairnHTTP

/// A decoded body. Immutable, so that the worker that made it may hand it to the loop.
final class DecodedBody: @unchecked Sendable {
    // Sendable: nothing writes to the bytes after init.
    let bytes: UnsafeRawBufferPointer

    /// Copies what `writer` holds.
    private init(_ writer: borrowing ByteWriter) {
        bytes = writer.withBytes { content in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, content.count), alignment: 16)
            copy.copyBytes(from: content)
            return UnsafeRawBufferPointer(rebasing: copy[..<content.count])
        }
    }

    deinit { UnsafeRawPointer(bytes.baseAddress)?.deallocate() }

    /// Decodes a whole body. Up to `bytesMax` bytes come out; runs on a worker thread, because a small body may become a
    /// large one.
    static func decode(
        _ body: OwnedBytes, codings: [ContentCoding], bytesMax: Int
    ) -> Result<DecodedBody, ContentDecodingError> {
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
            return .success(DecodedBody(writer))
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
