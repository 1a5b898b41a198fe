/* chttp_stream.c: one TCP connection, plain or TLS, with a write queue that is flushed once per read or turn.
 *
 * What is queued stands in a list of segments whose bytes live in the loop's arena, in its read buffer, or with the
 * owner (a request body). A flush hands them to the kernel in one writev. What the kernel does not take is copied (the
 * body is not: it stays borrowed) and left to libuv; the owner sees it in chttp_stream_unsent and slows its source. */
#include "chttp_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHTTP_WRITE_VECTORS 64
#define CHTTP_TLS_RECORD_BYTES (16 * 1024)
#define CHTTP_TLS_AHEAD_BYTES (256 * 1024) /* cipher bytes of a body made before the kernel takes them */

/* One write that libuv finishes later. `copied` bytes follow the struct; the rest belongs to the stream's body. */
typedef struct pending_write {
    uv_write_t request;
    size_t bytes;
    char copied[];
} pending_write;

static void after_write(uv_write_t *request, int status);

/* uv_buf_init takes 32 bits only. */
static uv_buf_t vector_of(const char *data, size_t length) { return (uv_buf_t){.base = (char *)data, .len = length}; }

bool chttp_stream_init(chttp_stream *stream, chttp_loop *loop, const chttp_stream_events *events) {
    memset(stream, 0, sizeof *stream);
    stream->loop = loop;
    stream->events = events;
    return uv_tcp_init(&loop->uv, &stream->tcp) == 0;
}

/* ------------------------------------------------------------------------------------------------------- reading */

static void dispatch(chttp_stream *stream, const char *data, size_t length) {
    chttp_loop *loop = stream->loop;
    loop->is_dispatching = true;
    stream->events->on_data(stream, data, length);
    loop->is_dispatching = false;
    chttp_loop_flush(loop);
}

/* libuv calls it the end when a reset comes together with the last bytes; the socket knows better. */
static int reset_of(const chttp_stream *stream) {
    int error = 0, file;
    socklen_t length = sizeof error;
    if (uv_fileno((const uv_handle_t *)&stream->tcp, &file) != 0) return 0;
    return getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? -error : 0;
}

static void end_reading(chttp_stream *stream, int uv_error) {
    if (stream->has_ended || stream->is_closing) return;
    int reset = uv_error == UV_EOF ? reset_of(stream) : 0;
    if (reset) uv_error = reset;
    stream->has_ended = true;
    chttp_stream_stop_reading(stream);
    stream->events->on_end(stream, uv_error);
    chttp_loop_flush(stream->loop);
}

/* Takes what the cipher bytes hold in pieces of at most one read buffer. */
static void read_tls(chttp_stream *stream) {
    chttp_loop *loop = stream->loop;
    bool is_drained = false;
    while (!is_drained && !stream->is_closing && !stream->has_ended) {
        size_t filled = 0;
        int error = 0;
        while (filled < CHTTP_READ_BUFFER_BYTES) {
            ERR_clear_error();
            int got = SSL_read(stream->ssl, loop->read_buffer + filled, (int)(CHTTP_READ_BUFFER_BYTES - filled));
            if (got > 0) {
                filled += (size_t)got;
                continue;
            }
            error = SSL_get_error(stream->ssl, got);
            is_drained = true;
            break;
        }
        if (!stream->is_tls_ready && SSL_is_init_finished(stream->ssl)) {
            stream->is_tls_ready = true;
            if (stream->events->on_ready) stream->events->on_ready(stream);
        }
        if (filled && !stream->is_closing) dispatch(stream, loop->read_buffer, filled);
        else chttp_loop_flush(loop);
        if (stream->is_closing) return;
        if (error == SSL_ERROR_ZERO_RETURN) end_reading(stream, UV_EOF);
        else if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) end_reading(stream, UV_EPROTO);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    chttp_stream *stream = (chttp_stream *)handle;
    chttp_loop *loop = stream->loop;
    if (stream->ssl) {
        if (!loop->cipher_buffer) loop->cipher_buffer = malloc(CHTTP_READ_BUFFER_BYTES);
        *out = uv_buf_init(loop->cipher_buffer, loop->cipher_buffer ? CHTTP_READ_BUFFER_BYTES : 0);
        return;
    }
    size_t size = 0;
    char *place = stream->events->place ? stream->events->place(stream, &size) : NULL;
    if (place) *out = uv_buf_init(place, (unsigned)(size < (1u << 30) ? size : (1u << 30)));
    else *out = uv_buf_init(loop->read_buffer, CHTTP_READ_BUFFER_BYTES);
}

