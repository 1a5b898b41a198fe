/* test_http_server.c: the listening side where a test at the Swift door cannot reach: callbacks that close what they
 * are called from, what the kernel sees, and what one call leaves to the next. */
#include "http_stage.h"
#include "tap.h"

#include <sys/resource.h>

/* What most tests need: a client socket and what it received. */
typedef struct client {
    int file;
    text received;
    bool is_closed;
    int error; /* once closed: 0, or why */
} client;

static client *client_of(stage *self) { return self->context; }

static void client_reads(stage *self) {
    client *one = client_of(self);
    if (one->is_closed) return;
    one->is_closed = raw_receive(one->file, &one->received);
    one->error = errno;
}

static void begin(stage *self, client *one, const chttp_server_options *options) {
    *one = (client){0};
    stage_serve(self, options);
    one->file = raw_connect(chttp_server_port(self->server));
    self->context = one;
    self->every_turn = client_reads;
}

static void finish(stage *self, client *one) {
    close(one->file);
    text_free(&one->received);
    stage_deinit(self);
}

static bool client_is_closed(stage *self) { return client_of(self)->is_closed; }
static bool call_is_closed(stage *self) { return self->closed >= 1 && self->closed == self->announced; }
static bool has_two_answers(stage *self) { return text_count(&client_of(self)->received, "HTTP/1.1 ") == 2; }

/* ----------------------------------------------------------------------------------- closing from inside a callback */

static void free_server(stage *self, chttp_call *call) {
    if (self->server) {
        chttp_server *server = self->server;
        self->server = NULL;
        chttp_server_free(server);
    }
}

static void test_server_freed_inside_on_head_closes_the_call_once(void) {
    stage stage;
    client client;
    stage_init(&stage);
    stage.on_head = free_server;
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello");

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(strcmp(text_of(&stage.calls), "head POST /a\nclosed 2\n") == 0);
    finish(&stage, &client);
}

static void test_server_freed_inside_on_request_closes_the_call_once(void) {
    stage stage;
    client client;
    stage_init(&stage);
    stage.on_request = free_server;
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n");

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(strcmp(text_of(&stage.calls), "head GET /a\nrequest 0\nclosed 2\n") == 0);
    finish(&stage, &client);
}

static void test_server_freed_inside_on_closed_closes_the_call_once(void) {
    stage stage;
    client client;
    stage_init(&stage);
    stage.on_closed = free_server;
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n");

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(strcmp(text_of(&stage.calls), "head GET /a\nrequest 0\nclosed 0\n") == 0);
    finish(&stage, &client);
}

static void test_server_freed_while_it_refuses_leaves_nothing_behind(void) {
    stage stage;
    client client;
    stage_init(&stage);
    stage.on_closed = free_server;
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(stage_run(&stage, stage_is_over));
    CHECK(stage.announced == 1 && stage.closed == 1);
    finish(&stage, &client);
}

static void test_a_drained_server_leaves_nothing_behind(void) {
    stage stage;
    client client;
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);
    raw_send(client.file, "GET /a HTTP/1.1\r\nhost: x\r\n\r\n");
    CHECK(stage_run(&stage, call_is_closed));

    chttp_server_drain(stage.server);
    CHECK(stage_run(&stage, client_is_closed));
    CHECK(stage_run(&stage, stage_is_over));

    finish(&stage, &client); /* frees the server; the leak check of the sanitizer has the last word */
}

static bool has_announced(stage *self) { return self->announced == 1; }
static void never(void *context) { abort(); }

