/* bench_core.c: micro-benchmarks of the C core. Run by run.sh; prints one line a measurement (bench_measure.h).
 * Anchors (memcpy, XXH3 itself, simdjson) are measured in the same run and marked with *. Inputs: "generated"
 * bodies repeat a pattern; "real" ones are built from the files named on the command line, as they stand.
 * With --tiny every measurement runs once on small input: the mode of the tests. */
#include "bench_measure.h"
#include "bench_simdjson.h"
#include "cairn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { BODY_BYTES = 600 * 1024, TINY_BODY_BYTES = 4 * 1024 };

/* Text that grows at its end. */
typedef struct text {
    uint8_t *bytes;
    size_t length, capacity;
} text;

static void add(text *out, const void *bytes, size_t length) {
    if (length > out->capacity - out->length) {
        out->capacity = (out->length + length) * 2;
        out->bytes = realloc(out->bytes, out->capacity);
        if (out->bytes == NULL) exit(2);
    }
    if (length > 0) memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void add_text(text *out, const char *more) {
    add(out, more, strlen(more));
}

/* Inputs */

static void add_message(text *body, const char *role, const uint8_t *content, size_t length) {
    const size_t bound = cairn_json_escape_bound(length);
    uint8_t *escaped = malloc(bound + 1);
    size_t escaped_length = 0, error_offset = 0;
    if (escaped == NULL) exit(2);
    if (cairn_json_escape(content, length, escaped, bound, &escaped_length, &error_offset) == CAIRN_OK) {
        add_text(body, body->bytes[body->length - 1] == '[' ? "{\"role\":\"" : ",{\"role\":\"");
        add_text(body, role);
        add_text(body, "\",\"content\":\"");
        add(body, escaped, escaped_length);
        add_text(body, "\"}");
    }
    free(escaped);
}

static text generated_chat(size_t bytes) {
    text body = {0}, content = {0};
    char line[100];
    for (int i = 0; i < 40; i += 1) {
        snprintf(line, sizeof line, "    line %d of a source file: return self.value + %d\n", i, i * 7);
        add_text(&content, line);
    }
    add_text(&body, "{\"messages\":[");
    for (int i = 0; body.length < bytes; i += 1)
        add_message(&body, i % 2 == 0 ? "user" : "assistant", content.bytes, content.length);
    add_text(&body, "],\"model\":\"gpt-5\"}");
    free(content.bytes);
    return body;
}

static text generated_tools(size_t bytes) {
    text body = {0};
    add_text(&body, "{\"tools\":[");
    while (body.length < bytes) {
        if (body.bytes[body.length - 1] != '[') add_text(&body, ",");
        add_text(&body, "{\"type\":\"function\",\"function\":{\"name\":\"read_file\",\"description\":\"Reads "
                        "a file.\",\"parameters\":"
                        "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"limit\":{"
                        "\"type\":\"integer\"}},"
                        "\"required\":[\"path\"]}}}");
    }
    add_text(&body, "],\"model\":\"gpt-5\"}");
    return body;
}

/* One message a file, from the start again until the body is full. */
static text real_chat(size_t bytes, char **paths, int path_count) {
    text body = {0};
    add_text(&body, "{\"messages\":[");
    for (int i = 0; body.length < bytes && path_count > 0; i = (i + 1) % path_count) {
        FILE *file = fopen(paths[i], "rb");
        if (file == NULL) {
            fprintf(stderr, "bench_core: cannot read %s\n", paths[i]);
            exit(2);
        }
        static uint8_t content[1 << 20];
        const size_t length = fread(content, 1, sizeof content, file);
        fclose(file);
        add_message(&body, "user", content, length);
    }
    add_text(&body, "],\"model\":\"gpt-5\"}");
    return body;
}

static text event_stream(size_t bytes) {
    text stream = {0};
    char event[300];
    for (int i = 0; stream.length < bytes; i += 1) {
        snprintf(event, sizeof event,
            "data: "
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-5\","
            "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token%d\"},\"finish_reason\":null}]}\n\n",
            i);
        add_text(&stream, event);
    }
    return stream;
}

/* The work */

static uint64_t hash_of(const void *bytes, size_t length) {
    return XXH3_64bits(bytes, length);
}

typedef struct document {
    text text;
    cairn_json_node *nodes;
    size_t node_capacity;
    uint32_t *scratch;
    uint8_t *out;
    void *simdjson;
    size_t piece_bytes;
} document;

static document document_of(text text) {
    const size_t capacity = cairn_json_nodes_bound(text.length);
    document document = {.text = text, .node_capacity = capacity};
    document.nodes = malloc(capacity * sizeof(cairn_json_node));
    document.scratch = malloc(cairn_json_scratch_bound(capacity) * sizeof(uint32_t));
    document.out = malloc(text.length);
    document.simdjson = bench_simdjson_new(text.bytes, text.length);
    if (document.nodes == NULL || document.scratch == NULL || document.out == NULL) exit(2);
    return document;
}

static void document_free(document *document) {
    bench_simdjson_free(document->simdjson);
    free(document->nodes);
    free(document->scratch);
    free(document->out);
    free(document->text.bytes);
}

static uint64_t copy_bytes(void *context) {
    document *document = context;
    memcpy(document->out, document->text.bytes, document->text.length);
    return hash_of(document->out, 16);
}

static uint64_t xxh3(void *context) {
    document *document = context;
    return XXH3_128bits(document->text.bytes, document->text.length).low64;
}

static uint64_t simdjson_dom(void *context) {
    return bench_simdjson_parse(((document *)context)->simdjson);
}

static uint64_t parse(void *context) {
    document *document = context;
    size_t count = 0, error_offset = 0;
    if (cairn_json_parse(document->text.bytes, document->text.length, document->nodes,
            document->node_capacity, &count, &error_offset) != CAIRN_OK)
        exit(2);
    return count << 32 | document->nodes[count - 1].end;
}

static uint64_t canonical(void *context) {
    document *document = context;
    size_t length = 0;
    if (cairn_json_canonical(document->text.bytes, document->nodes, 0, document->scratch, document->out,
            document->text.length, &length) != CAIRN_OK)
        exit(2);
    return length;
}

static uint64_t skim_absent(void *context) {
    document *document = context;
    const cairn_span key = {(const uint8_t *)"absent", 6};
    cairn_span value = {0};
    size_t offset = 0;
    return (uint64_t)cairn_skim_member(document->text.bytes, document->text.length, key, &value, &offset);
}

static uint64_t skim_model(void *context) {
    document *document = context;
    const cairn_span key = {(const uint8_t *)"model", 5};
    cairn_span value = {0};
    size_t offset = 0;
    if (cairn_skim_member(document->text.bytes, document->text.length, key, &value, &offset) != CAIRN_OK)
        exit(2);
    return offset;
}

static uint64_t scan_events(void *context) {
    document *document = context;
    cairn_sse scanner;
    cairn_sse_event event;
    uint64_t data_bytes = 0;
    cairn_sse_init(&scanner, 0);
    for (size_t start = 0; start < document->text.length; start += document->piece_bytes) {
        const size_t left = document->text.length - start;
        cairn_span rest = {
            document->text.bytes + start, left < document->piece_bytes ? left : document->piece_bytes};
        while (cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK) data_bytes += event.data.length;
    }
    cairn_sse_deinit(&scanner);
    return data_bytes;
}

static uint64_t three_messages(void *context) {
    const cairn_span *messages = context;
    cairn_fingerprint lineage = CAIRN_FINGERPRINT_LINEAGE_START;
    for (uint8_t i = 0; i < 3; i += 1) {
        const cairn_fingerprint_part part = {messages[i], 1};
        lineage = cairn_fingerprint_lineage(lineage, cairn_fingerprint_turn(i, &part, 1));
    }
    return lineage.low;
}

static uint64_t tool_call(void *context) {
    document *document = context;
    const cairn_span name = {(const uint8_t *)"write_file", 10};
    const cairn_span arguments = {document->text.bytes, document->text.length};
    cairn_fingerprint fingerprint = {0};
    if (cairn_fingerprint_tool_call(name, arguments, document->nodes, document->node_capacity,
            document->scratch, &fingerprint) != CAIRN_OK)
        exit(2);
    return fingerprint.low;
}

/* A call that writes a file of `bytes` bytes: the front of the real body's first strings, or generated lines.
 */
static text write_file_arguments(const text *chat, size_t bytes) {
    text arguments = {0};
    size_t count = 0, error_offset = 0;
    const size_t capacity = cairn_json_nodes_bound(chat->length);
    cairn_json_node *nodes = malloc(capacity * sizeof *nodes);
    if (nodes == NULL ||
        cairn_json_parse(chat->bytes, chat->length, nodes, capacity, &count, &error_offset) != CAIRN_OK)
        exit(2);
    add_text(&arguments, "{\"path\": \"Sources/Example/File.swift\", \"content\": \"");
    for (size_t i = 0; i < count && arguments.length < bytes; i += 1) {
        if (nodes[i].type != CAIRN_JSON_STRING || nodes[i].end - nodes[i].start < 1000) continue;
        size_t length = nodes[i].end - nodes[i].start - 2;
        if (length > bytes - arguments.length) length = bytes - arguments.length;
        while (length > 0 && chat->bytes[nodes[i].start + length] == '\\')
            length -= 1; /* no escape cut in two */
        while (length > 0 && (chat->bytes[nodes[i].start + 1 + length] & 0xC0) == 0x80)
            length -= 1; /* nor a character */
        add(&arguments, chat->bytes + nodes[i].start + 1, length);
        if (length == 0) break;
    }
    add_text(&arguments, "\", \"create\": true}");
    free(nodes);
    return arguments;
}

static void bench_body(const char *name, text body) {
    char label[80];
    document document = document_of(body);
    struct {
        const char *what;
        work *work;
    } const works[] = {{"memcpy *", copy_bytes}, {"XXH3-128 *", xxh3}, {"simdjson DOM *", simdjson_dom},
        {"json parse", parse}, {"json canonical", canonical}, {"skim, member absent", skim_absent},
        {"skim, model is last", skim_model}};
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i += 1) {
        snprintf(label, sizeof label, "%s: %s", name, works[i].what);
        measure(label, body.length, works[i].work, &document);
    }
    document_free(&document);
}