static void on_read(uv_stream_t *handle, ssize_t got, const uv_buf_t *buffer) {
    chttp_stream *stream = (chttp_stream *)handle;
    if (stream->is_closing || got == 0) return;
    if (got < 0) {
        end_reading(stream, (int)got);
    } else if (stream->ssl) {
        stream->cipher_in = buffer->base;
        stream->cipher_in_length = (size_t)got;
        read_tls(stream);
        stream->cipher_in = NULL;
        stream->cipher_in_length = 0;
    } else {
        dispatch(stream, buffer->base, (size_t)got);
    }
}

void chttp_stream_read(chttp_stream *stream) {
    if (stream->is_reading || stream->is_closing || stream->has_ended) return;
    stream->is_reading = uv_read_start((uv_stream_t *)&stream->tcp, on_alloc, on_read) == 0;
}

void chttp_stream_stop_reading(chttp_stream *stream) {
    if (!stream->is_reading) return;
    stream->is_reading = false;
    uv_read_stop((uv_stream_t *)&stream->tcp);
}

/* ------------------------------------------------------------------------------------------------------- writing */

static chttp_segment *append_segment(chttp_stream *stream, chttp_segments *list, const char *data, size_t length) {
    chttp_segment *segment = (chttp_segment *)chttp_arena_add(stream->loop, sizeof *segment);
    if (!segment) return NULL;
    *segment = (chttp_segment){NULL, data, length};
    if (list->last) list->last->next = segment;
    else list->first = segment;
    list->last = segment;
    list->bytes += length;
    chttp_loop_mark_dirty(stream->loop, stream);
    return segment;
}

static bool add_segment(chttp_stream *stream, chttp_segments *list, const char *data, size_t length) {
    if (!list->last || list->last->data + list->last->length != data) {
        return append_segment(stream, list, data, length) != NULL;
    }
    list->last->length += length;
    list->bytes += length;
    return true;
}

static bool add_copy(chttp_stream *stream, chttp_segments *list, const char *data, size_t length) {
    char *copy = chttp_arena_add(stream->loop, length);
    if (!copy) return false;
    memcpy(copy, data, length);
    return add_segment(stream, list, copy, length);
}

static bool is_in_read_buffer(const chttp_loop *loop, const char *data) {
    return loop->is_dispatching && data >= loop->read_buffer && data < loop->read_buffer + CHTTP_READ_BUFFER_BYTES;
}

bool chttp_stream_put(chttp_stream *stream, const char *data, size_t length) {
    if (length == 0) return true;
    return !stream->is_closing && add_segment(stream, &stream->plain, data, length);
}

chttp_segment *chttp_stream_put_room(chttp_stream *stream, size_t length) {
    /* one byte more than is used, so that the next piece of the arena is never taken for its continuation */
    char *room = stream->is_closing ? NULL : chttp_arena_add(stream->loop, length + 1);
    return room ? append_segment(stream, &stream->plain, room, length) : NULL;
}

void chttp_stream_trim_front(chttp_stream *stream, chttp_segment *segment, size_t length) {
    segment->data += length;
    segment->length -= length;
    stream->plain.bytes -= length;
}

bool chttp_stream_copy(chttp_stream *stream, const char *data, size_t length) {
    if (length == 0) return true;
    if (stream->is_closing) return false;
    if (is_in_read_buffer(stream->loop, data)) return add_segment(stream, &stream->plain, data, length);
    return add_copy(stream, &stream->plain, data, length);
}

bool chttp_stream_put_cipher(chttp_stream *stream, const char *data, size_t length) {
    return add_copy(stream, &stream->wire, data, length);
}

static void forget_segments(chttp_stream *stream) {
    stream->plain = stream->wire = (chttp_segments){0};
    stream->body_length = 0;
}

static void write_failed(chttp_stream *stream, int uv_error) {
    forget_segments(stream);
    if (stream->has_write_failed || stream->is_closing) return;
    stream->has_write_failed = true;
    stream->events->on_write_error(stream, uv_error);
}

