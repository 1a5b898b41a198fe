/* test_http_fetch.c: the calling side where a test at the Swift door cannot reach: what is cancelled or freed inside a
 * callback, what arrives in the same packet, and what the loop does between two of its own steps. */
#include "http_stage.h"
#include "tap.h"

/* The origin: accepts connections one after another and answers each whole request head with the next answer. */
typedef struct origin_side {
    int listener;
    uint16_t port;
    int files[8];
    size_t count;
    text received[8];
    const char *answers[8]; /* NULL: stays silent */
    size_t answered;
    bool closes_after_answer;
    chttp_origin *origin;
    chttp_fetch *fetch;
    size_t sent_at_end; /* chttp_fetch_sent_at inside the terminal callback */
    uint64_t began;
} origin_side;

static origin_side *side_of(stage *self) { return self->context; }

static void side_serves(stage *self) {
    origin_side *side = side_of(self);
    int file = side->listener >= 0 && side->count < 8 ? raw_accept(side->listener) : -1;
    if (file >= 0) side->files[side->count++] = file;
    for (size_t i = 0; i < side->count; i++) {
        if (side->files[i] < 0) continue;
        if (raw_receive(side->files[i], &side->received[i])) {
            close(side->files[i]);
            side->files[i] = -1;
            continue;
        }
        const char *answer = side->answered < 8 ? side->answers[side->answered] : NULL;
        if (!answer || !text_has(&side->received[i], "\r\n\r\n")) continue;
        text_clear(&side->received[i]);
        side->answered++;
        raw_send(side->files[i], answer);
        if (!side->closes_after_answer) continue;
        close(side->files[i]);
        side->files[i] = -1;
    }
}

static void begin(stage *self, origin_side *side, uint32_t connections_max) {
    *side = (origin_side){0};
    stage_init(self);
    side->listener = raw_listen(&side->port);
    side->origin = stage_origin(self, side->port, connections_max);
    self->context = side;
    self->every_turn = side_serves;
}

static void finish(stage *self, origin_side *side) {
    if (side->origin) chttp_origin_free(side->origin);
    stage_deinit(self);
    if (side->listener >= 0) close(side->listener);
    for (size_t i = 0; i < side->count; i++) {
        if (side->files[i] >= 0) close(side->files[i]);
        text_free(&side->received[i]);
    }
}

static chttp_fetch *get(stage *self) { return stage_fetch(self, side_of(self)->origin, "GET", (chttp_bytes){0}); }

static bool one_is_over(stage *self) { return self->ended + self->failed == 1; }
static bool two_are_over(stage *self) { return self->ended + self->failed == 2; }
static bool three_are_over(stage *self) { return self->ended + self->failed == 3; }
static bool nothing_is_open(stage *self) { return stage_is_over(self); }

#define OK_2 "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"

/* ---------------------------------------------------------------------------------------------------------- waiting */

static void test_waiting_fetches_go_on_when_connections_close(void) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 1);
    for (int i = 0; i < 3; i++) side.answers[i] = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";

    for (int i = 0; i < 3; i++) CHECK(get(&stage) != NULL);

    CHECK(stage_run(&stage, three_are_over));
    CHECK(stage.ended == 3 && strcmp(text_of(&stage.answer), "hihihi") == 0);
    finish(&stage, &side);
}

static bool has_one_connection(stage *self) { return side_of(self)->count == 1; }

static void test_a_waiting_fetch_goes_on_when_the_one_before_is_cancelled(void) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 1);
    chttp_fetch *first = get(&stage);
    CHECK(get(&stage) != NULL);
    CHECK(stage_run(&stage, has_one_connection));

    chttp_fetch_cancel(first);
    side.answers[0] = OK_2 "hi";

    CHECK(stage_run(&stage, one_is_over));
    CHECK(stage.ended == 1);
    finish(&stage, &side);
}

/* ------------------------------------------------------------------------------------------------ inside a callback */

static void cancel(stage *self, chttp_fetch *fetch) { chttp_fetch_cancel(fetch); }

