/* The upstream of the gateway benchmark: one thread, one epoll, plain and TLS, as cheap as we can make it, so
 * that what is measured is the proxy in front. It reads every request whole, then answers:
 *
 *   GET  anything                         200, a small JSON object (health probes, /v1/models)
 *   POST .../bench/echo                   200, the request body again (the driver compares it byte for byte)
 *   POST with x-bench-events: N           200, N numbered events of 160 B, one write each, chunked
 *        and x-bench-gap-milliseconds: G  ... with G ms from one event to the next (0: as fast as they go)
 *   POST otherwise                        200, the canned chat completion of bench_payload.c
 *
 * Counters live in a file that the driver maps, so reading them costs the run nothing.
 * Use: bench_upstream --stats FILE [--tls-certificate FILE --tls-key FILE]
 * Prints "listening PLAIN_PORT TLS_PORT" (TLS_PORT is 0 without a certificate) and runs until SIGTERM. */
#define _GNU_SOURCE
#include "bench_http.h"
#include "bench_payload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES_MAX (256 * 1024)
#define ECHO_BYTES_MAX (8 * 1024 * 1024)
#define READY_MAX 512
#define LISTEN_BACKLOG 4096
/* Different gaps in use in one process; each has its own queue (see pacing below). */
#define GAPS_MAX 16

/* The mapped counters; the driver's measurement.py knows this layout. All are totals since the start. */
typedef struct counters {
    uint64_t connections_accepted;
    uint64_t connections_open;
    uint64_t requests;
    uint64_t request_body_bytes;
    uint64_t responses;
    uint64_t events;
    uint64_t cancelled;
    uint64_t protocol_errors;
} counters;

typedef struct connection connection;

/* Streams of one gap fall due in the order in which they were armed, so a queue per gap is a timer. */
typedef struct gap_queue {
    uint64_t gap_nanoseconds;
    connection *first;
    connection *last;
} gap_queue;

struct connection {
    int file;
    SSL *tls;
    enum { READ_HEAD, READ_BODY, RESPOND } phase;
    char head[BENCH_HTTP_HEAD_BYTES_MAX];
    size_t head_bytes;
    uint64_t body_left_bytes;
    /* What to answer; set when the head is complete. */
    const bench_stream *stream;
    gap_queue *gap;
    bool is_echo;
    bool is_get;
    /* What is being written: a head, then one piece after another. */
    char reply_head[256];
    bench_slice pending_head;
    bench_slice pending;
    uint64_t next_event;
    char *echo;
    size_t echo_bytes;
    bool wants_write;
    /* Nothing more can be sent or read; whoever serves it frees it next. */
    bool is_over;
    /* Pacing: when the next event is due, and the neighbours in the gap's queue. */
    bool is_queued;
    uint64_t due_nanoseconds;
    connection *earlier;
    connection *later;
};

static int poll_file;
static counters *totals;
static gap_queue gaps[GAPS_MAX];
static size_t gap_count;
static SSL_CTX *tls_context;
static char read_buffer[READ_BYTES_MAX];
static volatile sig_atomic_t is_stopping;

static const char MODELS[] =
    "{\"object\":\"list\",\"data\":[{\"id\":\"deepseek-v4-flash\",\"object\":\"model\",\"owned_by\":\"bench\"}]}";

static void fail(const char *what)
{
    fprintf(stderr, "bench_upstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* ---- Pacing ---- */

static gap_queue *gap_queue_of(uint64_t gap_milliseconds)
{
    uint64_t gap_nanoseconds = gap_milliseconds * 1000000u;
    for (size_t index = 0; index < gap_count; index++)
        if (gaps[index].gap_nanoseconds == gap_nanoseconds)
            return &gaps[index];
    if (gap_count == GAPS_MAX)
        return NULL;
    gaps[gap_count].gap_nanoseconds = gap_nanoseconds;
    return &gaps[gap_count++];
}

static void gap_queue_add(connection *self, uint64_t due_nanoseconds)
{
    gap_queue *queue = self->gap;
    self->is_queued = true;
    self->due_nanoseconds = due_nanoseconds;
    self->later = NULL;
    self->earlier = queue->last;
    if (queue->last != NULL)
        queue->last->later = self;
    else
        queue->first = self;
    queue->last = self;
}

static void gap_queue_remove(connection *self)
{
    gap_queue *queue = self->gap;
    self->is_queued = false;
    if (self->earlier != NULL)
        self->earlier->later = self->later;
    else
        queue->first = self->later;
    if (self->later != NULL)
        self->later->earlier = self->earlier;
    else
        queue->last = self->earlier;
}

/* ---- Connections ---- */

static void connection_free(connection *self)
{
    if (self->phase == RESPOND)
        totals->cancelled++;
    if (self->is_queued)
        gap_queue_remove(self);
    if (self->tls != NULL)
        SSL_free(self->tls);
    close(self->file);
    free(self->echo);
    free(self);
    totals->connections_open--;
}

static void connection_watch(connection *self, bool wants_write)
{
    if (self->wants_write == wants_write)
        return;
    self->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u), .data.ptr = self};
    if (epoll_ctl(poll_file, EPOLL_CTL_MOD, self->file, &event) < 0)
        fail("epoll_ctl");
}

