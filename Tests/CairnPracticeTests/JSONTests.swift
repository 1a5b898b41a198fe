import Testing

@testable import CairnPractice

@Suite struct JSONTests {
    private func parsed(_ text: String) throws -> JSONValue {
        try JSONValue(parsing: Array(text.utf8))
    }

    @Test(arguments: [
        #"{"b":1,"a":[true,false,null],"b2":{}}"#, #"[1.50,-0,1e5,1E-7,12345678901234567890]"#,
        #"["é\\\"/\n\t\b\f\r\u0001","石🪨"]"#, "\"\"", "[]", "0",
    ])
    func `key order, number spelling and text survive a round trip`(text: String) throws {
        let value = try parsed(text)

        #expect(value.compactText == text)
    }

    @Test func `escapes become characters and lone surrogates the replacement character`() throws {
        #expect(try parsed(#""\u0041\u00e9\ud83e\udea8\/""#) == "Aé🪨/")
        #expect(try parsed(#""\ud83e!\udea8\ud83e\u0041""#) == "\u{FFFD}!\u{FFFD}\u{FFFD}A")
    }

    @Test(arguments: [
        ("", 0), ("[1,]", 3), ("{\"a\":1,}", 7), ("{a:1}", 1), ("[1 2]", 3), ("01", 1), ("1.", 2), ("-", 1),
        ("\"a", 2), ("\"\u{1}\"", 1), ("\"\\x\"", 2), ("tru", 0), ("[] []", 3), ("{\"a\" 1}", 5), ("\"\\u12g4\"", 5),
    ])
    func `a bad document is refused at its first bad byte`(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try parsed(text) }

        #expect(error?.offset == offset)
    }

    @Test func `invalid UTF-8 is refused`() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func `nesting is bounded`() throws {
        let deepest = String(repeating: "[", count: jsonDepthMax) + String(repeating: "]", count: jsonDepthMax)

        #expect(throws: Never.self) { try parsed("[" + deepest.dropFirst().dropLast() + "]") }
        #expect(throws: JSONError.self) { try parsed("[[" + deepest + "]]") }
    }

    @Test func `the last of repeated keys wins`() throws {
        #expect(try parsed(#"{"a":1,"a":2}"#)["a"] == 2)
    }

    @Test func `indented output has two spaces a level and closed empty containers`() throws {
        let value = try parsed(#"{"a":[1,{"b":[]}],"c":{}}"#)

        let expected = """
            {
              "a": [
                1,
                {
                  "b": []
                }
              ],
              "c": {}
            }

            """
        #expect(String(decoding: value.indented, as: UTF8.self) == expected)
    }

    @Test func `a key can be left out at every level`() throws {
        let value = try parsed(#"{"x":1,"a":[{"x":2,"b":3}]}"#)

        #expect(value.removing(key: "x").compactText == #"{"a":[{"b":3}]}"#)
    }
}
