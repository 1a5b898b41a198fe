/* cairn_tokens_block_avx2.c: where pre-tokens start in 64 bytes of ASCII text, for processors with AVX2.
 *
 * Each class of characters becomes a 64-bit mask, one bit a byte; the rules of cairn_tokens_pretoken.c then become a
 * few operations on whole masks, because for ASCII each start depends on at most one character behind it, but for three
 * things: groups of three digits and contractions, which are rare and looped over, and white space, which must be seen
 * to its end. What a block cannot tell for certain is left out: the last starts of the block are then not reported,
 * and the portable splitter takes over if nothing is. */
#include "cairn_tokens_int.h"

#if CAIRN_BYTES_HAS_AVX2
#include "cairn_bytes_block.h"

/* The classes of 64 bytes. */
typedef struct classes {
    uint64_t letter, upper, digit, space, tab, newline, other, apostrophe, slash;
    uint32_t ascii_count; /* bytes in front of the first one that is not ASCII (for DeepSeek: or a control) */
} classes;

/* Bytes in [first, first + count), by a signed comparison behind a shift of the range to the lowest numbers. */
CAIRN_WITH_AVX2 static inline __m256i in_range(__m256i bytes, uint8_t first, uint8_t count) {
    const __m256i shifted = _mm256_sub_epi8(bytes, _mm256_set1_epi8((char)(first + 128)));
    return _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(count - 128)), shifted);
}

CAIRN_WITH_AVX2 static inline uint64_t block_in_range(cairn_bytes_block text, uint8_t first, uint8_t count) {
    return cairn_bytes_block_high(
        (cairn_bytes_block){in_range(text.low, first, count), in_range(text.high, first, count)});
}

CAIRN_WITH_AVX2 static inline classes classes_of(const uint8_t *bytes, cairn_tokens_splitter splitter) {
    const cairn_bytes_block text = cairn_bytes_block_at(bytes);
    classes all;
    all.letter = block_in_range(cairn_bytes_block_folded(text), 'a', 26);
    all.upper = splitter == CAIRN_TOKENS_O200K ? block_in_range(text, 'A', 26) : 0;
    all.digit = block_in_range(text, '0', 10);
    all.space = cairn_bytes_block_equal(text, ' ');
    all.newline = cairn_bytes_block_equal(text, '\n') | cairn_bytes_block_equal(text, '\r');
    all.tab = block_in_range(text, '\t', 5) & ~all.newline;
    all.apostrophe = splitter == CAIRN_TOKENS_DEEPSEEK ? 0 : cairn_bytes_block_equal(text, '\'');
    all.slash = splitter == CAIRN_TOKENS_O200K ? cairn_bytes_block_equal(text, '/') : 0;
    all.other = ~(all.letter | all.digit | all.space | all.newline | all.tab);
    uint64_t foreign = cairn_bytes_block_high(text);
    if (splitter == CAIRN_TOKENS_DEEPSEEK)
        foreign |= all.other & (block_in_range(text, 0, ' ') | cairn_bytes_block_equal(text, 0x7F));
    all.ascii_count = foreign == 0 ? 64 : (uint32_t)__builtin_ctzll(foreign);
    return all;
}

