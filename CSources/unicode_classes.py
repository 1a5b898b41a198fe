"""Writes CCairn/cairn_tokens_classes.c: which class of cairn_tokens_int.h each character is in.

Run by hand, when the tokenizers that the core must equal move to another version of Unicode; tiktoken 0.14.0 and
tokenizers 0.23.3 both have 16.0.0. The classes come from Python's unicodedata, or from the package unicodedata2 where
it is installed; the version must be the one asked for. Tests/CCairn/tokens_equality.py compares with the tokenizers.

Usage: unicode_classes.py [VERSION]    (default 16.0.0)
"""

import os
import sys

try:
    import unicodedata2 as unicodedata
except ImportError:
    import unicodedata

BLOCK = 128
CHARACTERS = 0x110000
UPPER, LOWER, LETTER, MARK, NUMBER, SYMBOL, SPACE, NEWLINE = (1 << bit for bit in range(8))
BY_CATEGORY = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": LETTER, "Lo": LETTER}
BY_MAJOR = {"M": MARK, "N": NUMBER, "P": SYMBOL, "S": SYMBOL}
# The property White_Space, which unicodedata does not tell: the separators and these controls.
SPACE_CONTROLS = {0x09, 0x0B, 0x0C, 0x85}
NEWLINES = {0x0A, 0x0D}


def class_of(code):
    if code in NEWLINES:
        return NEWLINE
    category = unicodedata.category(chr(code))
    if code in SPACE_CONTROLS or category[0] == "Z":
        return SPACE
    return BY_CATEGORY.get(category) or BY_MAJOR.get(category[0], 0)


def rows(numbers, width):
    for start in range(0, len(numbers), width):
        yield "    " + ",".join(map(str, numbers[start:start + width])) + ","


def source(version):
    blocks, places = {}, []
    for start in range(0, CHARACTERS, BLOCK):
        block = tuple(class_of(code) for code in range(start, start + BLOCK))
        places.append(blocks.setdefault(block, len(blocks)))
    # Behind the last block that differs from the one before it, nothing has to be listed.
    while len(places) > 1 and places[-1] == places[-2]:
        places.pop()
    assert len(blocks) <= 256
    classes = [value for block in blocks for value in block]
    return "\n".join([
        f"/* cairn_tokens_classes.c: the classes of all characters, Unicode {version}. Written by unicode_classes.py.",
        " * The numbers are the CAIRN_CLASS_ bits of cairn_tokens_int.h. A character's block of 128 is",
        " * blocks[code / 128], where the last entry stands for all behind it; its class is the one at",
        " * block * 128 + code % 128 of the second table. */",
        '#include "cairn_tokens_int.h"',
        "",
        f"const uint32_t cairn_tokens_class_block_count = {len(places)};",
        "",
        f"const uint8_t cairn_tokens_class_blocks[{len(places)}] = {{",
        *rows(places, 28),
        "};",
        "",
        f"const uint8_t cairn_tokens_classes[{len(classes)}] = {{",
        *rows(classes, 28),
        "};",
        "",
    ])


def main(version="16.0.0"):
    if unicodedata.unidata_version != version:
        sys.exit(f"unicode_classes: this Python has Unicode {unicodedata.unidata_version}, not {version}")
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "CCairn")
    with open(os.path.join(folder, "cairn_tokens_classes.c"), "w", encoding="utf-8") as file:
        file.write(source(version))


if __name__ == "__main__":
    main(*sys.argv[1:])
