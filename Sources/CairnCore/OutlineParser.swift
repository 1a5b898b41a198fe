// OutlineParser.swift: the Swift face of the outline room (cairn_outline.h) and of the installed grammars.
//
// Where a file that an agent has read must shrink, its signatures stay. A call is a whole parse, 100 to 300 ns a byte:
// for worker threads, never for an event loop. The caller keeps what it got, keyed by the text's content: the same file
// is read again and again in a conversation, and the same text has the same outline.
internal import CGrammars
internal import COutline

/// A programming language whose code can be outlined.
public enum SourceLanguage: UInt32, CaseIterable, Sendable {
    case rust = 1
    case python = 2
    case typeScript = 3
    case tsx = 4
    /// With JSX.
    case javaScript = 5
    case java = 6
    case c = 7
    case cpp = 8
    case cSharp = 9
    case go = 10

    /// The language a text is in, told by the ending of its file's name (folders in front do not matter), else by the
    /// word behind a code fence, else by how its lines begin; nil when nothing tells. A header called `.h` is C++ if its
    /// text looks like it.
    /// - Complexity: a look at the first 16 KiB of the text, a microsecond or two a line.
    public init?(path: String = "", fenceTag: String = "", text: UnsafeRawBufferPointer) {
        var path = path
        var fenceTag = fenceTag
        let language = path.withUTF8 { path in
            fenceTag.withUTF8 { fenceTag in
                cairn_outline_language_of(
                    UnsafeRawBufferPointer(path).outlineBytes, UnsafeRawBufferPointer(fenceTag).outlineBytes,
                    text.outlineBytes)
            }
        }
        self.init(rawValue: language.rawValue)
    }

    /// False when set-up has left the grammars out: `make setup-min`.
    public var isInstalled: Bool { grammar != nil }

    fileprivate var inC: cairn_outline_language { cairn_outline_language(rawValue: rawValue) }
    /// Constant, for ever.
    fileprivate var grammar: OpaquePointer? { cgrammars_find(cairn_outline_language_name(inC)) }
}

/// A definition in a source text: a function, a type, an import. Offsets count bytes of the text.
public struct Definition: Equatable, Sendable {
    /// What is defined. Raw values are stored and never renumbered.
    public enum Kind: UInt8, CaseIterable, Sendable {
        /// `import`, `use`, `using`, `#include`, `export ... from`
        case `import` = 1
        /// `package`, `namespace`, `mod`
        case module = 2
        /// A class or record; in C++ also a struct.
        case `class` = 3
        /// A struct, enum, union, interface, trait, alias, typedef, delegate, concept.
        case type = 4
        /// Also a variable whose value is a function.
        case function = 5
        /// A function in a class, type or implementation; a property of C#.
        case method = 6
        /// `const`, `static final`, `#define` with a value; in Python by its capital letters.
        case constant = 7
        /// `macro_rules!`, `#define` with parameters
        case macro = 8
        /// `impl` of Rust; its name is the type's.
        case implementation = 9
    }

    public let kind: Kind
    /// All of it, with decorators in front and the body.
    public let range: Range<Int>
    /// Its beginning, in front of the body or of a large value. May have several lines.
    public let signatureRange: Range<Int>
    /// Its name as spelled; never empty.
    public let nameRange: Range<Int>
    /// The lines of `range`; the first line of a text is 1.
    public let lines: ClosedRange<Int>
    /// The index of the definition around it, which is smaller than its own; nil at the top.
    public let parent: Int?
    /// True when there is a syntax error in it, or its end was cut off: the ranges are then the best guess.
    public let isBroken: Bool

    fileprivate init(_ item: cairn_outline_item) {
        guard let kind = Kind(rawValue: item.kind) else { preconditionFailure("the room has no other kinds") }
        self.kind = kind
        range = Int(item.start)..<Int(item.end)
        signatureRange = Int(item.start)..<Int(item.signature_end)
        nameRange = Int(item.name_start)..<Int(item.name_end)
        lines = Int(item.first_line)...Int(item.last_line)
        parent = item.parent == UInt32.max ? nil : Int(item.parent)
        isBroken = item.is_broken
    }
}

/// Finds the definitions in source texts. Keeps its memory between calls, some ten times the largest text.
public struct OutlineParser: ~Copyable {
    /// The longest text.
    public static let textBytesMax = Int(CAIRN_OUTLINE_INPUT_BYTES_MAX)

    private let parser: OpaquePointer

    /// A parser for those of the languages that are installed.
    /// - Throws: `noMemory`.
    public init(_ languages: some Sequence<SourceLanguage> = SourceLanguage.allCases) throws(CoreError) {
        var made: OpaquePointer?
        try cairn_outline_new(&made).check()
        guard let made else { preconditionFailure("no parser and no error") }
        for language in languages {
            guard let grammar = language.grammar else { continue }
            let status = cairn_outline_add(made, language.inC, grammar)
            if status != CAIRN_OUTLINE_OK { cairn_outline_free(made) }
            try status.check()
        }
        parser = made
    }

    deinit { cairn_outline_free(parser) }

    /// The definitions of `text`, in the order in which they begin. Code that is broken or cut off has those that can be
    /// told. Bytes that are no UTF-8 are passed over.
    /// - Throws: `notFound` without a grammar for the language; `tooBig` for a text above ``textBytesMax``, or one that
    ///   takes more work than any code does (counted, not timed: the same text gets the same answer).
    /// - Complexity: one parse, at most some 800 ns a byte and 200 ms more. Not on an event loop.
    public mutating func definitions(
        in text: UnsafeRawBufferPointer, language: SourceLanguage
    ) throws(CoreError) -> [Definition] {
        var items: UnsafePointer<cairn_outline_item>?
        var count = 0
        try cairn_outline_parse(parser, language.inC, text.outlineBytes.bytes, text.count, &items, &count).check()
        return UnsafeBufferPointer(start: items, count: count).map(Definition.init)
    }
}

// Proof: the parser belongs to this value alone, which cannot be copied; grammars are constant.
extension OutlineParser: @unchecked Sendable {}

extension UnsafeRawBufferPointer {
    /// The outline room's view of these bytes; valid as long as they are.
    fileprivate var outlineBytes: cairn_outline_bytes {
        cairn_outline_bytes(bytes: baseAddress?.assumingMemoryBound(to: UInt8.self), length: count)
    }
}
