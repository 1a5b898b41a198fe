/* chttp_curl.c: fetches through libcurl, for origins behind a forward proxy and for origins that speak only HTTP/2.
 *
 * The door is the same as for the direct way (chttp_fetch.c), and so is what is sent: libcurl gets the lines that the
 * direct way would write, and none of its own. libcurl's multi interface runs on the loop: it says which sockets and
 * which moment it waits for, uv_poll and uv_timer wait, curl_multi_socket_action does the work.
 *
 *     chttp_curl_start -> pending -(idle)-> curl_multi_add_handle -> on_request -> on_line* -> on_body* -> settle
 *     |<--------------- connect_ms --------------------------------->|<- first_byte_ms ->|<--- idle_ms --->|
 *
 * One multi handle an origin and loop: kept-alive connections of two upstreams never meet, whatever their trust or
 * their proxy is, and they go when the origin goes. One stream a connection, in HTTP/2 too: libcurl 7.88 stops reading
 * a whole connection while one of its streams is paused, and one slow reader must not hold up the others. Connections
 * of HTTP/2 without TLS are used once: libcurl 7.88 fails the second request on them (CURLE_HTTP2, before a byte is
 * sent).
 *
 * libcurl forbids adding and removing transfers inside its own callbacks, and resuming one delivers held bytes at
 * once. So these three wait for the next turn of the loop (`pending`) where they must. */
#include "chttp_int.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHTTP_FREE_TRANSFERS_MAX 16                /* easy handles an origin keeps for the next fetches */
#define CHTTP_TRANSFER_BUFFER_BYTES (32 * 1024)    /* libcurl's buffer for either direction */
#define CHTTP_TRANSFER_TEXT_KEEP (16 * 1024)       /* a larger request head's memory is given back */
#define CHTTP_CURL_DETAIL_BYTES 160

struct chttp_transfer {
    chttp_curl *curl;
    chttp_fetch *fetch;                    /* NULL: cancelled, libcurl has still to let go of it */
    chttp_transfer *next, *previous;       /* of those under way; `next` also of the free ones */
    chttp_transfer *next_pending;
    CURL *easy;
    chttp_deadline deadline;
    char *text;                            /* the request's head, cut into the strings that `fields` holds */
    size_t text_capacity;
    struct curl_slist *fields;
    size_t fields_capacity;
    size_t body_sent, body_seen;           /* given to libcurl so far; the same when the deadline was last looked at */
    chttp_failure failure;                 /* why a callback of ours stopped it, or 0 */
    const char *failure_text;
    bool is_added, is_pending, is_resuming;
    bool needs_alert, has_alert;           /* see on_tls_event */
    char error[CURL_ERROR_SIZE];
};

struct chttp_curl {
    chttp_loop *loop;
    chttp_origin *origin;
    chttp_origin_options options; /* its strings are not used here */
    char *url;                    /* scheme://host:port/, without the scheme's own port */
    char *proxy, *proxy_user, *proxy_password; /* NULL: none */
    bool is_http_proxy, tunnels;  /* without a tunnel an HTTP proxy is given whole URLs */
    CURLM *multi;                 /* made by the first fetch; NULL also after a long rest */
    uv_timer_t timer;
    uv_idle_t idle;               /* runs while something is pending */
    chttp_deadline rest;          /* when no transfer came for so long, kept-alive connections close */
    chttp_transfer *transfers, *pending, **pending_end, *free;
    uint32_t transfer_count, free_count, pending_count;
    uint32_t handles_open;
    uint32_t depth;               /* of functions on the stack that go on using this struct */
    bool is_in_curl;              /* libcurl is on the stack: nothing may be added or removed */
    bool is_freed;
};

static void settle(chttp_curl *curl);

/* ----------------------------------------------------------------------------------------------- sockets and time */

typedef struct chttp_watch {
    uv_poll_t poll; /* first: libuv hands it back */
    chttp_curl *curl;
    curl_socket_t file;
} chttp_watch;

static void drop_multi(chttp_curl *curl);

/* As libcurl would, but no child process inherits it. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The origin may go while a callback runs; its end waits until nobody on the stack needs it. */
static void enter(chttp_curl *curl) { curl->depth++; }

static void on_handle_closed(uv_handle_t *handle) {
    chttp_curl *curl = handle->data;
    if (--curl->handles_open) return;
    chttp_origin *origin = curl->origin;
    free(curl->url);
    free(curl->proxy);
    if (curl->proxy_user) explicit_bzero(curl->proxy_user, strlen(curl->proxy_user));
    if (curl->proxy_password) explicit_bzero(curl->proxy_password, strlen(curl->proxy_password));
    free(curl->proxy_user);
    free(curl->proxy_password);
    free(curl);
    chttp_origin_without_curl(origin);
}

static void transfer_recycle(chttp_transfer *transfer);
static void transfer_destroy(chttp_transfer *transfer);

