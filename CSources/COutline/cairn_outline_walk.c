/* cairn_outline_walk.c: reads definitions off a syntax tree, by the rules of its language.
 *
 * Only what can hold definitions is entered: files, modules, classes, declarations. Bodies of functions are not, so a
 * walk sees a few nodes for a definition, and takes about a microsecond for it. Nesting is followed by recursion, at
 * most CAIRN_OUTLINE_DEPTH_MAX deep. */
#include "cairn_outline_int.h"

#include <string.h>

/* How far into the parts of one definition its end is looked for: `typedef struct {`, `const f = async () => {`. */
#define OUTLINE_INSIDE_MAX 4
/* Pointers, arrays and parentheses around one name of C. */
#define OUTLINE_DECLARATORS_MAX 64

static bool count_step(outline_walk *walk) {
    if (walk->status != CAIRN_OUTLINE_OK) return false;
    walk->steps += 1;
    if (walk->steps <= CAIRN_OUTLINE_STEPS_MAX) return true;
    walk->status = CAIRN_OUTLINE_ERR_TOO_BIG;
    return false;
}

bool cairn_outline_first_child(outline_walk *walk) {
    return count_step(walk) && ts_tree_cursor_goto_first_child(walk->cursor);
}

bool cairn_outline_next_sibling(outline_walk *walk) {
    return count_step(walk) && ts_tree_cursor_goto_next_sibling(walk->cursor);
}

static void go_to_parent(outline_walk *walk) { ts_tree_cursor_goto_parent(walk->cursor); }

static TSNode current(outline_walk *walk) { return ts_tree_cursor_current_node(walk->cursor); }

static const outline_rule *rule_of(const outline_walk *walk, TSNode node) {
    const TSSymbol symbol = ts_node_symbol(node);
    return symbol < walk->grammar->symbol_count ? walk->grammar->rules[symbol] : NULL;
}

static outline_role role_of(const outline_walk *walk, TSNode node) {
    const outline_rule *rule = rule_of(walk, node);
    return rule == NULL ? OUTLINE_IGNORE : (outline_role)rule->role;
}

const outline_rule *cairn_outline_rule_at(outline_walk *walk) { return rule_of(walk, current(walk)); }

outline_role cairn_outline_role_at(outline_walk *walk) { return role_of(walk, current(walk)); }

outline_place cairn_outline_place(TSNode node) {
    const TSPoint point = ts_node_start_point(node);
    return (outline_place){.byte = ts_node_start_byte(node), .line = point.row, .column = point.column};
}

static TSNode field_of(TSNode node, TSFieldId field) {
    return field == 0 ? (TSNode){0} : ts_node_child_by_field_id(node, field);
}

static outline_place lead_or(const outline_context *context, TSNode node) {
    return context->has_lead ? context->lead : cairn_outline_place(node);
}

/* ---- words in front of a name ---- */

static bool is_word_byte(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
        byte == '_' || byte >= 0x80;
}

static bool has_word(const uint8_t *text, uint32_t start, uint32_t end, const char *word, uint32_t length) {
    for (uint32_t i = start; i + length <= end; i += 1) {
        if (memcmp(text + i, word, length) != 0) continue;
        const bool begins = i == start || !is_word_byte(text[i - 1]);
        if (begins && (i + length == end || !is_word_byte(text[i + length]))) return true;
    }
    return false;
}

/* True if all words of one of the alternatives in `words` are in the range. */
static bool has_words(const outline_walk *walk, uint32_t start, uint32_t end, const char *words) {
    if (words == NULL) return true;
    bool has_all = true;
    for (;;) {
        const uint32_t length = (uint32_t)strcspn(words, " |");
        has_all = has_all && has_word(walk->text, start, end, words, length);
        words += length;
        if (*words != ' ' && has_all) return true;
        if (*words == '\0') return false;
        if (*words == '|') has_all = true;
        words += 1;
    }
}

