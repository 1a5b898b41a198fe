"""The core against tiktoken 0.14.0 and tokenizers 0.23.3, token by token, on a large mixed corpus; and the ways to
count that have no counterpart there (cuts, growing text, bytes that are no UTF-8) against those that have.

Usage: equality.py [--texts N] [--file-bytes N] [--seed N]
"""

import argparse
import random
import sys
import tempfile

import corpus
import vocabulary


class Comparison:
    """Counts what was equal and keeps what was not."""

    def __init__(self, library, encoders):
        self.pairs = [(vocabulary.Vocabulary(library, name), *encoders[name]) for name in vocabulary.NAMES]
        self.passed, self.failures = 0, []

    def note(self, is_equal, what):
        if is_equal:
            self.passed += 1
        else:
            self.failures.append(what)

    def text(self, text, what, has_ids=True):
        data = text.encode()
        for tokens, encode, _ in self.pairs:
            expected = list(encode(text))
            is_equal = tokens.count(data) == len(expected) == tokens.count(data, is_cached=False)
            is_equal = is_equal and (not has_ids or tokens.encode(data) == expected)
            self.note(is_equal, f"{tokens.name}: {what}: {text[:60]!r}")

    def damaged(self, data, what):
        """Bytes that begin no well-formed sequence count one each; what is between is a text of its own."""
        for tokens, encode, _ in self.pairs:
            expected, rest = 0, data
            while rest:
                try:
                    expected, rest = expected + len(encode(rest.decode())), b""
                except UnicodeDecodeError as error:
                    front, rest = rest[:error.start], rest[error.start + 1:]
                    expected += len(encode(front.decode())) + 1
            self.note(tokens.count(data) == expected, f"{tokens.name}: {what}: {data[:60]!r}")

    def grown(self, text, source):
        """A text that grows in pieces has the count of each front."""
        data = text.encode()
        for tokens, _, _ in self.pairs:
            front, fed = vocabulary.Front(), 0
            while fed < len(data):
                fed = min(len(data), fed + source.randrange(1, 40))
                count = tokens.append(data[front.bytes:fed], front)
                self.note(count == tokens.count(data[:fed]), f"{tokens.name}: grown to {fed}: {text[:60]!r}")

    def cut(self, text, source):
        """A cut is behind the last of the first tokens that ends a character."""
        data = text.encode()
        for tokens, encode, bytes_of in self.pairs:
            ids = encode(text)
            limit = source.randrange(len(ids) + 2)
            best, end = (0, 0), 0
            for number, token in enumerate(ids[:limit], 1):
                end += bytes_of(token)
                if end == len(data) or data[end] & 0xC0 != 0x80:
                    best = (end, number)
            self.note(tokens.split(data, limit) == best, f"{tokens.name}: cut at {limit}: {text[:60]!r}")


def compare(comparison, options):
    for kind, text in corpus.samples().items():
        comparison.text(text, kind)
        comparison.text(text.replace("\n", "\r\n") + "\n", kind)
    for text in corpus.random_texts(options.seed, options.texts):
        comparison.text(text, "random")
    for what, text in corpus.long_texts(1 << 20):
        comparison.text(text, what, has_ids=False)
    for text in corpus.all_characters():
        comparison.text(text, "all characters")
    for path, text in corpus.real_files(options.file_bytes):
        comparison.text(text, path, has_ids=False)
    source = random.Random(options.seed)
    for text in corpus.random_texts(options.seed + 1, options.texts // 20):
        comparison.grown(text, source)
        comparison.cut(text, source)
        data = bytearray(text.encode())
        for _ in range(source.randrange(1, 6)):
            data[source.randrange(len(data))] = source.choice([0x80, 0xC3, 0xE2, 0xED, 0xF0, 0xFF])
        comparison.damaged(bytes(data), "damaged")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--file-bytes", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        encoders = vocabulary.tokenizers()
        with tempfile.TemporaryDirectory() as folder:
            comparison = Comparison(vocabulary.build(folder), encoders)
            compare(comparison, options)
    except (ImportError, FileNotFoundError) as error:
        print(f"equality: 0 passed, 0 failed, 1 skipped: {error}")
        return 0
    for failure in comparison.failures[:20]:
        print(f"not ok - {failure}")
    print(f"equality: {comparison.passed} passed, {len(comparison.failures)} failed (seed {options.seed})")
    return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