/* Leaves `list` and `body` to libuv: `taken` bytes of them are in the kernel already. */
static void leave_to_libuv(
    chttp_stream *stream, chttp_segments *list, size_t taken, const char *body, size_t body_length) {
    size_t skip = taken < list->bytes ? taken : list->bytes;
    size_t copied = list->bytes - skip, body_taken = taken - skip;
    pending_write *pending = malloc(sizeof *pending + copied);
    if (!pending) {
        write_failed(stream, UV_ENOMEM);
        return;
    }
    char *at = pending->copied;
    for (chttp_segment *segment = list->first; segment; segment = segment->next) {
        size_t omit = skip < segment->length ? skip : segment->length;
        memcpy(at, segment->data + omit, segment->length - omit);
        at += segment->length - omit;
        skip -= omit;
    }
    uv_buf_t vectors[2];
    unsigned count = 0;
    if (copied) vectors[count++] = vector_of(pending->copied, copied);
    if (body_length > body_taken) {
        vectors[count++] = vector_of(body + body_taken, body_length - body_taken);
    }
    pending->bytes = copied + body_length - body_taken;
    *list = (chttp_segments){0};
    stream->queued += pending->bytes;
    stream->may_have_written = true;
    int error = uv_write(&pending->request, (uv_stream_t *)&stream->tcp, vectors, count, after_write);
    if (error != 0) {
        stream->queued -= pending->bytes;
        free(pending);
        write_failed(stream, error);
    }
}