/* MAX_SIZE, but not _ or Max. */
static bool is_in_capitals(const outline_walk *walk, uint32_t start, uint32_t end) {
    bool has_letter = false;
    for (uint32_t i = start; i < end; i += 1) {
        const uint8_t byte = walk->text[i];
        if (byte >= 'a' && byte <= 'z') return false;
        if (!is_word_byte(byte)) return false;
        has_letter = has_letter || (byte >= 'A' && byte <= 'Z');
    }
    return has_letter;
}

/* ---- where a signature ends ---- */

/* What one pass over the children of a definition finds. */
typedef struct scan {
    uint32_t signature_end;
    bool has_body;
    bool has_value;
    bool is_cut; /* in front of a value that is too long */
    cairn_outline_kind value_kind; /* of a function or class that is the value; 0: another value, or none */
    uint32_t levels;               /* how deep the cursor is; only if has_body */
    bool is_at_open;               /* it is at the brace, and its siblings are the body */
} scan;

static bool is_short(TSNode node) {
    return ts_node_end_byte(node) - ts_node_start_byte(node) <= CAIRN_OUTLINE_VALUE_BYTES_MAX &&
        ts_node_start_point(node).row == ts_node_end_point(node).row;
}

/* In a language of indented blocks what does not fit and begins a line is no part of the line above. */
static bool is_next_line(const outline_walk *walk, TSNode node, uint32_t line) {
    return walk->grammar->is_indented && outline_is_error(node) && ts_node_start_point(node).row > line;
}

/* Goes through the children of the node under the cursor until one ends the signature. If that is a body, the cursor
 * stays there, `levels` down; else it is back at the node. */
static bool scan_children(outline_walk *walk, scan *found, uint32_t level) {
    if (!cairn_outline_first_child(walk)) return false;
    bool is_value = false; /* behind an equals sign */
    uint32_t line = ts_node_start_point(current(walk)).row;
    do {
        const TSNode node = current(walk);
        if (ts_node_is_extra(node) && !outline_is_error(node)) continue;
        if (is_next_line(walk, node, line)) {
            found->is_cut = true;
            break;
        }
        const outline_rule *rule = cairn_outline_rule_at(walk);
        const outline_role role = rule == NULL ? OUTLINE_IGNORE : (outline_role)rule->role;
        const TSFieldId field = ts_tree_cursor_current_field_id(walk->cursor);
        const bool is_body = field != 0 && field == walk->grammar->body_field && role != OUTLINE_KEEP;
        if (role == OUTLINE_BODY || role == OUTLINE_OPEN || is_body) {
            found->has_body = true;
            found->levels = level + 1;
            found->is_at_open = role == OUTLINE_OPEN;
            return true;
        }
        is_value = is_value || (field != 0 && field == walk->grammar->value_field);
        found->has_value = found->has_value || is_value;
        if (role == OUTLINE_VALUE && is_value) found->value_kind = (cairn_outline_kind)rule->kind;
        const bool is_inside = role == OUTLINE_VALUE || role == OUTLINE_INSIDE || role == OUTLINE_ITEM;
        if (is_inside && level < OUTLINE_INSIDE_MAX) {
            if (scan_children(walk, found, level + 1)) return true;
        } else {
            found->is_cut = is_value && !is_short(node);
        }
        if (found->is_cut) break;
        found->signature_end = ts_node_end_byte(node);
        line = ts_node_end_point(node).row;
        is_value = role == OUTLINE_ASSIGN;
    } while (cairn_outline_next_sibling(walk));
    go_to_parent(walk);
    return false;
}

/* ---- names ---- */

