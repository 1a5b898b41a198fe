// What a source file may import or include: its row of the map, and a short list of the system's own modules.

import Foundation
import Testing

@Suite struct ImportTests {
    static let systemModules: Set<String> = ["Glibc", "Synchronization"]
    static let testModules: Set<String> = ["Foundation", "Glibc", "Synchronization", "Testing"]
    /// The core has no I/O, threads, clock, locale or errno; what is not in this list would bring one of them
    /// in.
    /// cblas.h is for who includes cairn_vector_cblas.h: the core itself calls no BLAS (docs/decisions/0004-blas.md).
    static let coreHeaders: Set<String> = [
        "assert.h", "cblas.h", "emmintrin.h", "float.h", "immintrin.h", "limits.h", "math.h", "stdalign.h", "stdbool.h",
        "stddef.h", "stdint.h",
        "stdlib.h",
        "string.h", "xxhash.h",
    ]

    /// The modules a Swift source imports, with or without attributes, access level and kind.
    static func imports(_ source: String) -> [String] {
        // Extended syntax: white space and line ends in the pattern do not count.
        let pattern =
            #/
            (?m) ^ [\ \t]*
            (?: @\w+ (?: \([^)]*\) )? [\ \t]+ | (?: public|package|internal|fileprivate|private ) [\ \t]+ )*
            import [\ \t]+
            (?: (?: struct|class|enum|protocol|func|var|let|typealias ) [\ \t]+ )?
            (\w+)
            /#
        return source.matches(of: pattern).map { String($0.1) }
    }

    static func faults(swift repository: Repository, manifest: Manifest, map: HouseMap) throws -> [String] {
        let rooms = Dictionary(map.rooms.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return try manifest.targets.flatMap { target -> [String] in
            let own = rooms[target.name]?.mayImport ?? []
            let allowed = own.union(target.isTest ? testModules : systemModules)
            return try repository.texts("swift").filter { $0.path.hasPrefix(target.path + "/") }.flatMap { file in
                imports(file.text).filter { !allowed.contains($0) }.map { "\(file.path) imports \($0)" }
            }
        }
    }

    /// The targets with a Swift file that imports the module.
    static func importers(of module: String, in repository: Repository, manifest: Manifest) throws -> Set<String> {
        Set(
            try manifest.targets.filter { target in
                try repository.texts("swift").contains {
                    $0.path.hasPrefix(target.path + "/") && imports($0.text).contains(module)
                }
            }.map(\.name))
    }

    static func faults(coreIncludes repository: Repository) throws -> [String] {
        try repository.texts("c", "h").filter { $0.path.hasPrefix("CSources/CCairn/") }.flatMap { file in
            file.text.matches(of: #/(?m)^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]/#).compactMap { match in
                let header = String(match.2)
                let isOwn = match.1 == "\"" && header.hasPrefix("cairn")
                return isOwn || coreHeaders.contains(header) ? nil : "\(file.path) includes \(header)"
            }
        }
    }

    @Test func `a file imports only what the row of its room allows`() throws {
        let repository = try Repository.here()
        let (manifest, map) = try HouseTests.read(repository)

        let faults = try Self.faults(swift: repository, manifest: manifest, map: map)

        #expect(faults == [])
    }

    @Test(arguments: [
        ("CCairn", "CairnCore"), ("COutline", "CairnCore"), ("CGrammars", "CairnCore"), ("CHTTP", "CairnHTTP"),
    ])
    func `our C has one importer`(module: String, face: String) throws {
        let repository = try Repository.here()
        let (manifest, _) = try HouseTests.read(repository)

        #expect(try Self.importers(of: module, in: repository, manifest: manifest) == [face])
    }

    @Test func `the core includes no header that does I-O, threads or clocks`() throws {
        let faults = try Self.faults(coreIncludes: .here())

        #expect(faults == [])
    }

    static let files = [
        "Sources/roof/Roof.swift": "// The roof.\n@preconcurrency import Foundation\nimport floor\n",
        "Tests/RoofTests/RoofTests.swift":
            "import Foundation\n@testable import roof\nimport func floor.lay\nimport cellar\n",
        "CSources/CCairn/cairn_x.c":
            "#include <time.h>\n#include <stdint.h>\n#include \"cairn_x.h\"\n#  include \"uv.h\"\n",
    ]

    @Test func `a foreign import is noticed however it is written`() throws {
        let manifest = try Manifest(HouseTests.smallManifest)

        let faults = try Self.faults(
            swift: Repository(Self.files), manifest: manifest, map: HouseMap(HouseTests.smallMap))

        #expect(
            faults == ["Sources/roof/Roof.swift imports Foundation", "Tests/RoofTests/RoofTests.swift imports cellar"])
    }

    @Test func `a second importer is noticed`() throws {
        let manifest = try Manifest(HouseTests.smallManifest)

        let importers = try Self.importers(of: "floor", in: Repository(Self.files), manifest: manifest)

        #expect(importers == ["roof", "RoofTests"])
    }

    @Test func `a clock in the core is noticed`() throws {
        let faults = try Self.faults(coreIncludes: Repository(Self.files))

        #expect(faults == ["CSources/CCairn/cairn_x.c includes time.h", "CSources/CCairn/cairn_x.c includes uv.h"])
    }
}
