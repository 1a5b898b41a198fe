/* chttp_loop.c: the loop: turns, jobs from other threads, timers, the timing wheel, and the arena.
 *
 * A turn:  timers ─▶ prepare (on_turn, flush) ─▶ wait ─▶ reads (each ends with a flush) ─▶ check (on_turn, flush)
 *
 * Timing wheel: Varghese and Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987), scheme 6, with lazy moving:
 * a busy connection only stores its new deadline; the slot it stands in moves it on when its time comes. */
#include "chttp_int.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHTTP_ARENA_BLOCK_BYTES (128 * 1024)
#define CHTTP_TURN_ROUNDS_MAX 4 /* then sockets are looked at before the rest is done */

/* ----------------------------------------------------------------------------------------------------- deadlines */

static void on_tick(uv_timer_t *timer);

/* The loop sleeps until the first occupied slot: an idle gateway is not woken for nothing. */
static void wake_at(chttp_loop *loop, uint64_t moment_ms) {
    if (loop->tick_ms && loop->tick_ms <= moment_ms) return;
    uint64_t now = uv_now(&loop->uv);
    loop->tick_ms = moment_ms;
    uv_timer_start(&loop->tick, on_tick, moment_ms > now ? moment_ms - now : 0, 0);
}

static void wheel_insert(chttp_loop *loop, chttp_deadline *deadline) {
    uint64_t horizon = loop->wheel_ms + (uint64_t)(CHTTP_WHEEL_SLOTS - 1) * CHTTP_WHEEL_TICK_MS;
    uint64_t at = deadline->at_ms < horizon ? deadline->at_ms : horizon;
    if (at <= loop->wheel_ms) at = loop->wheel_ms + 1;
    size_t slot = (size_t)((at + CHTTP_WHEEL_TICK_MS - 1) / CHTTP_WHEEL_TICK_MS) % CHTTP_WHEEL_SLOTS;
    chttp_deadline **first = &loop->wheel[slot];

    deadline->slot_ms = at;
    deadline->next = *first;
    deadline->link = first;
    if (*first) (*first)->link = &deadline->next;
    *first = deadline;
    wake_at(loop, (at + CHTTP_WHEEL_TICK_MS - 1) / CHTTP_WHEEL_TICK_MS * CHTTP_WHEEL_TICK_MS);
}

static void wheel_unlink(chttp_deadline *deadline) {
    *deadline->link = deadline->next;
    if (deadline->next) deadline->next->link = deadline->link;
    deadline->link = NULL;
}

static void on_tick(uv_timer_t *timer) {
    chttp_loop *loop = timer->data;
    uint64_t now = uv_now(&loop->uv);
    loop->tick_ms = 0;

    while (loop->wheel_ms + CHTTP_WHEEL_TICK_MS <= now) {
        loop->wheel_ms += CHTTP_WHEEL_TICK_MS;
        chttp_deadline *due = loop->wheel[(loop->wheel_ms / CHTTP_WHEEL_TICK_MS) % CHTTP_WHEEL_SLOTS];
        loop->wheel[(loop->wheel_ms / CHTTP_WHEEL_TICK_MS) % CHTTP_WHEEL_SLOTS] = NULL;
        if (due) due->link = &due;
        while (due) {
            chttp_deadline *deadline = due;
            wheel_unlink(deadline);
            if (deadline->at_ms == 0) {
                loop->deadline_count--;
            } else if (deadline->at_ms > now) {
                wheel_insert(loop, deadline);
            } else {
                deadline->at_ms = 0;
                loop->deadline_count--;
                deadline->expired(deadline);
            }
        }
    }
    for (uint64_t slot = 1; loop->deadline_count && slot <= CHTTP_WHEEL_SLOTS; slot++) {
        uint64_t moment = loop->wheel_ms + slot * CHTTP_WHEEL_TICK_MS;
        if (!loop->wheel[(moment / CHTTP_WHEEL_TICK_MS) % CHTTP_WHEEL_SLOTS]) continue;
        wake_at(loop, moment);
        break;
    }
}

