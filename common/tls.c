/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tls.h"

#include "common/error.h"
#include "common/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
/* Two of the longest records in one read; given back whenever it is empty. */
#define READ_BUFFER ((size_t)33 * 1024)
#define TICKET_MS (12u * 3600 * 1000)

/* By what a file is known to be another one, or written anew. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct pair_stamp {
    struct stamp certificate, key;
};

struct tls {
    char *certificate, *key;
    struct tls_options options;
    struct metric *expiry;
    pthread_mutex_t lock; /* of what follows */
    SSL_CTX *context;
    int64_t expires;
    pthread_mutex_t loading; /* one reload at a time; of what follows */
    struct pair_stamp taken;
    pthread_t watcher;
    pthread_cond_t wake;
    bool watching, stopping;
};

/* -- one context -- */

/* OpenSSL would ask at the terminal. */
static int refuse_password(char *out, int size, int writing, void *ret_asked)
{
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)ret_asked = true;
    return -1;
}

/* A client that names protocols must name ours (RFC 7301); one that names none speaks HTTP/1.1. */
static int choose_protocol(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_size,
    const unsigned char *offered, unsigned size, void *self)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)self;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, ret_size, ours, sizeof(ours) - 1, offered, size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_chosen = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void context_free(SSL_CTX **context)
{
    SSL_CTX_free(*context);
    *context = NULL;
}

/* All but certificate and key. A client's end without TLS's own is taken for one: a request's framing shows
 * where it is cut off. */
static SSL_CTX *context_make(void)
{
    _cleanup_(context_free) SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, CIPHERS) != 1)
        return NULL;
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return TAKE(context);
}

/* The first thing that OpenSSL says, in words: what follows tells where. Its queue is empty afterwards. */
static const char *reason(void)
{
    unsigned long code = ERR_peek_error();
    int number = ERR_GET_REASON(code);
    const char *text = ERR_reason_error_string(code);
    ERR_clear_error();
    if (ERR_SYSTEM_ERROR(code))
        return strerror(number);
    return text ? text : "it cannot be used";
}

static int fault(char error[TLS_ERROR_BYTES], const char *what, const char *path)
{
    snprintf(error, TLS_ERROR_BYTES, "%s %.200s: %s", what, path, reason());
    return -QY_EINVAL;
}

static int64_t expiry_of(SSL_CTX *context)
{
    struct tm tm;
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm);
}

static int use_key(const struct tls *tls, SSL_CTX *context, char error[TLS_ERROR_BYTES])
{
    bool asked = false;
    SSL_CTX_set_default_passwd_cb(context, refuse_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
    int used = SSL_CTX_use_PrivateKey_file(context, tls->key, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    SSL_CTX_set_default_passwd_cb(context, NULL);
    if (used == 1 && SSL_CTX_check_private_key(context) == 1)
        return 0;
    if (asked)
        snprintf(error, TLS_ERROR_BYTES,
            "key file %.200s: it is encrypted; it must be readable without a password", tls->key);
    else if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509) /* its parts are whole, but not of one pair */
        snprintf(error, TLS_ERROR_BYTES, "the key in %.200s is not that of the certificate in %.200s",
            tls->key, tls->certificate);
    else
        return fault(error, "key file", tls->key);
    ERR_clear_error();
    return -QY_EINVAL;
}

static int context_load(const struct tls *tls, SSL_CTX **ret_context, char error[TLS_ERROR_BYTES])
{
    ERR_clear_error();
    _cleanup_(context_free) SSL_CTX *context = context_make();
    if (!context)
        return fault(error, "TLS", "cannot be set up");
    if (SSL_CTX_use_certificate_chain_file(context, tls->certificate) != 1)
        return fault(error, "certificate file", tls->certificate);
    int result = use_key(tls, context, error);
    if (result == 0)
        *ret_context = TAKE(context);
    return result;
}

/* The same pair with new keys for tickets; NULL when memory is out. */
static SSL_CTX *context_renew(SSL_CTX *old)
{
    _cleanup_(context_free) SSL_CTX *context = context_make();
    STACK_OF(X509) *chain = NULL;
    if (!context || SSL_CTX_use_certificate(context, SSL_CTX_get0_certificate(old)) != 1 ||
        SSL_CTX_use_PrivateKey(context, SSL_CTX_get0_privatekey(old)) != 1 ||
        SSL_CTX_get0_chain_certs(old, &chain) != 1 || (chain && SSL_CTX_set1_chain(context, chain) != 1)) {
        ERR_clear_error();
        return NULL;
    }
    return TAKE(context);
}

/* -- the files -- */

static struct stamp stamp_of(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return (struct stamp){0};
    return (struct stamp){found.st_dev, found.st_ino, found.st_size, found.st_mtim};
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool is_same_pair(const struct pair_stamp *a, const struct pair_stamp *b)
{
    return is_same(&a->certificate, &b->certificate) && is_same(&a->key, &b->key);
}

static struct pair_stamp stamp_pair(const struct tls *tls)
{
    return (struct pair_stamp){stamp_of(tls->certificate), stamp_of(tls->key)};
}

/* -- which one is in force -- */

static void put_in_force(struct tls *tls, SSL_CTX *context)
{
    int64_t expires = expiry_of(context);
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *before = tls->context;
    tls->context = context;
    tls->expires = expires;
    pthread_mutex_unlock(&tls->lock);
    metric_set(tls->expiry, (double)expires);
    SSL_CTX_free(before);
}

/* Owned by the caller. */
static SSL_CTX *context_in_force(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *context = tls->context;
    SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->lock);
    return context;
}

SSL *tls_session(struct tls *tls)
{
    _cleanup_(context_free) SSL_CTX *context = context_in_force(tls);
    SSL *ssl = SSL_new(context);
    if (ssl)
        SSL_set_accept_state(ssl);
    else
        ERR_clear_error();
    return ssl;
}

int64_t tls_expires(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    int64_t expires = tls->expires;
    pthread_mutex_unlock(&tls->lock);
    return expires;
}

static int load_unexpired(struct tls *tls, SSL_CTX **ret_context, char error[TLS_ERROR_BYTES])
{
    _cleanup_(context_free) SSL_CTX *context = NULL;
    int result = context_load(tls, &context, error);
    if (result)
        return result;
    if (expiry_of(context) <= (int64_t)time(NULL)) {
        snprintf(error, TLS_ERROR_BYTES, "the certificate in %.200s has expired", tls->certificate);
        return -QY_EINVAL;
    }
    *ret_context = TAKE(context);
    return 0;
}

int tls_reload(struct tls *tls)
{
    char error[TLS_ERROR_BYTES];
    SSL_CTX *context;
    pthread_mutex_lock(&tls->loading);
    tls->taken = stamp_pair(tls); /* what is written from now on is another change */
    int result = load_unexpired(tls, &context, error);
    if (result == 0)
        put_in_force(tls, context);
    pthread_mutex_unlock(&tls->loading);
    if (tls->options.on_reload)
        tls->options.on_reload(tls->options.self, tls_expires(tls), result ? error : NULL);
    return result;
}

static void renew_tickets(struct tls *tls)
{
    pthread_mutex_lock(&tls->loading);
    _cleanup_(context_free) SSL_CTX *old = context_in_force(tls);
    SSL_CTX *context = context_renew(old);
    if (context)
        put_in_force(tls, context);
    pthread_mutex_unlock(&tls->loading);
}

/* -- watching the files -- */

/* False when the watcher is to end. */
static bool wait_a_while(struct tls *tls)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += tls->options.watch_ms / 1000;
    until.tv_nsec += (long)(tls->options.watch_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&tls->lock);
    int result = 0;
    while (!tls->stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&tls->wake, &tls->lock, &until);
    bool go_on = !tls->stopping;
    pthread_mutex_unlock(&tls->lock);
    return go_on;
}