/* Reads or writes some bytes: > 0 moved, 0 try later, -1 the connection is over. */
static ssize_t tls_result(connection *self, int moved)
{
    if (moved > 0)
        return moved;
    int reason = SSL_get_error(self->tls, moved);
    ERR_clear_error();
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t connection_read(connection *self, char *bytes, size_t length)
{
    if (self->tls != NULL)
        return tls_result(self, SSL_read(self->tls, bytes, (int)length));
    ssize_t got = recv(self->file, bytes, length, 0);
    if (got > 0)
        return got;
    return got < 0 && errno == EAGAIN ? 0 : -1;
}

static ssize_t connection_send(connection *self, bench_slice bytes)
{
    if (self->tls != NULL)
        return tls_result(self, SSL_write(self->tls, bytes.bytes, (int)bytes.length));
    ssize_t sent = send(self->file, bytes.bytes, bytes.length, MSG_NOSIGNAL);
    if (sent > 0)
        return sent;
    return sent < 0 && errno == EAGAIN ? 0 : -1;
}

/* ---- Answers ---- */

static void set_reply_head(connection *self, const char *type, uint64_t length, bool is_chunked)
{
    int head_bytes;
    if (is_chunked)
        head_bytes = snprintf(self->reply_head, sizeof self->reply_head,
            "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nx-request-id: bench\r\nTransfer-Encoding: chunked\r\n\r\n", type);
    else
        head_bytes = snprintf(self->reply_head, sizeof self->reply_head,
            "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nx-request-id: bench\r\nContent-Length: %llu\r\n\r\n", type,
            (unsigned long long)length);
    self->pending_head = (bench_slice){self->reply_head, (size_t)head_bytes};
}

static bench_slice event_piece(const bench_stream *stream, uint64_t number)
{
    size_t start = (size_t)number * BENCH_EVENT_CHUNK_BYTES;
    bool is_last = number + 1 == stream->event_count;
    return (bench_slice){stream->chunks + start, is_last ? stream->chunks_bytes - start : BENCH_EVENT_CHUNK_BYTES};
}

static void begin_answer(connection *self)
{
    size_t length;
    self->phase = RESPOND;
    self->next_event = 0;
    totals->requests++;
    if (self->stream != NULL) {
        set_reply_head(self, "text/event-stream", 0, true);
        self->pending = event_piece(self->stream, 0);
        self->next_event = 1;
        totals->events++;
    } else if (self->is_echo) {
        set_reply_head(self, "application/octet-stream", self->echo_bytes, false);
        self->pending = (bench_slice){self->echo, self->echo_bytes};
    } else if (self->is_get) {
        set_reply_head(self, "application/json", sizeof MODELS - 1, false);
        self->pending = (bench_slice){MODELS, sizeof MODELS - 1};
    } else {
        self->pending.bytes = bench_answer(&length);
        self->pending.length = length;
        set_reply_head(self, "application/json", length, false);
    }
}

static void end_answer(connection *self)
{
    totals->responses++;
    self->phase = READ_HEAD;
    self->head_bytes = 0;
    free(self->echo);
    self->echo = NULL;
}

/* Sends what is pending; the head travels in one write with the first piece. 1 all sent, 0 later, -1 over. */
static int send_pending(connection *self)
{
    if (self->pending_head.length > 0) {
        char joined[sizeof self->reply_head + 2048];
        size_t head_length = self->pending_head.length;
        size_t room = sizeof joined - head_length;
        size_t piece_length = self->pending.length < room ? self->pending.length : room;
        memcpy(joined, self->pending_head.bytes, head_length);
        memcpy(joined + head_length, self->pending.bytes, piece_length);
        ssize_t sent = connection_send(self, (bench_slice){joined, head_length + piece_length});
        if (sent <= 0)
            return (int)sent;
        if ((size_t)sent < head_length)
            return -1; /* a socket that cannot take 256 bytes at the start of an answer is broken */
        self->pending_head.length = 0;
        self->pending.bytes += (size_t)sent - head_length;
        self->pending.length -= (size_t)sent - head_length;
    }
    while (self->pending.length > 0) {
        ssize_t sent = connection_send(self, self->pending);
        if (sent <= 0)
            return (int)sent;
        self->pending.bytes += sent;
        self->pending.length -= (size_t)sent;
    }
    return 1;
}

/* Carries the answer on as far as it goes now. */
static void answer(connection *self)
{
    while (self->phase == RESPOND) {
        int result = send_pending(self);
        if (result < 0) {
            self->is_over = true;
            return;
        }
        connection_watch(self, result == 0);
        if (result == 0)
            return;
        if (self->stream == NULL || self->next_event == self->stream->event_count) {
            end_answer(self);
            return;
        }
        if (self->gap != NULL) {
            gap_queue_add(self, now_nanoseconds() + self->gap->gap_nanoseconds);
            return;
        }
        self->pending = event_piece(self->stream, self->next_event++);
        totals->events++;
    }
}

/* ---- Requests ---- */

/* Reads the complete head: what will be asked of us. False when the request is not one of ours. */
static bool accept_head(connection *self, size_t head_length)
{
    static const char ECHO_PATH[] = "/bench/echo HTTP/1.1\r\n";
    bench_slice head = {self->head, head_length};
    const char *line_end = memchr(self->head, '\n', head_length);
    size_t line_length = (size_t)(line_end - self->head) + 1;
    bench_slice ignored;
    if (bench_http_find(head, "transfer-encoding", &ignored))
        return false; /* every side under test forwards the length it was given */

    self->is_get = strncmp(self->head, "GET ", 4) == 0;
    if (!self->is_get && strncmp(self->head, "POST ", 5) != 0)
        return false;
    self->is_echo = line_length >= sizeof ECHO_PATH - 1
        && memcmp(line_end + 1 - (sizeof ECHO_PATH - 1), ECHO_PATH, sizeof ECHO_PATH - 1) == 0;
    self->body_left_bytes = bench_http_number_or(head, "content-length", 0);
    uint64_t event_count = bench_http_number_or(head, "x-bench-events", 0);
    uint64_t gap_milliseconds = bench_http_number_or(head, "x-bench-gap-milliseconds", 0);
    self->stream = event_count > 0 ? bench_stream_of(event_count) : NULL;
    self->gap = gap_milliseconds > 0 ? gap_queue_of(gap_milliseconds) : NULL;
    if ((event_count > 0 && self->stream == NULL) || (gap_milliseconds > 0 && self->gap == NULL))
        return false;
    if (self->is_echo) {
        if (self->body_left_bytes > ECHO_BYTES_MAX)
            return false;
        self->echo = malloc(self->body_left_bytes + 1);
        self->echo_bytes = 0;
        if (self->echo == NULL)
            fail("malloc");
    }
    self->phase = READ_BODY;
    return true;
}

/* Body bytes of the current request. False when there are more than it announced. */
static bool take_body(connection *self, const char *bytes, size_t length)
{
    if (length > self->body_left_bytes)
        return false; /* bytes after the request: none of the sides pipelines */
    if (self->is_echo && length > 0) {
        memcpy(self->echo + self->echo_bytes, bytes, length);
        self->echo_bytes += length;
    }
    totals->request_body_bytes += length;
    self->body_left_bytes -= length;
    if (self->body_left_bytes == 0) {
        begin_answer(self);
        answer(self);
    }
    return true;
}

/* Bytes of a request, wherever they begin and end. False when no side under test should have sent them. */
static bool take_bytes(connection *self, const char *bytes, size_t length)
{
    if (self->phase == RESPOND)
        return false;
    if (self->phase == READ_BODY)
        return take_body(self, bytes, length);

    size_t held = self->head_bytes;
    size_t room = sizeof self->head - held;
    size_t copied = length < room ? length : room;
    memcpy(self->head + held, bytes, copied);
    self->head_bytes += copied;
    size_t head_length = bench_http_head_length(self->head, self->head_bytes);
    if (head_length == 0)
        return self->head_bytes < sizeof self->head;
    size_t used = head_length - held;
    return accept_head(self, head_length) && take_body(self, bytes + used, length - used);
}

static void read_requests(connection *self)
{
    while (!self->is_over) {
        ssize_t got = connection_read(self, read_buffer, sizeof read_buffer);
        if (got == 0)
            return;
        if (got < 0) {
            self->is_over = true;
        } else if (!take_bytes(self, read_buffer, (size_t)got)) {
            totals->protocol_errors++;
            self->is_over = true;
        } else if (self->tls == NULL && (size_t)got < sizeof read_buffer) {
            return; /* the socket is empty; level-triggered epoll calls again if it is not */
        }
    }
}

/* Serves what epoll reported, and frees the connection if that was its end. */
static void connection_serve(connection *self, uint32_t events)
{
    if ((events & EPOLLOUT) != 0 && self->wants_write)
        answer(self);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        read_requests(self);
    if (self->is_over)
        connection_free(self);
}

static void accept_connections(int listener, bool is_tls)
{
    for (;;) {
        int file = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (file < 0)
            return;
        int on = 1;
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection *self = calloc(1, sizeof *self);
        if (self == NULL)
            fail("calloc");
        self->file = file;
        if (is_tls) {
            self->tls = SSL_new(tls_context);
            SSL_set_fd(self->tls, file);
            SSL_set_accept_state(self->tls);
        }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = self};
        if (epoll_ctl(poll_file, EPOLL_CTL_ADD, file, &event) < 0)
            fail("epoll_ctl");
        totals->connections_accepted++;
        totals->connections_open++;
    }
}

