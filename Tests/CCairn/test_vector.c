/* test_vector.c: embeddings keep their values and tell texts apart; every way to search finds what a naive search
 * finds, to the bit; an index keeps its promises through changes, storing and failing memory. */
#include "cairn_vector.h"
#include "cairn_vector_cblas.h"
#include "cairn_vector_int.h"
#include "tap.h"

#include <math.h>

/* Embedding */

static cairn_vector_embedder *new_embedder(void) {
    cairn_vector_embedder *embedder = NULL;
    if (cairn_vector_embedder_new(&embedder) != CAIRN_OK) abort();
    return embedder;
}

static void learn(cairn_vector_embedder *embedder, const char *text) {
    CHECK(cairn_vector_embedder_learn(embedder, (const uint8_t *)text, strlen(text)) == CAIRN_OK);
}

static void embed(cairn_vector_embedder *embedder, const char *text, float out[CAIRN_VECTOR_EMBEDDING_FLOATS]) {
    CHECK(cairn_vector_embed(embedder, (const uint8_t *)text, strlen(text), out) == CAIRN_OK);
}

static double similarity(cairn_vector_embedder *embedder, const char *a, const char *b) {
    float x[CAIRN_VECTOR_EMBEDDING_FLOATS], y[CAIRN_VECTOR_EMBEDDING_FLOATS];
    embed(embedder, a, x);
    embed(embedder, b, y);
    return cairn_vector_dot(x, y, CAIRN_VECTOR_EMBEDDING_FLOATS);
}

static void test_a_text_is_as_similar_to_itself_as_can_be(void) {
    cairn_vector_embedder *embedder = new_embedder();
    const char *text = "error[E0308]: mismatched types, expected `u32`, found `&str`";
    CHECK(fabs(similarity(embedder, text, text) - 1) < 1e-6);
    const char *shouted = "  ERROR[e0308]:\n\tmismatched types, expected `U32`,   found `&STR`\r\n";
    CHECK(fabs(similarity(embedder, text, shouted) - 1) < 1e-6);
    cairn_vector_embedder_free(embedder);
}

static void test_other_words_are_less_similar_the_more_they_differ(void) {
    cairn_vector_embedder *embedder = new_embedder();
    const char *text = "The connection pool leaks a socket when the upstream closes before the head is read.";
    const double reworded = similarity(
        embedder, text, "A socket leaks from the connection pool if the upstream closes before the head was read.");
    const double related = similarity(embedder, text, "The upstream closed the connection; the client must try again.");
    const double foreign = similarity(embedder, text, "Tokens are counted by byte pair encoding of each word.");
    CHECK(reworded > 0.6 && reworded < 0.95);
    CHECK(related < reworded && related > foreign);
    CHECK(foreign < 0.3);
    cairn_vector_embedder_free(embedder);
}

static void test_what_all_documents_share_counts_less_after_learning(void) {
    cairn_vector_embedder *embedder = new_embedder();
    const char *frame = "You are a helpful coding agent. Answer briefly.";
    const char *a = "You are a helpful coding agent. Answer briefly. Sort these numbers.";
    const char *b = "You are a helpful coding agent. Answer briefly. Paint the fence blue.";
    const double before = similarity(embedder, a, b);
    for (int i = 0; i < 200; i += 1) learn(embedder, frame);
    CHECK(similarity(embedder, a, b) < before - 0.3);
    cairn_vector_embedder_free(embedder);
}

static void test_a_text_without_direction_is_not_found(void) {
    cairn_vector_embedder *embedder = new_embedder();
    float out[CAIRN_VECTOR_EMBEDDING_FLOATS] = {7};
    CHECK(cairn_vector_embed(embedder, NULL, 0, out) == CAIRN_ERR_NOT_FOUND);
    CHECK(cairn_vector_embed(embedder, (const uint8_t *)" \n\t ", 4, out) == CAIRN_ERR_NOT_FOUND);
    CHECK(out[0] == 7);
    CHECK(cairn_vector_embed(embedder, (const uint8_t *)"x", 1, out) == CAIRN_OK);
    CHECK(cairn_vector_embed(embedder, (const uint8_t *)"{}", 2, out) == CAIRN_OK);
    static uint8_t large[CAIRN_VECTOR_TEXT_BYTES_MAX + 1];
    CHECK(cairn_vector_embed(embedder, large, sizeof large, out) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_vector_embedder_learn(embedder, large, sizeof large) == CAIRN_ERR_TOO_BIG);
    cairn_vector_embedder_free(embedder);
}