void chttp_deadline_set(chttp_loop *loop, chttp_deadline *deadline, uint64_t in_ms) {
    deadline->at_ms = uv_now(&loop->uv) + in_ms;
    if (deadline->link) {
        if (deadline->slot_ms <= deadline->at_ms) return;
        wheel_unlink(deadline);
        wheel_insert(loop, deadline);
        return;
    }
    if (loop->deadline_count++ == 0) {
        loop->wheel_ms = uv_now(&loop->uv) / CHTTP_WHEEL_TICK_MS * CHTTP_WHEEL_TICK_MS;
    }
    wheel_insert(loop, deadline);
}

void chttp_deadline_clear(chttp_deadline *deadline) { deadline->at_ms = 0; }

void chttp_deadline_remove(chttp_loop *loop, chttp_deadline *deadline) {
    if (!deadline->link) return;
    wheel_unlink(deadline);
    deadline->at_ms = 0;
    loop->deadline_count--;
}

/* --------------------------------------------------------------------------------------------------------- arena */

static chttp_arena_block *arena_block_new(size_t size) {
    chttp_arena_block *block = malloc(sizeof *block + size);
    if (!block) return NULL;
    block->next = NULL;
    block->size = size;
    return block;
}

char *chttp_arena_add(chttp_loop *loop, size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (loop->arena_used + size > loop->arena->size) {
        size_t block_size = size > CHTTP_ARENA_BLOCK_BYTES ? size : CHTTP_ARENA_BLOCK_BYTES;
        chttp_arena_block *block = arena_block_new(block_size);
        if (!block) return NULL;
        loop->arena->next = block;
        loop->arena = block;
        loop->arena_used = 0;
    }
    char *at = loop->arena->bytes + loop->arena_used;
    loop->arena_used += size;
    return at;
}

static void arena_reset(chttp_loop *loop) {
    chttp_arena_block *block = loop->arena_first->next;
    while (block) {
        chttp_arena_block *next = block->next;
        free(block);
        block = next;
    }
    loop->arena_first->next = NULL;
    loop->arena = loop->arena_first;
    loop->arena_used = 0;
}

void chttp_loop_mark_dirty(chttp_loop *loop, chttp_stream *stream) {
    if (stream->is_dirty) return;
    stream->is_dirty = true;
    stream->next_dirty = loop->dirty;
    loop->dirty = stream;
}

void chttp_loop_flush(chttp_loop *loop) {
    while (loop->dirty) {
        chttp_stream *stream = loop->dirty;
        loop->dirty = stream->next_dirty;
        stream->is_dirty = false;
        chttp_stream_flush(stream);
    }
    if (loop->arena_used || loop->arena != loop->arena_first) arena_reset(loop);
}

/* ------------------------------------------------------------------------------------------------- large buffers */

char *chttp_buffer_take(chttp_loop *loop, size_t size, size_t *out_size) {
    if (size > CHTTP_HELD_BYTES_MAX - loop->held_bytes) return NULL;
    for (size_t i = loop->kept_count; i-- > 0;) {
        chttp_buffer kept = loop->kept[i];
        if (kept.size < size || kept.size / 4 > size) continue; /* too small, or a waste */
        loop->kept[i] = loop->kept[--loop->kept_count];
        loop->kept_bytes -= kept.size;
        loop->held_bytes += kept.size;
        *out_size = kept.size;
        return kept.memory;
    }
    char *memory = malloc(size);
    if (!memory) return NULL;
    loop->held_bytes += size;
    *out_size = size;
    return memory;
}

