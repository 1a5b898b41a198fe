/* cairn_outline_parser.c: the handle: grammars, the parse with its bounds, and the memory of the items.
 *
 * The parser of tree-sitter takes time in the square of a broken stretch, or worse (20 KB of "x=>" as Java: two minutes
 * and 13 GB), so it is stopped by what it does and not by what it is given. Two things are counted, and both depend on
 * the text alone: the bytes it asks for, which are 2 to 6 ns of work each, and the bytes it reads, because scanners may
 * look ahead again and again without asking for memory. At a limit the pool (cgrammars_pool.h) leaves the parser in the
 * middle and takes all its memory back; the next call makes a new one. */
#include "cairn_outline_int.h"
#include "cgrammars_pool.h"

#include <stdlib.h>
#include <string.h>

/* Small, so that every second look at a place is counted. */
enum { READ_PIECE_BYTES = 256 };

struct cairn_outline {
    cgrammars_pool pool; /* of all that tree-sitter has */
    TSParser *parser;    /* NULL: none yet, or it had to be left */
    TSTreeCursor cursor;
    bool has_cursor;
    outline_grammar grammars[CAIRN_OUTLINE_LANGUAGE_COUNT];
    cairn_outline_item *items;
    uint32_t item_count, item_capacity;
};

cairn_outline_status cairn_outline_new(cairn_outline **out_self) {
    cairn_outline *self = realloc(NULL, sizeof *self);
    if (self == NULL) return CAIRN_OUTLINE_ERR_NO_MEMORY;
    memset(self, 0, sizeof *self);
    cgrammars_pool_init(&self->pool);
    *out_self = self;
    return CAIRN_OUTLINE_OK;
}

void cairn_outline_free(cairn_outline *self) {
    if (self == NULL) return;
    if (self->parser != NULL) ts_parser_delete(self->parser); /* a scanner may have memory from elsewhere */
    cgrammars_pool_deinit(&self->pool);
    for (size_t i = 0; i < CAIRN_OUTLINE_LANGUAGE_COUNT; i += 1) free(self->grammars[i].rules);
    free(self->items);
    free(self);
}

static bool is_language(cairn_outline_language language) {
    return (int)language > CAIRN_OUTLINE_UNKNOWN && (int)language < CAIRN_OUTLINE_LANGUAGE_COUNT;
}

static TSFieldId field(const TSLanguage *language, const char *name) {
    return ts_language_field_id_for_name(language, name, (uint32_t)strlen(name));
}

uint32_t cairn_outline_bind(const outline_rule *rules, outline_grammar *grammar) {
    uint32_t unknown = 0;
    for (const outline_rule *rule = rules; rule->node != NULL; rule += 1) {
        const TSSymbol symbol = ts_language_symbol_for_name(
            grammar->language, rule->node, (uint32_t)strlen(rule->node), rule->role < OUTLINE_FIRST_TOKEN);
        if (symbol == 0 || symbol >= grammar->symbol_count) {
            unknown += 1;
        } else {
            grammar->rules[symbol] = rule;
        }
    }
    return unknown;
}

cairn_outline_status cairn_outline_add(
    cairn_outline *self, cairn_outline_language language, const TSLanguage *grammar_language) {
    if (!is_language(language) || grammar_language == NULL) return CAIRN_OUTLINE_ERR_ARGUMENT;
    const uint32_t version = ts_language_version(grammar_language);
    if (version < TREE_SITTER_MIN_COMPATIBLE_LANGUAGE_VERSION || version > TREE_SITTER_LANGUAGE_VERSION) {
        return CAIRN_OUTLINE_ERR_ARGUMENT;
    }
    outline_grammar grammar = {
        .language = grammar_language,
        .symbol_count = ts_language_symbol_count(grammar_language),
        .is_indented = language == CAIRN_OUTLINE_PYTHON,
        .name_field = field(grammar_language, "name"),
        .body_field = field(grammar_language, "body"),
        .value_field = field(grammar_language, "value"),
        .declarator_field = field(grammar_language, "declarator"),
        .type_field = field(grammar_language, "type"),
        .source_field = field(grammar_language, "source"),
    };
    const size_t bytes = grammar.symbol_count * sizeof *grammar.rules;
    grammar.rules = realloc(NULL, bytes);
    if (grammar.rules == NULL) return CAIRN_OUTLINE_ERR_NO_MEMORY;
    memset(grammar.rules, 0, bytes);
    const outline_rule *const *lists = cairn_outline_rules(language);
    for (size_t i = 0; i < OUTLINE_RULE_LISTS && lists[i] != NULL; i += 1) cairn_outline_bind(lists[i], &grammar);
    free(self->grammars[language].rules);
    self->grammars[language] = grammar;
    return CAIRN_OUTLINE_OK;
}

