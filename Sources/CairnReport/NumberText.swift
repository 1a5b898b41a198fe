// Numbers as reports and explanations spell them.

enum NumberText {
    /// `12.3 %`; nil without a whole.
    static func share(_ part: Int64, of whole: Int64) -> String? {
        guard whole > 0 else { return nil }
        let permille = Int((Double(part) * 1000 / Double(whole)).rounded())
        return "\(permille < 0 ? "-" : "")\(permille.magnitude / 10).\(permille.magnitude % 10) %"
    }

    /// `1 call`, `12,345 calls`.
    static func counted(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// `12,345`.
    static func grouped(_ number: Int) -> String {
        var digits = ""
        for (index, digit) in String(number.magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { digits.append(",") }
            digits.append(digit)
        }
        return (number < 0 ? "-" : "") + String(digits.reversed())
    }
}