static void test_loop_freed_with_everything_open_calls_nobody_back(void) {
    stage stage;
    client client;
    stage_init(&stage);
    uint16_t port;
    int listener = raw_listen(&port);
    chttp_origin *origin = stage_origin(&stage, port, 1);
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);
    raw_send(client.file, "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe");
    CHECK(stage_fetch(&stage, origin, "GET", (chttp_bytes){0}) != NULL);
    CHECK(stage_fetch(&stage, origin, "GET", (chttp_bytes){0}) != NULL); /* waits for the first */
    CHECK(chttp_timer_start(stage.loop, 60000, never, NULL) != NULL);
    CHECK(stage_run(&stage, has_announced));

    stage.server = NULL; /* the loop goes first */
    raw_send(client.file, "llo");
    size_t closed = stage.closed;
    chttp_loop_free(stage.loop);

    CHECK(stage.closed == closed && stage.ended == 0 && stage.failed == 0);
    CHECK(!text_has(&stage.calls, "request"));
    close(client.file);
    close(listener);
    text_free(&client.received);
    text_free(&stage.calls);
    text_free(&stage.fetches);
    text_free(&stage.answer);
}

/* --------------------------------------------------------------------------------- what one call leaves to the next */

static void fill(chttp_call *call, size_t bytes_max) {
    static char piece[16 * 1024];
    memset(piece, 0x61, sizeof piece);
    chttp_answer answer = {.status = 200, .content_length = -1};
    size_t written = 0;
    chttp_call_start(call, &answer);
    while (written < bytes_max && chttp_call_write(call, piece, sizeof piece)) written += sizeof piece;
}

static void fill_and_end(stage *self, chttp_call *call) {
    fill(call, 64 << 20);
    chttp_call_end(call);
}

static void test_a_writer_that_never_waits_is_told_to(void) {
    stage stage;
    client client;
    stage_init(&stage);
    stage.on_request = fill_and_end;
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "GET /a HTTP/1.1\r\nhost: x\r\n\r\n");

    CHECK(stage_run(&stage, call_is_closed));
    CHECK(client.received.length < (1 << 20));
    finish(&stage, &client);
}

static bool has_second_head_begun(stage *self) {
    return self->closed == 1 && chttp_loop_counts(self->loop).downstream_calls == 1;
}

static void test_a_call_is_not_told_of_its_predecessors_drain(void) {
    stage stage;
    client client;
    stage_init(&stage);
    stage.on_request = fill_and_end;
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nho");

    CHECK(stage_run(&stage, has_second_head_begun));
    raw_send(client.file, "st: x\r\n\r\n");
    CHECK(stage_run(&stage, has_two_answers));
    CHECK(!text_has(&stage.calls, "drained"));
    finish(&stage, &client);
}

/* ----------------------------------------------------------------------------------------- clients that do not read */

typedef struct slow {
    client client; /* first */
    chttp_call *call;
    size_t read;
    uint64_t began;
} slow;

static void slow_starts(stage *self, chttp_call *call) {
    slow *one = self->context;
    one->call = call;
    one->began = chttp_now_nanoseconds();
    static char block[1 << 20];
    chttp_answer answer = {.status = 200, .content_length = -1};
    chttp_call_start(call, &answer);
    for (int i = 0; i < 16; i++) chttp_call_write(call, block, sizeof block);
}

/* The client reads all the time, and the answer grows as fast as it is read. */
static void slow_reads(stage *self) {
    slow *one = self->context;
    static char bytes[64 * 1024];
    if (!one->call || self->closed) return;
    ssize_t got = recv(one->client.file, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got <= 0) return;
    one->read += (size_t)got;
    chttp_call_write(one->call, bytes, (size_t)got);
    chttp_call_write(one->call, bytes, 64);
}

static bool has_read_for_long(stage *self) {
    slow *one = self->context;
    return self->closed || (one->call && chttp_now_nanoseconds() - one->began > 900000000);
}

