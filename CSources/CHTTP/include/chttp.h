/* chttp.h: HTTP/1.1 both ways on one event loop: connections, pools, TLS, timers. It knows no policy.
 *
 * Who uses it: Sources/CairnHTTP, the only room that imports it. One loop runs on one thread; everything that belongs
 * to a loop is touched on that thread only, except chttp_loop_post and chttp_loop_stop, which any thread may call.
 *
 * The workload that shaped it: a proxy whose requests are whole (a body of 2 KB to 64 MiB is read into one piece of
 * memory and sent from there) and whose answers flow (each read of the upstream socket becomes one write of the
 * client's). So a request costs one read and one write on either side and no byte of a body is copied in between:
 *
 *     client ──read──▶ body of chttp_call ──writev (borrowed)──▶ upstream
 *     client ◀─writev (borrowed)── the loop's read buffer ◀──read── upstream
 *
 * Words: a *call* is a request that a client made to us and our answer; a *fetch* is a request of ours to an origin
 * and its answer. Built on libuv (loop), llhttp (parsing, both sides), OpenSSL (TLS) and, for forward proxies
 * and HTTP/2 origins, libcurl. RFC 9110 and RFC 9112.
 *
 * Rules that hold everywhere: pointers in callbacks are *views* until the callback returns unless said otherwise;
 * lengths are bytes; times are milliseconds unless the name says otherwise; a handle dies in exactly one terminal
 * callback (on_closed of a call; on_end or on_fail of a fetch) and must not be used after it returned. */
#ifndef CHTTP_H
#define CHTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHTTP_READ_BUFFER_BYTES (64 * 1024)      /* one per loop: the most that one read delivers */
#define CHTTP_HIGH_WATER_BYTES (64 * 1024)       /* more than this unsent: the other side stops reading */
#define CHTTP_LOW_WATER_BYTES (16 * 1024)        /* at most this unsent: it reads on */
#define CHTTP_PIPELINED_BYTES_MAX (64 * 1024)    /* bytes of a next request kept while a call is answered */
#define CHTTP_ANSWER_HEAD_BYTES_MAX (256 * 1024) /* head of an upstream's answer */
#define CHTTP_HEADER_COUNT_MAX 1000              /* fields in one head, either side */
#define CHTTP_CONNECTION_NAMES_MAX 32            /* fields that Connection may name in one head, either side */
#define CHTTP_LINGER_MS 2000                     /* refused requests are read on this long, so the answer arrives */
#define CHTTP_LINGER_BYTES_MAX (8 * 1024 * 1024)

typedef struct chttp_bytes {
    const char *data; /* need not be NUL-terminated; may be NULL only if length is 0 */
    size_t length;
} chttp_bytes;

/* ---------------------------------------------------------------------------------------------------------- loop */

typedef struct chttp_loop chttp_loop;
typedef struct chttp_timer chttp_timer;

/* Called on the loop's thread once per turn before it waits and once after it dispatched what arrived; returns true if
 * there is more to do at once, so the loop must not sleep. The Swift executor drains its jobs here. */
typedef bool (*chttp_turn)(void *context);
typedef void (*chttp_job)(void *context);

/* Returns owned, or NULL when memory or file descriptors ran out. `on_turn` may be NULL. */
chttp_loop *chttp_loop_new(chttp_turn on_turn, void *context);
/* Runs until chttp_loop_stop; may be called again after it. The calling thread is the loop's thread from now on. */
void chttp_loop_run(chttp_loop *loop);
void chttp_loop_stop(chttp_loop *loop); /* any thread; run() returns soon after */
/* Closes whatever is still open without calling anyone back, and frees the loop, its servers, origins and timers.
 * Posted jobs that have not run never will; offloaded work that has begun is waited for. Not while it runs. */
void chttp_loop_free(chttp_loop *loop);
/* Runs `job(context)` on the loop's thread, in order of posting. Any thread. False if out of memory. */
bool chttp_loop_post(chttp_loop *loop, chttp_job job, void *context);
/* Runs `work` on a worker thread, then `done` on the loop's thread. False if it could not be queued. */
bool chttp_loop_offload(chttp_loop *loop, chttp_job work, chttp_job done, void *context);
/* Calls `fire` once after `milliseconds`, less than one early at most. The handle dies when it fired or was cancelled.
 * NULL if out of memory. */