/* Checks floats by their bits: place and bits, computed from the rules of cairn_vector.h by another program. */
static void check_bits(const float *floats, const uint32_t (*expected)[2], size_t count) {
    for (size_t i = 0; i < count; i += 1) {
        uint32_t bits;
        memcpy(&bits, &floats[expected[i][0]], sizeof bits);
        if (bits != expected[i][1]) printf("# float %u is 0x%08x, not 0x%08x\n", expected[i][0], bits, expected[i][1]);
        CHECK(bits == expected[i][1]);
    }
}

static void test_version_1_keeps_its_vectors(void) {
    cairn_vector_embedder *embedder = new_embedder();
    float out[CAIRN_VECTOR_EMBEDDING_FLOATS];
    embed(embedder, "Fix the failing test, the other one.", out);
    static const uint32_t plain[][2] = {
        {4, 0xbdce29c1}, {15, 0xbdce29c1}, {30, 0x3e4e29c1}, {65, 0x3e4e29c1}, {267, 0x3e853b1b},
        {368, 0x3dce29c1}, {378, 0xbdce29c1}, {0, 0x00000000}};
    check_bits(out, plain, sizeof plain / sizeof *plain);
    learn(embedder, "Fix the typo.");
    learn(embedder, "The test passes.");
    learn(embedder, "\xC3\x9C" "ber alles");
    embed(embedder, "Fix the failing test, the other one.", out);
    static const uint32_t learned[][2] = {
        {4, 0xbda0bafe}, {15, 0xbdf1187e}, {30, 0x3e71187e}, {204, 0x3e71187e}, {217, 0xbe71187e},
        {368, 0x3df1187e}, {378, 0xbdf1187e}, {0, 0x00000000}};
    check_bits(out, learned, sizeof learned / sizeof *learned);
    cairn_vector_embedder_free(embedder);
}

static void test_what_was_learned_comes_back(void) {
    cairn_vector_embedder *embedder = new_embedder(), *back = new_embedder();
    float expected[CAIRN_VECTOR_EMBEDDING_FLOATS], got[CAIRN_VECTOR_EMBEDDING_FLOATS];
    uint8_t *stored = malloc(CAIRN_VECTOR_EMBEDDER_BYTES), *again = malloc(CAIRN_VECTOR_EMBEDDER_BYTES + 1);
    if (stored == NULL || again == NULL) abort();
    for (int i = 0; i < 5; i += 1) learn(embedder, "one two three");
    embed(embedder, "two three four", expected);

    cairn_vector_embedder_write(embedder, stored);
    CHECK(cairn_vector_embedder_read(back, stored, CAIRN_VECTOR_EMBEDDER_BYTES) == CAIRN_OK);

    embed(back, "two three four", got);
    CHECK(memcmp(got, expected, sizeof got) == 0);
    cairn_vector_embedder_write(back, again);
    CHECK(memcmp(stored, again, CAIRN_VECTOR_EMBEDDER_BYTES) == 0);
    CHECK(cairn_vector_embedder_read(back, stored, CAIRN_VECTOR_EMBEDDER_BYTES - 1) == CAIRN_ERR_INCOMPLETE);
    CHECK(cairn_vector_embedder_read(back, again, CAIRN_VECTOR_EMBEDDER_BYTES + 1) == CAIRN_ERR_SYNTAX);
    CHECK(cairn_vector_embedder_read(back, NULL, 0) == CAIRN_ERR_INCOMPLETE);
    static const size_t places[] = {0, 3, 8, 12, 70000, CAIRN_VECTOR_EMBEDDER_BYTES - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i += 1) {
        stored[places[i]] ^= 1;
        CHECK(cairn_vector_embedder_read(back, stored, CAIRN_VECTOR_EMBEDDER_BYTES) == CAIRN_ERR_SYNTAX);
        stored[places[i]] ^= 1;
    }
    stored[4] = 2;
    CHECK(cairn_vector_embedder_read(back, stored, CAIRN_VECTOR_EMBEDDER_BYTES) == CAIRN_ERR_ARGUMENT);
    embed(back, "two three four", got);
    CHECK(memcmp(got, expected, sizeof got) == 0);
    free(stored);
    free(again);
    cairn_vector_embedder_free(embedder);
    cairn_vector_embedder_free(back);
}

