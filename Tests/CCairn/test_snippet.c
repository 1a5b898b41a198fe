/* test_snippet.c: each type of value where it is one and where it is not; places, counts, limits, order; the
 * twins of the classification agree; hostile texts cost no more than kind ones. The labelled texts are in
 * test_snippet_labels.c. */
#include "snippet_trace.h"
#include "tap.h"

/* The value of `type` number `index` in `text`, as a view of `text`; empty when there are not that many. */
static cairn_span value(const char *text, cairn_snippet_type type, size_t index) {
    snippet_outcome outcome = snippet_find(text, strlen(text));
    cairn_span found = {NULL, 0};
    CHECK(snippet_is_sound(&outcome) && snippet_is_distinct(&outcome));
    for (size_t i = 0; i < outcome.count; i += 1) {
        const cairn_snippet *snippet = &outcome.snippets[i];
        if (snippet->type != type) continue;
        if (index == 0)
            found = (cairn_span){(const uint8_t *)text + snippet->start, snippet->end - snippet->start};
        index -= 1;
    }
    snippet_free(&outcome);
    return found;
}

static void check(const char *text, cairn_snippet_type type, const char *wanted) {
    const cairn_span found = value(text, type, 0);
    if (tap_same_text(found, wanted)) return;
    printf("# in: %s\n#   found '%.*s', wanted '%s'\n", text, (int)found.length, (const char *)found.bytes,
        wanted);
    tap_failed_checks += 1;
}

#define PATH(text, wanted) check(text, CAIRN_SNIPPET_PATH, wanted)
#define CODE(text, wanted) check(text, CAIRN_SNIPPET_ERROR_CODE, wanted)
#define MESSAGE(text, wanted) check(text, CAIRN_SNIPPET_ERROR_MESSAGE, wanted)
#define QUANTITY(text, wanted) check(text, CAIRN_SNIPPET_QUANTITY, wanted)
#define VERSION(text, wanted) check(text, CAIRN_SNIPPET_VERSION, wanted)
#define HASH(text, wanted) check(text, CAIRN_SNIPPET_HASH, wanted)
#define URL(text, wanted) check(text, CAIRN_SNIPPET_URL, wanted)
#define ENVIRONMENT(text, wanted) check(text, CAIRN_SNIPPET_ENVIRONMENT, wanted)
#define PORT(text, wanted) check(text, CAIRN_SNIPPET_PORT, wanted)
#define DATE(text, wanted) check(text, CAIRN_SNIPPET_DATE, wanted)
#define IDENTIFIER(text, wanted) check(text, CAIRN_SNIPPET_IDENTIFIER, wanted)

static void test_paths_come_with_their_places(void) {
    PATH("see src/main.rs:42:7.", "src/main.rs:42:7");
    PATH("src/a.ts(3,5): error", "src/a.ts(3,5)");
    PATH("  File \"/srv/a b/x.py\", line 12, in f", "/srv/a b/x.py\", line 12");
    PATH("tests/test_a.py::TestB::test_c[x-1] FAILED", "tests/test_a.py::TestB::test_c[x-1]");
    PATH("at node:internal/modules/run_main:164:12", "node:internal/modules/run_main:164:12");
    PATH("(Main.java:17)", "Main.java:17");
    PATH("Makefile:6: stop", "Makefile:6");
    PATH("COPY ~/.config/app ./dist", "~/.config/app");
    PATH("open C:\\Users\\dev\\a.txt:3 now", "C:\\Users\\dev\\a.txt:3");
    PATH("./deploy/a.yaml:/etc/a.yaml:ro", "./deploy/a.yaml");
    PATH("libc.so.6 => /lib/libc.so.6", "libc.so.6");
    PATH("a/b.toml-4-name", "a/b.toml");
    PATH("\"/api/cart/<id>\"", "/api/cart/<id>");
    PATH("GET /a/b?x=1&y=2 HTTP/1.1", "/a/b?x=1&y=2");
    PATH("in /usr/bin/prog+0x5f10", "/usr/bin/prog");
}

