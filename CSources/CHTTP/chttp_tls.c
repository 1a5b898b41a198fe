/* chttp_tls.c: OpenSSL for streams: contexts, a BIO without buffers of its own, self-signed certificates.
 *
 * The BIO reads straight from the bytes that libuv delivered and writes straight into the stream's segments, so TLS
 * adds no copy besides the cipher's own. TLS 1.2 at least; ALPN says http/1.1. */
#include "chttp_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHTTP_SELF_SIGNED_DAYS 825

struct chttp_tls {
    SSL_CTX *context;
    BIO_METHOD *method;
    bool is_server;
    bool verifies;
};

/* ----------------------------------------------------------------------------------------------------------- BIO */

static int bio_write(BIO *bio, const char *data, int length) {
    chttp_stream *stream = BIO_get_data(bio);
    return chttp_stream_put_cipher(stream, data, (size_t)length) ? length : -1;
}

static int bio_read(BIO *bio, char *out, int size) {
    chttp_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (stream->cipher_in_length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t length = stream->cipher_in_length < (size_t)size ? stream->cipher_in_length : (size_t)size;
    memcpy(out, stream->cipher_in, length);
    stream->cipher_in += length;
    stream->cipher_in_length -= length;
    return (int)length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *bio_method_new(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "chttp stream");
    if (!method) return NULL;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
    return method;
}

/* ------------------------------------------------------------------------------------------------------ contexts */

static void tell(char *reason, size_t reason_size, const char *what, const char *which) {
    unsigned long error = ERR_peek_last_error();
    const char *text = error ? ERR_reason_error_string(error) : NULL;
    snprintf(reason, reason_size, "%s%s%s%s%s", what, which ? " " : "", which ? which : "", text ? ": " : "",
        text ? text : "");
}

static int select_http1(
    SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in, unsigned in_length,
    void *context) {
    static const unsigned char http1[] = "\x08http/1.1";
    if (SSL_select_next_proto((unsigned char **)out, out_length, http1, sizeof http1 - 1, in, in_length)
        != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

static chttp_tls *tls_new(const SSL_METHOD *method, bool is_server, char *reason, size_t reason_size) {
    ERR_clear_error();
    chttp_tls *tls = calloc(1, sizeof *tls);
    if (!tls) return NULL;
    tls->is_server = is_server;
    tls->context = SSL_CTX_new(method);
    tls->method = bio_method_new();
    if (!tls->context || !tls->method) {
        tell(reason, reason_size, "TLS cannot be set up", NULL);
        chttp_tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
        | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(tls->context, 1);
    return tls;
}

chttp_tls *chttp_tls_server_new(
    const char *certificate_file, const char *key_file, char *reason, size_t reason_size) {
    chttp_tls *tls = tls_new(TLS_server_method(), true, reason, reason_size);
    if (!tls) return NULL;
    const char *bad = NULL;
    if (SSL_CTX_use_certificate_chain_file(tls->context, certificate_file) != 1) bad = certificate_file;
    else if (SSL_CTX_use_PrivateKey_file(tls->context, key_file, SSL_FILETYPE_PEM) != 1) bad = key_file;
    else if (SSL_CTX_check_private_key(tls->context) != 1) bad = key_file;
    if (bad) {
        tell(reason, reason_size, "cannot use", bad);
        chttp_tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_alpn_select_cb(tls->context, select_http1, NULL);
    return tls;
}

chttp_tls *chttp_tls_client_new(const char *ca_file, bool verify, char *reason, size_t reason_size) {
    chttp_tls *tls = tls_new(TLS_client_method(), false, reason, reason_size);
    if (!tls) return NULL;
    tls->verifies = verify;
    int loaded = ca_file ? SSL_CTX_load_verify_locations(tls->context, ca_file, NULL)
                         : SSL_CTX_set_default_verify_paths(tls->context);
    if (loaded != 1) {
        tell(reason, reason_size, "cannot read certificates from", ca_file ? ca_file : "the system's store");
        chttp_tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_verify(tls->context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    static const unsigned char http1[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(tls->context, http1, sizeof http1 - 1);
    return tls;
}

void chttp_tls_share(const chttp_tls *tls, SSL_CTX *context) {
    SSL_CTX_set1_cert_store(context, SSL_CTX_get_cert_store(tls->context));
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
}

bool chttp_tls_verifies(const chttp_tls *tls) { return tls->verifies; }

void chttp_tls_free(chttp_tls *tls) {
    if (!tls) return;
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    free(tls);
}

static bool is_address(const char *name) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

SSL *chttp_tls_open(const chttp_tls *tls, const char *server_name, chttp_stream *stream) {
    SSL *ssl = SSL_new(tls->context);
    BIO *bio = ssl ? BIO_new(tls->method) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_data(bio, stream);
    SSL_set_bio(ssl, bio, bio);
    if (tls->is_server) {
        SSL_set_accept_state(ssl);
        return ssl;
    }
    SSL_set_connect_state(ssl);
    bool is_named = true;
    if (is_address(server_name)) {
        is_named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name) == 1;
    } else {
        is_named = SSL_set_tlsext_host_name(ssl, server_name) == 1 && SSL_set1_host(ssl, server_name) == 1;
    }
    if (is_named) return ssl;
    SSL_free(ssl);
    return NULL;
}

const char *chttp_tls_failure_text(chttp_stream *stream, char *buffer, size_t size) {
    long verified = stream->ssl ? SSL_get_verify_result(stream->ssl) : X509_V_OK;
    unsigned long error = ERR_peek_last_error();
    if (verified != X509_V_OK) {
        snprintf(buffer, size, "the certificate was not accepted: %s", X509_verify_cert_error_string(verified));
    } else if (error && ERR_reason_error_string(error)) {
        snprintf(buffer, size, "TLS: %s", ERR_reason_error_string(error));
    } else {
        snprintf(buffer, size, "the connection closed during the TLS handshake");
    }
    return buffer;
}

/* --------------------------------------------------------------------------------------- self-signed certificates */

static bool add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension) return false;
    bool is_added = X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static FILE *open_private(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return NULL;
    fchmod(file, 0600);
    return fdopen(file, "w");
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key, const char *host) {
    char names[512];
    const char *kind = is_address(host) ? "IP" : "DNS";
    bool is_usual = !strcmp(host, "localhost") || !strcmp(host, "127.0.0.1") || !strcmp(host, "::1");
    int length = is_usual
        ? snprintf(names, sizeof names, "DNS:localhost,IP:127.0.0.1,IP:::1")
        : snprintf(names, sizeof names, "DNS:localhost,IP:127.0.0.1,IP:::1,%s:%s", kind, host);
    if (length < 0 || (size_t)length >= sizeof names) return false;

    BIGNUM *number = BN_new();
    bool is_numbered = number && BN_rand(number, 63, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1
        && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    X509_NAME *name = X509_get_subject_name(certificate);
    return is_numbered && X509_set_version(certificate, 2) == 1
        && X509_gmtime_adj(X509_getm_notBefore(certificate), -300)
        && X509_gmtime_adj(X509_getm_notAfter(certificate), 60L * 60 * 24 * CHTTP_SELF_SIGNED_DAYS)
        && X509_set_pubkey(certificate, key) == 1
        && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"cairn", -1, -1, 0) == 1
        && X509_set_issuer_name(certificate, name) == 1
        && add_extension(certificate, NID_subject_alt_name, names)
        && add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
        && add_extension(certificate, NID_ext_key_usage, "serverAuth")
        && X509_sign(certificate, key, EVP_sha256()) > 0;
}

bool chttp_tls_write_self_signed(
    const char *certificate_file, const char *key_file, const char *host, char *reason, size_t reason_size) {
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool is_done = false;
    if (!key || !certificate || !fill_certificate(certificate, key, host)) {
        tell(reason, reason_size, "cannot make a certificate", NULL);
        goto end;
    }
    FILE *file = open_private(key_file);
    if (!file || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(file) != 0) {
        snprintf(reason, reason_size, "cannot write %s: %s", key_file, strerror(errno));
        goto end;
    }
    file = open_private(certificate_file);
    if (!file || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0) {
        snprintf(reason, reason_size, "cannot write %s: %s", certificate_file, strerror(errno));
        goto end;
    }
    is_done = true;
end:
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_done;
}