/* Searching */

/* Vectors as a caller has them, of any length, and the index that keeps them. */
typedef struct collection {
    size_t dimension, count;
    float *floats; /* row i under id ids[i] */
    uint64_t *ids;
    cairn_vector_index *index;
} collection;

static float random_float(uint64_t *random) {
    return (float)((double)(int64_t)tap_random(random) / 9.3e18);
}

/* Random rows; every fourth a slight change of an earlier one, every tenth equal to one, as conversations have them. */
static collection new_collection(size_t dimension, size_t count, uint64_t *random) {
    collection self = {dimension, count, NULL, NULL, NULL};
    self.floats = calloc(count * dimension + 1, sizeof *self.floats);
    self.ids = calloc(count + 1, sizeof *self.ids);
    if (self.floats == NULL || self.ids == NULL || cairn_vector_index_new(dimension, &self.index) != CAIRN_OK) abort();
    for (size_t row = 0; row < count; row += 1) {
        const float *model = self.floats + (row == 0 ? 0 : tap_random(random) % row) * dimension;
        const float size = (float)(tap_random(random) % 1000 + 1);
        for (size_t i = 0; i < dimension; i += 1) {
            float value = random_float(random);
            if (row % 10 == 9) value = model[i];
            else if (row % 4 == 3) value = model[i] + value * 0.1f * size;
            else value *= size;
            self.floats[row * dimension + i] = value;
        }
        self.floats[row * dimension] += row == 0 ? 1.0f : 0.0f;
        self.ids[row] = tap_random(random);
        CHECK(cairn_vector_index_add(self.index, self.ids[row], self.floats + row * dimension) == CAIRN_OK);
    }
    return self;
}

static void free_collection(collection *self) {
    free(self->floats);
    free(self->ids);
    cairn_vector_index_free(self->index);
}

