/* json_trace.h: parsing and canonicalising with exact heap buffers, and the rules every tape obeys. Used by
 * test_json.c, test_json_canonical.c and fuzz_json.c. */
#ifndef JSON_TRACE_H
#define JSON_TRACE_H

#include "cairn_json.h"

#include <stdlib.h>
#include <string.h>

/* A parsed document; text, nodes and scratch are exact heap buffers of the value's own. */
typedef struct json_document {
    cairn_status status;
    size_t error_offset, length, count;
    uint8_t *text;
    cairn_json_node *nodes;
    uint32_t *scratch;
} json_document;

static inline void *json_allocate(size_t length) {
    void *bytes = malloc(length == 0 ? 1 : length);
    if (bytes == NULL) abort();
    return bytes;
}

static inline json_document json_parse(const void *text, size_t length) {
    json_document document = {.length = length, .text = json_allocate(length)};
    if (length > 0) memcpy(document.text, text, length);
    const size_t capacity = cairn_json_nodes_bound(length);
    document.nodes = json_allocate(capacity * sizeof(cairn_json_node));
    document.status = cairn_json_parse(
        document.text, length, document.nodes, capacity, &document.count, &document.error_offset);
    document.scratch = json_allocate(cairn_json_scratch_bound(document.count) * sizeof(uint32_t));
    return document;
}

static inline void json_free(json_document *document) {
    free(document->text);
    free(document->nodes);
    free(document->scratch);
}

/* The canonical text of a node, in a heap buffer that the caller frees. */
static inline uint8_t *json_canonical(const json_document *document, uint32_t root, size_t *out_length) {
    const size_t bound = cairn_json_canonical_bound(document->length);
    uint8_t *out = json_allocate(bound);
    if (cairn_json_canonical(
            document->text, document->nodes, root, document->scratch, out, bound, out_length) != CAIRN_OK)
        abort();
    return out;
}

/* True when the tape is well-formed: spans nested in their containers and in order, counts and links right.
 */
static inline int json_tape_holds(const json_document *document) {
    const cairn_json_node *nodes = document->nodes;
    for (uint32_t i = 0; i < document->count; i += 1) {
        const cairn_json_node *node = &nodes[i];
        if (node->start >= node->end || node->end > document->length) return 0;
        if (node->next <= i || node->next > document->count) return 0;
        if (node->type < CAIRN_JSON_ARRAY && (node->next != i + 1 || node->child_count != 0)) return 0;
        uint32_t children = 0;
        for (uint32_t child = i + 1; child < node->next; child = nodes[child].next) {
            if (nodes[child].parent != i || nodes[child].depth != node->depth + 1) return 0;
            if (nodes[child].start <= node->start || nodes[child].end >= node->end) return 0;
            const int has_key = (nodes[child].flags & CAIRN_JSON_KEY) != 0;
            if (has_key != (node->type == CAIRN_JSON_OBJECT)) return 0;
            if (has_key &&
                (nodes[child].key_start > nodes[child].key_end || nodes[child].key_end >= nodes[child].start))
                return 0;
            children += 1;
        }
        if (children != node->child_count) return 0;
    }
    return document->count > 0 && nodes[0].parent == CAIRN_JSON_NONE && nodes[0].next == document->count;
}

#endif