static void leave(chttp_curl *curl) {
    if (--curl->depth || !curl->is_freed) return;
    while (curl->transfers) transfer_recycle(curl->transfers);
    drop_multi(curl);
    while (curl->free) {
        chttp_transfer *transfer = curl->free;
        curl->free = transfer->next;
        transfer_destroy(transfer);
    }
    chttp_deadline_remove(curl->loop, &curl->rest);
    uv_close((uv_handle_t *)&curl->timer, on_handle_closed);
    uv_close((uv_handle_t *)&curl->idle, on_handle_closed);
}

/* Something happened that libcurl wants to know of. */
static void drive(chttp_curl *curl, curl_socket_t file, int events) {
    chttp_loop *loop = curl->loop;
    int running;
    if (!curl->multi) return;
    enter(curl);
    curl->is_in_curl = true;
    CURLMcode code = curl_multi_socket_action(curl->multi, file, events, &running);
    curl->is_in_curl = false;
    settle(curl);
    if (code != CURLM_OK && !curl->is_freed) drop_multi(curl); /* a callback of ours had no memory */
    leave(curl);
    chttp_loop_flush(loop);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    chttp_watch *watch = (chttp_watch *)poll;
    int ready = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE) ready |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) ready |= CURL_CSELECT_OUT;
    drive(watch->curl, watch->file, ready);
}

static void on_watch_closed(uv_handle_t *handle) { free(handle); }

/* libcurl says what it waits for on a socket. -1 ends every transfer of the multi handle. */
static int watch_socket(CURL *easy, curl_socket_t file, int what, void *context, void *socket_context) {
    chttp_curl *curl = context;
    chttp_watch *watch = socket_context;
    if (what == CURL_POLL_REMOVE) {
        if (!watch) return 0;
        curl_multi_assign(curl->multi, file, NULL);
        uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        if (!watch || uv_poll_init_socket(&curl->loop->uv, &watch->poll, file) != 0) {
            free(watch);
            return -1;
        }
        watch->curl = curl;
        watch->file = file;
        curl_multi_assign(curl->multi, file, watch);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_ready) == 0 ? 0 : -1;
}

static void on_timer(uv_timer_t *timer) { drive(timer->data, CURL_SOCKET_TIMEOUT, 0); }

static int set_timer(CURLM *multi, long milliseconds, void *context) {
    chttp_curl *curl = context;
    if (milliseconds < 0) uv_timer_stop(&curl->timer);
    else uv_timer_start(&curl->timer, on_timer, (uint64_t)milliseconds, 0);
    return 0;
}

static bool make_multi(chttp_curl *curl) {
    if (curl->multi) return true;
    curl->multi = curl_multi_init();
    if (!curl->multi) return false;
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, (long)curl->options.connections_max);
    return true;
}

static void finish(chttp_transfer *transfer, chttp_failure failure, const char *detail);

static chttp_transfer *find_added(const chttp_curl *curl) {
    chttp_transfer *transfer = curl->transfers;
    while (transfer && !transfer->is_added) transfer = transfer->next;
    return transfer;
}

/* Ends what is under way and closes the connections; the next fetch starts afresh. */
static void drop_multi(chttp_curl *curl) {
    if (!curl->multi) return;
    enter(curl);
    for (chttp_transfer *transfer; (transfer = find_added(curl));) {
        finish(transfer, CHTTP_FAILED_MEMORY, "out of memory");
    }
    curl->is_in_curl = true;
    curl_multi_cleanup(curl->multi);
    curl->is_in_curl = false;
    curl->multi = NULL;
    uv_timer_stop(&curl->timer);
    curl->depth--;
}

static void on_rest(chttp_deadline *deadline) {
    chttp_curl *curl = (chttp_curl *)((char *)deadline - offsetof(chttp_curl, rest));
    if (curl->transfer_count == 0) drop_multi(curl);
}

/* ------------------------------------------------------------------------------------------------- failure in words */

static bool is_tls_failure(CURLcode code) {
    switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED: return true;
    default: return false;
    }
}

/* libcurl's words about a TLS failure, on one line. They name hosts and certificates; a URL, which could hold a name
 * and a password, is never passed on. */
static void write_tls_text(const char *text, char *detail) {
    bool is_plain = *text && !strchr(text, '@') && !strstr(text, "://");
    snprintf(detail, CHTTP_CURL_DETAIL_BYTES, "TLS: %s", is_plain ? text : "the handshake failed");
    for (char *at = detail; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = ' ';
    }
}

/* What the end of a transfer means at our door. */
static chttp_failure explain(const chttp_transfer *transfer, CURLcode code, char *detail) {
    const chttp_curl *curl = transfer->curl;
    const chttp_fetch *fetch = transfer->fetch;
    long answer = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &answer);