static void free_origin(stage *self, chttp_fetch *fetch) {
    chttp_origin_free(side_of(self)->origin);
    side_of(self)->origin = NULL;
}

static const char *const chunked_answer =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-trailer: yes\r\n\r\n";
static const char *const empty_chunked_answer =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-trailer: yes\r\n\r\n";

typedef void (*fetch_action)(stage *self, chttp_fetch *fetch);

static void check_action(const char *answer, fetch_action on_head, fetch_action on_data) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 4);
    side.answers[0] = answer;
    stage.on_fetch_head = on_head;
    stage.on_fetch_data = on_data;

    CHECK(get(&stage) != NULL);
    CHECK(stage_run(&stage, has_one_connection));

    CHECK(stage_run(&stage, nothing_is_open));
    CHECK(stage.ended == 0 && stage.failed == 0);
    CHECK(strcmp(text_of(&stage.fetches), "head 200\n") == 0);
    finish(&stage, &side);
}

static void test_a_fetch_cancelled_inside_on_head_is_silent_whatever_follows(void) {
    check_action(chunked_answer, cancel, NULL);
    check_action(empty_chunked_answer, cancel, NULL);
    check_action(OK_2 "hi", cancel, NULL);
}

static void test_a_fetch_cancelled_inside_on_data_is_silent(void) {
    check_action(chunked_answer, NULL, cancel);
    check_action(OK_2 "hi", NULL, cancel);
}

static void test_an_origin_freed_inside_a_callback_is_silent(void) {
    check_action(chunked_answer, free_origin, NULL);
    check_action(empty_chunked_answer, free_origin, NULL);
    check_action(chunked_answer, NULL, free_origin);
}

static void test_an_origin_freed_inside_on_end_goes(void) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 4);
    side.answers[0] = OK_2 "hi";
    stage.on_fetch_over = free_origin;

    CHECK(get(&stage) != NULL);

    CHECK(stage_run(&stage, one_is_over));
    CHECK(stage_run(&stage, nothing_is_open));
    CHECK(stage.ended == 1);
    finish(&stage, &side);
}

/* -------------------------------------------------------------------------------------------------- failing at once */

static void test_an_origin_freed_with_fetches_about_to_fail_is_silent(void) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 0); /* no connection allowed, 16 may wait, the rest fail in the next turn */
    for (int i = 0; i < 20; i++) CHECK(get(&stage) != NULL);

    chttp_origin_free(side.origin);
    side.origin = NULL;

    CHECK(stage_run(&stage, nothing_is_open));
    CHECK(stage.failed == 0);
    finish(&stage, &side);
}

static void try_again(stage *self, chttp_fetch *fetch) {
    if (self->failed < 100000) get(self);
}

static bool has_failed_a_few_times(stage *self) { return self->failed >= 3; }

static void test_a_fetch_that_is_tried_again_at_once_leaves_the_loop_its_turns(void) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 0);
    stage.on_fetch_over = try_again;
    for (int i = 0; i < 17; i++) CHECK(get(&stage) != NULL);

    CHECK(stage_run(&stage, has_failed_a_few_times));
    CHECK(stage.failed < 100);
    finish(&stage, &side);
}

/* ---------------------------------------------------------------------------------------------- answers as they are */

static void check_malformed(const char *answer) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 4);
    side.answers[0] = answer;
    side.closes_after_answer = true;

    CHECK(get(&stage) != NULL);

    CHECK(stage_run(&stage, one_is_over));
    CHECK(strcmp(text_of(&stage.fetches), "fail 9\n") == 0);
    CHECK(stage.answer.length == 0);
    finish(&stage, &side);
}

static void test_an_interim_answer_with_content_is_malformed(void) {
    check_malformed("HTTP/1.1 110 Odd\r\ncontent-length: 2\r\n\r\nhi" OK_2 "hi");
}

