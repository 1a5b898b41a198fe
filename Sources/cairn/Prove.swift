// `cairn prove`: prompts derived again from the store and compared with their proofs, beside a gateway that may be running.

import CairnContext
import CairnReport
import CairnSettings
import CairnStore

enum Prove {
    /// Returns the exit status: 0 when all is proven, 1 at a difference, 2 when nothing could be compared.
    static func run(_ settings: ProveSettings) -> Int32 {
        do throws(StoreError) {
            let selection =
                settings.session.flatMap { SessionIdentifier($0) }.map { ProofSelection.session($0) } ?? .all
            let outcome = try ProofRun(try StoreReader(folder: settings.home)) { print($0) }.prove(selection)
            switch outcome {
            case .proven: return 0
            case .differs: return 1
            case .noSuchSession:
                complain("prove: the store of \(settings.home) has no session \(settings.session ?? "")")
                return 2
            }
        } catch {
            complain("prove: \(error)")
            return 2
        }
    }
}
