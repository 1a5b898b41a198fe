// The command. It reads what it was told, starts what it names, and turns every refusal into one line and exit status 2.

import CairnGateway
import CairnSettings
import Glibc

/// The version of this build; also what /health and `cairn version` say.
let version = "0.1.0"

do {
    let command = try Command.parse(
        arguments: Array(CommandLine.arguments.dropFirst()), environment: ProcessEnvironment.variables(),
        files: DiskConfigFiles())
    switch command {
    case .serve(let settings): exit(Serve.run(settings))
    case .version: print("cairn \(version)")
    case .help(let topic): print(topic.text, terminator: "")
    case .practice(let settings): exit(Practice.run(settings))
    case .demo(let settings): exit(Demo.run(settings))
    case .convert(let settings): exit(ContextConvert.run(settings))
    case .shorten(let settings): exit(ContextShorten.run(settings))
    case .exportContext(let settings): exit(ContextExport.run(settings))
    case .prove(let settings): exit(Prove.run(settings))
    case .report(let settings): exit(WriteReport.run(settings))
    case .status(let settings): exit(Status.run(settings))
    case .search(let settings): exit(Search.run(settings))
    case .expand(let settings): exit(Expand.run(settings))
    case .why(let settings): exit(Why.run(settings))
    case .backup(let settings): exit(Backup.run(settings))
    }
} catch {
    complain(error.description)
    exit(2)
}

/// One line on stderr.
func complain(_ text: String) {
    let line = "cairn: \(text)\n"
    _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
}