static int compare_matches(const void *a, const void *b) {
    const cairn_vector_match *x = a, *y = b;
    if (x->similarity != y->similarity) return x->similarity < y->similarity ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* All matches by comparing the query with every kept vector. Returns their number. */
static size_t naive_search(const collection *self, const float *query, float minimum, cairn_vector_match *matches) {
    size_t count = 0;
    const double length = sqrt(cairn_vector_dot(query, query, self->dimension));
    for (size_t row = 0; row < self->count; row += 1) {
        const float *kept = cairn_vector_index_vector(self->index, self->ids[row]);
        double cosine = cairn_vector_dot(kept, query, self->dimension) / length;
        cosine = cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
        if ((float)cosine < minimum) continue;
        matches[count] = (cairn_vector_match){self->ids[row], (float)cosine};
        count += 1;
    }
    qsort(matches, count, sizeof *matches, compare_matches);
    return count;
}

static int are_same_matches(const cairn_vector_match *a, const cairn_vector_match *b, size_t count) {
    for (size_t i = 0; i < count; i += 1) {
        if (a[i].id != b[i].id || a[i].similarity != b[i].similarity) return 0;
    }
    return 1;
}

/* A BLAS that sums backwards, in floats: other roundings than any library's. */
static void backward_vector(
    size_t rows, size_t columns, const float *matrix, size_t stride, const float *vector, float *out) {
    for (size_t row = 0; row < rows; row += 1) {
        float sum = 0;
        for (size_t i = columns; i > 0; i -= 1) sum += matrix[row * stride + i - 1] * vector[i - 1];
        out[row] = sum;
    }
}

static void backward_vectors(size_t rows, size_t columns, const float *matrix, size_t stride, const float *vectors,
    size_t vector_count, float *out) {
    for (size_t row = 0; row < rows; row += 1) {
        for (size_t v = 0; v < vector_count; v += 1)
            backward_vector(
                1, columns, matrix + row * stride, stride, vectors + v * columns, out + row * vector_count + v);
    }
}

static const cairn_vector_blas backward = {backward_vector, backward_vectors};

/* A BLAS that rounds as badly as the bound allows, up for one row and down for the next. */
static void bad_vector(
    size_t rows, size_t columns, const float *matrix, size_t stride, const float *vector, float *out) {
    const double error = (double)columns / 16777216 * sqrt(cairn_vector_dot(vector, vector, columns));
    for (size_t row = 0; row < rows; row += 1) {
        const double dot = cairn_vector_dot(matrix + row * stride, vector, columns);
        out[row] = (float)(row % 2 == 0 ? dot + error : dot - error);
    }
}

static void bad_vectors(size_t rows, size_t columns, const float *matrix, size_t stride, const float *vectors,
    size_t vector_count, float *out) {
    for (size_t row = 0; row < rows; row += 1) {
        for (size_t v = 0; v < vector_count; v += 1)
            bad_vector(1, columns, matrix + row * stride, stride, vectors + v * columns, out + row * vector_count + v);
    }
}

static const cairn_vector_blas bad = {bad_vector, bad_vectors};

/* Compares one batch of queries, searched in every way, with the naive search. */
static void check_search(const collection *self, const float *queries, size_t query_count, float minimum,
    size_t capacity, const cairn_vector_blas *blas) {
    cairn_vector_match *expected = malloc((self->count + 1) * sizeof *expected);
    cairn_vector_match *matches = malloc(query_count * capacity * sizeof *matches);
    cairn_vector_match *one = malloc(capacity * sizeof *one);
    size_t counts[40], one_count = 0;
    if (expected == NULL || matches == NULL || one == NULL) abort();
    CHECK(cairn_vector_index_search_blas(
              self->index, blas, queries, query_count, minimum, matches, capacity, counts) == CAIRN_OK);
    for (size_t q = 0; q < query_count; q += 1) {
        const float *query = queries + q * self->dimension;
        const size_t all_count = naive_search(self, query, minimum, expected);
        const size_t expected_count = all_count < capacity ? all_count : capacity;
        CHECK(cairn_vector_index_search(self->index, query, minimum, one, capacity, &one_count) == CAIRN_OK);
        CHECK(one_count == expected_count && are_same_matches(one, expected, one_count));
        CHECK(counts[q] == expected_count && are_same_matches(matches + q * capacity, expected, counts[q]));
    }
    free(expected);
    free(matches);
    free(one);
}

static void check_searches(const cairn_vector_blas *blas) {
    static const size_t dimensions[] = {1, 3, 31, 32, 33, 100, 384};
    static const size_t counts[] = {0, 1, 255, 256, 257, 900};
    uint64_t random = 0xC0FFEE;
    for (size_t d = 0; d < sizeof dimensions / sizeof *dimensions; d += 1) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c += 1) {
            collection collection = new_collection(dimensions[d], counts[c], &random);
            float *queries = calloc(35 * dimensions[d], sizeof *queries);
            if (queries == NULL) abort();
            for (size_t i = 0; i < 35 * dimensions[d]; i += 1)
                queries[i] = random_float(&random) * (i % 2 == 0 ? 3 : 1e-3f);
            for (size_t q = 0; q < 35 && counts[c] > 0; q += 2) /* near a row, as in life */
                memcpy(queries + q * dimensions[d],
                    collection.floats + tap_random(&random) % counts[c] * dimensions[d], dimensions[d] * sizeof(float));
            check_search(&collection, queries, 1, CAIRN_VECTOR_SIMILARITY_DEFAULT, 1, blas);
            check_search(&collection, queries, 3, -1, 7, blas);
            check_search(&collection, queries, 35, 0.25f, 300, blas);
            free(queries);
            free_collection(&collection);
        }
    }
}