static void bench_tool_call(const char *name, text arguments) {
    char label[80];
    document document = document_of(arguments);
    snprintf(label, sizeof label, "%s: fingerprint", name);
    measure(label, arguments.length, tool_call, &document);
    snprintf(label, sizeof label, "%s: XXH3-128 *", name);
    measure(label, arguments.length, xxh3, &document);
    document_free(&document);
}

int main(int argc, char **argv) {
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    const size_t bytes = is_tiny ? TINY_BODY_BYTES : BODY_BYTES;
    char **paths = argv + (is_tiny ? 2 : 1);
    const int path_count = argc - (is_tiny ? 2 : 1);
    printf(
        "%-44s %9s %11s %11s %11s %8s  %s\n", "", "bytes", "min ns", "median ns", "p95 ns", "GB/s", "hash");

    bench_body("generated chat", generated_chat(bytes));
    if (path_count > 0) bench_body("real chat", real_chat(bytes, paths, path_count));
    bench_body("generated tools", generated_tools(bytes));

    text first_key = {0};
    add_text(&first_key, "{\"model\":\"gpt-5\",\"messages\":[]}");
    document small = document_of(first_key);
    measure("skim, model is first", first_key.length, skim_model, &small);
    document_free(&small);

    document events = document_of(event_stream(bytes));
    events.piece_bytes = events.text.length;
    measure("event stream, one chunk", events.text.length, scan_events, &events);
    events.piece_bytes = 1400;
    measure("event stream, chunks of 1,400 bytes", events.text.length, scan_events, &events);
    document_free(&events);

    cairn_span messages[3] = {{(const uint8_t *)"You are helpful.", 16},
        {(const uint8_t *)"Fix the failing test, please.", 29}, {(const uint8_t *)"I will look at it.", 18}};
    measure("fingerprint, 3 short messages", 63, three_messages, messages);
    text chat = generated_chat(64 * 1024);
    bench_tool_call("generated tool call", write_file_arguments(&chat, 10 * 1024));
    free(chat.bytes);
    if (path_count > 0) {
        chat = real_chat(64 * 1024, paths, path_count);
        bench_tool_call("real tool call", write_file_arguments(&chat, 10 * 1024));
        free(chat.bytes);
    }
    return 0;
}
