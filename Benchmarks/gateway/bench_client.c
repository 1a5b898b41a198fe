/* The checking client of the gateway benchmark: one thread, one epoll, plain HTTP. wrk makes the heavy load; this
 * program does what wrk cannot: it compares every byte of every answer with what the upstream sends, measures each
 * latency by itself (no correction, no histogram), and can hold thousands of connections or streams open.
 *
 *   bench_client --port P --path PATH --body FILE [--connections N] [--requests N per connection | --seconds S]
 *                [--events N --gap-milliseconds G] [--spread-milliseconds M] [--in-flight N] [--hold]
 *                [--deadline-seconds S]
 *
 * With --spread-milliseconds the connections start evenly over that time, else all at once; --in-flight bounds how
 * many are unanswered at a time. With --hold each connection makes one request and stays open (a stream: after
 * its first event); "holding" is printed when all are there, and end of file on standard input lets go.
 * Prints one JSON object; times are in microseconds. Exit 0 even when answers were wrong: the errors are counted. */
#define _GNU_SOURCE
#include "bench_http.h"
#include "bench_payload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES_MAX (256 * 1024)
#define CONNECTIONS_MAX 10000
#define READY_MAX 512
/* Latencies kept per run; a run that makes more stops early rather than forget some. */
#define SAMPLES_MAX (4u * 1024 * 1024)

typedef struct settings {
    uint16_t port;
    const char *path;
    const char *body_file;
    uint64_t connections;
    uint64_t requests;
    uint64_t seconds;
    uint64_t events;
    uint64_t gap_milliseconds;
    uint64_t spread_milliseconds;
    uint64_t in_flight;
    uint64_t deadline_seconds;
    bool is_holding;
} settings;

typedef struct samples {
    uint64_t *nanoseconds;
    size_t count;
} samples;

typedef struct tally {
    uint64_t responses;
    uint64_t events;
    uint64_t connect_errors;
    uint64_t early_closes;
    uint64_t bad_statuses;
    uint64_t malformed;
    uint64_t wrong_bytes;
    uint64_t unfinished;
} tally;

typedef struct connection {
    int file;
    enum { WAITING, SENDING, READ_HEAD, READ_BODY, HELD, OVER } phase;
    size_t sent_bytes;
    char head[BENCH_HTTP_HEAD_BYTES_MAX];
    size_t head_bytes;
    bool is_chunked;
    bench_chunked chunked;
    uint64_t length_left_bytes;
    size_t body_bytes;
    uint64_t events_seen;
    uint64_t requests_done;
    uint64_t start_nanoseconds;
    bool has_first_byte;
    bool wants_write;
} connection;

static settings given = {.path = "/v1/chat/completions", .connections = 1, .requests = 1, .deadline_seconds = 60};
static int poll_file;
static connection *connections;
static bench_slice request;
static bench_slice expected;
static tally seen;
static samples first_bytes, completions;
static uint64_t begin_nanoseconds;
static uint64_t opened_count, unanswered_count, settled_count;
static bool is_time_over;
static char read_buffer[READ_BYTES_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "bench_client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void samples_add(samples *self, uint64_t nanoseconds)
{
    self->nanoseconds[self->count++] = nanoseconds;
    if (self->count == SAMPLES_MAX)
        is_time_over = true;
}

/* ---- Connections ---- */

static void watch(connection *self, bool wants_write)
{
    if (self->wants_write == wants_write)
        return;
    self->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u), .data.ptr = self};
    if (epoll_ctl(poll_file, EPOLL_CTL_MOD, self->file, &event) < 0)
        fail("epoll_ctl");
}

/* This connection needs no more from the run: it is held, done, or failed. */
static void settle(connection *self, int phase)
{
    if (phase == OVER && self->file >= 0) {
        close(self->file);
        self->file = -1;
    }
    self->phase = phase;
    unanswered_count--;
    settled_count++;
}

static void give_up(connection *self, uint64_t *counter)
{
    (*counter)++;
    settle(self, OVER);
}

static void send_request(connection *self)
{
    ssize_t sent = send(self->file, request.bytes + self->sent_bytes, request.length - self->sent_bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        give_up(self, self->sent_bytes == 0 && self->requests_done == 0 ? &seen.connect_errors : &seen.early_closes);
        return;
    }
    self->sent_bytes += sent > 0 ? (size_t)sent : 0;
    watch(self, self->sent_bytes < request.length);
    if (self->sent_bytes == request.length)
        self->phase = READ_HEAD;
}

