// A gateway's context without a gateway: requests in, emitted bodies out, a store in memory between runs.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

/// Plans calls as the gateway does, and remembers what the store was told.
final class LineageStage {
    var tree = LineageTree()
    var reader = TurnKeyReader()
    private(set) var links: [Fingerprint: LinkRecord] = [:]
    private(set) var blobs: [Fingerprint: [UInt8]] = [:]
    private(set) var lastCalls: [SessionIdentifier: CallRecord] = [:]
    private var sessionCount: UInt64 = 0
    private var callCount = 0
    private(set) var wallNanoseconds: UInt64 = 1_760_000_000_000_000_000
    var dialect = Dialect.chat
    var harness = Harness.generic
    var account = Fingerprint(high: 1, low: 2)
    var onlyObserves = false
    /// Mode full; on what terms.
    var terms: ShorteningTerms?
    private(set) var decisions: [DecisionRecord] = []
    /// What each call told of the strategies.
    private(set) var findings: [CallFindings] = []
    /// Calls end without a record: killed right behind their answer.
    var losesRecords = false
    /// Models may ask for what was left out.
    var addsExpandTool = false
    /// What the store has lost.
    var forgotten: Set<Fingerprint> = []

    struct Call {
        let plan: EmissionPlan
        let body: String
        /// Links and blobs that had to be read.
        let storeReads: Int
    }

    /// One call: the body that would go upstream, and the plan behind it.
    func call(_ body: String, upstream: UpstreamTraits? = nil) throws -> Call {
        var prompt = try Prompt(reading: SourceDocument(parsing: Array(body.utf8)), dialect: dialect)
        let keys = reader.read(&prompt, harness: harness)
        sessionCount += 1
        wallNanoseconds += 1_000_000_000
        var request = LineageTree.Request(
            account: account, newSession: SessionIdentifier(high: 7, low: sessionCount), harness: harness,
            provider: "generic", model: "m", wallNanoseconds: wallNanoseconds)
        request.onlyObserves = onlyObserves
        request.shortens = terms != nil
        request.addsExpandTool = addsExpandTool
        var reads = 0
        for _ in 0..<8 {
            switch tree.plan(prompt, keys, request) {
            case .planned(let plan):
                return try finish(plan, &prompt, upstream, reads)
            case .needsShortening(let task):
                if task.decide(terms!) { task.carryOutEpoch() }
                if let plan = tree.plan(task) {
                    findings.append(task.findings)
                    return try finish(plan, &prompt, upstream, reads)
                }
            case .needsHistory(let chains):
                reads += 1
                request.isHistoryLoaded = true
                if let known = chains.first(where: { links[$0] != nil }) {
                    let last = links[known].flatMap { lastCalls[$0.session] }.map { record in
                        LineageTree.LastCall(
                            record: record, path: path(to: record.chain), tools: record.tools.flatMap { blobs[$0] },
                            strategyVersions: strategyVersions)
                    }
                    tree.adopt(path(to: known), last: last)
                    let name = HiddenTurns.name(behind: known)
                    let hidden = decisions.reversed().filter { $0.handle == name }
                        .compactMap { blobs[$0.emitted].flatMap { HiddenTurns(stored: $0) } }
                    tree.adopt(hidden, behind: known)
                }
            case .needsBlobs(let digests):
                for digest in digests {
                    reads += 1
                    if let bytes = blobs[digest], !forgotten.contains(digest) {
                        tree.adopt(bytes, as: digest)
                    } else {
                        request.lost.insert(digest)
                    }
                }
            }
        }
        throw StageError.undecided
    }

    enum StageError: Error { case undecided }

    /// What the store says a session was begun with.
    var strategyVersions = StrategyVersions.current

    private func finish(
        _ plan: EmissionPlan, _ prompt: inout Prompt, _ upstream: UpstreamTraits?, _ reads: Int
    ) throws -> Call {
        keep(plan)
        plan.apply(to: &prompt)
        var out = ByteWriter(capacity: prompt.source.bytes.count + 1024)
        _ = try prompt.encode(for: upstream ?? UpstreamTraits(.generic, dialect: dialect), to: &out)
        return Call(plan: plan, body: String(decoding: out.copyBytes(), as: UTF8.self), storeReads: reads)
    }

    /// An answer with hidden turns came, as the gateway keeps it.
    func remember(_ turns: HiddenTurns, behind chain: Fingerprint) {
        tree.remember(turns, behind: chain)
        let records = turns.records(
            behind: chain, of: SessionIdentifier(high: 7, low: sessionCount), wallNanoseconds: wallNanoseconds + 1)
        for blob in records.blobs { blobs[blob.digest] = blob.bytes }
        decisions += records.decisions
    }

    /// A new process with the same store.
    func restart() {
        tree = LineageTree()
        reader = TurnKeyReader()
    }

    private func keep(_ plan: EmissionPlan) {
        for link in plan.batch.links where links[link.chain] == nil { links[link.chain] = link }
        for blob in plan.batch.blobs { blobs[blob.digest] = blob.bytes }
        decisions += plan.batch.decisions
        if !losesRecords { lastCalls[plan.session] = record(of: plan) }
    }

    /// What the gateway stores of a call.
    func record(of plan: EmissionPlan) -> CallRecord {
        callCount += 1
        let position = plan.breakPosition.map { " at turn \($0)" } ?? ""
        return CallRecord(
            id: "call \(callCount)", session: plan.session, chain: plan.chain, startedNanoseconds: wallNanoseconds,
            mode: onlyObserves ? "observe" : "stable", model: "m", upstream: "u", requestBytes: 0,
            emittedBytes: UInt64(plan.emitted.byteCount),
            prefix: CallRecord.Prefix(
                commonBytes: UInt64(plan.commonBytes), commonTokens: 0,
                commonBytesAsSent: UInt64(plan.commonBytesAsSent),
                breakCode: plan.breakReason.rawValue, breakText: plan.breakReason.words + position,
                movedKinds: plan.movedNames),
            tools: plan.toolsBlob, previousProof: plan.previousProof, proof: plan.proof, usage: nil,
            cost: CallRecord.Cost(
                billedNanodollars: nil, predictedNanodollars: nil, untouchedNanodollars: nil, predictedHitTokens: nil,
                reportedHitTokens: nil),
            status: 200, outcome: "ok")
    }

    private func path(to chain: Fingerprint) -> LineagePath {
        var path: [LinkRecord] = []
        var next = chain
        while let link = links[next] {
            path.append(link)
            next = link.parent
        }
        return LineagePath(links: path.reversed(), isComplete: true)
    }
}

/// The part of an emitted chat body that is the prompt: from the tools to the end of the turns.
func promptText(_ body: String) -> Substring {
    guard let end = body.lastIndex(of: "]") else { return body[...] }
    return body[..<end]
}