chttp_timer *chttp_timer_start(chttp_loop *loop, uint64_t milliseconds, chttp_job fire, void *context);
void chttp_timer_cancel(chttp_timer *timer);
uint64_t chttp_now_nanoseconds(void); /* monotonic; about 25 ns */

typedef struct chttp_counts {
    uint32_t downstream_open;  /* client connections */
    uint32_t downstream_calls; /* calls not yet closed */
    uint32_t upstream_open;    /* connections to origins, idle ones included (libcurl's only while in use) */
    uint32_t upstream_idle;
} chttp_counts;
chttp_counts chttp_loop_counts(const chttp_loop *loop);

/* --------------------------------------------------------------------------------------------------------- heads */

/* The header fields of a request or an answer as they came: order, case and spelling kept. */
typedef struct chttp_head chttp_head;

size_t chttp_head_count(const chttp_head *head);
void chttp_head_at(const chttp_head *head, size_t index, chttp_bytes *out_name, chttp_bytes *out_value);
/* The first field of that name (ASCII case-insensitive; `lower_name` in lower case). False if there is none. */
bool chttp_head_find(const chttp_head *head, chttp_bytes lower_name, chttp_bytes *out_value);

/* A fixed set of lower-case names and of name prefixes, to say which fields are not to be passed on. */
typedef struct chttp_names chttp_names;
/* Copies. A name that ends in '*' stands for all names with that beginning. NULL if out of memory. Immutable after
 * this, so it may be used by all loops. */
chttp_names *chttp_names_new(const chttp_bytes *names, size_t count);
void chttp_names_free(chttp_names *names);

/* ----------------------------------------------------------------------------------------------------------- TLS */

typedef struct chttp_tls chttp_tls; /* certificates and settings; immutable after making, shared by all loops */

/* For a listener. PEM files. On failure returns NULL and writes a NUL-terminated reason into `reason`. */
chttp_tls *chttp_tls_server_new(const char *certificate_file, const char *key_file, char *reason, size_t reason_size);
/* For origins. `ca_file` NULL: the system's certificates. `verify` false accepts any certificate. */
chttp_tls *chttp_tls_client_new(const char *ca_file, bool verify, char *reason, size_t reason_size);
void chttp_tls_free(chttp_tls *tls);
/* Writes a fresh EC P-256 key and a self-signed certificate for `host` (and localhost, 127.0.0.1, ::1), valid for
 * 825 days, as PEM files of mode 0600. */
bool chttp_tls_write_self_signed(
    const char *certificate_file, const char *key_file, const char *host, char *reason, size_t reason_size);

/* -------------------------------------------------------------------------------------------------------- server */

typedef struct chttp_server chttp_server;
typedef struct chttp_call chttp_call;

/* Why the server itself refused a request, before any call existed or while its body came. Never renumbered. */
typedef enum chttp_refusal {
    CHTTP_REFUSED_MALFORMED = 1,       /* not HTTP/1.x as RFC 9112 wants it */
    CHTTP_REFUSED_METHOD = 2,          /* a method token nobody knows */
    CHTTP_REFUSED_HEAD_TOO_BIG = 3,
    CHTTP_REFUSED_BODY_TOO_BIG = 4,
    CHTTP_REFUSED_HOST = 5,            /* no Host field, or two, or one that is no host */
    CHTTP_REFUSED_FRAMING = 6,         /* lengths that contradict each other, or an unknown transfer coding */
    CHTTP_REFUSED_TIMEOUT = 7,         /* head or body did not arrive in time */
    CHTTP_REFUSED_CONNECTIONS = 8,     /* too many connections */
    CHTTP_REFUSED_VERSION = 9,
    CHTTP_REFUSED_EXPECTATION = 10,    /* an Expect other than 100-continue */
    CHTTP_REFUSED_MEMORY = 11
} chttp_refusal;

