/* cairn_outline.h: the signatures in a source text, without the bodies: what a reader of code looks at first.
 *
 * Used where a file that an agent has read must shrink to what it defines. Workload: files of 1 to 200 KB in ten
 * languages, often cut off in the middle, or with an error in them.
 *
 *     class Shape(Base):                    --> class   Shape   1-5  "class Shape(Base):"
 *         @property                         -->   method area   2-5  "@property\n    def area(self) -> float:"
 *         def area(self) -> float:
 *             side = self.side
 *             return side * side
 *
 * The syntax tree is tree-sitter's (Brunsfeld et al.; Wagner's incremental GLR parsing, 1998), the grammars are given
 * by the caller, tables say which nodes are what. Where a text is broken, the tree has a list of loose words; the
 * room finds in it what begins like a definition, and takes its place from the indentation.
 *
 * It is the one room that allocates while it works, because tree-sitter does: with malloc and realloc, and no more than
 * the limits below allow. Its memory stays with the parser for the next text.
 *
 * Cost: the parser's own 6 to 13 MB/s, and a twentieth to an eighth more for us: Benchmarks/core. So: never on an
 * event loop, and worth a cache keyed by content. */
#ifndef CAIRN_OUTLINE_H
#define CAIRN_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A larger text is refused. */
#define CAIRN_OUTLINE_INPUT_BYTES_MAX (2 << 20)
/* Definitions in one text; a text with more is refused. */
#define CAIRN_OUTLINE_ITEMS_MAX 65536
/* Nesting of definitions and of what wraps them; deeper ones are left out. */
#define CAIRN_OUTLINE_DEPTH_MAX 64
/* The work on a text, measured by what the parser allocates: this many bytes for a byte of text, and
 * CAIRN_OUTLINE_WORK_BYTES_MAX beyond that. Code takes 10 to 60; a text that is no code in this language may take
 * more than there is time for. One byte is 2 to 6 ns of work. */
#define CAIRN_OUTLINE_WORK_MAX 128
#define CAIRN_OUTLINE_WORK_BYTES_MAX (32 << 20)
/* A text is handed to the parser in pieces, again where it looks again: at most this many times the text, and
 * CAIRN_OUTLINE_READ_BYTES_MAX beyond that. */
#define CAIRN_OUTLINE_READS_MAX 24
#define CAIRN_OUTLINE_READ_BYTES_MAX (16 << 20)
/* Moves in the syntax tree for one text; a text that needs more is refused. */
#define CAIRN_OUTLINE_STEPS_MAX (16 << 20)
/* A constant's value up to this size, on one line, belongs to the signature; a larger one is left out. */
#define CAIRN_OUTLINE_VALUE_BYTES_MAX 96
/* The signature of a definition found in broken text is no longer than this. */
#define CAIRN_OUTLINE_BROKEN_BYTES_MAX 2048
/* How much of a text is looked at to tell its language. */
#define CAIRN_OUTLINE_SAMPLE_BYTES_MAX 16384

#define CAIRN_OUTLINE_NO_PARENT UINT32_MAX

/* What a function of this room that can fail returns. The room stands beside libcairn and needs nothing of it; the
 * numbers are those of cairn_status. Closed, never renumbered. */
typedef enum cairn_outline_status {
    CAIRN_OUTLINE_OK = 0,
    CAIRN_OUTLINE_ERR_TOO_BIG = 3,   /* a named limit would be exceeded */
    CAIRN_OUTLINE_ERR_NO_MEMORY = 5, /* an allocation failed */
    CAIRN_OUTLINE_ERR_ARGUMENT = 6,  /* the call breaks the function's contract */
    CAIRN_OUTLINE_ERR_NOT_FOUND = 7  /* no grammar for the language */
} cairn_outline_status;

/* Borrowed bytes. `bytes` may be NULL only if length is 0. */
typedef struct cairn_outline_bytes {
    const uint8_t *bytes;
    size_t length;
} cairn_outline_bytes;

typedef enum cairn_outline_language {
    CAIRN_OUTLINE_UNKNOWN = 0,
    CAIRN_OUTLINE_RUST = 1,
    CAIRN_OUTLINE_PYTHON = 2,
    CAIRN_OUTLINE_TYPESCRIPT = 3,
    CAIRN_OUTLINE_TSX = 4,
    CAIRN_OUTLINE_JAVASCRIPT = 5, /* with JSX */
    CAIRN_OUTLINE_JAVA = 6,
    CAIRN_OUTLINE_C = 7,
    CAIRN_OUTLINE_CPP = 8,
    CAIRN_OUTLINE_C_SHARP = 9,
    CAIRN_OUTLINE_GO = 10
} cairn_outline_language;

#define CAIRN_OUTLINE_LANGUAGE_COUNT 11

