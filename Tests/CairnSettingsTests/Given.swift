// What the tests of this room share: a run of Command.parse without a disk.

import CairnSettings
import Testing

/// Files that exist only in memory.
struct MemoryFiles: ConfigFiles {
    var files: [String: [UInt8]] = [:]
    var failures: [String: ConfigFileError] = [:]

    func contents(ofFile path: String, bytesMax: Int) throws(ConfigFileError) -> [UInt8] {
        if let failure = failures[path] { throw failure }
        guard let bytes = files[path] else { throw .notFound }
        guard bytes.count <= bytesMax else { throw .tooBig(bytesMax: bytesMax) }
        return bytes
    }
}

/// The path of the file that is read when none is named.
let configPath = "/home/ada/.cairn/config.yaml"

func parse(
    _ arguments: [String], _ environment: [String: String] = [:], file: String? = nil
) throws(SettingsError) -> Command {
    var files = MemoryFiles()
    files.files[configPath] = file.map { Array($0.utf8) }
    let environment = ["HOME": "/home/ada"].merging(environment) { $1 }
    return try Command.parse(arguments: arguments, environment: environment, files: files)
}

/// The settings of `cairn serve` with these flags.
func serve(
    _ flags: [String] = [], _ environment: [String: String] = [:], file: String? = nil
) throws -> Settings {
    guard case .serve(let settings) = try parse(["serve"] + flags, environment, file: file) else {
        throw SettingsError("not a serve command")
    }
    return settings
}

/// The error line of `cairn serve` with these flags; nil if there is none.
func serveError(
    _ flags: [String] = [], _ environment: [String: String] = [:], file: String? = nil
) -> String? {
    errorLine(["serve"] + flags, environment, file: file)
}

/// The error line of a run; nil if there is none.
func errorLine(_ arguments: [String], _ environment: [String: String] = [:], file: String? = nil) -> String? {
    do throws(SettingsError) {
        _ = try parse(arguments, environment, file: file)
        return nil
    } catch {
        return error.description
    }
}
