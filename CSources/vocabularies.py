"""Turns the vocabularies that set-up fetched into the files that room tokens of the core maps into memory.

Called by setup.sh. The sources stay as they were; each result is one file `<name>.cairn`, written whole or not at all,
and left alone when it is newer than its sources and than this script. The format is drawn and explained in
CSources/CCairn/cairn_tokens_format.h; the two must be changed together, with a new version.

Usage: vocabularies.py SOURCE_FOLDER DESTINATION_FOLDER
"""

import base64
import json
import os
import struct
import sys
from array import array
from itertools import accumulate

VERSION = 1
MASK = (1 << 64) - 1
MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93)
EMPTY_32, EMPTY_64 = 0xFFFFFFFF, MASK
BYTES_TOKENS = 256  # the first tokens are the single bytes
SHORT_BYTES_MAX = 15
TOKEN_BYTES_MAX = 255
TOKENS_MAX = 1 << 21
NODES_MAX = 1 << 24
SLOTS_PER_ENTRY = 1.7  # of the hash tables: a miss looks at 2.1 slots on average, in one or two cache lines

# name: (how text is split, source file); the numbers are CAIRN_TOKENS_... of cairn_tokens.h
VOCABULARIES = {
    "cl100k_base": (1, "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"),
    "o200k_base": (2, "fb374d419588a4632f3f557e76b4b70aebbca790"),
    "deepseek_v3": (3, "deepseek_tokenizer.json"),
}


class VocabularyError(Exception):
    """A source that is not what this script was written for."""


class Vocabulary:
    """Tokens in the order of their merges: a lower index merges first. `whole` says whether a pre-token that is a token
    is taken at once (tiktoken does that) or only if its merges lead to it."""

    def __init__(self, tokens, ids, pairs, whole):
        self.tokens, self.ids, self.whole = tokens, ids, whole
        self.index = {token: index for index, token in enumerate(tokens)}
        self.splits = [(index, index) for index in range(BYTES_TOKENS)]
        self.splits += [self.split_of(index, pairs) for index in range(BYTES_TOKENS, len(tokens))]
        if len(self.index) != len(tokens) or len(tokens) > TOKENS_MAX or max(map(len, tokens)) > TOKEN_BYTES_MAX:
            raise VocabularyError("tokens that are double, too many or too long")
        if any(len(token) != 1 for token in tokens[:BYTES_TOKENS]):
            raise VocabularyError("the first 256 tokens are not the bytes")

    def split_of(self, index, pairs):
        """The two tokens that merge into this one last, or None if the merges of its bytes end elsewhere.

        Two neighbours can only merge into a token whose bytes, merged by themselves, end in just this pair: up to that
        moment nothing was merged across the ends of those bytes, so what happens within does not depend on what is
        around. So one pair a token is all that there is to know."""
        parts = [bytes([byte]) for byte in self.tokens[index]]
        while len(parts) > 2:
            ranks = [pairs(left, right) for left, right in zip(parts, parts[1:])]
            best = min(ranks)
            if best == EMPTY_32:
                return None
            place = ranks.index(best)
            parts[place:place + 2] = [parts[place] + parts[place + 1]]
        left, right = self.index[parts[0]], self.index[parts[1]]
        if pairs(*parts) != index:
            return None
        if max(left, right) >= index:
            raise VocabularyError(f"token {index} merges before its parts")
        return left, right


def read_tiktoken(path):
    """One token a line, base64 and rank; every two neighbours whose joined bytes are a token may merge."""
    ranks = {}
    with open(path, "rb") as file:
        for line in file:
            token, rank = line.split()
            ranks[base64.b64decode(token)] = int(rank)
    tokens = sorted(ranks, key=ranks.get)
    ids = [ranks[token] for token in tokens]
    index = {token: place for place, token in enumerate(tokens)}
    return Vocabulary(tokens, ids, lambda left, right: index.get(left + right, EMPTY_32), whole=True)


