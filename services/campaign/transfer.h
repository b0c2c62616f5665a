/* SPDX-License-Identifier: Apache-2.0 */
/* One send over libcurl's multi interface: a signed webhook, or an email.
 *
 * Each transfer has a connection of its own: on one that is kept alive libcurl sends a request again by
 * itself when the server closes it without an answer, and such a request may have been taken.
 *
 * An email is libcurl's until the server is ready for it (name, connection, TLS, EHLO, STARTTLS, AUTH), with
 * CURLOPT_CONNECT_ONLY; smtp.h hands it over through that connection. For libcurl's own upload stops the
 * thread, and every other transfer with it, until the server has answered the content, and again until it has
 * answered QUIT.
 *
 * A webhook is a POST of the rendered content with
 *   Idempotency-Key        the delivery's id, the same at each attempt
 *   X-Quanyu-Journey, X-Quanyu-Step
 *   X-Quanyu-Timestamp     seconds since 1970, by the wall clock
 *   X-Quanyu-Signature     v1=HMAC-SHA256(secret, timestamp "." body), in hex */
#ifndef QY_CAMPAIGN_TRANSFER_H
#define QY_CAMPAIGN_TRANSFER_H

#include "services/campaign/judge.h"

struct transfer_options {
    unsigned timeout_ms;   /* from connecting to the whole answer */
    const char *smtp_url;  /* "": no email is sent */
    const char *smtp_from; /* an address */
};

struct transfer;

/* Takes over the job, whose personal values are filled in. Where it cannot be sent, *ret_outcome says why and
 * the job stays the caller's: -QY_EINVAL; -QY_ENOMEM. */
int transfer_open(const struct transfer_options *options, struct job *job, struct transfer **ret_transfer,
    struct outcome *ret_outcome);
/* Gives the job back. */
struct job *transfer_close(struct transfer **transfer);
/* The transfer's own; its CURLOPT_PRIVATE is the transfer. */
CURL *transfer_handle(const struct transfer *transfer);

/* libcurl is through with the handle. True: only with connecting; transfer_talk() follows, now and whenever
 * the socket or the deadline of transfer_wait() says so. The handle stays where it is until then. */
bool transfer_goes_on(struct transfer *transfer, CURLcode code);
void transfer_wait(const struct transfer *transfer, struct curl_waitfd *ret_wait, int64_t *ret_deadline_ms);
/* Never waits. True: it is over. */
bool transfer_talk(struct transfer *transfer, CURLcode *ret_code);

void transfer_outcome(const struct transfer *transfer, CURLcode code, struct outcome *ret_outcome);

#endif
