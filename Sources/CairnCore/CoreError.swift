// CoreError.swift: the one error type of the core's Swift face, and the one place where a C status becomes it.
internal import CCairn
internal import COutline

/// What the core refuses, and where.
public struct CoreError: Error, Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// The input breaks the format's grammar.
        case syntax
        /// The input ends too early: it is a proper prefix of something valid.
        case incomplete
        /// A named limit would be exceeded.
        case tooBig
        /// The space given by the caller is too small.
        case noSpace
        /// An allocation failed.
        case noMemory
        /// The call breaks the contract of the function.
        case argument
        /// Nothing answers to what was asked for.
        case notFound
    }

    public let kind: Kind
    /// The place of the first wrong byte, counted from the start of the input, where a parser knows it.
    public let offset: Int?

    public init(_ kind: Kind, offset: Int? = nil) {
        self.kind = kind
        self.offset = offset
    }
}

extension CoreError: CustomStringConvertible {
    public var description: String {
        guard let offset else { return "\(kind)" }
        return "\(kind) at byte \(offset)"
    }
}

extension cairn_status {
    /// The error this status stands for; nil for success.
    func error(offset: @autoclosure () -> Int? = nil) -> CoreError? {
        switch self {
        case CAIRN_OK: nil
        case CAIRN_ERR_SYNTAX: CoreError(.syntax, offset: offset())
        case CAIRN_ERR_INCOMPLETE: CoreError(.incomplete, offset: offset())
        case CAIRN_ERR_TOO_BIG: CoreError(.tooBig)
        case CAIRN_ERR_NO_SPACE: CoreError(.noSpace)
        case CAIRN_ERR_NO_MEMORY: CoreError(.noMemory)
        case CAIRN_ERR_NOT_FOUND: CoreError(.notFound)
        default: CoreError(.argument)
        }
    }

    /// Throws the error this status stands for. `offset` is only asked for when there is one.
    func check(offset: @autoclosure () -> Int? = nil) throws(CoreError) {
        if let error = error(offset: offset()) { throw error }
    }
}

extension cairn_outline_status {
    /// Throws the error this status stands for.
    func check() throws(CoreError) {
        switch self {
        case CAIRN_OUTLINE_OK: return
        case CAIRN_OUTLINE_ERR_TOO_BIG: throw CoreError(.tooBig)
        case CAIRN_OUTLINE_ERR_NO_MEMORY: throw CoreError(.noMemory)
        case CAIRN_OUTLINE_ERR_NOT_FOUND: throw CoreError(.notFound)
        default: throw CoreError(.argument)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The C view of these bytes; valid as long as they are.
    var span: cairn_span {
        cairn_span(bytes: baseAddress?.assumingMemoryBound(to: UInt8.self), length: count)
    }
}

extension cairn_span {
    /// The Swift view of these bytes; valid as long as they are.
    var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes, count: length) }
}
