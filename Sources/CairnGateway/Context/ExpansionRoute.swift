// GET /v1/lcm/expand/{handle}?session=HEX&lines=a-b: the bytes that a marker left out, for the account whose session it is.

import CairnContext
import CairnCore

/// What is asked of a handle.
struct ExpansionRoute: Sendable {
    let question: ExpansionQuestion
    /// nil: the whole part.
    let lines: LineSelection?
    /// As it came, for errors.
    let handle: String

    /// - Parameter handle: from the path, percent-encoded as it came. Handles need no encoding: one that has it is none.
    /// - Throws: `unknownHandle` for what no handle can be, `badRequest` for a session or lines that cannot be.
    init(handle text: String, query: TargetQuery, account: Fingerprint) throws(GatewayError) {
        handle = ResponseIdentifier.shown(text)
        guard let handle = Handle(text) else { throw GatewayError(.unknownHandle, detail: handle) }
        var question = ExpansionQuestion(handle, account: account)
        if let text = query["session"] {
            guard let session = SessionIdentifier(text) else {
                throw GatewayError(.badRequest, detail: "session is 32 hexadecimal digits")
            }
            question.session = session
        }
        self.question = question
        lines = try query["lines"].map { text throws(GatewayError) in
            guard let lines = LineSelection(text) else {
                throw GatewayError(.badRequest, detail: "lines is a-b, counted from 1")
            }
            return lines
        }
    }

    /// The bytes and the decision behind them. Waits for the disk.
    func answer(from storage: any ContextStorage) throws(GatewayError) -> ExpandedPart {
        do throws(ExpansionError) {
            let expansion = try question.answer(from: storage)
            return ExpandedPart(decision: expansion.decision, bytes: try expansion.bytes(lines))
        } catch {
            throw gatewayError(error)
        }
    }

    private func gatewayError(_ error: ExpansionError) -> GatewayError {
        switch error {
        case .unknownHandle: GatewayError(.unknownHandle, detail: handle)
        case .manySessions, .manyOriginals: GatewayError(.ambiguousHandle, detail: "\(error)")
        case .linesBeyond: GatewayError(.badRequest, detail: "\(error)")
        case .turnMissing, .bytesMissing, .partMissing, .originalDiffers:
            GatewayError(.originalLost, detail: "\(error)")
        case .storage(let failure) where failure.kind == .corrupt:
            GatewayError(.originalLost, detail: "the stored bytes are damaged")
        case .storage: GatewayError(.storeUnavailable, detail: "see /health")
        }
    }
}

/// What is given back.
struct ExpandedPart: Sendable {
    let decision: DecisionRecord
    let bytes: [UInt8]
}
