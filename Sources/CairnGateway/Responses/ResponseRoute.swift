// GET and DELETE /v1/responses/{id} and GET /v1/responses/{id}/input_items, for responses that the gateway keeps. Shapes:
// platform.openai.com/docs/api-reference/responses.

import CairnCore

/// What is asked of a kept response.
struct ResponseRoute: Equatable, Sendable {
    var identifier: String
    var query: TargetQuery
    var isDeletion: Bool
    var listsInput: Bool

    /// Items of a page, at most, and if the client does not say.
    static let pageItemsMax = 100
    static let pageItemsDefault = 20

    /// The body to answer with; nil: this caller has no such response here.
    /// - Throws: `badRequest` for a page that there cannot be.
    func answer(_ storage: any ResponseStorage, _ caller: CallerDigest) throws(GatewayError) -> [UInt8]? {
        if isDeletion {
            guard storage.remove(identifier, of: caller) else { return nil }
            return Array("{\"id\":".utf8) + JSONText.quoted(identifier)
                + Array(",\"object\":\"response\",\"deleted\":true}".utf8)
        }
        guard let kept = storage.response(identifier, of: caller) else { return nil }
        return listsInput ? try page(of: kept) : kept.object
    }

    /// A page of items, the newest first unless `order=asc` is asked for.
    private func page(of kept: KeptResponse) throws(GatewayError) -> [UInt8] {
        let limit = try pageLimit()
        let isAscending = try query["order"].map { order throws(GatewayError) in
            guard order == "asc" || order == "desc" else {
                throw GatewayError(.badRequest, detail: "order is asc or desc")
            }
            return order == "asc"
        }
        var items = kept.input.enumerated().map { index, item in ListedItem(item, index: index, of: kept) }
        if !(isAscending ?? false) { items.reverse() }
        if let after = query["after"] {
            guard let index = items.firstIndex(where: { $0.identifier == after }) else {
                throw GatewayError(.badRequest, detail: "after names no item of this response")
            }
            items.removeFirst(index + 1)
        }
        let page = items.prefix(limit)
        var out = ByteWriter(capacity: page.reduce(256) { $0 + $1.bytes.count + 1 })
        out.append("{\"object\":\"list\",\"data\":[")
        for (index, item) in page.enumerated() {
            if index > 0 { out.append(",") }
            out.append(item.bytes)
        }
        out.append("],\"first_id\":")
        out.append(page.first.map { JSONText.quoted($0.identifier) } ?? Array("null".utf8))
        out.append(",\"last_id\":")
        out.append(page.last.map { JSONText.quoted($0.identifier) } ?? Array("null".utf8))
        out.append(items.count > page.count ? ",\"has_more\":true}" : ",\"has_more\":false}")
        return out.copyBytes()
    }

    private func pageLimit() throws(GatewayError) -> Int {
        guard let text = query["limit"] else { return Self.pageItemsDefault }
        guard let limit = Int(text), (1...Self.pageItemsMax).contains(limit) else {
            throw GatewayError(.badRequest, detail: "limit is a number from 1 to \(Self.pageItemsMax)")
        }
        return limit
    }
}

/// An item as a list shows it: with the type and the id that a client may leave out.
private struct ListedItem {
    let identifier: String
    let bytes: [UInt8]

    init(_ item: ResponseItem, index: Int, of kept: KeptResponse) {
        let document = try? JSONDocument(item.bytes)
        var head = Array("{".utf8)
        var identifier = "item_\(kept.identifier.dropFirst("resp_".count))_\(index)"
        switch document {
        case .some(let json):
            if let own = json.member("id", of: 0).flatMap({ try? json.string($0) }) ?? nil {
                identifier = own
            } else {
                head += Array("\"id\":".utf8) + JSONText.quoted(identifier) + Array(",".utf8)
            }
            if json.member("type", of: 0) == nil { head += Array("\"type\":\"message\",".utf8) }
        case .none: break
        }
        self.identifier = identifier
        bytes = item.bytes.first == UInt8(ascii: "{") ? head + item.bytes.dropFirst() : item.bytes
    }
}
