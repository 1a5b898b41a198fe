/* test_sse.c: the event stream scanner: the format's corners, and that no cut of the stream changes what
 * comes out. */
#include "sse_trace.h"
#include "tap.h"

static size_t cut_nothing(void *context, size_t left) {
    (void)context;
    return left;
}

/* Cuts once, after the number of bytes that the context points to. */
static size_t cut_once(void *context, size_t left) {
    size_t *first = context;
    const size_t piece = *first == 0 || *first >= left ? left : *first;
    *first = 0;
    return piece;
}

static size_t cut_every(void *context, size_t left) {
    const size_t size = *(const size_t *)context;
    return size < left ? size : left;
}

static sse_trace whole(const char *stream) {
    return sse_trace_of((const uint8_t *)stream, strlen(stream), 0, cut_nothing, NULL);
}

static void check_facts(const char *stream, const char *facts) {
    sse_trace trace = whole(stream);
    const int same = trace.facts.length == strlen(facts) &&
                     (trace.facts.length == 0 || memcmp(trace.facts.bytes, facts, trace.facts.length) == 0);
    if (!same)
        printf("# expected:\n%s\n# got:\n%.*s\n", facts, (int)trace.facts.length, (char *)trace.facts.bytes);
    CHECK(same);
    sse_trace_free(&trace);
}

static void test_one_event_of_each_field(void) {
    check_facts("event: delta\nid: 7\nretry: 250\ndata: {\"a\":1}\n\n",
        "event lines 4 data 1 id 1 retry 1 250 terminated 1\n"
        "type 5:delta\ndata 7:{\"a\":1}\nid 1:7\n"
        "event 5:event\n  value 5:delta\nid 2:id\n  value 1:7\nretry 5:retry\n  value 3:250\n"
        "data 4:data\n  value 7:{\"a\":1}\n");
}

static void test_one_space_after_the_colon_is_not_part_of_the_value(void) {
    check_facts("data:x\n\ndata: x\n\ndata:  x \n\n",
        "event lines 1 data 1 id 0 retry 0 0 terminated 1\ntype 0:\ndata 1:x\nid 0:\ndata 4:data\n  value "
        "1:x\n"
        "event lines 1 data 1 id 0 retry 0 0 terminated 1\ntype 0:\ndata 1:x\nid 0:\ndata 4:data\n  value "
        "1:x\n"
        "event lines 1 data 1 id 0 retry 0 0 terminated 1\ntype 0:\ndata 3: x \nid 0:\ndata 4:data\n  value "
        "3: x \n");
}

static void test_several_data_lines_are_joined_with_a_line_feed(void) {
    check_facts("data: a\r\ndata\r\ndata:b:c\r\n\r\n",
        "event lines 3 data 3 id 0 retry 0 0 terminated 1\ntype 0:\ndata 6:a\n\nb:c\nid 0:\n"
        "data 4:data\n  value 1:a\ndata 4:data\n  value 0:\ndata 4:data\n  value 3:b:c\n");
}

static void test_comments_and_unknown_fields_are_reported(void) {
    check_facts(": ping\nfoo: bar\nDATA: no\n\n",
        "event lines 3 data 0 id 0 retry 0 0 terminated 1\ntype 0:\ndata 0:\nid 0:\n"
        "comment 0:\n  value 4:ping\nunknown 3:foo\n  value 3:bar\nunknown 4:DATA\n  value 2:no\n");
}

static void test_retry_must_be_all_digits(void) {
    check_facts("retry: 1x\nretry:\nretry: 99999999999999999999\n\n",
        "event lines 3 data 0 id 0 retry 1 18446744073709551615 terminated 1\ntype 0:\ndata 0:\nid 0:\n"
        "retry 5:retry\n  value 2:1x\nretry 5:retry\n  value 0:\nretry 5:retry\n  value "
        "20:99999999999999999999\n");
}

