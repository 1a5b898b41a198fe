// A request on its way into another dialect, or to a model of another name: read, continued from what the gateway kept of
// the conversation, written anew. A value without sockets, so that large bodies are rewritten on a worker thread.
//
//     body ──read──▶ PreparedRequest (a Prompt, and where it goes) ──write──▶ RewrittenRequest (a body, and how to read the answer)

import CairnContext
import CairnCore
import CairnWire

/// How one call's request is rewritten.
struct RequestRewriting: Sendable {
    /// Larger bodies are rewritten on a worker thread: a megabyte takes about 2 ms.
    static let loopBytesMax = 1024 * 1024

    let rewriting: CallPlan.Rewriting
    let upstream: UpstreamTraits
    /// Where responses are kept, and for whom; nil where the upstream keeps them itself.
    let keeping: ResponseKeeping?
    let createdSeconds: Int64
    /// Where a messages upstream shall cache, for a client that cannot say so itself.
    var breakpoints = BreakpointPlan()

    /// All of it: read, then write. In the client's own dialect only the model's name changes, byte for byte.
    func rewrite(_ body: UnsafeRawBufferPointer) throws(GatewayError) -> RewrittenRequest {
        if rewriting.client == rewriting.target, let renamed = renamed(body) { return renamed }
        return try write(read(body))
    }

    private func renamed(_ body: UnsafeRawBufferPointer) -> RewrittenRequest? {
        guard let model = rewriting.model, let range = try? JSONSkimmer.member("model", of: body) else { return nil }
        let bytes = body.assumingMemoryBound(to: UInt8.self)
        var out = ByteWriter(capacity: body.count + model.utf8.count + 16)
        out.append(UnsafeBufferPointer(rebasing: bytes[..<range.lowerBound]))
        out.append(JSONText.quoted(model))
        out.append(UnsafeBufferPointer(rebasing: bytes[range.upperBound...]))
        var context = AnswerContext(source: .empty, createdSeconds: createdSeconds, nonce: Self.nonce())
        context.model = .made(Array(bytes[range]))
        return RewrittenRequest(body: HeldBody(out), losses: [], context: context, turn: nil)
    }

    /// 128 bits that nobody can guess, from the kernel (getrandom(2)).
    private static func nonce() -> (UInt64, UInt64) {
        var generator = SystemRandomNumberGenerator()
        return (generator.next(), generator.next())
    }

    /// Reads the client's body.
    /// - Throws: `badRequest` with the path, and what `ResponsesTurn` throws.
    func read(_ body: UnsafeRawBufferPointer) throws(GatewayError) -> PreparedRequest {
        var source = try document(Array(body))
        var turn: ResponsesTurn?
        if let keeping {
            turn = try ResponsesTurn(source, keeping)
            if let continued = turn?.continuedBody { source = try document(continued) }
        }
        do throws(WireError) {
            return PreparedRequest(
                prompt: try Prompt(reading: source, dialect: rewriting.client), upstream: upstream, turn: turn)
        } catch {
            throw GatewayError(error)
        }
    }

    private func document(_ bytes: [UInt8]) throws(GatewayError) -> SourceDocument {
        do throws(CoreError) { return try SourceDocument(parsing: bytes) } catch {
            throw GatewayError(.badRequest, detail: "the body is not JSON (\(error))")
        }
    }

    /// Writes what goes upstream.
    /// - Throws: `untranslatable` with the path.
    func write(_ request: PreparedRequest) throws(GatewayError) -> RewrittenRequest {
        var prompt = request.prompt
        var context = answerContext(request)
        if let model = rewriting.model { prompt.model = RawJSON(quoting: model) }
        if rewriting.client != .messages { EmissionPlan.markParts(of: &prompt, breakpoints) }
        if request.turn != nil { prompt.settings[.store] = nil }  // done here, so nothing of it is dropped
        var out = ByteWriter(capacity: prompt.source.bytes.count + 4096)
        let report: EncodingReport
        do throws(WireError) {
            report = try prompt.encode(for: upstream, to: &out)
        } catch {
            throw GatewayError(error)
        }
        if rewriting.client != rewriting.target { context.changedTools = Self.changedTools(prompt, report) }
        return RewrittenRequest(
            body: HeldBody(out), losses: report.losses, context: context, turn: request.turn)
    }

