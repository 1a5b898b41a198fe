// The turns of one call's prompt, from the store: which came, what left in their place, and which decisions that was.
//
// A decision holds for a prompt that has the turn it is about and goes on from the call that made it. Links and decisions of
// a call bear its time, so a path that has a link of that time goes on from it; a fork from in front of it does not:
//
//     A1 ─▶ B1 ─▶ C2 ─▶ D5        a decision of call 5 about B holds for paths through D, and not for C3
//                  └──▶ C3        (the digit is the call that brought the link)

import CairnCore
import CairnWire

/// The path of a prompt.
struct PromptPath {
    let links: [LinkRecord]
    /// False: links are missing between the first one and its root.
    let isComplete: Bool
    private let positions: [Fingerprint: Int]
    private let times: Set<UInt64>
    /// What epochs of the path put in the place of turns, by position.
    private let replaced: [Int: ReplacedTurn]

    /// - Complexity: one look-up for each link.
    init(endingAt chain: Fingerprint, in source: some ExplanationSource) throws(StoreError) {
        var links: [LinkRecord] = []
        var next = chain
        while links.count < LineageTree.linksMax, next != .lineageStart, let link = try source.link(chain: next) {
            links.append(link)
            next = link.parent
        }
        self.links = links.reversed()
        isComplete = next == .lineageStart
        positions = Dictionary(self.links.enumerated().map { ($1.chain, $0) }, uniquingKeysWith: { first, _ in first })
        times = Set(links.map(\.wallNanoseconds))
        replaced =
            self.links.reduce(PromptState.empty) { state, link in
                link.state.flatMap { LinkFacts(stored: $0) }.map { state.following($0) } ?? state
            }.replaced
    }

    /// The blob with what left in the place of a turn.
    func emitted(_ index: Int) -> Fingerprint { replaced[links[index].position]?.digest ?? links[index].emitted }

    /// Where in ``links`` the turn of a decision stands.
    func index(of decision: DecisionRecord) -> Int? { positions[decision.chain] }

    /// The decisions that hold for the prompt, of each part the newest: by the turn's place in ``links``, then by part.
    /// - Complexity: reads all decisions of the sessions that brought the links, which is one, seldom two.
    func decisions(in source: some ExplanationSource) throws(StoreError) -> [Int: [Int: DecisionRecord]] {
        var found: [Int: [Int: DecisionRecord]] = [:]
        for session in Set(links.map(\.session)) {
            var skip = 0
            while true {
                let page = try source.decisions(of: session, StoragePage(skip: skip, count: Self.pageRows))
                for decision in page where times.contains(decision.wallNanoseconds) {
                    guard let index = positions[decision.chain] else { continue }
                    let known = found[index]?[decision.partIndex]?.wallNanoseconds ?? 0
                    guard decision.wallNanoseconds >= known else { continue }
                    found[index, default: [:]][decision.partIndex] = decision
                }
                if page.isEmpty { break }
                skip += page.count
            }
        }
        return found
    }

    /// Decisions of one question to the store.
    private static let pageRows = 1_000
}
