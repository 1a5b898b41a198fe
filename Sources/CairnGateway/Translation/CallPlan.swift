// What the gateway does with a call, decided in one place from values: pass its bytes, rewrite it, or answer it itself.

import CairnSettings
import CairnWire

/// How a call gets its answer.
enum CallPlan: Equatable, Sendable {
    /// Bytes pass as they came, both ways.
    case pass
    /// Request and answer are written anew, in another dialect or with another model's name.
    case rewrite(Rewriting)
    /// Tokens are counted here: the upstream has no such path.
    case countTokens(Rewriting)
    /// The list of models, or one of them, is asked for and shown in the client's shape.
    case models(ModelsAnswer.Shape)
    /// A response that the gateway keeps, or might have kept.
    case storedResponse

    /// From where to where.
    struct Rewriting: Equatable, Sendable {
        var client: WireDialect
        var target: WireDialect
        /// The name to ask the upstream for; nil: the client's own.
        var model: String?
    }

    static func plan(
        for route: Route, dialect: CallDialect, model: [UInt8]?, mode: CallMode, upstream: PreparedUpstream
    ) -> CallPlan {
        switch route {
        case .chatCompletions, .responses, .messages:
            guard let client = dialect.wire else { return .pass }
            let target = upstream.target(for: dialect)
            if target == nil && mode.forbidsRewriting { return .pass }
            let renamed = upstream.rename(model)
            if target == nil && renamed == nil { return .pass }
            return .rewrite(Rewriting(client: client, target: target ?? client, model: renamed))
        case .countTokens:
            if upstream.settings.countsTokens { return .pass }
            let target = upstream.settings.dialect(for: .messages)
            return .countTokens(Rewriting(client: .messages, target: target, model: upstream.rename(model)))
        case .models, .model:
            return models(dialect: dialect, model: model, mode: mode, upstream: upstream)
        case .response, .responseInputItems:
            return .storedResponse
        case .embeddings, .otherV1, .expand, .health, .metrics, .root, .unknown:
            return .pass
        }
    }

    private static func models(
        dialect: CallDialect, model: [UInt8]?, mode: CallMode, upstream: PreparedUpstream
    ) -> CallPlan {
        let wantsAnthropic = dialect == .messages
        let givesAnthropic = !upstream.settings.speaks(.other)
        let isTranslated = wantsAnthropic ? !upstream.settings.speaks(.messages) : givesAnthropic
        let renamed = upstream.rename(model)
        if !isTranslated && (renamed == nil || mode.forbidsRewriting) { return .pass }
        return .models(
            ModelsAnswer.Shape(
                isAnthropic: wantsAnthropic, asksAnthropic: isTranslated ? givesAnthropic : wantsAnthropic,
                model: model.map { String(decoding: $0, as: UTF8.self) }, upstreamModel: renamed,
                addedModels: model == nil ? upstream.namedModels : []))
    }
}

extension PreparedUpstream {
    /// The name the upstream is asked for instead of the client's; nil: the client's own.
    func rename(_ model: [UInt8]?) -> String? {
        guard let model, !settings.modelMap.rules.isEmpty else { return nil }
        let name = String(decoding: model, as: UTF8.self)
        return settings.modelMap.target(for: name).flatMap { $0 == name ? nil : $0 }
    }

    /// Names of the model map that stand for one model each: a client may ask for them, so lists show them.
    var namedModels: [MappedModel] {
        settings.modelMap.rules.compactMap { rule in
            rule.pattern.isLiteral ? MappedModel(name: rule.pattern.description, target: rule.target) : nil
        }
    }
}

/// A name that clients use for an upstream's model.
struct MappedModel: Equatable, Sendable {
    var name: String
    var target: String
}
