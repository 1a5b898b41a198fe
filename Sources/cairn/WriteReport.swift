// `cairn report`: what the calls of a period were worth, from the store of a gateway that may be running.

import CairnContext
import CairnLedger
import CairnReport
import CairnSettings
import CairnStore
import Glibc

enum WriteReport {
    /// Returns the exit status: 0, or 2 when there is nothing to read.
    static func run(_ settings: ReportSettings) -> Int32 {
        guard let sinceNanoseconds = since(settings.since) else {
            complain("report: --since: the calendar has no such day")
            return 2
        }
        guard let book = priceBook(settings.home) else { return 2 }
        do throws(StoreError) {
            let store = try StoreReader(folder: settings.home)
            let session = settings.session.flatMap { SessionIdentifier($0) }
            if let session, try store.session(session) == nil {
                complain("report: the store of \(settings.home) has no session \(session)")
                return 2
            }
            let report = try ReportBuilder.report(
                of: store, session: session, sinceNanoseconds: sinceNanoseconds, book: book)
            print(report.rendered(as: format(settings.format)), terminator: "")
            return 0
        } catch {
            complain("report: \(error)")
            return 2
        }
    }

    /// Nanoseconds since 1970; nil for a day that no calendar has.
    private static func since(_ since: ReportSettings.Since?) -> UInt64? {
        switch since {
        case nil: return 0
        case .hoursAgo(let hours):
            let seconds = max(0, time(nil) - hours * 3600)
            return UInt64(seconds) * 1_000_000_000
        case .day(let text):
            return CalendarDay(text).map { UInt64(clamping: Int128($0.number) * 86_400_000_000_000) }
        }
    }

    /// The built-in prices behind those of the home; nil, after a line for the user, if the file cannot be used.
    private static func priceBook(_ home: String) -> PriceBook? {
        let path = home + "/prices.yaml"
        let file: [UInt8]
        do throws(ConfigFileError) {
            file = try DiskConfigFiles().contents(ofFile: path, bytesMax: PriceBook.fileBytes)
        } catch {
            if error == .notFound { return .builtIn }
            complain("report: cannot read \(path): \(error)")
            return nil
        }
        do throws(LedgerError) {
            return PriceBook.builtIn.overridden(by: try PriceBook(file: file))
        } catch {
            complain("report: \(path): \(error)")
            return nil
        }
    }

    private static func format(_ format: ReportSettings.Format) -> ReportFormat {
        switch format {
        case .text: .text
        case .md: .md
        case .json: .json
        case .svg: .svg
        }
    }
}
