/* cairn_outline_recover.c: definitions in broken text.
 *
 * Where the parser fails, often because the text was cut off, it leaves one node with the words it could not join:
 *
 *     class Circle {            ERROR: "class" Circle "{" method_definition... "public" double area parameters "{" ...
 *         void a() { }
 *         public double area() {
 *             if (
 *
 * Two things begin like a definition: a keyword with a name behind it, and a name with parameters (not arguments: the
 * grammars tell them apart) behind it. Their signature goes up to a brace, a semicolon, or what begins next. What they
 * are inside of is told by indentation: it is what is left to rely on where braces do not match. */
#include "cairn_outline_int.h"

/* A definition that may go on: later ones that are indented more are inside. */
typedef struct opening {
    uint32_t item; /* CAIRN_OUTLINE_NO_PARENT: a function, whose inside is of no interest */
    uint32_t self; /* the item whose end is still to be found */
    uint32_t column;
} opening;

/* The front of a definition that is being read. */
typedef struct head {
    bool is_open;
    cairn_outline_kind kind;
    bool has_name;
    uint32_t name_start, name_end;
    outline_place start;
} head;

/* A word's end. */
typedef struct outline_end {
    uint32_t byte;
    TSPoint point;
} outline_end;

typedef struct recovery {
    outline_walk *walk;
    outline_context context;
    opening openings[CAIRN_OUTLINE_DEPTH_MAX];
    uint32_t opening_count;
    head head;
    bool has_lead;
    outline_place lead; /* the first word since the last brace or semicolon */
    uint32_t parentheses;
    TSNode word;     /* the last word that may be a name, null when another one came behind it */
    TSNode assigned; /* the word in front of the last equals sign: `const area = function (` */
    outline_end last;
} recovery;

static void close_openings(recovery *self, uint32_t column) {
    while (self->opening_count > 0 && self->openings[self->opening_count - 1].column >= column) {
        self->opening_count -= 1;
        cairn_outline_extend(
            self->walk, self->openings[self->opening_count].self, self->last.byte, self->last.point);
    }
}

/* True if what begins in this column counts; then the context's parent is what it is inside of. */
static bool enter(recovery *self, const outline_context *outer, uint32_t column) {
    close_openings(self, column);
    self->context.parent = outer->parent;
    if (self->opening_count == 0) return true;
    self->context.parent = self->openings[self->opening_count - 1].item;
    return self->context.parent != CAIRN_OUTLINE_NO_PARENT;
}

static void open(recovery *self, uint32_t item, uint32_t column) {
    if (item == CAIRN_OUTLINE_NO_PARENT || self->opening_count == CAIRN_OUTLINE_DEPTH_MAX) return;
    const cairn_outline_kind kind = cairn_outline_kind_of(self->walk, item);
    const bool is_function = kind == CAIRN_OUTLINE_FUNCTION || kind == CAIRN_OUTLINE_METHOD;
    self->openings[self->opening_count] = (opening){
        .item = is_function ? CAIRN_OUTLINE_NO_PARENT : item,
        .self = item,
        .column = column,
    };
    self->opening_count += 1;
}

/* The end of a signature that goes on until nothing ends it: cut between two characters. */
static uint32_t cut_signature(const outline_walk *walk, uint32_t start, uint32_t end) {
    if (end - start <= CAIRN_OUTLINE_BROKEN_BYTES_MAX) return end;
    uint32_t cut = start + CAIRN_OUTLINE_BROKEN_BYTES_MAX;
    for (int i = 0; i < 3 && (walk->text[cut] & 0xC0) == 0x80; i += 1) cut -= 1;
    return cut;
}

/* The definition whose front has been read ends here, and has been one if it has a name. */
static void finish_head(recovery *self, const outline_context *outer) {
    const head found = self->head;
    self->head = (head){0};
    self->parentheses = 0;
    if (!found.is_open || !found.has_name) return;
    self->has_lead = false;
    /* Openings in front of it end before its first word: `last` is already behind. */
    const outline_end last = self->last;
    self->last = (outline_end){.byte = found.start.byte, .point = {.row = found.start.line}};
    const bool counts = enter(self, outer, found.start.column);
    self->last = last;
    if (!counts) return;
    const uint32_t item = cairn_outline_append(self->walk, &self->context,
        (outline_draft){
            .kind = found.kind,
            .start = found.start,
            .name_start = found.name_start,
            .name_end = found.name_end,
            .signature_end = cut_signature(self->walk, found.start.byte, last.byte),
            .end = last.byte,
            .end_point = last.point,
            .is_broken = true,
        });
    open(self, item, found.start.column);
}

static void begin_head(recovery *self, cairn_outline_kind kind, TSNode node) {
    self->head = (head){
        .is_open = true,
        .kind = kind,
        .start = self->has_lead ? self->lead : cairn_outline_place(node),
    };
    self->parentheses = 0;
}

static void name_head(recovery *self, uint32_t start, uint32_t end) {
    self->head.has_name = true;
    self->head.name_start = start;
    self->head.name_end = end;
}

/* Parameters: the word in front of them is a function's name, unless a keyword has said what comes. */
static void read_parameters(recovery *self, TSNode word) {
    const TSNode name = ts_node_is_null(word) ? self->assigned : word;
    if (self->head.is_open || ts_node_is_null(name)) return;
    begin_head(self, CAIRN_OUTLINE_FUNCTION, name);
    name_head(self, ts_node_start_byte(name), ts_node_end_byte(name));
}

