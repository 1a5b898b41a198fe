// The micro-benchmark of the store: how fast turns are kept, and how fast a lineage is found among many. run.sh builds
// and runs it; docs/store.md has the results.
//
//     StoreBenchmark FOLDER TURNS     in that folder, which must be empty

import CairnContext
import CairnCore
import CairnStore
import Glibc

let arguments = CommandLine.arguments
guard arguments.count == 3, let turns = Int(arguments[2]), turns >= 1000 else {
    print("usage: StoreBenchmark FOLDER TURNS (1000 or more)")
    exit(2)
}
exit(StoreBenchmark(folder: arguments[1], turns: turns).run() ? 0 : 1)
