/* count_core.c: every hot path of the C core once, on fixed input, for callgrind to count its instructions. Run by
 * run.sh as `valgrind --tool=callgrind --instr-atstart=no count_core VOCABULARIES`; counts.py reads the dumps, one a
 * path. Input is made, and memory taken, while nothing is counted. Prints the conditions that counts depend on ("made
 * with:") and what is left out ("left out:"). The names of paths are the keys of baseline.txt; those that end with
 * "(n)" and "(2n)" are pairs of which only the ratio is looked at. */
#include "count_texts.h"

#include <valgrind/callgrind.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SOURCE_BYTES = 64000, ROWS = 1000, MATCHES = 10, SITUATIONS = 3000, CALLS = 20 };
enum { WORST_BYTES = 1 << 17, WORST_BYTES_LARGE = 1 << 19, WORST_LINES_BYTES = 40000 }; /* n of the pairs */

/* Counts one piece of work under a name; `context` is the work's own. */
static void count(const char *name, void (*work)(void *context), void *context) {
    CALLGRIND_ZERO_STATS;
    CALLGRIND_START_INSTRUMENTATION;
    work(context);
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS_AT(name);
}

static void check(cairn_status status) {
    if (status == CAIRN_OK) return;
    fprintf(stderr, "count_core: status %d\n", (int)status);
    exit(2);
}

/* json, skim, fingerprint */

typedef struct document {
    text text, out;
    cairn_json_node *nodes;
    size_t node_capacity, node_count;
    uint32_t *scratch;
    cairn_skim_plan plan;
    cairn_json_edit *edits;
    size_t edit_count;
} document;

static void parse(void *context) {
    document *self = context;
    size_t error_offset = 0;
    check(cairn_json_parse(
        self->text.bytes, self->text.length, self->nodes, self->node_capacity, &self->node_count, &error_offset));
}

static void write_canonical(void *context) {
    document *self = context;
    check(cairn_json_canonical(
        self->text.bytes, self->nodes, 0, self->scratch, self->out.bytes, TEXT_BYTES_MAX, &self->out.length));
}

static void splice(void *context) {
    document *self = context;
    check(cairn_json_splice(self->text.bytes, self->text.length, self->edits, self->edit_count, self->out.bytes,
        TEXT_BYTES_MAX, &self->out.length));
}

static void escape(void *context) {
    document *self = context;
    size_t error_offset = 0;
    check(cairn_json_escape(
        self->text.bytes, self->text.length, self->out.bytes, TEXT_BYTES_MAX, &self->out.length, &error_offset));
}

static void unescape(void *context) {
    document *self = context;
    size_t error_offset = 0;
    check(cairn_json_unescape(
        self->out.bytes, self->out.length, self->text.bytes, TEXT_BYTES_MAX, &self->text.length, &error_offset));
}

static void skim_member(void *context) {
    document *self = context;
    cairn_span value;
    size_t offset;
    check(cairn_skim_member(
        self->text.bytes, self->text.length, (cairn_span){(const uint8_t *)"model", 5}, &value, &offset));
}

static void skim_pieces(void *context) {
    document *self = context;
    cairn_skim skim;
    cairn_skim_init(&skim, &self->plan, self->out.bytes);
    for (size_t start = 0; start < self->text.length; start += 1400) {
        const size_t left = self->text.length - start;
        cairn_skim_feed(&skim, self->text.bytes + start, left < 1400 ? left : 1400);
    }
    check(cairn_skim_finish(&skim));
}

static void fingerprint_tool_call(void *context) {
    document *self = context;
    cairn_fingerprint fingerprint;
    const cairn_span name = {(const uint8_t *)"write_file", 10}, arguments = {self->text.bytes, self->text.length};
    check(cairn_fingerprint_tool_call(
        name, arguments, self->nodes, self->node_capacity, self->scratch, &fingerprint));
}

static void fingerprint_messages(void *context) {
    const cairn_span *messages = context;
    for (int round = 0; round < 100; round += 1) {
        cairn_fingerprint lineage = CAIRN_FINGERPRINT_LINEAGE_START;
        for (uint8_t i = 0; i < 3; i += 1) {
            const cairn_fingerprint_part part = {messages[i], 1};
            lineage = cairn_fingerprint_lineage(lineage, cairn_fingerprint_turn(i, &part, 1));
        }
    }
}