def byte_of_character():
    """GPT-2's spelling of bytes as printable characters, which Hugging Face files use."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(rest)}


def read_hugging_face(path):
    """The bytes, then one token a merge, in the order of the list of merges."""
    with open(path, encoding="utf-8") as file:
        model = json.load(file)["model"]
    options = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges")
    if model["type"] != "BPE" or model["byte_fallback"] or any(model.get(option) for option in options):
        raise VocabularyError(f"{path} is no plain byte-level BPE")
    spelling, ids = byte_of_character(), model["vocab"]

    def spelled(text):
        return bytes(spelling[character] for character in text)

    names = sorted((name for name in ids if len(name) == 1 and name in spelling), key=ids.get)
    tokens = [spelled(name) for name in names]
    ranks = {}
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        names.append(left + right)
        tokens.append(spelled(left + right))
        ranks[spelled(left), spelled(right)] = len(tokens) - 1
    return Vocabulary(tokens, [ids[name] for name in names], lambda *pair: ranks.get(pair, EMPTY_32), whole=False)


def slots_for(entries):
    return int(entries * SLOTS_PER_ENTRY) + 1


def place(table, slot, value, empty):
    """Open addressing, linear: the first empty slot from `slot` on, round the end."""
    while table[slot] != empty:
        slot = slot + 1 if slot + 1 < len(table) else 0
    table[slot] = value
    return slot


def short_table(tokens, indices):
    """Slots of 16 bytes: the token's bytes, zeros, and its length in the last byte; and the slots' tokens."""
    slots = slots_for(len(indices))
    keys, values = [0] * slots, array("I", bytes(4 * slots))
    for index in indices:
        key = int.from_bytes(tokens[index], "little") | len(tokens[index]) << 120
        hash = ((key & MASK) * MULTIPLIERS[0] + (key >> 64) * MULTIPLIERS[1]) & MASK
        hash = ((hash ^ hash >> 29) * MULTIPLIERS[2] & MASK) >> 32
        values[place(keys, hash * slots >> 32, key, 0)] = index
    halves = array("Q")
    for key in keys:
        halves.append(key & MASK)
        halves.append(key >> 64)
    return halves, values


def long_table(tokens, indices):
    """Slots of 8 bytes: the hash, and the token."""
    slots = slots_for(len(indices))
    table = [EMPTY_64] * slots
    for index in indices:
        token = tokens[index]
        hash = len(token) * MULTIPLIERS[1] & MASK
        for start in range(0, len(token), 8):
            hash = (hash ^ int.from_bytes(token[start:start + 8], "little")) * MULTIPLIERS[0] & MASK
            hash ^= hash >> 29
        place(table, (hash >> 32) * slots >> 32, hash >> 32 | index << 32, EMPTY_64)
    return array("Q", table)


def pair_table(splits):
    """Slots of 8 bytes: left, right and merged token, 21 bits each."""
    entries = [(index, split) for index, split in enumerate(splits) if split and index >= BYTES_TOKENS]
    table = [EMPTY_64] * slots_for(len(entries))
    for index, (left, right) in entries:
        key = left | right << 21
        hash = (key * MULTIPLIERS[0] & MASK) >> 32
        place(table, hash * len(table) >> 32, key | index << 42, EMPTY_64)
    return array("Q", table)


def edge_table(tokens, reachable):
    """The trie of all tokens that merges reach, as a hash table of its edges; and each token's longest shorter front
    that is a token too. Nodes that are a token have its number, the root the next one, and the rest those behind."""
    root = len(tokens)
    nodes, edges = {b"": root}, {}
    numbers = {tokens[index]: index for index in reachable}
    shorter = array("I", [EMPTY_32]) * len(tokens)
    for index in reachable:
        token, node = tokens[index], root
        for length in range(1, len(token) + 1):
            front = token[:length]
            child = numbers.get(front)
            if child is None:
                child = nodes.setdefault(front, root + len(nodes))
            elif length < len(token):
                shorter[index] = child
            edges[node << 8 | token[length - 1]] = child
            node = child
    if root + len(nodes) > NODES_MAX:
        raise VocabularyError("the trie has too many nodes")
    table = [EMPTY_64] * slots_for(len(edges))
    for key, child in edges.items():
        hash = (key * MULTIPLIERS[0] & MASK) >> 32
        place(table, hash * len(table) >> 32, key << 32 | child, EMPTY_64)
    return array("Q", table), shorter, root + len(nodes)


def checksum(words):
    """The sum of all 64-bit words, and the sum of all sums on the way (after J. Fletcher, 1982), modulo 2^64."""
    return sum(words) & MASK, sum(accumulate(words)) & MASK


def little_endian(numbers):
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def file_of(name, splitter, vocabulary):
    tokens, splits = vocabulary.tokens, vocabulary.splits
    reachable = [index for index, split in enumerate(splits) if split]
    whole = range(len(tokens)) if vocabulary.whole else reachable
    short_keys, short_values = short_table(tokens, [i for i in whole if len(tokens[i]) <= SHORT_BYTES_MAX])
    longs = long_table(tokens, [i for i in whole if len(tokens[i]) > SHORT_BYTES_MAX])
    pairs = pair_table(splits)
    edges, shorter, node_count = edge_table(tokens, reachable)
    sections = [
        short_keys, short_values, longs, pairs, edges,
        array("I", [part for split in splits for part in (split or (0, 0))]),
        shorter,
        array("I", accumulate(len(token) for token in tokens)),
        array("I", vocabulary.ids),
        array("B", [len(token) for token in tokens]),
        array("B", b"".join(tokens)),
    ]
    body = b"".join(part + bytes(-len(part) % 64) for part in map(little_endian, sections))
    counts = struct.pack(
        "<8I24s32x", len(tokens), node_count, max(map(len, tokens)), len(sections[-1]),
        len(short_values), len(longs), len(pairs), len(edges), name.encode())
    words = array("Q", counts + body)
    if sys.byteorder == "big":
        words.byteswap()
    head = struct.pack("<8s2I3Q", b"CairnTok", VERSION, splitter, 40 + len(counts) + len(body), *checksum(words))
    return head + counts + body


def is_current(result, sources):
    try:
        age = os.stat(result).st_mtime_ns
        return all(os.stat(source).st_mtime_ns <= age for source in sources)
    except FileNotFoundError:
        return False


def main(source_folder, destination_folder):
    os.makedirs(destination_folder, exist_ok=True)
    for name, (splitter, source) in VOCABULARIES.items():
        source = os.path.join(source_folder, source)
        result = os.path.join(destination_folder, f"{name}.cairn")
        if is_current(result, [source, __file__]):
            continue
        print(f"converting vocabulary {name}, some seconds", flush=True)
        vocabulary = (read_hugging_face if source.endswith(".json") else read_tiktoken)(source)
        content = file_of(name, splitter, vocabulary)
        with open(result + ".new", "wb") as file:
            file.write(content)
        os.replace(result + ".new", result)
        print(f"vocabulary {name}: {len(vocabulary.tokens)} tokens, {len(content) >> 10} KiB", flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, KeyError, TypeError, ValueError, VocabularyError) as error:
        sys.exit(f"setup: vocabularies: {error!r}")
