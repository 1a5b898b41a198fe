"""libcairn from Python, through ctypes: a tool call has one fingerprint, however its arguments are spelled.

    python3 chat_fingerprint.py /usr/local/lib/libcairn.so
"""
import ctypes
import sys


class Span(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Node(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in (
        "start", "end", "key_start", "key_end", "parent", "next", "child_count")] + [
        ("type", ctypes.c_uint8), ("flags", ctypes.c_uint8), ("depth", ctypes.c_uint16)]


class Fingerprint(ctypes.Structure):
    _fields_ = [("high", ctypes.c_uint64), ("low", ctypes.c_uint64)]


def load(path):
    library = ctypes.CDLL(path)
    library.cairn_json_nodes_bound.restype = ctypes.c_size_t
    library.cairn_json_nodes_bound.argtypes = [ctypes.c_size_t]
    library.cairn_json_scratch_bound.restype = ctypes.c_size_t
    library.cairn_json_scratch_bound.argtypes = [ctypes.c_size_t]
    library.cairn_status_text.restype = ctypes.c_char_p
    library.cairn_fingerprint_tool_call.argtypes = [
        Span, Span, ctypes.POINTER(Node), ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint32), ctypes.POINTER(Fingerprint)]
    return library


def tool_call(library, name, arguments):
    """The fingerprint as 32 hexadecimal digits. `name` and `arguments` are bytes; arguments are JSON text."""
    capacity = library.cairn_json_nodes_bound(len(arguments))
    nodes = (Node * max(1, capacity))()
    scratch = (ctypes.c_uint32 * max(1, library.cairn_json_scratch_bound(capacity)))()
    found = Fingerprint()
    status = library.cairn_fingerprint_tool_call(
        Span(name, len(name)), Span(arguments, len(arguments)), nodes, capacity, scratch, ctypes.byref(found))
    if status != 0:
        raise ValueError(library.cairn_status_text(status).decode())
    return "%016x%016x" % (found.high, found.low)


def main():
    library = load(sys.argv[1] if len(sys.argv) > 1 else "libcairn.so.0")
    spellings = b'{"path":"a.c","line":1}', b'{ "line" : 1, "path" : "\\u0061.c" }', b'{"path":"a.c","line":"1"}'
    for arguments in spellings:
        print(tool_call(library, b"read_file", arguments), arguments.decode())


if __name__ == "__main__":
    main()
