// `cairn expand`: what a marker left out, byte for byte, beside a gateway that may be running.

import CairnContext
import CairnSettings
import CairnStore

enum Expand {
    /// Returns the exit status: 0 when all bytes were written, 1 when there is no such original, 2 when nothing could be
    /// read.
    static func run(_ settings: ExpandSettings) -> Int32 {
        guard let handle = Handle(settings.handle) else {
            preconditionFailure("the settings and the context have the same handles")
        }
        do throws(ExpansionError) {
            let question = ExpansionQuestion(handle, session: settings.session.flatMap { SessionIdentifier($0) })
            let expansion = try question.answer(from: try store(settings.home))
            let lines = settings.lines.flatMap { LineSelection(first: $0.lowerBound, last: $0.upperBound) }
            let bytes = try expansion.bytes(lines)
            return bytes.withUnsafeBufferPointer { ContextConvert.writeAll($0) } ? 0 : 2
        } catch {
            complain("expand \(settings.handle): \(error)")
            if case .storage = error { return 2 }
            return 1
        }
    }

    private static func store(_ home: String) throws(ExpansionError) -> StoreReader {
        do throws(StoreError) { return try StoreReader(folder: home) } catch { throw .storage(error) }
    }
}
