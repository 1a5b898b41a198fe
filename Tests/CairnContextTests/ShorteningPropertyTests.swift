// What holds for any conversation: markers point at what is visible and expand to what they stand for, nothing grows,
// epochs come to an end, and a prompt that was shortened comes back as it is.

import CairnCore
import Testing

@testable import CairnContext

@Suite struct ShorteningPropertyTests {
    private static let books = [
        EpochPrices(miss: 0.15, hit: 0.003, output: 0.6), EpochPrices(miss: 3.75, hit: 0.3, output: 15),
        EpochPrices(miss: 1, hit: 1, output: 4), EpochPrices(miss: 0, hit: 0, output: 0),
    ]

    @Test(arguments: 0..<12)
    func `markers expand, references are visible, nothing grows and epochs end`(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let prices = Self.books[seed % Self.books.count]
        var shortener = PromptShortener(thinking: seed % 2 == 0 ? .omit : .shorten)
        var originals: [ContextPart] = []
        var cached = 0
        var epochs = 0
        for message in GrowingConversation.messages(turns: 60, &random) {
            if message.role == .assistant {
                let before = shortener.content.parts.map(\.bytes)
                if let epoch = shortener.epoch(
                    cachedPartCount: seed % 5 == 0 ? 0 : cached, headTokens: 100, prices: prices,
                    windowTokens: seed % 7 == 3 ? 4000 : nil)
                {
                    epochs += 1
                    check(epoch, before, shortener)
                }
                cached = shortener.content.parts.count
                shortener.beginAssistantTurn()
            }
            for part in message.parts {
                let emission = shortener.append(part)
                originals.append(part)
                if let emission { check(emission, originals, shortener) }
            }
            checkVisible(shortener)
        }
        #expect(epochs <= originals.count)
    }

    /// An epoch replaces parts once, by something shorter, and leaves call arguments JSON.
    private func check(_ epoch: Epoch, _ before: [[UInt8]], _ shortener: borrowing PromptShortener) {
        for replacement in epoch.replacements {
            #expect(replacement.bytes.count < before[replacement.number].count)
            #expect(
                !Marker.stands(in: before[replacement.number])
                    || !before[replacement.number].starts(with: Array("[-".utf8)))
            if shortener.content.parts[replacement.number].kind == .arguments {
                #expect(replacement.bytes.withUnsafeBufferPointer { JSONText.isObject($0) })
            }
        }
        let replaced = Set(epoch.replacements.map(\.number))
        for number in before.indices where !replaced.contains(number) {
            #expect(shortener.content.parts[number].bytes == before[number])
        }
    }

    /// Nothing that is hidden is pointed at.
    private func checkVisible(_ shortener: borrowing PromptShortener) {
        for part in shortener.content.parts where part.isReplaced {
            #expect(!part.referrers.contains { !shortener.content.parts[$0].isReplaced })
        }
    }

    /// The lines a run marker leaves out stand in the parts it points at; with them the original comes back.
    private func check(_ emission: Emission, _ originals: [ContextPart], _ shortener: borrowing PromptShortener) {
        let original = originals.last!.bytes
        #expect(emission.bytes.count < original.count)
        guard emission.strategy.name == "seen-line-runs" else { return }
        let handle = shortener.content.parts.last!.handle.text
        let lines = original.split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
        var visible: Set<[UInt8]> = []
        for number in emission.references { visible.formUnion(readable(shortener, number)) }
        var restored: [[UInt8]] = []
        for line in emission.bytes.split(separator: 10, omittingEmptySubsequences: false) {
            let text = String(decoding: line, as: UTF8.self)
            guard text.hasPrefix("[=\(handle):"), let range = Self.lines(of: text) else {
                restored.append(Array(line))
                continue
            }
            for omitted in lines[range] {
                #expect(visible.contains(Self.comparable(omitted)))
                restored.append(omitted)
            }
        }
        #expect(restored == lines)
    }

    private func readable(_ shortener: borrowing PromptShortener, _ number: Int) -> Set<[UInt8]> {
        Set(
            (shortener.content.comparable(number) ?? []).split(separator: 10, omittingEmptySubsequences: false).map(
                Array.init))
    }

    private static func comparable(_ line: [UInt8]) -> [UInt8] {
        Array(line.withUnsafeBufferPointer { LineForm.comparable($0) }.dropLast())
    }

    /// Of `[=k3f9:12-40 #7]`: 11..<40.
    private static func lines(of marker: String) -> Range<Int>? {
        guard let colon = marker.firstIndex(of: ":"), let end = marker.firstIndex(of: "]") else { return nil }
        let inner = marker[marker.index(after: colon)..<end].split(separator: " ")[0].split(separator: "-")
        guard let first = inner.first.flatMap({ Int($0) }), let last = inner.last.flatMap({ Int($0) }) else {
            return nil
        }
        return first - 1..<last
    }

    @Test(arguments: 0..<8)
    func `a whole conversation is shortened once and stays valid`(seed: Int) {
        var random = SeededRandom(seed: UInt64(100 + seed))
        let messages = GrowingConversation.messages(turns: 40, &random)
        let apply = ApplyAll(prices: Self.books[seed % 3])

        let (once, stats) = apply(messages)
        let (twice, _) = apply(once)

        #expect(twice == once)
        #expect(PairingRepair.isPaired(once))
        #expect(once.count == messages.count)
        for (old, new) in zip(messages, once) {
            for (oldPart, newPart) in zip(old.parts, new.parts) { #expect(newPart.bytes.count <= oldPart.bytes.count) }
        }
        let before = messages.reduce(0) { $0 + $1.byteCount }
        #expect(before - once.reduce(0) { $0 + $1.byteCount } == stats.bytesSaved)
        #expect(stats.bytesSaved > 0)
        #expect(stats.strategies.values.reduce(0) { $0 + $1.bytesSaved } == stats.bytesSaved)
        #expect(stats.dedupHits + stats.snippetHits > 0)
        #expect(apply(messages).messages == once)
    }
}
