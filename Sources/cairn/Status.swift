// `cairn status`: one screen about the running gateway, every second anew on a terminal, once elsewhere.

import CairnCore
import CairnReport
import CairnSettings
import Glibc

enum Status {
    /// How often the screen is drawn.
    private static let periodMicroseconds: UInt32 = 1_000_000

    /// Returns the exit status: 0, or 1 when no gateway answers.
    static func run(_ settings: StatusSettings) -> Int32 {
        let isLive = isatty(STDOUT_FILENO) == 1 && !settings.isOnce
        while true {
            guard let screen = screen(settings) else { return 1 }
            guard isLive else {
                print(screen, terminator: "")
                return 0
            }
            // Home, the screen with each line's rest cleared, and what is left below it cleared.
            let lines = screen.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\u{1B}[K\n")
            print("\u{1B}[H\(lines)\u{1B}[J", terminator: "")
            fflush(nil)
            usleep(periodMicroseconds)
        }
    }

    /// nil, after a line for the user: the gateway did not answer.
    private static func screen(_ settings: StatusSettings) -> String? {
        do {
            let health = try GatewayQuestion.page("/health", of: settings)
            let metrics = try GatewayQuestion.page("/metrics", of: settings)
            return try StatusScreen(health: health, metrics: metrics).text(address: "\(settings.address)")
        } catch let failure as GatewayQuestion.Failure {
            complain("status: no gateway answers at \(settings.address): \(failure.description)")
        } catch {
            complain("status: what answers at \(settings.address) is no gateway")
        }
        return nil
    }
}
