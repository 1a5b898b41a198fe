/* bench_vector.c: the search among 100,000 vectors of 384 floats, beside one sgemv of the same size by the linked BLAS;
 * and the embedding of real text. "random" vectors have no neighbours, "text" ones are embeddings of overlapping pieces
 * of the files named on the command line: dozens of near neighbours each. */
#include "bench_measure.h"
#include "cairn.h"
#include "cairn_vector_cblas.h"

#include <string.h>

enum { DIMENSION = CAIRN_VECTOR_EMBEDDING_FLOATS, ROWS = 100000, TINY_ROWS = 300, BATCH = 16 };
enum { TEXT_BYTES_MAX = 4 << 20, PIECE_BYTES = 400 };

typedef struct vectors {
    size_t count;
    float *floats; /* count rows, side by side */
    float *scores;
    cairn_vector_index *index;
    const float *queries;
    float similarity_min;
    size_t capacity;
} vectors;

static uint64_t hash_of(const cairn_vector_match *matches, size_t count) {
    uint64_t hash = count;
    for (size_t i = 0; i < count; i += 1) hash = hash * 31 + matches[i].id;
    return hash;
}

static uint64_t search(void *context) {
    vectors *vectors = context;
    cairn_vector_match matches[10];
    size_t count = 0;
    if (cairn_vector_index_search(vectors->index, vectors->queries, vectors->similarity_min, matches, vectors->capacity,
            &count) != CAIRN_OK)
        exit(2);
    return hash_of(matches, count);
}

#ifdef CAIRN_VECTOR_HAS_CBLAS
static uint64_t sgemv(void *context) {
    vectors *vectors = context;
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)vectors->count, DIMENSION, 1, vectors->floats, DIMENSION,
        vectors->queries, 1, 0, vectors->scores, 1);
    return vectors->scores[vectors->count - 1] > 0;
}

static uint64_t search_blas(vectors *vectors, size_t query_count) {
    cairn_vector_match matches[BATCH * 10];
    size_t counts[BATCH];
    const cairn_vector_blas blas = cairn_vector_cblas();
    if (cairn_vector_index_search_blas(vectors->index, &blas, vectors->queries, query_count, vectors->similarity_min,
            matches, vectors->capacity, counts) != CAIRN_OK)
        exit(2);
    return hash_of(matches, counts[0]);
}

static uint64_t search_blas_one(void *context) {
    return search_blas(context, 1);
}

static uint64_t search_blas_batch(void *context) {
    return search_blas(context, BATCH);
}
#endif

static void bench_searches(const char *name, vectors *vectors) {
    char label[80];
    struct {
        const char *what;
        work *work;
        float similarity_min;
        size_t capacity;
    } const works[] = {
#ifdef CAIRN_VECTOR_HAS_CBLAS
        {"one sgemv *", sgemv, -1, 1}, {"best match through sgemv", search_blas_one, -1, 1},
        {"16 best matches through sgemm", search_blas_batch, -1, 1},
#endif
        {"best match", search, -1, 1}, {"10 best matches", search, -1, 10}, {"best match from 0.85", search, 0.85f, 1}};
    const size_t bytes = vectors->count * DIMENSION * sizeof(float);
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i += 1) {
        vectors->similarity_min = works[i].similarity_min;
        vectors->capacity = works[i].capacity;
        snprintf(label, sizeof label, "vector, %s: %s", name, works[i].what);
        measure(label, bytes, works[i].work, vectors);
    }
}

static void fill(vectors *vectors) {
    if (cairn_vector_index_new(DIMENSION, &vectors->index) != CAIRN_OK) exit(2);
    for (size_t row = 0; row < vectors->count; row += 1) {
        if (cairn_vector_index_add(vectors->index, row, vectors->floats + row * DIMENSION) != CAIRN_OK) exit(2);
    }
}

/* Text */

typedef struct embedding {
    cairn_vector_embedder *embedder;
    const uint8_t *text;
    size_t length, piece_bytes;
    vectors *vectors;
} embedding;

static void embed_piece(embedding *self, size_t start, size_t length, float *out) {
    if (cairn_vector_embed(self->embedder, self->text + start, length, out) != CAIRN_OK) exit(2);
}

static uint64_t embed(void *context) {
    static size_t start;
    embedding *self = context;
    float out[DIMENSION];
    start = start + 2 * self->piece_bytes <= self->length ? start + self->piece_bytes : 0;
    embed_piece(self, start, self->piece_bytes, out);
    return out[0] > 0;
}

static uint64_t add_row(void *context) {
    static size_t row;
    vectors *vectors = ((embedding *)context)->vectors;
    row = row + 1 < vectors->count ? row + 1 : 0;
    if (cairn_vector_index_add(vectors->index, row, vectors->floats + row * DIMENSION) != CAIRN_OK) exit(2);
    return row > 0;
}

static size_t read_files(uint8_t *out, int count, char **paths) {
    size_t length = 0;
    for (int i = 0; i < count; i += 1) {
        FILE *file = fopen(paths[i], "rb");
        if (file == NULL) exit(2);
        length += fread(out + length, 1, TEXT_BYTES_MAX - length, file);
        fclose(file);
    }
    return length;
}

int main(int argc, char **argv) {
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    const size_t count = is_tiny ? TINY_ROWS : ROWS;
    uint8_t *text = malloc(TEXT_BYTES_MAX);
    vectors vectors = {.count = count, .floats = malloc(count * DIMENSION * sizeof(float))};
    embedding embedding = {.text = text, .vectors = &vectors};
    vectors.scores = malloc(count * sizeof(float));
    if (text == NULL || vectors.floats == NULL || vectors.scores == NULL ||
        cairn_vector_embedder_new(&embedding.embedder) != CAIRN_OK)
        return 2;
    vectors.queries = vectors.floats + (count / 2) * DIMENSION;
#ifdef CAIRN_VECTOR_HAS_CBLAS
    cairn_vector_cblas();
    printf("BLAS: %s\n", openblas_set_num_threads != NULL ? "OpenBLAS, one thread" : "not OpenBLAS");
#endif
    measure_heading();

    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count * DIMENSION; i += 1) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        vectors.floats[i] = (float)(int32_t)(state >> 32);
    }
    fill(&vectors);
    /* A query that is no row, but near one. */
    float near[BATCH * DIMENSION];
    for (size_t i = 0; i < BATCH * DIMENSION; i += 1) near[i] = vectors.queries[i] + vectors.queries[i + DIMENSION];
    const float *rows = vectors.queries;
    vectors.queries = near;
    bench_searches("random", &vectors);
    measure("vector, random: add (replace)", DIMENSION * sizeof(float), add_row, &embedding);
    cairn_vector_index_free(vectors.index);

    embedding.length = read_files(text, argc - (is_tiny ? 2 : 1), argv + (is_tiny ? 2 : 1));
    if (embedding.length > PIECE_BYTES) {
        const size_t step = (embedding.length - PIECE_BYTES) / count;
        for (size_t row = 0; row < count; row += 1)
            embed_piece(&embedding, row * step, PIECE_BYTES, vectors.floats + row * DIMENSION);
        fill(&vectors);
        vectors.queries = rows;
        bench_searches("text", &vectors);
        cairn_vector_index_free(vectors.index);
        embedding.piece_bytes = 2000;
        measure("vector: embed 2 KB of real text", embedding.piece_bytes, embed, &embedding);
    }
    cairn_vector_embedder_free(embedding.embedder);
    free(vectors.floats);
    free(vectors.scores);
    free(text);
    return 0;
}