static void test_a_client_that_reads_slower_than_we_write_is_not_stalled(void) {
    stage stage;
    slow slow = {0};
    stage_init(&stage);
    stage.on_request = slow_starts;
    chttp_server_options options = stage_server_options(&stage);
    options.write_ms = 300;
    begin(&stage, &slow.client, &options);
    setsockopt(slow.client.file, SOL_SOCKET, SO_RCVBUF, &(int){32 * 1024}, sizeof(int)); /* small steps */
    stage.every_turn = slow_reads;

    raw_send(slow.client.file, "GET /a HTTP/1.1\r\nhost: x\r\n\r\n");

    CHECK(stage_run(&stage, has_read_for_long));
    CHECK(slow.read > 0 && stage.closed == 0);
    finish(&stage, &slow.client);
}

static void test_a_client_that_neither_sends_nor_reads_is_stalled(void) {
    stage stage;
    slow slow = {0};
    stage_init(&stage);
    stage.on_head = slow_starts;
    chttp_server_options options = stage_server_options(&stage);
    options.write_ms = options.body_ms = 100;
    begin(&stage, &slow.client, &options);
    stage.every_turn = NULL;

    raw_send(slow.client.file, "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhe");

    CHECK(stage_run(&stage, call_is_closed));
    CHECK(text_has(&stage.calls, "closed 3"));
    finish(&stage, &slow.client);
}

/* ------------------------------------------------------------------------------------------------------- strictness */

static void test_bytes_behind_connect_are_no_request(void) {
    stage stage;
    client client;
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\ncontent-length: 27\r\n\r\n"
                          "GET /b HTTP/1.1\r\nhost: x\r\n\r\n");

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(stage.announced == 1);
    finish(&stage, &client);
}

static void test_a_refused_head_request_gets_no_body(void) {
    stage stage;
    client client;
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);

    raw_send(client.file, "HEAD / HTTP/1.1\r\n\r\n");

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(text_has(&client.received, "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n"));
    CHECK(text_has(&client.received, "\r\n\r\n") && !text_has(&client.received, "\r\n\r\nno"));
    finish(&stage, &client);
}

static void test_a_connection_field_with_a_thousand_names_is_refused(void) {
    stage stage;
    client client;
    text request = {0};
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);
    text_say(&request, "GET / HTTP/1.1\r\nhost: x\r\nconnection: ");
    for (int i = 0; i < 1000; i++) text_say(&request, "x%d,", i);
    text_say(&request, "y\r\n\r\n");

    raw_send(client.file, request.bytes);

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(text_has(&client.received, "HTTP/1.1 400 ") && stage.announced == 0);
    text_free(&request);
    finish(&stage, &client);
}

/* ------------------------------------------------------------------------------------------------------ connections */

static void test_unread_requests_do_not_reset_the_last_answer(void) {
    stage stage;
    client client;
    text request = {0};
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &client, &options);
    text_say(&request, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    while (request.length < 300 * 1024) text_say(&request, "GET /more HTTP/1.1\r\nhost: x\r\n\r\n");

    raw_send(client.file, request.bytes);

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(client.error == 0); /* not reset */
    CHECK(text_count(&client.received, "HTTP/1.1 200 OK") == 1 && stage.announced == 1);
    text_free(&request);
    finish(&stage, &client);
}

typedef struct crowd {
    int files[400];
    size_t count, refused, left;
} crowd;

static void crowd_reads(stage *self) {
    crowd *all = self->context;
    for (size_t i = 0; i < all->count; i++) {
        char bytes[512];
        if (all->files[i] < 0) continue;
        ssize_t got = recv(all->files[i], bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0 && strncmp(bytes, "HTTP/1.1 503 ", 13) == 0) all->refused++;
        if (got > 0 || (got < 0 && errno == EAGAIN)) continue;
        all->left++; /* the socket stays open on our side: a client that does not go away */
        all->files[i] = -all->files[i];
    }
}

static bool crowd_is_gone(stage *self) {
    crowd *all = self->context;
    return all->left == all->count - 1;
}