/* The bits below `count`, which is at most 64. */
static inline uint64_t below(uint32_t count) {
    return count >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

/* The newlines (and, for o200k, slashes mixed with them) that belong to the symbols in front of them. */
static inline uint64_t absorbed_by_symbols(const classes *all) {
    const uint64_t run = all->newline | all->slash;
    uint64_t seeds = all->newline & all->other << 1, absorbed = 0;
    if ((seeds & all->slash << 1) == 0) return run & ~(run + seeds); /* adding the seed clears the rest of its run */
    while (seeds != 0) {
        absorbed |= run & ~(run + (seeds & (0 - seeds)));
        seeds &= ~absorbed;
    }
    return absorbed;
}

/* The length of '(?i:s|t|d|m|ll|re|ve) at `bytes`, of which three may be read; 0 if there is none. */
static inline uint32_t ascii_contraction(const uint8_t *bytes) {
    const uint8_t first = bytes[1] | 0x20, second = bytes[2] | 0x20;
    if (first == 's' || first == 't' || first == 'd' || first == 'm') return 2;
    if (first == 'l' && second == 'l') return 3;
    return (first == 'r' || first == 'v') && second == 'e' ? 3 : 0;
}

/* Bit i of the result: a pre-token starts at bytes[i]. bytes[0] is a start, as is known; 64 bytes are read. No bit
 * above the highest one reported is known, all below it are. */
CAIRN_WITH_AVX2 static inline uint64_t starts_of(const uint8_t *bytes, cairn_tokens_splitter splitter) {
    classes all = classes_of(bytes, splitter);
    uint32_t certain = all.ascii_count; /* starts are known below this */
    if (certain < 2) return 1;
    const uint64_t ascii = below(certain);

    /* White space that symbols do not take: its start, what follows its last newline, and its last character. A run
     * with white space in front of a newline is left to the portable splitter, as is one that goes on behind the
     * block. */
    const uint64_t absorbed = absorbed_by_symbols(&all);
    const uint64_t other = all.other & ~absorbed;
    const uint64_t blank = all.space | all.tab;
    const uint64_t white = (blank | all.newline) & ~absorbed;
    const uint64_t white_starts = white & ~(white << 1);
    const uint64_t newline_behind_blank = all.newline & blank << 1 & ascii;
    if (newline_behind_blank != 0) certain = (uint32_t)__builtin_ctzll(newline_behind_blank);
    if ((white >> (certain - 1) & 1) != 0 || newline_behind_blank != 0) {
        certain = 64 - (uint32_t)__builtin_clzll(white_starts & below(certain)); /* the run's start is there */
    }
    uint64_t last_whites = white & ~(white >> 1) & ~all.newline;
    if (splitter == CAIRN_TOKENS_DEEPSEEK) last_whites &= ~(all.digit >> 1);

    /* Symbols start unless behind a symbol or a space; one alone that starts takes the letters behind it along. */
    const uint64_t other_starts = other & ~(other << 1) & ~(all.space << 1);
    const uint64_t takers = blank | (other_starts & ~(other >> 1));
    uint64_t letter_starts = all.letter & ~(all.letter << 1) & ~(takers << 1);
    if (splitter == CAIRN_TOKENS_O200K) letter_starts |= all.upper & (all.letter & ~all.upper) << 1;

    uint64_t digit_starts = all.digit & ~(all.digit << 1);
    const uint64_t three_digits_behind = all.digit & all.digit << 1 & all.digit << 2 & all.digit << 3;
    for (uint64_t group = digit_starts; (group = group << 3 & three_digits_behind) != 0;) digit_starts |= group;

    const uint64_t whites = white_starts | (blank & all.newline << 1) | last_whites;
    uint64_t starts = whites | other_starts | letter_starts | digit_starts;

    /* Contractions: cl100k has them where a pre-token starts, o200k behind a word, that is not one itself. */
    uint64_t quotes = all.apostrophe;
    quotes &= splitter == CAIRN_TOKENS_O200K ? all.letter << 1 : other_starts & all.letter >> 1;
    for (uint32_t end_before = UINT32_MAX; quotes != 0; quotes &= quotes - 1) {
        const uint32_t quote = (uint32_t)__builtin_ctzll(quotes);
        if (quote + 3 > certain) {
            certain = quote < certain ? quote : certain;
            break;
        }
        const uint32_t length = quote == end_before ? 0 : ascii_contraction(bytes + quote);
        if (length == 0) continue;
        const uint64_t inside = splitter == CAIRN_TOKENS_O200K ? below(length) : below(length) - 1;
        starts &= ~(inside << quote);
        if (splitter == CAIRN_TOKENS_O200K) end_before = quote + length;
        if (quote + length < 64) starts |= UINT64_C(1) << (quote + length);
    }
    return (starts & below(certain)) | 1;
}

CAIRN_WITH_AVX2 uint64_t cairn_tokens_block_starts_avx2(const uint8_t *bytes, cairn_tokens_splitter splitter) {
    switch (splitter) {
    case CAIRN_TOKENS_CL100K: return starts_of(bytes, CAIRN_TOKENS_CL100K);
    case CAIRN_TOKENS_O200K: return starts_of(bytes, CAIRN_TOKENS_O200K);
    default: return starts_of(bytes, CAIRN_TOKENS_DEEPSEEK);
    }
}

/* The number of tokens of a short pre-token, of which 16 bytes may be read. */
CAIRN_WITH_AVX2 static inline uint32_t count_short(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *bytes, size_t length) {
    const cairn_tokens_key key = cairn_tokens_key_of(bytes, length, 16);
    if (cache == NULL) return cairn_tokens_count_new(self, NULL, bytes, key);
    uint64_t(*row)[2] = cairn_tokens_cache_row(cache, key);
    const long long low = (long long)key.low, high = (long long)key.high;
    const __m256i wanted = _mm256_set_epi64x(high, low, high, low);
    const long long mask = (long long)~CAIRN_TOKENS_COUNT_MASK;
    const __m256i masks = _mm256_set_epi64x(mask, -1, mask, -1);
    const __m256i first = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(const void *)row[0]), masks);
    const __m256i second = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(const void *)row[2]), masks);
    const uint32_t halves =
        (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(first, wanted))) |
        (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(second, wanted))) << 4;
    const uint32_t found = halves & halves >> 1 & 0x55; /* both halves of an entry equal the key's */
    if (found == 0) return cairn_tokens_count_new(self, row, bytes, key);
    return (uint32_t)(row[(uint32_t)__builtin_ctz(found) / 2][1] >> CAIRN_TOKENS_COUNT_SHIFT);
}

CAIRN_WITH_AVX2 static inline uint32_t count_blocks(const cairn_tokens *self, cairn_tokens_cache *cache,
    const uint8_t *text, size_t end, size_t *position, cairn_tokens_splitter splitter) {
    uint32_t count = 0;
    size_t start = *position;
    while (end - start >= CAIRN_TOKENS_BLOCK + 16) { /* 16: of the last key */
        const uint8_t *bytes = text + start;
        if ((bytes[0] | bytes[1]) >= 0x80) break;
        uint64_t ends = starts_of(bytes, splitter) & ~UINT64_C(1);
        if (ends == 0) break;
        size_t from = 0;
        for (; ends != 0; ends &= ends - 1) {
            const size_t to = (size_t)__builtin_ctzll(ends);
            count += to - from <= CAIRN_TOKENS_SHORT_BYTES
                         ? count_short(self, cache, bytes + from, to - from)
                         : cairn_tokens_count_long(self, cache, bytes + from, to - from);
            from = to;
        }
        start += from;
    }
    *position = start;
    return count;
}

CAIRN_WITH_AVX2 uint32_t cairn_tokens_count_blocks_avx2(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text, size_t end, size_t *position) {
    switch (self->splitter) {
    case CAIRN_TOKENS_CL100K: return count_blocks(self, cache, text, end, position, CAIRN_TOKENS_CL100K);
    case CAIRN_TOKENS_O200K: return count_blocks(self, cache, text, end, position, CAIRN_TOKENS_O200K);
    default: return count_blocks(self, cache, text, end, position, CAIRN_TOKENS_DEEPSEEK);
    }
}
#endif
