/* cairn_vector_codes.c: rows and queries in fewer bits with a bound on what is lost, and exact dot products.
 *
 * Codes are fractions of a vector's own largest float, 7 bits for rows and at most 13 for queries. How they were
 * rounded does not matter: what they miss is measured afterwards, in doubles, and rounded up. */
#include "cairn_vector_int.h"

#include <math.h>

#define ROW_CODE_LARGEST 127
#define QUERY_CODE_LARGEST 8191
#define LENGTH_SMALLEST 1e-18
#define LENGTH_LARGEST 1e18
#define LANES 8

double cairn_vector_dot(const float *a, const float *b, size_t count) {
    double lanes[LANES] = {0};
    size_t index = 0;
    for (; count - index >= LANES; index += LANES)
        for (size_t lane = 0; lane < LANES; lane += 1) lanes[lane] += (double)a[index + lane] * b[index + lane];
    for (size_t lane = 0; index < count; index += 1, lane += 1) lanes[lane] += (double)a[index] * b[index];
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

double cairn_vector_length(const float *vector, size_t count) {
    const double length = sqrt(cairn_vector_dot(vector, vector, count));
    return length >= LENGTH_SMALLEST && length <= LENGTH_LARGEST ? length : 0; /* also for a NaN */
}

static double largest_of(const float *floats, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i += 1) largest = fabs(floats[i]) > largest ? fabs(floats[i]) : largest;
    return largest;
}

/* The nearest of -largest ... largest. */
static inline int32_t code_of(double value, int32_t largest) {
    const double code = floor(value + 0.5);
    return code > largest ? largest : code < -largest ? -largest : (int32_t)code;
}

/* A bound above sqrt(sum) whatever was rounded on the way: the sums have far fewer than 2^20 roundings of 2^-53. */
static float rounded_up(double sum) {
    return (float)(sqrt(sum) * 1.000001 + 1e-12);
}

void cairn_vector_encode(
    const float *row, size_t count, size_t stride, int8_t *codes, float *out_scale, float *out_residual) {
    const float scale = (float)(largest_of(row, count) / ROW_CODE_LARGEST);
    double rest_sum = 0;
    for (size_t i = 0; i < count; i += 1) {
        const int32_t code = code_of(row[i] / (double)scale, ROW_CODE_LARGEST);
        const double rest = row[i] - (double)scale * code;
        codes[i] = (int8_t)code;
        rest_sum += rest * rest;
    }
    memset(codes + count, 0, stride - count);
    *out_scale = scale;
    *out_residual = rounded_up(rest_sum);
}

void cairn_vector_query_init(
    cairn_vector_query *self, const float *query, size_t dimension, size_t stride, double length) {
    /* The largest sum of code products must fit an int32_t. */
    const int32_t fitting = (int32_t)(INT32_MAX / ((int64_t)ROW_CODE_LARGEST * (int64_t)stride));
    const int32_t largest = fitting < QUERY_CODE_LARGEST ? fitting : QUERY_CODE_LARGEST;
    const float scale = (float)(largest_of(query, dimension) / length / largest);
    double rest_sum = 0;
    for (size_t i = 0; i < dimension; i += 1) {
        const double value = query[i] / length;
        const int32_t code = code_of(value / (double)scale, largest);
        const double rest = value - (double)scale * code;
        self->codes[i] = (int16_t)code;
        rest_sum += rest * rest;
    }
    memset(self->codes + dimension, 0, (stride - dimension) * sizeof self->codes[0]);
    self->scale = scale;
    self->residual = rounded_up(rest_sum);
}

void cairn_vector_code_dots_portable(
    const int8_t *codes, size_t rows, size_t stride, const int16_t *query, int32_t *out) {
    for (size_t row = 0; row < rows; row += 1, codes += stride) {
        int32_t sum = 0;
        for (size_t i = 0; i < stride; i += 1) sum += (int32_t)codes[i] * query[i];
        out[row] = sum;
    }
}

void cairn_vector_code_dots(const int8_t *codes, size_t rows, size_t stride, const int16_t *query, int32_t *out) {
#if CAIRN_BYTES_HAS_AVX2
    if (cairn_bytes_can_avx2()) {
        cairn_vector_code_dots_avx2(codes, rows, stride, query, out);
        return;
    }
#endif
    cairn_vector_code_dots_portable(codes, rows, stride, query, out);
}
