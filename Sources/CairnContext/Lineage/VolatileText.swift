// Texts with and without what is true for one call only.

import CairnCore
import CairnWire

enum VolatileText {
    /// The JSON string `bytes` without the spans, quotes kept. Spans are in order and apart, as recognition leaves them.
    static func removed(_ spans: [VolatileSpan], from bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var position = 0
        for span in spans where Int(span.range.upperBound) <= bytes.count && Int(span.range.lowerBound) >= position {
            out.append(contentsOf: bytes[position..<Int(span.range.lowerBound)])
            position = Int(span.range.upperBound)
        }
        out.append(contentsOf: bytes[position...])
        return out
    }
}
