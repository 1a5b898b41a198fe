/* calibrate.c: makes the table of means that estimates are built on, and measures how wrong estimates are. Run by
 * calibrate.sh, by hand: the texts must be many and of many kinds, and every second file is held out for the measuring.
 *
 * Usage: calibrate table VOCABULARY... -- FILE...    prints cairn_tokens_estimate_table.c, from the even files
 *        calibrate errors VOCABULARY... -- FILE...   prints relative errors of pieces of the odd files */
#include "cairn_tokens_estimate_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { VOCABULARIES = 3, FILE_BYTES_MAX = 1 << 18, PRIOR = 20, ERRORS_MAX = 1 << 20 };

typedef struct content {
    uint8_t *bytes;
    size_t length;
} content;

static content read_file(const char *path, size_t bytes_max) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (content){NULL, 0};
    content content = {aligned_alloc(8, bytes_max), 0};
    if (content.bytes == NULL) exit(2);
    content.length = fread(content.bytes, 1, bytes_max, file);
    fclose(file);
    return content;
}

static void open_vocabulary(const char *path, cairn_tokens *vocabularies) {
    const content file = read_file(path, (size_t)64 << 20);
    cairn_tokens tokens;
    if (file.bytes == NULL || cairn_tokens_open(file.bytes, file.length, &tokens) != CAIRN_OK) {
        fprintf(stderr, "calibrate: %s is no vocabulary\n", path);
        exit(2);
    }
    vocabularies[tokens.splitter - 1] = tokens;
}

/* Sums a kind and length: tokens and pre-tokens seen. */
static double tokens_seen[VOCABULARIES][CAIRN_TOKENS_KIND_COUNT][CAIRN_TOKENS_MEAN_BYTES + 1];
static double seen[VOCABULARIES][CAIRN_TOKENS_KIND_COUNT][CAIRN_TOKENS_MEAN_BYTES + 1];

static void add_text(const cairn_tokens *vocabulary, content text) {
    cairn_tokens_text split = {.bytes = text.bytes, .length = text.length};
    size_t position = 0, end;
    while (cairn_tokens_next(vocabulary->splitter, &split, position, &end)) {
        const size_t length = end - position;
        const cairn_tokens_kind kind = cairn_tokens_kind_of(text.bytes + position, length);
        const size_t place = length <= CAIRN_TOKENS_MEAN_BYTES ? length - 1 : CAIRN_TOKENS_MEAN_BYTES;
        uint32_t count = 0;
        if (cairn_tokens_count(vocabulary, NULL, text.bytes + position, length, &count) != CAIRN_OK) exit(2);
        tokens_seen[vocabulary->splitter - 1][kind][place] += count;
        seen[vocabulary->splitter - 1][kind][place] += place < CAIRN_TOKENS_MEAN_BYTES ? 1 : (double)length;
        position = end;
    }
}

/* The mean, drawn to what the kind has a byte where few were seen. */
static void print_means(int vocabulary, int kind) {
    double tokens = 1, bytes = 3;
    for (int i = 0; i <= CAIRN_TOKENS_MEAN_BYTES; i += 1) {
        tokens += tokens_seen[vocabulary][kind][i];
        bytes += seen[vocabulary][kind][i] * (i < CAIRN_TOKENS_MEAN_BYTES ? i + 1 : 1);
    }
    printf("        {");
    for (int i = 0; i <= CAIRN_TOKENS_MEAN_BYTES; i += 1) {
        const double expected = i == CAIRN_TOKENS_MEAN_BYTES ? tokens / bytes : (i + 1) * tokens / bytes;
        const double prior = i < CAIRN_TOKENS_MEAN_BYTES && expected < 1 ? 1 : expected;
        const double mean = (tokens_seen[vocabulary][kind][i] + PRIOR * prior) / (seen[vocabulary][kind][i] + PRIOR);
        printf("%s%.0f", i == 0 ? "" : i % 16 == 0 ? ",\n            " : ", ", mean * 256);
    }
    printf("},\n");
}

