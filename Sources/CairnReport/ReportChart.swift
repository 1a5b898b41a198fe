// A small chart of what was saved each day: one SVG that needs no other file.

import CairnLedger

extension Report {
    /// Days shown; of more, the last ones.
    static let chartDaysMax = 60

    private static let width = 720
    private static let height = 240
    private static let margin = 40

    var svg: String {
        let days = days.suffix(Self.chartDaysMax)
        let values = days.map(\.sum.saved.nanodollars)
        let top = max(0, values.max() ?? 0)
        let bottom = min(0, values.min() ?? 0)
        let span = Double(max(1, top &- bottom))
        let plotHeight = Double(Self.height - 2 * Self.margin)
        func y(_ value: Int64) -> Int { Self.margin + Int((Double(top - value) / span * plotHeight).rounded()) }
        let step = Double(Self.width - 2 * Self.margin) / Double(max(1, days.count))
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Self.width)" height="\(Self.height)" \
            viewBox="0 0 \(Self.width) \(Self.height)" font-family="sans-serif" font-size="11">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="\(Self.margin)" y="20" font-size="14">Saved a day, \(sum.saved) in all</text>

            """
        for (index, day) in days.enumerated() {
            let value = day.sum.saved.nanodollars
            let (from, to) = (min(y(0), y(value)), max(y(0), y(value)))
            let x = Self.margin + Int((Double(index) * step).rounded())
            out += """
                <rect x="\(x)" y="\(from)" width="\(max(1, Int(step * 0.8)))" height="\(max(1, to - from))" \
                fill="\(value < 0 ? "#b3402a" : "#2a7f62")"><title>\(day.name): \(day.sum.saved)</title></rect>

                """
        }
        out += """
            <line x1="\(Self.margin)" y1="\(y(0))" x2="\(Self.width - Self.margin)" y2="\(y(0))" stroke="#444444"/>
            <text x="\(Self.margin)" y="\(Self.height - 15)">\(days.first?.name ?? "no calls")</text>
            <text x="\(Self.width - Self.margin)" y="\(Self.height - 15)" text-anchor="end">\(days.last?.name ?? "")</text>
            <text x="\(Self.width - Self.margin)" y="20" text-anchor="end">\(Money(nanodollars: top))</text>
            </svg>

            """
        return out
    }
}