void chttp_buffer_give(chttp_loop *loop, char *memory, size_t size) {
    loop->held_bytes -= size;
    bool is_kept = size <= CHTTP_KEPT_BUFFER_BYTES_MAX && loop->kept_count < CHTTP_KEPT_BUFFERS_MAX
        && loop->kept_bytes + size <= CHTTP_KEPT_BYTES_MAX;
    if (!is_kept) {
        free(memory);
        return;
    }
    loop->kept[loop->kept_count++] = (chttp_buffer){memory, size};
    loop->kept_bytes += size;
}

/* --------------------------------------------------------------------------------------------------------- turns */

static void run_posted(chttp_loop *loop) {
    uv_mutex_lock(&loop->lock);
    chttp_posted *posted = loop->posted;
    loop->posted = loop->posted_tail = NULL;
    bool is_stopping = loop->is_stopping;
    uv_mutex_unlock(&loop->lock);

    while (posted) {
        chttp_posted *next = posted->next;
        posted->job(posted->context);
        free(posted);
        posted = next;
    }
    if (is_stopping) uv_stop(&loop->uv);
}

static void on_busy(uv_idle_t *busy) {}

/* What a flush tells its users may give them work, whose writes want a flush in turn: both go on until neither leaves
 * anything, because the loop may sleep after this. */
static void turn(chttp_loop *loop) {
    bool has_jobs = false, has_writes = true;
    for (int round = 0; has_writes && round < CHTTP_TURN_ROUNDS_MAX; round++) {
        chttp_fetch_fail_pending(loop);
        has_jobs = loop->on_turn ? loop->on_turn(loop->context) : false;
        has_writes = loop->dirty != NULL;
        chttp_loop_flush(loop);
    }
    if (has_jobs || has_writes || loop->failing) uv_idle_start(&loop->busy, on_busy);
    else uv_idle_stop(&loop->busy);
}

static void on_prepare(uv_prepare_t *prepare) { turn(prepare->data); }
static void on_check(uv_check_t *check) { turn(check->data); }

static void on_wake(uv_async_t *wake) {
    chttp_loop *loop = wake->data;
    run_posted(loop);
}

/* Memory of very large bodies goes back to the system when it is freed. Naming the size also keeps glibc from raising
 * it after each large piece, which would hold the memory of the largest bodies for good. What smaller bodies leave free
 * at the end of a heap is kept up to a limit: given back after every call (glibc's 128 KiB), it comes back page by
 * page, a third of what a call with a history of 600 KB costs. Settings of the process. */
static void give_back_large_memory(void) {
    mallopt(M_MMAP_THRESHOLD, CHTTP_KEPT_BUFFER_BYTES_MAX);
    mallopt(M_TRIM_THRESHOLD, CHTTP_KEPT_HEAP_BYTES_MAX);
}

chttp_loop *chttp_loop_new(chttp_turn on_turn, void *context) {
    give_back_large_memory();
    chttp_loop *loop = calloc(1, sizeof *loop);
    if (!loop) return NULL;
    loop->on_turn = on_turn;
    loop->context = context;
    loop->read_memory = malloc(CHTTP_READ_BUFFER_BYTES + 2 * CHTTP_FRAME_ROOM_BYTES);
    loop->arena = loop->arena_first = arena_block_new(CHTTP_ARENA_BLOCK_BYTES);
    if (!loop->read_memory || !loop->arena || uv_loop_init(&loop->uv) != 0) goto no_loop;
    loop->read_buffer = loop->read_memory + CHTTP_FRAME_ROOM_BYTES;
    if (uv_mutex_init(&loop->lock) != 0) goto no_lock;
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) goto no_wake;
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->busy);
    uv_timer_init(&loop->uv, &loop->tick);
    loop->wake.data = loop->prepare.data = loop->check.data = loop->tick.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    return loop;

no_wake:
    uv_mutex_destroy(&loop->lock);
no_lock:
    uv_loop_close(&loop->uv);
no_loop:
    free(loop->read_memory);
    free(loop->arena_first);
    free(loop);
    return NULL;
}

