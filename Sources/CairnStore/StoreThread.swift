// The one thread of a store.

import CairnContext
import Glibc

enum StoreThread {
    /// Starts a thread that runs `body` and ends with it. Signals are blocked in it: they belong to the loops. `name` is
    /// what `top` shows, at most 15 bytes.
    static func start(name: String, body: @escaping @Sendable () -> Void) throws(StoreError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        var blocked = sigset_t()
        var before = sigset_t()
        sigfillset(&blocked)
        pthread_sigmask(SIG_SETMASK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

        let work = Unmanaged.passRetained(ThreadWork(name: name, body: body))
        var thread = pthread_t()
        let status = pthread_create(&thread, &attributes, runThreadWork, work.toOpaque())
        guard status == 0 else {
            work.release()
            throw StoreError(.outOfMemory, step: "starting the thread \(name)")
        }
    }
}

private func runThreadWork(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let work = Unmanaged<ThreadWork>.fromOpaque(context).takeRetainedValue()
    work.setName()
    work.body()
    return nil
}

private final class ThreadWork: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }

    /// Names the calling thread. Best effort: the name only helps who looks.
    func setName() {
        let file = Glibc.open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = Glibc.write(file, name, name.utf8.count)
        Glibc.close(file)
    }
}
