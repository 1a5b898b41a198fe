/* chat_filter.c: what libcairn knows of a chat-completions request. A C program outside Cairn, linked through cairn.pc:
 *
 *     cc chat_filter.c $(pkg-config --cflags --libs cairn) -o chat_filter
 *     ./chat_filter [VOCABULARY] < request.json
 *
 * Prints one line a message: its role, its tokens (estimated without a vocabulary file, see PREFIX/share/cairn), the
 * fingerprint of the conversation up to it; and below it the values of its text that must not be lost. */
#include <cairn.h>
#include <cairn_snippet.h>
#include <cairn_tokens.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct input {
    uint8_t *bytes;
    size_t length;
} input;

static void stop(const char *what, cairn_status status) {
    fprintf(stderr, "chat_filter: %s: %s\n", what, cairn_status_text(status));
    exit(1);
}

static input read_all(FILE *file) {
    input all = {NULL, 0};
    size_t capacity = 0;
    for (;;) {
        if (all.length == capacity) {
            capacity = capacity ? 2 * capacity : 1 << 16;
            /* a vocabulary must be aligned to 8 bytes, as malloc's memory is */
            uint8_t *bytes = realloc(all.bytes, capacity);
            if (!bytes) stop("input", CAIRN_ERR_NO_MEMORY);
            all.bytes = bytes;
        }
        size_t got = fread(all.bytes + all.length, 1, capacity - all.length, file);
        if (got == 0) return all;
        all.length += got;
    }
}

static cairn_span named(const char *text) { return (cairn_span){(const uint8_t *)text, strlen(text)}; }

/* The text of a string value; freed by the caller. */
static input text_of(const uint8_t *json, const cairn_json_node *node) {
    size_t length = node->end - node->start - 2, offset;
    input text = {malloc(cairn_json_unescape_bound(length) + 1), 0};
    cairn_status status = cairn_json_unescape(
        json + node->start + 1, length, text.bytes, cairn_json_unescape_bound(length), &text.length, &offset);
    if (status != CAIRN_OK) stop("a string", status);
    return text;
}

static void print_tokens(const cairn_tokens *vocabulary, input text) {
    uint32_t count = 0;
    cairn_tokens_estimate estimate;
    if (vocabulary && cairn_tokens_count(vocabulary, NULL, text.bytes, text.length, &count) == CAIRN_OK) {
        printf("%" PRIu32 " %s tokens", count, cairn_tokens_name(vocabulary));
    } else if (cairn_tokens_estimate_count(CAIRN_TOKENS_O200K, text.bytes, text.length, &estimate) == CAIRN_OK) {
        printf("about %" PRIu32 " tokens", estimate.tokens);
    }
}

static void print_snippets(input text) {
    size_t capacity = cairn_snippet_bound(text.length), count = 0;
    cairn_snippet *snippets = malloc((capacity + 1) * sizeof *snippets);
    uint32_t *scratch = malloc((cairn_snippet_scratch_bound(capacity) + 1) * sizeof *scratch);
    cairn_status status = cairn_snippet_find(text.bytes, text.length, snippets, capacity, scratch, &count);
    if (status != CAIRN_OK) stop("snippets", status);
    for (size_t i = 0; i < count; i++) {
        printf("    %3u  %.*s\n", snippets[i].importance, (int)(snippets[i].end - snippets[i].start),
            (const char *)text.bytes + snippets[i].start);
    }
    free(scratch);
    free(snippets);
}

int main(int argc, char **argv) {
    cairn_tokens opened, *vocabulary = NULL;
    if (argc > 1) {
        FILE *file = fopen(argv[1], "rb");
        if (!file) stop(argv[1], CAIRN_ERR_NOT_FOUND);
        input bytes = read_all(file);
        cairn_status status = cairn_tokens_open(bytes.bytes, bytes.length, &opened);
        if (status != CAIRN_OK) stop(argv[1], status);
        vocabulary = &opened;
        fclose(file);
    }

    input request = read_all(stdin);
    size_t capacity = cairn_json_nodes_bound(request.length), node_count, error_at;
    cairn_json_node *nodes = malloc((capacity + 1) * sizeof *nodes);
    cairn_status status = cairn_json_parse(request.bytes, request.length, nodes, capacity, &node_count, &error_at);
    if (status != CAIRN_OK) {
        fprintf(stderr, "chat_filter: byte %zu: %s\n", error_at, cairn_status_text(status));
        return 1;
    }
    uint32_t messages = cairn_json_member(request.bytes, nodes, 0, named("messages"));
    if (messages == CAIRN_JSON_NONE || nodes[messages].type != CAIRN_JSON_ARRAY) stop("messages", CAIRN_ERR_NOT_FOUND);

    cairn_fingerprint lineage = CAIRN_FINGERPRINT_LINEAGE_START;
    for (uint32_t at = messages + 1; at < nodes[messages].next; at = nodes[at].next) {
        uint32_t role = cairn_json_member(request.bytes, nodes, at, named("role"));
        uint32_t content = cairn_json_member(request.bytes, nodes, at, named("content"));
        if (role == CAIRN_JSON_NONE || content == CAIRN_JSON_NONE || nodes[content].type != CAIRN_JSON_STRING) continue;
        input text = text_of(request.bytes, &nodes[content]);
        cairn_fingerprint_part part = {{text.bytes, text.length}, 0};
        const uint8_t *role_text = request.bytes + nodes[role].start + 1;
        lineage = cairn_fingerprint_lineage(lineage, cairn_fingerprint_turn(role_text[0], &part, 1));
        printf("%.*s: ", (int)(nodes[role].end - nodes[role].start - 2), (const char *)role_text);
        print_tokens(vocabulary, text);
        printf(", lineage %016" PRIx64 "%016" PRIx64 "\n", lineage.high, lineage.low);
        print_snippets(text);
        free(text.bytes);
    }
    free(nodes);
    free(request.bytes);
    return 0;
}