#define SAY(text) snprintf(detail, CHTTP_CURL_DETAIL_BYTES, "%s", text)
    if (transfer->failure) {
        SAY(transfer->failure_text);
        return transfer->failure;
    }
    if (!fetch->is_sent && answer && answer / 100 != 2) {
        snprintf(detail, CHTTP_CURL_DETAIL_BYTES, "the proxy answered CONNECT with status %ld", answer);
        return CHTTP_FAILED_PROXY;
    }
    if (is_tls_failure(code)) {
        write_tls_text(transfer->error, detail);
        bool is_of_proxy = curl->proxy && !strncmp(curl->proxy, "https", 5) && answer == 0;
        return is_of_proxy ? CHTTP_FAILED_PROXY : CHTTP_FAILED_TLS;
    }
    switch (code) {
    case CURLE_OUT_OF_MEMORY: SAY("out of memory"); return CHTTP_FAILED_MEMORY;
    case CURLE_COULDNT_RESOLVE_PROXY: SAY("the proxy's name has no address"); return CHTTP_FAILED_PROXY;
    case CURLE_PROXY: SAY("the proxy did not make the connection"); return CHTTP_FAILED_PROXY;
    case CURLE_COULDNT_RESOLVE_HOST: SAY("the name has no address"); return CHTTP_FAILED_NAME;
    case CURLE_OPERATION_TIMEDOUT:
        if (fetch->is_sent) break;
        SAY("the connection could not be made in time");
        return CHTTP_FAILED_CONNECT_TIMEOUT;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a head, as HTTP/0.9 had it */
    case CURLE_HTTP2:
        if (!fetch->is_sent) break;
        SAY("not a proper HTTP answer");
        return CHTTP_FAILED_MALFORMED;
    case CURLE_RECV_ERROR:
        if (!fetch->has_head || !strstr(transfer->error, "chunk")) break;
        SAY("the answer is badly chunked");
        return CHTTP_FAILED_MALFORMED;
    default: break;
    }
    if (fetch->has_head) {
        SAY("the connection closed inside the answer");
        return CHTTP_FAILED_TRUNCATED;
    }
    if (fetch->is_sent) {
        SAY("the connection closed before the answer began");
        return CHTTP_FAILED_RESET;
    }
    SAY(curl->proxy ? "the proxy could not be reached" : "the connection was refused");
    return curl->proxy ? CHTTP_FAILED_PROXY : CHTTP_FAILED_REFUSED;
#undef SAY
}

/* ---------------------------------------------------------------------------------------- ends, and what is pending */

static void pend(chttp_transfer *transfer) {
    chttp_curl *curl = transfer->curl;
    if (transfer->is_pending) return;
    transfer->is_pending = true;
    transfer->next_pending = NULL;
    *curl->pending_end = transfer;
    curl->pending_end = &transfer->next_pending;
    curl->pending_count++;
}

static void unpend(chttp_transfer *transfer) {
    chttp_curl *curl = transfer->curl;
    if (!transfer->is_pending) return;
    chttp_transfer **at = &curl->pending;
    while (*at != transfer) at = &(*at)->next_pending;
    *at = transfer->next_pending;
    if (!*at) curl->pending_end = at;
    curl->pending_count--;
    transfer->is_pending = false;
}

static void transfer_destroy(chttp_transfer *transfer) {
    curl_easy_cleanup(transfer->easy);
    free(transfer->text);
    free(transfer->fields);
    free(transfer);
}

/* Takes it from libcurl; its connection is kept if the answer was whole, else closed. */
static void transfer_recycle(chttp_transfer *transfer) {
    chttp_curl *curl = transfer->curl;
    if (transfer->is_added) {
        bool was_in_curl = curl->is_in_curl;
        curl->is_in_curl = true;
        curl_multi_remove_handle(curl->multi, transfer->easy);
        curl->is_in_curl = was_in_curl;
    }
    unpend(transfer);
    chttp_deadline_remove(curl->loop, &transfer->deadline);
    if (transfer->previous) transfer->previous->next = transfer->next;
    else curl->transfers = transfer->next;
    if (transfer->next) transfer->next->previous = transfer->previous;
    curl->transfer_count--;
    curl->loop->counts.upstream_open--;
    if (curl->transfer_count == 0) chttp_deadline_set(curl->loop, &curl->rest, curl->options.pool_idle_ms);

    if (curl->free_count == CHTTP_FREE_TRANSFERS_MAX) {
        transfer_destroy(transfer);
        return;
    }
    if (transfer->text_capacity > CHTTP_TRANSFER_TEXT_KEEP) {
        free(transfer->text);
        transfer->text = NULL;
        transfer->text_capacity = 0;
    }
    transfer->next = curl->free;
    curl->free = transfer;
    curl->free_count++;
}

/* Terminal: `failure` 0 is the end of a whole answer. */
static void finish(chttp_transfer *transfer, chttp_failure failure, const char *detail) {
    chttp_curl *curl = transfer->curl;
    chttp_fetch *fetch = transfer->fetch;
    transfer_recycle(transfer);
    if (fetch) fetch->transfer = NULL;
    if (fetch && failure) chttp_fetch_fail(fetch, failure, detail);
    else if (fetch) chttp_fetch_end(fetch);
    if (!curl->is_freed) chttp_origin_has_room(curl->origin);
}