static void test_what_only_looks_like_a_path_is_none(void) {
    static const char *const texts[] = {"and/or", "text/html; charset", "origin/main is ahead", "1/2 of it",
        "2024/05/01 12:00", "</div></h1>", "client/server", "self.config = x", "console.log(x)",
        "Node.js is fast", "x / y", "//", "a//b", "...", "java.lang.Object", "e.g. this", "39.5 GB/s", "*/*",
        "(a)/b/c", "ada@example.org", "3.14"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i += 1) PATH(texts[i], "");
}

static void test_a_place_has_line_and_column(void) {
    const char *text = "src/main.rs:42:7 src/b.c:3 src/c.c";
    snippet_outcome outcome = snippet_find(text, strlen(text));

    CHECK(outcome.count == 3);
    CHECK(outcome.snippets[0].line == 42 && outcome.snippets[0].column == 7);
    CHECK(outcome.snippets[1].line == 3 && outcome.snippets[1].column == 0);
    CHECK(outcome.snippets[2].line == 0 && outcome.snippets[2].column == 0);
    CHECK(outcome.snippets[0].importance > outcome.snippets[2].importance);
    snippet_free(&outcome);
}

static void test_error_codes(void) {
    CODE("error[E0425]: x", "E0425");
    CODE("a.ts(1,2): error TS2304: x", "TS2304");
    CODE("a.py:1:1: F401 [*] unused", "F401");
    CODE("a.c:1:2: warning: x [-Wformat=]", "-Wformat=");
    CODE("a.py:1: error: x  [arg-type]", "arg-type");
    CODE("open: ENOENT", "ENOENT");
    CODE("killed by SIGSEGV", "SIGSEGV");
    CODE("  code: 'ERR_ASSERTION',", "ERR_ASSERTION");
    CODE("{\"code\": \"rate_limit\"}", "rate_limit");
    CODE("json.decoder.JSONDecodeError: x", "json.decoder.JSONDecodeError");
    CODE("Caused by: java.io.IOException: x", "java.io.IOException");
    CODE("KeyboardInterrupt\n", "KeyboardInterrupt");
    CODE("[Errno 13] denied", "Errno 13");
    CODE("it exited with code 137.", "exited with code 137");
    CODE("exit status 1", "exit status 1");
    CODE("the UTF8 of RFC8259 in SHA256, H264 and X509", "");
    CODE("raise ValueError(x)", "");
}

static void test_error_messages(void) {
    MESSAGE("a.c:1:2: error: no 'x' here [-Wx]\nnext", "no 'x' here");
    MESSAGE("error[E0425]: cannot find it\n", "cannot find it");
    MESSAGE("a.ts(1,2): error TS2304: Cannot find name.", "Cannot find name.");
    MESSAGE("fatal: not a git repository\r\n", "not a git repository");
    MESSAGE("panic: index out of range [5] with length 1 [recovered]",
        "index out of range [5] with length 1 [recovered]");
    MESSAGE("ValueError: bad value", "bad value");
    MESSAGE("E   KeyError: 'id'", "'id'");
    MESSAGE("main.go:5:2: undefined: x", "undefined: x");
    MESSAGE("Makefile:3: *** missing separator.  Stop.", "*** missing separator.  Stop.");
    MESSAGE("thread 'a' panicked at src/a.rs:2:4:\nindex out of bounds\n", "index out of bounds");
    MESSAGE("2026-03-12 10:30:07,903 ERROR shop: failed", "shop: failed");
    MESSAGE("2026/03/12 11:24:10 [error] 7#7: refused", "7#7: refused");
    MESSAGE("cat: /etc/x: Permission denied", "/etc/x: Permission denied");
    MESSAGE("level=error msg=\"it broke\" n=1", "it broke");
    MESSAGE("{\"level\":\"error\",\"msg\":\"it broke\"}", "it broke");
    MESSAGE("{\"error\": \"said \\\"no\\\"\"}", "said \\\"no\\\"");
    MESSAGE("level=info msg=\"all well\"", "");
    MESSAGE("a.c:1:2: note: declared here", "");
    MESSAGE("  error: |-\n    text", "");
    MESSAGE("there was no error in it", "");
    MESSAGE("key: value", "");
}

