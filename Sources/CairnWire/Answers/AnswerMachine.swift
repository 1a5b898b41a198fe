// The inside of a translator: a reader, filters and a writer in a row. A class, so that the reader may emit into the
// filters and the filters into the writer while each is being changed; AnswerTranslator is its only owner.

import CairnCore

final class AnswerMachine {
    /// What becomes of events of the stream.
    private enum Course {
        /// They are read and written anew.
        case rewrite
        /// Same dialect in and out: they pass, with the client's name of the model in the place of the upstream's. In
        /// chat, whose chunks stand alone, an event that markup changes is written anew; the writer is kept in step
        /// for that. In the other dialects a part that markup brings moves the indexes of all that follow, so with
        /// markup they are rewritten from the start.
        case pass
    }

    private let upstream: Dialect
    private let client: Dialect
    private let form: AnswerForm
    private let course: Course
    private var reader: any AnswerReader
    private var markup: MarkupFilter?
    private var tools: ClientToolFilter?
    private var writer: any AnswerWriter
    private var tape = JSONTape()
    /// What the writer makes of an event that may pass.
    private var rewritten = ByteWriter(capacity: 1024)
    /// The answer so far, where it is wanted whole.
    private var draft = AnswerDraft()

    private(set) var usage = WireUsage()
    private(set) var eventCount = 0
    private(set) var failure: AnswerFailure?
    private(set) var hasEnded = false

    init(from upstream: Dialect, to client: Dialect, context: AnswerContext) {
        self.upstream = upstream
        self.client = client
        form = AnswerForm(context, origin: upstream, client: client)
        reader =
            switch upstream {
            case .chat: ChatAnswerReader()
            case .messages: MessagesAnswerReader()
            case .responses: ResponsesAnswerReader()
            }
        writer =
            switch client {
            case .chat: ChatAnswerWriter(form)
            case .messages: MessagesAnswerWriter(form)
            case .responses: ResponsesAnswerWriter(form)
            }
        if !context.markup.isEmpty { markup = MarkupFilter(context.markup) }
        if !context.changedTools.isEmpty { tools = ClientToolFilter(context) }
        course = upstream == client && (client == .chat || context.markup.isEmpty) ? .pass : .rewrite
    }

    /// What passes is not lost.
    var losses: [Loss] {
        switch course {
        case .pass: return []
        case .rewrite:
            var all = reader.losses
            all.add(writer.losses)
            return all.all
        }
    }

    // Streams

    func take(_ event: borrowing EventStreamScanner.Event, to out: inout ByteWriter) {
        eventCount += 1
        switch course {
        case .pass: pass(event, to: &out)
        case .rewrite:
            guard !hasEnded else { return }
            reader.read(event, &tape) { rewrite($0, to: &out) }
        }
    }

    func finish(to out: inout ByteWriter) -> AnswerTranslator.Ending {
        if !hasEnded {
            switch course {
            case .rewrite: reader.finish { rewrite($0, to: &out) }
            case .pass:
                markup?.beginEvent()
                rewritten.clear()
                reader.finish { follow($0) }
                if markup?.hasChanged == true { rewritten.withBytes { out.append($0) } }
            }
        }
        if failure != nil { return .failed }
        return hasEnded ? .whole : .cutShort
    }

    func fail(_ failure: AnswerFailure, to out: inout ByteWriter) {
        guard !hasEnded else { return }
        self.failure = failure
        hasEnded = true
        switch course {
        case .rewrite: writer.write(.failed(failure), to: &out)
        case .pass: failure.appendEvent(in: client, sequenceNumber: eventCount, to: &out)
        }
    }

    private func note(_ event: AnswerEvent) {
        switch event {
        case .started(_, _, _, let reported): if let reported { usage.merge(reported) }
        case .usage(let reported): usage.merge(reported)
        case .failed(let failure): self.failure = failure
        default: break
        }
    }

    private func rewrite(_ event: AnswerEvent, to out: inout ByteWriter) {
        note(event)
        filter(event) { write($0, to: &out) }
        if let failure = writer.failure { self.failure = failure }
        hasEnded = writer.hasEnded
    }

    private func write(_ event: AnswerEvent, to out: inout ByteWriter) { writer.write(event, to: &out) }

    private func filter(_ event: AnswerEvent, _ emit: (AnswerEvent) -> Void) {
        guard markup != nil else { return filterTools(event, emit) }
        markup!.filter(event) { filterTools($0, emit) }
    }

    private func filterTools(_ event: AnswerEvent, _ emit: (AnswerEvent) -> Void) {
        guard tools != nil else { return emit(event) }
        tools!.filter(event, emit)
    }

    // Same dialect in and out

