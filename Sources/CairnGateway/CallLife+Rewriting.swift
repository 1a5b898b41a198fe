// The life of a call that does not pass as it came: its request is written anew before it is sent, and its answer on the
// way back.
//
//     body ─▶ RequestRewriting (on a worker, if large) ─▶ fetch ─▶ head ─▶ RewrittenAnswer ─▶ client
//
// Streams leave as they are translated, with the same back-pressure as those that pass; whole answers leave when they are
// whole.

import CairnContext
import CairnCore
import CairnHTTP
import CairnSettings
import CairnWire

extension CallLife {
    // MARK: request

    /// Writes the body anew and sends it.
    func rewrite(
        _ body: UnsafeRawBufferPointer, _ rewriting: CallPlan.Rewriting, to upstream: PreparedUpstream, _ head: Head
    ) {
        let work = RequestRewriting(
            rewriting: rewriting, upstream: traits(rewriting, upstream, head),
            keeping: keeping(rewriting, head), createdSeconds: Int64(clamping: wallNanoseconds / 1_000_000_000),
            breakpoints: contextCall.map { $0.plan.asWritten($0.breakpoints) } ?? BreakpointPlan())
        asking?.work = work
        guard body.count > RequestRewriting.loopBytesMax else {
            return sendRewritten(Result { () throws(GatewayError) in try work.rewrite(body) }, rewriting)
        }
        offload(body) { bytes in
            Result { () throws(GatewayError) in try work.rewrite(bytes) }
        } then: { life, result in
            life.sendRewritten(result, rewriting)
        }
    }

    /// Works on the body on a worker thread and comes back, if the call is still open then.
    func offload<Made: Sendable>(
        _ body: UnsafeRawBufferPointer, _ work: @escaping @Sendable (UnsafeRawBufferPointer) -> Made,
        then use: @escaping @Sendable (CallLife, Made) -> Void
    ) {
        let loop = call.loop
        let life = LoopConfined(self)
        if let heldBody {
            call.perform {
                let made = await loop.offload { work(heldBody.bytes) }
                if life.value.call.isOpen { use(life.value, made) }
            }
        } else if let owned = call.takeBody() {
            call.perform {
                let made = await loop.offload { owned.withBytes { work($0) } }
                if life.value.call.isOpen { use(life.value, made) }
            }
        }
    }

    private func traits(_ rewriting: CallPlan.Rewriting, _ upstream: PreparedUpstream, _ head: Head) -> UpstreamTraits {
        UpstreamTraits(
            UpstreamTraits.Family(upstream.settings.provider), dialect: rewriting.target,
            leavesOutBuiltInTools: Self.offersToolsOfItsProvider(head))
    }

    /// Codex offers OpenAI's web search with every call and works without it.
    private static func offersToolsOfItsProvider(_ head: Head) -> Bool {
        let isCodex = { (value: UnsafeRawBufferPointer) in
            value.assumingMemoryBound(to: UInt8.self).span.endOfPrefix("codex", ignoringCase: true) != nil
        }
        return head.withValue(of: "originator", isCodex) ?? head.withValue(of: "user-agent", isCodex) ?? false
    }

    private func keeping(_ rewriting: CallPlan.Rewriting, _ head: Head) -> ResponseKeeping? {
        guard rewriting.client == .responses, rewriting.target != .responses else { return nil }
        return ResponseKeeping(storage: owner.shared.responses, caller: CallerDigest(Credentials(head)))
    }

    private func sendRewritten(_ result: Result<RewrittenRequest, GatewayError>, _ rewriting: CallPlan.Rewriting) {
        let request: RewrittenRequest
        switch result {
        case .success(let made): request = made
        case .failure(let error): return refuse(error)
        }
        rewritten = RewrittenAnswer(rewriting, request, filter: asking?.filter(rewriting, request.context))
        startRewritten(request.body, rewriting)
    }

    /// Asks the upstream with a body in the target's dialect.
    func startRewritten(_ body: HeldBody, _ rewriting: CallPlan.Rewriting) {
        guard let upstreamIndex, let head = call.head else { return }
        heldBody = body
        let upstream = owner.shared.upstreams.upstreams[upstreamIndex]
        let withheld: NameSet
        var lines: [UInt8]
        if rewriting.client == rewriting.target {
            withheld = upstream.withheldFromRenamed
            lines = keyLine(upstream, head) + headerLines([("accept-encoding", "identity")])
        } else {
            withheld = TranslatedHead.withheld(rewriting.client)
            lines = TranslatedHead.lines(head, upstream: upstream, target: rewriting.target, hasBody: true)
        }
        call.withRequestLine { method, target, _ in
            let ask = { (path: UnsafeRawBufferPointer) in
                lines.withUnsafeBytes { lines in
                    self.start(method: method, path: path, less: withheld, lines: lines, body: body.bytes)
                }
            }
            if rewriting.client == rewriting.target {
                owner.withUpstreamTarget(routed, target: target, upstream: upstream, dialect: dialect, ask)
            } else {
                upstream.path(rewriting.target.path, of: rewriting.target).withUnsafeBytes(ask)
            }
        }
    }

