"""Texts for the tests of token counts: samples.md, what random pieces of it make, hard cases, and real files."""

import os
import random
import re
import sysconfig

HERE = os.path.dirname(os.path.abspath(__file__))

# The rules of the splitters, met at every border when such pieces are joined at random.
PIECES = [
    "a", "B", "é", "É", "ǅ", "ʰ", "日", "本", "ア", "・", "の", "\u0301", "\u0300", "1", "²", "٣", "Ⅷ", " ",
    "  ", "\t", "\n", "\r\n", "\r", "\x85", "\u2028", "\u3000", "'s", "'S", "'ſ", "'LL", "'re", "'rE", "'",
    "(", "((", "/", "//", "\n/", ";\n", "—", "“", "€", "😀", "👨\u200d👩\u200d👧", "\u200d", "\u200b", "\x00",
    "\x01", "\x7f", "\u0378", "\ue000", "ſ", "K", "İ", "ß", "العربية", "हिन्दी", "ไทย", "_", "-", "Hello",
    "WORLD", "don't", "HTTPServer", "camelCase", "ll", "\u3040", "\u3099", "一二", "龥", "龦", "가", "१", "ABC",
    "DEF", "12345", "<|endoftext|>", "\U0010ffff",
]
ASCII_PIECES = [piece for piece in PIECES if piece.isascii()]
ASCII_PIECES += ["abc ", "x", " \n", "\n\n    ", "return ", "0x1F", "    "]


def samples():
    """kind -> text, the blocks of samples.md."""
    with open(os.path.join(HERE, "samples.md"), encoding="utf-8", newline="") as file:
        return dict(re.findall(r"^```(\w+)\n(.*?)\n```$", file.read(), re.DOTALL | re.MULTILINE))


def generated_lines(blocks):
    """The 8 lines that DeepLossless times its tokenizer on, `blocks` times: 139 DeepSeek tokens each."""
    return "".join(f"{line}\n" for line in (
        "User: Can you fix the build error in src/main.rs?",
        "Assistant: Let me check the error message. The issue is on line 42.",
        "User: The error is E0425: cannot find value `MAX_RETRY` in this scope.",
        "Assistant: I'll add the missing constant. Port 8080 should be configurable.",
        "User: According to Gartner 2026, 67% of projects face this issue.",
        "Assistant: Let me check the Cargo.toml for the dependency version.",
        "User: We need to upgrade reqwest from 0.11 to 0.12.",
        "Assistant: Done. The build passes now at 500ms compile time.",
    )) * blocks


def random_texts(seed, count):
    """Joined pieces; cuts of the samples, joined; long ASCII."""
    source = random.Random(seed)
    blocks = list(samples().values())
    for number in range(count):
        if number % 3 == 0:
            yield "".join(source.choices(PIECES, k=source.randrange(1, 40)))
        elif number % 3 == 1:
            yield "q" + "".join(source.choices(ASCII_PIECES, k=120))
        else:
            cuts = []
            for _ in range(source.randrange(1, 12)):
                block = source.choice(blocks)
                start = source.randrange(len(block))
                cuts.append(block[start:start + source.randrange(1, 60)])
            yield "".join(cuts)


def long_texts(length):
    """Texts without a place to split at, of about `length` characters."""
    source = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    yield "one letter", "a" * length
    yield "letters", "".join(source.choices(letters, k=length))
    yield "base64", "".join(source.choices(letters + letters.upper() + "0123456789+/", k=length))
    yield "capitals behind a letter of no case", "本" + "A" * length + "本" + "B" * length
    yield "ideographs", "".join(chr(source.randrange(0x4E00, 0x9FA5)) for _ in range(length // 3))
    yield "digits", "7" * length
    yield "pictures", "👨\u200d👩\u200d👧" * (length // 18)


def all_characters():
    """Every character once, and once more with spaces between them."""
    text = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    yield text
    yield " ".join(text)


def real_files(bytes_max):
    """(path, text) of this repository's files and Python's own library, up to `bytes_max` bytes in all."""
    root = os.path.dirname(os.path.dirname(HERE))
    folders = [os.path.join(root, name) for name in ("CSources/CCairn", "Sources", "Tests", "docs")]
    for folder in folders + [sysconfig.get_paths()["stdlib"]]:
        for place, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if name not in ("site-packages", "dist-packages", "__pycache__"))
            for name in sorted(files):
                path = os.path.join(place, name)
                try:
                    with open(path, encoding="utf-8", newline="") as file:
                        text = file.read()
                except (OSError, UnicodeDecodeError):
                    continue
                if bytes_max < len(text):
                    return
                bytes_max -= len(text)
                yield os.path.relpath(path, folder), text