void chttp_loop_run(chttp_loop *loop) {
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_mutex_lock(&loop->lock);
    loop->is_stopping = false;
    uv_mutex_unlock(&loop->lock);
}

void chttp_loop_stop(chttp_loop *loop) {
    uv_mutex_lock(&loop->lock);
    loop->is_stopping = true;
    uv_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

bool chttp_loop_post(chttp_loop *loop, chttp_job job, void *context) {
    chttp_posted *posted = malloc(sizeof *posted);
    if (!posted) return false;
    *posted = (chttp_posted){.job = job, .context = context};

    uv_mutex_lock(&loop->lock);
    if (loop->posted_tail) loop->posted_tail->next = posted;
    else loop->posted = posted;
    loop->posted_tail = posted;
    uv_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
    return true;
}

static void on_timer_closed(uv_handle_t *handle) { free(handle); }

/* The loop's own handles, and the timers that nobody cancelled: everything else is closing already. */
static void close_handle(uv_handle_t *handle, void *context) {
    chttp_loop *loop = context;
    bool is_timer = handle->type == UV_TIMER && handle != (uv_handle_t *)&loop->tick;
    if (!uv_is_closing(handle)) uv_close(handle, is_timer ? on_timer_closed : NULL);
}

void chttp_loop_free(chttp_loop *loop) {
    chttp_server_free_all(loop);
    chttp_origin_free_all(loop);
    uv_walk(&loop->uv, close_handle, loop);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) {}
    uv_loop_close(&loop->uv);
    uv_mutex_destroy(&loop->lock);
    while (loop->posted) {
        chttp_posted *next = loop->posted->next;
        free(loop->posted);
        loop->posted = next;
    }
    while (loop->kept_count) free(loop->kept[--loop->kept_count].memory);
    chttp_server_free_pools(loop);
    chttp_fetch_free_pools(loop);
    arena_reset(loop);
    free(loop->arena_first);
    free(loop->read_memory);
    free(loop->cipher_buffer);
    free(loop);
}

chttp_counts chttp_loop_counts(const chttp_loop *loop) { return loop->counts; }

uint64_t chttp_now_nanoseconds(void) { return uv_hrtime(); }

void chttp_free(void *memory) { free(memory); }

/* ------------------------------------------------------------------------------------------------ timers and work */

struct chttp_timer {
    uv_timer_t timer;
    chttp_job fire;
    void *context;
};

static void on_timer(uv_timer_t *handle) {
    chttp_timer *timer = (chttp_timer *)handle;
    uv_close((uv_handle_t *)handle, on_timer_closed);
    timer->fire(timer->context);
}

chttp_timer *chttp_timer_start(chttp_loop *loop, uint64_t milliseconds, chttp_job fire, void *context) {
    chttp_timer *timer = malloc(sizeof *timer);
    if (!timer) return NULL;
    uv_timer_init(&loop->uv, &timer->timer);
    timer->fire = fire;
    timer->context = context;
    uv_update_time(&loop->uv); /* a turn may have run long; the wait counts from now */
    uv_timer_start(&timer->timer, on_timer, milliseconds, 0);
    return timer;
}

void chttp_timer_cancel(chttp_timer *timer) { uv_close((uv_handle_t *)&timer->timer, on_timer_closed); }

typedef struct offload {
    uv_work_t work;
    chttp_job run, done;
    void *context;
} offload;

static void offload_run(uv_work_t *work) { ((offload *)work)->run(((offload *)work)->context); }

static void offload_done(uv_work_t *work, int status) {
    offload *self = (offload *)work;
    self->done(self->context);
    free(self);
}

bool chttp_loop_offload(chttp_loop *loop, chttp_job work, chttp_job done, void *context) {
    offload *self = malloc(sizeof *self);
    if (!self) return false;
    self->run = work;
    self->done = done;
    self->context = context;
    if (uv_queue_work(&loop->uv, &self->work, offload_run, offload_done) == 0) return true;
    free(self);
    return false;
}
