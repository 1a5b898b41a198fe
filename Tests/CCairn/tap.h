/* tap.h: the smallest test harness that does: a test is a function, a program prints TAP (testanything.org).
 *
 *     static void test_thing_is_so(void) { CHECK(thing() == 1); CHECK_TEXT(span, "abc"); }
 *     int main(void) { TEST(test_thing_is_so); return tap_end(); }
 *
 * A failed check prints where and goes on, so that one run shows every failure. */
#ifndef TAP_H
#define TAP_H

#include "cairn_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_test_count, tap_failed_test_count, tap_failed_checks;

static inline void tap_fail(const char *file, int line, const char *what) {
    printf("# %s:%d: %s\n", file, line, what);
    tap_failed_checks += 1;
}

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) tap_fail(__FILE__, __LINE__, #condition);                                          \
    } while (0)

static inline int tap_same_text(cairn_span span, const char *text) {
    const size_t length = strlen(text);
    return span.length == length && (length == 0 || memcmp(span.bytes, text, length) == 0);
}

#define CHECK_TEXT(span, text) CHECK(tap_same_text(span, text))

static inline void tap_run(const char *name, void (*test)(void)) {
    tap_failed_checks = 0;
    test();
    tap_test_count += 1;
    tap_failed_test_count += tap_failed_checks > 0;
    printf("%s %d - %s\n", tap_failed_checks > 0 ? "not ok" : "ok", tap_test_count, name);
    fflush(stdout);
}

#define TEST(test) tap_run(#test, test)

static inline int tap_end(void) {
    printf("1..%d\n", tap_test_count);
    return tap_failed_test_count > 0;
}

/* A heap copy with no byte to spare, so that the address sanitizer sees a read behind the end. Never NULL,
 * also for 0. */
static inline uint8_t *tap_exact_copy(const void *bytes, size_t length) {
    uint8_t *copy = calloc(length == 0 ? 1 : length, 1);
    if (copy == NULL) abort();
    if (length > 0) memcpy(copy, bytes, length);
    return copy;
}

/* A small repeatable random source (xorshift64*, Vigna 2016). */
static inline uint64_t tap_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Allocations come here (run.sh links with --wrap), so that the N-th one can fail: set a counter to the number of
 * calls that may still succeed, -1 for all. */
static int tap_reallocs_until_failure = -1, tap_allocations_until_failure = -1; /* the second counts all three */

static inline int tap_may_allocate(int *calls_until_failure) {
    if (*calls_until_failure == 0) return 0;
    if (*calls_until_failure > 0) *calls_until_failure -= 1;
    return 1;
}

void *__real_realloc(void *bytes, size_t length);
void *__wrap_realloc(void *bytes, size_t length);
void *__wrap_realloc(void *bytes, size_t length) {
    const int may = tap_may_allocate(&tap_reallocs_until_failure) && tap_may_allocate(&tap_allocations_until_failure);
    return may ? __real_realloc(bytes, length) : NULL;
}

void *__real_malloc(size_t length);
void *__wrap_malloc(size_t length);
void *__wrap_malloc(size_t length) {
    return tap_may_allocate(&tap_allocations_until_failure) ? __real_malloc(length) : NULL;
}

void *__real_calloc(size_t count, size_t length);
void *__wrap_calloc(size_t count, size_t length);
void *__wrap_calloc(size_t count, size_t length) {
    return tap_may_allocate(&tap_allocations_until_failure) ? __real_calloc(count, length) : NULL;
}

#endif
