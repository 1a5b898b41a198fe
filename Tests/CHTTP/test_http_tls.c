/* test_http_tls.c: TLS against OpenSSL itself on the other side, which resets, or ends without saying so. */
#include "http_stage.h"
#include "tap.h"

#include <openssl/ssl.h>

/* The other side: a socket with a TLS session on it. */
typedef struct tls_side {
    char folder[64], certificate[96], key[96];
    SSL_CTX *context;
    SSL *ssl;
    int listener, file;
    uint16_t port;
    text received;
    bool is_ready, is_closed;
    const char *answer;
    bool ends_properly;
} tls_side;

static tls_side *side_of(stage *self) { return self->context; }

static void begin(stage *self, tls_side *side, const SSL_METHOD *method) {
    char reason[256] = "";
    *side = (tls_side){.listener = -1, .file = -1};
    stage_init(self);
    const char *scratch = getenv("TMPDIR");
    snprintf(side->folder, sizeof side->folder, "%s/chttpXXXXXX", scratch ? scratch : P_tmpdir);
    if (!mkdtemp(side->folder)) abort();
    snprintf(side->certificate, sizeof side->certificate, "%s/certificate", side->folder);
    snprintf(side->key, sizeof side->key, "%s/key", side->folder);
    CHECK(chttp_tls_write_self_signed(side->certificate, side->key, "localhost", reason, sizeof reason));
    side->context = SSL_CTX_new(method);
    self->context = side;
}

static void finish(stage *self, tls_side *side, chttp_tls *tls) {
    stage_deinit(self);
    chttp_tls_free(tls);
    SSL_free(side->ssl);
    SSL_CTX_free(side->context);
    if (side->file >= 0) close(side->file);
    if (side->listener >= 0) close(side->listener);
    text_free(&side->received);
    unlink(side->certificate);
    unlink(side->key);
    rmdir(side->folder);
}

static void read_session(tls_side *side) {
    char bytes[4096];
    int got;
    while ((got = SSL_read(side->ssl, bytes, sizeof bytes)) > 0) text_add(&side->received, bytes, (size_t)got);
    int error = SSL_get_error(side->ssl, got);
    side->is_ready = SSL_is_init_finished(side->ssl);
    side->is_closed = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
}

/* -------------------------------------------------------------------------------------------- clients of a listener */

static void client_goes_on(stage *self) {
    if (side_of(self)->file >= 0 && !side_of(self)->is_closed) read_session(side_of(self));
}

static bool is_ready(stage *self) { return side_of(self)->is_ready; }
static bool is_closed(stage *self) { return side_of(self)->is_closed; }
static bool is_announced(stage *self) { return self->announced == 1; }

static chttp_tls *serve(stage *self, tls_side *side) {
    char reason[256] = "";
    chttp_tls *tls = chttp_tls_server_new(side->certificate, side->key, reason, sizeof reason);
    chttp_server_options options = stage_server_options(self);
    options.tls = tls;
    stage_serve(self, &options);
    side->file = raw_connect(chttp_server_port(self->server));
    side->ssl = SSL_new(side->context);
    SSL_set_fd(side->ssl, side->file);
    SSL_set_connect_state(side->ssl);
    self->every_turn = client_goes_on;
    return tls;
}

static void hold(stage *self, chttp_call *call) {}

static void check_reset(const char *request) {
    stage stage;
    tls_side side;
    begin(&stage, &side, TLS_client_method());
    stage.on_request = hold;
    chttp_tls *tls = serve(&stage, &side);
    CHECK(stage_run(&stage, is_ready));
    if (*request) {
        CHECK(SSL_write(side.ssl, request, (int)strlen(request)) > 0);
        CHECK(stage_run(&stage, is_announced));
    }

    raw_reset(side.file);
    side.file = -1;

    CHECK(stage_run(&stage, stage_is_over));
    CHECK(stage.closed == stage.announced);
    finish(&stage, &side, tls);
}

static void test_a_client_that_resets_is_closed_once(void) {
    check_reset("");
    check_reset("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    check_reset("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhe");
}

static void test_a_malformed_request_is_answered_and_ended_properly(void) {
    stage stage;
    tls_side side;
    begin(&stage, &side, TLS_client_method());
    chttp_tls *tls = serve(&stage, &side);
    CHECK(stage_run(&stage, is_ready));

    CHECK(SSL_write(side.ssl, "nonsense\r\n\r\n", 12) > 0);

    CHECK(stage_run(&stage, is_closed));
    CHECK(text_has(&side.received, "HTTP/1.1 ") && SSL_get_shutdown(side.ssl) & SSL_RECEIVED_SHUTDOWN);
    finish(&stage, &side, tls);
}

/* ---------------------------------------------------------------------------------------------------------- origins */

static void origin_goes_on(stage *self) {
    tls_side *side = side_of(self);
    if (side->file < 0 && (side->file = raw_accept(side->listener)) >= 0) {
        side->ssl = SSL_new(side->context);
        SSL_set_fd(side->ssl, side->file);
        SSL_set_accept_state(side->ssl);
    }
    if (side->file < 0 || side->is_closed) return;
    read_session(side);
    if (!text_has(&side->received, "\r\n\r\n")) return;
    if (SSL_write(side->ssl, side->answer, (int)strlen(side->answer)) <= 0) abort();
    if (side->ends_properly) SSL_shutdown(side->ssl);
    shutdown(side->file, SHUT_RDWR);
    side->is_closed = true;
}

static bool is_over(stage *self) { return self->ended + self->failed == 1; }

static void check_end(const char *answer, bool ends_properly, const char *expected) {
    stage stage;
    tls_side side;
    char reason[256] = "";
    begin(&stage, &side, TLS_server_method());
    CHECK(SSL_CTX_use_certificate_chain_file(side.context, side.certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(side.context, side.key, SSL_FILETYPE_PEM) == 1);
    side.listener = raw_listen(&side.port);
    side.answer = answer;
    side.ends_properly = ends_properly;
    stage.every_turn = origin_goes_on;
    chttp_tls *tls = chttp_tls_client_new(side.certificate, true, reason, sizeof reason);
    chttp_origin_options options = {
        .host = "127.0.0.1", .port = side.port, .tls = tls, .connect_ms = 60000, .first_byte_ms = 60000,
        .idle_ms = 60000, .pool_idle_ms = 60000, .connections_max = 4, .waiting_max = 4};
    chttp_origin *origin = chttp_origin_new(stage.loop, &options);

    CHECK(stage_fetch(&stage, origin, "GET", (chttp_bytes){0}) != NULL);

    CHECK(stage_run(&stage, is_over));
    CHECK(strcmp(text_of(&stage.fetches), expected) == 0);
    CHECK(strcmp(text_of(&stage.answer), "hi") == 0);
    chttp_origin_free(origin);
    finish(&stage, &side, tls);
}

static void test_an_answer_up_to_the_end_is_whole_only_after_a_closure_alert(void) {
    check_end("HTTP/1.1 200 OK\r\n\r\nhi", true, "head 200\nend\n");
    check_end("HTTP/1.1 200 OK\r\n\r\nhi", false, "head 200\nfail 8\n");
}

static void test_an_answer_with_a_length_needs_no_closure_alert(void) {
    check_end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", false, "head 200\nend\n");
}

int main(void) {
    TEST(test_a_client_that_resets_is_closed_once);
    TEST(test_a_malformed_request_is_answered_and_ended_properly);
    TEST(test_an_answer_up_to_the_end_is_whole_only_after_a_closure_alert);
    TEST(test_an_answer_with_a_length_needs_no_closure_alert);
    return tap_end();
}