/* A function without a name has that of the variable it is assigned to, or is none of ours. */
static void read_open_parenthesis(recovery *self) {
    self->parentheses += 1;
    if (!self->head.is_open || self->head.has_name) return;
    if (ts_node_is_null(self->assigned)) {
        self->head = (head){0};
    } else {
        name_head(self, ts_node_start_byte(self->assigned), ts_node_end_byte(self->assigned));
    }
}

/* Behind a brace, a semicolon or a whole definition nothing in front counts any more. */
static void forget_front(recovery *self) {
    self->has_lead = false;
    self->assigned = (TSNode){0};
}

static void read_declarator(recovery *self, TSNode node) {
    const outline_declarator declarator = cairn_outline_declarator(self->walk, node);
    if (self->head.is_open || !declarator.is_function) return;
    begin_head(self, declarator.is_qualified ? CAIRN_OUTLINE_METHOD : CAIRN_OUTLINE_FUNCTION, node);
    name_head(self, declarator.name_start, declarator.name_end);
}

/* A definition that is whole, among the loose words. */
static void read_definition(recovery *self, const outline_context *outer, TSNode node) {
    finish_head(self, outer);
    const outline_place place = self->has_lead ? self->lead : cairn_outline_place(node);
    if (!enter(self, outer, place.column)) return;
    self->context.has_lead = self->has_lead;
    self->context.lead = self->lead;
    cairn_outline_visit(self->walk, &self->context, false);
}

/* In a language of indented blocks a line begins something new, unless a parenthesis is open. */
static bool begins_line(const recovery *self, TSNode node) {
    return self->walk->grammar->is_indented && self->parentheses == 0 &&
        ts_node_start_point(node).row > self->last.point.row;
}

/* `struct node *insert(` mentions a struct and defines none. */
static bool is_mention(const recovery *self, const outline_rule *rule, TSNode node) {
    return rule != NULL && (rule->flags & OUTLINE_NEEDS_BODY) &&
        ts_node_is_null(ts_node_child_by_field_id(node, self->walk->grammar->body_field));
}

static void read_word(recovery *self, const outline_context *outer, TSNode node) {
    const outline_rule *rule = cairn_outline_rule_at(self->walk);
    if (is_mention(self, rule, node)) rule = NULL;
    const outline_role role = rule == NULL ? OUTLINE_IGNORE : (outline_role)rule->role;
    if (begins_line(self, node)) {
        finish_head(self, outer);
        forget_front(self);
    }
    const TSNode word = self->word;
    self->word = (TSNode){0};
    if (outline_is_error(node) && ts_node_child_count(node) > 0) { /* without children: bytes that are no word */
        read_definition(self, outer, node);
        forget_front(self);
        return;
    }
    switch (role) {
    case OUTLINE_ITEM:
    case OUTLINE_WRAP:
    case OUTLINE_EXPORT:
    case OUTLINE_DECLARE:
    case OUTLINE_DESCEND:
        read_definition(self, outer, node);
        forget_front(self);
        return;
    case OUTLINE_OPEN:
    case OUTLINE_END:
        finish_head(self, outer);
        forget_front(self);
        return;
    case OUTLINE_COLON:
        if (self->parentheses > 0) break;
        self->last = (outline_end){.byte = ts_node_end_byte(node), .point = ts_node_end_point(node)};
        finish_head(self, outer);
        break;
    case OUTLINE_HEAD:
        if (self->head.is_open && !self->head.has_name) break; /* enum class */
        finish_head(self, outer);
        begin_head(self, (cairn_outline_kind)rule->kind, node);
        break;
    case OUTLINE_WORD:
    case OUTLINE_QUALIFIED:
        self->word = node;
        if (self->head.is_open && !self->head.has_name) {
            name_head(self, ts_node_start_byte(node), ts_node_end_byte(node));
        }
        break;
    case OUTLINE_OPEN_PARENTHESIS:
        read_open_parenthesis(self);
        self->word = word; /* looked at when a parameter follows */
        break;
    case OUTLINE_CLOSE_PARENTHESIS:
        if (self->parentheses > 0) self->parentheses -= 1;
        break;
    case OUTLINE_PARAMETERS:
    case OUTLINE_PARAMETER:
        read_parameters(self, word);
        break;
    case OUTLINE_ASSIGN:
        self->assigned = word;
        break;
    case OUTLINE_FUNCTION_DECLARATOR:
    case OUTLINE_DECLARATOR:
    case OUTLINE_PARENTHESES:
        read_declarator(self, node);
        break;
    default:
        break;
    }
    if (!self->has_lead) self->lead = cairn_outline_place(node);
    self->has_lead = true;
}

void cairn_outline_recover(outline_walk *walk, const outline_context *context) {
    if (context->depth == CAIRN_OUTLINE_DEPTH_MAX) return;
    recovery self = {.walk = walk, .context = *context};
    self.context.depth += 1;
    self.has_lead = context->has_lead;
    self.lead = context->lead;
    if (!cairn_outline_first_child(walk)) return;
    self.last.point = ts_node_start_point(ts_tree_cursor_current_node(walk->cursor));
    do {
        const TSNode node = ts_tree_cursor_current_node(walk->cursor);
        if (ts_node_is_extra(node) && !outline_is_error(node)) continue;
        read_word(&self, context, node);
        self.last = (outline_end){.byte = ts_node_end_byte(node), .point = ts_node_end_point(node)};
    } while (cairn_outline_next_sibling(walk));
    finish_head(&self, context);
    close_openings(&self, 0);
    ts_tree_cursor_goto_parent(walk->cursor);
}
