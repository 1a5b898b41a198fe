// The disk as this room sees it: one bounded read. A protocol, so that tests need no files.

import Glibc

/// Where configuration files are read from.
public protocol ConfigFiles {
    /// The bytes of the file; fails with `tooBig` if there are more than `bytesMax`.
    func contents(ofFile path: String, bytesMax: Int) throws(ConfigFileError) -> [UInt8]
}

/// Why a configuration file could not be read.
public enum ConfigFileError: Error, Equatable, Sendable {
    case notFound
    /// More bytes than the caller takes.
    case tooBig(bytesMax: Int)
    /// The system's words for the error.
    case failed(String)
}

extension ConfigFileError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound: "there is no such file"
        case .tooBig(let bytesMax): "it is larger than \(bytesMax) bytes"
        case .failed(let text): text
        }
    }
}

/// The real files.
public struct DiskConfigFiles: ConfigFiles {
    public init() {}

    public func contents(ofFile path: String, bytesMax: Int) throws(ConfigFileError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw errno == ENOENT ? .notFound : .failed(DiskConfigFiles.systemText(errno))
        }
        defer { close(file) }

        var bytes: [UInt8] = []
        while bytes.count <= bytesMax {
            let room = min(64 << 10, bytesMax + 1 - bytes.count)
            var error: Int32 = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                let result = read(file, buffer.baseAddress, room)
                error = result < 0 ? errno : 0
                count = max(0, result)
            }
            if error == EINTR { continue }
            guard error == 0 else { throw .failed(DiskConfigFiles.systemText(error)) }
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
        throw .tooBig(bytesMax: bytesMax)
    }

    private static func systemText(_ error: Int32) -> String {
        String(cString: strerror(error))
    }
}
