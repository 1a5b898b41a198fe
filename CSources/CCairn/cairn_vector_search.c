/* cairn_vector_search.c: the most similar rows, exactly, from scores that are fast and nearly right.
 *
 * Rows are looked at in blocks. Something fast says for each row of a block what its similarity is at most; a row
 * that could still be among the matches gets the exact dot product, and that alone decides. So no row is lost, if the
 * bounds hold:
 *
 *   codes  row x = s c + r with |r| <= R, query (of length 1) u = t k + e with |e| <= E, c and k integers. Then
 *          x.u = s t (c.k) + s c.e + r.u, and by Cauchy and Schwarz |s c.e| <= (|x| + R) E, |r.u| <= R, so
 *          x.u <= s t (c.k) + R (1 + E) + |x| E.  c.k is an integer and exact; |x| <= 1.001.
 *   BLAS   a sum of d float products, in any order, fused or not, is off by at most g |x| |q|, g = d e / (1 - d e),
 *          e = 2^-24 (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1).
 *
 * Both get a little more for the few roundings of the bound itself, for underflow, and for the exact result's own. */
#include "cairn_vector_int.h"

#include <math.h>

#define ROUNDING 1e-5f /* more than all float roundings of a bound near 1, and of the similarity itself */
#define ROW_LENGTH_LARGEST 1.001f
#define QUERIES_A_PASS 16

/* Matches */

/* The matches found so far: a heap with the least similar at the root. */
typedef struct search {
    const cairn_vector_index *index;
    const float *query;
    double length;
    float similarity_min;
    cairn_vector_match *matches;
    size_t capacity, count;
} search;

/* Whether `a` stands behind `b` in the result. */
static bool is_behind(cairn_vector_match a, cairn_vector_match b) {
    return a.similarity != b.similarity ? a.similarity < b.similarity : a.id > b.id;
}

/* Moves the match at `place` down until its children are not behind it. Steps: log2 of `count`. */
static void sift_down(cairn_vector_match *matches, size_t count, size_t place) {
    const cairn_vector_match moving = matches[place];
    for (size_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && is_behind(matches[child + 1], matches[child])) child += 1;
        if (!is_behind(matches[child], moving)) break;
        matches[place] = matches[child];
        place = child;
    }
    matches[place] = moving;
}

static void sift_up(cairn_vector_match *matches, size_t place) {
    const cairn_vector_match moving = matches[place];
    for (size_t parent = (place - 1) / 2; place > 0; place = parent, parent = (place - 1) / 2) {
        if (!is_behind(moving, matches[parent])) break;
        matches[place] = matches[parent];
    }
    matches[place] = moving;
}

static void take(search *self, cairn_vector_match match) {
    if (self->count < self->capacity) {
        self->matches[self->count] = match;
        sift_up(self->matches, self->count);
        self->count += 1;
    } else if (is_behind(self->matches[0], match)) {
        self->matches[0] = match;
        sift_down(self->matches, self->count, 0);
    }
}

/* Puts the most similar first. */
static void sort_matches(search *self) {
    for (size_t left = self->count; left > 1; left -= 1) {
        const cairn_vector_match last = self->matches[0];
        self->matches[0] = self->matches[left - 1];
        self->matches[left - 1] = last;
        sift_down(self->matches, left - 1, 0);
    }
}

/* What a row must reach to be taken. */
static float floor_of(const search *self) {
    const bool is_full = self->count == self->capacity;
    return is_full && self->matches[0].similarity > self->similarity_min ? self->matches[0].similarity
                                                                         : self->similarity_min;
}

static void look_at(search *self, size_t row) {
    const double dot = cairn_vector_dot(cairn_vector_row(self->index, row), self->query, self->index->dimension);
    const double cosine = dot / self->length;
    const float similarity = (float)(cosine > 1 ? 1 : cosine < -1 ? -1 : cosine);
    if (similarity < self->similarity_min) return;
    const uint64_t id = cairn_vector_block_of(self->index, row)->ids[row % CAIRN_VECTOR_BLOCK_ROWS];
    take(self, (cairn_vector_match){id, similarity});
}

/* Looks at the rows of a block whose bound, that of row r at uppers[r * step], reaches the floor. */
static void look_at_likely(search *self, size_t first_row, size_t rows, const float *uppers, size_t step) {
    float floor = floor_of(self);
    for (size_t r = 0; r < rows; r += 1) {
        if (!(uppers[r * step] >= floor)) continue;
        look_at(self, first_row + r);
        floor = floor_of(self);
    }
}

static size_t rows_of_block(const cairn_vector_index *index, size_t first_row) {
    const size_t left = index->row_count - first_row;
    return left < CAIRN_VECTOR_BLOCK_ROWS ? left : CAIRN_VECTOR_BLOCK_ROWS;
}

