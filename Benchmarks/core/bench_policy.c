/* bench_policy.c: micro-benchmarks of room policy. Run by run.sh. Prints one line a measurement:
 *
 *     name                                     min ns  median ns   p95 ns   hash
 *
 * Times are of one decision, or of one cycle of three (another tool call, a failure, a turn). Inputs: 65,536
 * random situations of which every rule of the default table decides some: with 4,096 the processor learns
 * every branch by heart. "One behind the other" measures latency: no decision can begin before the one before
 * it has ended. The anchor (*) is the default table written out as ifs, which is what the table replaces. */
#include "bench_measure.h"
#include "cairn.h"

#include <string.h>

enum { SITUATIONS = 65536, REPEATS = 200 };

static cairn_policy_situation situations[SITUATIONS];
static cairn_policy_table table;

/* What is behind this is not known to be unused. */
static inline void keep(const void *value) {
    __asm__ volatile("" : : "g"(value) : "memory");
}

static uint64_t random_number(uint64_t *state) { /* xorshift64*, Vigna 2016 */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) >> 32;
}

static void make_situations(void) {
    uint64_t seed = 1;
    for (size_t i = 0; i < SITUATIONS; i += 1) {
        const uint64_t what = random_number(&seed);
        situations[i] = (cairn_policy_situation){
            .hit_tokens = what % 4 == 0 ? (uint32_t)(random_number(&seed) % 5000) : 0,
            .hit_is_fresh = (uint32_t)(what >> 2) % 2,
            .failure_count = (what >> 3) % 2 == 0 ? (uint32_t)(random_number(&seed) % 4) : 0,
            .fix_tokens = (what >> 4) % 2 == 0 ? 40 : 0,
            .fix_worked_count = (uint32_t)(what >> 5) % 6,
            .attempt_count = (uint32_t)(what >> 8) % 4,
            .attempt_tokens = (uint32_t)(random_number(&seed) % 3000),
            .plan_steps_open = (uint32_t)(what >> 10) % 3,
            .plan_tokens = (uint32_t)(random_number(&seed) % 2000),
            .failure_streak = (uint32_t)(random_number(&seed) % 5),
            .context_per_mille = (uint32_t)(random_number(&seed) % 1000),
            .budget_per_mille = (uint32_t)(random_number(&seed) % 1000),
            .held_tokens = (what >> 12) % 2 == 0 ? (uint32_t)(random_number(&seed) % 90000) : 0};
    }
}

/* The default table as ifs. */
static uint32_t growing(uint64_t value) {
    return value < 900 ? (uint32_t)value : 900;
}
__attribute__((noinline)) static cairn_policy_decision decide_with_ifs(const cairn_policy_situation *s) {
    if (s->hit_tokens > 0 && s->hit_is_fresh > 0)
        return (cairn_policy_decision){CAIRN_POLICY_REUSE_RESULT, s->hit_tokens, 950, 1};
    if (s->failure_count > 0 && s->fix_tokens > 0 && s->attempt_count < 2)
        return (cairn_policy_decision){CAIRN_POLICY_RETRY_WITH_FIX, s->attempt_tokens,
            (uint16_t)growing(500 + (uint64_t)s->fix_worked_count * 100), 2};
    if (s->failure_count > 1)
        return (cairn_policy_decision){CAIRN_POLICY_AVOID_REPEAT, s->attempt_tokens,
            (uint16_t)growing(400 + (uint64_t)s->failure_count * 150), 3};
    if (s->context_per_mille >= 850 && s->held_tokens > 0)
        return (cairn_policy_decision){CAIRN_POLICY_COMPACT, s->held_tokens, 800, 4};
    if (s->budget_per_mille >= 850 && s->held_tokens > 0)
        return (cairn_policy_decision){CAIRN_POLICY_COMPACT, s->held_tokens, 600, 5};
    if (s->failure_streak > 2)
        return (cairn_policy_decision){CAIRN_POLICY_REPLAN, s->attempt_tokens, 600, 6};
    if (s->plan_steps_open > 0)
        return (cairn_policy_decision){CAIRN_POLICY_CONTINUE_PLAN, s->plan_tokens, 850, 7};
    return (cairn_policy_decision){CAIRN_POLICY_PROCEED, 0, 0, 0};
}

static uint64_t folded(uint64_t hash, const cairn_policy_decision *decision) {
    keep(decision);
    return (hash << 7 | hash >> 57) ^ ((uint64_t)decision->tokens_saved << 32) ^
           (uint64_t)(decision->confidence_per_mille * 64 + decision->reason * 8 + (uint32_t)decision->kind);
}

static uint64_t one_by_one(void *with_ifs) {
    uint64_t hash = 0;
    for (size_t i = 0; i < SITUATIONS; i += 1) {
        const cairn_policy_decision decision = with_ifs != NULL ? decide_with_ifs(&situations[i])
                                                                : cairn_policy_decide(&table, &situations[i]);
        hash = folded(hash, &decision);
    }
    return hash;
}

static uint64_t one_behind_the_other(void *with_ifs) {
    uint64_t hash = 0;
    size_t next = 0;
    for (size_t i = 0; i < SITUATIONS; i += 1) {
        const cairn_policy_decision decision = with_ifs != NULL
                                                   ? decide_with_ifs(&situations[next])
                                                   : cairn_policy_decide(&table, &situations[next]);
        hash = folded(hash, &decision);
        next += 1 + (decision.reason >> 8); /* reasons are below 256, which the compiler does not know */
    }
    return hash;
}

static uint64_t cycles_of_three(void *unused) {
    (void)unused;
    uint64_t hash = 0;
    for (size_t i = 0; i + 3 <= SITUATIONS; i += 3) {
        cairn_policy_decision decisions[3];
        cairn_policy_decide_all(&table, &situations[i], 3, decisions);
        for (size_t d = 0; d < 3; d += 1) hash = folded(hash, &decisions[d]);
    }
    return hash;
}

/* As measure() of bench_measure.h, for a work that does `count` equal things: the time of one. */
static void measure_one_of(const char *name, size_t count, work *work, void *context) {
    static double samples[REPEATS];
    const size_t repeats = is_tiny ? 1 : REPEATS;
    uint64_t hash = work(context);
    for (size_t i = 0; i < repeats; i += 1) {
        const double start = now_ns();
        hash = work(context);
        samples[i] = (now_ns() - start) / (double)count;
    }
    qsort(samples, repeats, sizeof samples[0], compare_doubles);
    printf("%-54s %11.2f %11.2f %11.2f           %016llx\n", name, samples[0], samples[repeats / 2],
        samples[repeats * 95 / 100], (unsigned long long)hash);
    fflush(stdout);
}

int main(int argc, char **argv) {
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    cairn_policy_fault fault;
    if (cairn_policy_table_init(&table, cairn_policy_default(), &fault) != CAIRN_OK) return 2;
    make_situations();
    printf("%-54s %11s %11s %11s           %s\n", "", "min ns", "median ns", "p95 ns", "hash");
    measure_one_of("one decision", SITUATIONS, one_by_one, NULL);
    measure_one_of("one decision, ifs *", SITUATIONS, one_by_one, situations);
    measure_one_of("one decision, one behind the other", SITUATIONS, one_behind_the_other, NULL);
    measure_one_of("one decision, one behind the other, ifs *", SITUATIONS, one_behind_the_other, situations);
    measure_one_of("one cycle of three decisions", SITUATIONS / 3, cycles_of_three, NULL);
    return 0;
}
