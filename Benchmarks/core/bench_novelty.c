/* bench_novelty.c: trigram novelty of real texts against a set that knows half of them, of one letter, and of random
 * bytes. The anchor is memcpy: the speed of light is one look at each byte. */
#include "bench_measure.h"
#include "cairn.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 4 << 20 };

typedef struct texts {
    const uint8_t *bytes;
    size_t length, text_bytes; /* of all texts, and of each */
    size_t start;              /* of the text at hand */
    cairn_novelty_set *set;
    cairn_novelty_set *growing;
    cairn_novelty_scratch *scratch;
    uint8_t *copy;
} texts;

/* Each piece of work looks at the next text, so that no branch or cache learns one by heart. */
static const uint8_t *next_text(texts *texts) {
    const bool is_last = texts->start + 2 * texts->text_bytes > texts->length;
    texts->start = is_last ? 0 : texts->start + texts->text_bytes;
    return texts->bytes + texts->start;
}

static uint64_t copy(void *context) {
    texts *texts = context;
    memcpy(texts->copy, next_text(texts), texts->text_bytes);
    return texts->copy[0];
}

static uint64_t find(void *context) {
    texts *texts = context;
    const cairn_novelty counts = cairn_novelty_find(texts->set, texts->scratch, next_text(texts), texts->text_bytes);
    return (uint64_t)counts.text_count << 32 | counts.known_count;
}

/* As in a conversation: what is added is mostly known after a while. */
static uint64_t add(void *context) {
    texts *texts = context;
    return cairn_novelty_add(texts->growing, texts->scratch, next_text(texts), texts->text_bytes).known_count;
}

static uint64_t add_and_reset(void *context) {
    texts *texts = context;
    cairn_novelty_set_reset(texts->growing);
    return cairn_novelty_add(texts->growing, texts->scratch, next_text(texts), texts->text_bytes).text_count;
}

static uint64_t compare_sets(void *context) {
    texts *texts = context;
    return cairn_novelty_set_find(texts->set, texts->growing).known_count;
}

static void bench(const char *name, texts *texts, size_t text_bytes) {
    char label[80];
    struct {
        const char *what;
        work *work;
    } const works[] = {{"memcpy *", copy}, {"find", find}, {"add", add}, {"reset and add", add_and_reset},
        {"compare two sets", compare_sets}};
    texts->text_bytes = text_bytes < texts->length ? text_bytes : texts->length;
    cairn_novelty_set_reset(texts->growing);
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i += 1) {
        texts->start = 0;
        snprintf(label, sizeof label, "novelty, %s: %s", name, works[i].what);
        measure(label, texts->text_bytes, works[i].work, texts);
    }
}

int main(int argc, char **argv) {
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    texts real = {0};
    uint8_t *bytes = malloc(TEXT_BYTES_MAX);
    real.copy = malloc(TEXT_BYTES_MAX);
    if (bytes == NULL || real.copy == NULL) return 2;
    for (int i = is_tiny ? 2 : 1; i < argc && real.length < (is_tiny ? 4096u : TEXT_BYTES_MAX); i += 1) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) return 2;
        real.length += fread(bytes + real.length, 1, TEXT_BYTES_MAX - real.length, file);
        fclose(file);
    }
    real.bytes = bytes;
    if (cairn_novelty_set_new(&real.set) != CAIRN_OK || cairn_novelty_set_new(&real.growing) != CAIRN_OK ||
        cairn_novelty_scratch_new(&real.scratch) != CAIRN_OK)
        return 2;
    cairn_novelty_add(real.set, real.scratch, bytes, real.length / 2);

    measure_heading();
    bench("real, 2 KB", &real, 2000);
    bench("real, 10 KB", &real, 10000);
    bench("real, 600 KB", &real, 600 * 1024);
    memset(bytes, 'a', real.length);
    bench("one letter, 600 KB", &real, 600 * 1024);
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < real.length; i += 1) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        bytes[i] = (uint8_t)(state >> 32);
    }
    bench("random bytes, 600 KB", &real, 600 * 1024);
    cairn_novelty_set_free(real.set);
    cairn_novelty_set_free(real.growing);
    cairn_novelty_scratch_free(real.scratch);
    free(bytes);
    free(real.copy);
    return 0;
}
