/* fuzz_server.c: a client that sends anything, in any pieces, and leaves in any way.
 *
 * What must hold: every call that was announced is closed once; call number i is the i-th message that llhttp reads out
 * of the whole input in one piece (method, target, body), and there are no others; a client that waits sees the same
 * calls and refusals however its bytes were cut, and reads exactly one answer for each; nothing is left open.
 *
 * Input: seed of the cuts, largest piece, how the client leaves, then the bytes. Handlers are chosen by the target:
 * /early /quit (both in on_head), /later /chunk /big /abort /raw /close; all others echo the body. */
#include "http_stage.h"

#include <llhttp.h>

#define CALM_TURNS 4 /* turns without any event after which nothing more will happen */
#define CALLS_MAX 512

typedef enum leaving { LEAVES_AFTERWARDS, LEAVES_HALF, LEAVES_AT_ONCE, LEAVES_HALFWAY, LEAVING_COUNT } leaving;

static void check(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* ------------------------------------------------------------------------------------ the reading in one piece */

typedef struct message {
    text target, body;
    uint8_t method;
    bool is_whole;
} message;

typedef struct messages {
    message list[CALLS_MAX];
    size_t count;
    bool is_answers; /* the other direction: only count */
    const struct messages *requests;
    size_t final_count; /* answers that are not interim */
} messages;

static int on_begin(llhttp_t *parser) {
    messages *all = parser->data;
    if (all->count == CALLS_MAX) return HPE_USER;
    all->list[all->count++] = (message){0};
    return 0;
}

static message *last_of(llhttp_t *parser) {
    messages *all = parser->data;
    return &all->list[all->count - 1];
}

static int on_target(llhttp_t *parser, const char *data, size_t length) {
    text_add(&last_of(parser)->target, data, length);
    return 0;
}

static int on_head_complete(llhttp_t *parser) {
    messages *all = parser->data;
    last_of(parser)->method = parser->method;
    if (!all->is_answers || parser->status_code < 200) return 0;
    size_t number = all->final_count;
    return number < all->requests->count && all->requests->list[number].method == HTTP_HEAD ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *data, size_t length) {
    text_add(&last_of(parser)->body, data, length);
    return 0;
}

static int on_complete(llhttp_t *parser) {
    messages *all = parser->data;
    last_of(parser)->is_whole = true;
    if (all->is_answers && parser->status_code >= 200) all->final_count++;
    return 0;
}

static llhttp_errno_t read_messages(messages *all, llhttp_type_t type, const char *bytes, size_t length) {
    static const llhttp_settings_t settings = {
        .on_message_begin = on_begin, .on_url = on_target, .on_headers_complete = on_head_complete, .on_body = on_body,
        .on_message_complete = on_complete};
    llhttp_t parser;
    llhttp_init(&parser, type, &settings);
    parser.data = all;
    llhttp_errno_t error = llhttp_execute(&parser, bytes, length);
    while (error == HPE_PAUSED_UPGRADE) { /* we do not upgrade: what follows is the next request */
        const char *at = llhttp_get_error_pos(&parser);
        llhttp_resume_after_upgrade(&parser);
        error = llhttp_execute(&parser, at, length - (size_t)(at - bytes));
    }
    if (error == HPE_OK && type == HTTP_RESPONSE) error = llhttp_finish(&parser);
    return error;
}

static void forget_messages(messages *all) {
    for (size_t i = 0; i < all->count; i++) {
        text_free(&all->list[i].target);
        text_free(&all->list[i].body);
    }
    all->count = all->final_count = 0;
}

/* ------------------------------------------------------------------------------------------------------ the server */

static stage the_stage;
static struct sockaddr_un address;
static socklen_t address_length;
static messages requests;

static chttp_call *later, *big;
static size_t announced_index, big_left;
static size_t events; /* of any kind, to notice calm */
static bool is_spoilt; /* a handler broke the answer on purpose */
static text trace;

static bool is_for(chttp_call *call, const char *target) {
    chttp_bytes bytes = chttp_call_target(call);
    return bytes.length == strlen(target) && memcmp(bytes.data, target, bytes.length) == 0;
}

static void go_on_with_big(void) {
    static const char piece[8192] = "big";
    while (big && big_left) {
        big_left--;
        if (!chttp_call_write(big, piece, sizeof piece)) return;
    }
    if (big) chttp_call_end(big);
    big = NULL;
}

static void handle_head(void *context, chttp_call *call) {
    events++;
    check(announced_index < requests.count, "a call was announced that llhttp does not see");
    const message *message = &requests.list[announced_index++];
    chttp_bytes target = chttp_call_target(call), method = chttp_call_method(call);
    const char *method_name = llhttp_method_name((llhttp_method_t)message->method);
    check(target.length == message->target.length && !memcmp(target.data, text_of(&message->target), target.length),
        "the call's target is the message's");
    check(method.length == strlen(method_name) && !memcmp(method.data, method_name, method.length),
        "the call's method is the message's");
    text_say(&trace, "head %zu\n", announced_index);
    the_stage.announced++;
    if (is_for(call, "/early")) stage_answer(call, 403, "early");
    if (is_for(call, "/quit")) chttp_call_abort(call);
}

static void handle_request(void *context, chttp_call *call) {
    events++;
    const message *message = &requests.list[announced_index - 1];
    chttp_bytes body = chttp_call_body(call);
    check(message->is_whole, "llhttp sees the whole request too");
    const char *data = body.data ? body.data : "";
    check(body.length == message->body.length && !memcmp(data, text_of(&message->body), body.length),
        "the call's body is the message's");
    text_say(&trace, "request %zu\n", body.length);

    chttp_answer answer = {.status = 200, .content_length = -1};
    if (is_for(call, "/later")) {
        later = call;
    } else if (is_for(call, "/chunk")) {
        chttp_call_start(call, &answer);
        for (int i = 0; i < 3; i++) chttp_call_write(call, "piece", 5);
        chttp_call_end(call);
    } else if (is_for(call, "/big")) {
        big = call;
        big_left = 40;
        chttp_call_start(call, &answer);
        go_on_with_big();
    } else if (is_for(call, "/abort")) {
        chttp_call_start(call, &answer);
        chttp_call_write(call, "half", 4);
        chttp_call_abort(call);
    } else if (is_for(call, "/raw")) {
        is_spoilt = true;
        chttp_call_write_raw(call, "HTTP/1.1 200 OK\r\ncontent-length: x\r\n", 36);
        chttp_call_end(call);
    } else {
        if (is_for(call, "/close")) chttp_call_close_after(call);
        chttp_call_answer(call, &answer, body);
    }
}

static uint16_t handle_refused(
    void *context, chttp_refusal reason, chttp_bytes target, chttp_bytes *out_fields, chttp_bytes *out_body) {
    events++;
    text_say(&trace, "refused\n"); /* not why: of two faults in one head the cutting decides which is met first */
    return stage_on_refused(context, reason, target, out_fields, out_body);
}

static void handle_drained(void *context, chttp_call *call) {
    events++;
    check(call == big, "only who was told to wait is told to go on");
    go_on_with_big();
}

static void handle_closed(void *context, chttp_call *call, chttp_call_outcome outcome) {
    events++;
    text_say(&trace, "closed %d\n", (int)outcome);
    the_stage.closed++;
    if (call == later) later = NULL;
    if (call == big) big = NULL;
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerInitialize(int *count, char ***arguments) {
    stage_init(&the_stage);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    check(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0, "the kernel names a socket");
    address_length = sizeof address;
    check(getsockname(listener, (struct sockaddr *)&address, &address_length) == 0, "it has a name");
    chttp_server_options options = stage_server_options(&the_stage);
    options.listen_fd = listener;
    options.head_bytes_max = 1024;
    options.body_bytes_max = 512;
    options.callbacks = (chttp_server_callbacks){
        &the_stage, handle_head, handle_request, handle_refused, handle_drained, handle_closed};
    stage_serve(&the_stage, &options);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------ the client */

typedef struct visit {
    pieces pieces;
    leaving leaving;
    int file;
    text received;
    size_t calm, events_before, received_before;
    bool is_accepted, is_shut;
} visit;

static void leave(visit *visit) {
    if (visit->file >= 0) close(visit->file);
    visit->file = -1;
}

static void visit_goes_on(stage *self) {
    visit *visit = self->context;
    if (later) {
        stage_answer(later, 200, "later");
        later = NULL;
        events++;
    }
    visit->is_accepted |= chttp_loop_counts(self->loop).downstream_open > 0;
    if (visit->file < 0 || !visit->is_accepted) return;
    size_t at = visit->pieces.at;
    bool is_sent = pieces_send(&visit->pieces, visit->file);
    if (visit->leaving == LEAVES_HALFWAY && visit->pieces.at >= visit->pieces.length / 2) is_sent = true;
    bool is_closed = raw_receive(visit->file, &visit->received);
    bool is_calm = events == visit->events_before && visit->received.length == visit->received_before
        && at == visit->pieces.at;
    visit->events_before = events;
    visit->received_before = visit->received.length;
    visit->calm = is_calm ? visit->calm + 1 : 0;

    if (is_sent && visit->leaving == LEAVES_HALF && !visit->is_shut) {
        shutdown(visit->file, SHUT_WR);
        visit->is_shut = true;
    }
    bool leaves_now = is_sent && (visit->leaving == LEAVES_AT_ONCE || visit->leaving == LEAVES_HALFWAY);
    if (leaves_now || is_closed || visit->calm > CALM_TURNS) leave(visit);
}

static bool visit_is_over(stage *self) {
    visit *visit = self->context;
    return visit->file < 0 && stage_is_over(self);
}

static void make_visit(visit *visit, const uint8_t *bytes, size_t length, uint8_t seed, size_t size_max) {
    visit->pieces = (pieces){.bytes = bytes, .length = length, .size_max = size_max, .random = seed};
    visit->file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(connect(visit->file, (struct sockaddr *)&address, address_length) == 0, "there is a listener");
    announced_index = the_stage.announced = the_stage.closed = 0;
    is_spoilt = false;
    text_clear(&trace);
    the_stage.context = visit;
    the_stage.every_turn = visit_goes_on;
    check(stage_run(&the_stage, visit_is_over), "everything ends soon");
    check(the_stage.announced == the_stage.closed, "every announced call is closed once");
    check(chttp_loop_counts(the_stage.loop).downstream_calls == 0, "no call is left");
}

/* A client that waited reads one answer for each call that was answered, and at most one refusal. */
static void check_answers(const visit *visit) {
    static messages answers;
    answers.is_answers = true;
    answers.requests = &requests;
    size_t answered = text_count(&trace, "closed 0\n"), refused = text_count(&trace, "refused");
    llhttp_errno_t error = read_messages(&answers, HTTP_RESPONSE, text_of(&visit->received), visit->received.length);
    if (text_count(&trace, "closed 2\n") == 0 && refused == 0) check(error == HPE_OK, "the answers are HTTP");
    check(answers.final_count >= answered, "each answered call has its answer");
    check(answers.final_count <= answered + refused, "there is no answer too many");
    forget_messages(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (length < 3) return 0;
    leaving leaving = input[2] % LEAVING_COUNT;
    read_messages(&requests, HTTP_REQUEST, (const char *)input + 3, length - 3);

    visit cut = {.leaving = leaving};
    make_visit(&cut, input + 3, length - 3, input[0], 1 + input[1]);
    if (leaving == LEAVES_AFTERWARDS) {
        if (!is_spoilt) check_answers(&cut);
        text cut_trace = trace;
        trace = (text){0};
        visit whole = {.leaving = leaving};
        make_visit(&whole, input + 3, length - 3, 0, 0);
        check(!strcmp(text_of(&trace), text_of(&cut_trace)), "any cutting makes the same calls");
        text_free(&cut_trace);
        text_free(&whole.received);
    }
    text_free(&cut.received);
    forget_messages(&requests);
    return 0;
}
