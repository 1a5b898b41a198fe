// `cairn search`: words looked for in the turns of all sessions, beside a gateway that may be running.

import CairnContext
import CairnSettings
import CairnStore

enum Search {
    /// Returns the exit status: 0 when there were hits, 1 when there were none, 2 when nothing could be looked for.
    static func run(_ settings: SearchSettings) -> Int32 {
        do throws(StoreError) {
            let hits = try StoreReader(folder: settings.home).search(
                TurnSearch(
                    words: settings.words, needsAll: true,
                    session: settings.session.flatMap { SessionIdentifier($0) }, hitsMax: SearchSettings.hitsMax))
            for hit in hits {
                print("\(hit.session) turn \(hit.position): \(hit.excerpt.oneLine)")
            }
            return hits.isEmpty ? 1 : 0
        } catch {
            complain("search: \(error)")
            return 2
        }
    }
}

extension String {
    /// For one line of a terminal: control characters, line ends among them, are spaces.
    fileprivate var oneLine: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }
}
