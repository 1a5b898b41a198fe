// bench_simdjson.cpp: the anchor of bench_simdjson.h. One parser a document, so that its memory is allocated
// once.
#include "bench_simdjson.h"

#if __has_include(<simdjson.h>)
#include <simdjson.h>

namespace {
struct Document {
    simdjson::padded_string text;
    simdjson::dom::parser parser;
};
}  // namespace

void *bench_simdjson_new(const uint8_t *bytes, size_t length) {
    return new Document{
        simdjson::padded_string(reinterpret_cast<const char *>(bytes), length), simdjson::dom::parser()};
}

void bench_simdjson_free(void *document) {
    delete static_cast<Document *>(document);
}

uint64_t bench_simdjson_parse(void *document) {
    auto *self = static_cast<Document *>(document);
    simdjson::dom::element root;
    if (self->parser.parse(self->text).get(root) != simdjson::SUCCESS) return 0;
    simdjson::dom::object members;
    return root.get(members) == simdjson::SUCCESS ? members.size() : 1;
}
#else
void *bench_simdjson_new(const uint8_t *, size_t) {
    return nullptr;
}
void bench_simdjson_free(void *) {}
uint64_t bench_simdjson_parse(void *) {
    return 0;
}
#endif