    private func pass(_ event: borrowing EventStreamScanner.Event, to out: inout ByteWriter) {
        markup?.beginEvent()
        rewritten.clear()
        let wasOver = hasEnded
        // Not every event is parsed, and what stands on the tape of an earlier one is gone.
        tape.clear()
        reader.read(event, &tape) { follow($0) }
        if markup?.hasChanged == true, !wasOver {
            rewritten.withBytes { out.append($0) }
        } else if let model = form.model, let place = modelPlace(event) {
            append(event, with: model, at: place, to: &out)
        } else {
            out.append(event.raw)
        }
    }

    /// Keeps count, and the writer in step if markup may want it.
    private func follow(_ event: AnswerEvent) {
        note(event)
        switch event {
        case .ended, .failed: hasEnded = true
        default: break
        }
        if markup != nil { filter(event) { write($0, to: &rewritten) } }
    }

    /// Where the event on the tape names the model, counted in its data; nil if it does not.
    private func modelPlace(_ event: borrowing EventStreamScanner.Event) -> Range<Int>? {
        guard event.hasData, tape.nodeCount > 0, let node = AnswerMachine.model(in: tape, of: client),
            let data = event.data.baseAddress, let name = tape.raw(node).baseAddress
        else { return nil }
        let start = name - data
        return start..<start + tape.raw(node).count
    }

    private static func model(in tape: borrowing JSONTape, of dialect: Dialect) -> Int? {
        let holder: Int? =
            switch dialect {
            case .chat: 0
            case .messages: tape.member("message", of: 0)
            case .responses: tape.member("response", of: 0)
            }
        guard let holder, let node = tape.member("model", of: holder), tape.kind(node) == .string else { return nil }
        return node
    }

    private func append(
        _ event: borrowing EventStreamScanner.Event, with model: [UInt8], at place: Range<Int>,
        to out: inout ByteWriter
    ) {
        let data = event.data
        let raw = event.raw
        if let rawStart = raw.baseAddress, let dataStart = data.baseAddress, dataStart >= rawStart,
            dataStart + data.count <= rawStart + raw.count
        {
            let start = dataStart - rawStart + place.lowerBound
            out.append(UnsafeRawBufferPointer(rebasing: raw[..<start]))
            out.append(model)
            return out.append(UnsafeRawBufferPointer(rebasing: raw[(start + place.count)...]))
        }
        // Data of several lines was joined, and stands elsewhere than the event: it is written in one line.
        if !event.type.isEmpty {
            out.append("event: ")
            out.append(event.type)
            out.append("\n")
        }
        out.append("data: ")
        appendLine(UnsafeRawBufferPointer(rebasing: data[..<place.lowerBound]), to: &out)
        out.append(model)
        appendLine(UnsafeRawBufferPointer(rebasing: data[place.upperBound...]), to: &out)
        out.append("\n\n")
    }

    /// JSON without its line feeds, which stand between tokens only.
    private func appendLine(_ json: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        for byte in json where byte != UInt8(ascii: "\n") { out.append(byte: byte) }
    }

    // Whole answers

    func translate(
        document: UnsafeRawBufferPointer, to out: inout ByteWriter
    ) throws(WireError) -> AnswerTranslator.Translated {
        do { try tape.parse(document) } catch {
            throw WireError(
                error.kind == .tooBig ? .tooBig : .notJSON, at: "", "The provider's answer is not a JSON document.")
        }
        guard tape.kind(0) == .object else {
            throw WireError(.malformed, at: "", "The provider's answer is not a JSON object.")
        }
        try reader.read(document: tape) { event in
            note(event)
            filter(event) { draft.take($0) }
        }
        if draft.isTooBig {
            throw WireError(.tooBig, at: "", "The provider's answer is larger than this gateway keeps.")
        }
        if let failure {
            failure.append(in: client, to: &out)
        } else if course == .pass, markup?.hasHandledMarkup != true {
            passDocument(document, to: &out)
        } else {
            writer.write(document: draft, to: &out)
        }
        return AnswerTranslator.Translated(usage: usage, losses: losses, failure: failureAsAnswered)
    }

    private var failureAsAnswered: AnswerFailure? {
        var answered = failure
        if let status = failure?.status { answered?.status = AnswerFailureWords.status(status, in: client) }
        return answered
    }

    private func passDocument(_ document: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        guard let model = form.model, let node = tape.member("model", of: 0), let start = document.baseAddress,
            let name = tape.raw(node).baseAddress
        else { return out.append(document) }
        out.append(UnsafeRawBufferPointer(rebasing: document[..<(name - start)]))
        out.append(model)
        out.append(UnsafeRawBufferPointer(rebasing: document[(name - start + tape.raw(node).count)...]))
    }
}