static void test_any_rounding_finds_what_a_naive_search_finds(void) {
    check_searches(&backward);
    check_searches(&bad);
}

static void test_a_blas_library_finds_what_a_naive_search_finds(void) {
#ifdef TEST_WITH_CBLAS
    const cairn_vector_blas library = cairn_vector_cblas();
    check_searches(&library);
#else
    printf("# skipped: no BLAS library was linked\n");
#endif
}

static void test_code_dot_products_are_those_of_the_portable_twin(void) {
    uint64_t random = 0xBEEF;
    for (size_t stride = 32; stride <= CAIRN_VECTOR_DIMENSION_MAX; stride *= 2) {
        enum { ROWS = 5 };
        int8_t *codes = malloc(ROWS * stride);
        int16_t *query = malloc(stride * sizeof *query);
        const int32_t fitting = (int32_t)(INT32_MAX / (127 * (int64_t)stride));
        const int32_t largest = fitting < 8191 ? fitting : 8191;
        int32_t twin[ROWS], dots[ROWS];
        if (codes == NULL || query == NULL) abort();
        for (int round = 0; round < 3; round += 1) { /* the last one: the largest sums there can be */
            for (size_t i = 0; i < ROWS * stride; i += 1) {
                const int any = (int)(tap_random(&random) % 255) - 127;
                codes[i] = (int8_t)(round < 2 ? any : i / stride % 2 == 0 ? 127 : -127);
            }
            for (size_t i = 0; i < stride; i += 1) {
                const int32_t any = (int32_t)(tap_random(&random) % (uint64_t)(2 * largest + 1)) - largest;
                query[i] = (int16_t)(round == 2 ? largest : any);
            }
            cairn_vector_code_dots_portable(codes, ROWS, stride, query, twin);
            cairn_vector_code_dots(codes, ROWS, stride, query, dots);
            CHECK(memcmp(twin, dots, sizeof twin) == 0);
            if (round == 2) CHECK(twin[0] == largest * 127 * (int32_t)stride && twin[1] == -twin[0]);
        }
        free(codes);
        free(query);
    }
}

/* The proof of cairn_vector_search.c stands on this: what the codes miss is never longer than they say. */
static void test_codes_miss_no_more_than_they_say(void) {
    uint64_t random = 0xABCD;
    for (int round = 0; round < 300; round += 1) {
        float row[96];
        int8_t codes[96];
        float scale = 0, residual = 0;
        cairn_vector_query query;
        for (size_t i = 0; i < 90; i += 1) row[i] = random_float(&random) * (round % 3 == 0 && i > 0 ? 1e-3f : 1);
        const double length = sqrt(cairn_vector_dot(row, row, 90));
        cairn_vector_query_init(&query, row, 90, 96, length);
        for (size_t i = 0; i < 90; i += 1) row[i] = (float)(row[i] / length);
        cairn_vector_encode(row, 90, 96, codes, &scale, &residual);
        double row_rest = 0, query_rest = 0;
        for (size_t i = 0; i < 90; i += 1) {
            row_rest += pow(row[i] - (double)scale * codes[i], 2);
            query_rest += pow(row[i] - (double)query.scale * query.codes[i], 2);
        }
        CHECK(sqrt(row_rest) <= residual && residual < 0.05);
        CHECK(sqrt(query_rest) <= query.residual + 1e-6 && query.residual < 0.002);
        for (size_t i = 90; i < 96; i += 1) CHECK(codes[i] == 0 && query.codes[i] == 0);
    }
}

static void test_equal_vectors_are_found_by_id(void) {
    cairn_vector_index *index = NULL;
    cairn_vector_match matches[3];
    size_t count = 0;
    CHECK(cairn_vector_index_new(3, &index) == CAIRN_OK);
    for (uint64_t id = 10; id > 0; id -= 1) cairn_vector_index_add(index, id, (const float[]){1, 2, (float)(id % 2)});

    CHECK(cairn_vector_index_search(index, (const float[]){3, 6, 3}, 0.5f, matches, 3, &count) == CAIRN_OK);

    CHECK(count == 3 && matches[0].id == 1 && matches[1].id == 3 && matches[2].id == 5);
    CHECK(matches[0].similarity == matches[2].similarity && fabsf(matches[0].similarity - 1) < 1e-6f);
    cairn_vector_index_free(index);
}

