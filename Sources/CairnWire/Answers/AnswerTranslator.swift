// The public face of the answer side: what an upstream answers in one dialect goes in, what the client understands
// comes out. The gateway keeps one for each call whose answer it has to change.
//
//     chunk ─▶ EventStreamScanner ─▶ AnswerReader ─▶ MarkupFilter ─▶ ClientToolFilter ─▶ AnswerWriter ─▶ out
//
// Between different dialects every event is read and written anew. In the same dialect events pass byte for byte, but
// for the model's name, and but for what markup changes (AnswerMachine.swift).
//
// Workload: 20 to 100 events a second and call, thousands of calls; at most 2 us an event
// (docs/translation-streams.md).

import CairnCore

/// Translates one answer.
///
/// Right: feed what comes, send what was written, then `finish`. One translator an answer; `out` is the caller's and
/// may be cleared between calls.
///
///     var translator = AnswerTranslator(from: .chat, to: .messages, context: context)
///     translator.feed(chunk, to: &out)
///     if translator.finish(to: &out) == .cutShort { … }
///
/// Not thread-safe, but may be handed from thread to thread: it shares nothing that changes.
public struct AnswerTranslator: ~Copyable {
    /// How a stream ended.
    public enum Ending: Equatable, Sendable {
        /// The provider said that its answer is whole, and the client was told.
        case whole
        /// The stream ended before the answer did. The client was told everything that came, and no reason to stop:
        /// what to add is the caller's to say, with ``AnswerTranslator/fail(_:to:)``.
        case cutShort
        /// The provider told an error, or sent something that is no answer; the client was told so.
        case failed
    }

    private let machine: AnswerMachine
    private var scanner = EventStreamScanner()

    public init(from upstream: Dialect, to client: Dialect, context: AnswerContext) {
        machine = AnswerMachine(from: upstream, to: client, context: context)
    }

    /// Takes the next bytes of the upstream's stream, cut at any place, and appends to `out` what the client gets for
    /// them.
    public mutating func feed(_ chunk: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        let machine = machine
        scanner.scan(chunk) { event in machine.take(event, to: &out) }
        if scanner.skippedEventCount > 0 {
            machine.fail(.tooBig("The provider sent an event larger than this gateway reads."), to: &out)
        }
    }

    /// The upstream's stream is over. Appends what was still held.
    public mutating func finish(to out: inout ByteWriter) -> Ending {
        let machine = machine
        scanner.finish { event in machine.take(event, to: &out) }
        return machine.finish(to: &out)
    }

    /// Ends the client's stream with an error event of its dialect: the caller met a fault of its own. Nothing is
    /// written when the stream has ended already.
    public mutating func fail(_ failure: AnswerFailure, to out: inout ByteWriter) { machine.fail(failure, to: &out) }

    /// What the provider reported so far.
    public var usage: WireUsage { machine.usage }
    /// What the client's dialect has no place for, each thing once.
    public var losses: [Loss] { machine.losses }
    /// Events read, comments included.
    public var eventCount: Int { machine.eventCount }
    /// Whether the last event of the client's stream was written.
    public var hasEnded: Bool { machine.hasEnded }
    /// Why the answer failed, if it did.
    public var failure: AnswerFailure? { machine.failure }

    /// What came of a whole answer.
    public struct Translated: Sendable {
        public var usage: WireUsage
        public var losses: [Loss]
        /// The document was an error in spite of its status; the error body of the client's dialect was written, and
        /// its `status` is the one to answer with.
        public var failure: AnswerFailure?
    }

    /// Translates an answer that was not streamed.
    /// - Throws: `notJSON`, `malformed`, `tooBig`; nothing is written then.
    /// - Complexity: one pass to read and one to write; memory for the document's values and twice its text.
    public static func translate(
        document: UnsafeRawBufferPointer, from upstream: Dialect, to client: Dialect, context: AnswerContext,
        to out: inout ByteWriter
    ) throws(WireError) -> Translated {
        let machine = AnswerMachine(from: upstream, to: client, context: context)
        return try machine.translate(document: document, to: &out)
    }

    /// Translates the body of an answer whose status is an error. Any body will do: what is no error object of the
    /// dialect becomes the message.
    /// - Returns: the status to answer with.
    public static func translateError(
        body: UnsafeRawBufferPointer, status: UInt16, from upstream: Dialect, to client: Dialect,
        to out: inout ByteWriter
    ) -> UInt16 {
        // Chat and responses have the same envelope.
        if (upstream == .messages) == (client == .messages) {
            out.append(body)
            return status
        }
        AnswerFailure(body: body, status: status).append(in: client, to: &out)
        return AnswerFailureWords.status(status, in: client)
    }
}

// Proof: the machine is reachable through this value alone, which cannot be copied, and what it refers to from outside
// (the context's source) does not change.
extension AnswerTranslator: @unchecked Sendable {}
