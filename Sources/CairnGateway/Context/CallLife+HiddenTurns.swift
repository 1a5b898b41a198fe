// The life of a call whose model asks for what was left out. The client sees one message; between its pieces the model is
// asked again, with its question and the answer in the prompt.
//
//     answer 1 ends with a hidden call ─▶ store (worker) ─▶ hidden turns kept ─▶ fetch again ─▶ answer 2 ─▶ ... ─▶ end
//                                                     └─ beside calls of the client's: its message ends here
//
// Only one fetch is open at a time, so back-pressure, cancelling and failing are those of any call.

import CairnContext
import CairnCore
import CairnHTTP
import CairnWire

extension CallLife {
    /// Sends a call as it came, but for its answer, which is looked through. False: its model has nothing to ask with.
    func passAsking(_ body: UnsafeRawBufferPointer) -> Bool {
        guard let asking else { return false }
        let rewriting = CallPlan.Rewriting(client: asking.client, target: asking.client, model: nil)
        let context = AnswerContext(
            source: .empty, createdSeconds: Int64(clamping: wallNanoseconds / 1_000_000_000), nonce: (0, 0))
        rewritten = RewrittenAnswer(passing: asking.client, filter: asking.filter(rewriting, context))
        startRewritten(asking.body, rewriting)
        return true
    }

    /// The head of an answer after the first.
    func beginNext(_ answer: RewrittenAnswer, _ asking: AskingCall, _ fetch: Fetch) {
        // A client that did not stream has nothing yet: this head is its own.
        guard answer.form == .stream else {
            status = UInt16(fetch.status)
            return begin(answer, fetch)
        }
        guard let head = fetch.head else { return }
        do throws(ContentDecodingError) {
            decoder = try Self.decoder(of: head)
        } catch {
            return giveUp(.upstreamMalformed, "its content coding is unknown", fetch)
        }
        let type = head.value(of: "content-type") ?? ""
        let isEventStream = type.lowercased().hasPrefix("text/event-stream")
        if fetch.status >= 300 {
            asking.beginRefusal(UInt16(fetch.status))
        } else if !isEventStream {
            giveUp(.upstreamMalformed, "a stream is followed by a whole answer", fetch)
        }
    }

    /// An answer is complete. True: more happens before the client's message is.
    func goesOnAsking(_ answer: RewrittenAnswer) -> Bool {
        guard let asking, let filter = answer.filter, answer.form != .refusal else { return false }
        if let refusal = asking.refusal {
            end(answer, with: refusal)
            return true
        }
        let outcome = answer.closeRound()
        guard outcome == .asks || outcome == .asksBesides else { return false }
        _ = deliver(answer)
        if outcome == .asks, filter.roundIndex > ExpandTool.roundsMax {
            answer.writeEnd()
            return false
        }
        answerHiddenCalls(of: filter, endsMessage: outcome == .asksBesides, asking, answer)
        return true
    }

    private func answerHiddenCalls(
        of filter: HiddenCallFilter, endsMessage: Bool, _ asking: AskingCall, _ answer: RewrittenAnswer
    ) {
        guard let contextCall, let head = call.head, let context = owner.shared.context, let storage = context.storage
        else {
            outcome = .fault
            return fail(GatewayError(.internalFault))
        }
        let step = HiddenStep(
            calls: filter.calls, turn: filter.turn(for: asking.client), turns: asking.turns,
            session: contextCall.plan.session, account: context.account(of: Credentials(head)),
            isExhausted: filter.roundIndex >= ExpandTool.roundsMax, endsMessage: endsMessage, client: asking.client,
            body: asking.body, work: asking.work)
        let loop = call.loop
        let life = LoopConfined(self)
        let now = wallNanoseconds
        call.perform {
            let done = await loop.offload {
                let done = step.perform(storage)
                for decision in done.expanded {
                    context.noteExpansion(of: decision, account: step.account, at: now)
                }
                return done
            }
            if life.value.call.isOpen { life.value.goOn(with: done) }
        }
    }

    private func goOn(with done: HiddenStep.Done) {
        guard let asking, let rewriting = asking.rewriting, let contextCall, let answer = rewritten else { return }
        owner.shared.context?.remember(done.turns, of: contextCall.plan)
        switch done.request {
        case nil:
            answer.writeEnd()
            complete(answer)
        case .success(let body):
            asking.goOn(with: done.turns)
            answer.beginRound()
            // What the gateway adds to a call is counted up to its first request.
            let added = addedNanoseconds
            startRewritten(body, rewriting)
            addedNanoseconds = added
        case .failure(let error):
            outcome = .fault
            fail(error)
        }
    }

    /// The provider refused to go on: its words end the client's stream.
    private func end(_ answer: RewrittenAnswer, with refusal: AskingCall.Refusal) {
        outcome = .upstreamError
        refusal.body.withUnsafeBytes { answer.fail(refusal: $0, status: refusal.status) }
        _ = deliver(answer)
        call.closeAfter()
        call.end()
    }
}
