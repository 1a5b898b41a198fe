/* http_stage.h: one loop that a test drives turn by turn on its own thread, a server and fetches on it that write down
 * what happens to them, and raw sockets for the other side. Included by every test and fuzz target of the room.
 *
 * The loop never sleeps: after each turn the test looks whether what it waits for has happened, so nothing here waits
 * for time to pass except where a deadline is the subject. */
#ifndef HTTP_STAGE_H
#define HTTP_STAGE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "chttp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STAGE_GIVE_UP_NANOSECONDS 5000000000ull

/* ---------------------------------------------------------------------------------------------------------- text */

/* Bytes that grow; always NUL-terminated behind their length. */
typedef struct text {
    char *bytes;
    size_t length, capacity;
} text;

static inline void text_add(text *self, const char *bytes, size_t length) {
    if (self->length + length + 1 > self->capacity) {
        self->capacity = 2 * (self->length + length) + 64;
        self->bytes = realloc(self->bytes, self->capacity);
        if (!self->bytes) abort();
    }
    if (length) memcpy(self->bytes + self->length, bytes, length);
    self->length += length;
    self->bytes[self->length] = 0;
}

__attribute__((format(printf, 2, 3))) static inline void text_say(text *self, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_add(self, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

static inline void text_clear(text *self) {
    self->length = 0;
    if (self->bytes) self->bytes[0] = 0;
}

static inline void text_free(text *self) {
    free(self->bytes);
    *self = (text){0};
}

static inline const char *text_of(const text *self) { return self->bytes ? self->bytes : ""; }

static inline bool text_has(const text *self, const char *part) { return strstr(text_of(self), part) != NULL; }

static inline size_t text_count(const text *self, const char *part) {
    size_t count = 0;
    for (const char *at = text_of(self); (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

/* --------------------------------------------------------------------------------------------------------- stage */

typedef struct stage stage;
typedef bool (*stage_look)(stage *self); /* true: what the test waits for has happened */

struct stage {
    chttp_loop *loop;
    chttp_server *server;
    stage_look look;
    uint64_t give_up_at;
    bool is_done;
    void (*every_turn)(stage *self); /* NULL, or what the other side does in each turn */
    void *context;                   /* the test's own */

    /* The server's side: what its callbacks said, one line each. */
    text calls;
    size_t announced, closed;
    void (*on_head)(stage *self, chttp_call *call); /* NULL: nothing */
    void (*on_request)(stage *self, chttp_call *call); /* NULL: echoes the body */
    void (*on_closed)(stage *self, chttp_call *call);

    /* The fetches' side. */
    text fetches, answer;
    size_t sent, ended, failed;
    chttp_failure failure;
    void (*on_fetch_head)(stage *self, chttp_fetch *fetch);
    void (*on_fetch_data)(stage *self, chttp_fetch *fetch);
    void (*on_fetch_over)(stage *self, chttp_fetch *fetch);
};

static inline bool stage_turn(void *context) {
    stage *self = context;
    if (!self->look || self->is_done) return false;
    if (self->every_turn) self->every_turn(self);
    self->is_done = self->look(self);
    if (self->is_done || chttp_now_nanoseconds() > self->give_up_at) chttp_loop_stop(self->loop);
    return true;
}

static inline void stage_init(stage *self) {
    signal(SIGPIPE, SIG_IGN);
    memset(self, 0, sizeof *self);
    self->loop = chttp_loop_new(stage_turn, self);
    if (!self->loop) abort();
}

/* Runs the loop until `look` says true. False: it did not within STAGE_GIVE_UP_NANOSECONDS. */
static inline bool stage_run(stage *self, stage_look look) {
    self->look = look;
    self->is_done = false;
    self->give_up_at = chttp_now_nanoseconds() + STAGE_GIVE_UP_NANOSECONDS;
    chttp_loop_run(self->loop);
    self->look = NULL;
    return self->is_done;
}

static inline bool stage_is_over(stage *self) {
    chttp_counts counts = chttp_loop_counts(self->loop);
    return counts.downstream_open == 0 && counts.upstream_open == 0;
}

/* Frees the server and the loop. */
static inline void stage_deinit(stage *self) {
    if (self->server) chttp_server_free(self->server);
    chttp_loop_free(self->loop);
    text_free(&self->calls);
    text_free(&self->fetches);
    text_free(&self->answer);
}

/* -------------------------------------------------------------------------------------------------------- server */

static inline void stage_answer(chttp_call *call, uint16_t status, const char *body) {
    chttp_answer answer = {.status = status};
    chttp_call_answer(call, &answer, (chttp_bytes){body, strlen(body)});
}

static inline void stage_on_head(void *context, chttp_call *call) {
    stage *self = context;
    chttp_bytes method = chttp_call_method(call), target = chttp_call_target(call);
    self->announced++;
    text_say(&self->calls, "head %.*s %.*s\n", (int)method.length, method.data, (int)target.length, target.data);
    if (self->on_head) self->on_head(self, call);
}

static inline void stage_on_request(void *context, chttp_call *call) {
    stage *self = context;
    chttp_bytes body = chttp_call_body(call);
    text_say(&self->calls, "request %zu\n", body.length);
    if (self->on_request) {
        self->on_request(self, call);
    } else {
        chttp_answer answer = {.status = 200};
        chttp_call_answer(call, &answer, body);
    }
}

static inline uint16_t stage_on_refused(
    void *context, chttp_refusal reason, chttp_bytes target, chttp_bytes *out_fields, chttp_bytes *out_body) {
    stage *self = context;
    static const uint16_t statuses[] = {0, 400, 501, 431, 413, 400, 400, 408, 503, 505, 417, 503};
    text_say(&self->calls, "refused %d\n", (int)reason);
    *out_body = (chttp_bytes){"no", 2};
    return statuses[reason];
}

static inline void stage_on_drained(void *context, chttp_call *call) {
    stage *self = context;
    text_say(&self->calls, "drained\n");
}

static inline void stage_on_closed(void *context, chttp_call *call, chttp_call_outcome outcome) {
    stage *self = context;
    self->closed++;
    text_say(&self->calls, "closed %d\n", (int)outcome);
    if (self->on_closed) self->on_closed(self, call);
}

/* Generous limits and times; a test changes what it is about. */
static inline chttp_server_options stage_server_options(stage *self) {
    return (chttp_server_options){
        .host = "127.0.0.1", .listen_fd = -1, .backlog = 128, .quota = chttp_quota_new(64), .head_bytes_max = 16 * 1024,
        .body_bytes_max = 1 << 20, .head_ms = 60000, .body_ms = 60000, .idle_ms = 60000, .write_ms = 60000,
        .callbacks = {self, stage_on_head, stage_on_request, stage_on_refused, stage_on_drained, stage_on_closed}};
}

static inline void stage_serve(stage *self, const chttp_server_options *options) {
    int error = 0;
    self->server = chttp_server_new(self->loop, options, &error);
    if (!self->server) {
        fprintf(stderr, "no listener: %s\n", strerror(error));
        abort();
    }
    chttp_quota_free(options->quota); /* the server keeps it now */
}

/* ------------------------------------------------------------------------------------------------------- fetches */

static inline void stage_on_fetch_sent(void *context, chttp_fetch *fetch) {
    stage *self = context;
    self->sent++;
}

static inline void stage_on_fetch_head(void *context, chttp_fetch *fetch) {
    stage *self = context;
    text_say(&self->fetches, "head %u\n", chttp_fetch_status(fetch));
    if (self->on_fetch_head) self->on_fetch_head(self, fetch);
}

static inline void stage_on_fetch_data(void *context, chttp_fetch *fetch, const char *data, size_t length) {
    stage *self = context;
    text_add(&self->answer, data, length);
    if (self->on_fetch_data) self->on_fetch_data(self, fetch);
}

static inline void stage_on_fetch_end(void *context, chttp_fetch *fetch) {
    stage *self = context;
    self->ended++;
    text_say(&self->fetches, "end\n");
    if (self->on_fetch_over) self->on_fetch_over(self, fetch);
}

static inline void stage_on_fetch_fail(void *context, chttp_fetch *fetch, chttp_failure failure, const char *detail) {
    stage *self = context;
    self->failed++;
    self->failure = failure;
    text_say(&self->fetches, "fail %d\n", (int)failure);
    if (self->on_fetch_over) self->on_fetch_over(self, fetch);
}

static inline chttp_origin *stage_origin(stage *self, uint16_t port, uint32_t connections_max) {
    chttp_origin_options options = {
        .host = "127.0.0.1", .port = port, .connect_ms = 60000, .first_byte_ms = 60000, .idle_ms = 60000,
        .pool_idle_ms = 60000, .connections_max = connections_max, .waiting_max = 16};
    return chttp_origin_new(self->loop, &options);
}

static inline chttp_fetch *stage_fetch(stage *self, chttp_origin *origin, const char *method, chttp_bytes body) {
    chttp_request request = {
        .method = {method, strlen(method)}, .target = {"/", 1}, .host = {"origin", 6}, .has_body = body.length > 0,
        .body = body};
    chttp_fetch_callbacks callbacks = {
        self, stage_on_fetch_sent, stage_on_fetch_head, stage_on_fetch_data, stage_on_fetch_end, stage_on_fetch_fail};
    return chttp_fetch_start(origin, &request, &callbacks);
}

/* --------------------------------------------------------------------------------------------------- raw sockets */

static inline int raw_listen(uint16_t *out_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) != 0 || listen(file, 64) != 0) abort();
    if (getsockname(file, (struct sockaddr *)&address, &length) != 0) abort();
    *out_port = ntohs(address.sin_port);
    return file;
}

/* -1: nobody is there yet. */
static inline int raw_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

static inline int raw_connect(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0 || connect(file, (struct sockaddr *)&address, sizeof address) != 0) abort();
    fcntl(file, F_SETFL, O_NONBLOCK);
    return file;
}

static inline void raw_send(int file, const char *bytes) {
    size_t length = strlen(bytes);
    if (send(file, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) abort();
}

/* Adds what has arrived to `into`. True once the other side has closed (errno is then 0) or reset. */
static inline bool raw_receive(int file, text *into) {
    char bytes[4096];
    for (;;) {
        ssize_t got = recv(file, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0) errno = 0;
        if (got <= 0) return errno != EAGAIN;
        text_add(into, bytes, (size_t)got);
    }
}

static inline void raw_reset(int file) {
    struct linger linger = {1, 0};
    setsockopt(file, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(file);
}

/* -------------------------------------------------------------------------------------------------------- pieces */

/* Bytes that leave in pieces of 1 to size_max bytes (0: all at once), chosen by a small repeatable random source. */
typedef struct pieces {
    const uint8_t *bytes;
    size_t length, at, size_max;
    uint64_t random;
} pieces;

/* Sends the next piece. True when all have left; false also when the socket takes nothing now. */
static inline bool pieces_send(pieces *self, int file) {
    if (self->at == self->length) return true;
    self->random = self->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    size_t left = self->length - self->at, size = left;
    if (self->size_max) size = 1 + (size_t)(self->random >> 33) % self->size_max;
    ssize_t sent = send(file, self->bytes + self->at, size < left ? size : left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) return false;
    self->at = sent < 0 ? self->length : self->at + (size_t)sent; /* nobody is there any more */
    return self->at == self->length;
}

#endif
