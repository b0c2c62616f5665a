/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of TLS: a certificate with its key from two PEM files, which may be replaced while it runs.
 *
 * TLS 1.2 and 1.3, ephemeral keys and authenticated ciphers only, HTTP/1.1 by ALPN, sessions resumed by
 * tickets (whose keys are made anew now and then), no renegotiation, no compression. A new pair is taken when
 * tls_reload() says so or when the files have changed and then stayed as they are for a moment; sessions that
 * have begun keep what they began with. A new pair that is not usable is reported and refused: the one before
 * stays in force. */
#ifndef QY_COMMON_TLS_H
#define QY_COMMON_TLS_H

#include "common/metrics.h"

#include <openssl/ssl.h>
#include <stdint.h>

#define TLS_ERROR_BYTES 512

struct tls;

struct tls_options {
    const char *certificate; /* PEM: the server's own first, then those that lead to the root */
    const char *key;         /* PEM, not encrypted */
    unsigned watch_ms;       /* how often the files are looked at; 0: never */
    unsigned ticket_ms;      /* how long one key seals tickets, where the files are watched; 0: 12 hours */
    struct metrics *metrics; /* may be NULL; must outlive the tls */
    /* After each attempt to take a new pair: until when it is valid, or why it is refused (else NULL). By the
     * watching thread, or the caller of tls_reload(). May be NULL. */
    void (*on_reload)(void *self, int64_t expires, const char *error);
    void *self;
};

/* On failure (-QY_EINVAL, -QY_ENOMEM) `error` says which file and why. An expired certificate is taken. */
int tls_open(const struct tls_options *options, struct tls **ret_tls, char error[TLS_ERROR_BYTES]);
void tls_close(struct tls **tls);

/* Any thread. Takes the pair as the files are now, unless it is not usable (-QY_EINVAL) or has expired. */
int tls_reload(struct tls *tls);
/* Any thread: until when the certificate in force is valid, in seconds since 1970. */
int64_t tls_expires(struct tls *tls);
/* Any thread: a new server's session for SSL_set_fd(), of the pair in force; SSL_free() ends it. NULL when
 * memory is out. */
SSL *tls_session(struct tls *tls);

#endif
