"""The core's room tokens through ctypes, for the tests and benchmarks that compare it with the tokenizers themselves.

The library is built from the sources at hand, with a C compiler, into a folder that the caller removes.
"""

import ctypes
import glob
import mmap
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.environ.get("CAIRN_VOCABULARIES", os.path.join(ROOT, "CSources", "Vocabularies"))
NAMES = ("cl100k_base", "o200k_base", "deepseek_v3")
STRUCT_BYTES = 4096  # above the size of cairn_tokens
CACHE_BYTES = 1 << 20  # above the size of cairn_tokens_cache


class Front(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint64), ("tokens", ctypes.c_uint64)]


def build(folder):
    """The core as a shared library, optimised."""
    core = os.path.join(ROOT, "CSources", "CCairn")
    path = os.path.join(folder, "libtokens.so")
    sources = sorted(glob.glob(f"{core}/cairn_tokens*.c") + glob.glob(f"{core}/cairn_bytes*.c"))
    compiler = os.environ.get("CC", "clang")
    flags = ["-std=c17", "-O3", "-fPIC", "-shared", f"-I{core}/include", f"-I{core}"]
    subprocess.run([compiler, *flags, *sources, "-o", path], check=True)
    library = ctypes.CDLL(path)
    library.cairn_tokens_count.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint32)]
    return library


def aligned(size):
    """A buffer aligned to 64 bytes, and its address."""
    buffer = ctypes.create_string_buffer(size + 64)
    return buffer, (ctypes.addressof(buffer) + 63) & ~63


class Vocabulary:
    """One open vocabulary, mapped. Raises FileNotFoundError when set-up has not made it."""

    def __init__(self, library, name):
        self.library, self.name = library, name
        with open(os.path.join(FOLDER, f"{name}.cairn"), "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_WRITE, flags=mmap.MAP_PRIVATE)
        self.view = (ctypes.c_char * len(self.map)).from_buffer(self.map)
        self.struct, self.cache = aligned(STRUCT_BYTES), aligned(CACHE_BYTES)
        self.address = ctypes.c_void_p(self.struct[1])
        self.ok(library.cairn_tokens_open(self.view, ctypes.c_size_t(len(self.map)), self.address))
        self.forget()

    def ok(self, status):
        if status != 0:
            raise AssertionError(f"{self.name}: status {status}")

    def forget(self):
        """Empties the cache."""
        self.library.cairn_tokens_cache_init(ctypes.c_void_p(self.cache[1]), self.address)

    def count(self, text, is_cached=True):
        count = ctypes.c_uint32()
        cache = self.cache[1] if is_cached else None
        self.ok(self.library.cairn_tokens_count(self.address, cache, text, len(text), ctypes.byref(count)))
        return count.value

    def encode(self, text):
        ids, count = (ctypes.c_uint32 * (len(text) + 1))(), ctypes.c_uint32()
        self.ok(self.library.cairn_tokens_encode(
            self.address, text, ctypes.c_size_t(len(text)), ids, ctypes.c_size_t(len(text)), ctypes.byref(count)))
        return ids[:count.value]

    def split(self, text, limit):
        """The cut and the tokens in front of it."""
        offset, count = ctypes.c_size_t(), ctypes.c_uint32()
        self.ok(self.library.cairn_tokens_split(
            self.address, None, text, ctypes.c_size_t(len(text)), ctypes.c_uint32(limit), ctypes.byref(offset),
            ctypes.byref(count)))
        return offset.value, count.value

    def append(self, tail, front):
        count = ctypes.c_uint32()
        self.ok(self.library.cairn_tokens_append(
            self.address, tail, ctypes.c_size_t(len(tail)), ctypes.byref(front), ctypes.byref(count)))
        return count.value


def tokenizers():
    """name -> (str -> token ids, token id -> how many bytes it has), of tiktoken and tokenizers. Raises ImportError
    when they are not installed."""
    os.environ["TIKTOKEN_CACHE_DIR"] = os.path.join(FOLDER, "fetched")
    import json

    import tiktoken
    from tokenizers import Tokenizer

    with open(os.path.join(FOLDER, "fetched", "deepseek_tokenizer.json"), encoding="utf-8") as file:
        description = json.load(file)
    description["added_tokens"] = []  # names of special tokens in a text are ordinary text here
    deepseek = Tokenizer.from_str(json.dumps(description))
    cl100k, o200k = tiktoken.get_encoding("cl100k_base"), tiktoken.get_encoding("o200k_base")
    return {
        "cl100k_base": (cl100k.encode_ordinary, lambda token: len(cl100k.decode_single_token_bytes(token))),
        "o200k_base": (o200k.encode_ordinary, lambda token: len(o200k.decode_single_token_bytes(token))),
        # Its tokens are spelled with one character a byte.
        "deepseek_v3": (
            lambda text: deepseek.encode(text, add_special_tokens=False).ids,
            lambda token: len(deepseek.id_to_token(token))),
    }