static void test_an_id_with_a_nul_is_ignored(void) {
    static const char stream[] = "id: 1\nid: a\0b\ndata: x\n\n";
    sse_trace trace = sse_trace_of((const uint8_t *)stream, sizeof stream - 1, 0, cut_nothing, NULL);
    const char *expected = "event lines 3 data 1 id 1 retry 0 0 terminated 1\ntype 0:\ndata 1:x\nid 1:1\n";
    CHECK(
        trace.facts.length > strlen(expected) && memcmp(trace.facts.bytes, expected, strlen(expected)) == 0);
    sse_trace_free(&trace);
}

static void test_the_last_event_without_a_blank_line_is_said_to_be_unterminated(void) {
    check_facts("data: [DONE]",
        "event lines 1 data 1 id 0 retry 0 0 terminated 0\ntype 0:\ndata 6:[DONE]\nid 0:\n"
        "data 4:data\n  value 6:[DONE]\n");
    check_facts("data: [DONE]\n",
        "event lines 1 data 1 id 0 retry 0 0 terminated 0\ntype 0:\ndata 6:[DONE]\nid 0:\n"
        "data 4:data\n  value 6:[DONE]\n");
}

static void test_an_empty_stream_and_a_bare_byte_order_mark_hold_nothing(void) {
    check_facts("", "");
    check_facts("\xEF\xBB\xBF", "");
}

static void test_a_byte_order_mark_is_skipped_only_at_the_start(void) {
    check_facts("\xEF\xBB\xBF"
                "data:x\n\n\xEF\xBB\xBF"
                "data:y\n\n",
        "event lines 1 data 1 id 0 retry 0 0 terminated 1\ntype 0:\ndata 1:x\nid 0:\ndata 4:data\n  value "
        "1:x\n"
        "event lines 1 data 0 id 0 retry 0 0 terminated 1\ntype 0:\ndata 0:\nid 0:\n"
        "unknown 7:\xEF\xBB\xBF"
        "data\n  value 1:y\n");
}

static void test_line_ends_may_be_mixed(void) {
    const char *expected = "event lines 2 data 1 id 0 retry 0 0 terminated 1\ntype 1:a\ndata 1:b\nid 0:\n"
                           "event 5:event\n  value 1:a\ndata 4:data\n  value 1:b\n";
    check_facts("event:a\ndata:b\n\n", expected);
    check_facts("event:a\rdata:b\r\r", expected);
    check_facts("event:a\r\ndata:b\r\n\r\n", expected);
    check_facts("event:a\rdata:b\n\r\n", expected);
    check_facts("event:a\ndata:b\r\n\r", expected);
}

static const char *const streams[] = {
    "\xEF\xBB\xBF: hi\r\nevent: message_start\r\ndata: {\"type\":\"x\"}\r\n\r\ndata: [DONE]\r\n\r\n",
    "data: one\rdata: two\r\revent: z\rid: 9\r\rdata: cut",
    "data: a\n\n\n\n\r\n\r\r\ndata: b\n\n: c\n\nx\ny:\n\ndata\n\n",
    "\n\r\ndata:x\r\r\n\ndata: \xF0\x9F\x98\x80 \xC3\xA9\r\n\r\nretry: 10\nretry: nope\nid\n\n\r",
    "\xEF\xBBno mark: x\ndata: y\n\n\xEF",
};
enum { STREAM_COUNT = sizeof streams / sizeof streams[0] };

static void check_same(const sse_trace *a, const sse_trace *b, size_t stream_bytes) {
    CHECK(sse_text_same(&a->facts, &b->facts));
    /* The raw bytes are the stream; only the LF of a CRLF at the very end may be left over. */
    CHECK(b->raw.length == a->raw.length ||
          (b->raw.length + 1 == a->raw.length && a->raw.length == stream_bytes));
    CHECK(b->raw.length == 0 || memcmp(a->raw.bytes, b->raw.bytes, b->raw.length) == 0);
}

