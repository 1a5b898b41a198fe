// `cairn context export`: a stored conversation in the form of docs/ir.md, to standard output.

import CairnContext
import CairnCore
import CairnReport
import CairnSettings
import CairnStore
import CairnWire

enum ContextExport {
    /// Returns the exit status: 0, or 2 when the conversation is not in the store as a whole.
    static func run(_ settings: ExportSettings) -> Int32 {
        do throws(StoreError) {
            let store = try StoreReader(folder: settings.home)
            guard let id = SessionIdentifier(settings.session), let session = try store.session(id) else {
                complain("context export: the store of \(settings.home) has no session \(settings.session)")
                return 2
            }
            guard let context = try PortableContext(of: session, in: store), let form = serialized(context) else {
                complain("context export: the conversation of \(id) is not complete in the store")
                return 2
            }
            return form.withUnsafeBufferPointer { ContextConvert.writeAll($0) } ? 0 : 1
        } catch {
            complain("context export: \(error)")
            return 2
        }
    }

    /// nil: the stored turns are no request of their dialect.
    private static func serialized(_ context: PortableContext) -> [UInt8]? {
        guard let dialect = CairnWire.Dialect(name: context.dialect),
            let source = try? SourceDocument(parsing: context.body),
            let prompt = try? Prompt(reading: source, dialect: dialect)
        else { return nil }
        return prompt.serialized()
    }
}