static void test_refused_connections_are_bounded_too(void) {
    stage stage;
    crowd crowd = {.count = 400};
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    chttp_quota_free(options.quota);
    options.quota = chttp_quota_new(1);
    options.backlog = 512;
    stage_serve(&stage, &options);
    stage.context = &crowd;
    stage.every_turn = crowd_reads;
    for (size_t i = 0; i < crowd.count; i++) crowd.files[i] = raw_connect(chttp_server_port(stage.server));

    CHECK(stage_run(&stage, crowd_is_gone));
    CHECK(crowd.refused > 0 && crowd.refused < crowd.count - 1);
    CHECK(chttp_loop_counts(stage.loop).downstream_open <= 1 + 256);
    for (size_t i = 0; i < crowd.count; i++) close(crowd.files[i] < 0 ? -crowd.files[i] : crowd.files[i]);
    stage_deinit(&stage);
}

static int unix_listener(struct sockaddr_un *address, socklen_t *out_length) {
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (file < 0 || bind(file, (struct sockaddr *)address, sizeof(sa_family_t)) != 0) abort(); /* the kernel names it */
    *out_length = sizeof *address;
    if (getsockname(file, (struct sockaddr *)address, out_length) != 0) abort();
    return file;
}

static void test_an_inherited_unix_socket_is_served(void) {
    stage stage;
    client client = {0};
    struct sockaddr_un address;
    socklen_t length;
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    options.listen_fd = unix_listener(&address, &length);
    stage_serve(&stage, &options);
    CHECK(chttp_server_port(stage.server) == 0);
    client.file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(client.file, (struct sockaddr *)&address, length) == 0);
    stage.context = &client;
    stage.every_turn = client_reads;

    raw_send(client.file, "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");

    CHECK(stage_run(&stage, client_is_closed));
    CHECK(text_has(&client.received, "hello"));
    finish(&stage, &client);
}

static bool is_served(stage *self) { return text_has(&client_of(self)->received, "HTTP/1.1 200"); }

static void test_a_listener_survives_a_lack_of_descriptors(void) {
    stage stage;
    client first, second = {0};
    struct rlimit before, few;
    stage_init(&stage);
    chttp_server_options options = stage_server_options(&stage);
    begin(&stage, &first, &options);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = (rlim_t)first.file + 1; /* nothing above the client's own descriptor */
    setrlimit(RLIMIT_NOFILE, &few);

    CHECK(stage_run(&stage, client_is_closed)); /* shed */
    setrlimit(RLIMIT_NOFILE, &before);
    second.file = raw_connect(chttp_server_port(stage.server));
    stage.context = &second;
    raw_send(second.file, "GET / HTTP/1.1\r\nhost: x\r\n\r\n");

    CHECK(stage_run(&stage, is_served));
    close(first.file);
    text_free(&first.received);
    finish(&stage, &second);
}

int main(void) {
    TEST(test_server_freed_inside_on_head_closes_the_call_once);
    TEST(test_server_freed_inside_on_request_closes_the_call_once);
    TEST(test_server_freed_inside_on_closed_closes_the_call_once);
    TEST(test_server_freed_while_it_refuses_leaves_nothing_behind);
    TEST(test_a_drained_server_leaves_nothing_behind);
    TEST(test_loop_freed_with_everything_open_calls_nobody_back);
    TEST(test_a_writer_that_never_waits_is_told_to);
    TEST(test_a_call_is_not_told_of_its_predecessors_drain);
    TEST(test_a_client_that_reads_slower_than_we_write_is_not_stalled);
    TEST(test_a_client_that_neither_sends_nor_reads_is_stalled);
    TEST(test_bytes_behind_connect_are_no_request);
    TEST(test_a_refused_head_request_gets_no_body);
    TEST(test_a_connection_field_with_a_thousand_names_is_refused);
    TEST(test_unread_requests_do_not_reset_the_last_answer);
    TEST(test_refused_connections_are_bounded_too);
    TEST(test_an_inherited_unix_socket_is_served);
    TEST(test_a_listener_survives_a_lack_of_descriptors);
    return tap_end();
}
