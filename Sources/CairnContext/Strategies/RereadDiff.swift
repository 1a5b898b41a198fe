// A file that was read, changed and read again by the same call: shown as its difference from the copy above. The line
// runs of the same result are usually as short, since what did not change is a run; a difference wins when changes are
// scattered, for then every stretch between them would need a marker of its own. Shorter wins, so this never costs.

import CairnCore

public struct RereadDiff: Strategy {
    /// Shorter results, and larger ones, are left alone: a difference of large texts takes milliseconds.
    static let bytesMin = 256
    static let textBytesMax = 131_072

    public let name = StrategyName("reread-diff", version: 1)

    public init() {}

    public func applies(to part: ContextPart) -> Bool {
        part.kind == .result && !part.arguments.isEmpty && part.bytes.count >= Self.bytesMin
            && part.bytes.count <= Self.textBytesMax
    }

    public func shorten(_ part: ContextPart, in content: inout VisibleContent) -> Emission? {
        guard let earlier = content.wholeResult(ofTool: part.toolName, arguments: part.arguments),
            content.parts[earlier].bytes.count <= Self.textBytesMax
        else { return nil }
        var differ = TextDiffer()
        let patch: [UInt8]
        do throws(CoreError) {
            patch = try content.parts[earlier].bytes.withUnsafeBufferPointer {
                (old: UnsafeBufferPointer<UInt8>) throws(CoreError) -> [UInt8] in
                try part.bytes.withUnsafeBufferPointer {
                    (new: UnsafeBufferPointer<UInt8>) throws(CoreError) -> [UInt8] in
                    try differ.patch(
                        from: UnsafeRawBufferPointer(old), to: UnsafeRawBufferPointer(new), contextLines: 1)
                }
            }
        } catch {
            return nil
        }
        guard !patch.isEmpty else { return nil }
        let handle = content.handles.handle(for: part.bytes.withUnsafeBytes { Fingerprint(of: $0) })
        return Emission(Array(Marker.difference(handle).utf8) + patch, references: [earlier], by: name)
    }
}