    // MARK: answer

    /// The head of an answer that is written anew.
    func begin(_ answer: RewrittenAnswer, _ fetch: Fetch) {
        guard let head = fetch.head else { return }
        let type = head.value(of: "content-type") ?? ""
        let isEventStream = type.lowercased().hasPrefix("text/event-stream")
        answer.begin(status: status, isStream: isEventStream)
        isStream = answer.form == .stream
        do throws(ContentDecodingError) {
            decoder = try Self.decoder(of: head)
        } catch {
            return giveUp(.upstreamMalformed, "its content coding is unknown", fetch)
        }
        let written = isStream ? "text/event-stream; charset=utf-8" : "application/json"
        let keepsType = (answer.isPassing || answer.form == .refusal && answer.passesRefusals) && !type.isEmpty
        var added = [("x-cairn-call", identifier.description)]
        if let dropped = answer.droppedField { added.append(("x-cairn-dropped", dropped)) }
        added += contextFields
        answer.fieldLines = RewrittenHead.lines(
            head, contentType: keepsType ? type : written, client: dialect, adding: added)
        if answer.form != .refusal, watch == nil, routed.route != .models, routed.route != .model {
            watch = owner.takeWatch(isStream: isStream, dialect: dialect)
        }
        if isStream {
            hasAnswerBegun = true
            call.start(status: Int(status), fieldLines: answer.fieldLines, contentLength: nil)
        }
    }

    static func decoder(of head: Head) throws(ContentDecodingError) -> ContentDecoder? {
        guard let field = head.value(of: "content-encoding") else { return nil }
        let codings = try ContentCoding.list(field: Array(field.utf8).span)
        return codings.isEmpty ? nil : try ContentDecoder(codings: codings, bytesMax: watchedBytesMax)
    }

    func take(_ bytes: UnsafeRawBufferPointer, _ answer: RewrittenAnswer, _ fetch: Fetch) {
        let now = call.loop.nowNanoseconds
        if let decoder {
            do throws(ContentDecodingError) {
                try decoder.decode(bytes.assumingMemoryBound(to: UInt8.self)) {
                    take(plain: UnsafeRawBufferPointer($0), answer)
                }
            } catch {
                return giveUp(.upstreamMalformed, "its body does not match its content coding", fetch)
            }
        } else {
            take(plain: bytes, answer)
        }
        if answer.isTooLarge {
            return giveUp(.upstreamAnswerTooLarge, "\(RewrittenAnswer.documentBytesMax) bytes", fetch)
        }
        if !deliver(answer) { fetch.pause() }
        addedNanoseconds &+= call.loop.nowNanoseconds &- now
    }

    private func take(plain bytes: UnsafeRawBufferPointer, _ answer: RewrittenAnswer) {
        if asking?.refusal != nil { asking?.take(refusal: bytes) } else { answer.take(bytes) }
    }

    /// Sends what was translated; false if the client reads too slowly.
    func deliver(_ answer: RewrittenAnswer) -> Bool {
        guard answer.form == .stream, !answer.out.isEmpty else { return true }
        defer { answer.out.clear() }
        return answer.out.withBytes { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            watch?.see(raw)
            remember(raw)
            return call.write(raw)
        }
    }

    /// The upstream's answer is of no use: nothing more of it is read.
    func giveUp(_ kind: GatewayError.Kind, _ reason: String, _ fetch: Fetch) {
        fetch.cancel()
        self.fetch = nil
        let name = upstreamIndex.map { owner.shared.upstreams.upstreams[$0].settings.name } ?? ""
        failed(GatewayError(kind, detail: kind == .upstreamAnswerTooLarge ? reason : name), detail: reason)
    }

    /// The upstream's answer is complete.
    func finish(_ answer: RewrittenAnswer) {
        if let decoder {
            do throws(ContentDecodingError) { try decoder.finish() } catch {
                return failed(.truncated, detail: "the encoded body is cut off")
            }
        }
        if !goesOnAsking(answer) { complete(answer) }
    }

