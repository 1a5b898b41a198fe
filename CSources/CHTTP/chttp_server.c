/* chttp_server.c: the listening side: connections of clients, their requests one after another, our answers.
 *
 * A connection walks through these phases; a request is parsed out of the loop's read buffer, its body is read straight
 * into the call's memory once its length is known.
 *
 *     IDLE ─first byte─▶ HEAD ─on_head─▶ BODY ─on_request─▶ ANSWERING ─on_closed─▶ IDLE ...
 *       any of them ─refusal or early answer─▶ LINGERING (reads on, so that the answer is not lost) ─▶ closed
 *
 * What llhttp leaves to its user is done here: Host rules (RFC 9112 3.2), limits, Expect (RFC 9110 10.1.1), timeouts,
 * pipelining, half-closed clients, lingering (as RFC 9112 9.6 recommends). */
#include "chttp_int.h"

#include <llhttp.h>

#include <errno.h>
#include <stdatomic.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHTTP_FREE_CALLS_MAX 256             /* calls kept per loop for the next requests */
#define CHTTP_SMALL_BODY_BYTES (16 * 1024) /* a kept call keeps its body buffer up to this size */
#define CHTTP_FIRST_BODY_BYTES (4 * 1024)
#define CHTTP_HEAD_READ_BYTES (16 * 1024)    /* one read while a head is awaited */
#define CHTTP_CHUNK_EXTENSION_BYTES_MAX (16 * 1024)
#define CHTTP_REFUSED_OPEN_MAX 256 /* connections over the limit that are told so; more are closed without a word */

typedef enum conn_phase { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_ANSWERING, CONN_LINGERING } conn_phase;

typedef struct chttp_conn chttp_conn;
struct chttp_conn {
    chttp_stream stream; /* first */
    chttp_server *server;
    chttp_conn *next, **link;
    llhttp_t parser;
    chttp_call *call;
    char *in; /* bytes of the next request, from in_at to in_length */
    size_t in_at, in_length, in_capacity;
    size_t lingered_bytes;
    conn_phase phase;
    bool closes_after, is_blocked, is_half_closed;
    uint8_t refusal; /* set inside parser callbacks */
};

struct chttp_call {
    chttp_conn *conn;
    chttp_server *server;
    chttp_call *next_free;
    void *context;
    chttp_head head;
    uint32_t target_length; /* the target stands first in the head's block */
    chttp_bytes host;
    char *body;
    size_t body_length, body_capacity;
    uint64_t body_expected; /* UINT64_MAX: chunked */
    uint64_t began_ns, arrived_ns;
    uint64_t taken_before; /* the stream's counter when the call began */
    uint64_t answer_bytes;
    int64_t answer_left; /* of a fixed length; -1: unknown */
    chttp_segment *chunk; /* room for the size of the chunk being collected */
    size_t chunk_bytes;
    uint32_t extension_bytes;
    uint8_t method;
    bool is_announced, is_head_done, has_arrived, is_http10, has_close, has_expectation;
    bool is_started, is_ended, is_chunked, is_bodyless, is_aborted, is_raw;
};

struct chttp_server {
    uv_tcp_t listener; /* first */
    chttp_loop *loop;
    chttp_server *next, **link; /* of the loop's servers */
    chttp_conn *conns;
    uint32_t conn_count;
    chttp_server_options options;
    uint16_t port;
    bool is_draining, is_freed, is_listener_closed;
};

struct chttp_quota {
    atomic_uint open_count;
    atomic_uint owner_count;
    uint32_t connections_max;
};

static const chttp_stream_events conn_events;
static const llhttp_settings_t *parser_settings(void);
static void next_request(chttp_conn *conn);

/* --------------------------------------------------------------------------------------------------------- calls */

static chttp_call *call_new(chttp_conn *conn) {
    chttp_loop *loop = conn->stream.loop;
    chttp_server *server = conn->server;
    chttp_call *call = loop->free_calls;
    if (call) {
        loop->free_calls = call->next_free;
        loop->free_call_count--;
        chttp_head_reset(&call->head, server->options.head_bytes_max);
        chttp_head head = call->head;
        char *body = call->body;
        size_t capacity = call->body_capacity;
        memset(call, 0, sizeof *call);
        call->head = head;
        call->body = body;
        call->body_capacity = capacity;
    } else {
        call = calloc(1, sizeof *call);
        if (!call) return NULL;
        if (!chttp_head_init(&call->head, server->options.head_bytes_max)) {
            free(call);
            return NULL;
        }
    }
    call->conn = conn;
    call->server = server;
    call->answer_left = -1;
    call->began_ns = uv_hrtime();
    call->taken_before = chttp_stream_taken(&conn->stream);
    loop->counts.downstream_calls++;
    return call;
}

static void call_free(chttp_loop *loop, chttp_call *call) {
    loop->counts.downstream_calls--;
    if (call->body_capacity > CHTTP_SMALL_BODY_BYTES) {
        chttp_buffer_give(loop, call->body, call->body_capacity);
        call->body = NULL;
        call->body_capacity = 0;
    }
    if (loop->free_call_count < CHTTP_FREE_CALLS_MAX && call->head.capacity <= 16 * 1024) {
        call->next_free = loop->free_calls;
        loop->free_calls = call;
        loop->free_call_count++;
        return;
    }
    chttp_head_deinit(&call->head);
    free(call->body);
    free(call);
}

void chttp_server_free_pools(chttp_loop *loop) {
    while (loop->free_calls) {
        chttp_call *next = loop->free_calls->next_free;
        chttp_head_deinit(&loop->free_calls->head);
        free(loop->free_calls->body);
        free(loop->free_calls);
        loop->free_calls = next;
    }
    loop->free_call_count = 0;
}

