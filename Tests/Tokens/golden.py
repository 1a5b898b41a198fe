"""Golden counts: what tiktoken 0.14.0 and tokenizers 0.23.3 made of golden texts, kept in golden.jsonl, against the
core. Needs the vocabularies that set-up makes, and no package.

One line a text: its name, the text itself if it is no block of samples.md, and for each vocabulary the number of
tokens and the tokens, or the SHA-256 of them as little-endian numbers of 32 bits when they are many.

Usage: golden.py; UPDATE_GOLDEN=1 golden.py writes the file anew, from the packages and not from the core.
"""

import hashlib
import json
import os
import struct
import sys
import tempfile

import corpus
import vocabulary

PATH = os.path.join(corpus.HERE, "golden.jsonl")
IDS_MAX = 24  # more tokens than this are kept as a digest
TEXTS = {
    "empty": "",
    "hello": "hello world",
    "contractions": "don't WE'LL it'Ss x'rE o'clock 'tis '' 'ſ",
    "spaces": "a  b   c\t\td\n\n e\r\n\r\n  f \n",
    "end of text in white": "a\n   ",
    "digits": "1 12 123 1234 12345 ٣٤٥٦ Ⅷ½",
    "controls": "\x00\x01a\x01\x02 \x7f",
    "mixed case": "camelCase HTTPServer ABCdef ǅabc 日本ABC",
    "punctuation": "((a)) //\n//x ;\n\n\tb",
    "special names": "<|endoftext|> <｜User｜>",
    "separators": "a\u2028b\u2029c\u0085d\u00a0e\u3000f",
    "kana": "ア・イ ゛ァ\u3099 \u3040x",
    "borders of DeepSeek's CJK": "龥龦一丿ヿ㐀",
}


def texts():
    yield from TEXTS.items()
    for kind, text in corpus.samples().items():
        yield f"sample {kind}", text
    yield "8,000 generated lines", corpus.generated_lines(1000)


def summary(ids):
    if len(ids) <= IDS_MAX:
        return [len(ids), list(ids)]
    return [len(ids), hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()]


def update():
    encoders = vocabulary.tokenizers()
    with open(PATH, "w", encoding="utf-8") as file:
        for name, text in texts():
            line = {"name": name} | ({"text": text} if name in TEXTS else {})
            line |= {key: summary(encode(text)) for key, (encode, _) in encoders.items()}
            file.write(json.dumps(line) + "\n")


def check(folder):
    library = vocabulary.build(folder)
    with open(PATH, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    known, failures, passed = dict(texts()), [], 0
    for name in vocabulary.NAMES:
        tokens = vocabulary.Vocabulary(library, name)
        for line in lines:
            text = line.get("text", known[line["name"]]).encode()
            if summary(tokens.encode(text)) == line[name] and tokens.count(text) == line[name][0]:
                passed += 1
            else:
                failures.append(f"{name}: {line['name']}: {tokens.count(text)} tokens, not {line[name][0]}, or others")
    assert len(lines) == len(known), "golden.jsonl has not all texts: UPDATE_GOLDEN=1"
    return passed, failures


def main():
    if os.environ.get("UPDATE_GOLDEN") == "1":
        update()
    missing = [name for name in vocabulary.NAMES if not os.path.exists(f"{vocabulary.FOLDER}/{name}.cairn")]
    if missing:
        print(f"golden: 0 passed, 0 failed, 1 skipped: no vocabulary {missing[0]} (make setup)")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        passed, failures = check(folder)
    for failure in failures:
        print(f"not ok - {failure}")
    print(f"golden: {passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