static document document_of(text text) {
    document self = {.text = text, .out = text_new(), .node_capacity = cairn_json_nodes_bound(TEXT_BYTES_MAX)};
    self.nodes = aligned(self.node_capacity * sizeof *self.nodes);
    self.scratch = aligned(cairn_json_scratch_bound(self.node_capacity) * sizeof *self.scratch);
    const cairn_skim_path path = {.keys = {{(const uint8_t *)"usage", 5}}, .key_count = 1, .value_bytes_max = 100};
    check(cairn_skim_plan_init(&path, 1, false, &self.plan));
    return self;
}

static void document_free(document *self) {
    free(self->text.bytes);
    free(self->out.bytes);
    free(self->nodes);
    free(self->scratch);
    free(self->edits);
}

/* Every string of the document becomes another one. */
static void add_edits(document *self) {
    self->edits = aligned(self->node_count * sizeof *self->edits);
    for (size_t i = 0; i < self->node_count; i += 1) {
        const cairn_json_node *node = &self->nodes[i];
        if (node->type != CAIRN_JSON_STRING) continue;
        self->edits[self->edit_count] =
            (cairn_json_edit){node->start, node->end, {(const uint8_t *)"\"shortened\"", 11}};
        self->edit_count += 1;
    }
}

static void count_documents(const text *source) {
    document chat = document_of(chat_body(source));
    count("json parse, chat", parse, &chat);
    count("json canonical, chat", write_canonical, &chat);
    count("skim member, chat", skim_member, &chat);
    count("skim feed, chat in pieces", skim_pieces, &chat);
    document_free(&chat);

    document tools = document_of(tool_schemas(SOURCE_BYTES));
    count("json parse, tool schemas", parse, &tools);
    count("json canonical, tool schemas", write_canonical, &tools);
    add_edits(&tools);
    count("json splice, every string of tool schemas", splice, &tools);
    count("skim member, tool schemas", skim_member, &tools);
    document_free(&tools);

    document content = document_of(text_new());
    text_add(&content.text, source->bytes, source->length);
    count("json escape, source", escape, &content);
    count("json unescape, source", unescape, &content);
    document_free(&content);

    document call = document_of(text_new());
    text_add_string(&call.text, "{\"path\": \"src/a.swift\", \"content\": \"");
    text_add_escaped(&call.text, source->bytes, 10000);
    text_add_string(&call.text, "\", \"create\": true}");
    count("fingerprint, tool call of 10 KB", fingerprint_tool_call, &call);
    document_free(&call);
    cairn_span messages[3] = {{(const uint8_t *)"You are helpful.", 16},
        {(const uint8_t *)"Fix the failing test, please.", 29}, {(const uint8_t *)"I will look at it.", 18}};
    count("fingerprint, 3 short messages", fingerprint_messages, messages);
}

/* sse */

static void scan_events(void *context) {
    const text *stream = context;
    cairn_sse scanner;
    cairn_sse_event event;
    cairn_sse_init(&scanner, 0);
    for (size_t start = 0; start < stream->length; start += 1400) {
        const size_t left = stream->length - start;
        cairn_span rest = {stream->bytes + start, left < 1400 ? left : 1400};
        while (cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK) continue;
    }
    cairn_sse_deinit(&scanner);
}

/* tokens */

typedef struct counting {
    cairn_tokens tokens;
    cairn_tokens_cache *cache;
    const text *text;
    cairn_tokens_splitter splitter;
} counting;

static void count_tokens(void *context) {
    counting *self = context;
    uint32_t tokens;
    check(cairn_tokens_count(&self->tokens, self->cache, self->text->bytes, self->text->length, &tokens));
}

static void split_tokens(void *context) {
    counting *self = context;
    size_t offset;
    uint32_t tokens;
    check(cairn_tokens_split(
        &self->tokens, self->cache, self->text->bytes, self->text->length, UINT32_MAX, &offset, &tokens));
}