    /// Nothing more will come of the answer.
    func complete(_ answer: RewrittenAnswer) {
        switch answer.form {
        case .stream:
            let ending = answer.finishStream()
            _ = deliver(answer)
            if ending == .cutShort { return failed(.truncated, detail: "the stream ended before the answer did") }
            call.end()
        case .document:
            if !answer.hasDocument, call.method == "HEAD" { return respond(answer) }
            do throws(WireError) {
                status = try answer.finishDocument(status: status)
                respond(answer)
            } catch {
                failed(
                    GatewayError(
                        .upstreamUnreadable,
                        detail: error.path.isEmpty ? error.reason : "\(error.path): \(error.reason)"),
                    detail: "the answer is no answer of its dialect")
            }
        case .refusal:
            status = answer.finishRefusal(status: status)
            respond(answer)
        }
    }

    private func respond(_ answer: RewrittenAnswer) {
        hasAnswerBegun = true
        answer.out.withBytes { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            watch?.see(raw)
            call.start(status: Int(status), fieldLines: answer.fieldLines, contentLength: bytes.count)
            call.write(raw)
            call.end()
        }
    }

    // MARK: answers of our own

    /// A document of ours instead of an upstream's answer.
    func respond(_ body: [UInt8], type: String = "application/json", adding added: [(String, String)] = []) {
        upstreamIndex = nil
        status = 200
        hasAnswerBegun = true
        let fields = [("content-type", type), ("x-cairn-call", identifier.description)]
        call.respond(status: 200, headers: fields + added, body: body)
    }

    /// Answers the routes of a kept response; false if the upstream keeps responses itself.
    func answerFromMemory(_ head: Head, _ upstream: PreparedUpstream) -> Bool {
        let found = call.withRequestLine { method, target, _ in
            let identifier = routed.identifier.map { String(decoding: target[$0], as: UTF8.self) } ?? ""
            return ResponseRoute(
                identifier: identifier, query: TargetQuery(of: target), isDeletion: method.first == UInt8(ascii: "D"),
                listsInput: routed.route == .responseInputItems)
        }
        guard let found else { return true }
        let caller = CallerDigest(Credentials(head))
        do throws(GatewayError) {
            if let body = try found.answer(owner.shared.responses, caller) {
                respond(body)
            } else if upstream.settings.speaks(.responses) {
                return false
            } else {
                refuse(GatewayError(.unknownResponse, detail: ResponseIdentifier.shown(found.identifier)))
            }
        } catch {
            refuse(error)
        }
        return true
    }

    /// Asks for models; the answer is written anew.
    func askForModels(_ shape: ModelsAnswer.Shape, of upstream: PreparedUpstream, _ head: Head) {
        rewritten = RewrittenAnswer(shape)
        let target: WireDialect = shape.asksAnthropic ? .messages : .chat
        let lines = TranslatedHead.lines(head, upstream: upstream, target: target, hasBody: false)
        let path = upstream.path("/v1/models", of: target) + shape.pathSuffix
        call.withRequestLine { method, _, _ in
            path.withUnsafeBytes { path in
                lines.withUnsafeBytes { lines in
                    start(
                        method: method, path: path,
                        less: TranslatedHead.withheld(shape.isAnthropic ? .messages : .chat), lines: lines, body: nil)
                }
            }
        }
    }

    /// Counts the tokens of a messages request.
    func countTokens(_ body: UnsafeRawBufferPointer, _ rewriting: CallPlan.Rewriting, to upstream: PreparedUpstream) {
        let traits = UpstreamTraits(UpstreamTraits.Family(upstream.settings.provider), dialect: rewriting.target)
        let shelf = owner.shared.vocabularies
        let work = RequestRewriting(rewriting: rewriting, upstream: traits, keeping: nil, createdSeconds: 0)
        // A megabyte of prompt takes tens of milliseconds: never on the loop.
        offload(body) { bytes in
            Result { () throws(GatewayError) in try PromptTokens(of: work, bytes, shelf) }
        } then: { life, result in
            switch result {
            case .success(let tokens):
                life.respond(
                    Array("{\"input_tokens\":\(tokens.count)}".utf8),
                    adding: [("x-cairn-token-count", tokens.isExact ? "exact" : "estimated")])
            case .failure(let error): life.refuse(error)
            }
        }
    }
}

extension PreparedUpstream {
    /// A path of the upstream's in that dialect, behind the prefix of its URL.
    func path(_ path: StaticString, of dialect: WireDialect) -> [UInt8] {
        (dialect == .messages ? messagesPathPrefix : pathPrefix) + Array(path.description.utf8)
    }
}