static void test_a_coding_that_nobody_asked_for_is_malformed(void) {
    check_malformed("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhi");
    check_malformed("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    check_malformed("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
}

static void test_an_answer_whose_connection_field_names_a_thousand_is_malformed(void) {
    text answer = {0};
    text_say(&answer, "HTTP/1.1 200 OK\r\nconnection: ");
    for (int i = 0; i < 1000; i++) text_say(&answer, "x%d,", i);
    text_say(&answer, "y\r\ncontent-length: 0\r\n\r\n");
    check_malformed(answer.bytes);
    text_free(&answer);
}

static bool has_waited(stage *self) { return chttp_now_nanoseconds() - side_of(self)->began > 20000000; }

static void test_a_fetch_paused_before_it_is_sent_delivers_nothing(void) {
    stage stage;
    origin_side side;
    begin(&stage, &side, 4);
    side.answers[0] = OK_2 "hi";

    chttp_fetch *fetch = get(&stage);
    chttp_fetch_pause(fetch);
    CHECK(stage_run(&stage, has_one_connection));
    side.began = chttp_now_nanoseconds();
    CHECK(stage_run(&stage, has_waited));
    CHECK(side.answered == 1 && stage.fetches.length == 0);
    chttp_fetch_resume(fetch);

    CHECK(stage_run(&stage, one_is_over));
    CHECK(strcmp(text_of(&stage.fetches), "head 200\nend\n") == 0);
    finish(&stage, &side);
}

/* --------------------------------------------------------------------------------- a connection that has gone stale */

/* A posted job runs when the loop has gathered events and not yet written anything: an idle connection that the origin
 * closes or speaks on in that moment has been taken, but nothing was sent on it. */
static void get_posted(void *context) { side_of(context)->fetch = get(context); }

static void make_one_idle(stage *stage, origin_side *side) {
    begin(stage, side, 4);
    side->answers[0] = OK_2 "hi";
    CHECK(get(stage) != NULL);
    CHECK(stage_run(stage, one_is_over));
    CHECK(chttp_loop_counts(stage->loop).upstream_idle == 1);
}

static void test_what_an_idle_connection_says_is_nobodys_answer(void) {
    stage stage;
    origin_side side;
    make_one_idle(&stage, &side);
    side.answers[1] = OK_2 "yo";

    chttp_loop_post(stage.loop, get_posted, &stage);
    raw_send(side.files[0], "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno");

    CHECK(stage_run(&stage, two_are_over));
    CHECK(strcmp(text_of(&stage.answer), "hiyo") == 0);
    CHECK(side.count == 2);
    finish(&stage, &side);
}

static void test_a_connection_that_closed_unused_is_replaced(void) {
    stage stage;
    origin_side side;
    make_one_idle(&stage, &side);
    side.answers[1] = OK_2 "yo";

    chttp_loop_post(stage.loop, get_posted, &stage);
    close(side.files[0]);
    side.files[0] = -1;

    CHECK(stage_run(&stage, two_are_over));
    CHECK(strcmp(text_of(&stage.answer), "hiyo") == 0);
    finish(&stage, &side);
}

static void note_sent(stage *self, chttp_fetch *fetch) {
    side_of(self)->sent_at_end = chttp_fetch_sent_at(fetch) + chttp_fetch_was_sent(fetch);
}

static void test_a_replaced_request_that_finds_nobody_was_never_sent(void) {
    stage stage;
    origin_side side;
    make_one_idle(&stage, &side);
    side.sent_at_end = 1;
    stage.on_fetch_over = note_sent;

    chttp_loop_post(stage.loop, get_posted, &stage);
    close(side.files[0]);
    side.files[0] = -1;
    close(side.listener);
    side.listener = -1;

    CHECK(stage_run(&stage, two_are_over));
    CHECK(stage.failed == 1 && stage.failure == CHTTP_FAILED_REFUSED);
    CHECK(side.sent_at_end == 0);
    finish(&stage, &side);
}

/* ---------------------------------------------------------------------------------------------------- early answers */

static void pause_fetch(stage *self, chttp_fetch *fetch) {
    chttp_fetch_pause(fetch);
    side_of(self)->began = chttp_now_nanoseconds();
    side_of(self)->fetch = fetch;
}

/* Reads a little of the request, answers, and leaves: what it did not read makes the kernel reset the connection. */
static void side_refuses(stage *self) {
    origin_side *side = side_of(self);
    char bytes[512];
    if (side->count == 0) {
        int file = raw_accept(side->listener);
        if (file >= 0) side->files[side->count++] = file;
    }
    if (side->count == 0 || side->files[0] < 0 || recv(side->files[0], bytes, sizeof bytes, MSG_DONTWAIT) <= 0) return;
    raw_send(side->files[0], side->answers[0]);
    close(side->files[0]);
    side->files[0] = -1;
}

static bool has_been_paused_for_long(stage *self) {
    return side_of(self)->began && chttp_now_nanoseconds() - side_of(self)->began > 1200000000;
}

static void test_an_early_answer_outlives_a_broken_request(void) {
    stage stage;
    origin_side side;
    static char body[8 << 20];
    begin(&stage, &side, 4);
    stage.every_turn = side_refuses;
    side.answers[0] = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 6\r\n\r\nrefuse";

    CHECK(stage_fetch(&stage, side.origin, "POST", (chttp_bytes){body, sizeof body}) != NULL);

    CHECK(stage_run(&stage, one_is_over));
    CHECK(strcmp(text_of(&stage.fetches), "head 413\nend\n") == 0);
    CHECK(strcmp(text_of(&stage.answer), "refuse") == 0);
    finish(&stage, &side);
}

static void test_a_paused_early_answer_is_not_given_up(void) {
    stage stage;
    origin_side side;
    static char body[8 << 20];
    begin(&stage, &side, 4);
    stage.every_turn = side_refuses;
    stage.on_fetch_head = pause_fetch;
    text answer = {0}; /* longer than one read, so that a part of it waits in the kernel */
    text_say(&answer, "HTTP/1.1 413 Content Too Large\r\ncontent-length: 100000\r\n\r\n");
    for (int i = 0; i < 10000; i++) text_add(&answer, "refusal...", 10);
    side.answers[0] = answer.bytes;

    CHECK(stage_fetch(&stage, side.origin, "POST", (chttp_bytes){body, sizeof body}) != NULL);

    CHECK(stage_run(&stage, has_been_paused_for_long));
    CHECK(stage.failed == 0 && stage.ended == 0);
    CHECK(stage.sent == 0); /* the kernel never had all of it */
    chttp_fetch_resume(side.fetch);
    CHECK(stage_run(&stage, one_is_over));
    CHECK(stage.ended == 1 && stage.answer.length == 100000);
    text_free(&answer);
    finish(&stage, &side);
}

int main(void) {
    TEST(test_waiting_fetches_go_on_when_connections_close);
    TEST(test_a_waiting_fetch_goes_on_when_the_one_before_is_cancelled);
    TEST(test_a_fetch_cancelled_inside_on_head_is_silent_whatever_follows);
    TEST(test_a_fetch_cancelled_inside_on_data_is_silent);
    TEST(test_an_origin_freed_inside_a_callback_is_silent);
    TEST(test_an_origin_freed_inside_on_end_goes);
    TEST(test_an_origin_freed_with_fetches_about_to_fail_is_silent);
    TEST(test_a_fetch_that_is_tried_again_at_once_leaves_the_loop_its_turns);
    TEST(test_an_interim_answer_with_content_is_malformed);
    TEST(test_a_coding_that_nobody_asked_for_is_malformed);
    TEST(test_an_answer_whose_connection_field_names_a_thousand_is_malformed);
    TEST(test_a_fetch_paused_before_it_is_sent_delivers_nothing);
    TEST(test_what_an_idle_connection_says_is_nobodys_answer);
    TEST(test_a_connection_that_closed_unused_is_replaced);
    TEST(test_a_replaced_request_that_finds_nobody_was_never_sent);
    TEST(test_an_early_answer_outlives_a_broken_request);
    TEST(test_a_paused_early_answer_is_not_given_up);
    return tap_end();
}