static void append_tokens(void *context) {
    counting *self = context;
    cairn_tokens_front front = {0};
    uint32_t tokens;
    for (size_t length = 0; length <= self->text->length; length += 200)
        check(cairn_tokens_append(
            &self->tokens, self->text->bytes + front.bytes, length - (size_t)front.bytes, &front, &tokens));
}

static void estimate_tokens(void *context) {
    counting *self = context;
    cairn_tokens_estimate estimate;
    check(cairn_tokens_estimate_count(self->splitter, self->text->bytes, self->text->length, &estimate));
}

/* The file's bytes, or an empty text; the caller's memory to free. */
static text file_text(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.cairn", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (text){NULL, 0};
    if (fseek(file, 0, SEEK_END) != 0) exit(2);
    const size_t length = (size_t)ftell(file);
    rewind(file);
    text self = {aligned(length), length};
    if (fread(self.bytes, 1, length, file) != length) exit(2);
    fclose(file);
    return self;
}

static text worst_text(const char *unit, const char *letters, size_t length) {
    return unit != NULL ? repeated_text(unit, length) : random_text(letters, length);
}

/* n against 2n of texts without anything to split at, or with nothing else; in one vocabulary letters up to 1 MB. */
static void count_worst_texts(const char *name, counting *self) {
    static const struct {
        const char *what, *unit, *letters; /* one of the two */
    } worst[] = {{"letters without spaces", NULL, "abcdefghijklmnopqrstuvwxyz"}, {"digits", NULL, "0123456789"},
        {"one letter", "a", NULL}, {"punctuation", NULL, "=-*/#.()[]"}, {"spaces", " ", NULL},
        {"ideographs", "\xE6\xB0\xB4\xE7\x81\xAB", NULL}, {"no UTF-8", "\xFF\xC0", NULL}};
    char label[100];
    for (size_t i = 0; i < sizeof worst / sizeof worst[0]; i += 1) {
        const bool is_large = i == 0 && self->tokens.splitter == CAIRN_TOKENS_O200K;
        const size_t length = is_large ? WORST_BYTES_LARGE : WORST_BYTES;
        for (size_t times = 1; times <= 2; times += 1) {
            text text = worst_text(worst[i].unit, worst[i].letters, times * length);
            self->text = &text;
            cairn_tokens_cache_init(self->cache, &self->tokens);
            snprintf(label, sizeof label, "tokens %s, %s %s", name, worst[i].what, times == 1 ? "(n)" : "(2n)");
            count(label, count_tokens, self);
            free(text.bytes);
        }
    }
}

static void count_vocabulary(const char *folder, const char *name, const text *source) {
    text file = file_text(folder, name);
    char label[100];
    if (file.bytes == NULL) {
        printf("left out: tokens %s: that vocabulary is not installed\n", name);
        return;
    }
    counting self = {.cache = aligned(sizeof(cairn_tokens_cache)), .text = source};
    check(cairn_tokens_open(file.bytes, file.length, &self.tokens));
    cairn_tokens_cache_init(self.cache, &self.tokens);
    snprintf(label, sizeof label, "tokens %s, cold", name);
    count(label, count_tokens, &self);
    snprintf(label, sizeof label, "tokens %s, kept", name);
    count(label, count_tokens, &self);
    snprintf(label, sizeof label, "tokens %s, split", name);
    count(label, split_tokens, &self);
    snprintf(label, sizeof label, "tokens %s, append", name);
    count(label, append_tokens, &self);
    count_worst_texts(name, &self);
    free(self.cache);
    free(file.bytes);
}

static void count_estimates(const text *source) {
    static const char *const names[] = {"cl100k", "o200k", "deepseek"};
    char label[100];
    for (int i = 0; i < 3; i += 1) {
        counting self = {.text = source, .splitter = (cairn_tokens_splitter)(CAIRN_TOKENS_CL100K + i)};
        snprintf(label, sizeof label, "tokens estimate, %s", names[i]);
        count(label, estimate_tokens, &self);
    }
}

/* novelty */