static void finish_with(chttp_transfer *transfer, CURLcode code) {
    char detail[CHTTP_CURL_DETAIL_BYTES] = "";
    chttp_failure failure = 0;
    bool is_cut = transfer->needs_alert && !transfer->has_alert;
    bool is_whole = code == CURLE_OK && transfer->fetch && transfer->fetch->has_head && !is_cut;
    if (transfer->fetch && !is_whole) failure = explain(transfer, code, detail);
    finish(transfer, failure, detail);
}

/* Ends the transfers that libcurl is done with. */
static void settle(chttp_curl *curl) {
    const CURLMsg *message;
    int left;
    while (!curl->is_freed && curl->multi && (message = curl_multi_info_read(curl->multi, &left))) {
        chttp_transfer *transfer = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish_with(transfer, code);
    }
}

/* Does what could not be done when it was asked for. */
static void act(chttp_transfer *transfer) {
    chttp_curl *curl = transfer->curl;
    if (!transfer->fetch) {
        finish(transfer, 0, NULL);
        return;
    }
    if (!transfer->is_added) {
        transfer->is_added = make_multi(curl) && curl_multi_add_handle(curl->multi, transfer->easy) == CURLM_OK;
        if (!transfer->is_added) finish(transfer, CHTTP_FAILED_MEMORY, "out of memory");
        return;
    }
    if (!transfer->is_resuming) return;
    transfer->is_resuming = false;
    curl->is_in_curl = true;
    CURLcode code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    curl->is_in_curl = false;
    if (code != CURLE_OK) finish_with(transfer, code);
}

static void on_pending(uv_idle_t *idle) {
    chttp_curl *curl = idle->data;
    chttp_loop *loop = curl->loop;
    enter(curl);
    for (uint32_t left = curl->pending_count; left && curl->pending && !curl->is_freed; left--) {
        chttp_transfer *transfer = curl->pending;
        unpend(transfer);
        act(transfer);
    }
    if (!curl->pending) uv_idle_stop(&curl->idle);
    settle(curl);
    leave(curl);
    chttp_loop_flush(loop);
}

static void do_soon(chttp_transfer *transfer) {
    pend(transfer);
    uv_idle_start(&transfer->curl->idle, on_pending);
}

static void on_deadline(chttp_deadline *deadline) {
    chttp_transfer *transfer = (chttp_transfer *)((char *)deadline - offsetof(chttp_transfer, deadline));
    chttp_curl *curl = transfer->curl;
    chttp_loop *loop = curl->loop;
    chttp_fetch *fetch = transfer->fetch;
    enter(curl);
    if (!fetch->is_sent) {
        finish(transfer, CHTTP_FAILED_CONNECT_TIMEOUT, "the connection could not be made in time");
    } else if (fetch->has_head) {
        finish(transfer, CHTTP_FAILED_IDLE_TIMEOUT, "the answer stopped arriving");
    } else if (transfer->body_sent != transfer->body_seen) { /* the request is still moving */
        transfer->body_seen = transfer->body_sent;
        chttp_deadline_set(loop, deadline, curl->options.first_byte_ms);
    } else {
        finish(transfer, CHTTP_FAILED_FIRST_BYTE_TIMEOUT, "no answer arrived in time");
    }
    leave(curl);
    chttp_loop_flush(loop);
}

/* -------------------------------------------------------------------------------------------------- libcurl's calls */

/* A connection is there, proxy and TLS included, and the request is about to be written. A second time for the same
 * transfer means that libcurl lost the connection and would send it all again: that is not ours to decide. */
static int on_request(void *context, char *address, char *local_address, int port, int local_port) {
    chttp_transfer *transfer = context;
    chttp_fetch *fetch = transfer->fetch;
    if (!fetch || fetch->is_sent) return CURL_PREREQFUNC_ABORT;
    fetch->is_sent = true;
    fetch->sent_ns = uv_hrtime();
    chttp_deadline_set(transfer->curl->loop, &transfer->deadline, transfer->curl->options.first_byte_ms);
    return CURL_PREREQFUNC_OK;
}

/* Once libcurl has copied the whole body nobody reads it any more. */
static void tell_sent(chttp_transfer *transfer) {
    chttp_fetch *fetch = transfer->fetch;
    if (fetch->is_written || transfer->body_sent < fetch->body.length) return;
    fetch->is_written = true;
    fetch->callbacks.on_sent(fetch->callbacks.context, fetch);
}

/* The body is copied piece by piece into libcurl's buffer, because libcurl may still look at a buffer of ours inside a
 * callback of another transfer that cancelled this one. */
static size_t on_body_wanted(char *out, size_t size, size_t count, void *context) {
    chttp_transfer *transfer = context;
    chttp_fetch *fetch = transfer->fetch;
    if (!fetch) return CURL_READFUNC_ABORT;
    size_t length = fetch->body.length - transfer->body_sent;
    if (length > size * count) length = size * count;
    if (length) memcpy(out, fetch->body.data + transfer->body_sent, length);
    transfer->body_sent += length;
    tell_sent(transfer);
    return transfer->fetch ? length : CURL_READFUNC_ABORT;
}

