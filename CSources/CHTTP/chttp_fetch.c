/* chttp_fetch.c: the calling side: origins, their pools of kept-alive connections, requests and their answers.
 * What goes through a forward proxy or needs HTTP/2 is carried by libcurl (chttp_curl.c); the rest is done here.
 *
 *     fetch ─idle link─▶ written at once
 *       └─none─▶ RESOLVING ─▶ CONNECTING ─▶ HANDSHAKING (TLS) ─▶ written ─▶ answer ─▶ link is idle again or closed
 *       └─connections_max reached─▶ waits in order for a link
 *
 * The last used link is taken first, so that a burst's extra connections can go idle and close. A link that its origin
 * closed while it was idle is noticed (a read event, or a look at the socket if it was idle for long) and replaced.
 * Nothing is sent twice: once a byte of a request was handed to the kernel, a broken link fails the fetch. */
#include "chttp_int.h"

#include <llhttp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHTTP_FREE_FETCHES_MAX 256
#define CHTTP_ADDRESS_COUNT_MAX 8
#define CHTTP_ADDRESS_KEEP_MS 30000     /* a looked-up name is used this long */
#define CHTTP_IDLE_TRUST_MS 1           /* a link idle for this long is looked at before it is used */
#define CHTTP_FETCH_WIRE_KEEP (16 * 1024)
#define CHTTP_EARLY_ANSWER_MS 1000      /* after writing failed: an answer that is on its way may still arrive */

typedef enum link_phase { LINK_RESOLVING, LINK_CONNECTING, LINK_HANDSHAKING, LINK_IDLE, LINK_BUSY } link_phase;

typedef struct chttp_link chttp_link;
struct chttp_link {
    chttp_stream stream; /* first */
    chttp_origin *origin;
    chttp_link *next, *previous;           /* of all links of the origin */
    chttp_link *next_idle, *previous_idle; /* of the idle ones, latest first */
    chttp_link *next_resolving;
    chttp_fetch *fetch;
    llhttp_t parser;
    uv_connect_t connecting;
    uint64_t idle_since_ms;
    link_phase phase;
    uint8_t address_index;
    bool is_dead, has_kept_session;
};

struct chttp_origin {
    chttp_loop *loop;
    chttp_origin *next, **reference; /* of the loop's origins */
    char *host;
    chttp_origin_options options;
    chttp_link *links, *idle, *resolving;
    uint32_t link_count;
    chttp_fetch *waiting, *waiting_tail;
    uint32_t waiting_count;
    struct sockaddr_storage addresses[CHTTP_ADDRESS_COUNT_MAX];
    uint8_t address_count;
    bool is_numeric, is_looking_up, is_freed, is_starting;
    uint64_t addresses_until_ms;
    uv_getaddrinfo_t lookup;
    SSL_SESSION *session;
    chttp_curl *curl; /* NULL: the direct way */
};

static const chttp_stream_events link_events;
static void link_start(chttp_link *link);
static void link_is_free(chttp_link *link);

/* ------------------------------------------------------------------------------------------------------- fetches */

static chttp_fetch *fetch_new(chttp_origin *origin) {
    chttp_loop *loop = origin->loop;
    chttp_fetch *fetch = loop->free_fetches;
    if (fetch) {
        loop->free_fetches = fetch->next_free;
        loop->free_fetch_count--;
        char *wire = fetch->wire;
        size_t capacity = fetch->wire_capacity;
        chttp_head head = fetch->head;
        memset(fetch, 0, sizeof *fetch);
        fetch->wire = wire;
        fetch->wire_capacity = capacity;
        fetch->head = head;
        chttp_head_reset(&fetch->head, CHTTP_ANSWER_HEAD_BYTES_MAX);
    } else {
        fetch = calloc(1, sizeof *fetch);
        if (!fetch) return NULL;
        if (!chttp_head_init(&fetch->head, CHTTP_ANSWER_HEAD_BYTES_MAX)) {
            free(fetch);
            return NULL;
        }
    }
    fetch->origin = origin;
    fetch->content_length = -1;
    return fetch;
}

static void fetch_destroy(chttp_fetch *fetch) {
    chttp_head_deinit(&fetch->head);
    free(fetch->wire);
    free(fetch);
}

static void fetch_free(chttp_loop *loop, chttp_fetch *fetch) {
    if (loop->free_fetch_count < CHTTP_FREE_FETCHES_MAX && fetch->wire_capacity <= CHTTP_FETCH_WIRE_KEEP
        && fetch->head.capacity <= CHTTP_FETCH_WIRE_KEEP) {
        fetch->next_free = loop->free_fetches;
        loop->free_fetches = fetch;
        loop->free_fetch_count++;
    } else {
        fetch_destroy(fetch);
    }
}