typedef struct trigrams {
    cairn_novelty_set *set;
    cairn_novelty_scratch *scratch;
    const text *text;
    size_t length;
} trigrams;

static void add_trigrams(void *context) {
    trigrams *self = context;
    cairn_novelty_add(self->set, self->scratch, self->text->bytes, self->length);
}

static void find_trigrams(void *context) {
    trigrams *self = context;
    cairn_novelty_find(self->set, self->scratch, self->text->bytes, self->length);
}

static void count_novelty(const text *source) {
    trigrams self = {.text = source, .length = source->length};
    check(cairn_novelty_set_new(&self.set));
    check(cairn_novelty_scratch_new(&self.scratch));
    count("novelty add, source", add_trigrams, &self);
    count("novelty find, source", find_trigrams, &self);
    self.length = 2000;
    count("novelty find, 2 KB", find_trigrams, &self);
    cairn_novelty_set_free(self.set);
    cairn_novelty_scratch_free(self.scratch);
}

/* vector */

typedef struct searching {
    cairn_vector_embedder *embedder;
    cairn_vector_index *index;
    const text *text;
    float query[CAIRN_VECTOR_EMBEDDING_FLOATS];
    float row[CAIRN_VECTOR_EMBEDDING_FLOATS];
} searching;

static void embed(void *context) {
    searching *self = context;
    check(cairn_vector_embed(self->embedder, self->text->bytes, 2000, self->query));
}

static void add_vector(void *context) {
    searching *self = context;
    check(cairn_vector_index_add(self->index, ROWS, self->row));
}

static void search(void *context) {
    searching *self = context;
    cairn_vector_match matches[MATCHES];
    size_t match_count;
    check(cairn_vector_index_search(self->index, self->query, -1, matches, MATCHES, &match_count));
}

static void count_vectors(const text *source) {
    searching self = {.text = source};
    check(cairn_vector_embedder_new(&self.embedder));
    check(cairn_vector_index_new(CAIRN_VECTOR_EMBEDDING_FLOATS, &self.index));
    for (size_t row = 0; row < ROWS; row += 1) {
        check(cairn_vector_embed(self.embedder, source->bytes + row * 60, 400, self.row));
        check(cairn_vector_index_add(self.index, row, self.row));
    }
    count("vector embed, 2 KB", embed, &self);
    count("vector add", add_vector, &self);
    count("vector search, 10 of 1,000", search, &self);
    cairn_vector_index_free(self.index);
    cairn_vector_embedder_free(self.embedder);
}

/* snippet */

typedef struct finding {
    const text *text;
    cairn_snippet *snippets;
    uint32_t *scratch;
    size_t capacity, count;
} finding;

static void find_snippets(void *context) {
    finding *self = context;
    check(cairn_snippet_find(
        self->text->bytes, self->text->length, self->snippets, self->capacity, self->scratch, &self->count));
}

static void count_snippets(const char *name, const text *text) {
    finding self = {.text = text, .capacity = cairn_snippet_bound(text->length)};
    self.snippets = aligned(self.capacity * sizeof *self.snippets);
    self.scratch = aligned(cairn_snippet_scratch_bound(self.capacity) * sizeof *self.scratch);
    count(name, find_snippets, &self);
    free(self.snippets);
    free(self.scratch);
}

/* delta */

typedef struct comparing {
    cairn_delta_index index;
    cairn_delta_diff diff;
    cairn_delta_rule rule;
    cairn_delta_run *runs;
    size_t run_capacity, run_count;
    text old_text, new_text, patch, out;
} comparing;

static void read_lines(void *context) {
    comparing *self = context;
    check(cairn_delta_index_read(&self->index, self->new_text.bytes, self->new_text.length));
}

static void find_runs(void *context) {
    comparing *self = context;
    check(cairn_delta_index_find(&self->index, self->rule, self->runs, self->run_capacity, &self->run_count));
}

static void add_lines(void *context) {
    comparing *self = context;
    check(cairn_delta_index_add(&self->index, 2));
}

static void find_changes(void *context) {
    comparing *self = context;
    check(cairn_delta_diff_find(&self->diff, (cairn_span){self->old_text.bytes, self->old_text.length},
        (cairn_span){self->new_text.bytes, self->new_text.length}, 0));
}

