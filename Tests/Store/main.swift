// What the store promises about the ends of processes and the limits of systems, tried on real processes. Run by run.sh.
//
//     StoreCrash ROUNDS FOLDER     tries everything in that folder; the last line is "N passed, N failed"
//     StoreCrash load FOLDER ROUND a process that appends until it is killed (a part of the above)

import Glibc

let arguments = CommandLine.arguments
switch (arguments.count, arguments.dropFirst().first) {
case (4, "load"):
    exit(Load.run(folder: arguments[2], round: UInt64(arguments[3]) ?? 0))
case (3, let rounds?) where Int(rounds) != nil:
    exit(Trial.runAll(rounds: Int(rounds) ?? 0, folder: arguments[2], program: arguments[0]))
default:
    print("usage: StoreCrash ROUNDS FOLDER")
    exit(2)
}
