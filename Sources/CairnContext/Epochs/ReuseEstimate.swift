// How likely it is that lines of a part are needed again if it is hidden now. Set by hand from counts over all 46 recorded
// sessions, so their figures are not a test of it: other sessions are. What decides is what made the output, whether its
// call named a file, whether that file was edited since, and how many lines would vanish. A logistic model of 28 features,
// trained on one half, brought no better bill on the other (docs/shortening.md). A session corrects the estimate by what it
// needs in fact.

import Glibc

/// Chances, each for a part of ten vanishing lines that was just seen.
struct ReuseChances: Sendable {
    var test = 0.003
    var other = 0.003
    var script = 0.05
    var write = 0.11
    var git = 0.04
    var search = 0.08
    var view = 0.14
    /// Results of a call that names no file, at most: of 24,000 lines of such results 0.03 % were copied later.
    var noFile = 0.01
    /// Times this for views and searches of a file that was edited since: edits need the lines before, not after.
    var editedFactor = 0.3
    var talk = 0.015
    /// Arguments that wrote a file no other call has written since, and those that are superseded.
    var latestWrite = 0.06
    var supersededWrite = 0.01

    /// Steps after which the chance is half.
    static let halfLifeSteps = 20.0
    /// Vanishing lines for which the chances are meant; more weigh by the root of that power.
    static let linesNominal = 10.0
    static let linesPower = 0.3
    static let linesFactorCeiling = 2.5

    static let standard = ReuseChances()

    /// The chance for a part of `content` that is `age` steps old.
    func chance(ofPart number: Int, age: Int, in content: borrowing VisibleContent) -> Double {
        let lines = content.parts[number].vanishingLineCount
        let factor = lines < Self.linesFactors.count ? Self.linesFactors[lines] : Self.linesFactorCeiling
        return base(number, content) * factor * Self.halfLifeSteps / (Self.halfLifeSteps + Double(age))
    }

    /// By vanishing lines, up to the ceiling: the planner asks for every part before every call.
    private static let linesFactors: [Double] = {
        var factors: [Double] = []
        while true {
            let factor = pow(Double(factors.count) / linesNominal, linesPower)
            if factor >= linesFactorCeiling { return factors }
            factors.append(factor)
        }
    }()

    private func base(_ number: Int, _ content: borrowing VisibleContent) -> Double {
        if content.parts[number].kind != .result {
            if !content.parts[number].writesFiles { return talk }
            return content.isLatestWrite(number) ? latestWrite : supersededWrite
        }
        let output = content.parts[number].output
        let chance =
            switch output {
            case .test: test
            case .search: search
            case .view: view
            case .script: script
            case .write: write
            case .git: git
            case .other: other
            }
        if !content.parts[number].hasFiles { return min(chance, noFile) }
        guard output == .view || output == .search, content.mentionsEditedFile(number) else { return chance }
        return chance * editedFactor
    }
}

/// Chances of a single line, by what is known of it.
struct LineChances: Sendable {
    /// The agent wrote it before, and a tool showed it: what was copied once is copied again.
    var written = 0.20
    var seenOnce = 0.02
    var seenTwice = 0.05
    var seenOften = 0.07
    /// The same for lines of a file that was edited since.
    var editedOnce = 0.005
    var editedTwice = 0.008
    var editedOften = 0.035
    /// Lines of results whose call named no file, of tests, and of other output.
    var plain = 0.0005
    /// Times this for what scripts, writes and git printed.
    var printedFactor = 0.3

    static let standard = LineChances()
    /// Lines are needed together: one miss is shared by so many.
    static let clusterLines = 8.0

    func chance(of line: LineFacts, in part: VisiblePart, isEdited: Bool) -> Double {
        if part.kind != .result { return line.writings >= 2 ? written : seenOnce }
        if line.writings > 0 { return written }
        if !part.hasFiles || part.output == .test || part.output == .other { return plain }
        let isPrinted = part.output == .script || part.output == .write || part.output == .git
        return table(line.tellings, isEdited) * (isPrinted ? printedFactor : 1)
    }

    private func table(_ tellings: UInt8, _ isEdited: Bool) -> Double {
        switch tellings {
        case ..<2: isEdited ? editedOnce : seenOnce
        case 2: isEdited ? editedTwice : seenTwice
        default: isEdited ? editedOften : seenOften
        }
    }
}