bool cairn_outline_knows(const cairn_outline *self, cairn_outline_language language) {
    return is_language(language) && self->grammars[language].language != NULL;
}

typedef struct reading {
    const uint8_t *text;
    uint32_t length;
    uint64_t bytes_left; /* that may still be handed out */
    cgrammars_pool *pool;
} reading;

static const char *read_piece(void *context, uint32_t offset, TSPoint place, uint32_t *out_length) {
    (void)place;
    reading *self = context;
    const uint32_t rest = offset < self->length ? self->length - offset : 0;
    const uint32_t length = rest < READ_PIECE_BYTES ? rest : READ_PIECE_BYTES;
    if (length > self->bytes_left) cgrammars_pool_leave(self->pool, CGRAMMARS_SPENT);
    self->bytes_left -= length;
    *out_length = length;
    return length == 0 ? "" : (const char *)self->text + offset;
}

static TSTree *parse(cairn_outline *self, const outline_walk *walk) {
    reading source = {
        .text = walk->text,
        .length = walk->length,
        .bytes_left = (uint64_t)walk->length * CAIRN_OUTLINE_READS_MAX + CAIRN_OUTLINE_READ_BYTES_MAX,
        .pool = &self->pool,
    };
    const TSInput input = {.payload = &source, .read = read_piece, .encoding = TSInputEncodingUTF8};
    if (self->parser == NULL) self->parser = ts_parser_new();
    ts_parser_set_language(self->parser, walk->grammar->language);
    return ts_parser_parse(self->parser, NULL, input);
}

static void walk_tree(outline_walk *walk, TSNode root) {
    cairn_outline *self = walk->parser;
    if (self->has_cursor) {
        ts_tree_cursor_reset(&self->cursor, root);
    } else {
        self->cursor = ts_tree_cursor_new(root);
        self->has_cursor = true;
    }
    outline_context context = {.parent = CAIRN_OUTLINE_NO_PARENT};
    if (outline_is_error(root)) {
        cairn_outline_recover(walk, &context);
        return;
    }
    if (!cairn_outline_first_child(walk)) return;
    do {
        cairn_outline_visit(walk, &context, true);
    } while (cairn_outline_next_sibling(walk));
}

/* All that may ask for memory. */
static void parse_and_walk(cairn_outline *self, outline_walk *walk) {
    TSTree *tree = parse(self, walk);
    walk_tree(walk, ts_tree_root_node(tree));
    ts_tree_delete(tree);
}

/* Runs it where it can be left. */
static cairn_outline_status run(cairn_outline *self, outline_walk *walk) {
    cgrammars_pool *const outer = cgrammars_pool_use(&self->pool);
    self->pool.bytes_left = (uint64_t)walk->length * CAIRN_OUTLINE_WORK_MAX + CAIRN_OUTLINE_WORK_BYTES_MAX;
    const int reason = setjmp(self->pool.escape);
    if (reason == 0) parse_and_walk(self, walk);
    cgrammars_pool_use(outer);
    if (reason == 0) return walk->status;
    cgrammars_pool_deinit(&self->pool);
    self->parser = NULL;
    self->has_cursor = false;
    return reason == CGRAMMARS_SPENT ? CAIRN_OUTLINE_ERR_TOO_BIG : CAIRN_OUTLINE_ERR_NO_MEMORY;
}

