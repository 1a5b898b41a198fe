// `cairn serve`: a gateway that lives until a signal ends it.
//
// Signals are taken by this thread alone, one after the other, with sigwait: no handler ever runs in the middle of
// anything. SIGTERM and SIGINT drain, a second one exits at once, SIGHUP reopens the logs.

import CairnGateway
import CairnSettings
import Glibc

enum Serve {
    /// Returns the exit status.
    static func run(_ settings: Settings) -> Int32 {
        let signals = SignalSet([SIGTERM, SIGINT, SIGHUP])
        signals.block()
        raiseDescriptorLimit()
        let gateway: Gateway
        do {
            gateway = try Gateway.start(settings, version: version, listenDescriptor: inheritedSocket())
        } catch {
            complain(error.description)
            return 2
        }
        while true {
            switch signals.wait() {
            case SIGHUP: gateway.reopenLogs()
            default:
                gateway.drain(withinMilliseconds: settings.drainMilliseconds) {
                    if signals.isPending([SIGTERM, SIGINT]) { _exit(1) }
                    return false
                }
                return 0
            }
        }
    }

    /// As many connections as the system allows.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Socket activation: descriptor 3, if systemd says that it is meant for this process (sd_listen_fds(3)).
    private static func inheritedSocket() -> Int32? {
        let environment = ProcessEnvironment.variables()
        guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == getpid(),
            environment["LISTEN_FDS"].flatMap({ Int($0) }) == 1
        else { return nil }
        _ = fcntl(3, F_SETFD, FD_CLOEXEC)
        return 3
    }
}

/// A set of signals that one thread takes.
struct SignalSet {
    private var set = sigset_t()

    init(_ signals: [Int32]) {
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
    }

    /// Threads made after this inherit the mask, so the signals reach `wait` only.
    func block() {
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    func wait() -> Int32 {
        var set = set
        var signal: Int32 = 0
        while sigwait(&set, &signal) != 0 {}
        return signal
    }

    func isPending(_ signals: [Int32]) -> Bool {
        var pending = sigset_t()
        sigpending(&pending)
        return signals.contains { sigismember(&pending, $0) == 1 }
    }
}