static void begin_request(connection *self)
{
    self->phase = SENDING;
    self->sent_bytes = 0;
    self->head_bytes = 0;
    self->body_bytes = 0;
    self->events_seen = 0;
    self->chunked = (bench_chunked){0};
    self->has_first_byte = false;
    self->start_nanoseconds = now_nanoseconds();
    send_request(self);
}

static void open_connection(connection *self)
{
    self->file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->file < 0)
        fail("socket");
    int on = 1;
    setsockopt(self->file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(given.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    opened_count++;
    unanswered_count++;
    self->start_nanoseconds = now_nanoseconds();
    if (connect(self->file, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        give_up(self, &seen.connect_errors);
        return;
    }
    self->phase = SENDING;
    self->wants_write = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = self};
    if (epoll_ctl(poll_file, EPOLL_CTL_ADD, self->file, &event) < 0)
        fail("epoll_ctl");
}

/* ---- Answers ---- */

static void end_response(connection *self)
{
    if (self->body_bytes != expected.length) {
        give_up(self, &seen.wrong_bytes);
        return;
    }
    samples_add(&completions, now_nanoseconds() - self->start_nanoseconds);
    seen.responses++;
    self->requests_done++;
    if (given.is_holding)
        settle(self, HELD);
    else if (is_time_over || (given.requests > 0 && self->requests_done == given.requests))
        settle(self, OVER);
    else
        begin_request(self);
}

/* Compares body bytes with what the upstream sends at this place. False when they differ. */
static bool check_body(connection *self, bench_slice data)
{
    if (data.length > expected.length - self->body_bytes
        || memcmp(expected.bytes + self->body_bytes, data.bytes, data.length) != 0)
        return false;
    if (!self->has_first_byte && data.length > 0) {
        self->has_first_byte = true;
        samples_add(&first_bytes, now_nanoseconds() - self->start_nanoseconds);
    }
    self->body_bytes += data.length;
    if (given.events == 0)
        return true;
    uint64_t events = self->body_bytes / BENCH_EVENT_BYTES;
    events = events < given.events ? events : given.events;
    seen.events += events - self->events_seen;
    self->events_seen = events;
    return true;
}

static void take_body(connection *self, const char *bytes, size_t length)
{
    while (length > 0) {
        bench_slice data = {bytes, length};
        size_t taken = length;
        if (self->is_chunked)
            taken = bench_chunked_take(&self->chunked, (bench_slice){bytes, length}, &data);
        else if (length > self->length_left_bytes)
            taken = 0;
        else
            self->length_left_bytes -= length;
        if (taken == 0 || self->chunked.state == BENCH_CHUNKED_MALFORMED) {
            give_up(self, &seen.malformed);
            return;
        }
        if (!check_body(self, data)) {
            give_up(self, &seen.wrong_bytes);
            return;
        }
        bytes += taken;
        length -= taken;
    }
    bool is_complete = self->is_chunked ? self->chunked.state == BENCH_CHUNKED_DONE : self->length_left_bytes == 0;
    if (is_complete)
        end_response(self);
    else if (given.is_holding && self->events_seen > 0)
        settle(self, HELD);
}

static void take_head(connection *self, const char *bytes, size_t length)
{
    size_t held = self->head_bytes;
    size_t room = sizeof self->head - held;
    size_t copied = length < room ? length : room;
    memcpy(self->head + held, bytes, copied);
    self->head_bytes += copied;
    size_t head_length = bench_http_head_length(self->head, self->head_bytes);
    if (head_length == 0) {
        if (self->head_bytes == sizeof self->head)
            give_up(self, &seen.malformed);
        return;
    }
    bench_slice head = {self->head, head_length};
    bench_slice value;
    if (strncmp(self->head, "HTTP/1.1 200 ", 13) != 0) {
        give_up(self, &seen.bad_statuses);
        return;
    }
    self->is_chunked = bench_http_find(head, "transfer-encoding", &value);
    self->length_left_bytes = 0;
    if (!self->is_chunked
        && !(bench_http_find(head, "content-length", &value) && bench_http_number(value, &self->length_left_bytes))) {
        give_up(self, &seen.malformed);
        return;
    }
    self->phase = READ_BODY;
    take_body(self, bytes + (head_length - held), length - (head_length - held));
}

static void serve(connection *self, uint32_t events)
{
    if (self->phase == OVER)
        return;
    if (self->phase == SENDING && (events & EPOLLOUT) != 0) {
        send_request(self);
        if (self->phase != READ_HEAD)
            return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    ssize_t got = recv(self->file, read_buffer, sizeof read_buffer, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (self->phase == HELD) {
        if (got <= 0) { /* it should have stayed open: counted, and no longer held */
            seen.early_closes++;
            close(self->file);
            self->file = -1;
            self->phase = OVER;
        }
        return;
    }
    if (got <= 0) {
        bool is_connecting = self->phase == SENDING && self->sent_bytes == 0 && self->requests_done == 0;
        give_up(self, is_connecting ? &seen.connect_errors : &seen.early_closes);
    } else if (self->phase == READ_BODY) {
        take_body(self, read_buffer, (size_t)got);
    } else {
        take_head(self, read_buffer, (size_t)got);
    }
}

/* ---- The run ---- */

/* Opens the connections whose time has come; returns the milliseconds until the next, at most 50. */
static int open_due_connections(void)
{
    while (opened_count < given.connections) {
        if (given.in_flight > 0 && unanswered_count >= given.in_flight)
            return 50;
        uint64_t offset = given.spread_milliseconds * 1000000u * opened_count / given.connections;
        uint64_t elapsed = now_nanoseconds() - begin_nanoseconds;
        if (elapsed < offset)
            return (int)((offset - elapsed) / 1000000u) + 1 > 50 ? 50 : (int)((offset - elapsed) / 1000000u) + 1;
        open_connection(&connections[opened_count]);
    }
    return 50;
}

static void turn(int timeout_milliseconds)
{
    struct epoll_event ready[READY_MAX];
    int ready_count = epoll_wait(poll_file, ready, READY_MAX, timeout_milliseconds);
    for (int index = 0; index < ready_count; index++)
        serve(ready[index].data.ptr, ready[index].events);
}

static void run(void)
{
    begin_nanoseconds = now_nanoseconds();
    uint64_t time_limit = given.seconds > 0 ? given.seconds * 1000000000u : UINT64_MAX;
    uint64_t deadline = (given.seconds + given.deadline_seconds) * 1000000000u;
    while (settled_count < given.connections) {
        uint64_t elapsed = now_nanoseconds() - begin_nanoseconds;
        is_time_over = is_time_over || elapsed >= time_limit;
        if (elapsed >= deadline)
            break;
        turn(open_due_connections());
    }
    seen.unfinished = given.connections - settled_count;
}

static void hold(void)
{
    printf("holding\n");
    fflush(stdout);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) != 0)
        turn(20);
}

/* ---- Start and report ---- */

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static double quantile_microseconds(const samples *self, double quantile)
{
    if (self->count == 0)
        return 0;
    size_t rank = (size_t)(quantile * (double)self->count);
    if (rank >= self->count)
        rank = self->count - 1;
    return (double)self->nanoseconds[rank] / 1000.0;
}

static void print_quantiles(const char *name, samples *self)
{
    qsort(self->nanoseconds, self->count, sizeof *self->nanoseconds, compare_numbers);
    printf("\"%s\":{\"count\":%zu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f},", name, self->count,
        quantile_microseconds(self, 0.50), quantile_microseconds(self, 0.90), quantile_microseconds(self, 0.99),
        quantile_microseconds(self, 1.0));
}

static void print_report(uint64_t end_nanoseconds)
{
    printf("{");
    print_quantiles("first_byte", &first_bytes);
    print_quantiles("complete", &completions);
    printf("\"seconds\":%.6f,\"responses\":%llu,\"events\":%llu,\"errors\":{\"connect\":%llu,\"closed\":%llu,"
           "\"status\":%llu,\"malformed\":%llu,\"wrong_bytes\":%llu,\"unfinished\":%llu}}\n",
        (double)(end_nanoseconds - begin_nanoseconds) / 1e9, (unsigned long long)seen.responses,
        (unsigned long long)seen.events, (unsigned long long)seen.connect_errors,
        (unsigned long long)seen.early_closes, (unsigned long long)seen.bad_statuses,
        (unsigned long long)seen.malformed, (unsigned long long)seen.wrong_bytes,
        (unsigned long long)seen.unfinished);
}

static void read_request(void)
{
    FILE *file = fopen(given.body_file, "rb");
    if (file == NULL)
        fail(given.body_file);
    fseek(file, 0, SEEK_END);
    long body_bytes = ftell(file);
    rewind(file);
    char *bytes = malloc(BENCH_HTTP_HEAD_BYTES_MAX + (size_t)body_bytes);
    if (bytes == NULL)
        fail("malloc");
    int length = snprintf(bytes, BENCH_HTTP_HEAD_BYTES_MAX,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer sk-bench\r\n"
        "Content-Type: application/json\r\nContent-Length: %ld\r\n",
        given.path, given.port, body_bytes);
    if (given.events > 0)
        length += snprintf(bytes + length, BENCH_HTTP_HEAD_BYTES_MAX - (size_t)length,
            "x-bench-events: %llu\r\nx-bench-gap-milliseconds: %llu\r\n", (unsigned long long)given.events,
            (unsigned long long)given.gap_milliseconds);
    memcpy(bytes + length, "\r\n", 2);
    length += 2;
    if (fread(bytes + length, 1, (size_t)body_bytes, file) != (size_t)body_bytes)
        fail(given.body_file);
    fclose(file);
    request = (bench_slice){bytes, (size_t)length + (size_t)body_bytes};
}

static void set_expectation(void)
{
    if (given.events == 0) {
        expected.bytes = bench_answer(&expected.length);
        return;
    }
    const bench_stream *stream = bench_stream_of(given.events);
    if (stream == NULL) {
        fprintf(stderr, "bench_client: --events must be 1 to %d\n", BENCH_EVENTS_MAX);
        exit(2);
    }
    expected = (bench_slice){stream->body, stream->body_bytes};
}

static bool read_options(int argument_count, char **arguments)
{
    uint64_t port = 0;
    const struct {
        const char *name;
        uint64_t *number;
        const char **text;
    } known[] = {{"port", &port, NULL}, {"path", NULL, &given.path}, {"body", NULL, &given.body_file},
        {"connections", &given.connections, NULL}, {"requests", &given.requests, NULL},
        {"seconds", &given.seconds, NULL}, {"events", &given.events, NULL},
        {"gap-milliseconds", &given.gap_milliseconds, NULL},
        {"spread-milliseconds", &given.spread_milliseconds, NULL}, {"in-flight", &given.in_flight, NULL},
        {"deadline-seconds", &given.deadline_seconds, NULL}};
    enum { KNOWN_COUNT = sizeof known / sizeof known[0] };
    struct option options[KNOWN_COUNT + 2] = {0};
    for (int index = 0; index < KNOWN_COUNT; index++)
        options[index] = (struct option){known[index].name, required_argument, NULL, index};
    options[KNOWN_COUNT] = (struct option){"hold", no_argument, NULL, KNOWN_COUNT};

    for (int option; (option = getopt_long(argument_count, arguments, "", options, NULL)) != -1;) {
        if (option == KNOWN_COUNT)
            given.is_holding = true;
        else if (option == '?')
            return false;
        else if (known[option].text != NULL)
            *known[option].text = optarg;
        else if (!bench_http_number((bench_slice){optarg, strlen(optarg)}, known[option].number))
            return false;
    }
    given.port = (uint16_t)port;
    return port > 0 && port < 65536 && given.body_file != NULL && given.connections > 0
        && given.connections <= CONNECTIONS_MAX && (given.requests > 0 || given.seconds > 0);
}

int main(int argument_count, char **arguments)
{
    if (!read_options(argument_count, arguments)) {
        fprintf(stderr, "use: bench_client --port P --body FILE [options; see the top of bench_client.c]\n");
        return 2;
    }
    read_request();
    set_expectation();
    connections = calloc(given.connections, sizeof *connections);
    first_bytes.nanoseconds = malloc(SAMPLES_MAX * sizeof(uint64_t));
    completions.nanoseconds = malloc(SAMPLES_MAX * sizeof(uint64_t));
    poll_file = epoll_create1(EPOLL_CLOEXEC);
    if (connections == NULL || first_bytes.nanoseconds == NULL || completions.nanoseconds == NULL || poll_file < 0)
        fail("set-up");

    run();
    uint64_t end_nanoseconds = now_nanoseconds();
    if (given.is_holding)
        hold();
    print_report(end_nanoseconds);
    return 0;
}