static void test_quantities(void) {
    QUANTITY("in 500ms", "500ms");
    QUANTITY("in 1.5 s.", "1.5 s");
    QUANTITY("64 KiB of", "64 KiB");
    QUANTITY("(85%)", "85%");
    QUANTITY("90 % full", "90 %");
    QUANTITY("39.5 GB/s", "39.5 GB/s");
    QUANTITY("up 3h12m now", "3h12m");
    QUANTITY("real\t0m0.064s", "0m0.064s");
    QUANTITY("1,234,567 bytes", "1,234,567 bytes");
    QUANTITY("12 apples, x86_64, 3D, 10x, i32, 0x10s, 5 men, 2nd", "");
}

static void test_versions(void) {
    VERSION("v1.2", "v1.2");
    VERSION("rustc 1.75.0 (x)", "1.75.0");
    VERSION("\"1.5.0-rc.1\"", "1.5.0-rc.1");
    VERSION("python:3.11.9-slim", "3.11.9-slim");
    VERSION("flask>=2.3,<4", "2.3");
    VERSION("Python 3.11 or", "3.11");
    VERSION("gcc 12.2.0-14+deb12u1", "12.2.0-14+deb12u1");
    VERSION("Installed: 1:1.2.13.dfsg-1", "1:1.2.13.dfsg-1");
    VERSION("upgrade reqwest from 0.11 to 0.12.", "0.11");
    VERSION("nginx/1.22.1", "1.22.1");
    VERSION("go1.19.8", "");
    VERSION("127.0.0.1, pi is 3.14, HTTP/1.1, timeout=2.5, rose from 1.5 to 2.5", "");
    CHECK_TEXT(value("upgrade reqwest from 0.11 to 0.12.", CAIRN_SNIPPET_VERSION, 1), "0.12");
}

static void test_hashes_and_uuids(void) {
    HASH("commit 87b6751c632b4f63a0613d3a8ddb4ecf216e53c9", "87b6751c632b4f63a0613d3a8ddb4ecf216e53c9");
    HASH("index 911585c..87491b5 100644", "911585c");
    CHECK_TEXT(value("index 911585c..87491b5 100644", CAIRN_SNIPPET_HASH, 1), "87491b5");
    HASH("^7583acc  1)", "7583acc");
    HASH("x@sha256:2407ca1b0b2ff7e7d7c9f0fbf0a9c4a3d2e6d0b2 y",
        "sha256:2407ca1b0b2ff7e7d7c9f0fbf0a9c4a3d2e6d0b2");
    HASH("1234567 deadbeef 0x7ffe035f9d90 10000000L facade 87b675", "");
    check("id 6f1d0b1e-2c55-4c0f-9d0e-7a3a1f0b9c42.", CAIRN_SNIPPET_UUID,
        "6f1d0b1e-2c55-4c0f-9d0e-7a3a1f0b9c42");
    check("6f1d0b1e-2c55-4c0f-9d0e-7a3a1f0b9c4", CAIRN_SNIPPET_UUID, "");
}

static void test_urls(void) {
    URL("see (https://x.org/a(b)?c=d#e), or", "https://x.org/a(b)?c=d#e");
    URL("at http://localhost:8000/health.", "http://localhost:8000/health");
    URL("REDIS_URL=redis://cache:6379/0", "redis://cache:6379/0");
    URL("git@github.com:a/b.git", "git@github.com:a/b.git");
    URL("https:// and ://x", "");
}

static void test_environment_variables(void) {
    ENVIRONMENT("echo $HOME", "HOME");
    ENVIRONMENT("echo ${SHOP_PORT:-1}", "SHOP_PORT");
    ENVIRONMENT("RUST_LOG=debug cargo run", "RUST_LOG");
    ENVIRONMENT("os.environ[\"API_KEY\"]", "API_KEY");
    ENVIRONMENT("env::var(\"API_KEY\")", "API_KEY");
    ENVIRONMENT("  LOG_LEVEL: info", "LOG_LEVEL");
    ENVIRONMENT("- LOG_LEVEL: info", "LOG_LEVEL");
    ENVIRONMENT("the environment variable CACHE_DIR", "CACHE_DIR");
    ENVIRONMENT("if (MAX==3) MAX_RETRY = 3; ERROR: x, $x, HTTP", "");
}