outline_declarator cairn_outline_declarator(const outline_walk *walk, TSNode node) {
    outline_declarator found = {0};
    for (size_t i = 0; i < OUTLINE_DECLARATORS_MAX; i += 1) {
        const outline_role role = role_of(walk, node);
        TSNode inner = field_of(node, walk->grammar->declarator_field);
        if (role == OUTLINE_CAST) {
            const TSNode type = field_of(node, walk->grammar->type_field);
            found.is_function = true;
            found.name_start = ts_node_start_byte(node);
            found.name_end = ts_node_end_byte(ts_node_is_null(type) ? node : type);
            return found;
        }
        if (role == OUTLINE_PARENTHESES) inner = ts_node_named_child(node, 0);
        if (role == OUTLINE_FUNCTION_DECLARATOR) {
            found.is_function = role_of(walk, inner) != OUTLINE_PARENTHESES;
        }
        if (role == OUTLINE_ITEM) inner = field_of(node, walk->grammar->name_field);
        if (ts_node_is_null(inner)) break;
        node = inner;
    }
    found.is_qualified = role_of(walk, node) == OUTLINE_QUALIFIED;
    found.name_start = ts_node_start_byte(node);
    found.name_end = ts_node_end_byte(node);
    return found;
}

static void set_name(outline_draft *draft, TSNode node) {
    draft->name_start = ts_node_start_byte(node);
    draft->name_end = ts_node_end_byte(node);
}

/* All that is named in it: `import a, b as c` has the name "a, b as c". */
static void set_whole_name(outline_draft *draft, TSNode node) {
    const uint32_t count = ts_node_named_child_count(node);
    if (count == 0) return;
    draft->name_start = ts_node_start_byte(ts_node_named_child(node, 0));
    draft->name_end = ts_node_end_byte(ts_node_named_child(node, count - 1));
}

/* False for what only looks like a definition: with a macro in front, `MACRO namespace area {` is a function to the
 * grammar, although one without parameters. */
static bool find_name(const outline_walk *walk, const outline_rule *rule, TSNode node, outline_draft *draft) {
    const bool may_be_whole = rule->flags & OUTLINE_WHOLE;
    const char *field = rule->name_field == NULL && !may_be_whole ? "name" : rule->name_field;
    TSNode named = {0};
    if (field != NULL) named = ts_node_child_by_field_name(node, field, (uint32_t)strlen(field));
    if (ts_node_is_null(named)) {
        if (may_be_whole) set_whole_name(draft, node);
        return true;
    }
    set_name(draft, named);
    if (strcmp(field, "declarator") != 0) return true;
    const outline_declarator declarator = cairn_outline_declarator(walk, named);
    draft->name_start = declarator.name_start;
    draft->name_end = declarator.name_end;
    if (draft->kind != CAIRN_OUTLINE_FUNCTION) return true;
    if (declarator.is_qualified) draft->kind = CAIRN_OUTLINE_METHOD;
    return declarator.is_function;
}

/* ---- definitions ---- */

static outline_draft draft_of(TSNode node, const outline_context *context, const scan *found) {
    return (outline_draft){
        .start = lead_or(context, node),
        .signature_end = found->signature_end,
        .end = ts_node_end_byte(node),
        .end_point = ts_node_end_point(node),
        .is_broken = ts_node_has_error(node),
    };
}

/* The definitions among the siblings of the node under the cursor, itself first. */
static void visit_list(outline_walk *walk, outline_context *context, bool is_in_body) {
    do {
        cairn_outline_visit(walk, context, is_in_body);
    } while (cairn_outline_next_sibling(walk));
}

static void visit_children(outline_walk *walk, outline_context context, bool is_in_body) {
    if (context.depth == CAIRN_OUTLINE_DEPTH_MAX) return;
    context.depth += 1;
    if (!cairn_outline_first_child(walk)) return;
    visit_list(walk, &context, is_in_body);
    go_to_parent(walk);
}

/* The members, with the cursor where scan_children has left it; brings it back to the definition. */
static void visit_body(outline_walk *walk, const outline_context *context, uint32_t item, const scan *found) {
    outline_context inner = {.parent = item, .depth = context->depth};
    if (item == CAIRN_OUTLINE_NO_PARENT) inner.parent = context->parent; /* a namespace without a name */
    if (!found->is_at_open) {
        visit_children(walk, inner, true);
    } else if (inner.depth < CAIRN_OUTLINE_DEPTH_MAX && cairn_outline_next_sibling(walk)) {
        inner.depth += 1;
        visit_list(walk, &inner, true);
    }
}