/* Stops the transfer from inside a callback. */
static size_t stop(chttp_transfer *transfer, chttp_failure failure, const char *text) {
    transfer->failure = failure;
    transfer->failure_text = text;
    return 0;
}

static void set_answer_deadline(chttp_transfer *transfer) {
    const chttp_fetch *fetch = transfer->fetch;
    const chttp_origin_options *options = &transfer->curl->options;
    if (fetch->is_paused) chttp_deadline_clear(&transfer->deadline);
    else chttp_deadline_set(transfer->curl->loop, &transfer->deadline,
        fetch->has_head ? options->idle_ms : options->first_byte_ms);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* `HTTP/1.1 200 OK`, `HTTP/2 200 `. */
static bool begin_head(chttp_fetch *fetch, const char *line, size_t length) {
    const char *end = line + length, *at = memchr(line, ' ', length);
    chttp_head_reset(&fetch->head, CHTTP_ANSWER_HEAD_BYTES_MAX);
    fetch->reason_length = 0;
    if (!at || end - at < 4 || !is_digit(at[1]) || !is_digit(at[2]) || !is_digit(at[3])) return false;
    if (end - at > 4 && at[4] != ' ') return false;
    fetch->status = (uint16_t)((at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0'));
    const char *reason = end - at > 5 ? at + 5 : end;
    for (const char *one = reason; one < end; one++) {
        if ((unsigned char)*one < 0x20 && *one != '\t') return false;
    }
    fetch->reason_length = (uint32_t)(end - reason);
    return fetch->status != 101 && chttp_head_add_bytes(&fetch->head, reason, (size_t)(end - reason));
}

/* RFC 9110 5.6.2 */
static bool is_token(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && !is_digit(c) && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return length > 0;
}

static bool add_field(chttp_fetch *fetch, const char *line, size_t length) {
    const char *colon = memchr(line, ':', length), *end = line + length;
    if (!colon || !is_token(line, (size_t)(colon - line))) return false;
    const char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    for (const char *one = value; one < end; one++) {
        if (*one == 0 || *one == '\r' || *one == '\n') return false;
    }
    return chttp_head_add_name(&fetch->head, line, (size_t)(colon - line))
        && chttp_head_add_value(&fetch->head, value, (size_t)(end - value));
}

/* The length that the head promises; false if it is no number, if there are two, or chunks as well (RFC 9112 6.3). */
static bool read_content_length(chttp_fetch *fetch) {
    const chttp_head *head = &fetch->head;
    bool is_chunked = false, is_given = false;
    int64_t given = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        const chttp_field *field = &head->fields[i];
        is_chunked |= field->kind == CHTTP_FIELD_TRANSFER_ENCODING;
        if (field->kind != CHTTP_FIELD_CONTENT_LENGTH) continue;
        int64_t length = 0;
        for (uint32_t k = 0; k < field->value_length; k++) {
            char c = head->block[field->value_at + k];
            if (!is_digit(c) || length > (INT64_MAX - 9) / 10) return false;
            length = length * 10 + (c - '0');
        }
        if (field->value_length == 0 || (is_given && length != given)) return false;
        is_given = true;
        given = length;
    }
    if (is_chunked) return !is_given;
    if (is_given) fetch->content_length = given;
    else if (fetch->status == 204 || fetch->status == 304) fetch->content_length = 0;
    return true;
}

/* Whether nothing but the end of the connection tells where the answer ends. After read_content_length. */
static bool ends_with_connection(const chttp_transfer *transfer) {
    const chttp_fetch *fetch = transfer->fetch;
    chttp_bytes coding;
    long version = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    return version < CURL_HTTP_VERSION_2_0 && !fetch->is_head_method && fetch->content_length < 0
        && !chttp_head_find(&fetch->head, (chttp_bytes){"transfer-encoding", 17}, &coding);
}

static size_t end_head(chttp_transfer *transfer, size_t taken) {
    chttp_fetch *fetch = transfer->fetch;
    chttp_curl *curl = transfer->curl;
    if (fetch->status < 200) return taken; /* 100, 103: the real answer follows */
    if (fetch->status == 407 && curl->is_http_proxy && !curl->tunnels) {
        return stop(transfer, CHTTP_FAILED_PROXY, "the proxy wants a name and a password it accepts (status 407)");
    }
    if (!chttp_head_finish(&fetch->head) || !chttp_head_has_known_coding(&fetch->head)) {
        return stop(transfer, CHTTP_FAILED_MALFORMED, "not a proper HTTP answer: bad head");
    }
    if (!read_content_length(fetch)) return stop(transfer, CHTTP_FAILED_MALFORMED, "the answer's length is no length");
    fetch->has_head = true;
    transfer->needs_alert = curl->options.tls && ends_with_connection(transfer);
    set_answer_deadline(transfer);
    fetch->callbacks.on_head(fetch->callbacks.context, fetch);
    if (!transfer->fetch) return 0;
    if (fetch->is_paused) curl_easy_pause(transfer->easy, CURLPAUSE_RECV);
    return taken;
}

/* One line of an answer's head, of an interim one, or of trailers. */
static size_t on_line(char *line, size_t size, size_t count, void *context) {
    chttp_transfer *transfer = context;
    chttp_fetch *fetch = transfer->fetch;
    size_t taken = size * count, length = taken;
    if (!fetch) return 0;
    set_answer_deadline(transfer);
    tell_sent(transfer);
    if (!transfer->fetch) return 0;
    if (fetch->has_head) return taken; /* trailers are dropped, as RFC 9110 6.5.1 allows */
    if (length < 2 || line[length - 2] != '\r') {
        return stop(transfer, CHTTP_FAILED_MALFORMED, "not a proper HTTP answer: a line ends without CR");
    }
    length -= 2;
    if (length == 0) return end_head(transfer, taken);
    bool is_first = length >= 5 && memcmp(line, "HTTP/", 5) == 0;
    bool is_good = is_first ? begin_head(fetch, line, length) : add_field(fetch, line, length);
    return is_good ? taken : stop(transfer, CHTTP_FAILED_MALFORMED, "not a proper HTTP answer: bad head");
}

static size_t on_body(char *data, size_t size, size_t count, void *context) {
    chttp_transfer *transfer = context;
    chttp_fetch *fetch = transfer->fetch;
    size_t length = size * count;
    if (!fetch) return 0;
    if (length == 0) return 0;
    fetch->callbacks.on_data(fetch->callbacks.context, fetch, data, length);
    if (!transfer->fetch) return 0;
    set_answer_deadline(transfer);
    return length;
}

/* RFC 9112 9.8: over TLS only a closure alert tells that an answer which ends with its connection is whole. libcurl
 * does not look, so it is noted here for the transfer that reads from that connection. */
static void on_tls_event(const SSL *ssl, int where, int alert) {
    if (where != SSL_CB_READ_ALERT || (alert & 0xff) != SSL3_AD_CLOSE_NOTIFY) return;
    const chttp_curl *curl = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    for (chttp_transfer *transfer = curl->transfers; transfer; transfer = transfer->next) {
        const struct curl_tlssessioninfo *session = NULL;
        if (!transfer->needs_alert) continue;
        curl_easy_getinfo(transfer->easy, CURLINFO_TLS_SSL_PTR, &session);
        if (session && session->internals == ssl) transfer->has_alert = true;
    }
}

/* The origin is trusted as on the direct way: libcurl's context gets the certificates that were loaded for it. */
static CURLcode on_tls(CURL *easy, void *context, void *user) {
    chttp_curl *curl = user;
    chttp_tls_share(curl->options.tls, context);
    SSL_CTX_set_app_data((SSL_CTX *)context, curl);
    SSL_CTX_set_info_callback(context, on_tls_event);
    return CURLE_OK;
}

/* -------------------------------------------------------------------------------------------------------- requests */

/* What is the same for every fetch of the origin. */
static bool set_origin(chttp_transfer *transfer) {
    chttp_curl *curl = transfer->curl;
    CURL *easy = transfer->easy;
    bool is_set = true;
#define SET(option, value) (is_set = is_set && curl_easy_setopt(easy, option, value) == CURLE_OK)
    SET(CURLOPT_PRIVATE, (void *)transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* giving up a name look-up does not wait for its thread */
    SET(CURLOPT_URL, curl->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_HTTP_VERSION, curl->options.uses_http2
            ? (long)(curl->options.tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
            : (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_BUFFERSIZE, (long)CHTTP_TRANSFER_BUFFER_BYTES);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)CHTTP_TRANSFER_BUFFER_BYTES);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)curl->options.connect_ms);
    SET(CURLOPT_FORBID_REUSE, (long)(curl->options.uses_http2 && !curl->options.tls)); /* see the top */
    SET(CURLOPT_MAXAGE_CONN, (long)(curl->options.pool_idle_ms + 999) / 1000);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_PREREQFUNCTION, on_request);
    SET(CURLOPT_PREREQDATA, (void *)transfer);
    SET(CURLOPT_READFUNCTION, on_body_wanted);
    SET(CURLOPT_READDATA, (void *)transfer);
    SET(CURLOPT_HEADERFUNCTION, on_line);
    SET(CURLOPT_HEADERDATA, (void *)transfer);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, (void *)transfer);

    /* An empty text keeps libcurl from reading the environment by itself. */
    SET(CURLOPT_PROXY, curl->proxy ? curl->proxy : "");
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_PROXYUSERNAME, curl->proxy_user);
    SET(CURLOPT_PROXYPASSWORD, curl->proxy_password);
    SET(CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_SOCKS5_AUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_HTTPPROXYTUNNEL, (long)curl->tunnels);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* the proxy of a tunnel sees no field of the request */
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    const chttp_tls *tls = curl->options.tls;
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (tls) {
        bool verifies = chttp_tls_verifies(tls);
        SET(CURLOPT_SSL_VERIFYPEER, (long)verifies);
        SET(CURLOPT_SSL_VERIFYHOST, verifies ? 2L : 0L);
        SET(CURLOPT_CAINFO, NULL); /* on_tls brings the certificates */
        SET(CURLOPT_CAPATH, NULL);
        SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
        SET(CURLOPT_SSL_CTX_DATA, (void *)curl);
    }
    return is_set;
}

