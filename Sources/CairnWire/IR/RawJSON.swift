// A JSON value as it is spelled. The IR holds nothing else of what a client wrote: a text is its JSON string with quotes and
// escapes, arguments are their bytes, so that translation copies spans and no number, escape or key order changes on the
// way (design invariant 6).

import CairnCore

/// A JSON value: a span of the source a prompt was read from, or bytes of its own.
public enum RawJSON: Sendable, Hashable {
    /// Bytes `start ..< end` of ``SourceDocument``, quotes and brackets included.
    case source(start: UInt32, end: UInt32)
    /// A value that was made, or came from elsewhere: valid JSON.
    case made([UInt8])

    /// A span of the source.
    public init(_ range: Range<Int>) { self = .source(start: UInt32(range.lowerBound), end: UInt32(range.upperBound)) }

    /// A JSON string of this text.
    public init(quoting text: String) { self = .made(JSONText.quoted(text)) }

    /// A value that is spelled so: `null`, `{}`, `"auto"`.
    public init(spelled: StaticString) {
        self = spelled.withUTF8Buffer { .made(Array($0)) }
    }
}

/// The document a prompt was read from: its bytes and the tape over them. Immutable and shared; it lives as long as any
/// prompt that has views of it.
public final class SourceDocument: Sendable {
    public let json: JSONDocument

    public init(_ json: consuming JSONDocument) { self.json = json }

    /// Parses a body, which is kept and not copied.
    /// - Throws: as `JSONDocument.init`.
    public convenience init(parsing text: [UInt8]) throws(CoreError) { self.init(try JSONDocument(text)) }

    public var bytes: [UInt8] { json.text }

    /// A source without content, for prompts that are made and not read.
    public static let empty: SourceDocument = {
        do { return try SourceDocument(parsing: Array("{}".utf8)) } catch {
            preconditionFailure("{} is JSON: \(error)")
        }
    }()

    /// Shows a value's bytes.
    public func withBytes<Result, Failure: Error>(
        of value: RawJSON, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        switch value {
        case .source(let start, let end):
            return try json.text.withUnsafeBufferPointer { all throws(Failure) -> Result in
                try body(UnsafeBufferPointer(rebasing: all[Int(start)..<Int(end)]))
            }
        case .made(let bytes):
            return try bytes.withUnsafeBufferPointer { all throws(Failure) -> Result in try body(all) }
        }
    }

    /// The text of a value that is a JSON string; nil for other values and for a lone surrogate escape.
    public func text(of value: RawJSON) -> String? {
        withBytes(of: value) { try? JSONText.string(UnsafeRawBufferPointer($0)) }
    }

    /// The same value, independent of this document.
    public func detached(_ value: RawJSON) -> RawJSON {
        if case .made = value { return value }
        return .made(withBytes(of: value) { Array($0) })
    }
}

extension ByteWriter {
    /// Appends a value as it is spelled.
    public mutating func append(_ value: RawJSON, of source: SourceDocument) {
        switch value {
        case .source(let start, let end):
            source.json.text.withUnsafeBufferPointer {
                append(UnsafeBufferPointer(rebasing: $0[Int(start)..<Int(end)]))
            }
        case .made(let bytes): append(bytes)
        }
    }
}
