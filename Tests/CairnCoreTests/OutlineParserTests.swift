import Testing

@testable import CairnCore

/// False after `make setup-min`.
private let isInstalled = SourceLanguage.allCases.allSatisfy(\.isInstalled)

private func definitions(in text: String, _ language: SourceLanguage) throws -> [Definition] {
    var parser = try OutlineParser([language])
    return try Array(text.utf8).withUnsafeBytes { try parser.definitions(in: $0, language: language) }
}

private func text(_ range: Range<Int>, of text: String) -> String {
    String(decoding: Array(text.utf8)[range], as: UTF8.self)
}

private func language(path: String = "", fenceTag: String = "", text: String = "") -> SourceLanguage? {
    Array(text.utf8).withUnsafeBytes { SourceLanguage(path: path, fenceTag: fenceTag, text: $0) }
}

@Suite struct OutlineParserTests {
    static let shape = """
        from os import path

        class Shape(Base):
            @property
            def area(self,
                     scale=1):
                return self.side * scale

        """

    @Test(.enabled(if: isInstalled, "no grammars: make setup"))
    func `a class has its methods, with whole signatures and without bodies`() throws {
        let found = try definitions(in: Self.shape, .python)

        #expect(found.map(\.kind) == [.import, .class, .method])
        #expect(found.map { text($0.nameRange, of: Self.shape) } == ["os", "Shape", "area"])
        #expect(found.map(\.lines) == [1...1, 3...7, 4...7])
        #expect(found.map(\.parent) == [nil, nil, 1])
        #expect(
            text(found[2].signatureRange, of: Self.shape)
                == "@property\n    def area(self,\n             scale=1):")
        #expect(text(found[2].range, of: Self.shape).hasSuffix("return self.side * scale"))
        #expect(!found.contains { $0.isBroken })
    }

    @Test(
        .enabled(if: isInstalled, "no grammars: make setup"),
        arguments: [
            (SourceLanguage.rust, "macro_rules! m { () => {} }\nimpl A { fn f() {} }\nmod a {}", ["m", "A", "f", "a"]),
            (.python, "LIMIT = 1\ndef f(): pass", ["LIMIT", "f"]),
            (.typeScript, "export type A = string;\nconst f = () => { };", ["A", "f"]),
            (.tsx, "function App(): Element { return <p>a</p>; }", ["App"]),
            (.javaScript, "import a from 'b';\nfunction f() { return <p/>; }", ["b", "f"]),
            (.java, "package a;\nclass A { static final int B = 1; void f() { } }", ["a", "A", "B", "f"]),
            (.c, "#define A 1\n#define F(x) x\nstatic int f(void) { return 0; }", ["A", "F", "f"]),
            (.cpp, "namespace a { struct B { void f(); }; }", ["a", "B", "f"]),
            (.cSharp, "namespace A { class B { int C { get; } } }", ["A", "B", "C"]),
            (.go, "package a\nfunc (s *S) f() { }", ["a", "f"]),
        ])
    func `every language is read`(language: SourceLanguage, code: String, names: [String]) throws {
        let found = try definitions(in: code, language)

        #expect(found.map { text($0.nameRange, of: code) } == names)
    }

    @Test(.enabled(if: isInstalled, "no grammars: make setup"))
    func `code that is cut off keeps its definitions and says that it is broken`() throws {
        let code = "class Circle {\n    void a() { }\n    public double area() {\n        if ("

        let found = try definitions(in: code, .java)

        #expect(found.map { text($0.nameRange, of: code) } == ["Circle", "a", "area"])
        #expect(found.first?.isBroken == true)
    }

    @Test(.enabled(if: isInstalled, "no grammars: make setup"))
    func `a text that takes too much work is refused, and the next one is read`() throws {
        var parser = try OutlineParser()
        let hostile = Array(String(repeating: "x=>", count: 20_000).utf8)

        #expect(throws: CoreError(.tooBig)) {
            _ = try hostile.withUnsafeBytes { try parser.definitions(in: $0, language: .java) }
        }
        let found = try Array("class A { }".utf8).withUnsafeBytes { try parser.definitions(in: $0, language: .java) }

        #expect(found.map(\.kind) == [.class])
    }

    @Test(.enabled(if: isInstalled, "no grammars: make setup"))
    func `a text above the limit is refused`() throws {
        let text = String(repeating: "\n", count: OutlineParser.textBytesMax + 1)

        #expect(throws: CoreError(.tooBig)) { try definitions(in: text, .go) }
    }

    @Test func `a language without a grammar is refused`() throws {
        var parser = try OutlineParser([])

        #expect(throws: CoreError(.notFound)) {
            _ = try [UInt8]().withUnsafeBytes { try parser.definitions(in: $0, language: .go) }
        }
    }

    @Test(.enabled(if: isInstalled, "no grammars: make setup"))
    func `an empty text has no definitions`() throws {
        #expect(try definitions(in: "", .c) == [])
    }

    @Test func `the language is told by the file, the fence or the text`() {
        #expect(language(path: "a/b.rs", fenceTag: "python") == .rust)
        #expect(language(fenceTag: "c++ title=a") == .cpp)
        #expect(language(text: "package main\n\nfunc main() {\n}\n") == .go)
        #expect(language(path: "a.h", text: "#pragma once\ntemplate <class T> class A {\npublic:\n};\n") == .cpp)
        #expect(language(path: "README.md", text: "Some words.\n") == nil)
    }
}
