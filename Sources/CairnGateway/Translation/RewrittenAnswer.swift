// The answer of a call that does not pass as it came: what the upstream sends goes in, what the client gets comes out. A
// machine over bytes; CallLife+Rewriting.swift connects it to fetch and call.
//
//     stream     each piece is translated as it comes
//     document   the whole is kept, then translated
//     refusal    an answer with an error status: the same, in the client's error shape
//
// With a filter in front, hidden calls are taken out first, and several answers may follow each other in one message
// (CallLife+HiddenTurns.swift).

import CairnCore
import CairnWire

final class RewrittenAnswer {
    /// A whole answer that is larger is not translated.
    static let documentBytesMax = 8_388_608
    /// More of an error's body is not looked at.
    static let refusalBytesMax = 1_048_576

    /// What is written.
    private enum Subject {
        case answer(CallPlan.Rewriting)
        /// In the client's own dialect: only the filter changes it.
        case passing(WireDialect)
        case models(ModelsAnswer.Shape)
    }

    enum Form: Equatable { case stream, document, refusal }

    /// The answer's fields for the client, as lines; for streams they are sent at once.
    var fieldLines: [UInt8] = []
    private(set) var form = Form.document
    /// What the client gets next; `clear` it when it was sent.
    var out = ByteWriter(capacity: 4096)
    /// A document larger than ``documentBytesMax``.
    private(set) var isTooLarge = false

    /// What takes hidden calls out of the answer, in the upstream's dialect.
    let filter: HiddenCallFilter?
    /// What the filter let through of the bytes at hand.
    private var filtered = ByteWriter(capacity: 1)
    private var outcome = HiddenCallFilter.Outcome.cutShort

    private let subject: Subject
    /// What whole answers are read with. It holds the request's bytes, so it goes when a stream begins.
    private var context: AnswerContext?
    private let requestLosses: [EncodingReport.CountedLoss]
    private let capture: ResponseCapture?
    private var translator: TranslatorBox?
    private var document = ByteWriter(capacity: 1)
    private var translated: AnswerTranslator.Translated?

    init(_ rewriting: CallPlan.Rewriting, _ request: RewrittenRequest, filter: HiddenCallFilter?) {
        subject = .answer(rewriting)
        self.filter = filter
        context = request.context
        requestLosses = request.losses
        capture = ResponseCapture(request.turn)
    }

    init(passing dialect: WireDialect, filter: HiddenCallFilter) {
        subject = .passing(dialect)
        self.filter = filter
        requestLosses = []
        capture = nil
    }

    init(_ shape: ModelsAnswer.Shape) {
        subject = .models(shape)
        filter = nil
        requestLosses = []
        capture = nil
    }

    /// The answer's head is there.
    func begin(status: UInt16, isStream: Bool) {
        form = status >= 300 ? .refusal : isStream ? .stream : .document
        if form == .stream, case .answer(let rewriting) = subject, let context {
            translator = TranslatorBox(rewriting, context)
            self.context = nil
        }
    }

