// `cairn why`: why a part, or the prompt of a call, left otherwise than its client sent it; beside a gateway that may be
// running.

import CairnContext
import CairnReport
import CairnSettings
import CairnStore

enum Why {
    /// Returns the exit status: 0, 1 when nothing is known of the handle or the call, 2 when nothing could be read.
    static func run(_ settings: WhySettings) -> Int32 {
        do throws(StoreError) {
            let store = try StoreReader(folder: settings.home)
            switch settings.subject {
            case .handle(let text): return try tell(text, settings, store)
            case .call(let id): return try tellCall(id, store)
            }
        } catch {
            complain("why: \(error)")
            return 2
        }
    }

    private static func tell(_ text: String, _ settings: WhySettings, _ store: StoreReader) throws(StoreError) -> Int32
    {
        guard let handle = Handle(text) else {
            preconditionFailure("the settings and the context have the same handles")
        }
        let session = settings.session.flatMap { SessionIdentifier($0) }
        let all = try HandleExplanation.all(of: handle, session: session, in: store)
        guard !all.isEmpty else {
            complain("why: nothing is known under the handle \(handle)")
            return 1
        }
        print(ExplanationText.text(of: handle, all), terminator: "")
        return 0
    }

    private static func tellCall(_ id: String, _ store: StoreReader) throws(StoreError) -> Int32 {
        guard let call = try store.call(id: id) else {
            complain("why: the store has no call \(id); calls are kept when they end, in all modes but passthrough")
            return 1
        }
        print(ExplanationText.text(of: try PromptExplanation(of: call, in: store)), terminator: "")
        return 0
    }
}
