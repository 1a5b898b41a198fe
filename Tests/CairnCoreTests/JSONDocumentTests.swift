import Testing

@testable import CairnCore

private func document(_ text: String) throws(CoreError) -> JSONDocument { try JSONDocument(Array(text.utf8)) }

@Suite struct JSONDocumentTests {
    @Test func `nodes tell kind, place, key and family`() throws {
        let document = try document(#"{"a":[1,true],"b":"x"}"#)

        #expect(document.nodeCount == 5)
        #expect(
            document[0]
                == .init(kind: .object, range: 0..<22, keyRange: nil, parent: nil, next: 5, childCount: 2, depth: 0))
        #expect(
            document[1]
                == .init(kind: .array, range: 5..<13, keyRange: 2..<3, parent: 0, next: 4, childCount: 2, depth: 1))
        #expect(document[3].kind == .true && document[4].kind == .string && document[4].parent == 0)
        var children: [Int] = []
        document.forEachChild(of: 0) { children.append($0) }
        #expect(children == [1, 4])
    }

    @Test func `members are found by their unescaped key`() throws {
        let document = try document(#"{"m\u006fdel":"é\n","x":1}"#)
        let model = document.member("model", of: 0)!
        #expect(try document.string(model) == "é\n")
        let x = document.member("x", of: 0)!
        #expect(try document.string(x) == nil)
        #expect(document.withRaw(x) { $0.count } == 1)
        #expect(document.member("y", of: 0) == nil && document.member("y", of: x) == nil)
    }

    @Test func `refusals tell the place`() {
        #expect(throws: CoreError(.syntax, offset: 5)) { _ = try document(#"{"a":}"#) }
        #expect(throws: CoreError(.incomplete, offset: 4)) { _ = try document(#"{"a""#) }
        #expect(throws: CoreError(.incomplete, offset: 0)) { _ = try document("") }
        #expect(throws: CoreError(.tooBig)) { _ = try document(String(repeating: "[", count: 513)) }
    }

    @Test func `a document denser than the first guess is parsed whole`() throws {
        let document = try document("[" + String(repeating: "1,", count: 5000) + "1]")
        #expect(document.nodeCount == 5002 && document[0].childCount == 5001)
    }

    @Test func `the canonical form orders members and keeps numbers`() throws {
        let document = try document(#" { "b" : 1.0 , "a" : [ "\u0041\/" , {} ] } "#)
        #expect(String(decoding: document.canonical(0), as: UTF8.self) == #"{"a":["A/",{}],"b":1.0}"#)
        let a = document.member("a", of: 0)!
        #expect(String(decoding: document.canonical(a), as: UTF8.self) == #"["A/",{}]"#)
    }

    @Test func `a splice changes its spans and nothing else`() throws {
        let document = try document(#"{"model":"a", "x": 1.0}"#)
        let model = document.member("model", of: 0)!
        let spliced = try document.spliced([
            .init(0..<0, with: [0x20]), .init(document[model].range, with: Array("\"other\"".utf8)),
            .init(12..<22, with: []),
        ])
        #expect(String(decoding: spliced, as: UTF8.self) == #" {"model":"other"}"#)
        #expect(try document.spliced([]) == document.text)
        #expect(throws: CoreError(.argument)) { _ = try document.spliced([.init(0..<99, with: [])]) }
    }
}