static void test_a_wrong_search_is_refused(void) {
    cairn_vector_index *index = NULL;
    cairn_vector_match matches[2] = {{7, 7}, {7, 7}};
    size_t counts[2] = {9, 9};
    CHECK(cairn_vector_index_new(2, &index) == CAIRN_OK);
    cairn_vector_index_add(index, 1, (const float[]){1, 0});
    const float good[] = {1, 1};
    const float wrong[][4] = {
        {1, 0, 0, 0}, {1, 0, NAN, 1}, {1, 0, INFINITY, 1}, {1, 0, 1e-30f, 0}, {1, 0, 1e30f, 1e30f}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i += 1) {
        CHECK(cairn_vector_index_search(index, wrong[i] + 2, 0, matches, 1, counts) == CAIRN_ERR_ARGUMENT);
        CHECK(cairn_vector_index_search_blas(index, &backward, wrong[i], 2, 0, matches, 1, counts) ==
              CAIRN_ERR_ARGUMENT);
        CHECK(cairn_vector_index_add(index, 2, wrong[i] + 2) == CAIRN_ERR_ARGUMENT);
    }
    CHECK(cairn_vector_index_search(index, good, NAN, matches, 1, counts) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_vector_index_search(index, good, 0, matches, 0, counts) == CAIRN_ERR_ARGUMENT);
    const size_t too_many = CAIRN_VECTOR_MATCHES_MAX + 1;
    CHECK(cairn_vector_index_search(index, good, 0, matches, too_many, counts) == CAIRN_ERR_ARGUMENT);
    CHECK(matches[0].id == 7 && counts[0] == 9 && counts[1] == 9 && cairn_vector_index_count(index) == 1);
    cairn_vector_index_free(index);
    CHECK(cairn_vector_index_new(0, &index) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_vector_index_new(CAIRN_VECTOR_DIMENSION_MAX + 1, &index) == CAIRN_ERR_TOO_BIG);
}

/* Changes */

static void test_a_vector_is_kept_with_length_1_and_replaced(void) {
    cairn_vector_index *index = NULL;
    CHECK(cairn_vector_index_new(2, &index) == CAIRN_OK);
    CHECK(cairn_vector_index_vector(index, 5) == NULL);
    CHECK(cairn_vector_index_add(index, 5, (const float[]){3, 4}) == CAIRN_OK);
    CHECK(cairn_vector_index_vector(index, 5)[0] == 0.6f && cairn_vector_index_vector(index, 5)[1] == 0.8f);
    CHECK(cairn_vector_index_add(index, 5, (const float[]){0, -2e15f}) == CAIRN_OK);
    CHECK(cairn_vector_index_vector(index, 5)[0] == 0 && cairn_vector_index_vector(index, 5)[1] == -1);
    CHECK(cairn_vector_index_count(index) == 1 && cairn_vector_index_dimension(index) == 2);
    cairn_vector_index_free(index);
}