static void test_ports(void) {
    PORT("Port 8080 should", "8080");
    PORT("127.0.0.1:5433", "5433");
    PORT("db.internal:5432 refused", "5432");
    PORT("\"port\": 9090", "9090");
    PORT("SHOP_PORT=8000", "8000");
    PORT("--port=6379", "6379");
    PORT("serverPort: 8443", "8443");
    PORT("listen 443 ssl;", "443");
    PORT("listen [::]:80;", "80");
    PORT("EXPOSE 8000/tcp", "8000");
    PORT("- \"8080:80\"", "8080");
    CHECK_TEXT(value("- \"8080:80\"", CAIRN_SNIPPET_PORT, 1), "80");
    PORT("port 70000, shop.store:14, import 5, serverport 6, 12:30, host:x", "");
}

static void test_dates(void) {
    DATE("on 2026-03-12.", "2026-03-12");
    DATE("2026-03-12T10:30:07.123Z", "2026-03-12T10:30:07.123Z");
    DATE("2026-03-12 10:30:07,903 INFO", "2026-03-12 10:30:07,903");
    DATE("2026-03-12 10:30:00.000000000 +0100", "2026-03-12 10:30:00.000000000 +0100");
    DATE("2026-03-12T10:30 x", "2026-03-12T10:30");
    DATE("2026-93-12, 12/Mar/2026, 3026-03-12, 2026-03-123", "");
}

static void test_quoted_names(void) {
    IDENTIFIER("cannot find `MAX_RETRY` here", "MAX_RETRY");
    IDENTIFIER("no member 'decode'", "decode");
    IDENTIFIER("undefined reference to `start'", "start");
    IDENTIFIER("\xE2\x80\x98peer_new\xE2\x80\x99 undeclared", "peer_new");
    IDENTIFIER("(bin \"rusty\")", "rusty");
    IDENTIFIER("call `Cart.total()` once", "Cart.total()");
    IDENTIFIER("choose from 'fast', 'slow'", "fast");
    CHECK_TEXT(value("choose from 'fast', 'slow'", CAIRN_SNIPPET_IDENTIFIER, 1), "slow");
    IDENTIFIER("don't can't \"two words\" {\"key\":\"value\"} f(\"x\") a['b'] x = 'y' `1`", "");
    PATH("in `src/a.rs` there", "src/a.rs");
    CODE("prints `EADDRINUSE`.", "EADDRINUSE");
}

static void test_a_value_is_given_once_with_its_count(void) {
    const char *text = "src/a.c then src/a.c:3 and src/a.c, 5 ms, 5 ms";
    snippet_outcome outcome = snippet_find(text, strlen(text));

    CHECK(outcome.count == 3);
    CHECK(outcome.snippets[0].count == 2 && outcome.snippets[0].start == 0);
    CHECK(outcome.snippets[1].count == 1 && outcome.snippets[2].count == 2);
    snippet_free(&outcome);
}

static void test_messages_hold_other_values_and_nothing_else_overlaps(void) {
    const char *text = "error: cannot open `src/a.c` after 5 ms\n";
    CHECK_TEXT(value(text, CAIRN_SNIPPET_ERROR_MESSAGE, 0), "cannot open `src/a.c` after 5 ms");
    CHECK_TEXT(value(text, CAIRN_SNIPPET_PATH, 0), "src/a.c");
    CHECK_TEXT(value(text, CAIRN_SNIPPET_QUANTITY, 0), "5 ms");
}