/* As uv_try_write, but one piece is sent without a vector, and a client that left is an error and not a signal. */
static int try_send(chttp_stream *stream, const uv_buf_t *vectors, unsigned count) {
    uv_os_fd_t file;
    if (uv_fileno((uv_handle_t *)&stream->tcp, &file) != 0) return UV_EBADF;
    ssize_t sent;
    do {
        if (count == 1) {
            sent = send(file, vectors[0].base, vectors[0].len, MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = count};
            sent = sendmsg(file, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return (int)sent;
    return errno == EAGAIN || errno == EWOULDBLOCK ? UV_EAGAIN : -errno;
}

/* Hands `list`, then `body`, to the kernel; what it does not take goes to libuv. Both are queued nowhere else after. */
static void send_out(chttp_stream *stream, chttp_segments *list, const char *body, size_t body_length) {
    size_t total = list->bytes + body_length, taken = 0;
    if (stream->queued) {
        leave_to_libuv(stream, list, 0, body, body_length);
        return;
    }
    chttp_segment *segment = list->first;
    size_t offset = 0, body_at = 0;
    while (taken < total) {
        uv_buf_t vectors[CHTTP_WRITE_VECTORS];
        unsigned count = 0;
        size_t offered = 0, within = offset;
        for (chttp_segment *s = segment; s && count < CHTTP_WRITE_VECTORS; s = s->next) {
            vectors[count++] = vector_of(s->data + within, s->length - within);
            offered += s->length - within;
            within = 0;
        }
        if (count < CHTTP_WRITE_VECTORS && body_length > body_at) {
            vectors[count++] = vector_of(body + body_at, body_length - body_at);
            offered += body_length - body_at;
        }
        int sent = try_send(stream, vectors, count);
        if (sent == UV_EAGAIN) break;
        if (sent < 0) {
            write_failed(stream, sent);
            return;
        }
        taken += (size_t)sent;
        stream->written += (size_t)sent;
        size_t left = (size_t)sent;
        while (segment && left >= segment->length - offset) {
            left -= segment->length - offset;
            offset = 0;
            segment = segment->next;
        }
        if (segment) offset += left;
        else body_at += left;
        if ((size_t)sent < offered) break;
    }
    if (taken == total) *list = (chttp_segments){0};
    else leave_to_libuv(stream, list, taken, body, body_length);
}

/* Turns what is queued into cipher bytes; of a body only as much as keeps the queue short. False: the write failed. */
static bool encrypt(chttp_stream *stream) {
    chttp_segment *segment = stream->plain.first;
    stream->plain = (chttp_segments){0};
    for (; segment; segment = segment->next) {
        size_t at = 0;
        while (at < segment->length) {
            ERR_clear_error();
            int done = SSL_write(stream->ssl, segment->data + at, (int)(segment->length - at));
            if (done <= 0) {
                write_failed(stream, UV_EPROTO);
                return false;
            }
            at += (size_t)done;
        }
    }
    while (stream->body_length && stream->wire.bytes < CHTTP_TLS_AHEAD_BYTES) {
        size_t piece = stream->body_length < CHTTP_TLS_RECORD_BYTES ? stream->body_length : CHTTP_TLS_RECORD_BYTES;
        ERR_clear_error();
        int done = SSL_write(stream->ssl, stream->body, (int)piece);
        if (done <= 0) {
            write_failed(stream, UV_EPROTO);
            return false;
        }
        stream->body += done;
        stream->body_length -= (size_t)done;
    }
    return true;
}

static void flush_tls(chttp_stream *stream) {
    if (!stream->is_tls_ready) stream->plain = (chttp_segments){0}; /* nobody to read it */
    do {
        if (stream->is_tls_ready && (stream->plain.bytes || (stream->body_length && !stream->queued))) {
            if (!encrypt(stream)) return;
        }
        if (stream->wire.bytes) send_out(stream, &stream->wire, NULL, 0);
    } while (stream->is_tls_ready && stream->body_length && !stream->queued && !stream->has_write_failed
        && !stream->is_closing);
}

static void flush_plain(chttp_stream *stream) {
    const char *body = stream->body;
    size_t body_length = stream->body_length;
    if (stream->plain.bytes == 0 && body_length == 0) return;
    stream->body_length = 0;
    send_out(stream, &stream->plain, body, body_length);
}

void chttp_stream_flush(chttp_stream *stream) {
    if (stream->is_closing) return;
    if (stream->events->before_flush) stream->events->before_flush(stream);
    if (stream->has_write_failed) forget_segments(stream);
    else if (stream->ssl) flush_tls(stream);
    else flush_plain(stream);
    if (!stream->is_closing && stream->events->after_flush) stream->events->after_flush(stream);
}

static void after_write(uv_write_t *request, int status) {
    pending_write *pending = (pending_write *)request;
    chttp_stream *stream = (chttp_stream *)request->handle;
    stream->queued -= pending->bytes;
    if (status == 0) stream->written += pending->bytes;
    free(pending);
    if (stream->is_closing) return;
    if (status != 0) write_failed(stream, status);
    if (stream->is_closing) return;
    chttp_stream_flush(stream);
    chttp_loop_flush(stream->loop);
}

uint64_t chttp_stream_taken(const chttp_stream *stream) {
    return stream->written + stream->queued - uv_stream_get_write_queue_size((const uv_stream_t *)&stream->tcp);
}

size_t chttp_stream_unsent(const chttp_stream *stream) {
    return stream->plain.bytes + stream->wire.bytes + stream->body_length + stream->queued;
}

/* ------------------------------------------------------------------------------------------------------- closing */

static void on_closed(uv_handle_t *handle) {
    chttp_stream *stream = (chttp_stream *)handle;
    SSL_free(stream->ssl);
    stream->events->on_closed(stream);
}

static void forget_queue(chttp_stream *stream) {
    chttp_loop *loop = stream->loop;
    if (stream->is_dirty) {
        chttp_stream **at = &loop->dirty;
        while (*at != stream) at = &(*at)->next_dirty;
        *at = stream->next_dirty;
        stream->is_dirty = false;
    }
    forget_segments(stream);
    chttp_deadline_remove(loop, &stream->deadline);
}

void chttp_stream_close(chttp_stream *stream) {
    if (stream->is_closing) return;
    stream->is_closing = true; /* before the last bytes are sent: a failure of that write tells nobody */
    if (stream->ssl && stream->is_tls_ready && !stream->has_write_failed && !stream->queued) {
        ERR_clear_error();
        SSL_shutdown(stream->ssl); /* queues close_notify as cipher bytes */
        if (stream->wire.bytes) send_out(stream, &stream->wire, NULL, 0);
    }
    forget_queue(stream);
    uv_close((uv_handle_t *)&stream->tcp, on_closed);
}

void chttp_stream_reset(chttp_stream *stream) {
    if (stream->is_closing) return;
    stream->is_closing = true;
    forget_queue(stream);
    if (uv_tcp_close_reset(&stream->tcp, on_closed) != 0) uv_close((uv_handle_t *)&stream->tcp, on_closed);
}

static void after_shutdown(uv_shutdown_t *request, int status) { free(request); }

void chttp_stream_shut(chttp_stream *stream) {
    if (stream->is_closing) return;
    if (stream->ssl && stream->is_tls_ready) {
        SSL_shutdown(stream->ssl);
        if (stream->wire.bytes) send_out(stream, &stream->wire, NULL, 0);
        if (stream->is_closing) return;
    }
    uv_shutdown_t *request = malloc(sizeof *request);
    if (!request) return;
    if (uv_shutdown(request, (uv_stream_t *)&stream->tcp, after_shutdown) != 0) free(request);
}

/* ----------------------------------------------------------------------------------------------------------- TLS */

bool chttp_stream_start_tls(chttp_stream *stream, const chttp_tls *tls, const char *server_name) {
    stream->ssl = chttp_tls_open(tls, server_name, stream);
    return stream->ssl != NULL;
}
