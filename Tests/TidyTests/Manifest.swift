// The targets of Package.swift, read from its text: asking `swift package dump-package` from inside `swift
// test` would wait for the lock that `swift test` holds. Understands target declarations written as literals,
// which is how the manifest is written.

import Foundation

struct Manifest {
    struct Target: Equatable {
        var name: String
        var path: String
        var dependencies: Set<String>
        var isTest: Bool
    }

    let targets: [Target]

    init(_ text: String) throws {
        let code = text.replacing(#/(?m)^\s*//.*$/#, with: "")
        targets = try code.matches(of: #/\.(target|executableTarget|testTarget|systemLibrary)\(/#).compactMap { match in
            let body = try Self.balanced(code[match.range.upperBound...])
            // `.target(name:)` inside a dependency list has no closing use for us: it is read with its
            // target.
            guard let name = body.firstMatch(of: #/^\s*name:\s*"(\w+)"/#)?.1 else {
                throw TidyError.unreadable("a target in Package.swift without a literal name first")
            }
            let isTest = match.1 == "testTarget"
            return Target(
                name: String(name),
                path: body.firstMatch(of: #/\bpath:\s*"([^"]+)"/#).map { String($0.1) }
                    ?? (isTest ? "Tests/\(name)" : "Sources/\(name)"),
                dependencies: Self.dependencies(body), isTest: isTest)
        }
        guard !targets.isEmpty else { throw TidyError.unreadable("any target in Package.swift") }
    }

    private static func dependencies(_ body: Substring) -> Set<String> {
        guard let list = body.firstMatch(of: #/dependencies:\s*\[([^\]]*)\]/#)?.1 else { return [] }
        return Set(list.matches(of: #/"(\w+)"/#).map { String($0.1) })
    }

    /// The text up to the parenthesis that closes the one just opened. Parentheses in strings do not occur in
    /// the manifest.
    private static func balanced(_ text: Substring) throws -> Substring {
        var depth = 1
        for index in text.indices {
            switch text[index] {
            case "(": depth += 1
            case ")": depth -= 1
            default: break
            }
            if depth == 0 { return text[..<index] }
        }
        throw TidyError.unreadable("Package.swift: a target is not closed")
    }
}