static void test_a_cut_at_any_two_bytes_changes_nothing(void) {
    for (size_t s = 0; s < STREAM_COUNT; s += 1) {
        const uint8_t *stream = (const uint8_t *)streams[s];
        const size_t length = strlen(streams[s]);
        sse_trace expected = sse_trace_of(stream, length, 0, cut_nothing, NULL);
        CHECK(expected.event_count > 0);
        for (size_t place = 1; place < length; place += 1) {
            size_t first = place;
            sse_trace trace = sse_trace_of(stream, length, 0, cut_once, &first);
            check_same(&expected, &trace, length);
            sse_trace_free(&trace);
        }
        for (size_t size = 1; size < 9; size += 1) {
            sse_trace trace = sse_trace_of(stream, length, 0, cut_every, &size);
            check_same(&expected, &trace, length);
            sse_trace_free(&trace);
        }
        sse_trace_free(&expected);
    }
}

static void test_an_event_inside_one_chunk_is_a_view_of_it(void) {
    const char *stream = "event: a\ndata: {\"x\":1}\n\ndata: y\n\n";
    const uint8_t *bytes = (const uint8_t *)stream;
    cairn_sse scanner;
    cairn_sse_event event;
    cairn_sse_init(&scanner, 0);
    cairn_span rest = {bytes, strlen(stream)};

    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK);
    CHECK(event.raw.bytes == bytes && event.data.bytes == bytes + 15);
    CHECK(rest.bytes == bytes + 24);
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK);
    CHECK(event.data.bytes == bytes + 30);
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_ERR_INCOMPLETE);

    CHECK(scanner.kept.capacity == 0 && scanner.joined.capacity == 0); /* nothing was allocated */
    cairn_sse_deinit(&scanner);
}

static void test_a_cut_event_stays_valid_until_the_next_call(void) {
    cairn_sse scanner;
    cairn_sse_event event;
    cairn_sse_init(&scanner, 0);
    cairn_span rest = {(const uint8_t *)"event: a\nda", 11};
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_ERR_INCOMPLETE);
    rest = (cairn_span){(const uint8_t *)"ta: b\n\ndata: c\n\n", 16};

    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK);
    CHECK_TEXT(event.type, "a");
    CHECK_TEXT(event.data, "b");
    CHECK_TEXT(event.raw, "event: a\ndata: b\n\n");
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK);
    CHECK_TEXT(event.raw, "data: c\n\n");
    cairn_sse_deinit(&scanner);
}

static void test_a_two_megabyte_line_arrives_whole_from_small_chunks(void) {
    const size_t length = (size_t)2 << 20;
    uint8_t *stream = malloc(length + 8);
    memcpy(stream, "data: ", 6);
    memset(stream + 6, 'z', length);
    memcpy(stream + 6 + length, "\n\n", 2);
    size_t size = 1000;

    sse_trace trace = sse_trace_of(stream, length + 8, 0, cut_every, &size);

    CHECK(trace.event_count == 1 && trace.error_count == 0);
    CHECK(trace.raw.length == length + 8 && memcmp(trace.raw.bytes, stream, length + 8) == 0);
    sse_trace_free(&trace);
    free(stream);
}

static void test_an_event_above_the_limit_is_said_once_and_the_next_one_is_found(void) {
    const char *stream = "data: 12345\n\ndata: 123456\ndata: more\n\ndata: ok\n\n";
    const size_t length = strlen(stream);
    sse_trace expected = sse_trace_of((const uint8_t *)stream, length, 11, cut_nothing, NULL);
    CHECK(expected.event_count == 2 && expected.error_count == 1);
    for (size_t size = 1; size < length; size += 1) {
        sse_trace trace = sse_trace_of((const uint8_t *)stream, length, 11, cut_every, &size);
        CHECK(sse_text_same(&expected.facts, &trace.facts));
        sse_trace_free(&trace);
    }
    sse_trace_free(&expected);
}