/* How a call ended. */
typedef enum chttp_call_outcome {
    CHTTP_CALL_ANSWERED = 0,    /* the whole answer was handed to the kernel */
    CHTTP_CALL_CLIENT_LEFT = 1, /* the client closed or reset first */
    CHTTP_CALL_ABORTED = 2,     /* chttp_call_abort */
    CHTTP_CALL_STALLED = 3,     /* the client read nothing for write_ms */
    CHTTP_CALL_REFUSED = 4      /* its body was refused after on_head: see chttp_refusal */
} chttp_call_outcome;

typedef struct chttp_server_callbacks {
    void *context;
    /* A head has arrived, its body has not. May answer at once (then on_request is not called). */
    void (*on_head)(void *context, chttp_call *call);
    /* The whole request has arrived; answer it now or later. */
    void (*on_request)(void *context, chttp_call *call);
    /* A request was refused: gives the status (0: close without a word) and the body of the answer, which must stay
     * valid until the next call of this function. `target` may be empty. */
    uint16_t (*on_refused)(
        void *context, chttp_refusal reason, chttp_bytes target, chttp_bytes *out_fields, chttp_bytes *out_body);
    /* What was queued is below the low-water mark again. Only after chttp_call_write returned false. */
    void (*on_drained)(void *context, chttp_call *call);
    /* Terminal: the call is over and its handle, head and body die when this returns. Exactly once for every call
     * that on_head announced. */
    void (*on_closed)(void *context, chttp_call *call, chttp_call_outcome outcome);
} chttp_server_callbacks;

/* Connections of clients that several servers count together. The one thing here that threads share: an atomic. */
typedef struct chttp_quota chttp_quota;
chttp_quota *chttp_quota_new(uint32_t connections_max); /* returns owned; NULL: out of memory */
void chttp_quota_free(chttp_quota *quota);              /* servers that use it keep it until they are gone */

typedef struct chttp_server_options {
    const char *host;           /* a numeric address or a name; copied */
    uint16_t port;              /* 0: the kernel chooses */
    bool shares_port;           /* another loop of this process listens there already: a taken port is no error */
    int listen_fd;              /* -1, or a listening socket that was inherited (systemd); *takes* it */
    const chttp_tls *tls;       /* NULL: plain; *borrows* for the server's life */
    uint32_t backlog;
    chttp_quota *quota;         /* kept by the server as long as it needs it */
    uint32_t head_bytes_max;
    uint64_t body_bytes_max;
    uint32_t head_ms;           /* first byte of a head to its last */
    uint32_t body_ms;           /* without a byte of the body */
    uint32_t idle_ms;           /* between two requests */
    uint32_t write_ms;          /* a client that reads nothing */
    chttp_server_callbacks callbacks;
} chttp_server_options;

/* Listens. On failure returns NULL, *out_errno is a positive errno (EADDRINUSE, EACCES, ...), 0 for an unknown name. */
chttp_server *chttp_server_new(chttp_loop *loop, const chttp_server_options *options, int *out_errno);
uint16_t chttp_server_port(const chttp_server *server);
/* Stops accepting, closes idle connections; calls under way go on and their connections close after them. */
void chttp_server_drain(chttp_server *server);
/* Closes all its connections at once; each open call gets on_closed. Frees the server. */
void chttp_server_free(chttp_server *server);

/* What is known of a call; views until it is closed. */
void chttp_call_set_context(chttp_call *call, void *context); /* one pointer of the user's; NULL at first */
void *chttp_call_context(const chttp_call *call);
chttp_loop *chttp_call_loop(const chttp_call *call);
chttp_bytes chttp_call_method(const chttp_call *call);
chttp_bytes chttp_call_target(const chttp_call *call);
chttp_bytes chttp_call_host(const chttp_call *call);
const chttp_head *chttp_call_head(const chttp_call *call);
chttp_bytes chttp_call_body(const chttp_call *call); /* whole after on_request */
/* Nanoseconds (chttp_now_nanoseconds) when the head began, and when the whole request was there. */
uint64_t chttp_call_began(const chttp_call *call);
uint64_t chttp_call_arrived(const chttp_call *call);
uint64_t chttp_call_body_bytes_written(const chttp_call *call); /* answer's body bytes queued so far, no framing */
uint64_t chttp_call_bytes_sent(const chttp_call *call);         /* everything of it that the kernel took */
/* True: more than the high-water mark is waiting, and on_drained will tell when it is below the low-water mark. */
bool chttp_call_is_congested(chttp_call *call);
/* Nobody will look at the body again: its memory serves the next call. */
void chttp_call_release_body(chttp_call *call);
/* The body leaves the call: returns owned (chttp_free), *out_length its size. */
char *chttp_call_take_body(chttp_call *call, size_t *out_length);
void chttp_free(void *memory);