static bool is_request_sound(float similarity_min, size_t capacity) {
    return !isnan(similarity_min) && capacity >= 1 && capacity <= CAIRN_VECTOR_MATCHES_MAX;
}

/* Through codes */

static void bound_by_codes(
    const cairn_vector_index *index, const cairn_vector_query *query, size_t first_row, size_t rows, float *uppers) {
    const cairn_vector_block *block = cairn_vector_block_of(index, first_row);
    int32_t dots[CAIRN_VECTOR_BLOCK_ROWS];
    cairn_vector_code_dots(block->codes, rows, index->stride, query->codes, dots);
    const float rest = ROW_LENGTH_LARGEST * query->residual + ROUNDING;
    for (size_t r = 0; r < rows; r += 1) {
        const float score = (float)dots[r] * (block->scales[r] * query->scale);
        uppers[r] = score + block->residuals[r] * (1 + query->residual) + rest;
    }
}

cairn_status cairn_vector_index_search(const cairn_vector_index *self, const float *query, float similarity_min,
    cairn_vector_match *matches, size_t capacity, size_t *out_count) {
    const double length = cairn_vector_length(query, self->dimension);
    if (length == 0 || !is_request_sound(similarity_min, capacity)) return CAIRN_ERR_ARGUMENT;
    search search = {self, query, length, similarity_min, matches, capacity, 0};
    cairn_vector_query codes;
    float uppers[CAIRN_VECTOR_BLOCK_ROWS];
    cairn_vector_query_init(&codes, query, self->dimension, self->stride, length);
    for (size_t row = 0; row < self->row_count; row += CAIRN_VECTOR_BLOCK_ROWS) {
        const size_t rows = rows_of_block(self, row);
        bound_by_codes(self, &codes, row, rows, uppers);
        look_at_likely(&search, row, rows, uppers, 1);
    }
    sort_matches(&search);
    *out_count = search.count;
    return CAIRN_OK;
}

/* Through BLAS */

/* What is to be added to a BLAS result divided by the query's length, to be sure. */
static float blas_error(size_t dimension) {
    const double roundings = (double)dimension / 16777216;
    return (float)(roundings / (1 - roundings)) * ROW_LENGTH_LARGEST + ROUNDING;
}

/* One pass over all rows for at most QUERIES_A_PASS searches. */
static void pass(const cairn_vector_index *index, const cairn_vector_blas *blas, search *searches, size_t count) {
    float scores[CAIRN_VECTOR_BLOCK_ROWS * QUERIES_A_PASS];
    const float error = blas_error(index->dimension);
    for (size_t row = 0; row < index->row_count; row += CAIRN_VECTOR_BLOCK_ROWS) {
        const size_t rows = rows_of_block(index, row);
        const float *floats = cairn_vector_block_of(index, row)->floats;
        if (count == 1) {
            blas->multiply_vector(rows, index->dimension, floats, index->stride, searches[0].query, scores);
        } else {
            blas->multiply_vectors(rows, index->dimension, floats, index->stride, searches[0].query, count, scores);
        }
        for (size_t s = 0; s < count; s += 1) {
            const float inverse = (float)(1 / searches[s].length);
            for (size_t r = 0; r < rows; r += 1) scores[r * count + s] = scores[r * count + s] * inverse + error;
            look_at_likely(&searches[s], row, rows, scores + s, count);
        }
    }
}

cairn_status cairn_vector_index_search_blas(const cairn_vector_index *self, const cairn_vector_blas *blas,
    const float *queries, size_t query_count, float similarity_min, cairn_vector_match *matches, size_t capacity,
    size_t *out_counts) {
    if (!is_request_sound(similarity_min, capacity)) return CAIRN_ERR_ARGUMENT;
    for (size_t q = 0; q < query_count; q += 1) {
        if (cairn_vector_length(queries + q * self->dimension, self->dimension) == 0) return CAIRN_ERR_ARGUMENT;
    }
    for (size_t first = 0; first < query_count; first += QUERIES_A_PASS) {
        const size_t left = query_count - first, count = left < QUERIES_A_PASS ? left : QUERIES_A_PASS;
        search searches[QUERIES_A_PASS];
        for (size_t s = 0; s < count; s += 1) {
            const float *query = queries + (first + s) * self->dimension;
            searches[s] = (search){self, query, cairn_vector_length(query, self->dimension), similarity_min,
                matches + (first + s) * capacity, capacity, 0};
        }
        pass(self, blas, searches, count);
        for (size_t s = 0; s < count; s += 1) {
            sort_matches(&searches[s]);
            out_counts[first + s] = searches[s].count;
        }
    }
    return CAIRN_OK;
}
