// How many CPUs this process may use: the default number of event loops.

import Glibc

enum ProcessorCount {
    /// The CPUs in this process's affinity mask (taskset and container CPU sets narrow it) that are
    /// online, at least 1.
    ///
    /// The mask is read from `/proc/self/status`, because Swift's Glibc module does not show
    /// sched_getaffinity (it is behind _GNU_SOURCE). The kernel's mask may hold CPUs that could be
    /// plugged in later; hence the second bound.
    static func available() -> Int {
        let online = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        guard let status = try? DiskConfigFiles().contents(ofFile: "/proc/self/status", bytesMax: 64 << 10),
            let allowed = allowedCount(status: String(decoding: status, as: UTF8.self))
        else { return online }
        return max(1, min(online, allowed))
    }

    /// The bits set in the mask of a line such as `Cpus_allowed:  00000000,0000000f`.
    static func allowedCount(status: String) -> Int? {
        let label = "Cpus_allowed:"
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(label) }) else {
            return nil
        }
        return line.dropFirst(label.count).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
    }
}
