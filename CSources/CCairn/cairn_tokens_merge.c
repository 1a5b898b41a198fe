/* cairn_tokens_merge.c: the tokens of one pre-token, in linear time however long it is.
 *
 * Byte-pair encoding merges the pair of neighbours of the lowest rank, the leftmost of equals, until none is left.
 * Instead of doing that, the tokens are searched from left to right:
 *
 * 1. A row of tokens is the encoding of its bytes exactly if every two neighbours are the encoding of their own
 *    bytes. For take the first merge across a border between two of them: until then each was merged as by itself, so
 *    the same merge happens when the two are alone. So a row that passes the test of neighbours is the encoding, and
 *    the only one.
 * 2. So every front of an encoding is the encoding of a front, and at each place at most one token can end such a
 *    row: a place from which no token goes on is never part of the result and need not be tried again.
 *
 * The search takes the longest token at a place first, then its ever shorter fronts; when none goes on, it goes back
 * by a token and marks the place. Each place is entered once, and a token has at most 255 fronts: linear. This is the
 * method of H. van Antwerpen and A. Neubeck, "So many tokens, so little time" (GitHub, 2024), whose Rust crate bpe has
 * it.
 *
 * Whether two neighbours are the encoding of their bytes is seen from their merge trees alone. A token's rank is its
 * number here, and its parts have lower ones; so merges happen in the order of rank. Undo them from the last one on:
 * the border's neighbours at a time are a token on the right edge of the left tree and one on the left edge of the
 * right tree. If such two merge, with a rank below that of the merge that next takes one of them away, the border is
 * crossed. Of equal ranks, the left one comes first. */
#include "cairn_tokens_int.h"

enum {
    REMEMBERED = 1024, /* how far back the search can go, in bytes; a power of two */
    MERGED_SHORT = 32,   /* bytes of a pre-token that is merged pair by pair */
    FORWARD_WINDOW = 256 /* above the longest token; a power of two */
};

/* True when `left` and `right` stay two tokens, next to each other. Cost: one look-up a step down the trees. */
static bool are_apart(const cairn_tokens *self, uint32_t left, uint32_t right) {
    for (uint32_t limit = CAIRN_TOKENS_NONE;;) {
        if (cairn_tokens_merged(self, left, right) < limit) return false; /* none is above every limit */
        if (left > right) {
            if (left < 256) return true;
            limit = left;
            left = cairn_tokens_get32(self->splits, 2 * (size_t)left + 1);
        } else {
            if (right < 256) return true;
            limit = right + 1;
            right = cairn_tokens_get32(self->splits, 2 * (size_t)right);
        }
    }
}

/* The longest token at the front of bytes[0 ..< length], length > 0. There is one: every byte is a token. */
static uint32_t longest_token(const cairn_tokens *self, const uint8_t *bytes, size_t length) {
    uint32_t best = self->byte_tokens[bytes[0]], node = best;
    const size_t length_max = length < self->token_bytes_max ? length : self->token_bytes_max;
    for (size_t i = 1; i < length_max; i += 1) {
        node = cairn_tokens_child(self, node, bytes[i]);
        if (node == CAIRN_TOKENS_NONE) break;
        if (node < self->token_count && self->lengths[node] == i + 1) best = node;
    }
    return best;
}

/* Short pre-tokens, nearly all of them, are merged as the definition says: with so few neighbours that is faster. */
static uint32_t merge_short(const cairn_tokens *self, const uint8_t *bytes, uint32_t length, uint32_t *tokens) {
    uint32_t merged[MERGED_SHORT]; /* what token i and the next merge into: its number is its rank, none is last */
    for (uint32_t i = 0; i < length; i += 1) tokens[i] = self->byte_tokens[bytes[i]];
    uint32_t count = length;
    for (uint32_t i = 0; i + 1 < count; i += 1) merged[i] = cairn_tokens_merged(self, tokens[i], tokens[i + 1]);
    while (count > 1) {
        uint32_t best = 0;
        for (uint32_t i = 1; i + 1 < count; i += 1) best = merged[i] < merged[best] ? i : best;
        if (merged[best] == CAIRN_TOKENS_NONE) break;
        tokens[best] = merged[best];
        count -= 1;
        for (uint32_t i = best + 1; i < count; i += 1) {
            tokens[i] = tokens[i + 1];
            merged[i - 1] = merged[i];
        }
        if (best > 0) merged[best - 1] = cairn_tokens_merged(self, tokens[best - 1], tokens[best]);
        if (best + 1 < count) merged[best] = cairn_tokens_merged(self, tokens[best], tokens[best + 1]);
    }
    return count;
}

/* The search. Rings hold what may be needed again: the tokens of the last REMEMBERED places at most, and which of those
 * places are dead. */
typedef struct search {
    size_t position, reach; /* the end of the row; the furthest it has been */
    uint32_t count;         /* tokens in the row */
    uint32_t *tokens;
    uint32_t tokens_mask;   /* all ones when `tokens` has room for all */
    uint64_t dead[REMEMBERED / 64];
} search;

static inline bool is_dead(const search *state, size_t place) {
    return place <= state->reach && (state->dead[place / 64 % (REMEMBERED / 64)] >> place % 64 & 1) != 0;
}