static void print_table(void) {
    printf("/* cairn_tokens_estimate_table.c: tokens of pre-tokens by kind and length, in 256ths. Written by\n"
           " * Tests/Tokens/calibrate.sh; cairn_tokens_estimate_int.h says what the places mean. */\n"
           "#include \"cairn_tokens_estimate_int.h\"\n\n"
           "const uint16_t cairn_tokens_estimate_means[CAIRN_TOKENS_DEEPSEEK][CAIRN_TOKENS_KIND_COUNT]\n"
           "                                          [CAIRN_TOKENS_MEAN_BYTES + 1] = {\n");
    for (int vocabulary = 0; vocabulary < VOCABULARIES; vocabulary += 1) {
        printf("    {\n");
        for (int kind = 0; kind < CAIRN_TOKENS_KIND_COUNT; kind += 1) print_means(vocabulary, kind);
        printf("    },\n");
    }
    printf("};\n");
}

static double errors[ERRORS_MAX];
static size_t error_count, within, within_twice;

static void add_errors(const cairn_tokens *vocabulary, content text, size_t piece_bytes) {
    for (size_t start = 0; start + piece_bytes <= text.length; start += piece_bytes) {
        uint32_t count = 0;
        cairn_tokens_estimate estimate;
        if (cairn_tokens_count(vocabulary, NULL, text.bytes + start, piece_bytes, &count) != CAIRN_OK ||
            cairn_tokens_estimate_count(vocabulary->splitter, text.bytes + start, piece_bytes, &estimate) != CAIRN_OK)
            exit(2);
        const uint32_t off = estimate.tokens > count ? estimate.tokens - count : count - estimate.tokens;
        const uint32_t bound = estimate.tokens_high - estimate.tokens;
        within += off <= bound;
        within_twice += off <= 2 * bound;
        if (error_count < ERRORS_MAX) errors[error_count++] = (double)off / (count > 0 ? count : 1);
    }
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_errors(const char *name, size_t piece_bytes) {
    if (error_count == 0) return;
    qsort(errors, error_count, sizeof errors[0], compare_doubles);
    printf("%-12s pieces of %6zu bytes: %6zu, median error %4.1f %%, 19 of 20 below %4.1f %%, largest %5.1f %%, "
           "within the bound %5.2f %%, within twice %6.2f %%\n",
        name, piece_bytes, error_count, 100 * errors[error_count / 2], 100 * errors[error_count * 95 / 100],
        100 * errors[error_count - 1], 100.0 * (double)within / (double)error_count,
        100.0 * (double)within_twice / (double)error_count);
    error_count = within = within_twice = 0;
}

int main(int argc, char **argv) {
    static cairn_tokens vocabularies[VOCABULARIES];
    if (argc < 2 + VOCABULARIES + 2) return 2;
    for (int i = 0; i < VOCABULARIES; i += 1) open_vocabulary(argv[2 + i], vocabularies);
    const bool is_table = strcmp(argv[1], "table") == 0;
    const size_t pieces[] = {200, 1000, 4000, 16000};
    for (size_t piece = 0; piece < (is_table ? 1 : sizeof pieces / sizeof pieces[0]); piece += 1) {
        for (int vocabulary = 0; vocabulary < VOCABULARIES; vocabulary += 1) {
            for (int i = 2 + VOCABULARIES + 1; i < argc; i += 1) {
                if ((i % 2 == 0) != is_table) continue;
                const content text = read_file(argv[i], FILE_BYTES_MAX);
                if (text.bytes == NULL) continue;
                if (is_table) add_text(&vocabularies[vocabulary], text);
                else add_errors(&vocabularies[vocabulary], text, pieces[piece]);
                free(text.bytes);
            }
            if (!is_table) print_errors(vocabularies[vocabulary].name, pieces[piece]);
        }
    }
    if (is_table) print_table();
    return 0;
}
