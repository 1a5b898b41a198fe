// The life of a call that asks for what a marker left out. It never goes upstream; the store is read on a worker.

import CairnContext
import CairnCore
import CairnHTTP

extension CallLife {
    func expand() {
        guard let head = call.head, let context = owner.shared.context, let storage = context.storage else {
            return failed(GatewayError(.storeUnavailable, detail: "it was not opened"))
        }
        let account = context.account(of: Credentials(head))
        let asked = call.withRequestLine { _, target, _ in
            (routed.identifier.map { String(decoding: target[$0], as: UTF8.self) } ?? "", TargetQuery(of: target))
        }
        guard let asked else { return }
        let route: ExpansionRoute
        do throws(GatewayError) {
            route = try ExpansionRoute(handle: asked.0, query: asked.1, account: account)
        } catch {
            return refuse(error)
        }
        let loop = call.loop
        let life = LoopConfined(self)
        let now = wallNanoseconds
        call.perform {
            let answer = await loop.offload {
                let answer = Result { () throws(GatewayError) in try route.answer(from: storage) }
                if case .success(let part) = answer {
                    context.noteExpansion(of: part.decision, account: account, at: now)
                }
                return answer
            }
            if life.value.call.isOpen { life.value.give(answer) }
        }
    }

    private func give(_ answer: Result<ExpandedPart, GatewayError>) {
        switch answer {
        case .success(let part):
            respond(
                part.bytes, type: "text/plain; charset=utf-8",
                adding: [
                    ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
                    ("x-cairn-session", part.decision.session.description), ("x-cairn-handle", part.decision.handle),
                    ("x-cairn-strategy", "\(part.decision.strategy) \(part.decision.strategyVersion)"),
                ])
        case .failure(let error):
            if error.kind.side == .ours { failed(error) } else { refuse(error) }
        }
    }

    /// The gateway itself cannot give back what it promised.
    private func failed(_ error: GatewayError) {
        owner.shared.log.warning(
            "a handle was not expanded", ["reason": .text(error.detail), "call": .text(identifier.description)])
        outcome = .fault
        fail(error)
    }
}
