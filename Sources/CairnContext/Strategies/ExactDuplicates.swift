// A result that stands above word for word. In 46 recorded sessions 1.7 % of all bytes sent again are such results; the
// agent ran the same command and nothing had changed, which the marker says. From 256 bytes on, as in the codetether
// document; what it did wrong is not done here: the first copy is never one that is hidden, and the marker is decided
// when
// the result appears, not when it leaves a window.

import CairnCore

public struct ExactDuplicates: Strategy {
    /// Shorter results are left alone.
    static let bytesMin = 256

    public let name = StrategyName("exact-duplicates", version: 1)

    public init() {}

    public func applies(to part: ContextPart) -> Bool { part.kind == .result && part.bytes.count >= Self.bytesMin }

    public func shorten(_ part: ContextPart, in content: inout VisibleContent) -> Emission? {
        let digest = part.bytes.withUnsafeBytes { Fingerprint(of: $0) }
        guard let copy = content.wholeCopy(of: digest), content.parts[copy].bytes == part.bytes else { return nil }
        let lineCount = part.bytes.reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
        let marker = Marker.duplicate(content.handles.handle(for: digest), lineCount: lineCount)
        return Emission(Array(marker.utf8), references: [copy], by: name)
    }
}