static void test_limits_cut_or_refuse(void) {
    char text[8192];
    const int message = snprintf(text, sizeof text, "error: ");
    memset(text + message, 'x', 1000);
    memcpy(
        text + message + CAIRN_SNIPPET_MESSAGE_BYTES_MAX - 1, "\xC3\xA9", 2); /* the limit cuts a character */
    text[message + 1000] = 0;
    CHECK(value(text, CAIRN_SNIPPET_ERROR_MESSAGE, 0).length == CAIRN_SNIPPET_MESSAGE_BYTES_MAX - 1);

    const int scheme = snprintf(text, sizeof text, "(https://x.org/");
    memset(text + scheme, 'a', 5000);
    text[scheme + 5000] = 0;
    CHECK(value(text, CAIRN_SNIPPET_URL, 0).length == 0); /* a longer word holds no value */

    memset(text, 'a', sizeof text);
    text[0] = text[CAIRN_SNIPPET_NAME_BYTES_MAX + 1] = '`';
    text[CAIRN_SNIPPET_NAME_BYTES_MAX + 2] = 0;
    CHECK(value(text, CAIRN_SNIPPET_IDENTIFIER, 0).length == 0);
    text[CAIRN_SNIPPET_NAME_BYTES_MAX] = '`';
    CHECK(value(text, CAIRN_SNIPPET_IDENTIFIER, 0).length == CAIRN_SNIPPET_NAME_BYTES_MAX - 1);

    size_t count = 7;
    const uint8_t byte = 'x';
    CHECK(cairn_snippet_find(&byte, (size_t)CAIRN_SNIPPET_TEXT_BYTES_MAX + 1, NULL, 0, NULL, &count) ==
          CAIRN_ERR_TOO_BIG);
    CHECK(count == 7);
}

static void test_too_little_room_is_refused_and_the_count_untouched(void) {
    const char *text = "src/a.c src/b.c src/c.c";
    cairn_snippet snippets[3];
    uint32_t scratch[64];
    size_t count = 7;

    CHECK(cairn_snippet_scratch_bound(3) <= 64);
    CHECK(cairn_snippet_find((const uint8_t *)text, strlen(text), snippets, 2, scratch, &count) ==
          CAIRN_ERR_NO_SPACE);
    CHECK(count == 7);
    CHECK(cairn_snippet_find((const uint8_t *)text, strlen(text), snippets, 3, scratch, &count) == CAIRN_OK);
    CHECK(count == 3);
    CHECK(cairn_snippet_find(NULL, 0, NULL, 0, scratch, &count) == CAIRN_OK && count == 0);
}

static void test_many_values_are_still_found_once_each(void) {
    enum { VALUES = 20000 };
    char *text = malloc(VALUES * 32);
    size_t length = 0;
    if (text == NULL) abort();
    for (int round = 0; round < 2; round += 1) {
        for (int i = 0; i < VALUES / 2; i += 1) length += (size_t)sprintf(text + length, "src/f%d.c ", i);
    }
    snippet_outcome outcome = snippet_find(text, length);

    CHECK(outcome.count == VALUES / 2);
    for (size_t i = 0; i < outcome.count; i += 1) CHECK(outcome.snippets[i].count == 2);
    snippet_free(&outcome);
    free(text);
}

static void test_every_front_and_every_tail_of_a_text_is_handled(void) {
    static const char text[] =
        "./b.c ~/.x a/b.so.1 File \"a b\", line 3 src/a.rs:4:2: error[E0425]: no `x_y` in "
        "https://x.org/a?b=c, exit status 2\r\nERR: 'a.b', \"c\" "
        "$HOME=${PORT:-80} 2026-03-12T10:30:07+01:00 sha256:0123456789abcdef0123456789abcdef01 5.5 GiB/s";
    for (size_t cut = 0; cut < sizeof text; cut += 1) {
        snippet_outcome front = snippet_find(text, cut),
                        tail = snippet_find(text + cut, sizeof text - 1 - cut);
        CHECK(snippet_is_sound(&front) && snippet_is_sound(&tail));
        snippet_free(&front);
        snippet_free(&tail);
    }
}

static void test_the_place_in_a_block_does_not_matter(void) {
    static const char text[] = "error: no 'x_y' in src/a.rs:4:2 after 1.5 s (E0425), v1.2.3 87b6751";
    char padded[300];
    for (size_t shift = 1; shift < 130; shift += 1) {
        memset(padded, '\n', shift);
        memcpy(padded + shift, text, sizeof text);
        snippet_outcome outcome = snippet_find(padded, shift + sizeof text - 1);
        CHECK(outcome.count == 7);
        if (outcome.count == 7)
            CHECK(outcome.snippets[2].start == shift + 19 &&
                  outcome.snippets[6].end == shift + sizeof text - 1);
        snippet_free(&outcome);
    }
}

