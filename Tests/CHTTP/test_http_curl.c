/* test_http_curl.c: origins behind libcurl where a test at the Swift door cannot reach: what is freed inside a
 * callback, and what a loop takes with it. The server plays an HTTP proxy: it is asked for whole URLs and answers. */
#include "http_stage.h"
#include "tap.h"

#define BIG_BYTES (3u << 20)

static chttp_origin *origin;
static char *big;

static void answer_big(stage *self, chttp_call *call) {
    chttp_answer answer = {.status = 200, .content_length = BIG_BYTES};
    chttp_call_start(call, &answer);
    chttp_call_write(call, big, BIG_BYTES);
    chttp_call_end(call);
}

static void begin(stage *self, uint32_t connections_max) {
    stage_init(self);
    chttp_server_options server = stage_server_options(self);
    server.body_bytes_max = BIG_BYTES;
    stage_serve(self, &server);
    self->on_request = answer_big;
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", chttp_server_port(self->server));
    chttp_origin_options options = {
        .host = "origin.test", .port = 80, .connect_ms = 60000, .first_byte_ms = 60000, .idle_ms = 60000,
        .pool_idle_ms = 60000, .connections_max = connections_max, .waiting_max = 16, .proxy = proxy,
        .proxy_user = "ada", .proxy_password = "lock"};
    origin = chttp_origin_new(self->loop, &options);
    big = calloc(1, BIG_BYTES);
}

static void finish(stage *self) {
    if (origin) chttp_origin_free(origin);
    stage_deinit(self);
    free(big);
}

static chttp_fetch *post(stage *self) { return stage_fetch(self, origin, "POST", (chttp_bytes){big, BIG_BYTES}); }

static void free_origin(stage *self, chttp_fetch *fetch) {
    if (origin) chttp_origin_free(origin);
    origin = NULL;
}

static bool has_no_origin(stage *self) { return !origin && stage_is_over(self); }

/* ---------------------------------------------------------------------------------------------------- environment */

/* What libcurl would read by itself: nobody listens on port 1, and `*` would bypass every proxy. */
static void poison_environment(void) {
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) setenv(proxies[i], "http://127.0.0.1:1", 1);
    setenv("no_proxy", "*", 1);
    setenv("NO_PROXY", "*", 1);
}

typedef struct raw_side {
    int listener, file;
    text received;
} raw_side;

static void raw_reads(stage *self) {
    raw_side *side = self->context;
    if (side->file < 0) side->file = raw_accept(side->listener);
    if (side->file >= 0) raw_receive(side->file, &side->received);
}

