/* cairn_outline_int.h: what the files of the outline room share: the rules by which a syntax tree is read, and the
 * state of one reading. */
#ifndef CAIRN_OUTLINE_INT_H
#define CAIRN_OUTLINE_INT_H

#include "cairn_outline.h"

#include <tree_sitter/api.h>

/* What a kind of node means to an outline. */
typedef enum outline_role {
    OUTLINE_IGNORE = 0,
    OUTLINE_ITEM,       /* a definition */
    OUTLINE_WRAP,       /* stands around a definition and begins its signature: export, template, a declaration */
    OUTLINE_EXPORT,     /* the same, or an import (`export from`), or a definition called `default` */
    OUTLINE_DECLARE,    /* a declaration in the manner of C: its declarators are the definitions */
    OUTLINE_DESCEND,    /* has definitions inside and adds nothing to them: #ifdef, if, extern "C" */
    OUTLINE_ATTRIBUTE,  /* stands in front of a definition, as its sibling, and begins its signature */
    OUTLINE_BODY,       /* ends a signature */
    OUTLINE_KEEP,       /* does not end it, although the grammar calls it a body */
    OUTLINE_VALUE,      /* a function or class as a value: gives a variable its kind */
    OUTLINE_INSIDE,     /* the end of the signature is to be looked for inside */
    OUTLINE_FUNCTION_DECLARATOR, /* name and parameters of a C function */
    OUTLINE_DECLARATOR,          /* may have one inside, behind a pointer */
    OUTLINE_PARENTHESES,         /* a declarator around another one without a field for it */
    OUTLINE_CAST,                /* `operator bool()` */
    OUTLINE_QUALIFIED,           /* `Shape::area` */
    /* for broken text */
    OUTLINE_WORD,       /* may be a name */
    OUTLINE_PARAMETERS, /* with its parentheses */
    OUTLINE_PARAMETER,
    /* tokens: nodes the grammar has no name for */
    OUTLINE_HEAD, /* a keyword that begins a definition */
    OUTLINE_OPEN, /* { */
    OUTLINE_END,  /* } ; */
    OUTLINE_OPEN_PARENTHESIS,
    OUTLINE_CLOSE_PARENTHESIS,
    OUTLINE_COLON, /* where it opens a body */
    OUTLINE_ASSIGN
} outline_role;

#define OUTLINE_FIRST_TOKEN OUTLINE_HEAD

typedef enum outline_flag {
    OUTLINE_OPENS = 1,      /* definitions inside its body are its members */
    OUTLINE_NEEDS_BODY = 2, /* without one it is a mere mention: `struct stat *s` */
    OUTLINE_NEEDS_VALUE = 4,
    OUTLINE_CAPITALS = 8, /* counts when its name is in capitals */
    OUTLINE_WHOLE = 16    /* without a name field its name is everything named in it: `import a, b as c` */
} outline_flag;

typedef struct outline_rule {
    const char *node; /* the grammar's name for it */
    uint8_t role;
    uint8_t kind; /* a cairn_outline_kind; 0: decided by the value alone */
    uint8_t flags;
    const char *name_field; /* where its name is, if not in "name"; "declarator" leads through nested ones */
    const char *words;      /* words that must stand before the name, "const|static final": either, or both */
} outline_rule;

/* A language's rules are up to three lists, each ended by a rule without a node. Later lists win. */
#define OUTLINE_RULE_LISTS 3
const outline_rule *const *cairn_outline_rules(cairn_outline_language language);

/* A grammar with the rule of each of its symbols, and the fields we ask for. */
typedef struct outline_grammar {
    const TSLanguage *language;
    const outline_rule **rules; /* by symbol; NULL: ignored */
    uint32_t symbol_count;
    bool is_indented; /* blocks are told by indentation: Python */
    TSFieldId name_field, body_field, value_field, declarator_field, type_field, source_field;
} outline_grammar;

/* Sets *out_rule for each symbol of the grammar that a list names; returns how many rules name no symbol. */
uint32_t cairn_outline_bind(const outline_rule *rules, outline_grammar *grammar);

/* A place in the text. */
typedef struct outline_place {
    uint32_t byte, line, column; /* lines and columns from 0; a column counts bytes */
} outline_place;

/* Where in the tree we are, from the point of view of what is defined there. */
typedef struct outline_context {
    uint32_t parent; /* index of the item around, or CAIRN_OUTLINE_NO_PARENT */
    bool has_lead;   /* something in front belongs to the next definition: */
    outline_place lead;
    bool has_front; /* inside of a declaration, which begins here: its first words go for all it declares */
    uint32_t front;
    uint32_t depth;
} outline_context;

/* One reading of one tree. */
typedef struct outline_walk {
    cairn_outline *parser;
    const outline_grammar *grammar;
    const uint8_t *text;
    uint32_t length;
    TSTreeCursor *cursor;
    uint32_t steps;
    cairn_outline_status status; /* the first failure ends the walk */
} outline_walk;

/* What is to be an item. `end` and `signature_end` may have white space in front of them. */
typedef struct outline_draft {
    cairn_outline_kind kind;
    outline_place start;
    uint32_t name_start, name_end;
    uint32_t signature_end;
    TSPoint end_point;
    uint32_t end;
    bool is_broken;
} outline_draft;

/* Appends an item; returns its index, or CAIRN_OUTLINE_NO_PARENT when it has no name or the walk has failed. */
uint32_t cairn_outline_append(outline_walk *walk, const outline_context *context, outline_draft draft);

/* Moves an item's end further, for a caller that knows better. */
void cairn_outline_extend(outline_walk *walk, uint32_t item, uint32_t end, TSPoint end_point);

/* The kind of an item appended before. */
cairn_outline_kind cairn_outline_kind_of(const outline_walk *walk, uint32_t item);

/* The rule for the node under the cursor; NULL: it is ignored. */
const outline_rule *cairn_outline_rule_at(outline_walk *walk);
outline_role cairn_outline_role_at(outline_walk *walk);

/* Moves of the cursor, counted. False also when the walk is to end. */
bool cairn_outline_first_child(outline_walk *walk);
bool cairn_outline_next_sibling(outline_walk *walk);

/* Appends what the node under the cursor defines, and what is defined inside. The cursor is there again afterwards. */
void cairn_outline_visit(outline_walk *walk, outline_context *context, bool is_in_body);

/* The same for a node of loose words that tree-sitter could make nothing of. */
void cairn_outline_recover(outline_walk *walk, const outline_context *context);

/* The name inside a declarator of C: through pointers, arrays, parentheses. */
typedef struct outline_declarator {
    uint32_t name_start, name_end;
    bool is_function;  /* and no pointer to one */
    bool is_qualified; /* `Shape::area` */
} outline_declarator;
outline_declarator cairn_outline_declarator(const outline_walk *walk, TSNode node);

outline_place cairn_outline_place(TSNode node);

/* True if the node's symbol is tree-sitter's own for broken text. */
static inline bool outline_is_error(TSNode node) { return ts_node_symbol(node) == (TSSymbol)-1; }

#endif