static void test_twins_agree_on_random_bytes(void) {
#if CAIRN_BYTES_HAS_AVX2
    enum { BLOCKS = 64 };
    static const char likely[] = "abcefrlERF019_/.:-$ \n\"'`[=]()\x98\x9C\xE2";
    static uint8_t bytes[BLOCKS * CAIRN_SNIPPET_BLOCK];
    cairn_snippet_marks portable[BLOCKS], fast[BLOCKS];
    uint64_t seed = 20261120;
    if (!cairn_bytes_can_avx2()) return;
    for (int round = 0; round < 200; round += 1) {
        for (size_t i = 0; i < sizeof bytes; i += 1) {
            const uint64_t random = tap_random(&seed) >> 20;
            bytes[i] = round % 2 == 0 ? (uint8_t)random : (uint8_t)likely[random % (sizeof likely - 1)];
        }
        cairn_snippet_carry portable_carry = {0}, fast_carry = {0};
        cairn_snippet_mark_portable(bytes, BLOCKS, &portable_carry, portable);
        cairn_snippet_mark_avx2(bytes, BLOCKS, &fast_carry, fast);
        CHECK(memcmp(portable, fast, sizeof fast) == 0);
        CHECK(memcmp(&portable_carry, &fast_carry, sizeof fast_carry) == 0);
    }
#endif
}

/* The work on `length` bytes of a repeated pattern. */
static uint64_t work_on(const char *pattern, size_t length) {
    char *text = malloc(length);
    const size_t pattern_length = strlen(pattern);
    if (text == NULL) abort();
    for (size_t i = 0; i < length; i += 1) text[i] = pattern[i % pattern_length];
    snippet_outcome outcome = snippet_find(text, length);
    CHECK(snippet_is_sound(&outcome));
    const uint64_t looked_at = outcome.looked_at;
    snippet_free(&outcome);
    free(text);
    return looked_at;
}

static void test_hostile_texts_cost_linear_work(void) {
    static const char *const patterns[] = {"a", "a.", "a:", "/", "/a", "1", "1:", "1.1 ", "a:1: ", ": ",
        "error: |", "error: ", "AB: ", "                    AB: ", "\"err\":\"", "msg=\"", "'a", "`", "`a",
        "\xE2\x80\x98x", "http://", "a@b:", "[error", "2 ERROR a::b ", "E1", "ENOENT (A",
        "FooError: ", "from 1.1 to 1 ", "panicked at a:1:\n", "a: No such process\n", "$A", "${", "..", "a..",
        "0a", "a-", "1,000", "1h1m", "level=error ", "\n", "\xFF", "[Errno 1", "exit status 1 "};
    enum { BYTES = 50000 };
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i += 1) {
        const uint64_t once = work_on(patterns[i], BYTES), twice = work_on(patterns[i], 2 * BYTES);
        if (2 * twice <= 5 * once + 2 * SNIPPET_LOOKED_AT_ANYWAY) continue;
        printf("# pattern %zu: %llu bytes looked at for %d, %llu for twice that\n", i,
            (unsigned long long)once, BYTES, (unsigned long long)twice);
        tap_failed_checks += 1;
    }
}

int main(void) {
    TEST(test_paths_come_with_their_places);
    TEST(test_what_only_looks_like_a_path_is_none);
    TEST(test_a_place_has_line_and_column);
    TEST(test_error_codes);
    TEST(test_error_messages);
    TEST(test_quantities);
    TEST(test_versions);
    TEST(test_hashes_and_uuids);
    TEST(test_urls);
    TEST(test_environment_variables);
    TEST(test_ports);
    TEST(test_dates);
    TEST(test_quoted_names);
    TEST(test_a_value_is_given_once_with_its_count);
    TEST(test_messages_hold_other_values_and_nothing_else_overlaps);
    TEST(test_limits_cut_or_refuse);
    TEST(test_too_little_room_is_refused_and_the_count_untouched);
    TEST(test_many_values_are_still_found_once_each);
    TEST(test_every_front_and_every_tail_of_a_text_is_handled);
    TEST(test_the_place_in_a_block_does_not_matter);
    TEST(test_twins_agree_on_random_bytes);
    TEST(test_hostile_texts_cost_linear_work);
    return tap_end();
}