static chttp_transfer *transfer_new(chttp_curl *curl) {
    chttp_transfer *transfer = curl->free;
    if (transfer) {
        curl->free = transfer->next;
        curl->free_count--;
        *transfer = (chttp_transfer){
            .curl = curl, .easy = transfer->easy, .deadline.expired = on_deadline, .text = transfer->text,
            .text_capacity = transfer->text_capacity, .fields = transfer->fields,
            .fields_capacity = transfer->fields_capacity,
        };
        return transfer;
    }
    transfer = calloc(1, sizeof *transfer);
    if (!transfer) return NULL;
    transfer->curl = curl;
    transfer->deadline.expired = on_deadline;
    transfer->easy = curl_easy_init();
    if (transfer->easy && set_origin(transfer)) return transfer;
    transfer_destroy(transfer);
    return NULL;
}

/* The fields that libcurl would add if we were silent; an empty one tells it not to. */
static const char *const silenced[] = {"Accept:", "Content-Type:", "Expect:", "Proxy-Connection:"};
enum { SILENCED_ACCEPT, SILENCED_CONTENT_TYPE, SILENCED_COUNT = sizeof silenced / sizeof *silenced };

/* The lines of the head become libcurl's list of fields: in order, spelled as they are. A field with an empty value is
 * written `name;` there. */