/* Takes the call off its connection and tells its user that it is over; the user may free the server inside. */
static void close_call(chttp_conn *conn, chttp_call_outcome outcome) {
    chttp_call *call = conn->call;
    if (!call) return;
    chttp_server *server = conn->server;
    conn->call = NULL;
    conn->is_blocked = false;
    if (call->is_announced) server->options.callbacks.on_closed(server->options.callbacks.context, call, outcome);
    call_free(conn->stream.loop, call);
}

/* --------------------------------------------------------------------------------------------------- connections */

static chttp_conn *conn_of(chttp_deadline *deadline) {
    return (chttp_conn *)((char *)deadline - offsetof(chttp_conn, stream) - offsetof(chttp_stream, deadline));
}

static void set_deadline(chttp_conn *conn, uint32_t in_ms) {
    chttp_deadline_set(conn->stream.loop, &conn->stream.deadline, in_ms);
}

static void close_conn(chttp_conn *conn, chttp_call_outcome outcome) {
    if (conn->stream.is_closing) return;
    bool is_reset = outcome == CHTTP_CALL_ABORTED || outcome == CHTTP_CALL_STALLED;
    close_call(conn, outcome);
    if (is_reset) chttp_stream_reset(&conn->stream);
    else chttp_stream_close(&conn->stream);
}

/* The answer is on its way but the client may still be sending: closing now would reset the connection under it. */
static void linger(chttp_conn *conn) {
    if (conn->stream.is_closing) return;
    conn->phase = CONN_LINGERING;
    chttp_stream_shut(&conn->stream);
    if (conn->stream.is_closing) return;
    if (conn->stream.has_ended) {
        close_conn(conn, CHTTP_CALL_ANSWERED);
        return;
    }
    set_deadline(conn, CHTTP_LINGER_MS);
    chttp_stream_read(&conn->stream);
}

static void refuse(chttp_conn *conn, chttp_refusal reason) {
    chttp_server *server = conn->server;
    chttp_call *call = conn->call;
    if (call && (call->is_started || call->is_aborted)) { /* answered early, the rest is broken: nothing to add */
        conn->closes_after = true;
        return;
    }
    chttp_bytes fields = {0}, body = {0}, target = {0};
    if (call) target = (chttp_bytes){call->head.block, call->target_length};
    uint16_t status = server->options.callbacks.on_refused(
        server->options.callbacks.context, reason, target, &fields, &body);
    if (status != 0) {
        char head[256];
        int length = snprintf(head, sizeof head, "HTTP/1.1 %u %s\r\ncontent-length: %zu\r\nconnection: close\r\n",
            status, chttp_phrase_of(status), body.length);
        chttp_stream_copy(&conn->stream, head, (size_t)length);
        chttp_stream_copy(&conn->stream, fields.data, fields.length);
        chttp_stream_copy(&conn->stream, "\r\n", 2);
        if (!call || conn->parser.method != HTTP_HEAD) chttp_stream_copy(&conn->stream, body.data, body.length);
        chttp_stream_flush(&conn->stream);
    }
    if (conn->stream.is_closing) return;
    close_call(conn, CHTTP_CALL_REFUSED);
    if (status == 0) chttp_stream_close(&conn->stream);
    else linger(conn);
}

/* Writing has taken write_ms: goes on if the client took anything of it. */
static void check_stall(chttp_conn *conn) {
    if (chttp_stream_unsent(&conn->stream) == 0) return;
    uint64_t taken = chttp_stream_taken(&conn->stream);
    if (taken == conn->stream.taken_before) {
        close_conn(conn, CHTTP_CALL_STALLED);
        return;
    }
    conn->stream.taken_before = taken;
    set_deadline(conn, conn->server->options.write_ms);
}

static void on_deadline(chttp_deadline *deadline) {
    chttp_conn *conn = conn_of(deadline);
    switch (conn->phase) {
    case CONN_IDLE:
    case CONN_LINGERING: close_conn(conn, CHTTP_CALL_ANSWERED); break;
    case CONN_HEAD: refuse(conn, CHTTP_REFUSED_TIMEOUT); break;
    case CONN_BODY:
        if (conn->call->is_started) check_stall(conn);
        else refuse(conn, CHTTP_REFUSED_TIMEOUT);
        break;
    case CONN_ANSWERING: check_stall(conn); break;
    }
    chttp_loop_flush(conn->stream.loop);
}

static void server_try_free(chttp_server *server) {
    if (!server->is_freed || !server->is_listener_closed || server->conn_count) return;
    chttp_quota_free(server->options.quota);
    free(server);
}

static void conn_closed(chttp_stream *stream) {
    chttp_conn *conn = (chttp_conn *)stream;
    chttp_server *server = conn->server;
    *conn->link = conn->next;
    if (conn->next) conn->next->link = conn->link;
    stream->loop->counts.downstream_open--;
    server->conn_count--;
    atomic_fetch_sub_explicit(&server->options.quota->open_count, 1, memory_order_relaxed);
    free(conn->in);
    free(conn);
    server_try_free(server);
}

/* ------------------------------------------------------------------------------------------------------- parsing */

static int fail(llhttp_t *parser, chttp_refusal reason) {
    ((chttp_conn *)parser->data)->refusal = (uint8_t)reason;
    return HPE_USER;
}

static int on_begin(llhttp_t *parser) {
    chttp_conn *conn = parser->data;
    conn->call = call_new(conn);
    if (!conn->call) return fail(parser, CHTTP_REFUSED_MEMORY);
    conn->phase = CONN_HEAD;
    set_deadline(conn, conn->server->options.head_ms);
    return 0;
}

