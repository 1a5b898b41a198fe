/* See bench_payload.h: the bytes both ends of the benchmark agree on. */
#include "bench_payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char DONE[] = "data: [DONE]\n\n";
static const char DONE_CHUNK[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

static const char ANSWER[] =
    "{\"id\":\"chatcmpl-7d1f0c52a9e4\",\"object\":\"chat.completion\",\"created\":1767225600,"
    "\"model\":\"deepseek-v4-flash\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"The failing test expects the cursor to stay on the last line after the buffer "
    "shrinks. `clampCursor` compares with the old line count; pass the new one and the three "
    "related assertions hold as well.\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":512,\"completion_tokens\":48,\"total_tokens\":560,"
    "\"prompt_tokens_details\":{\"cached_tokens\":448},\"prompt_cache_hit_tokens\":448,"
    "\"prompt_cache_miss_tokens\":64},\"system_fingerprint\":\"fp_3a5770e1b4\"}";

const char *bench_answer(size_t *length)
{
    *length = sizeof ANSWER - 1;
    return ANSWER;
}

/* Writes event `number` into BENCH_EVENT_BYTES bytes. The text is padded with spaces inside the JSON, before its
 * closing brace, which keeps every event equally long and still valid. */
static void write_event(char *out, uint64_t number, uint64_t event_count)
{
    char text[BENCH_EVENT_BYTES];
    int length;
    if (number + 1 < event_count)
        length = snprintf(text, sizeof text,
            "data: {\"id\":\"chatcmpl-7d1f\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
            "\"delta\":{\"content\":\"%06llu\"},\"finish_reason\":null}]",
            (unsigned long long)number);
    else
        length = snprintf(text, sizeof text,
            "data: {\"id\":\"chatcmpl-7d1f\",\"object\":\"chat.completion.chunk\",\"choices\":[],"
            "\"usage\":{\"prompt_tokens\":512,\"completion_tokens\":%llu}",
            (unsigned long long)number);
    memset(out, ' ', BENCH_EVENT_BYTES);
    memcpy(out, text, (size_t)length);
    memcpy(out + BENCH_EVENT_BYTES - 3, "}\n\n", 3);
}

static void build(bench_stream *stream, uint64_t event_count)
{
    size_t count = (size_t)event_count;
    stream->event_count = event_count;
    stream->body_bytes = count * BENCH_EVENT_BYTES + sizeof DONE - 1;
    stream->chunks_bytes = count * BENCH_EVENT_CHUNK_BYTES + sizeof DONE_CHUNK - 1;
    stream->body = malloc(stream->body_bytes);
    stream->chunks = malloc(stream->chunks_bytes);
    if (stream->body == NULL || stream->chunks == NULL)
        abort();
    for (size_t number = 0; number < count; number++) {
        char *event = stream->body + number * BENCH_EVENT_BYTES;
        char *chunk = stream->chunks + number * BENCH_EVENT_CHUNK_BYTES;
        write_event(event, number, event_count);
        memcpy(chunk, "a0\r\n", 4);
        memcpy(chunk + 4, event, BENCH_EVENT_BYTES);
        memcpy(chunk + 4 + BENCH_EVENT_BYTES, "\r\n", 2);
    }
    memcpy(stream->body + count * BENCH_EVENT_BYTES, DONE, sizeof DONE - 1);
    memcpy(stream->chunks + count * BENCH_EVENT_CHUNK_BYTES, DONE_CHUNK, sizeof DONE_CHUNK - 1);
}

const bench_stream *bench_stream_of(uint64_t event_count)
{
    static bench_stream streams[BENCH_STREAM_KINDS_MAX];
    static size_t stream_count;
    if (event_count == 0 || event_count > BENCH_EVENTS_MAX)
        return NULL;
    for (size_t index = 0; index < stream_count; index++)
        if (streams[index].event_count == event_count)
            return &streams[index];
    if (stream_count == BENCH_STREAM_KINDS_MAX)
        return NULL;
    build(&streams[stream_count], event_count);
    return &streams[stream_count++];
}
