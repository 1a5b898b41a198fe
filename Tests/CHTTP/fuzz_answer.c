/* fuzz_answer.c: an origin that answers anything, in any pieces, and ends in any way.
 *
 * What must hold: a fetch ends once, with on_end or on_fail; on_head comes at most once and first; what is delivered
 * is the body that llhttp reads out of the whole answer in one piece, or, when the fetch fails, a beginning of it; an
 * answer that llhttp finds whole and proper ends with on_end, any other with on_fail; nothing is left open.
 *
 * Input: seed of the cuts, largest piece, a byte that says how the origin ends and what kind of fetch it is, then the
 * answer. */
#include "http_stage.h"

#include <llhttp.h>
#include <strings.h>

#define CALM_TURNS 6  /* turns without a byte after which an origin that stays silent is given up on */
#define NAMES_SURE 31 /* with fewer commas and spaces than this Connection cannot name too much */

enum { ENDS_CLOSING = 0, ENDS_SILENT = 1, ENDS_RESETTING = 2, ENDING_MASK = 3, KIND_MASK = 0x70 };
enum { KIND_HEAD = 16, KIND_POST = 32, KIND_PAUSING = 64 };

static void check(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* ------------------------------------------------------------------------------------ the reading in one piece */

typedef struct reading {
    text body, name, value;
    bool is_head_method, is_whole, has_head;
    unsigned coding_count;
} reading;

static int on_begin(llhttp_t *parser) {
    reading *self = parser->data;
    self->coding_count = 0;
    text_clear(&self->name);
    text_clear(&self->value);
    return 0;
}

static int on_name(llhttp_t *parser, const char *data, size_t length) {
    reading *self = parser->data;
    text_add(&self->name, data, length);
    return 0;
}

static int on_value(llhttp_t *parser, const char *data, size_t length) {
    reading *self = parser->data;
    text_add(&self->value, data, length);
    return 0;
}

static int on_field(llhttp_t *parser) {
    reading *self = parser->data;
    if (!self->has_head && strcasecmp(text_of(&self->name), "transfer-encoding") == 0) {
        while (self->value.length && strchr(" \t", self->value.bytes[self->value.length - 1])) {
            self->value.bytes[--self->value.length] = 0;
        }
        self->coding_count += strcasecmp(text_of(&self->value), "chunked") == 0 ? 1 : 2;
    }
    text_clear(&self->name);
    text_clear(&self->value);
    return 0;
}

static int on_head_complete(llhttp_t *parser) {
    reading *self = parser->data;
    if (parser->http_major != 1 || parser->status_code == 101) return HPE_USER;
    if (parser->status_code < 200) return 0;
    if (self->coding_count > 1) return HPE_USER;
    self->has_head = true;
    return self->is_head_method ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *data, size_t length) {
    reading *self = parser->data;
    if (!self->has_head) return HPE_USER; /* content of an interim answer */
    text_add(&self->body, data, length);
    return 0;
}

static int on_complete(llhttp_t *parser) {
    reading *self = parser->data;
    if (!self->has_head) return 0;
    self->is_whole = true;
    return HPE_PAUSED;
}

/* `ends`: the connection closes in order behind the bytes. */
static void read_answer(reading *self, const char *bytes, size_t length, bool ends) {
    static const llhttp_settings_t settings = {
        .on_message_begin = on_begin, .on_header_field = on_name, .on_header_value = on_value,
        .on_header_value_complete = on_field, .on_headers_complete = on_head_complete, .on_body = on_body,
        .on_message_complete = on_complete};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    parser.data = self;
    llhttp_errno_t error = llhttp_execute(&parser, bytes, length);
    if (error == HPE_OK && ends && self->has_head && !self->is_whole) llhttp_finish(&parser);
}

/* ------------------------------------------------------------------------------------------------------ the origin */

static stage the_stage;
static int listener;
static uint16_t port;

typedef struct visit {
    pieces pieces;
    uint8_t ending, kind;
    int file;
    text asked;
    chttp_origin *origin;
    chttp_fetch *fetch;
    size_t calm, heads, delivered_before;
    bool is_shut, is_paused;
} visit;

static void note_head(stage *self, chttp_fetch *fetch) {
    visit *visit = self->context;
    check(visit->heads++ == 0 && self->answer.length == 0, "the head comes once and first");
}

static void note_data(stage *self, chttp_fetch *fetch) {
    visit *visit = self->context;
    check(visit->heads == 1, "data comes behind the head");
    if (visit->kind != KIND_PAUSING) return;
    chttp_fetch_pause(fetch);
    visit->is_paused = true;
}

static void note_over(stage *self, chttp_fetch *fetch) { ((visit *)self->context)->fetch = NULL; }

static void hang_up(visit *visit) {
    if (visit->file >= 0) raw_reset(visit->file); /* leaves no port behind that waits */
    visit->file = -1;
}

static void visit_goes_on(stage *self) {
    visit *visit = self->context;
    if (visit->is_paused && visit->fetch) chttp_fetch_resume(visit->fetch);
    visit->is_paused = false;
    if (visit->file < 0 && visit->fetch) visit->file = raw_accept(listener);
    if (visit->file < 0) return;
    bool is_closed = raw_receive(visit->file, &visit->asked);
    if (!visit->fetch || is_closed) {
        hang_up(visit);
        return;
    }
    if (!text_has(&visit->asked, "\r\n\r\n")) return;
    size_t at = visit->pieces.at;
    bool is_sent = pieces_send(&visit->pieces, visit->file);
    bool is_calm = at == visit->pieces.at && self->answer.length == visit->delivered_before;
    visit->delivered_before = self->answer.length;
    visit->calm = is_calm ? visit->calm + 1 : 0;
    if (is_sent && visit->ending == ENDS_RESETTING) {
        hang_up(visit);
    } else if (is_sent && visit->ending == ENDS_CLOSING && !visit->is_shut) {
        shutdown(visit->file, SHUT_WR);
        visit->is_shut = true;
    } else if (is_sent && visit->ending == ENDS_SILENT && visit->calm > CALM_TURNS) {
        chttp_fetch_cancel(visit->fetch);
        visit->fetch = NULL;
    }
}

static bool visit_is_over(stage *self) {
    visit *visit = self->context;
    if (visit->fetch || visit->file >= 0) return false;
    if (visit->origin) chttp_origin_free(visit->origin);
    visit->origin = NULL;
    return stage_is_over(self);
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerInitialize(int *count, char ***arguments) {
    stage_init(&the_stage);
    listener = raw_listen(&port);
    the_stage.on_fetch_head = note_head;
    the_stage.on_fetch_data = note_data;
    the_stage.on_fetch_over = note_over;
    the_stage.every_turn = visit_goes_on;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (length < 3) return 0;
    visit visit = {.file = -1, .ending = input[2] & ENDING_MASK, .kind = input[2] & KIND_MASK};
    if (visit.ending == ENDING_MASK) visit.ending = ENDS_CLOSING;
    visit.pieces = (pieces){.bytes = input + 3, .length = length - 3, .size_max = 1 + input[1], .random = input[0]};
    reading reading = {.is_head_method = visit.kind == KIND_HEAD};
    read_answer(&reading, (const char *)input + 3, length - 3, visit.ending == ENDS_CLOSING);

    text_clear(&the_stage.answer);
    text_clear(&the_stage.fetches);
    the_stage.ended = the_stage.failed = 0;
    the_stage.context = &visit;
    visit.origin = stage_origin(&the_stage, port, 1);
    chttp_bytes body = visit.kind == KIND_POST ? (chttp_bytes){"hello", 5} : (chttp_bytes){0};
    visit.fetch = stage_fetch(&the_stage, visit.origin, visit.kind == KIND_HEAD ? "HEAD" : "GET", body);
    check(stage_run(&the_stage, visit_is_over), "everything ends soon");

    size_t over = the_stage.ended + the_stage.failed, delivered = the_stage.answer.length;
    size_t gaps = 0;
    for (size_t i = 3; i < length; i++) gaps += input[i] == ',' || input[i] == ' ' || input[i] == '\t';
    bool may_name_too_much = gaps >= NAMES_SURE;
    check(over == 1 || (visit.ending == ENDS_SILENT && over == 0), "a fetch ends once");
    check(delivered <= reading.body.length && !memcmp(text_of(&the_stage.answer), text_of(&reading.body), delivered),
        "what is delivered is the body");
    if (the_stage.ended) check(reading.is_whole && delivered == reading.body.length, "an answer that ends is whole");
    if (reading.is_whole && visit.ending != ENDS_RESETTING && !may_name_too_much) {
        check(the_stage.ended == 1, "a whole answer ends");
    }
    text_free(&visit.asked);
    text_free(&reading.body);
    text_free(&reading.name);
    text_free(&reading.value);
    return 0;
}
