/* chttp_int.h: what the files of this room share and nobody else sees.
 *
 * From the bottom up: deadlines (a timing wheel), the arena (memory until the next flush), heads, streams (one TCP or
 * TLS connection with a write queue). Server and fetch are two users of the stream and do not know each other. */
#ifndef CHTTP_INT_H
#define CHTTP_INT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* POSIX and Linux names under -std=c17 */
#endif

#include "chttp.h"

#include <openssl/ssl.h>
#include <uv.h>

/* ----------------------------------------------------------------------------------------------------- deadlines */

/* A moment at which something gives up. Setting one later than it stands costs a store: the wheel looks again when
 * the old slot comes round. Resolution: CHTTP_WHEEL_TICK_MS, never early. */
#define CHTTP_WHEEL_TICK_MS 20
#define CHTTP_WHEEL_SLOTS 512

typedef struct chttp_deadline chttp_deadline;
struct chttp_deadline {
    chttp_deadline *next;
    chttp_deadline **link;   /* NULL: not in the wheel */
    uint64_t at_ms;          /* 0: none */
    uint64_t slot_ms;        /* when the wheel will look at it */
    void (*expired)(chttp_deadline *deadline);
};

void chttp_deadline_set(chttp_loop *loop, chttp_deadline *deadline, uint64_t in_ms);
void chttp_deadline_clear(chttp_deadline *deadline); /* stays in the wheel, does nothing */
void chttp_deadline_remove(chttp_loop *loop, chttp_deadline *deadline); /* before its memory goes */

/* --------------------------------------------------------------------------------------------------------- heads */

typedef enum chttp_field_kind {
    CHTTP_FIELD_OTHER = 0,
    CHTTP_FIELD_CONNECTION,
    CHTTP_FIELD_HOP,            /* hop-by-hop by name or because Connection names it */
    CHTTP_FIELD_CONTENT_LENGTH,
    CHTTP_FIELD_TRANSFER_ENCODING,
    CHTTP_FIELD_HOST,
    CHTTP_FIELD_EXPECT
} chttp_field_kind;

typedef struct chttp_field {
    uint32_t name_at, name_length, value_at, value_length;
    uint8_t kind;
} chttp_field;

/* All bytes of a head one after another in `block`; fields point into it by offset. */
struct chttp_head {
    char *block;
    uint32_t used, capacity;
    uint32_t bytes_max;
    chttp_field *fields;
    uint32_t count, fields_capacity;
    bool value_open;  /* the last field's value may still grow */
};

bool chttp_head_init(chttp_head *head, uint32_t bytes_max);
void chttp_head_reset(chttp_head *head, uint32_t bytes_max);
void chttp_head_deinit(chttp_head *head);
/* Appends raw bytes (target, method ...) and returns their offset through *out_at when it is the first piece. */
bool chttp_head_add_bytes(chttp_head *head, const char *data, size_t length);
bool chttp_head_add_name(chttp_head *head, const char *data, size_t length);
bool chttp_head_add_value(chttp_head *head, const char *data, size_t length);
/* Trims values, tells the kinds, marks what Connection names. False: it names more than CHTTP_CONNECTION_NAMES_MAX. */
bool chttp_head_finish(chttp_head *head);
/* Of an answer: no transfer coding but chunked, once. RFC 9112 6.1: we asked for no other. After chttp_head_finish. */
bool chttp_head_has_known_coding(const chttp_head *head);
/* An upper bound of what chttp_head_emit writes. */
size_t chttp_head_emit_bound(const chttp_head *head);
/* Writes the end-to-end fields but those in `less` as `name: value CRLF`; returns the end of what it wrote. */
char *chttp_head_emit(const chttp_head *head, const chttp_names *less, char *out);
/* The standard reason phrase; "Unknown" if there is none. */
const char *chttp_phrase_of(unsigned status);
bool chttp_names_has(const chttp_names *names, const char *name, size_t length);
bool chttp_name_equals(const char *name, size_t length, const char *lower, size_t lower_length);

/* ------------------------------------------------------------------------------------------------------- streams */

typedef struct chttp_stream chttp_stream;
typedef struct chttp_segment {
    struct chttp_segment *next;
    const char *data;
    size_t length;
} chttp_segment;

typedef struct chttp_segments {
    chttp_segment *first, *last;
    size_t bytes;
} chttp_segments;

typedef struct chttp_stream_events {
    /* Where the next read should go, or NULL for the loop's buffer. Plain streams only. */
    char *(*place)(chttp_stream *stream, size_t *out_size);
    void (*on_ready)(chttp_stream *stream);                      /* TLS handshake done; not called for plain streams */
    void (*on_data)(chttp_stream *stream, const char *data, size_t length);
    void (*on_end)(chttp_stream *stream, int uv_error);          /* UV_EOF or an error; nothing is read after it */
    void (*before_flush)(chttp_stream *stream);
    void (*after_flush)(chttp_stream *stream);                   /* something left: look whether it was the last */
    void (*on_write_error)(chttp_stream *stream, int uv_error);
    void (*on_closed)(chttp_stream *stream);                     /* frees its memory */
} chttp_stream_events;