static void write_patch(void *context) {
    comparing *self = context;
    check(cairn_delta_diff_write(&self->diff, (cairn_delta_names){0}, CAIRN_DELTA_CONTEXT_LINES, self->patch.bytes,
        TEXT_BYTES_MAX, &self->patch.length));
}

static void apply_patch(void *context) {
    comparing *self = context;
    cairn_delta_failure failure;
    check(cairn_delta_apply((cairn_span){self->old_text.bytes, self->old_text.length},
        (cairn_span){self->patch.bytes, self->patch.length}, self->out.bytes, TEXT_BYTES_MAX, &self->out.length,
        &failure));
}

/* The old text seen, the new one read. */
static comparing comparing_of(text old_text, text new_text, cairn_delta_rule rule) {
    comparing self = {.rule = rule, .old_text = old_text, .new_text = new_text};
    cairn_delta_index_init(&self.index, (cairn_delta_allocator){0}, 0);
    cairn_delta_diff_init(&self.diff, (cairn_delta_allocator){0});
    check(cairn_delta_index_read(&self.index, old_text.bytes, old_text.length));
    check(cairn_delta_index_add(&self.index, 1));
    read_lines(&self);
    self.run_capacity = cairn_delta_index_find_bound(&self.index, rule);
    self.runs = aligned(self.run_capacity * sizeof *self.runs);
    return self;
}

static void comparing_free(comparing *self) {
    cairn_delta_diff_deinit(&self->diff);
    cairn_delta_index_deinit(&self->index);
    free(self->runs);
    free(self->old_text.bytes);
    free(self->new_text.bytes);
}

static void count_delta(void) {
    text old_text = source_text(SOURCE_BYTES, 3);
    comparing self = comparing_of(old_text, edited_text(&old_text), CAIRN_DELTA_RULE_DEFAULT);
    self.patch = text_new();
    self.out = text_new();
    count("delta index read, source", read_lines, &self);
    count("delta index find, source", find_runs, &self);
    count("delta index add, source", add_lines, &self);
    count("delta diff, source", find_changes, &self);
    count("delta patch written, source", write_patch, &self);
    count("delta patch applied, source", apply_patch, &self);
    free(self.patch.bytes);
    free(self.out.bytes);
    comparing_free(&self);
}

/* Runs among equal lines, where every line has every other as a candidate: accepted, and all refused, so that each
 * is also looked at backwards. */
static void count_worst_lines(void) {
    const struct {
        const char *what, *old_unit, *new_unit;
        cairn_delta_rule rule;
    } worst[] = {{"equal lines", "a\n", "a\n", {1, 1}}, {"equal lines, runs refused", "a\n", "a\n", {1, UINT32_MAX}},
        {"runs of eight, refused", "a\na\na\na\na\na\na\na\nb\n", "a\na\na\na\na\na\na\na\n", {1, UINT32_MAX}},
        {"every line a run of its own", "a\nb\n", "a\nc\n", {1, 1}}};
    char label[100];
    for (size_t i = 0; i < sizeof worst / sizeof worst[0]; i += 1) {
        for (size_t times = 1; times <= 2; times += 1) {
            comparing self = comparing_of(repeated_text(worst[i].old_unit, times * WORST_LINES_BYTES),
                repeated_text(worst[i].new_unit, times * WORST_LINES_BYTES), worst[i].rule);
            snprintf(label, sizeof label, "delta index find, %s %s", worst[i].what, times == 1 ? "(n)" : "(2n)");
            count(label, find_runs, &self);
            comparing_free(&self);
        }
    }
}

/* policy */

typedef struct deciding {
    cairn_policy_table table;
    cairn_policy_situation situations[SITUATIONS];
    cairn_policy_decision decisions[SITUATIONS];
} deciding;

static void decide(void *context) {
    deciding *self = context;
    for (size_t i = 0; i < SITUATIONS; i += 1)
        self->decisions[i] = cairn_policy_decide(&self->table, &self->situations[i]);
}