/* Adds and removes at random, ids that collide in the table included, and compares with plain arrays. */
static void test_many_changes_leave_what_was_not_removed(void) {
    enum { IDS = 1500, STEPS = 20000 };
    static float value[IDS]; /* what is under an id, 0 for nothing */
    cairn_vector_index *index = NULL;
    uint64_t random = 0xFEED;
    size_t count = 0;
    memset(value, 0, sizeof value);
    CHECK(cairn_vector_index_new(2, &index) == CAIRN_OK);
    for (int step = 0; step < STEPS; step += 1) {
        const size_t id = (size_t)(tap_random(&random) % IDS);
        const size_t growing = step % 8000 < 5000; /* mostly adds, then mostly removes */
        if (tap_random(&random) % 10 < (growing ? 8u : 2u)) {
            count += value[id] == 0;
            value[id] = (float)(step + 1);
            CHECK(cairn_vector_index_add(index, id * 65536, (const float[]){value[id], 1000}) == CAIRN_OK);
        } else {
            CHECK(cairn_vector_index_remove(index, id * 65536) == (value[id] == 0 ? CAIRN_ERR_NOT_FOUND : CAIRN_OK));
            count -= value[id] != 0;
            value[id] = 0;
        }
        CHECK(cairn_vector_index_count(index) == count);
        if (step % 500 != 0) continue;
        for (size_t i = 0; i < IDS; i += 1) {
            const float *kept = cairn_vector_index_vector(index, i * 65536);
            CHECK((kept == NULL) == (value[i] == 0));
            if (kept != NULL) CHECK(fabsf(kept[0] / kept[1] - value[i] / 1000) < 1e-4f);
        }
    }
    for (size_t i = 0; i < IDS; i += 1) cairn_vector_index_remove(index, i * 65536);
    CHECK(cairn_vector_index_count(index) == 0 && cairn_vector_index_remove(index, 0) == CAIRN_ERR_NOT_FOUND);
    cairn_vector_index_free(index);
}

/* Lets the N-th allocation of a growing index fail, for every N: the index stays as it was, and goes on afterwards. */
static void test_no_memory_leaves_the_index_as_it_was(void) {
    for (int n = 0; n < 12; n += 1) {
        cairn_vector_index *index = NULL;
        tap_allocations_until_failure = n;
        cairn_status status = cairn_vector_index_new(1, &index);
        uint64_t id = 0;
        while (status == CAIRN_OK && id < 3000) {
            status = cairn_vector_index_add(index, id, (const float[]){1});
            if (status == CAIRN_OK) id += 1;
        }
        CHECK(status == CAIRN_ERR_NO_MEMORY);
        tap_allocations_until_failure = -1;
        if (index == NULL) continue;
        CHECK(cairn_vector_index_count(index) == id && cairn_vector_index_vector(index, id) == NULL);
        CHECK(cairn_vector_index_add(index, id, (const float[]){1}) == CAIRN_OK);
        CHECK(cairn_vector_index_count(index) == id + 1 && cairn_vector_index_vector(index, 0)[0] == 1);
        cairn_vector_index_free(index);
    }
    cairn_vector_embedder *embedder = NULL;
    tap_allocations_until_failure = 0;
    CHECK(cairn_vector_embedder_new(&embedder) == CAIRN_ERR_NO_MEMORY && embedder == NULL);
    tap_allocations_until_failure = -1;
    cairn_vector_embedder_free(NULL);
    cairn_vector_index_free(NULL);
}

/* Storing */

static uint8_t *write_exact(const cairn_vector_index *index, size_t *out_length) {
    const size_t bound = cairn_vector_index_bound(index);
    uint8_t *bytes = malloc(bound);
    if (bytes == NULL) abort();
    CHECK(cairn_vector_index_write(index, bytes, bound - 1, out_length) == CAIRN_ERR_NO_SPACE);
    tap_allocations_until_failure = 0;
    CHECK(cairn_vector_index_write(index, bytes, bound, out_length) == CAIRN_ERR_NO_MEMORY);
    tap_allocations_until_failure = -1;
    CHECK(cairn_vector_index_write(index, bytes, bound, out_length) == CAIRN_OK && *out_length == bound);
    return bytes;
}