static void test_a_big_buffer_is_given_back(void) {
    const size_t length = CAIRN_SSE_KEEP_BYTES * 3;
    uint8_t *line = malloc(length);
    memset(line, 'z', length);
    cairn_sse scanner;
    cairn_sse_event event;
    cairn_sse_init(&scanner, 0);
    cairn_span rest = {line, length};
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_ERR_INCOMPLETE);
    CHECK(scanner.kept.capacity >= length);
    rest = (cairn_span){(const uint8_t *)"\n\n", 2};
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK);
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_ERR_INCOMPLETE);
    CHECK(scanner.kept.capacity == 0);
    cairn_sse_deinit(&scanner);
    free(line);
}

static void test_reset_forgets_the_front_of_an_event(void) {
    cairn_sse scanner;
    cairn_sse_event event;
    cairn_sse_init(&scanner, 0);
    cairn_span rest = {(const uint8_t *)"event: old\r", 11};
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_ERR_INCOMPLETE);
    cairn_sse_reset(&scanner);
    rest = (cairn_span){(const uint8_t *)"\xEF\xBB\xBF"
                                         "data: new\n\n",
        14};
    CHECK(cairn_sse_next(&scanner, &rest, &event) == CAIRN_OK);
    CHECK_TEXT(event.type, "");
    CHECK_TEXT(event.data, "new");
    cairn_sse_deinit(&scanner);
}

static void test_each_failed_allocation_costs_one_event_and_no_more(void) {
    int failures = 0;
    for (int n = 0; n < 12; n += 1) {
        char big[2000];
        memset(big, 'q', sizeof big);
        cairn_sse scanner;
        cairn_sse_event event;
        cairn_sse_init(&scanner, 0);
        int found = 0, lost = 0;
        const cairn_span chunks[] = {{(const uint8_t *)"data: cut ", 10}, {(const uint8_t *)big, sizeof big},
            {(const uint8_t *)"\ndata: more\n\ndata: a\ndata: b\n\n", 30},
            {(const uint8_t *)"\ndata: plain\n\n", 14}};
        tap_reallocs_until_failure = n;
        for (size_t c = 0; c < 4; c += 1) {
            cairn_span rest = chunks[c];
            for (cairn_status status = CAIRN_OK; status != CAIRN_ERR_INCOMPLETE;) {
                status = cairn_sse_next(&scanner, &rest, &event);
                found += status == CAIRN_OK && event.line_count > 0;
                lost += status == CAIRN_ERR_NO_MEMORY;
                if (status == CAIRN_ERR_NO_MEMORY) tap_reallocs_until_failure = -1; /* one failure a run */
            }
        }
        tap_reallocs_until_failure = -1;
        CHECK(found + lost == 3 && lost <= 1);
        failures += lost;
        cairn_sse_deinit(&scanner);
    }
    CHECK(failures >= 3);
}

int main(void) {
    TEST(test_one_event_of_each_field);
    TEST(test_one_space_after_the_colon_is_not_part_of_the_value);
    TEST(test_several_data_lines_are_joined_with_a_line_feed);
    TEST(test_comments_and_unknown_fields_are_reported);
    TEST(test_retry_must_be_all_digits);
    TEST(test_an_id_with_a_nul_is_ignored);
    TEST(test_the_last_event_without_a_blank_line_is_said_to_be_unterminated);
    TEST(test_an_empty_stream_and_a_bare_byte_order_mark_hold_nothing);
    TEST(test_a_byte_order_mark_is_skipped_only_at_the_start);
    TEST(test_line_ends_may_be_mixed);
    TEST(test_a_cut_at_any_two_bytes_changes_nothing);
    TEST(test_an_event_inside_one_chunk_is_a_view_of_it);
    TEST(test_a_cut_event_stays_valid_until_the_next_call);
    TEST(test_a_two_megabyte_line_arrives_whole_from_small_chunks);
    TEST(test_an_event_above_the_limit_is_said_once_and_the_next_one_is_found);
    TEST(test_a_big_buffer_is_given_back);
    TEST(test_reset_forgets_the_front_of_an_event);
    TEST(test_each_failed_allocation_costs_one_event_and_no_more);
    return tap_end();
}