static int on_url(llhttp_t *parser, const char *data, size_t length) {
    chttp_call *call = ((chttp_conn *)parser->data)->call;
    if (!chttp_head_add_bytes(&call->head, data, length)) return fail(parser, CHTTP_REFUSED_HEAD_TOO_BIG);
    call->target_length += (uint32_t)length;
    return 0;
}

static int on_name(llhttp_t *parser, const char *data, size_t length) {
    chttp_call *call = ((chttp_conn *)parser->data)->call;
    if (call->is_head_done) { /* a trailer: read and dropped */
        call->extension_bytes += (uint32_t)length;
        return call->extension_bytes > CHTTP_CHUNK_EXTENSION_BYTES_MAX ? fail(parser, CHTTP_REFUSED_HEAD_TOO_BIG) : 0;
    }
    return chttp_head_add_name(&call->head, data, length) ? 0 : fail(parser, CHTTP_REFUSED_HEAD_TOO_BIG);
}

static int on_value(llhttp_t *parser, const char *data, size_t length) {
    chttp_call *call = ((chttp_conn *)parser->data)->call;
    if (call->is_head_done) return on_name(parser, data, length);
    return chttp_head_add_value(&call->head, data, length) ? 0 : fail(parser, CHTTP_REFUSED_HEAD_TOO_BIG);
}

static int on_value_complete(llhttp_t *parser) {
    ((chttp_conn *)parser->data)->call->head.value_open = true; /* also when the value was empty */
    return 0;
}

static int on_chunk_extension(llhttp_t *parser, const char *data, size_t length) {
    return on_name(parser, data, length);
}

/* RFC 3986 host [":" port], checked as far as characters go. */
static bool is_host(chttp_bytes host) {
    if (host.length == 0 || host.length > 512) return false;
    for (size_t i = 0; i < host.length; i++) {
        unsigned char c = (unsigned char)host.data[i];
        if (c <= ' ' || c >= 0x7f || strchr("/?#@\\\"<>^`{|},", c)) return false;
    }
    return true;
}

/* Absolute-form (RFC 9112 3.2.2): the target's authority counts, whatever Host says. */
static bool authority_of(chttp_bytes target, chttp_bytes *out) {
    const char *colon = memchr(target.data, ':', target.length);
    if (target.length == 0 || target.data[0] == '/' || !colon) return false;
    size_t at = (size_t)(colon - target.data) + 1;
    if (target.length - at < 2 || target.data[at] != '/' || target.data[at + 1] != '/') return false;
    const char *start = target.data + at + 2, *end = target.data + target.length, *stop = start;
    while (stop < end && *stop != '/' && *stop != '?') stop++;
    *out = (chttp_bytes){start, (size_t)(stop - start)};
    return true;
}

/* What RFC 9112 asks of a head beyond its syntax. 0: fine. */
static chttp_refusal check_head(chttp_call *call, llhttp_t *parser) {
    unsigned host_count = 0, length_count = 0, coding_count = 0;
    if (parser->http_major != 1) return CHTTP_REFUSED_VERSION;
    call->is_http10 = parser->http_minor == 0;
    for (uint32_t i = 0; i < call->head.count; i++) {
        const chttp_field *field = &call->head.fields[i];
        chttp_bytes value = {call->head.block + field->value_at, field->value_length};
        switch (field->kind) {
        case CHTTP_FIELD_HOST:
            host_count++;
            call->host = value;
            break;
        case CHTTP_FIELD_CONTENT_LENGTH: length_count++; break;
        case CHTTP_FIELD_TRANSFER_ENCODING:
            coding_count++;
            if (!chttp_name_equals(value.data, value.length, "chunked", 7)) return CHTTP_REFUSED_FRAMING;
            break;
        case CHTTP_FIELD_EXPECT:
            if (!chttp_name_equals(value.data, value.length, "100-continue", 12)) return CHTTP_REFUSED_EXPECTATION;
            call->has_expectation = !call->is_http10;
            break;
        default: break;
        }
    }
    if (length_count > 1 || coding_count > 1 || (length_count && coding_count)) return CHTTP_REFUSED_FRAMING;
    if (coding_count && call->is_http10) return CHTTP_REFUSED_FRAMING;
    if (host_count > 1 || (host_count == 0 && !call->is_http10)) return CHTTP_REFUSED_HOST;
    chttp_bytes authority;
    if (authority_of((chttp_bytes){call->head.block, call->target_length}, &authority)) call->host = authority;
    if ((host_count || call->host.length) && !is_host(call->host)) return CHTTP_REFUSED_HOST;
    return 0;
}

static int on_head_complete(llhttp_t *parser) {
    chttp_conn *conn = parser->data;
    chttp_call *call = conn->call;
    chttp_server *server = conn->server;
    if (!chttp_head_finish(&call->head)) return fail(parser, CHTTP_REFUSED_MALFORMED);
    call->is_head_done = true;
    call->method = parser->method;
    chttp_refusal refusal = check_head(call, parser);
    if (refusal) return fail(parser, refusal);

    bool is_chunked = (parser->flags & F_CHUNKED) != 0;
    call->body_expected = is_chunked ? UINT64_MAX : parser->flags & F_CONTENT_LENGTH ? parser->content_length : 0;
    call->has_close = !llhttp_should_keep_alive(parser);
    if (call->has_close || call->is_http10 || server->is_draining) conn->closes_after = true;
    if (call->method == HTTP_CONNECT) conn->closes_after = true; /* what follows is no request (RFC 9110 9.3.6) */
    conn->phase = CONN_BODY;
    set_deadline(conn, server->options.body_ms);

    call->is_announced = true;
    server->options.callbacks.on_head(server->options.callbacks.context, call);
    if (conn->stream.is_closing) return HPE_USER; /* the server was freed inside */
    if (call->is_started || call->is_aborted) return 0;
    if (!is_chunked && call->body_expected > server->options.body_bytes_max) {
        return fail(parser, CHTTP_REFUSED_BODY_TOO_BIG);
    }
    return 0;
}