typedef struct chttp_answer {
    uint16_t status;
    chttp_bytes reason;              /* empty: the standard phrase */
    const chttp_head *fields_of;     /* NULL, or fields to pass on: the end-to-end ones (RFC 9110 7.6.1) */
    const chttp_names *fields_less;  /* NULL, or names not to pass on */
    chttp_bytes fields;              /* further field lines, each ended by CRLF; copied */
    int64_t content_length;          /* -1: unknown, framed by chunks (or by closing, for HTTP/1.0) */
} chttp_answer;

/* Queues the head. Content-Length, Transfer-Encoding, Connection and (if none is given) Date are written here.
 * HEAD requests, 204 and 304 get no body whatever is written. 1xx is not allowed. Once per call. */
void chttp_call_start(chttp_call *call, const chttp_answer *answer);
/* Queues bytes of the body. Inside on_data of a fetch the bytes that it delivered are *borrowed*, all others copied.
 * Everything queued in one turn of the loop leaves in one write. False: more than the high-water mark is waiting;
 * go on after on_drained (what was given is queued all the same). */
bool chttp_call_write(chttp_call *call, const char *data, size_t length);
/* The body is complete. A body shorter than its content_length resets the connection, as it must. */
void chttp_call_end(chttp_call *call);
/* Head, body, end in one. Copies. */
void chttp_call_answer(chttp_call *call, const chttp_answer *answer, chttp_bytes body);
/* Queues bytes outside any framing, for tests that need a broken answer; the connection closes after the call. */
void chttp_call_write_raw(chttp_call *call, const char *data, size_t length);
/* Ends the call without completing the answer: what is queued is sent if the client takes it at once, then the
 * connection is reset, so that no client takes the answer for whole. */
void chttp_call_abort(chttp_call *call);
/* The connection closes after this answer. */
void chttp_call_close_after(chttp_call *call);

/* --------------------------------------------------------------------------------------------------------- fetch */

typedef struct chttp_origin chttp_origin; /* one scheme, host and port, and a pool of kept-alive connections to it */
typedef struct chttp_fetch chttp_fetch;

/* Why a fetch failed. Never renumbered. */
typedef enum chttp_failure {
    CHTTP_FAILED_NAME = 1,          /* the host name has no address */
    CHTTP_FAILED_REFUSED = 2,       /* connection refused or unreachable */
    CHTTP_FAILED_CONNECT_TIMEOUT = 3,
    CHTTP_FAILED_TLS = 4,           /* handshake or certificate */
    CHTTP_FAILED_FIRST_BYTE_TIMEOUT = 5,
    CHTTP_FAILED_IDLE_TIMEOUT = 6,
    CHTTP_FAILED_RESET = 7,         /* closed or reset before the answer began */
    CHTTP_FAILED_TRUNCATED = 8,     /* closed or reset inside the answer */
    CHTTP_FAILED_MALFORMED = 9,     /* not an HTTP/1.x answer, or bad chunking */
    CHTTP_FAILED_TOO_MANY = 10,     /* connections_max reached and the queue is full */
    CHTTP_FAILED_MEMORY = 11,
    CHTTP_FAILED_PROXY = 12         /* the forward proxy could not be reached or said no */
} chttp_failure;