static inline void push(search *state, uint32_t token, size_t end) {
    state->tokens[state->count & state->tokens_mask] = token;
    state->count += 1;
    state->position = end;
    if (end <= state->reach) return;
    for (size_t word = state->reach / 64 + 1; word <= end / 64; word += 1) state->dead[word % (REMEMBERED / 64)] = 0;
    state->reach = end;
}

uint32_t cairn_tokens_merge(const cairn_tokens *self, const uint8_t *bytes, size_t length, uint32_t limit,
    size_t *out_offset, uint32_t *out_tokens) {
    uint32_t ring[REMEMBERED];
    if (length <= MERGED_SHORT) {
        uint32_t *tokens = out_tokens != NULL ? out_tokens : ring;
        const uint32_t count = merge_short(self, bytes, (uint32_t)length, tokens);
        *out_offset = count <= limit ? length : 0;
        for (uint32_t i = 0; i < limit && count > limit; i += 1) *out_offset += self->lengths[tokens[i]];
        return count;
    }
    search state;
    state.position = state.reach = 0;
    state.count = 0;
    state.tokens = out_tokens != NULL ? out_tokens : ring;
    state.tokens_mask = out_tokens != NULL ? UINT32_MAX : REMEMBERED - 1;
    state.dead[0] = 0;

    size_t offset = length;
    uint32_t token = longest_token(self, bytes, length);
    for (;;) {
        const uint32_t before =
            state.count > 0 ? state.tokens[(state.count - 1) & state.tokens_mask] : CAIRN_TOKENS_NONE;
        while (token != CAIRN_TOKENS_NONE && (is_dead(&state, state.position + self->lengths[token]) ||
                                                 (state.count > 0 && !are_apart(self, before, token))))
            token = cairn_tokens_get32(self->shorter, token);
        if (token != CAIRN_TOKENS_NONE) {
            push(&state, token, state.position + self->lengths[token]);
            if (state.count == limit) offset = state.position;
            if (state.position == length) break;
            token = longest_token(self, bytes + state.position, length - state.position);
        } else {
            /* Nothing goes on from here. A row that is empty or no longer remembered cannot be taken back. */
            if (state.count == 0 || state.reach - state.position + 2 * (size_t)UINT8_MAX > REMEMBERED)
                return cairn_tokens_merge_forward(self, bytes, length, limit, out_offset, out_tokens);
            state.dead[state.position / 64 % (REMEMBERED / 64)] |= UINT64_C(1) << state.position % 64;
            state.count -= 1;
            state.position -= self->lengths[before];
            token = cairn_tokens_get32(self->shorter, before);
        }
    }
    if (state.count <= limit) offset = length;
    if (limit == 0) offset = 0;
    *out_offset = offset;
    return state.count;
}

/* Forward only: for each place the one token that ends the encoding of all bytes in front of it, how many tokens that
 * encoding has, and where the first `limit` of them end; kept for as far as a token reaches. */
uint32_t cairn_tokens_merge_forward(const cairn_tokens *self, const uint8_t *bytes, size_t length, uint32_t limit,
    size_t *out_offset, uint32_t *out_tokens) {
    struct {
        uint32_t token, count;
        size_t offset;
    } places[FORWARD_WINDOW], here = {CAIRN_TOKENS_NONE, 0, 0};
    for (size_t i = 0; i < FORWARD_WINDOW; i += 1) places[i].token = CAIRN_TOKENS_NONE;

    for (size_t position = 0; position < length; position += 1) {
        if (position > 0) {
            here = places[position % FORWARD_WINDOW];
            places[position % FORWARD_WINDOW].token = CAIRN_TOKENS_NONE;
            if (out_tokens != NULL) out_tokens[position - 1] = here.token;
            if (here.token == CAIRN_TOKENS_NONE) continue;
        }
        uint32_t node = self->token_count; /* the root */
        for (size_t end = position + 1; end <= length && end - position <= self->token_bytes_max; end += 1) {
            node = cairn_tokens_child(self, node, bytes[end - 1]);
            if (node == CAIRN_TOKENS_NONE) break;
            if (node >= self->token_count || self->lengths[node] != end - position) continue;
            if (position > 0 && !are_apart(self, here.token, node)) continue;
            places[end % FORWARD_WINDOW].token = node;
            places[end % FORWARD_WINDOW].count = here.count + 1;
            places[end % FORWARD_WINDOW].offset = here.count < limit ? end : here.offset;
        }
    }
    const uint32_t last = places[length % FORWARD_WINDOW].token;
    if (last == CAIRN_TOKENS_NONE) { /* only a damaged vocabulary's merges can contradict each other like this */
        *out_offset = length < limit ? length : limit;
        for (size_t i = 0; out_tokens != NULL && i < length; i += 1) out_tokens[i] = self->byte_tokens[bytes[i]];
        return (uint32_t)length;
    }
    const uint32_t count = places[length % FORWARD_WINDOW].count;
    *out_offset = count > limit ? places[length % FORWARD_WINDOW].offset : length;
    if (out_tokens != NULL) {
        /* The tokens that ended each place become the row of the last one, from its end on. */
        out_tokens[length - 1] = last;
        size_t write = length;
        for (size_t end = length; end > 0;) {
            const uint32_t token = out_tokens[end - 1];
            out_tokens[write -= 1] = token;
            end -= self->lengths[token];
        }
        memmove(out_tokens, out_tokens + write, count * sizeof *out_tokens);
    }
    return count;
}
