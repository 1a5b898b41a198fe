// POST /v1/embeddings, OpenAI's shape. A vector is the sum of one pseudo-random direction for each word, of
// length 1: the same text always gets the same vector, and texts that share words lie closer.

import Glibc

struct EmbeddingsRequest {
    static let inputsMax = 2048
    static let dimensionsMax = 4096
    static let dimensionsDefault = 1536
    /// Words of one input that shape its vector.
    static let wordsMax = 256

    let model: String
    let isBase64: Bool
    let dimensions: Int
    let inputs: [String]

    init(body: JSONValue) throws(ProviderError) {
        let fields = try RequestFields(dialect: .chat, body: body)
        model = try fields.model()
        dimensions = try fields.positiveInteger("dimensions") ?? Self.dimensionsDefault
        guard dimensions <= Self.dimensionsMax else {
            throw .invalid(
                "Invalid value for 'dimensions': at most \(Self.dimensionsMax).", parameter: "dimensions")
        }
        switch fields["encoding_format"]?.text ?? "float" {
        case "float": isBase64 = false
        case "base64": isBase64 = true
        default:
            throw .invalid(
                "Invalid value for 'encoding_format': supported values are 'float' and 'base64'.",
                parameter: "encoding_format")
        }
        guard let input = fields["input"] else { throw .missing("input", dialect: .chat) }
        inputs = try Self.inputs(input)
    }

    /// A text, a list of texts, a list of token numbers, or a list of such lists.
    private static func inputs(_ input: JSONValue) throws(ProviderError) -> [String] {
        let invalid = ProviderError.invalid(
            "'$.input' is invalid: expected a string, a list of 1 to \(inputsMax) strings or lists of tokens.",
            parameter: "input")
        if let text = input.text { return [text] }
        guard let list = input.elements, !list.isEmpty, list.count <= inputsMax else { throw invalid }
        if list.allSatisfy({ $0.integer != nil }) { return [JSONValue.array(list).compactText] }
        var inputs: [String] = []
        for entry in list {
            guard entry.text != nil || entry.elements != nil else { throw invalid }
            inputs.append(entry.text ?? entry.compactText)
        }
        return inputs
    }

    var answer: JSONValue {
        let tokens = inputs.reduce(0) { $0 + tokenCount(ofBytes: $1.utf8.count) }
        let data = inputs.enumerated().map { index, input -> JSONValue in
            ["object": "embedding", "index": .integer(index), "embedding": encoded(vector(of: input))]
        }
        return [
            "object": "list", "data": .array(data), "model": .string(model),
            "usage": ["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)],
        ]
    }

    private func vector(of text: String) -> [Float] {
        var sum = [Float](repeating: 0, count: dimensions)
        let words = text.split(whereSeparator: \.isWhitespace).prefix(Self.wordsMax)
        for word in words.isEmpty ? [""] : words {
            let digest = ContentDigest(word.lowercased())
            for (index, number) in digest.words(dimensions).enumerated() {
                sum[index] += Float(number & 0xFFFF) / 32768 - 1
            }
        }
        let length = sqrtf(sum.reduce(0) { $0 + $1 * $1 })
        return length > 0 ? sum.map { $0 / length } : sum
    }

    /// Numbers, or little-endian 32-bit floats in base64.
    private func encoded(_ vector: [Float]) -> JSONValue {
        guard isBase64 else { return .array(vector.map { .number("\($0)") }) }
        return .string(
            base64(
                vector.flatMap { number in
                    (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
                }))
    }
}
