// What a client says about the handling of one call, in a header of its own: `x-cairn-mode: passthrough`.

import CairnHTTP
import CairnSettings

/// How one call is handled: as the gateway is set, or as the client says.
struct CallMode: Equatable, Sendable {
    let mode: Mode
    /// The client asked for it. Then nothing of a call in the upstream's own dialect changes on its way, not even a model's
    /// name that the model map renames.
    let isAsked: Bool

    /// Whether every byte must pass as it came where the upstream speaks the client's dialect.
    var forbidsRewriting: Bool { isAsked && mode == .passthrough }

    static let field: StaticString = "x-cairn-mode"

    /// - Throws: `badRequest` for a mode that there is not.
    init(_ head: Head, default mode: Mode) throws(GatewayError) {
        guard let asked = head.withValue(of: Self.field, { Mode(rawValue: String(decoding: $0, as: UTF8.self)) }) else {
            self.init(mode, isAsked: false)
            return
        }
        guard let asked else {
            let known = Mode.allCases.map(\.rawValue).joined(separator: ", ")
            throw GatewayError(.badRequest, detail: "\(Self.field) names a mode that is none of \(known)")
        }
        self.init(asked, isAsked: true)
    }

    init(_ mode: Mode, isAsked: Bool) {
        self.mode = mode
        self.isAsked = isAsked
    }
}
