/* cairn_policy.h: which advice fits a situation: a table of rules, compiled to one look-up.
 *
 * Used before a call goes upstream and after a tool result came in: is there a stored result that is still
 * true, did this very call fail before, is a plan open, is the context nearly full? The answer is advice: a
 * kind, how sure it is, the tokens it would save, and a reason. Workload: some decisions a call, each about
 * another tool call or turn.
 *
 * Tables are data of the caller. Numbers are what the caller measured in the session (what a result or a
 * failed attempt costs), never a price made up here: a saving is a sum over such measures.
 *
 *     cairn_policy_table table;   // once; constant from then on, any number of threads may decide with it
 *     cairn_policy_table_init(&table, cairn_policy_default(), &fault);
 *
 *     cairn_policy_situation situation = {.hit_tokens = 1200, .hit_is_fresh = 1};
 *     cairn_policy_decision advice = cairn_policy_decide(&table, &situation);
 *     // advice.kind == CAIRN_POLICY_REUSE_RESULT, confidence 950, 1,200 tokens */
#ifndef CAIRN_POLICY_H
#define CAIRN_POLICY_H

#include "cairn_status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAIRN_POLICY_TESTS_MAX 12 /* in a table: every combination of their answers has its entry */
#define CAIRN_POLICY_RULES_MAX 32 /* in a table */
#define CAIRN_POLICY_CONFIDENCE_MAX 1000

/* What is known, in numbers; 0 where nothing is. */
typedef struct cairn_policy_situation {
    uint32_t hit_tokens;        /* of the stored result of the same call; 0: there is none */
    uint32_t hit_is_fresh;      /* 1: it is proven to be still true */
    uint32_t failure_count;     /* how often the same call failed with nothing changed since */
    uint32_t fix_tokens;        /* of what is known to fix that failure; 0: nothing is */
    uint32_t fix_worked_count;  /* how often it did */
    uint32_t attempt_count;     /* how often it was tried for the failure at hand */
    uint32_t attempt_tokens;    /* what one failed attempt costs: call, result, and the turn about it */
    uint32_t plan_steps_open;   /* of the plan at hand */
    uint32_t plan_tokens;       /* what it would cost to work the plan out again */
    uint32_t failure_streak;    /* failed calls one behind the other, whichever they are */
    uint32_t context_per_mille; /* used part of the model's context */
    uint32_t budget_per_mille;  /* spent part of the session's token budget */
    uint32_t held_tokens;       /* what a compaction would take out of the context */
} cairn_policy_situation;

/* The members above, in their order. */
typedef enum cairn_policy_measure {
    CAIRN_POLICY_HIT_TOKENS = 0,
    CAIRN_POLICY_HIT_IS_FRESH = 1,
    CAIRN_POLICY_FAILURE_COUNT = 2,
    CAIRN_POLICY_FIX_TOKENS = 3,
    CAIRN_POLICY_FIX_WORKED_COUNT = 4,
    CAIRN_POLICY_ATTEMPT_COUNT = 5,
    CAIRN_POLICY_ATTEMPT_TOKENS = 6,
    CAIRN_POLICY_PLAN_STEPS_OPEN = 7,
    CAIRN_POLICY_PLAN_TOKENS = 8,
    CAIRN_POLICY_FAILURE_STREAK = 9,
    CAIRN_POLICY_CONTEXT_PER_MILLE = 10,
    CAIRN_POLICY_BUDGET_PER_MILLE = 11,
    CAIRN_POLICY_HELD_TOKENS = 12
} cairn_policy_measure;
#define CAIRN_POLICY_MEASURE_COUNT 13

typedef enum cairn_policy_kind {
    CAIRN_POLICY_PROCEED = 0,        /* nothing known that helps */
    CAIRN_POLICY_REUSE_RESULT = 1,   /* take the stored result instead of calling the tool again */
    CAIRN_POLICY_RETRY_WITH_FIX = 2, /* the call failed before: try what fixed it */
    CAIRN_POLICY_AVOID_REPEAT = 3,   /* the call will fail again: say so */
    CAIRN_POLICY_COMPACT = 4,        /* shorten what the context holds */
    CAIRN_POLICY_REPLAN = 5,         /* what is being tried does not work */
    CAIRN_POLICY_CONTINUE_PLAN = 6   /* go on with the next open step */
} cairn_policy_kind;
#define CAIRN_POLICY_KIND_COUNT 7

/* A question about one measure. */
typedef struct cairn_policy_test {
    uint8_t measure;   /* a cairn_policy_measure */
    bool is_at_most;   /* holds from 0 up to the bound, instead of from the bound on */
    uint32_t bound;
} cairn_policy_test;

/* A number that grows with a measure: base + measure * per_1024 / 1024, rounded down, at most `max`. With
 * per_1024 0 it is `base`. */
