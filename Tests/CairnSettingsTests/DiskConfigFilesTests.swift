// The real disk.

import CairnSettings
import Foundation
import Testing

struct DiskConfigFilesTests {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "cairn-settings-\(UUID().uuidString)"
    ).path

    private func withFolder(_ body: () throws -> Void) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body()
    }

    @Test func `a file is read whole, up to the bound`() throws {
        try withFolder {
            let path = "\(folder)/config.yaml"
            let bytes = [UInt8](repeating: 0x20, count: 200_000)
            try Data(bytes).write(to: URL(fileURLWithPath: path))

            #expect(try DiskConfigFiles().contents(ofFile: path, bytesMax: 200_000) == bytes)
            #expect(throws: ConfigFileError.tooBig(bytesMax: 199_999)) {
                try DiskConfigFiles().contents(ofFile: path, bytesMax: 199_999)
            }
        }
    }

    @Test func `ten megabytes are refused`() throws {
        try withFolder {
            try Data(count: 10_000_000).write(to: URL(fileURLWithPath: "\(folder)/config.yaml"))

            #expect(
                throws: SettingsError(
                    "cannot read the configuration file \(folder)/config.yaml: it is larger than 1048576 bytes"
                )
            ) {
                try Command.parse(
                    arguments: ["serve", "--home", folder], environment: [:], files: DiskConfigFiles())
            }
        }
    }

    @Test func `what is no file is an error in the system's words`() throws {
        try withFolder {
            #expect(throws: ConfigFileError.notFound) {
                try DiskConfigFiles().contents(ofFile: "\(folder)/none", bytesMax: 10)
            }
            #expect(throws: ConfigFileError.failed("Is a directory")) {
                try DiskConfigFiles().contents(ofFile: folder, bytesMax: 10)
            }
            #expect(throws: ConfigFileError.tooBig(bytesMax: 10)) {
                try DiskConfigFiles().contents(ofFile: "/dev/zero", bytesMax: 10)
            }
        }
    }
}