/* Makes room for `length` more bytes of the body; a known length is reserved whole, once. */
static bool reserve_body(chttp_call *call, size_t length) {
    size_t needed = call->body_length + length;
    if (needed <= call->body_capacity) return true;
    chttp_loop *loop = call->server->loop;
    size_t capacity = call->body_capacity ? call->body_capacity : CHTTP_FIRST_BODY_BYTES;
    while (capacity < needed) capacity += capacity / 2;
    bool is_known = call->body_expected != UINT64_MAX;
    if (is_known && capacity <= call->body_expected) capacity = (size_t)call->body_expected + 1;
    char *body = capacity > CHTTP_SMALL_BODY_BYTES ? chttp_buffer_take(loop, capacity, &capacity) : malloc(capacity);
    if (!body) return false;
    if (call->body_length) memcpy(body, call->body, call->body_length);
    if (call->body_capacity > CHTTP_SMALL_BODY_BYTES) chttp_buffer_give(loop, call->body, call->body_capacity);
    else free(call->body);
    call->body = body;
    call->body_capacity = capacity;
    return true;
}

static int on_body(llhttp_t *parser, const char *data, size_t length) {
    chttp_conn *conn = parser->data;
    chttp_call *call = conn->call;
    if (call->is_started || call->is_aborted) return 0; /* answered early: the rest is read and dropped */
    if (call->body_length + length > conn->server->options.body_bytes_max) {
        return fail(parser, CHTTP_REFUSED_BODY_TOO_BIG);
    }
    if (data != call->body + call->body_length) {
        if (!reserve_body(call, length)) return fail(parser, CHTTP_REFUSED_MEMORY);
        memcpy(call->body + call->body_length, data, length);
    }
    call->body_length += length;
    return 0;
}