    /// Takes plain bytes of the answer. For streams `out` then holds what the client gets for them.
    func take(_ bytes: UnsafeRawBufferPointer) {
        switch form {
        case .stream:
            guard let filter else { return translate(bytes) }
            filter.feed(bytes, to: &filtered)
            if filter.hasLostEvents { isTooLarge = true }
            translateFiltered()
        case .document:
            if document.count + bytes.count > Self.documentBytesMax { isTooLarge = true }
            if !isTooLarge { document.append(bytes.assumingMemoryBound(to: UInt8.self)) }
        case .refusal:
            let room = Self.refusalBytesMax - document.count
            document.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(room)).assumingMemoryBound(to: UInt8.self))
        }
    }

    private func translate(_ bytes: UnsafeRawBufferPointer) {
        if let translator {
            translator.value.feed(bytes, to: &out)
        } else {
            out.append(bytes.assumingMemoryBound(to: UInt8.self))
        }
        showCapture()
    }

    private func translateFiltered() {
        filtered.withBytes { if !$0.isEmpty { translate(UnsafeRawBufferPointer($0)) } }
        filtered.clear()
    }

    // MARK: answers that follow each other

    /// The upstream's answer is over: whether its model asks the gateway. A document that cannot be read asks nothing.
    func closeRound() -> HiddenCallFilter.Outcome {
        guard let filter else { return .complete }
        if form == .stream {
            outcome = filter.finish(to: &filtered)
            translateFiltered()
        } else {
            outcome = document.withBytes { (try? filter.read(document: UnsafeRawBufferPointer($0))) ?? .complete }
        }
        return outcome
    }

    /// Another answer will follow in the same message.
    func beginRound() {
        filter?.beginNext()
        document.clear()
    }

    /// None will follow: the client gets the end that was held back.
    func writeEnd() {
        guard form == .stream, let filter else { return }
        filter.writeEnd(to: &filtered)
        outcome = .complete
        translateFiltered()
    }

    /// The next answer is a refusal: the client is told by an event at the end of its stream.
    func fail(refusal body: UnsafeRawBufferPointer, status: UInt16) {
        filter?.fail(refusal: body, status: status, to: &filtered)
        translateFiltered()
    }

    /// The stream is over: `out` holds the rest.
    func finishStream() -> AnswerTranslator.Ending {
        if case .passing = subject { return outcome == .cutShort ? .cutShort : outcome == .failed ? .failed : .whole }
        guard let translator else { return .cutShort }
        let ending = translator.value.finish(to: &out)
        showCapture()
        return ending
    }

    /// The document is whole: `out` holds the client's. Returns the status to answer with.
    /// - Throws: what is wrong with the upstream's answer.
    func finishDocument(status: UInt16) throws(WireError) -> UInt16 {
        out.clear()
        // A first answer that the filter could not read passes as it came, or is an error, as without it.
        if let filter, !filter.hasDocument, filter.roundIndex > 0 {
            throw WireError(.malformed, at: "", "The answer that was to follow cannot be read.")
        }
        if let filter, filter.hasDocument {
            filter.writeDocument(to: &filtered)
            swap(&document, &filtered)
            filtered.clear()
        }
        switch subject {
        case .passing:
            document.withBytes { out.append($0) }
            return status
        case .models(let shape):
            try document.withBytes { bytes throws(WireError) in
                try ModelsAnswer.translate(UnsafeRawBufferPointer(bytes), shape, to: &out)
            }
            return status
        case .answer(let rewriting):
            guard let context else { throw WireError(.malformed, at: "", "the answer changed its form") }
            let translated = try document.withBytes { bytes throws(WireError) in
                try AnswerTranslator.translate(
                    document: UnsafeRawBufferPointer(bytes), from: rewriting.target, to: rewriting.client,
                    context: context, to: &out)
            }
            self.translated = translated
            if let failure = translated.failure { return failure.status }
            if let capture { out.withBytes { capture.keep(UnsafeRawBufferPointer($0)) } }
            return status
        }
    }

    /// The error's body is whole: `out` holds the client's. Returns the status to answer with.
    func finishRefusal(status: UInt16) -> UInt16 {
        out.clear()
        let (upstream, client) = refusalDialects
        return document.withBytes { bytes in
            AnswerTranslator.translateError(
                body: UnsafeRawBufferPointer(bytes), status: status, from: upstream, to: client, to: &out)
        }
    }

    /// Whether an error's body passes as it came, so that its own content type is right.
    var passesRefusals: Bool { (refusalDialects.upstream == .messages) == (refusalDialects.client == .messages) }

    var hasDocument: Bool { !document.isEmpty }

    /// The upstream's own content type is the client's.
    var isPassing: Bool { if case .passing = subject { true } else { false } }

    private var refusalDialects: (upstream: WireDialect, client: WireDialect) {
        switch subject {
        case .answer(let rewriting): (rewriting.target, rewriting.client)
        case .passing(let dialect): (dialect, dialect)
        case .models(let shape): (shape.asksAnthropic ? .messages : .chat, shape.isAnthropic ? .messages : .chat)
        }
    }

    private func showCapture() {
        guard let capture else { return }
        out.withBytes { capture.see(UnsafeRawBufferPointer($0)) }
    }

    // MARK: what is told of it

    /// For a stream whose client did not ask for usage: what the provider reported, in the words of chat.
    var usage: [UInt8]? {
        guard case .answer = subject else { return nil }
        let reported = translator?.value.usage ?? translated?.usage
        guard let reported, let input = reported.input else { return nil }
        var out = ByteWriter(capacity: 160)
        out.append("{\"prompt_tokens\":")
        out.append(decimal: UInt64(clamping: input))
        out.append(",\"completion_tokens\":")
        out.append(decimal: UInt64(clamping: reported.output ?? 0))
        out.append(",\"prompt_tokens_details\":{\"cached_tokens\":")
        out.append(decimal: UInt64(clamping: reported.cached ?? 0))
        out.append("}}")
        return out.copyBytes()
    }

    /// What the record says; nil for lists of models.
    var record: UsageRecord.Rewriting? {
        guard case .answer(let rewriting) = subject else { return nil }
        return UsageRecord.Rewriting(dialect: rewriting.target.callDialect, model: rewriting.model, dropped: dropped)
    }

    /// Everything that was left out, of the request and of the answer.
    var dropped: DroppedMembers {
        var dropped = DroppedMembers(requestLosses)
        for loss in translator?.value.losses ?? translated?.losses ?? [] { dropped.add(loss, count: 1) }
        return dropped
    }

    /// What was left out of the request, for the header that tells it; nil if nothing was.
    var droppedField: String? { DroppedMembers(requestLosses).field }
}

/// Gives a translator, which cannot be copied, an optional place.
private final class TranslatorBox {
    var value: AnswerTranslator

    init(_ rewriting: CallPlan.Rewriting, _ context: AnswerContext) {
        value = AnswerTranslator(from: rewriting.target, to: rewriting.client, context: context)
    }
}