void chttp_fetch_free_pools(chttp_loop *loop) {
    while (loop->free_fetches) {
        chttp_fetch *next = loop->free_fetches->next_free;
        fetch_destroy(loop->free_fetches);
        loop->free_fetches = next;
    }
    loop->free_fetch_count = 0;
}

static void stop_waiting(chttp_fetch *fetch) {
    chttp_origin *origin = fetch->origin;
    if (!fetch->is_waiting) return;
    fetch->is_waiting = false;
    origin->waiting_count--;
    if (fetch->previous) fetch->previous->next = fetch->next;
    else origin->waiting = fetch->next;
    if (fetch->next) fetch->next->previous = fetch->previous;
    else origin->waiting_tail = fetch->previous;
    fetch->next = fetch->previous = NULL;
}

void chttp_fetch_fail(chttp_fetch *fetch, chttp_failure failure, const char *detail) {
    chttp_loop *loop = fetch->origin->loop;
    fetch->callbacks.on_fail(fetch->callbacks.context, fetch, failure, detail);
    fetch_free(loop, fetch);
}

void chttp_fetch_end(chttp_fetch *fetch) {
    chttp_loop *loop = fetch->origin->loop;
    fetch->callbacks.on_end(fetch->callbacks.context, fetch);
    fetch_free(loop, fetch);
}

void chttp_fetch_discard(chttp_fetch *fetch) { fetch_free(fetch->origin->loop, fetch); }

/* Fails a fetch in the next turn, because callbacks do not run inside chttp_fetch_start. */
static void fail_later(chttp_fetch *fetch, chttp_failure failure) {
    chttp_loop *loop = fetch->origin->loop;
    fetch->failing_with = failure;
    fetch->is_failing = true;
    fetch->previous = loop->failing_tail;
    fetch->next = NULL;
    if (loop->failing_tail) loop->failing_tail->next = fetch;
    else loop->failing = fetch;
    loop->failing_tail = fetch;
    loop->failing_count++;
}

static void stop_failing(chttp_fetch *fetch) {
    chttp_loop *loop = fetch->origin->loop;
    if (!fetch->is_failing) return;
    fetch->is_failing = false;
    loop->failing_count--;
    if (fetch->previous) fetch->previous->next = fetch->next;
    else loop->failing = fetch->next;
    if (fetch->next) fetch->next->previous = fetch->previous;
    else loop->failing_tail = fetch->previous;
    fetch->next = fetch->previous = NULL;
}

static const char *failure_text(chttp_failure failure) {
    switch (failure) {
    case CHTTP_FAILED_TOO_MANY: return "too many connections to the upstream are in use";
    case CHTTP_FAILED_MEMORY: return "out of memory";
    case CHTTP_FAILED_NAME: return "the name could not be looked up";
    default: return "the connection could not be opened";
    }
}

void chttp_fetch_fail_pending(chttp_loop *loop) {
    /* Those of now: a callback that tries again at once must not keep the turn from ending. */
    for (size_t left = loop->failing_count; left > 0 && loop->failing; left--) {
        chttp_fetch *fetch = loop->failing;
        stop_failing(fetch);
        chttp_fetch_fail(fetch, fetch->failing_with, failure_text(fetch->failing_with));
    }
}

/* --------------------------------------------------------------------------------------------------------- links */

static chttp_link *link_of(chttp_deadline *deadline) {
    return (chttp_link *)((char *)deadline - offsetof(chttp_link, stream) - offsetof(chttp_stream, deadline));
}

static void leave_idle(chttp_link *link) {
    if (link->phase != LINK_IDLE) return;
    chttp_origin *origin = link->origin;
    if (link->previous_idle) link->previous_idle->next_idle = link->next_idle;
    else origin->idle = link->next_idle;
    if (link->next_idle) link->next_idle->previous_idle = link->previous_idle;
    link->next_idle = link->previous_idle = NULL;
    link->phase = LINK_BUSY;
    origin->loop->counts.upstream_idle--;
}

static void next_waiting(chttp_origin *origin);

static void stop_resolving(chttp_link *link) {
    if (link->phase != LINK_RESOLVING) return;
    chttp_link **at = &link->origin->resolving;
    while (*at && *at != link) at = &(*at)->next_resolving;
    if (*at) *at = link->next_resolving;
}

static void origin_try_free(chttp_origin *origin) {
    if (!origin->is_freed || origin->link_count || origin->is_looking_up || origin->curl) return;
    SSL_SESSION_free(origin->session);
    free(origin->host);
    free(origin);
}

