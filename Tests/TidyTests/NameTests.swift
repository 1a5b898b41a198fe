// Names of files and types: no drawers, C files unique and with the prefix of their room; sources open with
// a paragraph.

import Foundation
import Testing

@Suite struct NameTests {
    static let drawers: Set<String> = ["util", "utils", "helper", "helpers", "common", "manager", "misc"]

    /// What the name of a C file of a room must start with.
    static let prefixes = [
        "CSources/CCairn/": "cairn", "CSources/COutline/": "cairn_outline", "CSources/CGrammars/": "cgrammars",
        "CSources/CHTTP/": "chttp",
    ]

    /// The words of a name in camel case, snake case or with dashes, in lower case: `HTTPManager+Pool` is
    /// http, manager, pool.
    static func words(_ name: Substring) -> [String] {
        name.matches(of: #/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+/#).map { $0.0.lowercased() }
    }

    static func faults(drawers repository: Repository) throws -> [String] {
        let named = repository.paths.filter { path in
            path.split(separator: "/").contains { !drawers.isDisjoint(with: words($0)) }
        }.map { "\($0) is named like a drawer" }
        let types = try repository.texts("swift").flatMap { file in
            file.text.matches(
                of: #/(?m)^[ \t]*(?:[a-z@]+[ \t]+)*(?:struct|class|enum|actor|protocol|typealias)[ \t]+(\w+)/#
            )
            .filter { !drawers.isDisjoint(with: words($0.1)) }
            .map { "\(file.path): type \($0.1) is named like a drawer" }
        }
        return named + types
    }

    static func faults(cNames repository: Repository) -> [String] {
        // The shims of the system libraries are all called shim.h, beside their module maps.
        let files = repository.paths.filter {
            ($0.hasSuffix(".c") || $0.hasSuffix(".h") || $0.hasSuffix(".cpp")) && !$0.hasPrefix("CSources/Systems/")
        }
        let byName = Dictionary(grouping: files) { $0.split(separator: "/").last.map(String.init) ?? $0 }
        let twice = byName.filter { $0.value.count > 1 }.values.map { "same name: \($0.joined(separator: ", "))" }
            .sorted()
        let unprefixed = byName.sorted { $0.key < $1.key }.flatMap { name, paths in
            paths.filter { path in
                prefixes.contains { path.hasPrefix($0.key) && !name.hasPrefix($0.value) }
            }.map { "\($0) has not the prefix of its room" }
        }
        return twice + unprefixed
    }

    /// Sources whose first lines are not a comment; the name of a Swift test says enough. A shebang or the tools
    /// version is looked past.
    static func faults(openings repository: Repository) throws -> [String] {
        try repository.texts("swift", "c", "h", "cpp", "py", "sh").filter {
            !$0.path.hasPrefix("CSources/Systems/") && !$0.path.hasSuffix("Tests.swift")
        }
        .filter { file in
            let first = file.text.split(separator: "\n").first {
                !$0.hasPrefix("#!") && !$0.hasPrefix("// swift-tools-version")
            }
            let openings = ["//", "/*", "# ", "\"\"\""]
            return !openings.contains { first?.hasPrefix($0) ?? false }
        }
        .map { "\($0.path) does not start by saying what it is" }
    }

    @Test func `nothing is named like a drawer`() throws {
        let faults = try Self.faults(drawers: .here())

        #expect(faults == [])
    }

    @Test func `C file names are unique and carry the prefix of their room`() throws {
        let faults = try Self.faults(cNames: .here())

        #expect(faults == [])
    }

    @Test func `sources start by saying what they are`() throws {
        let faults = try Self.faults(openings: .here())

        #expect(faults == [])
    }

    @Test(arguments: [
        "Sources/x/StringUtils.swift", "Sources/Common/A.swift", "Tests/helpers.py", "CSources/CHTTP/chttp_misc.h",
    ])
    func `a drawer is noticed`(path: String) throws {
        #expect(try Self.faults(drawers: Repository([path: ""])) == ["\(path) is named like a drawer"])
    }

    @Test func `a type named like a drawer is noticed and a word inside a word is not`() throws {
        let files = ["Sources/x/A.swift": "// A.\npublic final class PoolManager {}\nstruct Commonality {}\n"]

        #expect(
            try Self.faults(drawers: Repository(files)) == [
                "Sources/x/A.swift: type PoolManager is named like a drawer"
            ])
    }

    @Test func `two C files of one name and a missing prefix are noticed`() {
        let files = Repository([
            "CSources/CHTTP/chttp_pool.c": "", "CSources/CHTTP/old/chttp_pool.c": "", "CSources/CCairn/sse.c": "",
            "CSources/Systems/CZlib/shim.h": "", "CSources/Systems/CZstd/shim.h": "",
        ])

        #expect(
            Self.faults(cNames: files) == [
                "same name: CSources/CHTTP/chttp_pool.c, CSources/CHTTP/old/chttp_pool.c",
                "CSources/CCairn/sse.c has not the prefix of its room",
            ])
    }

    @Test func `a source without an opening is noticed`() throws {
        let files = Repository([
            "Sources/x/A.swift": "import Glibc\n", "Sources/x/B.swift": "// B.\n",
            "Tests/run.sh": "#!/bin/sh\nset -e\n",
            "Package.swift": "// swift-tools-version: 6.2\nimport PackageDescription\n",
        ])

        let faults = try Self.faults(openings: files)

        #expect(faults.map { $0.split(separator: " ")[0] } == ["Package.swift", "Sources/x/A.swift", "Tests/run.sh"])
    }
}
