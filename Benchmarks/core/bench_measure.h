/* bench_measure.h: how the micro-benchmarks of the C core measure. Each program prints one line a measurement:
 *
 *     name                     bytes   min ns  median ns   p95 ns   GB/s(median)  hash
 *
 * Each result is hashed and the hash printed: the work cannot be left out, and a change of the result shows. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLES_MAX = 401 };

/* Every measurement once on small input: the mode of the tests. */
static bool is_tiny;

static inline double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A piece of work: does it once and returns a hash of the result. */
typedef uint64_t work(void *context);

/* Runs `work` in batches that last at least 20 us, so that the clock does not count, about a third of a
 * second in all. The hash is that of the first run: work may go through many inputs. */
static inline void measure(const char *name, size_t bytes, work *work, void *context) {
    static double samples[SAMPLES_MAX];
    static volatile uint64_t last_hash; /* written, so that no run is left out */
    const uint64_t hash = work(context);
    size_t batch = 1, count = 0;
    for (double took = 0; !is_tiny && took < 20e3; batch *= 2) {
        const double start = now_ns();
        for (size_t i = 0; i < batch; i += 1) last_hash = work(context);
        took = now_ns() - start;
    }
    const double begin = now_ns();
    while (count < SAMPLES_MAX && (count < 3 || (!is_tiny && now_ns() - begin < 300e6))) {
        const double start = now_ns();
        for (size_t i = 0; i < batch; i += 1) last_hash = work(context);
        samples[count] = (now_ns() - start) / (double)batch;
        count += 1;
    }
    qsort(samples, count, sizeof samples[0], compare_doubles);
    (void)last_hash;
    const double median = samples[count / 2];
    printf("%-44s %9zu %11.1f %11.1f %11.1f %8.2f  %016llx\n", name, bytes, samples[0], median,
        samples[count * 95 / 100], (double)bytes / median, (unsigned long long)hash);
    fflush(stdout);
}

static inline void measure_heading(void) {
    printf("%-44s %9s %11s %11s %11s %8s  %s\n", "", "bytes", "min ns", "median ns", "p95 ns", "GB/s", "hash");
}

#endif