static void link_closed(chttp_stream *stream) {
    chttp_link *link = (chttp_link *)stream;
    chttp_origin *origin = link->origin;
    if (link->previous) link->previous->next = link->next;
    else origin->links = link->next;
    if (link->next) link->next->previous = link->previous;
    origin->link_count--;
    origin->loop->counts.upstream_open--;
    free(link);
    if (origin->is_freed) origin_try_free(origin);
    else next_waiting(origin);
}

/* Takes the fetch off the link, if it has one, and closes the link. */
static chttp_fetch *abandon(chttp_link *link) {
    chttp_fetch *fetch = link->fetch;
    if (fetch) fetch->link = NULL;
    link->fetch = NULL;
    leave_idle(link);
    stop_resolving(link);
    chttp_stream_close(&link->stream);
    return fetch;
}

static void give_link(chttp_link *link, chttp_fetch *fetch) {
    link->fetch = fetch;
    fetch->link = link;
}

static void on_link_deadline(chttp_deadline *deadline);
static const llhttp_settings_t *parser_settings(void);

static chttp_link *open_link(chttp_origin *origin, chttp_fetch *fetch) {
    chttp_link *link = calloc(1, sizeof *link);
    if (!link || !chttp_stream_init(&link->stream, origin->loop, &link_events)) {
        free(link);
        return NULL;
    }
    link->origin = origin;
    link->next = origin->links;
    if (link->next) link->next->previous = link;
    origin->links = link;
    origin->link_count++;
    origin->loop->counts.upstream_open++;
    link->stream.deadline.expired = on_link_deadline;
    llhttp_init(&link->parser, HTTP_RESPONSE, parser_settings());
    link->parser.data = link;
    give_link(link, fetch);
    return link;
}

static void fail_link(chttp_link *link, chttp_failure failure, const char *detail) {
    chttp_origin *origin = link->origin;
    if (link->stream.is_closing) return;
    chttp_fetch *fetch = abandon(link);
    if (fetch && origin->is_starting) fail_later(fetch, failure);
    else if (fetch) chttp_fetch_fail(fetch, failure, detail);
}

/* ---------------------------------------------------------------------------------------------------- connecting */

static void set_deadline(chttp_link *link, uint32_t in_ms) {
    chttp_deadline_set(link->stream.loop, &link->stream.deadline, in_ms);
}

/* Reads the answer, or does not while the fetch is paused. */
static void read_answer(chttp_link *link) {
    chttp_fetch *fetch = link->fetch;
    const chttp_origin_options *options = &link->origin->options;
    if (fetch->is_paused) {
        chttp_stream_stop_reading(&link->stream);
        chttp_deadline_clear(&link->stream.deadline);
    } else {
        chttp_stream_read(&link->stream);
        set_deadline(link, fetch->has_head ? options->idle_ms : options->first_byte_ms);
    }
}

static void send_request(chttp_link *link) {
    chttp_fetch *fetch = link->fetch;
    link->phase = LINK_BUSY;
    link->stream.body = fetch->body.data;
    link->stream.body_length = fetch->body.length;
    chttp_stream_put(&link->stream, fetch->wire, fetch->wire_length);
    fetch->taken_before = link->stream.taken_before = chttp_stream_taken(&link->stream);
    link->stream.may_have_written = false;
    fetch->sent_ns = uv_hrtime();
    fetch->is_sent = true;
    llhttp_reset(&link->parser);
    read_answer(link);
}

static void link_ready(chttp_stream *stream) {
    chttp_link *link = (chttp_link *)stream;
    if (link->fetch) send_request(link);
    else link_is_free(link);
}

static void try_address(chttp_link *link);

static void on_connected(uv_connect_t *request, int status) {
    chttp_link *link = (chttp_link *)((char *)request - offsetof(chttp_link, connecting));
    chttp_origin *origin = link->origin;
    if (link->stream.is_closing) return;
    if (status != 0) {
        /* The socket of a failed attempt cannot be used again: the next address gets a new link. */
        chttp_fetch *fetch = link->fetch;
        uint8_t index = (uint8_t)(link->address_index + 1);
        uint64_t left = link->stream.deadline.at_ms, now = uv_now(&origin->loop->uv);
        chttp_link *other = NULL;
        if (fetch && index < origin->address_count && left > now) other = open_link(origin, fetch);
        if (!other) {
            origin->addresses_until_ms = 0; /* look the name up again next time */
            fail_link(link, CHTTP_FAILED_REFUSED, uv_strerror(status));
            return;
        }
        link->fetch = NULL; /* it is the other's now */
        abandon(link);
        other->address_index = index;
        set_deadline(other, (uint32_t)(left - now));
        try_address(other);
        return;
    }
    uv_tcp_nodelay(&link->stream.tcp, 1);
    if (!origin->options.tls) {
        link_ready(&link->stream);
        chttp_loop_flush(origin->loop);
        return;
    }
    link->phase = LINK_HANDSHAKING;
    if (!chttp_stream_start_tls(&link->stream, origin->options.tls, origin->host)) {
        fail_link(link, CHTTP_FAILED_TLS, "TLS could not be started");
        return;
    }
    if (origin->session) SSL_set_session(link->stream.ssl, origin->session);
    SSL_do_handshake(link->stream.ssl); /* queues the first flight */
    chttp_stream_read(&link->stream);
    chttp_loop_flush(origin->loop);
}