struct chttp_stream {
    uv_tcp_t tcp; /* first: libuv hands it back */
    chttp_loop *loop;
    const chttp_stream_events *events;
    SSL *ssl;
    const char *cipher_in; /* during a read: bytes for the BIO */
    size_t cipher_in_length;
    chttp_segments plain; /* what the owner queued */
    chttp_segments wire;  /* TLS only: cipher bytes */
    const char *body;     /* sent after `plain`; the owner keeps it alive */
    size_t body_length;
    size_t queued; /* bytes inside libuv's write queue */
    uint64_t written; /* bytes of finished writes */
    chttp_stream *next_dirty;
    chttp_deadline deadline;
    uint64_t taken_before; /* chttp_stream_taken when the deadline was last looked at */
    bool is_reading, is_dirty, is_closing, has_ended, is_tls_ready, has_write_failed;
    bool may_have_written; /* libuv holds or held bytes: how many the kernel took is not known */
};

bool chttp_stream_init(chttp_stream *stream, chttp_loop *loop, const chttp_stream_events *events);
bool chttp_stream_start_tls(chttp_stream *stream, const chttp_tls *tls, const char *server_name);
void chttp_stream_read(chttp_stream *stream);
void chttp_stream_stop_reading(chttp_stream *stream);
/* Queues bytes that stay where they are until the next flush. */
bool chttp_stream_put(chttp_stream *stream, const char *data, size_t length);
/* The same as a segment of its own of `length` bytes of fresh memory, which may be shortened before the flush by
 * chttp_stream_trim_front. NULL: out of memory or closing. */
chttp_segment *chttp_stream_put_room(chttp_stream *stream, size_t length);
void chttp_stream_trim_front(chttp_stream *stream, chttp_segment *segment, size_t length);
/* Queues a copy; bytes inside the loop's read buffers during a dispatch are not copied. */
bool chttp_stream_copy(chttp_stream *stream, const char *data, size_t length);
/* For the BIO: queues a copy of cipher bytes. */
bool chttp_stream_put_cipher(chttp_stream *stream, const char *data, size_t length);
void chttp_stream_flush(chttp_stream *stream);
/* Everything queued and not yet taken by the kernel. */
size_t chttp_stream_unsent(const chttp_stream *stream);
/* Bytes that the kernel has taken so far; exact while no write has failed. */
uint64_t chttp_stream_taken(const chttp_stream *stream);
void chttp_stream_close(chttp_stream *stream);
void chttp_stream_reset(chttp_stream *stream); /* closes with RST */
void chttp_stream_shut(chttp_stream *stream);  /* half-close for writing, after what is queued */
/* A readable reason for a TLS failure, without secrets. */
const char *chttp_tls_failure_text(chttp_stream *stream, char *buffer, size_t size);
SSL *chttp_tls_open(const chttp_tls *tls, const char *server_name, chttp_stream *stream);

/* The certificates and settings of `tls` for a context that libcurl made. */
void chttp_tls_share(const chttp_tls *tls, SSL_CTX *context);
bool chttp_tls_verifies(const chttp_tls *tls);

/* ------------------------------------------------------------------------------------------------- large buffers */

/* Large bodies come and go with every call; fresh memory for each would cost a page fault every 4 KiB. A loop keeps
 * some buffers for the next ones. All are plain malloc memory: a body may leave the loop and be freed elsewhere. */
#define CHTTP_KEPT_BUFFERS_MAX 32
#define CHTTP_KEPT_BUFFER_BYTES_MAX (4 * 1024 * 1024)  /* a larger one is freed */
#define CHTTP_KEPT_HEAP_BYTES_MAX (16 * 1024 * 1024)   /* free at the end of a thread's heap; more is given back */
#define CHTTP_KEPT_BYTES_MAX (16 * 1024 * 1024)        /* of all of them together */
#define CHTTP_HELD_BYTES_MAX (1024 * 1024 * 1024)   /* bodies of a loop's calls at one time; a further one is refused */

typedef struct chttp_buffer {
    char *memory;
    size_t size;
} chttp_buffer;

/* At least `size` bytes; *out_size tells how many. NULL: out of memory, or CHTTP_HELD_BYTES_MAX reached. */
char *chttp_buffer_take(chttp_loop *loop, size_t size, size_t *out_size);
/* Keeps the memory for the next one, or frees it. */
void chttp_buffer_give(chttp_loop *loop, char *memory, size_t size);

/* -------------------------------------------------------------------------------------------------------- fetches */

typedef struct chttp_curl chttp_curl;         /* an origin's way through libcurl */
typedef struct chttp_transfer chttp_transfer; /* one fetch on that way */

