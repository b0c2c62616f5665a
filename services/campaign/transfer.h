/* SPDX-License-Identifier: Apache-2.0 */
/* One send as a libcurl transfer: a signed webhook, or an email. And what its end means.
 *
 * Each transfer has a connection of its own: on one that is kept alive libcurl sends a request again by
 * itself when the server closes it without an answer, and such a request may have been taken.
 *
 * A webhook is a POST of the rendered content with
 *   Idempotency-Key        the delivery's id, the same at each attempt
 *   X-Quanyu-Journey, X-Quanyu-Step
 *   X-Quanyu-Timestamp     seconds since 1970, by the wall clock
 *   X-Quanyu-Signature     v1=HMAC-SHA256(secret, timestamp "." body), in hex */
#ifndef QY_CAMPAIGN_TRANSFER_H
#define QY_CAMPAIGN_TRANSFER_H

#include "services/campaign/job.h"

#include <curl/curl.h>

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
void transfer_outcome(const struct transfer *transfer, CURLcode code, struct outcome *ret_outcome);

/* What is known of a transfer that has ended. */
struct transfer_end {
    CURLcode code;
    long status;            /* HTTP's, or SMTP's last one; 0: none came */
    bool bytes_left;        /* of the request, or of the mail's content, may be with the receiver */
    int64_t retry_after_ms; /* 0: not said */
};
/* Retried is only what certainly was not accepted; where bytes left and no answer came, it is unknown. */
void transfer_judge_webhook(const struct transfer_end *end, struct outcome *ret_outcome);
void transfer_judge_email(const struct transfer_end *end, struct outcome *ret_outcome);

void outcome_set(struct outcome *outcome, enum outcome_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
