// swift-tools-version: 6.2
// The house: a target may depend only on targets of a lower floor. ARCHITECTURE.md draws the same table, and
// Tests/TidyTests compares the two. Floors: L6 the command, L5 rooms that compose, L4 the store, L3 decisions,
// L2 wire and core, L1 our C, L0 system libraries.
import PackageDescription

let swiftFlags: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]
let cFlags: [CSetting] = [
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-std=c17", "-Wall", "-Wextra", "-Wno-unused-parameter"]),
    .unsafeFlags(["-O3"], .when(configuration: .release)),
]

let package = Package(
    name: "cairn",
    products: [
        .executable(name: "cairn", targets: ["cairn"])
    ],
    targets: [
        // L6: the command
        .executableTarget(
            name: "cairn",
            dependencies: [
                "CairnGateway", "CairnPractice", "CairnReport", "CairnStore", "CairnContext", "CairnLedger",
                "CairnHTTP", "CairnWire", "CairnCore", "CairnSettings",
            ],
            swiftSettings: swiftFlags),

        .executableTarget(
            name: "WireBenchmark", dependencies: ["CairnWire", "CairnCore"], path: "Benchmarks/wire",
            exclude: ["run.sh"], swiftSettings: swiftFlags),

        // L5: rooms that compose
        .target(
            name: "CairnGateway",
            dependencies: [
                "CairnHTTP", "CairnStore", "CairnContext", "CairnLedger", "CairnWire", "CairnCore", "CairnSettings",
                "CZlib", "CBrotli", "CZstd",
            ],
            swiftSettings: swiftFlags),
        .target(name: "CairnPractice", dependencies: ["CairnHTTP", "CairnCore", "CZlib"], swiftSettings: swiftFlags),

        .target(
            name: "CairnReport", dependencies: ["CairnStore", "CairnContext", "CairnLedger", "CairnCore"],
            swiftSettings: swiftFlags),

        // L4: what survives a restart
        .target(
            name: "CairnStore", dependencies: ["CairnContext", "CairnCore", "CSQLite", "CZstd"],
            swiftSettings: swiftFlags),

        // L3: decisions in values
        .target(name: "CairnContext", dependencies: ["CairnWire", "CairnCore"], swiftSettings: swiftFlags),
        .target(
            name: "CairnLedger", dependencies: ["CairnCore"], resources: [.embedInCode("prices.yaml")],
            swiftSettings: swiftFlags),

        // L2: values and the Swift faces of our C
        .target(name: "CairnWire", dependencies: ["CairnCore"], swiftSettings: swiftFlags),
        .target(name: "CairnSettings", dependencies: ["CYAML"], swiftSettings: swiftFlags),
        .target(name: "CairnHTTP", dependencies: ["CHTTP"], swiftSettings: swiftFlags),
        .target(
            name: "CairnCore", dependencies: ["CCairn", "COutline", "CGrammars"], swiftSettings: swiftFlags,
            linkerSettings: [.linkedLibrary("blas"), .linkedLibrary("m")]),

        // L1: our C
        .target(name: "CCairn", path: "CSources/CCairn", cSettings: cFlags),
        .target(
            name: "COutline", dependencies: ["CGrammars"], path: "CSources/COutline",
            cSettings: cFlags + [.headerSearchPath("../CGrammars/fetched/core/include")]),
        .target(
            name: "CHTTP", dependencies: ["CLLHTTP"], path: "CSources/CHTTP",
            cSettings: cFlags,
            linkerSettings: [
                .linkedLibrary("uv"), .linkedLibrary("ssl"), .linkedLibrary("crypto"), .linkedLibrary("curl"),
            ]),

        // L0: fetched at set-up, pinned by checksum (CSources/setup.sh), and system libraries
        .target(
            name: "CLLHTTP", path: "CSources/CLLHTTP/fetched", sources: ["src"], publicHeadersPath: "include",
            cSettings: [.unsafeFlags(["-O2", "-w"])]),
        // tree-sitter and its grammars are compiled at set-up, by CGrammars/build.sh: 88 MB of generated C.
        .target(
            name: "CGrammars", path: "CSources/CGrammars", exclude: ["build.sh", "cgrammars_typescript_scanner.c"],
            sources: ["cgrammars.c", "cgrammars_pool.c", "installed/cgrammars_table.c"],
            cSettings: cFlags,
            linkerSettings: [
                .unsafeFlags(["-L\(Context.packageDirectory)/CSources/CGrammars/installed"]),
                .linkedLibrary("cairn_grammars"),
            ]),
        .systemLibrary(name: "CYAML", path: "CSources/Systems/CYAML"),
        .systemLibrary(name: "CZlib", path: "CSources/Systems/CZlib"),
        .systemLibrary(name: "CBrotli", path: "CSources/Systems/CBrotli"),
        .systemLibrary(name: "CZstd", path: "CSources/Systems/CZstd"),
        .systemLibrary(name: "CSQLite", path: "CSources/Systems/CSQLite"),

        // Programs of the tests and benchmarks; nobody installs them
        .executableTarget(
            name: "StoreCrash", dependencies: ["CairnStore", "CairnContext", "CairnCore"], path: "Tests/Store",
            exclude: ["run.sh"], swiftSettings: swiftFlags),
        .executableTarget(
            name: "StoreBenchmark", dependencies: ["CairnStore", "CairnContext", "CairnCore"],
            path: "Benchmarks/store", exclude: ["run.sh"], swiftSettings: swiftFlags),
        .executableTarget(
            name: "AnswerBenchmark", dependencies: ["CairnWire", "CairnCore"], path: "Benchmarks/wire-answers",
            exclude: ["run.sh"], swiftSettings: swiftFlags),
        .executableTarget(
            name: "ShortenerBenchmark", dependencies: ["CairnContext", "CairnWire", "CairnCore"],
            path: "Benchmarks/shortener", exclude: ["run.sh"], swiftSettings: swiftFlags),

        // Tests, one target a room
        .testTarget(name: "CairnSettingsTests", dependencies: ["CairnSettings"], swiftSettings: swiftFlags),
        .testTarget(name: "CairnCoreTests", dependencies: ["CairnCore"], swiftSettings: swiftFlags),
        .testTarget(
            name: "CairnContextTests", dependencies: ["CairnContext", "CairnWire", "CairnCore"],
            swiftSettings: swiftFlags),
        .testTarget(name: "CairnWireTests", dependencies: ["CairnWire", "CairnCore"], swiftSettings: swiftFlags),
        .testTarget(name: "CairnHTTPTests", dependencies: ["CairnHTTP"], swiftSettings: swiftFlags),
        .testTarget(
            name: "CairnGatewayTests",
            dependencies: [
                "CairnGateway", "CairnStore", "CairnContext", "CairnLedger", "CairnWire", "CairnCore", "CairnSettings",
            ],
            swiftSettings: swiftFlags),
        .testTarget(
            name: "CairnLedgerTests", dependencies: ["CairnLedger", "CairnCore", "CZlib"], swiftSettings: swiftFlags),
        .testTarget(
            name: "CairnPracticeTests", dependencies: ["CairnPractice", "CairnCore"], swiftSettings: swiftFlags),
        .testTarget(
            name: "CairnReportTests",
            dependencies: ["CairnReport", "CairnStore", "CairnContext", "CairnLedger", "CairnCore"],
            swiftSettings: swiftFlags),
        .testTarget(
            name: "CairnStoreTests", dependencies: ["CairnStore", "CairnContext", "CairnCore", "CSQLite"],
            swiftSettings: swiftFlags),
        .testTarget(name: "TidyTests", swiftSettings: swiftFlags),
    ],
    cLanguageStandard: .c17
)