static int on_complete(llhttp_t *parser) {
    ((chttp_conn *)parser->data)->call->has_arrived = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t *parser_settings(void) {
    static const llhttp_settings_t settings = {
        .on_message_begin = on_begin,
        .on_url = on_url,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_header_value_complete = on_value_complete,
        .on_headers_complete = on_head_complete,
        .on_body = on_body,
        .on_message_complete = on_complete,
        .on_chunk_extension_name = on_chunk_extension,
        .on_chunk_extension_value = on_chunk_extension,
    };
    return &settings;
}

static chttp_refusal refusal_of(const chttp_conn *conn, llhttp_errno_t error) {
    if (conn->refusal) return (chttp_refusal)conn->refusal;
    switch (error) {
    case HPE_INVALID_METHOD: return CHTTP_REFUSED_METHOD;
    case HPE_INVALID_VERSION: /* also what does not end its line as it should */
        return conn->parser.http_major == 1 && conn->parser.http_minor <= 1 ? CHTTP_REFUSED_MALFORMED
                                                                            : CHTTP_REFUSED_VERSION;
    case HPE_PAUSED_H2_UPGRADE: return CHTTP_REFUSED_VERSION;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
    case HPE_INVALID_CHUNK_SIZE: return CHTTP_REFUSED_FRAMING;
    default: return CHTTP_REFUSED_MALFORMED;
    }
}

static void request_arrived(chttp_conn *conn) {
    chttp_call *call = conn->call;
    conn->phase = CONN_ANSWERING;
    call->arrived_ns = uv_hrtime();
    chttp_deadline_clear(&conn->stream.deadline);
    if (call->is_started || call->is_aborted) return;
    conn->server->options.callbacks.on_request(conn->server->options.callbacks.context, call);
}

/* Feeds bytes to the parser up to the end of one request; returns how many it took. */
static size_t feed(chttp_conn *conn, const char *data, size_t length) {
    llhttp_errno_t error = llhttp_execute(&conn->parser, data, length);
    if (conn->stream.is_closing) return length;
    if (error == HPE_OK) {
        chttp_call *call = conn->call;
        if (!call) return length;
        if (!call->is_head_done) return length;
        if (call->is_started) return length; /* from now on only writing is timed */
        set_deadline(conn, conn->server->options.body_ms);
        if (call->has_expectation && call->body_length == 0) {
            call->has_expectation = false;
            chttp_stream_copy(&conn->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        }
        return length;
    }
    if ((error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE) && conn->call && conn->call->has_arrived) {
        size_t taken = (size_t)(llhttp_get_error_pos(&conn->parser) - data);
        request_arrived(conn);
        return taken;
    }
    refuse(conn, refusal_of(conn, error));
    return length;
}

static bool keep_for_later(chttp_conn *conn, const char *data, size_t length) {
    size_t held = conn->in_length - conn->in_at;
    if (held + length > conn->in_capacity) {
        size_t capacity = held + length < 2048 ? 4096 : 2 * (held + length);
        char *in = malloc(capacity);
        if (!in) return false;
        if (held) memcpy(in, conn->in + conn->in_at, held);
        free(conn->in);
        conn->in = in;
        conn->in_capacity = capacity;
    } else if (conn->in_at) {
        memmove(conn->in, conn->in + conn->in_at, held);
    }
    memcpy(conn->in + held, data, length);
    conn->in_at = 0;
    conn->in_length = held + length;
    if (conn->in_length > CHTTP_PIPELINED_BYTES_MAX) chttp_stream_stop_reading(&conn->stream);
    return true;
}

/* A head is looked for in a short read, so that little of a large body has to be moved; the rest of a body of known
 * length is read where it belongs. One byte more than expected is offered, so that a read that completes the body does
 * not fill its buffer: libuv would take that for a sign of more and read once for nothing. */
static char *conn_place(chttp_stream *stream, size_t *out_size) {
    chttp_conn *conn = (chttp_conn *)stream;
    chttp_call *call = conn->call;
    if (conn->phase == CONN_IDLE || conn->phase == CONN_HEAD) {
        *out_size = CHTTP_HEAD_READ_BYTES;
        return stream->loop->read_buffer;
    }
    if (conn->phase != CONN_BODY || !call || call->is_started || call->body_expected == UINT64_MAX) return NULL;
    uint64_t left = call->body_expected - call->body_length;
    if (left == 0 || !reserve_body(call, (size_t)left + 1)) return NULL;
    *out_size = (size_t)left + 1;
    return call->body + call->body_length;
}

static void conn_data(chttp_stream *stream, const char *data, size_t length) {
    chttp_conn *conn = (chttp_conn *)stream;
    if (conn->phase == CONN_LINGERING) {
        conn->lingered_bytes += length;
        if (conn->lingered_bytes > CHTTP_LINGER_BYTES_MAX) close_conn(conn, CHTTP_CALL_ANSWERED);
        return;
    }
    size_t taken = 0;
    if (conn->phase != CONN_ANSWERING) taken = feed(conn, data, length);
    if (taken < length && !conn->stream.is_closing && conn->phase != CONN_LINGERING) {
        if (!keep_for_later(conn, data + taken, length - taken)) close_conn(conn, CHTTP_CALL_CLIENT_LEFT);
    }
}

static void conn_end(chttp_stream *stream, int uv_error) {
    chttp_conn *conn = (chttp_conn *)stream;
    /* A client that announced its last request may close its sending side and still wait for the answer. One that
     * did not has left: an agent that is interrupted closes its socket, and every further token costs its owner. */
    bool may_wait = uv_error == UV_EOF && conn->phase == CONN_ANSWERING && conn->call
        && (conn->call->has_close || conn->call->is_http10);
    if (may_wait) {
        conn->is_half_closed = true;
        return;
    }
    close_conn(conn, CHTTP_CALL_CLIENT_LEFT);
}

static void conn_write_error(chttp_stream *stream, int uv_error) {
    close_conn((chttp_conn *)stream, CHTTP_CALL_CLIENT_LEFT);
}

/* Takes the next request from what was kept. */
static void next_request(chttp_conn *conn) {
    while (conn->phase != CONN_ANSWERING && conn->phase != CONN_LINGERING && conn->in_at < conn->in_length) {
        conn->in_at += feed(conn, conn->in + conn->in_at, conn->in_length - conn->in_at);
        if (conn->stream.is_closing) return;
    }
    if (conn->in && conn->in_at == conn->in_length) {
        free(conn->in);
        conn->in = NULL;
        conn->in_at = conn->in_length = conn->in_capacity = 0;
    }
    if (conn->in_length - conn->in_at <= CHTTP_PIPELINED_BYTES_MAX) chttp_stream_read(&conn->stream);
}

/* The answer is whole and the kernel has it. */
static void finish_call(chttp_conn *conn) {
    chttp_call *call = conn->call;
    bool is_read_whole = call->has_arrived;
    bool closes = conn->closes_after || conn->server->is_draining || call->is_raw;
    close_call(conn, CHTTP_CALL_ANSWERED);
    if (conn->stream.is_closing) return;
    if (closes || conn->is_half_closed) {
        bool is_all_read = is_read_whole && conn->in_at == conn->in_length;
        if (is_all_read) chttp_stream_close(&conn->stream);
        else linger(conn);
        return;
    }
    conn->phase = CONN_IDLE;
    llhttp_reset(&conn->parser);
    set_deadline(conn, conn->server->options.idle_ms);
    next_request(conn);
}

/* The common case of a stream, one piece of one read: its frame is written around it in the read buffer, over the frame
 * it came in, which has been parsed. It then leaves as one piece. */
static bool close_chunk_in_place(chttp_call *call) {
    static const char digits[] = "0123456789abcdef";
    chttp_stream *stream = &call->conn->stream;
    chttp_segment *data = call->chunk->next;
    const char *buffer = stream->loop->read_buffer;
    if (stream->plain.first != call->chunk || !data || data != stream->plain.last) return false;
    if (data->data < buffer || data->data >= buffer + CHTTP_READ_BUFFER_BYTES) return false;
    char *at = (char *)data->data;
    size_t bytes = data->length;
    memcpy(at + bytes, "\r\n", 2);
    *--at = '\n';
    *--at = '\r';
    do *--at = digits[bytes & 15];
    while (bytes >>= 4);
    data->length += (size_t)(data->data - at) + 2;
    data->data = at;
    stream->plain.first = data;
    stream->plain.bytes = data->length;
    call->chunk = NULL;
    call->chunk_bytes = 0;
    return true;
}

/* The chunk that was collected since the last flush gets its size in front and its line end behind. */
static void close_chunk(chttp_call *call, bool is_last) {
    static const char digits[] = "0123456789abcdef";
    chttp_stream *stream = &call->conn->stream;
    if (call->chunk && !is_last && close_chunk_in_place(call)) return;
    if (call->chunk) {
        char *room = (char *)call->chunk->data;
        size_t at = call->chunk->length, bytes = call->chunk_bytes;
        room[--at] = '\n';
        room[--at] = '\r';
        do room[--at] = digits[bytes & 15];
        while (bytes >>= 4);
        chttp_stream_trim_front(stream, call->chunk, at);
        call->chunk = NULL;
        call->chunk_bytes = 0;
        chttp_stream_put(stream, "\r\n0\r\n\r\n", is_last ? 7 : 2);
    } else if (is_last) {
        chttp_stream_put(stream, "0\r\n\r\n", 5);
    }
}

static void conn_before_flush(chttp_stream *stream) {
    chttp_call *call = ((chttp_conn *)stream)->call;
    if (call && call->chunk) close_chunk(call, false);
}

static void conn_after_flush(chttp_stream *stream) {
    chttp_conn *conn = (chttp_conn *)stream;
    chttp_call *call = conn->call;
    if (!call) return;
    if (call->is_aborted) {
        close_conn(conn, CHTTP_CALL_ABORTED);
        return;
    }
    size_t unsent = chttp_stream_unsent(stream);
    if (call->is_ended && unsent == 0) {
        finish_call(conn);
        return;
    }
    if (conn->is_blocked && unsent <= CHTTP_LOW_WATER_BYTES) {
        conn->is_blocked = false;
        conn->server->options.callbacks.on_drained(conn->server->options.callbacks.context, call);
    }
    if (conn->phase != CONN_ANSWERING && !call->is_started) return;
    if (unsent == 0) {
        chttp_deadline_clear(&stream->deadline);
    } else if (stream->deadline.at_ms == 0) {
        stream->taken_before = chttp_stream_taken(stream);
        set_deadline(conn, conn->server->options.write_ms);
    }
}

static const chttp_stream_events conn_events = {
    .place = conn_place,
    .on_data = conn_data,
    .on_end = conn_end,
    .before_flush = conn_before_flush,
    .after_flush = conn_after_flush,
    .on_write_error = conn_write_error,
    .on_closed = conn_closed,
};

/* ----------------------------------------------------------------------------------------------------- accepting */

chttp_quota *chttp_quota_new(uint32_t connections_max) {
    chttp_quota *quota = malloc(sizeof *quota);
    if (!quota) return NULL;
    atomic_init(&quota->open_count, 0);
    atomic_init(&quota->owner_count, 1);
    quota->connections_max = connections_max;
    return quota;
}

void chttp_quota_free(chttp_quota *quota) {
    if (atomic_fetch_sub_explicit(&quota->owner_count, 1, memory_order_acq_rel) == 1) free(quota);
}

static void accept_one(chttp_server *server) {
    chttp_loop *loop = server->loop;
    chttp_conn *conn = calloc(1, sizeof *conn);
    if (!conn || !chttp_stream_init(&conn->stream, loop, &conn_events)) {
        free(conn);
        return;
    }
    conn->server = server;
    conn->stream.deadline.expired = on_deadline;
    conn->next = server->conns;
    conn->link = &server->conns;
    if (conn->next) conn->next->link = &conn->next;
    server->conns = conn;
    server->conn_count++;
    uint32_t open_count = atomic_fetch_add_explicit(&server->options.quota->open_count, 1, memory_order_relaxed) + 1;
    loop->counts.downstream_open++;
    llhttp_init(&conn->parser, HTTP_REQUEST, parser_settings());
    conn->parser.data = conn;

    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&conn->stream.tcp) != 0
        || (server->options.tls && !chttp_stream_start_tls(&conn->stream, server->options.tls, NULL))) {
        chttp_stream_close(&conn->stream);
        return;
    }
    uv_tcp_nodelay(&conn->stream.tcp, 1);
    if (open_count > server->options.quota->connections_max) {
        uint32_t excess = open_count - server->options.quota->connections_max;
        if (server->options.tls || excess > CHTTP_REFUSED_OPEN_MAX) {
            chttp_stream_close(&conn->stream);
            return;
        }
        refuse(conn, CHTTP_REFUSED_CONNECTIONS);
        chttp_loop_flush(loop);
    } else {
        set_deadline(conn, server->options.tls ? server->options.head_ms : server->options.idle_ms);
        chttp_stream_read(&conn->stream);
    }
}

