// `cairn practice`: the practice provider, until a signal ends it.

import CairnPractice
import CairnSettings

enum Practice {
    /// Returns the exit status.
    static func run(_ settings: PracticeSettings) -> Int32 {
        do throws(PracticeError) {
            var options = PracticeOptions()
            options.host = settings.listen.host
            options.port = settings.listen.port
            options.latencyMilliseconds = UInt64(settings.latencyMilliseconds)
            options.tokensPerSecond = settings.tokensPerSecond.map(Double.init)
            options.threads = settings.threads
            if let fault = settings.fault { try options.setFault(named: fault) }
            if let dialect = settings.dialect { try options.setDialect(named: dialect.rawValue) }
            if let file = settings.scriptFile { try options.loadScript(path: file) }
            try runPractice(options)
            return 0
        } catch {
            complain(error.description)
            return 2
        }
    }
}