static void try_address(chttp_link *link) {
    chttp_origin *origin = link->origin;
    link->phase = LINK_CONNECTING;
    const struct sockaddr *address = (const struct sockaddr *)&origin->addresses[link->address_index];
    int error = uv_tcp_connect(&link->connecting, &link->stream.tcp, address, on_connected);
    if (error != 0) fail_link(link, CHTTP_FAILED_REFUSED, uv_strerror(error));
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    chttp_origin *origin = (chttp_origin *)((char *)request - offsetof(chttp_origin, lookup));
    origin->is_looking_up = false;
    origin->address_count = 0;
    for (struct addrinfo *one = status == 0 ? found : NULL; one; one = one->ai_next) {
        if (origin->address_count == CHTTP_ADDRESS_COUNT_MAX) break;
        memcpy(&origin->addresses[origin->address_count++], one->ai_addr, one->ai_addrlen);
    }
    uv_freeaddrinfo(found);
    if (origin->is_freed) {
        origin_try_free(origin);
        return;
    }
    if (origin->address_count) origin->addresses_until_ms = uv_now(&origin->loop->uv) + CHTTP_ADDRESS_KEEP_MS;
    chttp_link *link = origin->resolving;
    origin->resolving = NULL;
    for (chttp_link *next; link; link = next) {
        next = link->next_resolving;
        if (link->stream.is_closing) continue; /* given up by a callback of one before it */
        if (origin->address_count) {
            try_address(link);
        } else {
            link->phase = LINK_CONNECTING;
            fail_link(link, CHTTP_FAILED_NAME, status ? uv_strerror(status) : "the name has no address");
        }
    }
    chttp_loop_flush(origin->loop);
}

