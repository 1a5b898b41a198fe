// The file behind the usage log: opened with care, rotated by size, opened anew when it vanished. Used by the writer
// thread only; every call may wait for the disk.
//
//     usage.jsonl    the newest        a rotation renames  .jsonl   -> .jsonl.1
//     usage.jsonl.1  the one before                        .jsonl.1 -> .jsonl.2  ...  and removes the oldest

import Glibc

/// Why the file could not be used: what was tried, and the errno.
struct UsageFileError: Error, Equatable {
    let step: StaticString
    let errno: Int32

    static func == (left: UsageFileError, right: UsageFileError) -> Bool {
        left.errno == right.errno && left.step.description == right.step.description
    }
}

/// An append-only file of lines with a bound on its size.
struct UsageFile: ~Copyable {
    private let directory: String
    private let path: String
    private let bytesMax: Int
    private let filesMax: Int
    private var descriptor: Int32 = -1
    private var identity = FileIdentity(device: 0, inode: 0)
    private var fileBytes = 0

    /// Opens nothing yet.
    init(directory: String, bytesMax: Int, filesMax: Int) {
        self.directory = directory
        path = directory + "/usage.jsonl"
        self.bytesMax = bytesMax
        self.filesMax = filesMax
    }

    deinit {
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Closes the file; the next write opens it by name.
    mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Appends lines from `start` on, rotating between lines where the size demands it. `start` is moved over what was
    /// written, also when it throws, so that the caller can go on later: in the same file in the middle of a line, in a
    /// new one from that line's beginning.
    mutating func append(_ lines: UnsafeBufferPointer<UInt8>, from start: inout Int) throws(UsageFileError) {
        if try openIfNeeded() { start = Self.lineStart(in: lines, before: start) }
        while start < lines.count {
            let end = portionEnd(lines, from: start)
            guard end > start else {
                try rotate()
                guard fileBytes == 0 else { throw UsageFileError(step: "rotate", errno: EEXIST) }
                continue
            }
            while start < end { start += try write(UnsafeBufferPointer(rebasing: lines[start..<end])) }
        }
    }

    /// Where the bytes end that the file may still take: all, or whole lines up to its limit, or nothing. An empty file
    /// takes a line however long it is; so does one that holds the beginning of the line.
    private func portionEnd(_ lines: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        let room = bytesMax - fileBytes
        if lines.count - start <= room { return lines.count }
        let isInsideLine = start > 0 && lines[start - 1] != UInt8(ascii: "\n")
        if room > 0, let last = lines[start..<start + room].lastIndex(of: UInt8(ascii: "\n")) { return last + 1 }
        guard isInsideLine || fileBytes == 0 else { return start }
        return lines[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? lines.count
    }

    private static func lineStart(in lines: UnsafeBufferPointer<UInt8>, before position: Int) -> Int {
        lines[..<position].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    }

    private mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(UsageFileError) -> Int {
        while true {
            let written = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            if written > 0 {
                fileBytes += written
                return written
            }
            if written == 0 || errno != EINTR { throw UsageFileError(step: "write", errno: written == 0 ? EIO : errno) }
        }
    }

    /// Opens the file unless the open one still has the name; true if it is another file than before.
    private mutating func openIfNeeded() throws(UsageFileError) -> Bool {
        var status = stat()
        if descriptor >= 0, stat(path, &status) == 0, FileIdentity(status) == identity { return false }
        close()

        try Self.makeDirectory(directory)
        // O_NONBLOCK: a pipe of that name is refused at once instead of waiting for its reader.
        let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard opened >= 0 else { throw UsageFileError(step: "open", errno: errno) }
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(opened)
            throw UsageFileError(step: "open a regular file", errno: EINVAL)
        }
        if status.st_mode & 0o077 != 0 { fchmod(opened, 0o600) }
        // A number of an inode may be given to a new file, but then the file is shorter.
        let isSameFile = FileIdentity(status) == identity && Int(status.st_size) >= fileBytes
        descriptor = opened
        identity = FileIdentity(status)
        fileBytes = Int(status.st_size)
        if !isSameFile { try endBrokenLine() }
        return !isSameFile
    }

    /// A file that a crashed machine left in the middle of a line gets its line feed.
    private mutating func endBrokenLine() throws(UsageFileError) {
        guard fileBytes > 0 else { return }
        let reader = open(path, O_RDONLY | O_CLOEXEC)
        guard reader >= 0 else { return }
        defer { Glibc.close(reader) }
        var byte: UInt8 = 0
        guard pread(reader, &byte, 1, off_t(fileBytes - 1)) == 1, byte != UInt8(ascii: "\n") else { return }
        let lineFeed: [UInt8] = [UInt8(ascii: "\n")]
        do throws(UsageFileError) {
            _ = try lineFeed.withUnsafeBufferPointer { (bytes) throws(UsageFileError) in try write(bytes) }
        } catch {
            close()
            identity = FileIdentity(device: 0, inode: 0)
            throw error
        }
    }

    private mutating func rotate() throws(UsageFileError) {
        close()
        if filesMax <= 1 {
            unlink(path)
        } else {
            // A lowered setting leaves older files than it allows: they go first.
            var oldest = filesMax - 1
            while unlink("\(path).\(oldest)") == 0 { oldest += 1 }
            for number in stride(from: filesMax - 2, through: 1, by: -1) {
                rename("\(path).\(number)", "\(path).\(number + 1)")
            }
            guard rename(path, path + ".1") == 0 else { throw UsageFileError(step: "rotate", errno: errno) }
        }
        _ = try openIfNeeded()
    }

    /// Makes the directory and its missing parents, readable by their owner only.
    private static func makeDirectory(_ path: String) throws(UsageFileError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw UsageFileError(step: "make the directory", errno: errno)
        }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw UsageFileError(step: "make the directory", errno: errno)
        }
    }
}

/// Tells files apart however they are named.
private struct FileIdentity: Equatable {
    let device: dev_t
    let inode: ino_t

    init(device: dev_t, inode: ino_t) {
        self.device = device
        self.inode = inode
    }

    init(_ status: stat) { self.init(device: status.st_dev, inode: status.st_ino) }
}