cairn_outline_status cairn_outline_parse(cairn_outline *self, cairn_outline_language language, const uint8_t *text,
    size_t length, const cairn_outline_item **out_items, size_t *out_count) {
    if (!cairn_outline_knows(self, language)) return CAIRN_OUTLINE_ERR_NOT_FOUND;
    if (length > CAIRN_OUTLINE_INPUT_BYTES_MAX) return CAIRN_OUTLINE_ERR_TOO_BIG;
    self->item_count = 0;
    outline_walk walk = {
        .parser = self,
        .grammar = &self->grammars[language],
        .text = text,
        .length = (uint32_t)length,
        .cursor = &self->cursor,
    };
    const cairn_outline_status status = run(self, &walk);
    if (status != CAIRN_OUTLINE_OK) return status;
    *out_items = self->items;
    *out_count = self->item_count;
    return CAIRN_OUTLINE_OK;
}

static bool reserve_item(outline_walk *walk) {
    cairn_outline *self = walk->parser;
    if (self->item_count < self->item_capacity) return true;
    if (self->item_count == CAIRN_OUTLINE_ITEMS_MAX) {
        walk->status = CAIRN_OUTLINE_ERR_TOO_BIG;
        return false;
    }
    const uint32_t capacity = self->item_capacity == 0 ? 64 : self->item_capacity * 2;
    cairn_outline_item *items = realloc(self->items, capacity * sizeof *items);
    if (items == NULL) {
        walk->status = CAIRN_OUTLINE_ERR_NO_MEMORY;
        return false;
    }
    self->items = items;
    self->item_capacity = capacity;
    return true;
}

static bool is_trimmed(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n' || byte == ';' || byte == ',';
}

static uint32_t trimmed(const uint8_t *text, uint32_t start, uint32_t end) {
    while (end > start && is_trimmed(text[end - 1])) end -= 1;
    return end;
}

/* `import "a"` imports a. */
static void strip_quotes(const uint8_t *text, outline_draft *draft) {
    if (draft->name_end - draft->name_start < 2) return;
    const uint8_t first = text[draft->name_start], last = text[draft->name_end - 1];
    const bool is_quoted = (first == last && (first == '"' || first == '\'' || first == '`')) ||
        (first == '<' && last == '>');
    if (!is_quoted) return;
    draft->name_start += 1;
    draft->name_end -= 1;
}

/* Without white space and semicolons at the end, and with the line that remains the last. */
static void set_end(const outline_walk *walk, cairn_outline_item *item, uint32_t end, TSPoint end_point) {
    item->end = trimmed(walk->text, item->start, end);
    uint32_t line = end_point.row;
    for (uint32_t i = item->end; i < end; i += 1) line -= walk->text[i] == '\n';
    item->last_line = line + 1;
}

uint32_t cairn_outline_append(outline_walk *walk, const outline_context *context, outline_draft draft) {
    if (walk->status != CAIRN_OUTLINE_OK || !reserve_item(walk)) return CAIRN_OUTLINE_NO_PARENT;
    strip_quotes(walk->text, &draft);
    if (draft.name_end <= draft.name_start) return CAIRN_OUTLINE_NO_PARENT;
    cairn_outline *self = walk->parser;
    cairn_outline_item *item = &self->items[self->item_count];
    const bool is_member =
        context->parent != CAIRN_OUTLINE_NO_PARENT && self->items[context->parent].kind != CAIRN_OUTLINE_MODULE;
    *item = (cairn_outline_item){
        .start = draft.start.byte,
        .name_start = draft.name_start,
        .name_end = draft.name_end,
        .first_line = draft.start.line + 1,
        .parent = context->parent,
        .kind = (uint8_t)(is_member && draft.kind == CAIRN_OUTLINE_FUNCTION ? CAIRN_OUTLINE_METHOD : draft.kind),
        .is_broken = draft.is_broken,
    };
    set_end(walk, item, draft.end, draft.end_point);
    item->signature_end = trimmed(walk->text, item->start, draft.signature_end);
    self->item_count += 1;
    return self->item_count - 1;
}

void cairn_outline_extend(outline_walk *walk, uint32_t item, uint32_t end, TSPoint end_point) {
    cairn_outline_item *extended = &walk->parser->items[item];
    if (end > extended->end) set_end(walk, extended, end, end_point);
}

cairn_outline_kind cairn_outline_kind_of(const outline_walk *walk, uint32_t item) {
    return (cairn_outline_kind)walk->parser->items[item].kind;
}
