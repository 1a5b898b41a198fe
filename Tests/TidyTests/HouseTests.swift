// The manifest, the folders and ARCHITECTURE.md say the same, and arrows point down.

import Foundation
import Testing

@Suite struct HouseTests {
    static let topLevel: Set<String> = [
        "Package.swift", "Sources", "CSources", "Tests", "Benchmarks", "Makefile", "README.md", "ARCHITECTURE.md",
        "STYLE.md",
        "NOTICE", "LICENSE", "docs", "Examples", ".ci", ".gitignore", ".swift-format", ".clang-format",
    ]

    /// Where the manifest and the map differ, and arrows that do not point to a lower floor.
    static func faults(manifest: Manifest, map: HouseMap) -> [String] {
        var faults: [String] = []
        let rooms = Dictionary(map.rooms.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let targets = Dictionary(manifest.targets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        if rooms.count != map.rooms.count { faults.append("a room has two rows") }
        for name in Set(rooms.keys).symmetricDifference(targets.keys).sorted() {
            faults.append("\(name) is only in \(rooms[name] == nil ? "the manifest" : "the map")")
        }
        for (name, room) in rooms.sorted(by: { $0.key < $1.key }) {
            guard let target = targets[name] else { continue }
            if target.dependencies != room.mayImport {
                let difference = target.dependencies.symmetricDifference(room.mayImport).sorted()
                faults.append("\(name): map and manifest differ in \(difference.joined(separator: ", "))")
            }
            if target.isTest != (room.floor == nil) {
                faults.append("\(name) is a test in one of map and manifest only")
            }
            guard let floor = room.floor else { continue }
            for dependency in room.mayImport.sorted() {
                // The shim of our C stands under everything of Swift, its own floor included.
                let limit = dependency == "CairnCore" && name != dependency ? floor + 1 : floor
                guard (rooms[dependency]?.floor ?? Int.max) >= limit else { continue }
                faults.append("\(name) -> \(dependency) does not point to a lower floor")
            }
        }
        return faults
    }

    /// Folders of rooms that neither a target nor the map's second table knows, and the reverse.
    static func faults(folders repository: Repository, manifest: Manifest, map: HouseMap, fetched: Set<String>)
        -> [String]
    {
        let known = manifest.targets.map(\.path) + map.folders
        var faults = known.filter { !repository.contains($0) && !fetched.contains($0) }.map { "\($0) does not exist" }
        let parents = ["Sources", "CSources", "Tests", "Benchmarks"]
        let folders = Set(
            repository.paths.map { $0.split(separator: "/") }
                .filter { $0.count > 2 && parents.contains(String($0[0])) }
                .map { "\($0[0])/\($0[1])" })
        for folder in folders.sorted() where !known.contains(where: { ($0 + "/").hasPrefix(folder + "/") }) {
            faults.append("\(folder) is not on the map")
        }
        return faults
    }

    static func faults(topLevel repository: Repository) -> [String] {
        let found = Set(repository.paths.map { String($0.split(separator: "/")[0]) })
        return found.subtracting(topLevel).sorted().map { "\($0) does not belong at the top level" }
            + topLevel.subtracting(found).sorted().map { "\($0) is missing at the top level" }
    }

    static func read(_ repository: Repository) throws -> (manifest: Manifest, map: HouseMap) {
        guard let manifest = try repository.text("Package.swift"), let map = try repository.text("ARCHITECTURE.md")
        else {
            throw TidyError.unreadable("Package.swift and ARCHITECTURE.md")
        }
        return (try Manifest(manifest), try HouseMap(map))
    }

    /// What set-up fetches is on the map and in the manifest, and not in git.
    static func fetchedFolders(_ repository: Repository) throws -> Set<String> {
        let pins = try repository.text("CSources/pins.txt") ?? ""
        return Set(pins.matches(of: #/(?m)^into: (\S+)$/#).map { "CSources/\($0.1)" })
    }

    @Test func `the manifest and the map agree and arrows point down`() throws {
        let (manifest, map) = try Self.read(.here())

        let faults = Self.faults(manifest: manifest, map: map)

        #expect(faults == [])
    }

    @Test func `every folder of a room is on the map and exists`() throws {
        let repository = try Repository.here()
        let (manifest, map) = try Self.read(repository)

        let faults = try Self.faults(
            folders: repository, manifest: manifest, map: map, fetched: Self.fetchedFolders(repository))

        #expect(faults == [])
    }

    @Test func `the top level is exactly the list`() throws {
        let faults = try Self.faults(topLevel: .here())

        #expect(faults == [])
    }

    static let smallManifest = """
        // swift-tools-version: 6.2
        let package = Package(name: "x", targets: [
            .executableTarget(name: "roof", dependencies: ["floor"]),
            .target(name: "floor", path: "CSources/floor", linkerSettings: [.linkedLibrary("z")]),
            // .target(name: "gone"),
            .testTarget(name: "RoofTests", dependencies: ["roof", "floor"]),
        ])
        """
    static func map(_ rows: String) -> String {
        """
        | floor | target | may import |
        |---|---|---|
        \(rows)

        | folder | what it is |
        |---|---|
        | Tests/Other | more |
        """
    }
    static let smallMap = map("| L6 | roof | floor |\n| L1 | floor | |\n| test | RoofTests | floor, roof |")

    @Test func `the manifest is read as written`() throws {
        let targets = try Manifest(Self.smallManifest).targets

        #expect(
            targets == [
                .init(name: "roof", path: "Sources/roof", dependencies: ["floor"], isTest: false),
                .init(name: "floor", path: "CSources/floor", dependencies: [], isTest: false),
                .init(name: "RoofTests", path: "Tests/RoofTests", dependencies: ["roof", "floor"], isTest: true),
            ])
    }

    @Test(arguments: [
        ("| L6 | roof | floor |\n| L1 | floor | |\n| test | RoofTests | floor, roof |", []),
        (
            "| L6 | roof | floor |\n| L6 | floor | |\n| test | RoofTests | floor, roof |",
            ["roof -> floor does not point to a lower floor"]
        ),
        (
            "| L6 | roof | |\n| L1 | floor | |\n| test | RoofTests | floor, roof |",
            ["roof: map and manifest differ in floor"]
        ),
        ("| L6 | roof | floor |\n| L1 | floor | |", ["RoofTests is only in the manifest"]),
        (
            "| L6 | roof | floor |\n| L1 | floor | |\n| L1 | cellar | |\n| test | RoofTests | floor, roof |",
            ["cellar is only in the map"]
        ),
        (
            "| L6 | roof | floor |\n| L1 | floor | |\n| L6 | RoofTests | floor, roof |",
            [
                "RoofTests is a test in one of map and manifest only",
                "RoofTests -> roof does not point to a lower floor",
            ]
        ),
    ])
    func `a map that differs from the manifest is noticed`(rows: String, expected: [String]) throws {
        let manifest = try Manifest(Self.smallManifest)

        #expect(Self.faults(manifest: manifest, map: try HouseMap(Self.map(rows))) == expected)
    }

    @Test func `a table whose columns were renamed is not silently empty`() {
        #expect(throws: TidyError.self) { try HouseMap(Self.smallMap.replacing("may import", with: "imports")) }
    }

    @Test func `an unknown folder and a missing one are noticed`() throws {
        let repository = Repository([
            "Sources/roof/Roof.swift": "", "Sources/shed/Shed.swift": "", "Tests/Other/run.sh": "",
        ])

        let faults = try Self.faults(
            folders: repository, manifest: Manifest(Self.smallManifest), map: HouseMap(Self.smallMap),
            fetched: ["CSources/floor"])

        #expect(faults == ["Tests/RoofTests does not exist", "Sources/shed is not on the map"])
    }

    @Test func `a stray file at the top level is noticed`() {
        let faults = Self.faults(topLevel: Repository(["notes.txt": "", "Sources/cairn/main.swift": ""]))

        #expect(faults.first == "notes.txt does not belong at the top level")
        #expect(faults.count == Self.topLevel.count)
    }
}