static void decide_in_threes(void *context) {
    deciding *self = context;
    for (size_t i = 0; i < SITUATIONS; i += 3)
        cairn_policy_decide_all(&self->table, &self->situations[i], 3, &self->decisions[i]);
}

static void count_policy(void) {
    deciding *self = aligned(sizeof *self);
    cairn_policy_fault fault;
    uint64_t seed = 1;
    check(cairn_policy_table_init(&self->table, cairn_policy_default(), &fault));
    for (size_t i = 0; i < SITUATIONS; i += 1) {
        const uint32_t what = random_number(&seed);
        self->situations[i] = (cairn_policy_situation){.hit_tokens = what % 4 == 0 ? what % 5000 : 0,
            .hit_is_fresh = (what >> 2) % 2, .failure_count = (what >> 3) % 4, .fix_tokens = (what >> 5) % 2 * 40,
            .fix_worked_count = (what >> 6) % 6, .attempt_count = (what >> 9) % 4, .attempt_tokens = what % 3000,
            .plan_steps_open = (what >> 11) % 3, .plan_tokens = what % 2000, .failure_streak = (what >> 13) % 5,
            .context_per_mille = (what >> 16) % 1000, .budget_per_mille = (what >> 6) % 1000,
            .held_tokens = (what >> 20) % 2 * 9000};
    }
    count("policy, 3,000 decisions", decide, self);
    count("policy, 1,000 cycles of three", decide_in_threes, self);
    free(self);
}

/* distill */

typedef struct distilling {
    cairn_distill_call calls[CALLS];
    char arguments[CALLS][32], results[CALLS][64];
    cairn_distill_entry entries[CALLS];
    size_t entry_count, left_out, length;
    uint8_t out[16384];
} distilling;

static void distill(void *context) {
    distilling *self = context;
    check(cairn_distill_find(self->calls, CALLS, self->entries, CALLS, &self->entry_count, &self->left_out));
    check(cairn_distill_write(
        self->entries, self->entry_count, self->left_out, self->out, sizeof self->out, &self->length));
}

static void count_distill(void) {
    distilling *self = aligned(sizeof *self);
    for (int i = 0; i < CALLS; i += 1) {
        const int argument_length = snprintf(self->arguments[i], sizeof self->arguments[i], "src/module_%d.rs", i % 9);
        const int result_length = snprintf(self->results[i], sizeof self->results[i], "Error: no match %d\nat all", i);
        self->calls[i] = (cairn_distill_call){.fingerprint = {.high = 1, .low = (uint64_t)i % 9},
            .tool = {(const uint8_t *)"read_file", 9},
            .argument = {(const uint8_t *)self->arguments[i], (size_t)argument_length},
            .result = {(const uint8_t *)self->results[i], (size_t)result_length},
            .outcome = i % 3 == 0 ? CAIRN_DISTILL_FAILED : CAIRN_DISTILL_WORKED, .is_change = i % 5 == 0};
    }
    count("distill, 20 calls", distill, self);
    free(self);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: count_core VOCABULARIES\n");
        return 2;
    }
#if CAIRN_BYTES_HAS_AVX2
    const char *path = cairn_bytes_can_avx2() ? "AVX2" : "no AVX2";
#else
    const char *path = "no AVX2";
#endif
    printf("made with: xxHash %d, %s\n", XXH_VERSION_NUMBER, path);
    text source = source_text(SOURCE_BYTES, 1), output = tool_output(SOURCE_BYTES, 2);
    text stream = event_stream(SOURCE_BYTES);
    count_documents(&source);
    count("sse scan, chunks of 1,400 bytes", scan_events, &stream);
    count_vocabulary(argv[1], "cl100k_base", &source);
    count_vocabulary(argv[1], "o200k_base", &source);
    count_vocabulary(argv[1], "deepseek_v3", &source);
    count_estimates(&source);
    count_novelty(&source);
    count_vectors(&source);
    count_snippets("snippet find, source", &source);
    count_snippets("snippet find, tool output", &output);
    count_delta();
    count_worst_lines();
    count_policy();
    count_distill();
    free(source.bytes);
    free(output.bytes);
    free(stream.bytes);
    return 0;
}
