"""Token counts beside tiktoken and tokenizers, on one thread and in the same run. Run by run.sh; prints one line a
measurement, in turns with the anchor (marked *), so that both meet the same machine:

    what                                     bytes   min ms  median ms  p95 ms   MB/s(median)   tokens

"real" is the source of Python's own library, that does not repeat; "8,000 lines" is the front of it; "generated" is the
text of eight lines, over and over, that DeepLossless publishes 7.8 ms for (its machine; a cache makes it easy). The
cache is "cold" when it is emptied before each count, "kept" when the same text was counted before. Times are the
processor time of the thread, so that other programs on the machine count less; all contenders use one thread.

Usage: bench_tokens.py [--tiny]     (--tiny: small input, once; the mode of the tests)
"""

import os
import statistics
import sys
import sysconfig
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Tests", "Tokens"))

import corpus  # noqa: E402
import vocabulary  # noqa: E402

LINES = 8000
PUBLISHED_MS = 7.8  # DeepLossless 0.7, tokenizer/count_8k_lines


def python_library(bytes_max):
    """Sources of Python's library, in the order of their names."""
    folder = sysconfig.get_paths()["stdlib"]
    texts, size = [], 0
    for place, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if name not in ("site-packages", "dist-packages", "__pycache__"))
        for name in sorted(files):
            if not name.endswith(".py") or size >= bytes_max:
                continue
            with open(os.path.join(place, name), encoding="utf-8", errors="ignore") as file:
                texts.append(file.read())
            size += len(texts[-1])
    return "\n".join(texts)[:bytes_max]


def sample(work):
    start = time.thread_time_ns()
    result = work()
    return (time.thread_time_ns() - start) / 1e6, result


def measure(size, works, seconds):
    """Runs the named works in turns and prints them."""
    samples, results = {name: [] for name in works}, {}
    end = time.monotonic() + seconds
    while not samples[next(iter(works))] or time.monotonic() < end:
        for name, work in works.items():
            took, results[name] = sample(work)
            samples[name].append(took)
    medians = {}
    for name, times in samples.items():
        times.sort()
        medians[name] = statistics.median(times)
        print(f"{name:64} {size:9} {times[0]:9.3f} {medians[name]:9.3f} {times[len(times) * 95 // 100]:9.3f} "
              f"{size / medians[name] / 1e3:9.1f}  {results[name]}", flush=True)
    return medians


def bench(tokens, encode, texts, seconds, anchor_bytes_max):
    for what, text in texts.items():
        data = text.encode()

        def cold():
            tokens.forget()
            return tokens.count(data)

        name = f"{tokens.name}, {what}"
        works = {
            f"{name}: no cache": lambda: tokens.count(data, is_cached=False),
            f"{name}: cache, cold (emptying it included)": cold,
            f"{name}: cache, kept": lambda: tokens.count(data),
        }
        anchor = f"{name}: tokenizer itself *"
        if encode is not None and len(data) <= anchor_bytes_max:
            works[anchor] = lambda: len(encode(text))
        medians = measure(len(data), works, seconds)
        if anchor in works:
            factors = [medians[anchor] / median for median in list(medians.values())[:3]]
            print(f"    times the tokenizer's speed: {', '.join(f'{factor:.1f}' for factor in factors)}", flush=True)
        if what.startswith("generated") and tokens.name == "deepseek_v3":
            print(f"    DeepLossless publishes {PUBLISHED_MS} ms for this text", flush=True)


def main():
    is_tiny = "--tiny" in sys.argv[1:]
    real = python_library(20_000 if is_tiny else 8_000_000)
    texts = {
        "real, 8,000 lines": "\n".join(real.split("\n")[:LINES]),
        "generated, 8,000 lines": corpus.generated_lines(2 if is_tiny else LINES // 8),
        "real": real,
    }
    if not is_tiny:
        wanted = ("base64", "ideographs")
        texts |= {f"1 MB of {what}": text for what, text in corpus.long_texts(1 << 20) if what in wanted}
    try:
        encoders = vocabulary.tokenizers()
    except ImportError as error:
        print(f"# without tiktoken and tokenizers: {error} (Tests/Tokens/run.sh installs them)")
        encoders = {}
    print(f"{'':64} {'bytes':>9} {'min ms':>9} {'median ms':>9} {'p95 ms':>9} {'MB/s':>9}  tokens")
    with tempfile.TemporaryDirectory() as folder:
        library = vocabulary.build(folder)
        for name in vocabulary.NAMES:
            took, tokens = sample(lambda: vocabulary.Vocabulary(library, name))
            print(f"{name}: opened in {took:.1f} ms")
            slow = name == "deepseek_v3"  # tokenizers would take a minute for the largest
            bench(tokens, encoders.get(name, [None])[0], texts, 0 if is_tiny else 1.5, (2 if slow else 16) << 20)


if __name__ == "__main__":
    try:
        main()
    except FileNotFoundError as error:
        print(f"# tokens are not measured: {error} (make setup)")