/* An error (file descriptors ran out) needs nothing: libuv has shed that connection and goes on listening. */
static void on_connection(uv_stream_t *listener, int status) {
    chttp_server *server = (chttp_server *)listener;
    if (status == 0 && !server->is_draining) accept_one(server);
}

/* Binds without sharing first: with SO_REUSEPORT alone a second gateway would quietly take half the connections. */
static int is_port_free(const struct addrinfo *address) {
    int probe = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;
    if (probe < 0) return errno;
    setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(probe, address->ai_addr, address->ai_addrlen) != 0) error = errno;
    close(probe);
    return error;
}

static int open_listener(const chttp_server_options *options, int *out_errno) {
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    snprintf(port, sizeof port, "%u", options->port);
    if (getaddrinfo(options->host, port, &hints, &found) != 0 || !found) {
        *out_errno = 0;
        return -1;
    }
    int error = options->shares_port && options->port ? 0 : options->port ? is_port_free(found) : 0;
    int file = error ? -1 : socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file >= 0) {
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        setsockopt(file, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
        if (found->ai_family == AF_INET6) setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
        if (bind(file, found->ai_addr, found->ai_addrlen) != 0) {
            error = errno;
            close(file);
            file = -1;
        }
    } else if (!error) {
        error = errno;
    }
    freeaddrinfo(found);
    *out_errno = error;
    return file;
}

static uint16_t port_of(int file) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(file, (struct sockaddr *)&address, &length) != 0) return 0;
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    if (address.ss_family != AF_INET) return 0;
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