static bool is_wanted(const outline_walk *walk, const outline_context *context, const outline_rule *rule,
    const outline_draft *draft, const scan *found) {
    if ((rule->flags & OUTLINE_NEEDS_BODY) && !found->has_body) return false;
    if ((rule->flags & OUTLINE_NEEDS_VALUE) && !found->has_value) return false;
    if ((rule->flags & OUTLINE_CAPITALS) && !is_in_capitals(walk, draft->name_start, draft->name_end)) return false;
    const uint32_t front = context->has_front ? context->front : draft->start.byte;
    return found->value_kind != 0 || has_words(walk, front, draft->name_end, rule->words);
}

static void visit_item(outline_walk *walk, const outline_context *context, const outline_rule *rule) {
    const TSNode node = current(walk);
    scan found = {.signature_end = ts_node_end_byte(node)};
    const bool is_deep = scan_children(walk, &found, 0);
    outline_draft draft = draft_of(node, context, &found);
    draft.kind = (cairn_outline_kind)(found.value_kind != 0 ? found.value_kind : rule->kind);
    if (!find_name(walk, rule, node, &draft)) {
        if (is_deep) visit_body(walk, context, CAIRN_OUTLINE_NO_PARENT, &found);
    } else if (is_wanted(walk, context, rule, &draft, &found)) {
        const uint32_t item = cairn_outline_append(walk, context, draft);
        const bool opens = (rule->flags & OUTLINE_OPENS) || found.value_kind == CAIRN_OUTLINE_CLASS;
        if (opens && is_deep) visit_body(walk, context, item, &found);
    }
    for (uint32_t i = 0; is_deep && i < found.levels; i += 1) go_to_parent(walk);
}

/* `export default function () {`: the name is the word default. */
static void visit_default(outline_walk *walk, const outline_context *context, TSNode keyword) {
    const TSNode node = current(walk);
    scan found = {.signature_end = ts_node_end_byte(node)};
    const bool is_deep = scan_children(walk, &found, 0);
    outline_draft draft = draft_of(node, context, &found);
    draft.kind = found.value_kind != 0 ? found.value_kind : CAIRN_OUTLINE_CONSTANT;
    set_name(&draft, keyword);
    const uint32_t item = cairn_outline_append(walk, context, draft);
    if (is_deep && draft.kind == CAIRN_OUTLINE_CLASS) visit_body(walk, context, item, &found);
    for (uint32_t i = 0; is_deep && i < found.levels; i += 1) go_to_parent(walk);
}

static void visit_import(outline_walk *walk, const outline_context *context, TSNode source) {
    const TSNode node = current(walk);
    outline_draft draft = draft_of(node, context, &(scan){.signature_end = ts_node_end_byte(node)});
    draft.kind = CAIRN_OUTLINE_IMPORT;
    set_name(&draft, source);
    cairn_outline_append(walk, context, draft);
}

static void visit_wrapped(outline_walk *walk, const outline_context *context) {
    const TSNode node = current(walk);
    outline_context inner = *context;
    inner.lead = lead_or(context, node);
    inner.has_lead = true;
    if (!inner.has_front) inner.front = ts_node_start_byte(node);
    inner.has_front = true;
    visit_children(walk, inner, false);
}

static void visit_export(outline_walk *walk, const outline_context *context) {
    const TSNode node = current(walk);
    const TSNode source = field_of(node, walk->grammar->source_field);
    if (!ts_node_is_null(source)) {
        visit_import(walk, context, source);
    } else if (!ts_node_is_null(field_of(node, walk->grammar->value_field))) {
        visit_default(walk, context, ts_node_prev_sibling(field_of(node, walk->grammar->value_field)));
    } else {
        visit_wrapped(walk, context);
    }
}