static bool set_fields(chttp_transfer *transfer, char *lines, bool is_bodiless) {
    size_t count = SILENCED_COUNT;
    for (char *at = lines; (at = strstr(at, "\r\n")); at += 2) count++;
    if (count > transfer->fields_capacity) {
        struct curl_slist *fields = realloc(transfer->fields, count * sizeof *fields);
        if (!fields) return false;
        transfer->fields = fields;
        transfer->fields_capacity = count;
    }
    bool is_silent[SILENCED_COUNT] = {false};
    struct curl_slist *last = transfer->fields;
    for (char *line = lines, *end; (end = strstr(line, "\r\n")) && end != line; line = end + 2) {
        *end = 0;
        char *colon = strchr(line, ':');
        size_t name_length = (size_t)(colon - line);
        is_silent[SILENCED_ACCEPT] |= chttp_name_equals(line, name_length, "accept", 6);
        is_silent[SILENCED_CONTENT_TYPE] |= chttp_name_equals(line, name_length, "content-type", 12);
        if (is_bodiless && chttp_name_equals(line, name_length, "content-length", 14)) continue;
        if (colon[1 + strspn(colon + 1, " \t")] == 0) strcpy(colon, ";");
        *last++ = (struct curl_slist){.data = line};
    }
    for (size_t i = 0; i < SILENCED_COUNT; i++) {
        if (!is_silent[i]) *last++ = (struct curl_slist){.data = (char *)silenced[i]};
    }
    for (struct curl_slist *field = transfer->fields; field + 1 < last; field++) field->next = field + 1;
    return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->fields) == CURLE_OK;
}

/* The target as the next hop wants it: a whole URL for an HTTP proxy, else path and query. */
static bool set_target(chttp_transfer *transfer, const char *target) {
    chttp_curl *curl = transfer->curl;
    if (!curl->is_http_proxy || curl->tunnels) {
        return curl_easy_setopt(transfer->easy, CURLOPT_REQUEST_TARGET, target) == CURLE_OK;
    }
    size_t base_length = strlen(curl->url) - 1, length = strlen(target);
    char *whole = chttp_arena_add(curl->loop, base_length + length + 1);
    if (!whole) return false;
    memcpy(whole, curl->url, base_length);
    memcpy(whole + base_length, target, length + 1);
    return curl_easy_setopt(transfer->easy, CURLOPT_REQUEST_TARGET, whole) == CURLE_OK;
}

/* Hands libcurl the head that the direct way would have written, and says what kind of body follows. A HEAD request is
 * sent without its content, which has no meaning (RFC 9110 9.3.2). */