chttp_server *chttp_server_new(chttp_loop *loop, const chttp_server_options *options, int *out_errno) {
    int file = options->listen_fd >= 0 ? options->listen_fd : open_listener(options, out_errno);
    if (file < 0) return NULL;
    chttp_server *server = calloc(1, sizeof *server);
    if (!server || uv_tcp_init(&loop->uv, &server->listener) != 0) {
        free(server);
        close(file);
        *out_errno = ENOMEM;
        return NULL;
    }
    server->loop = loop;
    server->options = *options;
    server->options.host = NULL;
    atomic_fetch_add_explicit(&options->quota->owner_count, 1, memory_order_relaxed);
    server->port = port_of(file);
    server->next = loop->servers;
    server->link = &loop->servers;
    if (server->next) server->next->link = &server->next;
    loop->servers = server;
    int error = uv_tcp_open(&server->listener, file);
    if (error != 0) close(file);
    else error = uv_listen((uv_stream_t *)&server->listener, (int)options->backlog, on_connection);
    if (error != 0) {
        *out_errno = -error;
        chttp_server_free(server);
        return NULL;
    }
    return server;
}

uint16_t chttp_server_port(const chttp_server *server) { return server->port; }

static void listener_closed(uv_handle_t *handle) {
    chttp_server *server = (chttp_server *)handle;
    server->is_listener_closed = true;
    server_try_free(server);
}

static void close_listener(chttp_server *server) {
    uv_handle_t *listener = (uv_handle_t *)&server->listener;
    if (!uv_is_closing(listener)) uv_close(listener, listener_closed);
}

void chttp_server_drain(chttp_server *server) {
    server->is_draining = true;
    close_listener(server);
    for (chttp_conn *conn = server->conns, *next; conn; conn = next) {
        next = conn->next;
        if (conn->phase == CONN_IDLE) close_conn(conn, CHTTP_CALL_ANSWERED);
        else conn->closes_after = true;
    }
}

void chttp_server_free(chttp_server *server) {
    server->is_draining = true;
    server->is_freed = true;
    *server->link = server->next;
    if (server->next) server->next->link = server->link;
    close_listener(server);
    for (chttp_conn *conn = server->conns, *next; conn; conn = next) {
        next = conn->next;
        close_conn(conn, CHTTP_CALL_ABORTED);
    }
    server_try_free(server); /* a drained server may have nothing left that would do it */
}

static void on_closed_unheard(void *context, chttp_call *call, chttp_call_outcome outcome) {}

void chttp_server_free_all(chttp_loop *loop) {
    while (loop->servers) {
        loop->servers->options.callbacks.on_closed = on_closed_unheard;
        chttp_server_free(loop->servers);
    }
}

/* -------------------------------------------------------------------------------------------- answering: the door */

void chttp_call_set_context(chttp_call *call, void *context) { call->context = context; }
void *chttp_call_context(const chttp_call *call) { return call->context; }
chttp_loop *chttp_call_loop(const chttp_call *call) { return call->server->loop; }
chttp_bytes chttp_call_target(const chttp_call *call) { return (chttp_bytes){call->head.block, call->target_length}; }
chttp_bytes chttp_call_host(const chttp_call *call) { return call->host; }
const chttp_head *chttp_call_head(const chttp_call *call) { return &call->head; }
chttp_bytes chttp_call_body(const chttp_call *call) { return (chttp_bytes){call->body, call->body_length}; }
uint64_t chttp_call_began(const chttp_call *call) { return call->began_ns; }
uint64_t chttp_call_arrived(const chttp_call *call) { return call->arrived_ns; }
uint64_t chttp_call_body_bytes_written(const chttp_call *call) { return call->answer_bytes; }

chttp_bytes chttp_call_method(const chttp_call *call) {
    const char *name = llhttp_method_name((llhttp_method_t)call->method);
    return (chttp_bytes){name, strlen(name)};
}

uint64_t chttp_call_bytes_sent(const chttp_call *call) {
    return chttp_stream_taken(&call->conn->stream) - call->taken_before;
}

void chttp_call_release_body(chttp_call *call) {
    if (call->body_capacity > CHTTP_SMALL_BODY_BYTES) {
        chttp_buffer_give(call->server->loop, call->body, call->body_capacity);
        call->body = NULL;
        call->body_capacity = 0;
    }
    call->body_length = 0;
}

char *chttp_call_take_body(chttp_call *call, size_t *out_length) {
    char *body = call->body;
    *out_length = call->body_length;
    if (call->body_capacity > CHTTP_SMALL_BODY_BYTES) call->server->loop->held_bytes -= call->body_capacity;
    call->body = NULL;
    call->body_length = call->body_capacity = 0;
    return body;
}

/* RFC 9110 6.6.1, made once a second. */
static chttp_bytes date_line(chttp_loop *loop) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if ((uint64_t)now.tv_sec != loop->date_second) {
        struct tm parts;
        gmtime_r(&now.tv_sec, &parts);
        static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char *const months[] = {
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        snprintf(loop->date, sizeof loop->date, "date: %s, %02u %s %04u %02u:%02u:%02u GMT\r\n",
            days[parts.tm_wday % 7], (unsigned)parts.tm_mday % 100, months[parts.tm_mon % 12],
            (unsigned)(parts.tm_year + 1900) % 10000, (unsigned)parts.tm_hour % 100, (unsigned)parts.tm_min % 100,
            (unsigned)parts.tm_sec % 100);
        loop->date_second = (uint64_t)now.tv_sec;
    }
    return (chttp_bytes){loop->date, strlen(loop->date)};
}

static char *append(char *out, const char *text, size_t length) {
    memcpy(out, text, length);
    return out + length;
}
#define APPEND(out, text) append(out, text, sizeof text - 1)