/* A request and its answer, whichever way it goes: on a link of our own or as a transfer of libcurl's. */
struct chttp_fetch {
    chttp_origin *origin;
    struct chttp_link *link;
    chttp_transfer *transfer;
    chttp_fetch *next, *previous; /* waiting in the origin, or failing in the loop */
    chttp_fetch *next_free;
    chttp_fetch_callbacks callbacks;
    char *wire; /* request line and head */
    size_t wire_length, wire_capacity;
    chttp_bytes body;
    chttp_head head;
    uint32_t reason_length; /* the reason phrase stands first in the head's block */
    uint16_t status;
    int64_t content_length;
    uint64_t sent_ns;
    uint64_t taken_before; /* the stream's counter before the request */
    chttp_failure failing_with;
    bool is_sent, is_written, is_retried, is_waiting, is_failing;
    bool is_head_method, has_body, has_head, is_interim, is_paused, is_whole, keeps_alive;
};

/* Terminal: tells the user and frees the fetch. It must not be on its way any more. */
void chttp_fetch_fail(chttp_fetch *fetch, chttp_failure failure, const char *detail);
void chttp_fetch_end(chttp_fetch *fetch);
void chttp_fetch_discard(chttp_fetch *fetch); /* tells nobody */
/* The next waiting fetches may start: one has ended. */
void chttp_origin_has_room(chttp_origin *origin);

/* NULL: out of memory, or libcurl cannot be set up. Copies. */
chttp_curl *chttp_curl_new(chttp_loop *loop, chttp_origin *origin, const chttp_origin_options *options);
/* Discards its fetches; chttp_origin_without_curl follows later. */
void chttp_curl_free(chttp_curl *curl);
void chttp_origin_without_curl(chttp_origin *origin);
uint32_t chttp_curl_count(const chttp_curl *curl); /* transfers under way */
bool chttp_curl_start(chttp_curl *curl, chttp_fetch *fetch); /* false: out of memory */
void chttp_curl_pause(chttp_transfer *transfer);
void chttp_curl_resume(chttp_transfer *transfer);
void chttp_curl_cancel(chttp_transfer *transfer);

/* ---------------------------------------------------------------------------------------------------------- loop */

typedef struct chttp_posted {
    struct chttp_posted *next;
    chttp_job job;
    void *context;
} chttp_posted;

/* Beside the read buffer: what a chunk's frame may need beyond the bytes it frames. */
#define CHTTP_FRAME_ROOM_BYTES 32

typedef struct chttp_arena_block {
    struct chttp_arena_block *next;
    size_t size;
    char bytes[];
} chttp_arena_block;

struct chttp_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t busy;
    uv_timer_t tick;
    chttp_turn on_turn;
    void *context;

    uv_mutex_t lock; /* guards posted, posted_tail, is_stopping */
    chttp_posted *posted, *posted_tail;
    bool is_stopping;

    chttp_deadline *wheel[CHTTP_WHEEL_SLOTS];
    uint64_t wheel_ms; /* every slot before this moment has been looked at */
    uint64_t tick_ms;  /* when the tick timer fires; 0: it does not */
    size_t deadline_count;

    char *read_buffer;  /* CHTTP_READ_BUFFER_BYTES; plain bytes; CHTTP_FRAME_ROOM_BYTES more on either side */
    char *read_memory;  /* what was allocated for it */
    char *cipher_buffer; /* the same for TLS, made on first use */
    bool is_dispatching; /* bytes in read_buffer are borrowed by streams until the flush */

    chttp_arena_block *arena, *arena_first;
    size_t arena_used;
    chttp_stream *dirty;

    chttp_buffer kept[CHTTP_KEPT_BUFFERS_MAX]; /* the last given first taken */
    size_t kept_count, kept_bytes;
    size_t held_bytes; /* of the bodies that calls have in large buffers now */
    struct chttp_call *free_calls;
    size_t free_call_count;
    struct chttp_fetch *free_fetches;
    size_t free_fetch_count;
    struct chttp_fetch *failing, *failing_tail; /* fetches that fail before anything was tried */
    size_t failing_count;
    chttp_server *servers;
    chttp_origin *origins;

    chttp_counts counts;
    char date[64]; /* "date: ... CRLF" of second date_second */
    uint64_t date_second;
};

/* Memory until the next flush of all streams. NULL: out of memory. */
char *chttp_arena_add(chttp_loop *loop, size_t size);
void chttp_loop_mark_dirty(chttp_loop *loop, chttp_stream *stream);
void chttp_loop_flush(chttp_loop *loop); /* every dirty stream; then the arena starts over */
void chttp_fetch_fail_pending(chttp_loop *loop);
/* What the loop's user left open when the loop goes: closed without a callback. */
void chttp_server_free_all(chttp_loop *loop);
void chttp_origin_free_all(chttp_loop *loop);
void chttp_server_free_pools(chttp_loop *loop);
void chttp_fetch_free_pools(chttp_loop *loop);

#endif