static bool set_request(chttp_transfer *transfer, chttp_fetch *fetch) {
    if (fetch->wire_length + 1 > transfer->text_capacity) {
        char *text = realloc(transfer->text, fetch->wire_length + 1);
        if (!text) return false;
        transfer->text = text;
        transfer->text_capacity = fetch->wire_length + 1;
    }
    memcpy(transfer->text, fetch->wire, fetch->wire_length);
    transfer->text[fetch->wire_length] = 0;

    static const char version[] = " HTTP/1.1";
    char *method = transfer->text, *line_end = strstr(method, "\r\n");
    char *target = strchr(method, ' ');
    *target++ = 0;
    line_end[1 - (ptrdiff_t)sizeof version] = 0;
    CURL *easy = transfer->easy;
    bool is_set = set_target(transfer, target) && set_fields(transfer, line_end + 2, fetch->is_head_method);
    SET(CURLOPT_NOBODY, 0L);
    if (fetch->is_head_method) {
        SET(CURLOPT_CUSTOMREQUEST, NULL);
        SET(CURLOPT_NOBODY, 1L);
    } else if (fetch->has_body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body.length);
        SET(CURLOPT_CUSTOMREQUEST, method);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
        SET(CURLOPT_CUSTOMREQUEST, method);
    }
#undef SET
    return is_set;
}

/* ------------------------------------------------------------------------------------------------------------ door */

static uv_once_t initialised = UV_ONCE_INIT;
static bool is_initialised;
static void initialise(void) { is_initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

static bool copy_text(const char *text, char **out) {
    *out = text ? strdup(text) : NULL;
    return !text || *out;
}

chttp_curl *chttp_curl_new(chttp_loop *loop, chttp_origin *origin, const chttp_origin_options *options) {
    uv_once(&initialised, initialise);
    chttp_curl *curl = is_initialised ? calloc(1, sizeof *curl) : NULL;
    if (!curl) return NULL;
    curl->loop = loop;
    curl->origin = origin;
    curl->options = *options;
    curl->pending_end = &curl->pending;
    curl->rest.expired = on_rest;
    curl->is_http_proxy = options->proxy && !strncmp(options->proxy, "http", 4);
    curl->tunnels = options->tls || options->uses_http2;

    bool is_version6 = strchr(options->host, ':') != NULL;
    size_t size = strlen(options->host) + 32;
    curl->url = malloc(size);
    bool is_copied = copy_text(options->proxy, &curl->proxy);
    is_copied &= copy_text(options->proxy_user, &curl->proxy_user);
    is_copied &= copy_text(options->proxy_password, &curl->proxy_password);
    if (!curl->url || !is_copied) {
        free(curl->url);
        free(curl->proxy);
        free(curl->proxy_user);
        free(curl->proxy_password);
        free(curl);
        return NULL;
    }
    int length = snprintf(curl->url, size, "%s://%s%s%s", options->tls ? "https" : "http", is_version6 ? "[" : "",
        options->host, is_version6 ? "]" : "");
    /* Without the scheme's own port, as the Host field has it: a proxy may compare the two. */
    if (options->port == (options->tls ? 443 : 80)) strcpy(curl->url + length, "/");
    else snprintf(curl->url + length, size - (size_t)length, ":%u/", options->port);
    uv_timer_init(&loop->uv, &curl->timer);
    uv_idle_init(&loop->uv, &curl->idle);
    curl->timer.data = curl->idle.data = curl;
    curl->handles_open = 2;
    return curl;
}

void chttp_curl_free(chttp_curl *curl) {
    enter(curl);
    curl->is_freed = true;
    for (chttp_transfer *transfer = curl->transfers; transfer; transfer = transfer->next) {
        chttp_fetch *fetch = transfer->fetch;
        transfer->fetch = NULL;
        chttp_deadline_clear(&transfer->deadline);
        if (fetch) chttp_fetch_discard(fetch);
    }
    leave(curl);
}

uint32_t chttp_curl_count(const chttp_curl *curl) { return curl->transfer_count; }

bool chttp_curl_start(chttp_curl *curl, chttp_fetch *fetch) {
    chttp_transfer *transfer = transfer_new(curl);
    if (!transfer) return false;
    if (!set_request(transfer, fetch)) {
        transfer_destroy(transfer);
        return false;
    }
    transfer->fetch = fetch;
    fetch->transfer = transfer;
    transfer->next = curl->transfers;
    if (transfer->next) transfer->next->previous = transfer;
    curl->transfers = transfer;
    curl->transfer_count++;
    curl->loop->counts.upstream_open++;
    chttp_deadline_clear(&curl->rest);
    chttp_deadline_set(curl->loop, &transfer->deadline, curl->options.connect_ms);
    do_soon(transfer);
    return true;
}

void chttp_curl_pause(chttp_transfer *transfer) {
    transfer->is_resuming = false;
    if (!transfer->fetch->has_head) return; /* end_head pauses */
    curl_easy_pause(transfer->easy, CURLPAUSE_RECV);
    chttp_deadline_clear(&transfer->deadline);
}

void chttp_curl_resume(chttp_transfer *transfer) {
    if (!transfer->fetch->has_head) return;
    transfer->is_resuming = true;
    set_answer_deadline(transfer);
    do_soon(transfer);
}

void chttp_curl_cancel(chttp_transfer *transfer) {
    chttp_curl *curl = transfer->curl;
    transfer->fetch = NULL;
    chttp_deadline_clear(&transfer->deadline);
    if (curl->is_in_curl) do_soon(transfer);
    else finish(transfer, 0, NULL);
}