static char *append_number(char *out, uint64_t number) {
    char digits[20];
    size_t count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count) *out++ = digits[--count];
    return out;
}

void chttp_call_start(chttp_call *call, const chttp_answer *answer) {
    chttp_conn *conn = call->conn;
    if (call->is_started || call->is_aborted || conn->stream.is_closing) return;
    const char *phrase = chttp_phrase_of(answer->status);
    chttp_bytes reason = answer->reason.length ? answer->reason : (chttp_bytes){phrase, strlen(phrase)};
    size_t bound = 256 + reason.length + chttp_head_emit_bound(answer->fields_of) + answer->fields.length;
    char *head = chttp_arena_add(conn->stream.loop, bound), *out = head;
    if (!head) {
        chttp_call_abort(call);
        return;
    }
    bool is_empty = answer->status == 204 || answer->status == 304;
    call->is_started = true;
    chttp_deadline_clear(&conn->stream.deadline);
    call->is_bodyless = is_empty || call->method == HTTP_HEAD;
    if (!call->has_arrived && call->body_expected != 0) conn->closes_after = true;

    out = APPEND(out, "HTTP/1.1 ");
    out = append_number(out, answer->status);
    *out++ = ' ';
    out = append(out, reason.data, reason.length);
    out = APPEND(out, "\r\n");
    if (answer->fields_of) {
        out = chttp_head_emit(answer->fields_of, answer->fields_less, out);
    } else {
        chttp_bytes date = date_line(conn->stream.loop);
        out = append(out, date.data, date.length);
    }
    if (answer->fields.length) out = append(out, answer->fields.data, answer->fields.length);
    if (answer->content_length >= 0) {
        if (answer->status != 204) {
            out = APPEND(out, "content-length: ");
            out = append_number(out, (uint64_t)answer->content_length);
            out = APPEND(out, "\r\n");
        }
        call->answer_left = answer->content_length;
    } else if (!call->is_bodyless && call->is_http10) {
        conn->closes_after = true;
    } else if (!call->is_bodyless) {
        call->is_chunked = true;
        out = APPEND(out, "transfer-encoding: chunked\r\n");
    }
    if (conn->closes_after || conn->server->is_draining) out = APPEND(out, "connection: close\r\n");
    out = APPEND(out, "\r\n");
    chttp_stream_put(&conn->stream, head, (size_t)(out - head));
}

bool chttp_call_write(chttp_call *call, const char *data, size_t length) {
    chttp_conn *conn = call->conn;
    if (!call->is_started || call->is_ended || call->is_aborted || conn->stream.is_closing) return true;
    if (length == 0 || call->is_bodyless) return true;
    if (call->answer_left >= 0) {
        if ((uint64_t)length > (uint64_t)call->answer_left) length = (size_t)call->answer_left;
        call->answer_left -= (int64_t)length;
    }
    if (call->is_chunked && !call->chunk) {
        call->chunk = chttp_stream_put_room(&conn->stream, 18);
        if (!call->chunk) {
            chttp_call_abort(call);
            return true;
        }
    }
    if (!chttp_stream_copy(&conn->stream, data, length)) {
        chttp_call_abort(call);
        return true;
    }
    call->chunk_bytes += length;
    call->answer_bytes += length;
    /* What one read delivers is queued before the kernel was asked; that alone is no reason to wait. */
    bool has_room = conn->stream.queued <= CHTTP_HIGH_WATER_BYTES
        && conn->stream.plain.bytes <= CHTTP_HIGH_WATER_BYTES + CHTTP_READ_BUFFER_BYTES;
    if (!has_room) conn->is_blocked = true;
    return has_room;
}

bool chttp_call_is_congested(chttp_call *call) {
    chttp_conn *conn = call->conn;
    if (conn->stream.is_closing || chttp_stream_unsent(&conn->stream) <= CHTTP_HIGH_WATER_BYTES) return false;
    conn->is_blocked = true;
    return true;
}

void chttp_call_end(chttp_call *call) {
    chttp_conn *conn = call->conn;
    if (call->is_ended || call->is_aborted || conn->stream.is_closing) return;
    if (!call->is_started || (!call->is_bodyless && call->answer_left > 0)) {
        chttp_call_abort(call);
        return;
    }
    if (call->is_chunked) close_chunk(call, true);
    call->is_ended = true;
    chttp_loop_mark_dirty(conn->stream.loop, &conn->stream);
}

void chttp_call_answer(chttp_call *call, const chttp_answer *answer, chttp_bytes body) {
    chttp_answer whole = *answer;
    whole.content_length = (int64_t)body.length;
    chttp_call_start(call, &whole);
    chttp_call_write(call, body.data, body.length);
    chttp_call_end(call);
}

void chttp_call_write_raw(chttp_call *call, const char *data, size_t length) {
    chttp_conn *conn = call->conn;
    if (call->is_aborted || conn->stream.is_closing) return;
    if (call->chunk) close_chunk(call, false);
    call->is_raw = call->is_started = true;
    chttp_deadline_clear(&conn->stream.deadline);
    call->is_chunked = false;
    call->answer_left = -1;
    conn->closes_after = true;
    if (!chttp_stream_copy(&conn->stream, data, length)) chttp_call_abort(call);
}

void chttp_call_abort(chttp_call *call) {
    chttp_conn *conn = call->conn;
    if (call->is_aborted || conn->stream.is_closing) return;
    call->is_aborted = true;
    chttp_loop_mark_dirty(conn->stream.loop, &conn->stream);
}

void chttp_call_close_after(chttp_call *call) { call->conn->closes_after = true; }