typedef struct cairn_policy_amount {
    uint32_t base, per_1024, max;
    uint8_t measure; /* a cairn_policy_measure */
} cairn_policy_amount;

/* Advice for situations where all tests of `when` hold and none of `unless`; bit i stands for test i. */
typedef struct cairn_policy_rule {
    uint16_t when, unless;
    uint16_t reason; /* the caller's number */
    uint8_t kind;    /* a cairn_policy_kind */
    cairn_policy_amount confidence; /* per mille: max is at most CAIRN_POLICY_CONFIDENCE_MAX */
    cairn_policy_amount tokens_saved;
} cairn_policy_rule;

/* What a table is made of. The first rule that fits decides; when none does, the advice is to proceed, with
 * confidence 0, nothing saved, and reason 0. */
typedef struct cairn_policy_rules {
    const cairn_policy_test *tests;
    size_t test_count;
    const cairn_policy_rule *rules;
    size_t rule_count;
} cairn_policy_rules;

/* A compiled table. Plain memory of the caller, about 6 KiB, constant after init. Members are private. */
typedef struct cairn_policy_table {
    uint32_t offsets[CAIRN_POLICY_TESTS_MAX]; /* of the tests' measures in a situation */
    uint32_t at_least[CAIRN_POLICY_TESTS_MAX];
    uint32_t inverted; /* bit i: test i holds below at_least[i] */
    uint8_t first_rule[1 << CAIRN_POLICY_TESTS_MAX];
    cairn_policy_rule rules[CAIRN_POLICY_RULES_MAX + 1];
} cairn_policy_table;

/* Where a table is wrong. */
typedef struct cairn_policy_fault {
    bool is_rule; /* else a test */
    uint32_t index;
} cairn_policy_fault;

/* Compiles a table. Copies all. Returns CAIRN_ERR_TOO_BIG for more tests or rules than the limits (the index
 * of the fault is then the count), or CAIRN_ERR_ARGUMENT with the first fault:
 * - a test of a measure that does not exist, one that always holds (at least 0, at most UINT32_MAX), or one
 *   that no rule asks for;
 * - a rule with a kind, measure or test that does not exist, with a test in both `when` and `unless`, with a
 *   confidence above CAIRN_POLICY_CONFIDENCE_MAX, or one that never decides because earlier rules always do.
 * The table is then untouched. Cost: rules times 2^tests steps, about 0.1 ms. */
cairn_status cairn_policy_table_init(
    cairn_policy_table *self, const cairn_policy_rules *rules, cairn_policy_fault *out_fault);

typedef struct cairn_policy_decision {
    cairn_policy_kind kind;
    uint32_t tokens_saved; /* estimated */
    uint16_t confidence_per_mille;
    uint16_t reason;
} cairn_policy_decision;

/* The advice for a situation. Borrows both. Cannot fail. Cost: one comparison for each of 12 tests, without a
 * branch, and one look-up: some nanoseconds, whichever rule decides. */
cairn_policy_decision cairn_policy_decide(
    const cairn_policy_table *self, const cairn_policy_situation *situation);

/* The same for `count` situations: a whole cycle in one call. */
void cairn_policy_decide_all(const cairn_policy_table *self, const cairn_policy_situation *situations,
    size_t count, cairn_policy_decision *out_decisions);

/* The default table, in the order of its rules:
 *
 *     reason  when                                           advice          confidence      tokens saved
 *     1       a stored result, proven to be still true       reuse result    950             the result
 *     2       failed before, a fix known, tried at most      retry with fix  500, and 100    an attempt
 *             once                                                           for each time
 *                                                                            it worked
 *     3       failed at least twice, nothing changed since   avoid repeat    400, and 150    an attempt
 *                                                                            a failure
 *     4       context 85 % full, something to take out       compact         800             what it holds
 *     5       budget 85 % spent, something to take out       compact         600             what it holds
 *     6       three failed calls one behind the other        replan          600             an attempt
 *     7       a plan with open steps                         continue plan   850             the plan
 *
 * Confidences that grow end at 900. A full context goes before an open plan: a plan is nearly always open.
 * View: for ever. */
const cairn_policy_rules *cairn_policy_default(void);

enum {
    CAIRN_POLICY_REASON_NONE = 0,
    CAIRN_POLICY_REASON_STILL_TRUE = 1,
    CAIRN_POLICY_REASON_FIX_KNOWN = 2,
    CAIRN_POLICY_REASON_FAILS_AGAIN = 3,
    CAIRN_POLICY_REASON_CONTEXT_FULL = 4,
    CAIRN_POLICY_REASON_BUDGET_SPENT = 5,
    CAIRN_POLICY_REASON_STUCK = 6,
    CAIRN_POLICY_REASON_PLAN_OPEN = 7
};

#ifdef __cplusplus
}
#endif

#endif
