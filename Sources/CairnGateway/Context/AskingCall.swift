// A call whose model has the tool to ask for what was left out: what its questions are answered from and with, while the
// client waits for one message.

import CairnContext
import CairnCore
import CairnWire

/// Belongs to its call's loop.
final class AskingCall {
    /// More of a refusal's body is not looked at.
    static let refusalBytesMax = RewrittenAnswer.refusalBytesMax

    /// What the model was first asked with, in the client's dialect; hidden turns are added to it.
    let body: HeldBody
    let client: WireDialect
    /// From where to where; nil before the call is sent.
    private(set) var rewriting: CallPlan.Rewriting?
    /// How the body becomes one of the upstream's dialect; nil: as it is.
    var work: RequestRewriting?
    private(set) var filter: HiddenCallFilter?
    private(set) var turns = HiddenTurns()
    /// An answer after the first one was asked for.
    private(set) var isGoingOn = false
    /// Bytes of the hidden turns in each prompt after the first.
    private(set) var addedBytes: [Int] = []

    /// What the next answer said in place of an answer.
    struct Refusal {
        let status: UInt16
        fileprivate(set) var body: [UInt8] = []
    }

    private(set) var refusal: Refusal?

    init(body: HeldBody, client: WireDialect) {
        self.body = body
        self.client = client
    }

    /// Makes the filter of the call's answers.
    func filter(_ rewriting: CallPlan.Rewriting, _ context: AnswerContext) -> HiddenCallFilter {
        let made = HiddenCallFilter(
            hiding: ExpandTool.name, rareIndex: ExpandTool.rareIndex, from: rewriting.target, context: context)
        self.rewriting = rewriting
        filter = made
        return made
    }

    /// Goes on with hidden turns.
    func goOn(with turns: HiddenTurns) {
        self.turns = turns
        isGoingOn = true
        addedBytes.append(turns.byteCount)
    }

    func beginRefusal(_ status: UInt16) { refusal = Refusal(status: status) }

    func take(refusal bytes: UnsafeRawBufferPointer) {
        let room = Self.refusalBytesMax - (refusal?.body.count ?? 0)
        refusal?.body.append(contentsOf: bytes.prefix(room))
    }
}

/// The model's questions of one answer, answered from the store: work for a worker thread.
struct HiddenStep: Sendable {
    let calls: [HiddenCall]
    let turn: HiddenTurn
    let turns: HiddenTurns
    /// Whose handles they are.
    let session: SessionIdentifier
    let account: Fingerprint
    /// The model was answered often enough.
    let isExhausted: Bool
    /// The client has calls of its own to answer: nothing more is asked now.
    let endsMessage: Bool
    let client: WireDialect
    let body: HeldBody
    let work: RequestRewriting?

    /// What came of it.
    struct Done: Sendable {
        let turns: HiddenTurns
        /// What the model was given originals of.
        let expanded: [DecisionRecord]
        /// The next request; nil: none is to follow.
        let request: Result<HeldBody, GatewayError>?
    }

    /// Reads the store: waits for the disk.
    func perform(_ storage: any ContextStorage) -> Done {
        var turns = turns
        var expanded: [DecisionRecord] = []
        let answers = zip(turn.callIdentifiers, calls).map { identifier, call in
            (identifier: identifier, text: answer(call, storage, &expanded))
        }
        turns.append(turn, results: ExpandTool.results(answers, client), endsMessage: endsMessage)
        return Done(turns: turns, expanded: expanded, request: endsMessage ? nil : request(turns))
    }

    private func answer(
        _ call: HiddenCall, _ storage: any ContextStorage, _ expanded: inout [DecisionRecord]
    ) -> String {
        if isExhausted { return ExpandTool.exhausted }
        guard let question = ExpandTool.question(call.arguments) else { return ExpandTool.unreadable }
        let asked = ExpansionQuestion(question.handle, session: session, account: account)
        let found = Result { () throws(ExpansionError) in try asked.answer(from: storage) }
        if case .success(let expansion) = found { expanded.append(expansion.decision) }
        return ExpandTool.answer(question, found)
    }

    private func request(_ turns: HiddenTurns) -> Result<HeldBody, GatewayError> {
        guard let bytes = turns.appended(to: body.bytes, client) else {
            return .failure(GatewayError(.internalFault))
        }
        var out = ByteWriter(capacity: bytes.count)
        out.append(bytes)
        let longer = HeldBody(out)
        guard let work else { return .success(longer) }
        return Result { () throws(GatewayError) in try work.rewrite(longer.bytes).body }
    }
}
