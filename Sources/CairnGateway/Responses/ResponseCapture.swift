// Takes the finished response out of what the client gets, and keeps it before the client can ask for it: the last event of
// a stream repeats the whole object.

import CairnCore
import CairnWire

/// Watches one answer whose request wants it kept.
final class ResponseCapture {
    private let keeping: ResponseKeeping
    private let input: [ResponseItem]
    private var scanner = EventStreamScanner()

    /// nil: the client does not want it kept.
    init?(_ turn: ResponsesTurn?) {
        guard let turn, turn.isStored else { return nil }
        keeping = turn.keeping
        input = turn.input
    }

    /// The next bytes of a stream, before they go to the client.
    func see(_ bytes: UnsafeRawBufferPointer) {
        scanner.scan(bytes) { event in
            guard event.isType("response.completed") || event.isType("response.incomplete") else { return }
            guard let range = try? JSONSkimmer.member("response", of: event.data) else { return }
            keep(UnsafeRawBufferPointer(rebasing: event.data[range]))
        }
    }

    /// A whole answer. One that failed is not kept.
    func keep(_ object: UnsafeRawBufferPointer) {
        guard let source = try? SourceDocument(parsing: Array(object)) else { return }
        guard
            let identifier = source.json.member("id", of: 0).flatMap({ source.text(of: RawJSON(source.json[$0].range)) }
            ),
            let output = source.json.member("output", of: 0),
            source.json[output].kind == .array
        else { return }
        var items: [ResponseItem] = []
        source.json.forEachChild(of: output) { items.append(ResponseItem(Array(source.bytes[source.json[$0].range]))) }
        keeping.storage.keep(
            KeptResponse(
                identifier: identifier, caller: keeping.caller, object: Array(object), input: input, output: items))
    }
}