static void test_a_stored_index_comes_back_and_does_not_depend_on_its_history(void) {
    uint64_t random = 0xDADA;
    collection collection = new_collection(37, 300, &random);
    cairn_vector_index *other = NULL, *back = NULL;
    size_t length = 0, other_length = 0;
    CHECK(cairn_vector_index_new(37, &other) == CAIRN_OK);
    for (size_t row = 300; row > 0; row -= 1)
        cairn_vector_index_add(other, collection.ids[row - 1], collection.floats + (row - 1) * 37);
    cairn_vector_index_add(other, 12345, collection.floats);
    cairn_vector_index_remove(other, 12345);

    uint8_t *bytes = write_exact(collection.index, &length), *other_bytes = write_exact(other, &other_length);
    CHECK(length == 300 * (8 + 37 * 4) + 24);
    CHECK(length == other_length && memcmp(bytes, other_bytes, length) == 0);
    CHECK(cairn_vector_index_read(bytes, length, &back) == CAIRN_OK);
    for (size_t row = 0; row < 300; row += 1) {
        const float *kept = cairn_vector_index_vector(back, collection.ids[row]);
        CHECK(memcmp(kept, cairn_vector_index_vector(other, collection.ids[row]), 37 * sizeof *kept) == 0);
    }
    free(bytes);
    free(other_bytes);
    cairn_vector_index_free(other);
    cairn_vector_index_free(back);
    free_collection(&collection);
}

static void test_version_1_keeps_its_bytes(void) {
    static const uint8_t expected[] = {
        0x43, 0x56, 0x45, 0x43, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x00, 0x00,
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x9A, 0x99, 0x19, 0x3F, 0xCD, 0xCC, 0x4C, 0xBF,
        0x3B, 0x41, 0xD9, 0xA1, 0xE0, 0xB8, 0x81, 0xA6};
    cairn_vector_index *index = NULL;
    size_t length = 0;
    CHECK(cairn_vector_index_new(2, &index) == CAIRN_OK);
    cairn_vector_index_add(index, 0x0102030405060708, (const float[]){3, -4});
    cairn_vector_index_add(index, 1, (const float[]){1, 0});
    uint8_t *bytes = write_exact(index, &length);
    CHECK(length == sizeof expected && memcmp(bytes, expected, sizeof expected) == 0);
    free(bytes);
    cairn_vector_index_free(index);
}

static void test_a_damaged_index_is_refused(void) {
    uint64_t random = 0xDEAD;
    collection collection = new_collection(3, 5, &random);
    cairn_vector_index *back = NULL;
    size_t length = 0;
    uint8_t *bytes = write_exact(collection.index, &length);
    for (size_t cut = 0; cut < length; cut += 1) {
        uint8_t *front = tap_exact_copy(bytes, cut);
        CHECK(cairn_vector_index_read(front, cut, &back) == CAIRN_ERR_INCOMPLETE);
        free(front);
    }
    for (size_t i = 0; i < length; i += 1) {
        bytes[i] ^= 0x10;
        CHECK(cairn_vector_index_read(bytes, length, &back) != CAIRN_OK);
        bytes[i] ^= 0x10;
    }
    for (int n = 0; n < 4; n += 1) {
        tap_allocations_until_failure = n;
        CHECK(cairn_vector_index_read(bytes, length, &back) == CAIRN_ERR_NO_MEMORY);
    }
    tap_allocations_until_failure = -1;
    CHECK(back == NULL);
    free(bytes);
    free_collection(&collection);
}

int main(void) {
    TEST(test_a_text_is_as_similar_to_itself_as_can_be);
    TEST(test_other_words_are_less_similar_the_more_they_differ);
    TEST(test_what_all_documents_share_counts_less_after_learning);
    TEST(test_a_text_without_direction_is_not_found);
    TEST(test_version_1_keeps_its_vectors);
    TEST(test_what_was_learned_comes_back);
    TEST(test_any_rounding_finds_what_a_naive_search_finds);
    TEST(test_a_blas_library_finds_what_a_naive_search_finds);
    TEST(test_code_dot_products_are_those_of_the_portable_twin);
    TEST(test_codes_miss_no_more_than_they_say);
    TEST(test_equal_vectors_are_found_by_id);
    TEST(test_a_wrong_search_is_refused);
    TEST(test_a_vector_is_kept_with_length_1_and_replaced);
    TEST(test_many_changes_leave_what_was_not_removed);
    TEST(test_no_memory_leaves_the_index_as_it_was);
    TEST(test_a_stored_index_comes_back_and_does_not_depend_on_its_history);
    TEST(test_version_1_keeps_its_bytes);
    TEST(test_a_damaged_index_is_refused);
    return tap_end();
}