typedef struct chttp_origin_options {
    const char *host;          /* name or numeric address; copied */
    uint16_t port;
    const chttp_tls *tls;      /* NULL: plain; *borrows* for the origin's life */
    uint32_t connect_ms;       /* name look-up, connecting and TLS handshake together */
    uint32_t first_byte_ms;    /* request sent to first byte of the answer's head */
    uint32_t idle_ms;          /* between two bytes */
    uint32_t pool_idle_ms;     /* an unused connection is kept this long */
    uint32_t connections_max;  /* open ones; further fetches wait in order */
    uint32_t waiting_max;
    /* NULL: direct; or http, https, socks4, socks4a, socks5, socks5h ://host:port of a forward proxy, without user
     * name and password, which stand beside it decoded (NULL: none). An https proxy's certificate is always checked,
     * against `tls` if that is given, else against the system's certificates. All three copied, never told. The
     * environment is not looked at. */
    const char *proxy, *proxy_user, *proxy_password;
    /* HTTP/2: with TLS if the origin agrees (else HTTP/1.1), without TLS in any case (prior knowledge). */
    bool uses_http2;
} chttp_origin_options;

/* An origin with a proxy or HTTP/2 is served by libcurl. Its fetches differ from others in this only: a HEAD request is
 * sent without content; a paused answer may hold CHTTP_READ_BUFFER_BYTES more in libcurl's memory; the reason phrase of
 * an HTTP/2 answer is empty; chttp_fetch_resume delivers in a later turn of the loop. */

chttp_origin *chttp_origin_new(chttp_loop *loop, const chttp_origin_options *options);
/* Fetches under way end without a further callback. */
void chttp_origin_free(chttp_origin *origin);

typedef struct chttp_fetch_callbacks {
    void *context;
    /* The kernel has the whole request: its body is not needed any more. At most once, before on_end or on_fail. */
    void (*on_sent)(void *context, chttp_fetch *fetch);
    /* The head of the (final) answer. */
    void (*on_head)(void *context, chttp_fetch *fetch);
    void (*on_data)(void *context, chttp_fetch *fetch, const char *data, size_t length);
    /* Terminal: the answer is whole. */
    void (*on_end)(void *context, chttp_fetch *fetch);
    /* Terminal. `detail` is a short English reason without secrets, NUL-terminated. */
    void (*on_fail)(void *context, chttp_fetch *fetch, chttp_failure failure, const char *detail);
} chttp_fetch_callbacks;

typedef struct chttp_request {
    chttp_bytes method;
    chttp_bytes target;             /* origin-form: path and query */
    chttp_bytes host;               /* value of the Host field */
    const chttp_head *fields_of;    /* NULL, or fields to pass on: the end-to-end ones */
    const chttp_names *fields_less;
    chttp_bytes fields;             /* further field lines, each ended by CRLF; copied */
    bool has_body;                  /* a Content-Length is written, 0 included */
    chttp_bytes body;               /* *borrowed* until on_sent, the terminal callback or chttp_fetch_cancel */
} chttp_request;

/* Sends a request on an idle connection or a new one. Head fields are copied. A connection that turns out to be
 * closed before a byte was written to it is replaced once without a word; nothing is ever sent twice. Callbacks never
 * run inside this function. NULL: out of memory. */
chttp_fetch *chttp_fetch_start(
    chttp_origin *origin, const chttp_request *request, const chttp_fetch_callbacks *callbacks);
uint16_t chttp_fetch_status(const chttp_fetch *fetch);
chttp_bytes chttp_fetch_reason(const chttp_fetch *fetch);
const chttp_head *chttp_fetch_head(const chttp_fetch *fetch);
int64_t chttp_fetch_content_length(const chttp_fetch *fetch); /* -1: not given */
bool chttp_fetch_was_sent(const chttp_fetch *fetch);          /* true once a byte of it was written */
uint64_t chttp_fetch_sent_at(const chttp_fetch *fetch);       /* ns when it was written; 0 before */
/* Stops reading the answer until resumed. What was read before is still delivered (at most one read buffer). */
void chttp_fetch_pause(chttp_fetch *fetch);
void chttp_fetch_resume(chttp_fetch *fetch);
/* Ends it at once: its connection is closed and nothing is called back any more. The handle dies here. */
void chttp_fetch_cancel(chttp_fetch *fetch);

#endif