/* Sends every event that has fallen due and returns how long epoll may sleep; UINT64_MAX when nothing waits. */
static uint64_t send_due_events(void)
{
    uint64_t now = now_nanoseconds();
    uint64_t sleep_nanoseconds = UINT64_MAX;
    for (size_t index = 0; index < gap_count; index++) {
        gap_queue *queue = &gaps[index];
        while (queue->first != NULL && queue->first->due_nanoseconds <= now) {
            connection *self = queue->first;
            gap_queue_remove(self);
            self->pending = event_piece(self->stream, self->next_event++);
            totals->events++;
            answer(self);
            if (self->is_over)
                connection_free(self);
        }
        if (queue->first != NULL && queue->first->due_nanoseconds - now < sleep_nanoseconds)
            sleep_nanoseconds = queue->first->due_nanoseconds - now;
    }
    return sleep_nanoseconds;
}

/* ---- Start ---- */

static int listen_on_loopback(int *port)
{
    int file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof address;
    if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) < 0
        || listen(file, LISTEN_BACKLOG) < 0
        || getsockname(file, (struct sockaddr *)&address, &address_bytes) < 0)
        fail("listen");
    *port = ntohs(address.sin_port);
    return file;
}

static counters *map_counters(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(counters)) < 0)
        fail(path);
    void *mapped = mmap(NULL, sizeof(counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        fail("mmap");
    close(file);
    memset(mapped, 0, sizeof(counters));
    return mapped;
}

static void open_tls_context(const char *certificate, const char *key)
{
    tls_context = SSL_CTX_new(TLS_server_method());
    if (tls_context == NULL || SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void request_stop(int signal_number)
{
    (void)signal_number;
    is_stopping = 1;
}

/* The listeners are told from connections by these two addresses in the event's pointer. */
static char plain_mark, tls_mark;

static void watch_listener(int listener, char *mark)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
    if (epoll_ctl(poll_file, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll_ctl");
}

static void run(int plain_listener, int tls_listener)
{
    struct epoll_event ready[READY_MAX];
    while (!is_stopping) {
        uint64_t sleep_nanoseconds = send_due_events();
        struct timespec sleep = {
            .tv_sec = (time_t)(sleep_nanoseconds / 1000000000u), .tv_nsec = (long)(sleep_nanoseconds % 1000000000u)};
        int ready_count = epoll_pwait2(
            poll_file, ready, READY_MAX, sleep_nanoseconds == UINT64_MAX ? NULL : &sleep, NULL);
        for (int index = 0; index < ready_count; index++) {
            void *subject = ready[index].data.ptr;
            if (subject == &plain_mark)
                accept_connections(plain_listener, false);
            else if (subject == &tls_mark)
                accept_connections(tls_listener, true);
            else
                connection_serve(subject, ready[index].events);
        }
    }
}

int main(int argument_count, char **arguments)
{
    static const struct option options[] = {{"stats", required_argument, NULL, 's'},
        {"tls-certificate", required_argument, NULL, 'c'}, {"tls-key", required_argument, NULL, 'k'},
        {NULL, 0, NULL, 0}};
    const char *stats = NULL, *certificate = NULL, *key = NULL;
    for (int option; (option = getopt_long(argument_count, arguments, "", options, NULL)) != -1;) {
        if (option == 's')
            stats = optarg;
        else if (option == 'c')
            certificate = optarg;
        else if (option == 'k')
            key = optarg;
        else
            return 2;
    }
    if (stats == NULL || (certificate == NULL) != (key == NULL)) {
        fprintf(stderr, "use: bench_upstream --stats FILE [--tls-certificate FILE --tls-key FILE]\n");
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);
    struct sigaction stop = {.sa_handler = request_stop};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    totals = map_counters(stats);
    poll_file = epoll_create1(EPOLL_CLOEXEC);
    if (poll_file < 0)
        fail("epoll_create1");

    int plain_port, tls_port = 0, tls_listener = -1;
    int plain_listener = listen_on_loopback(&plain_port);
    watch_listener(plain_listener, &plain_mark);
    if (certificate != NULL) {
        open_tls_context(certificate, key);
        tls_listener = listen_on_loopback(&tls_port);
        watch_listener(tls_listener, &tls_mark);
    }
    printf("listening %d %d\n", plain_port, tls_port);
    fflush(stdout);
    run(plain_listener, tls_listener);
    return 0;
}