    private func answerContext(_ request: PreparedRequest) -> AnswerContext {
        let prompt = request.prompt
        var context = AnswerContext(source: prompt.source, createdSeconds: createdSeconds, nonce: Self.nonce())
        context.model = prompt.model
        context.includesUsage = prompt.settings.includesUsage ?? false
        if rewriting.client == .responses {
            context.echo = Self.members(of: prompt.source) + (request.turn?.echo ?? [])
        }
        let asked = rewriting.model ?? prompt.model.flatMap { prompt.source.text(of: $0) } ?? ""
        context.markup = upstream.family.markup(ofModel: asked)
        return context
    }

    /// Tools that the model knows under another name or in another form than the client: its calls of them are turned back.
    private static func changedTools(_ prompt: Prompt, _ report: EncodingReport) -> [AnswerContext.ChangedTool] {
        let freeform = prompt.tools.compactMap { tool in
            if case .custom = tool.kind { tool.name.map { prompt.source.detached($0) } } else { nil }
        }
        let renamed = report.aliases.map { alias in
            AnswerContext.ChangedTool(
                sentName: alias.sent, name: alias.name, namespace: alias.namespace,
                isFreeform: freeform.contains(prompt.source.detached(alias.name)))
        }
        let kept = freeform.filter { name in !renamed.contains { prompt.source.detached($0.name) == name } }
        return renamed + kept.map { AnswerContext.ChangedTool(sentName: $0, name: $0, isFreeform: true) }
    }

    /// The top-level members of a request.
    private static func members(of source: SourceDocument) -> [Prompt.Member] {
        var members: [Prompt.Member] = []
        source.json.forEachChild(of: 0) { index in
            let node = source.json[index]
            guard let key = node.keyRange else { return }
            members.append(
                Prompt.Member(key: RawJSON(key.lowerBound - 1..<key.upperBound + 1), value: RawJSON(node.range)))
        }
        return members
    }
}

/// A request that was read and not yet written: what decides about prompts works on it.
struct PreparedRequest: Sendable {
    var prompt: Prompt
    let upstream: UpstreamTraits
    /// What of a kept conversation it continues; nil where the gateway keeps none.
    let turn: ResponsesTurn?
}

/// A request as it goes upstream, and what its answer is read with.
struct RewrittenRequest: Sendable {
    let body: HeldBody
    let losses: [EncodingReport.CountedLoss]
    let context: AnswerContext
    let turn: ResponsesTurn?
}

extension GatewayError {
    /// A body that cannot be read or translated is the client's to mend.
    init(_ error: WireError) {
        let place = error.path.isEmpty ? error.reason : "\(error.path): \(error.reason)"
        let detail = place.hasSuffix(".") ? String(place.dropLast()) : place
        switch error.kind {
        case .notJSON, .malformed: self.init(.badRequest, detail: detail)
        case .untranslatable: self.init(.untranslatable, detail: detail)
        case .tooBig: self.init(.bodyTooLarge, detail: detail)
        }
    }
}

extension UpstreamTraits.Family {
    /// Markup that the provider's models leave in their text: thoughts between `<think>` tags wherever a server runs without
    /// a reasoning parser, and DeepSeek's tool calls wherever a model of theirs runs without a tool parser.
    func markup(ofModel name: String) -> AnswerContext.Markup {
        let isDeepSeek = name.lowercased().contains("deepseek")
        switch self {
        case .openai, .anthropic: return []
        case .deepseek: return [.thinkTags, .deepSeekToolCalls]
        case .vllm, .sglang: return isDeepSeek ? [.thinkTags, .deepSeekToolCalls] : [.thinkTags]
        case .generic: return isDeepSeek ? [.thinkTags, .deepSeekToolCalls] : []
        }
    }
}