static bool has_preface(stage *self) {
    return text_has(&((raw_side *)self->context)->received, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

/* The tests of proxies below show the other half: with `*` obeyed they would look for origin.test. */
static void test_an_origin_without_proxy_is_reached_directly_whatever_the_environment_says(void) {
    stage stage;
    uint16_t port;
    raw_side side = {.file = -1, .listener = raw_listen(&port)};
    stage_init(&stage);
    stage.context = &side;
    stage.every_turn = raw_reads;
    chttp_origin_options options = {
        .host = "127.0.0.1", .port = port, .connect_ms = 60000, .first_byte_ms = 60000, .idle_ms = 60000,
        .pool_idle_ms = 60000, .connections_max = 1, .waiting_max = 1, .uses_http2 = true};
    chttp_origin *direct = chttp_origin_new(stage.loop, &options);
    stage_fetch(&stage, direct, "GET", (chttp_bytes){0});

    CHECK(stage_run(&stage, has_preface));

    chttp_origin_free(direct);
    stage_deinit(&stage);
    close(side.listener);
    if (side.file >= 0) close(side.file);
    text_free(&side.received);
}

/* -------------------------------------------------------------------------------------------------------- freeing */

static void test_an_origin_may_be_freed_in_each_callback(void) {
    for (int which = 0; which < 3; which++) {
        stage stage;
        begin(&stage, 2);
        if (which == 0) stage.on_fetch_head = free_origin;
        if (which == 1) stage.on_fetch_data = free_origin;
        if (which == 2) stage.on_fetch_over = free_origin;
        for (int i = 0; i < 5; i++) post(&stage);

        CHECK(stage_run(&stage, has_no_origin));

        CHECK(stage.ended == (which == 2 ? 1 : 0));
        CHECK(stage.failed == 0);
        finish(&stage);
    }
}

static void test_an_origin_may_be_freed_before_its_fetches_set_out(void) {
    stage stage;
    begin(&stage, 2);
    for (int i = 0; i < 5; i++) post(&stage);
    free_origin(&stage, NULL);

    CHECK(stage_run(&stage, has_no_origin));

    CHECK(stage.sent + stage.ended + stage.failed == 0);
    CHECK(stage.announced == 0);
    finish(&stage);
}

static bool one_has_data(stage *self) { return self->answer.length > 0; }

static void test_a_loop_takes_its_origins_and_their_fetches_with_it(void) {
    stage stage;
    begin(&stage, 2);
    for (int i = 0; i < 5; i++) post(&stage);

    CHECK(stage_run(&stage, one_has_data));
    origin = NULL; /* the loop frees it */

    size_t ended = stage.ended + stage.failed;
    finish(&stage);
    CHECK(stage.ended + stage.failed == ended);
}

/* ------------------------------------------------------------------------------------------------- pausing, waiting */

static chttp_fetch *paused;
static size_t inside;

static void pause_it(stage *self, chttp_fetch *fetch) {
    if (paused) return;
    paused = fetch;
    chttp_fetch_pause(fetch);
}

static bool is_paused(stage *self) { return paused != NULL; }
static bool all_are_over(stage *self) { return self->ended + self->failed == 5; }

static void test_resuming_delivers_nothing_inside(void) {
    stage stage;
    begin(&stage, 1);
    paused = NULL;
    stage.on_fetch_data = pause_it;
    for (int i = 0; i < 5; i++) post(&stage);
    CHECK(stage_run(&stage, is_paused));
    size_t before = stage.answer.length;

    chttp_fetch_resume(paused);
    inside = stage.answer.length - before;
    CHECK(stage_run(&stage, all_are_over));

    CHECK(inside == 0);
    CHECK(stage.ended == 5 && stage.sent == 5);
    CHECK(stage.answer.length == 5u * BIG_BYTES);
    CHECK(text_count(&stage.calls, "head POST http://origin.test/\n") == 5);
    finish(&stage);
}

static void cancel_the_other(stage *self, chttp_fetch *fetch) {
    if (!paused) return;
    chttp_fetch_cancel(paused);
    paused = NULL;
}

static bool four_are_over(stage *self) { return self->ended + self->failed == 4; }

static void test_a_fetch_may_be_cancelled_inside_the_callback_of_another(void) {
    stage stage;
    begin(&stage, 2);
    for (int i = 0; i < 4; i++) post(&stage);
    paused = post(&stage); /* it waits for room */
    stage.on_fetch_head = cancel_the_other;
    CHECK(stage_run(&stage, four_are_over));
    CHECK(stage.ended == 4);

    paused = post(&stage); /* it sets out together with the next */
    post(&stage);
    CHECK(stage_run(&stage, all_are_over));
    CHECK(stage.ended == 5);
    finish(&stage);
}

int main(void) {
    poison_environment();
    TEST(test_an_origin_without_proxy_is_reached_directly_whatever_the_environment_says);
    TEST(test_an_origin_may_be_freed_in_each_callback);
    TEST(test_an_origin_may_be_freed_before_its_fetches_set_out);
    TEST(test_a_loop_takes_its_origins_and_their_fetches_with_it);
    TEST(test_resuming_delivers_nothing_inside);
    TEST(test_a_fetch_may_be_cancelled_inside_the_callback_of_another);
    return tap_end();
}
