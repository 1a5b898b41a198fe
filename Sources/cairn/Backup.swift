// `cairn backup`: a copy of the store in a file of its own, made while the gateway runs.

import CairnContext
import CairnSettings
import CairnStore
import Glibc

enum Backup {
    /// Returns the exit status: 0 when the copy is there and durable, 2 otherwise.
    static func run(_ settings: BackupSettings) -> Int32 {
        let path = settings.path ?? "\(settings.home)/cairn-\(timestamp()).db"
        do throws(StoreError) {
            try StoreReader(folder: settings.home).backup(to: path)
            print(path)
            return 0
        } catch {
            complain("backup: \(error)")
            return 2
        }
    }

    /// UTC as 20261120T104512Z.
    private static func timestamp() -> String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y%m%dT%H%M%SZ", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
