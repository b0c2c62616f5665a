/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a transfer means for the delivery. Retried is only what certainly was not accepted; where
 * bytes left and no answer came, it is unknown. */
#ifndef QY_CAMPAIGN_JUDGE_H
#define QY_CAMPAIGN_JUDGE_H

#include "services/campaign/job.h"

#include <curl/curl.h>

/* What is known of a transfer that has ended. */
struct transfer_end {
    CURLcode code;
    long status;            /* HTTP's, or SMTP's last one; 0: none came */
    bool bytes_left;        /* of the request, or of the mail's content, may be with the receiver */
    int64_t retry_after_ms; /* 0: not said */
};

void judge_webhook(const struct transfer_end *end, struct outcome *ret_outcome);
void judge_email(const struct transfer_end *end, struct outcome *ret_outcome);

void outcome_set(struct outcome *outcome, enum outcome_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
