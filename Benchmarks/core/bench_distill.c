/* bench_distill.c: micro-benchmarks of room distill. Run by run.sh; prints one line a measurement
 * (bench_measure.h); bytes are those of the text written.
 *
 * Inputs: the published one of 20 calls (a search that fails every third time with another number, reads, a
 * build at the end), and 20, 200 and 1,000 calls drawn at random from what an agent does, with results of
 * 2 KB: 64 lists of 20, 8 of the others, in turn, so that branches are not learnt. The anchor (*) copies every
 * span that is shown, and nothing else. */
#include "bench_measure.h"
#include "cairn.h"

#include <string.h>

enum { LISTS = 64, CALLS = 1000, RESULT_BYTES = 2048, TEXT_BYTES = 1 << 20 };

typedef struct list {
    cairn_distill_call calls[CALLS];
    cairn_distill_entry entries[CALLS];
    size_t entry_count, left_out;
} list;

typedef struct bench {
    list *lists;
    size_t list_count, call_count, next;
    uint8_t *text;
    bool hashes_calls; /* the fingerprints are made on the way */
} bench;

static uint64_t random_number(uint64_t *state) { /* xorshift64*, Vigna 2016 */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) >> 32;
}

/* Text that lives as long as the program. */
static cairn_span kept(const char *text) {
    const size_t length = strlen(text);
    uint8_t *copy = malloc(length + 1);
    if (copy == NULL) exit(2);
    memcpy(copy, text, length);
    return (cairn_span){copy, length};
}

static cairn_fingerprint fingerprint_of(const cairn_distill_call *call) {
    const cairn_fingerprint_part parts[] = {{call->tool, 1}, {call->argument, 2}};
    return cairn_fingerprint_turn(0, parts, 2);
}

static cairn_distill_call call_of(
    const char *tool, const char *argument, const char *result, bool has_failed) {
    cairn_distill_call call = {.tool = kept(tool), .argument = kept(argument), .result = kept(result),
        .outcome = has_failed ? CAIRN_DISTILL_FAILED : CAIRN_DISTILL_WORKED};
    call.fingerprint = fingerprint_of(&call);
    return call;
}

static void make_published(list *list) {
    char argument[64], result[64];
    for (int i = 0; i < 20; i += 1) {
        snprintf(argument, sizeof argument, "src/mod%d.rs", i);
        snprintf(result, sizeof result, "Error: no match %d", i);
        list->calls[i] = i == 19       ? call_of("compile", "", "Success: build passes", false)
                         : i % 3 == 0 ? call_of("grep", "pattern", result, true)
                                      : call_of("read_file", argument, "fn main() {}", false);
    }
}

static void make_random(list *list, size_t count, uint64_t *seed) {
    static const char *const tools[] = {"bash", "read_file", "edit", "grep"};
    static const char *const messages[] = {"error[E0308]: mismatched types, line %u",
        "FAILED tests/test_parse.py::test_%u - assert 1 == 2", "bash: line %u: command not found",
        "ok, %u passed"};
    char argument[64], result[RESULT_BYTES];
    for (size_t i = 0; i < count; i += 1) {
        const size_t tool = random_number(seed) % 4;
        const unsigned file = random_number(seed) % 12, number = random_number(seed) % 90;
        snprintf(argument, sizeof argument, "src/module/file_%u.rs", file);
        memset(result, 'x', sizeof result);
        result[snprintf(result, 200, messages[random_number(seed) % 4], number)] = '\n';
        result[sizeof result - 1] = 0;
        list->calls[i] = call_of(tools[tool], argument, result, random_number(seed) % 3 == 0);
        list->calls[i].is_change = tool == 2;
        if (tool == 2) list->calls[i].fingerprint.low += i; /* another edit of the same file */
    }
}

static uint64_t distill(void *context) {
    bench *self = context;
    list *list = &self->lists[self->next];
    self->next = (self->next + 1) % self->list_count;
    for (size_t i = 0; self->hashes_calls && i < self->call_count; i += 1)
        list->calls[i].fingerprint = fingerprint_of(&list->calls[i]);
    size_t length = 0;
    if (cairn_distill_find(list->calls, self->call_count, list->entries, CALLS, &list->entry_count,
            &list->left_out) != CAIRN_OK ||
        cairn_distill_write(list->entries, list->entry_count, list->left_out, self->text, TEXT_BYTES,
            &length) != CAIRN_OK)
        exit(2);
    return (uint64_t)length << 32 | self->text[length / 2];
}

static uint64_t copy_spans(void *context) {
    bench *self = context;
    const list *list = &self->lists[self->next];
    self->next = (self->next + 1) % self->list_count;
    size_t length = 0;
    for (size_t i = 0; i < list->entry_count; i += 1) {
        const cairn_distill_entry *entry = &list->entries[i];
        const cairn_span spans[] = {entry->tool, entry->argument, entry->message};
        for (size_t s = 0; s < 3; s += 1) {
            memcpy(self->text + length, spans[s].bytes, spans[s].length);
            length += spans[s].length;
        }
    }
    return (uint64_t)length << 32 | self->text[length / 2];
}

/* As measure(), but the hash is that of the first list, whatever list the last measurement ended with. */
static void measure_lists(const char *name, bench *self, work *work) {
    self->next = 0;
    const uint64_t length = distill(self) >> 32;
    char label[80];
    snprintf(label, sizeof label, "%s, text 1: %08llx", name,
        (unsigned long long)(cairn_fingerprint_of(self->text, length).low >> 32));
    measure(label, length, work, self);
}

int main(int argc, char **argv) {
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    bench self = {.list_count = 1, .call_count = 20};
    self.lists = calloc(LISTS, sizeof *self.lists);
    self.text = malloc(TEXT_BYTES);
    if (self.lists == NULL || self.text == NULL) exit(2);
    measure_heading();
    make_published(&self.lists[0]);
    measure_lists("20 calls, published", &self, distill);
    measure_lists("20 calls, published *", &self, copy_spans);
    self.hashes_calls = true;
    measure_lists("20 calls, published, and hashed", &self, distill);
    self.hashes_calls = false;
    const size_t counts[] = {20, 200, 1000};
    for (size_t c = 0; c < (is_tiny ? 1 : 3); c += 1) {
        uint64_t seed = 1;
        char name[40];
        self.call_count = counts[c];
        self.list_count = counts[c] == 20 ? LISTS : 8;
        for (size_t i = 0; i < self.list_count; i += 1) make_random(&self.lists[i], counts[c], &seed);
        snprintf(name, sizeof name, "%zu calls, random", counts[c]);
        measure_lists(name, &self, distill);
    }
    return 0;
}
