/* cairn_vector_cblas.h: a CBLAS library as the cairn_vector_blas of a search.
 *
 * Everything is inline in the caller, so that libcairn itself needs no BLAS (docs/decisions/0004-blas.md). Who
 * includes this links with -lblas: on Debian the reference library, or OpenBLAS where that is installed.
 *
 * Not gathered by cairn.h; empty where there is no <cblas.h>. */
#ifndef CAIRN_VECTOR_CBLAS_H
#define CAIRN_VECTOR_CBLAS_H

#include "cairn_vector.h"

#if defined(__has_include)
#if __has_include(<cblas.h>)
#define CAIRN_VECTOR_HAS_CBLAS 1
#include <cblas.h>

/* OpenBLAS only: absent, and then NULL, in other libraries. */
extern void openblas_set_num_threads(int count) __attribute__((weak));

/* Sizes fit an int: rows and vectors come in blocks, columns are at most CAIRN_VECTOR_DIMENSION_MAX. */
static inline void cairn_vector_cblas_multiply_vector(
    size_t rows, size_t columns, const float *matrix, size_t stride, const float *vector, float *out) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)rows, (int)columns, 1, matrix, (int)stride, vector, 1, 0, out, 1);
}

static inline void cairn_vector_cblas_multiply_vectors(size_t rows, size_t columns, const float *matrix, size_t stride,
    const float *vectors, size_t vector_count, float *out) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)vector_count, (int)columns, 1, matrix,
        (int)stride, vectors, (int)columns, 0, out, (int)vector_count);
}

/* The linked library. Tells OpenBLAS to use one thread, for the whole process: a search belongs to the thread that
 * asks. */
static inline cairn_vector_blas cairn_vector_cblas(void) {
    if (openblas_set_num_threads != NULL) openblas_set_num_threads(1);
    return (cairn_vector_blas){cairn_vector_cblas_multiply_vector, cairn_vector_cblas_multiply_vectors};
}
#endif
#endif

#endif