typedef enum cairn_outline_kind {
    CAIRN_OUTLINE_IMPORT = 1,   /* import, use, using, #include, export from */
    CAIRN_OUTLINE_MODULE = 2,   /* package, namespace, mod */
    CAIRN_OUTLINE_CLASS = 3,    /* class and record; in C++ also struct */
    CAIRN_OUTLINE_TYPE = 4,     /* struct, enum, union, interface, trait, alias, typedef, delegate, concept */
    CAIRN_OUTLINE_FUNCTION = 5, /* also a variable whose value is a function */
    CAIRN_OUTLINE_METHOD = 6,   /* a function in a class, type or implementation; a property or index of C# */
    CAIRN_OUTLINE_CONSTANT = 7, /* const, static final, #define with a value; in Python by the capital letters */
    CAIRN_OUTLINE_MACRO = 8,    /* macro_rules!, #define with parameters */
    CAIRN_OUTLINE_IMPLEMENTATION = 9 /* impl of Rust; its name is the type's */
} cairn_outline_kind;

/* One definition. Offsets are bytes of the input; a range is [start, end).
 *
 *     @cache                    start
 *     def area(self,            name_start, name_end: area
 *              scale=1):        signature_end, behind the colon
 *         return self.side      end
 */
typedef struct cairn_outline_item {
    uint32_t start;         /* with decorators, attributes, `export`, `template <...>` */
    uint32_t signature_end; /* in front of the body or a large value; without white space and semicolon */
    uint32_t end;
    uint32_t name_start; /* as spelled, a path without its quotes; never empty */
    uint32_t name_end;
    uint32_t first_line; /* of start; the first line of a text is 1 */
    uint32_t last_line;  /* of the last byte */
    uint32_t parent;     /* index of the definition around it, always smaller, or CAIRN_OUTLINE_NO_PARENT */
    uint8_t kind;        /* a cairn_outline_kind */
    bool is_broken;      /* there is a syntax error in it, or its end was cut off: the ranges are the best guess */
} cairn_outline_item;

/* Which language a text is in: by the file name's ending (`path` may have folders), else by the word behind a code
 * fence ("rust", "c++", "ts title=..."), else by how the lines of `text` begin. A header called .h is C, or C++ if
 * its text looks like it. Each span may be empty. Borrows all for the call. CAIRN_OUTLINE_UNKNOWN when nothing tells.
 * Cost: at most CAIRN_OUTLINE_SAMPLE_BYTES_MAX of text, once; no allocation. Any thread. */
cairn_outline_language cairn_outline_language_of(
    cairn_outline_bytes path, cairn_outline_bytes fence_tag, cairn_outline_bytes text);

/* The language's name, which is also its grammar's: tree_sitter_<name>. "" for CAIRN_OUTLINE_UNKNOWN and values not
 * listed above. View: for ever. */
const char *cairn_outline_language_name(cairn_outline_language language);

/* The kind's name ("import", ...). "" for values not listed above. View: for ever. */
const char *cairn_outline_kind_name(cairn_outline_kind kind);

/* A parser with its memory. One thread at a time; any number of parsers side by side. */
typedef struct cairn_outline cairn_outline;

/* A grammar of tree-sitter, see tree_sitter/api.h. */
typedef struct TSLanguage TSLanguage;

/* Makes a parser without grammars; the first text asks for its memory. Returns owned: the caller frees with
 * cairn_outline_free. CAIRN_OUTLINE_ERR_NO_MEMORY when there is none; *out_self is then untouched. */
cairn_outline_status cairn_outline_new(cairn_outline **out_self);

/* Frees the parser and the items it last returned. NULL is allowed. */
void cairn_outline_free(cairn_outline *self);

/* Gives the parser the grammar for a language; a second one for the same language replaces the first. Borrows
 * `grammar` until the parser is freed. Returns CAIRN_OUTLINE_ERR_ARGUMENT for no grammar, an unknown language or a
 * grammar that this tree-sitter cannot read; CAIRN_OUTLINE_ERR_NO_MEMORY. Cost: about 0.1 ms. */
cairn_outline_status cairn_outline_add(cairn_outline *self, cairn_outline_language language, const TSLanguage *grammar);

/* True when the parser has a grammar for the language. */
bool cairn_outline_knows(const cairn_outline *self, cairn_outline_language language);

/* Finds the definitions in `text`, in the order in which they begin. Borrows `text` for the call; it should be UTF-8,
 * other bytes are passed over. *out_items is a view until the next call or free.
 * Never fails for what is wrong in the text: broken code has the definitions that can be told. Returns
 * - CAIRN_OUTLINE_ERR_NOT_FOUND: no grammar for `language` was added;
 * - CAIRN_OUTLINE_ERR_TOO_BIG: the text is larger than CAIRN_OUTLINE_INPUT_BYTES_MAX, or has more definitions or
 *   needs more work than the limits above allow (the work is counted, not timed: same text, same answer);
 * - CAIRN_OUTLINE_ERR_NO_MEMORY: the system has none; the parser can be used again.
 * The outputs are then untouched. */
cairn_outline_status cairn_outline_parse(cairn_outline *self, cairn_outline_language language, const uint8_t *text,
    size_t length, const cairn_outline_item **out_items, size_t *out_count);

#ifdef __cplusplus
}
#endif

#endif