/* What the declarator under the cursor declares. Behind a type that is defined on the way, it begins with itself. */
static void append_declared(outline_walk *walk, const outline_context *context, const char *words,
    outline_draft draft, bool has_value, bool is_behind_type) {
    const TSNode node = current(walk);
    const outline_declarator declarator = cairn_outline_declarator(walk, node);
    const bool is_constant = has_value && has_words(walk, draft.start.byte, declarator.name_start, words);
    if (!declarator.is_function && !is_constant) return;
    draft.kind = declarator.is_function ? CAIRN_OUTLINE_FUNCTION : CAIRN_OUTLINE_CONSTANT;
    draft.name_start = declarator.name_start;
    draft.name_end = declarator.name_end;
    if (is_behind_type) {
        draft.start = cairn_outline_place(node);
        draft.signature_end = declarator.name_end;
    }
    cairn_outline_append(walk, context, draft);
}

/* Each declarator of `static const int a = 1, *b = 0;`, and a struct defined on the way. */
static void visit_declaration(outline_walk *walk, const outline_context *context, const outline_rule *rule) {
    const TSNode node = current(walk);
    scan found = {.signature_end = ts_node_end_byte(node)};
    const bool is_deep = scan_children(walk, &found, 0);
    for (uint32_t i = 0; is_deep && i < found.levels; i += 1) go_to_parent(walk);

    const outline_draft draft = draft_of(node, context, &found);
    outline_context inner = *context;
    inner.lead = draft.start;
    inner.has_lead = true;
    bool is_behind_type = false;
    if (!cairn_outline_first_child(walk)) return;
    do {
        const bool is_declarator = ts_tree_cursor_current_field_id(walk->cursor) == walk->grammar->declarator_field;
        if (is_declarator) {
            const bool has_value = found.has_value || cairn_outline_role_at(walk) == OUTLINE_INSIDE;
            append_declared(walk, context, rule->words, draft, has_value, is_behind_type);
        } else if (cairn_outline_role_at(walk) == OUTLINE_ITEM) {
            cairn_outline_visit(walk, &inner, false);
            is_behind_type = found.has_body;
        }
    } while (cairn_outline_next_sibling(walk));
    go_to_parent(walk);
}

void cairn_outline_visit(outline_walk *walk, outline_context *context, bool is_in_body) {
    const TSNode node = current(walk);
    if (outline_is_error(node)) {
        cairn_outline_recover(walk, context);
        context->has_lead = false;
        return;
    }
    const outline_rule *rule = rule_of(walk, node);
    const outline_role role = rule == NULL ? OUTLINE_IGNORE : (outline_role)rule->role;
    switch (role) {
    case OUTLINE_ITEM:
        visit_item(walk, context, rule);
        break;
    case OUTLINE_WRAP:
        visit_wrapped(walk, context);
        break;
    case OUTLINE_EXPORT:
        visit_export(walk, context);
        break;
    case OUTLINE_DECLARE:
        visit_declaration(walk, context, rule);
        break;
    case OUTLINE_DESCEND: {
        outline_context inner = *context;
        inner.has_lead = false;
        visit_children(walk, inner, false);
        break;
    }
    case OUTLINE_BODY: /* of an #ifdef or `if`; in the body of a class it is a block of statements */
        if (is_in_body) break;
        visit_children(walk, (outline_context){.parent = context->parent, .depth = context->depth}, true);
        break;
    case OUTLINE_ATTRIBUTE:
        if (!context->has_lead) context->lead = cairn_outline_place(node);
        context->has_lead = true;
        return;
    case OUTLINE_OPEN_PARENTHESIS: /* a list of definitions under one keyword: each begins with itself */
        context->has_lead = false;
        return;
    default:
        /* Words before the definition in its wrapping, or a comment between it and its attribute. */
        if (!is_in_body || ts_node_is_extra(node)) return;
    }
    context->has_lead = false;
}