static bool is_taken(struct tls *tls, const struct pair_stamp *found)
{
    pthread_mutex_lock(&tls->loading);
    bool same = is_same_pair(found, &tls->taken);
    pthread_mutex_unlock(&tls->loading);
    return same;
}

/* Files that are being replaced, one after the other, are left alone until two looks find them alike. */
static void *watch(void *self)
{
    struct tls *tls = self;
    struct pair_stamp seen = {0};
    double renewed = metrics_clock();
    double ticket_seconds = (tls->options.ticket_ms ? tls->options.ticket_ms : TICKET_MS) / 1e3;
    while (wait_a_while(tls)) {
        struct pair_stamp found = stamp_pair(tls);
        if (!is_taken(tls, &found) && is_same_pair(&found, &seen))
            (void)tls_reload(tls);
        seen = found;
        if (metrics_clock() - renewed > ticket_seconds) {
            renew_tickets(tls);
            renewed = metrics_clock();
        }
    }
    return NULL;
}

/* -- life -- */

static void make_locks(struct tls *tls)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&tls->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&tls->lock, NULL);
    pthread_mutex_init(&tls->loading, NULL);
}

static int start_watching(struct tls *tls)
{
    if (tls->options.watch_ms == 0)
        return 0;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    tls->watching = pthread_create(&tls->watcher, NULL, watch, tls) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!tls->watching)
        return -QY_ENOMEM;
    pthread_setname_np(tls->watcher, "tls");
    return 0;
}

int tls_open(const struct tls_options *options, struct tls **ret_tls, char error[TLS_ERROR_BYTES])
{
    snprintf(error, TLS_ERROR_BYTES, "%s", error_text(-QY_ENOMEM));
    _cleanup_(tls_close) struct tls *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return -QY_ENOMEM;
    make_locks(tls);
    tls->options = *options;
    tls->certificate = strdup(options->certificate);
    tls->key = strdup(options->key);
    if (!tls->certificate || !tls->key)
        return -QY_ENOMEM;
    SSL_CTX *context;
    tls->taken = stamp_pair(tls);
    int result = context_load(tls, &context, error);
    if (result)
        return result;
    if (options->metrics)
        tls->expiry =
            metrics_series(options->metrics, METRIC_GAUGE, "quanyu_tls_certificate_expiry_timestamp_seconds",
                NULL, "Until when the TLS certificate in force is valid.");
    put_in_force(tls, context);
    result = start_watching(tls);
    if (result == 0)
        *ret_tls = TAKE(tls);
    return result;
}

void tls_close(struct tls **tls)
{
    struct tls *closing = *tls;
    if (!closing)
        return;
    *tls = NULL;
    pthread_mutex_lock(&closing->lock);
    closing->stopping = true;
    pthread_cond_signal(&closing->wake);
    pthread_mutex_unlock(&closing->lock);
    if (closing->watching)
        pthread_join(closing->watcher, NULL);
    SSL_CTX_free(closing->context);
    pthread_cond_destroy(&closing->wake);
    pthread_mutex_destroy(&closing->lock);
    pthread_mutex_destroy(&closing->loading);
    free(closing->certificate);
    free(closing->key);
    free(closing);
}