static void link_start(chttp_link *link) {
    chttp_origin *origin = link->origin;
    set_deadline(link, origin->options.connect_ms);
    if (origin->is_numeric || (origin->address_count && uv_now(&origin->loop->uv) < origin->addresses_until_ms)) {
        try_address(link);
        return;
    }
    link->phase = LINK_RESOLVING;
    link->next_resolving = origin->resolving;
    origin->resolving = link;
    if (origin->is_looking_up) return;
    char port[8];
    snprintf(port, sizeof port, "%u", origin->options.port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int error = uv_getaddrinfo(&origin->loop->uv, &origin->lookup, on_looked_up, origin->host, port, &hints);
    if (error == 0) origin->is_looking_up = true;
    else fail_link(link, CHTTP_FAILED_NAME, uv_strerror(error));
}

static void on_link_deadline(chttp_deadline *deadline) {
    chttp_link *link = link_of(deadline);
    chttp_loop *loop = link->stream.loop;
    switch (link->phase) {
    case LINK_IDLE: abandon(link); break;
    case LINK_RESOLVING:
    case LINK_CONNECTING:
    case LINK_HANDSHAKING:
        fail_link(link, CHTTP_FAILED_CONNECT_TIMEOUT, "the connection could not be made in time");
        break;
    case LINK_BUSY: {
        bool has_head = link->fetch && link->fetch->has_head;
        uint64_t taken = chttp_stream_taken(&link->stream);
        if (link->is_dead && has_head) {
            fail_link(link, CHTTP_FAILED_TRUNCATED, "the connection was lost inside the answer");
        } else if (link->is_dead) {
            fail_link(link, CHTTP_FAILED_RESET, "the connection was lost while the request was written");
        } else if (chttp_stream_unsent(&link->stream) && taken != link->stream.taken_before) { /* still moving */
            link->stream.taken_before = taken;
            set_deadline(link, link->origin->options.first_byte_ms);
        } else if (has_head) {
            fail_link(link, CHTTP_FAILED_IDLE_TIMEOUT, "the answer stopped arriving");
        } else {
            fail_link(link, CHTTP_FAILED_FIRST_BYTE_TIMEOUT, "no answer arrived in time");
        }
    }
    }
    chttp_loop_flush(loop);
}

/* ------------------------------------------------------------------------------------------------------- parsing */

static int on_begin(llhttp_t *parser) {
    chttp_fetch *fetch = ((chttp_link *)parser->data)->fetch;
    chttp_head_reset(&fetch->head, CHTTP_ANSWER_HEAD_BYTES_MAX);
    fetch->reason_length = 0;
    return 0;
}

static int on_reason(llhttp_t *parser, const char *data, size_t length) {
    chttp_fetch *fetch = ((chttp_link *)parser->data)->fetch;
    if (!chttp_head_add_bytes(&fetch->head, data, length)) return HPE_USER;
    fetch->reason_length += (uint32_t)length;
    return 0;
}

static int on_name(llhttp_t *parser, const char *data, size_t length) {
    chttp_fetch *fetch = ((chttp_link *)parser->data)->fetch;
    if (fetch->has_head) return 0; /* trailers are dropped, as RFC 9110 6.5.1 allows */
    return chttp_head_add_name(&fetch->head, data, length) ? 0 : HPE_USER;
}

static int on_value(llhttp_t *parser, const char *data, size_t length) {
    chttp_fetch *fetch = ((chttp_link *)parser->data)->fetch;
    if (fetch->has_head) return 0;
    return chttp_head_add_value(&fetch->head, data, length) ? 0 : HPE_USER;
}

static int on_value_complete(llhttp_t *parser) {
    ((chttp_link *)parser->data)->fetch->head.value_open = true;
    return 0;
}

static int on_head_complete(llhttp_t *parser) {
    chttp_fetch *fetch = ((chttp_link *)parser->data)->fetch;
    if (parser->http_major != 1 || parser->status_code == 101) return HPE_USER;
    if (parser->status_code < 200) { /* 100, 103: the real answer follows */
        fetch->is_interim = true;
        return 0;
    }
    bool is_chunked = (parser->flags & F_CHUNKED) != 0;
    if (!chttp_head_finish(&fetch->head) || !chttp_head_has_known_coding(&fetch->head)) return HPE_USER;
    fetch->has_head = true;
    fetch->status = (uint16_t)parser->status_code;
    if (!is_chunked && (parser->flags & F_CONTENT_LENGTH) && parser->content_length <= INT64_MAX) {
        fetch->content_length = (int64_t)parser->content_length;
    } else if (!is_chunked && (parser->status_code == 204 || parser->status_code == 304)) {
        fetch->content_length = 0;
    }
    fetch->callbacks.on_head(fetch->callbacks.context, fetch);
    if (!((chttp_link *)parser->data)->fetch) return HPE_USER; /* cancelled inside the callback */
    return fetch->is_head_method ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *data, size_t length) {
    chttp_fetch *fetch = ((chttp_link *)parser->data)->fetch;
    if (fetch->is_interim) return HPE_USER; /* RFC 9110 15.2: no 1xx has content */
    fetch->callbacks.on_data(fetch->callbacks.context, fetch, data, length);
    return ((chttp_link *)parser->data)->fetch ? 0 : HPE_USER; /* cancelled inside the callback */
}

static int on_complete(llhttp_t *parser) {
    chttp_fetch *fetch = ((chttp_link *)parser->data)->fetch;
    if (fetch->is_interim) {
        fetch->is_interim = false;
        return 0;
    }
    fetch->is_whole = true;
    /* RFC 9112 6.1: chunks from HTTP/1.0 are taken for what they say, but the connection is not used again. */
    fetch->keeps_alive = llhttp_should_keep_alive(parser) && !(parser->http_minor == 0 && parser->flags & F_CHUNKED);
    return HPE_PAUSED;
}

static const llhttp_settings_t *parser_settings(void) {
    static const llhttp_settings_t settings = {
        .on_message_begin = on_begin,
        .on_status = on_reason,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_header_value_complete = on_value_complete,
        .on_headers_complete = on_head_complete,
        .on_body = on_body,
        .on_message_complete = on_complete,
    };
    return &settings;
}

/* TLS 1.3 tickets come after the handshake, so the session is worth keeping once an answer has arrived. */
static void keep_session(chttp_link *link) {
    if (!link->stream.ssl || link->has_kept_session) return;
    SSL_SESSION *session = SSL_get1_session(link->stream.ssl);
    if (session && SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(link->origin->session);
        link->origin->session = session;
    } else {
        SSL_SESSION_free(session);
    }
    link->has_kept_session = true;
}

/* The answer is whole: tells the user, then keeps the link or closes it. */
static void finish_fetch(chttp_link *link, bool is_clean) {
    chttp_fetch *fetch = link->fetch;
    chttp_origin *origin = link->origin;
    bool is_kept = is_clean && fetch->keeps_alive && !link->is_dead && chttp_stream_unsent(&link->stream) == 0
        && !link->stream.has_ended && !origin->is_freed;
    keep_session(link);
    link->fetch = NULL;
    fetch->link = NULL;
    chttp_fetch_end(fetch);
    if (link->stream.is_closing) return;
    if (is_kept && !origin->is_freed) {
        link_is_free(link);
    } else {
        abandon(link);
    }
}

static bool is_untouched(const chttp_link *link);
static bool replace_link(chttp_link *link);

static void link_data(chttp_stream *stream, const char *data, size_t length) {
    chttp_link *link = (chttp_link *)stream;
    if (!link->fetch) { /* bytes that nobody asked for */
        abandon(link);
        return;
    }
    if (is_untouched(link)) { /* said before anything was asked: nobody's answer, least of all this fetch's */
        if (!replace_link(link)) fail_link(link, CHTTP_FAILED_RESET, "the connection was out of step");
        return;
    }
    llhttp_errno_t error = llhttp_execute(&link->parser, data, length);
    if (stream->is_closing) return;
    chttp_fetch *fetch = link->fetch;
    if (fetch->is_whole) {
        const char *end = llhttp_get_error_pos(&link->parser);
        finish_fetch(link, error == HPE_PAUSED && end == data + length);
        return;
    }
    if (error != HPE_OK) {
        char detail[96];
        const char *reason = llhttp_get_error_reason(&link->parser);
        snprintf(detail, sizeof detail, "not a proper HTTP/1.1 answer: %s", reason && *reason ? reason : "bad head");
        fail_link(link, CHTTP_FAILED_MALFORMED, detail);
        return;
    }
    read_answer(link);
}

static void link_end(chttp_stream *stream, int uv_error) {
    chttp_link *link = (chttp_link *)stream;
    chttp_fetch *fetch = link->fetch;
    if (!fetch) {
        abandon(link);
        return;
    }
    if (link->phase == LINK_HANDSHAKING) {
        char detail[160];
        fail_link(link, CHTTP_FAILED_TLS, chttp_tls_failure_text(stream, detail, sizeof detail));
        return;
    }
    if (is_untouched(link) && replace_link(link)) return;
    /* RFC 9112 9.8: over TLS only a closure alert tells that an answer which ends with its connection is whole. */
    bool is_proper = uv_error == UV_EOF && (!stream->ssl || SSL_get_shutdown(stream->ssl) & SSL_RECEIVED_SHUTDOWN);
    if (is_proper && fetch->has_head && llhttp_message_needs_eof(&link->parser)) {
        llhttp_finish(&link->parser);
        if (stream->is_closing || link->fetch != fetch) return;
        finish_fetch(link, false);
        return;
    }
    if (fetch->has_head) fail_link(link, CHTTP_FAILED_TRUNCATED, "the connection closed inside the answer");
    else fail_link(link, CHTTP_FAILED_RESET, "the connection closed before the answer began");
}

/* True if it is certain that the kernel took nothing of the request. */
static bool is_untouched(const chttp_link *link) {
    return !link->stream.may_have_written && chttp_stream_taken(&link->stream) == link->fetch->taken_before;
}

/* Starts over on a fresh connection: only for a request of which the kernel took nothing. */
static bool replace_link(chttp_link *link) {
    chttp_fetch *fetch = link->fetch;
    chttp_origin *origin = link->origin;
    if (fetch->is_retried || !is_untouched(link)) return false;
    chttp_link *other = open_link(origin, fetch);
    if (!other) return false;
    link->fetch = NULL;
    abandon(link);
    fetch->is_retried = true;
    fetch->is_sent = false;
    fetch->sent_ns = 0;
    link_start(other);
    return true;
}

static void link_write_error(chttp_stream *stream, int uv_error) {
    chttp_link *link = (chttp_link *)stream;
    if (link->phase == LINK_HANDSHAKING) {
        fail_link(link, CHTTP_FAILED_TLS, "the connection closed during the TLS handshake");
        return;
    }
    if (!link->fetch) {
        abandon(link);
        return;
    }
    if (replace_link(link)) return;
    link->is_dead = true; /* the origin may have answered before it stopped reading: look for that */
    if (!link->fetch->is_paused) set_deadline(link, CHTTP_EARLY_ANSWER_MS);
}

static void link_after_flush(chttp_stream *stream) {
    chttp_fetch *fetch = ((chttp_link *)stream)->fetch;
    if (!fetch || !fetch->is_sent || fetch->is_written) return;
    if (stream->has_write_failed || chttp_stream_unsent(stream)) return;
    fetch->is_written = true;
    fetch->callbacks.on_sent(fetch->callbacks.context, fetch);
}

static const chttp_stream_events link_events = {
    .on_ready = link_ready,
    .on_data = link_data,
    .on_end = link_end,
    .after_flush = link_after_flush,
    .on_write_error = link_write_error,
    .on_closed = link_closed,
};

/* ---------------------------------------------------------------------------------------------------------- pool */

static void link_is_free(chttp_link *link) {
    chttp_origin *origin = link->origin;
    if (origin->waiting) {
        chttp_fetch *fetch = origin->waiting;
        stop_waiting(fetch);
        give_link(link, fetch);
        send_request(link);
        return;
    }
    link->phase = LINK_IDLE;
    link->idle_since_ms = uv_now(&origin->loop->uv);
    link->previous_idle = NULL;
    link->next_idle = origin->idle;
    if (origin->idle) origin->idle->previous_idle = link;
    origin->idle = link;
    origin->loop->counts.upstream_idle++;
    chttp_stream_read(&link->stream); /* it may have been paused */
    set_deadline(link, origin->options.pool_idle_ms);
}

/* An origin that closed an idle connection has told the kernel, maybe not yet the loop. */
static bool is_usable(chttp_link *link) {
    if (link->stream.is_closing || link->stream.has_ended) return false;
    if (uv_now(&link->origin->loop->uv) - link->idle_since_ms < CHTTP_IDLE_TRUST_MS) return true;
    uv_os_fd_t file;
    char byte;
    if (uv_fileno((uv_handle_t *)&link->stream.tcp, &file) != 0) return false;
    return recv(file, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

static chttp_link *take_idle(chttp_origin *origin) {
    while (origin->idle) {
        chttp_link *link = origin->idle;
        if (is_usable(link)) {
            leave_idle(link);
            return link;
        }
        abandon(link);
    }
    return NULL;
}

static bool has_room(const chttp_origin *origin) {
    uint32_t count = origin->curl ? chttp_curl_count(origin->curl) : origin->link_count;
    return count < origin->options.connections_max;
}

/* Sends a fetch on its way on a new link or through libcurl. */
static void set_out(chttp_origin *origin, chttp_fetch *fetch) {
    if (origin->curl) {
        if (!chttp_curl_start(origin->curl, fetch)) fail_later(fetch, CHTTP_FAILED_MEMORY);
        return;
    }
    chttp_link *link = open_link(origin, fetch);
    if (link) link_start(link);
    else fail_later(fetch, CHTTP_FAILED_MEMORY);
}

static void next_waiting(chttp_origin *origin) {
    while (origin->waiting && has_room(origin)) {
        chttp_fetch *fetch = origin->waiting;
        stop_waiting(fetch);
        set_out(origin, fetch);
    }
}

void chttp_origin_has_room(chttp_origin *origin) { next_waiting(origin); }

void chttp_origin_without_curl(chttp_origin *origin) {
    origin->curl = NULL;
    origin_try_free(origin);
}

chttp_origin *chttp_origin_new(chttp_loop *loop, const chttp_origin_options *options) {
    chttp_origin *origin = calloc(1, sizeof *origin);
    char *host = origin ? strdup(options->host) : NULL;
    if (!host) {
        free(origin);
        return NULL;
    }
    origin->loop = loop;
    origin->host = host;
    origin->options = *options;
    origin->options.host = host;
    origin->options.proxy = origin->options.proxy_user = origin->options.proxy_password = NULL; /* the curl has them */
    if (options->proxy || options->uses_http2) {
        origin->curl = chttp_curl_new(loop, origin, options);
        if (!origin->curl) {
            free(host);
            free(origin);
            return NULL;
        }
    }
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(host, options->port, &v4) == 0) {
        memcpy(&origin->addresses[0], &v4, sizeof v4);
        origin->is_numeric = true;
    } else if (uv_ip6_addr(host, options->port, &v6) == 0) {
        memcpy(&origin->addresses[0], &v6, sizeof v6);
        origin->is_numeric = true;
    }
    origin->address_count = origin->is_numeric ? 1 : 0;
    origin->next = loop->origins;
    origin->reference = &loop->origins;
    if (origin->next) origin->next->reference = &origin->next;
    loop->origins = origin;
    return origin;
}

void chttp_origin_free(chttp_origin *origin) {
    chttp_loop *loop = origin->loop;
    origin->is_freed = true;
    *origin->reference = origin->next;
    if (origin->next) origin->next->reference = origin->reference;
    for (chttp_fetch *fetch = loop->failing, *next; fetch; fetch = next) {
        next = fetch->next;
        if (fetch->origin != origin) continue;
        stop_failing(fetch);
        fetch_free(loop, fetch);
    }
    while (origin->waiting) {
        chttp_fetch *fetch = origin->waiting;
        stop_waiting(fetch);
        fetch_free(loop, fetch);
    }
    for (chttp_link *link = origin->links, *next; link; link = next) {
        next = link->next;
        chttp_fetch *fetch = abandon(link);
        if (fetch) fetch_free(loop, fetch);
    }
    if (origin->curl) chttp_curl_free(origin->curl);
    origin_try_free(origin);
}

void chttp_origin_free_all(chttp_loop *loop) {
    while (loop->origins) chttp_origin_free(loop->origins);
}

/* ---------------------------------------------------------------------------------------------------------- door */

static char *append(char *out, chttp_bytes bytes) {
    if (bytes.length) memcpy(out, bytes.data, bytes.length);
    return out + bytes.length;
}
#define TEXT(text) ((chttp_bytes){text, sizeof text - 1})

/* Request line, Host, the fields passed on, the further fields, the length. */
static bool write_head(chttp_fetch *fetch, const chttp_request *request) {
    size_t bound = 128 + request->method.length + request->target.length + request->host.length + request->fields.length
        + chttp_head_emit_bound(request->fields_of);
    if (bound > fetch->wire_capacity) {
        char *wire = realloc(fetch->wire, bound + bound / 2);
        if (!wire) return false;
        fetch->wire = wire;
        fetch->wire_capacity = bound + bound / 2;
    }
    char *out = append(fetch->wire, request->method);
    *out++ = ' ';
    out = append(out, request->target);
    out = append(out, TEXT(" HTTP/1.1\r\nhost: "));
    out = append(out, request->host);
    out = append(out, TEXT("\r\n"));
    if (request->fields_of) out = chttp_head_emit(request->fields_of, request->fields_less, out);
    out = append(out, request->fields);
    if (request->has_body) {
        out += snprintf(out, 48, "content-length: %zu\r\n", request->body.length);
    }
    out = append(out, TEXT("\r\n"));
    fetch->wire_length = (size_t)(out - fetch->wire);
    return true;
}

chttp_fetch *chttp_fetch_start(
    chttp_origin *origin, const chttp_request *request, const chttp_fetch_callbacks *callbacks) {
    chttp_fetch *fetch = fetch_new(origin);
    if (!fetch) return NULL;
    fetch->callbacks = *callbacks;
    fetch->is_head_method = request->method.length == 4 && memcmp(request->method.data, "HEAD", 4) == 0;
    fetch->has_body = request->has_body;
    if (request->has_body) fetch->body = request->body;
    if (!write_head(fetch, request)) {
        fetch_free(origin->loop, fetch);
        return NULL;
    }
    origin->is_starting = true;
    chttp_link *link = take_idle(origin);
    if (link) {
        give_link(link, fetch);
        send_request(link);
    } else if (has_room(origin)) {
        set_out(origin, fetch);
    } else if (origin->waiting_count < origin->options.waiting_max) {
        fetch->is_waiting = true;
        fetch->previous = origin->waiting_tail;
        if (origin->waiting_tail) origin->waiting_tail->next = fetch;
        else origin->waiting = fetch;
        origin->waiting_tail = fetch;
        origin->waiting_count++;
    } else {
        fail_later(fetch, CHTTP_FAILED_TOO_MANY);
    }
    origin->is_starting = false;
    return fetch;
}

uint16_t chttp_fetch_status(const chttp_fetch *fetch) { return fetch->status; }
const chttp_head *chttp_fetch_head(const chttp_fetch *fetch) { return &fetch->head; }
int64_t chttp_fetch_content_length(const chttp_fetch *fetch) { return fetch->content_length; }
bool chttp_fetch_was_sent(const chttp_fetch *fetch) { return fetch->is_sent; }
uint64_t chttp_fetch_sent_at(const chttp_fetch *fetch) { return fetch->sent_ns; }

chttp_bytes chttp_fetch_reason(const chttp_fetch *fetch) {
    return (chttp_bytes){fetch->head.block, fetch->reason_length};
}

void chttp_fetch_pause(chttp_fetch *fetch) {
    if (fetch->is_paused) return;
    fetch->is_paused = true;
    if (fetch->transfer) chttp_curl_pause(fetch->transfer);
    if (fetch->link && fetch->link->phase == LINK_BUSY) read_answer(fetch->link);
}

void chttp_fetch_resume(chttp_fetch *fetch) {
    if (!fetch->is_paused) return;
    fetch->is_paused = false;
    if (fetch->transfer) chttp_curl_resume(fetch->transfer);
    if (fetch->link && fetch->link->phase == LINK_BUSY) read_answer(fetch->link);
}

void chttp_fetch_cancel(chttp_fetch *fetch) {
    chttp_origin *origin = fetch->origin;
    stop_waiting(fetch);
    stop_failing(fetch);
    if (fetch->transfer) chttp_curl_cancel(fetch->transfer);
    chttp_link *link = fetch->link;
    if (link) abandon(link);
    fetch_free(origin->loop, fetch);
}
