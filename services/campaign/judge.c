/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/judge.h"

#include <stdarg.h>
#include <stdio.h>

void outcome_set(struct outcome *outcome, enum outcome_kind kind, const char *format, ...)
{
    *outcome = (struct outcome){.kind = kind};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(outcome->reason, sizeof(outcome->reason), format, arguments);
    va_end(arguments);
}

/* Nothing but connecting was tried, and that failed. */
static bool is_before_sending(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

static void judge_broken(const struct transfer_end *end, struct outcome *ret_outcome)
{
    enum outcome_kind kind = end->bytes_left ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
    if (end->code == CURLE_OPERATION_TIMEDOUT)
        outcome_set(ret_outcome, kind, "timeout");
    else
        outcome_set(ret_outcome, kind, "connection_lost_%d", (int)end->code);
}

void judge_webhook(const struct transfer_end *end, struct outcome *ret_outcome)
{
    if (is_before_sending(end->code)) {
        outcome_set(ret_outcome, OUTCOME_RETRY, "connect_failed_%d", (int)end->code);
    } else if (end->code != CURLE_OK) {
        judge_broken(end, ret_outcome);
    } else if (end->status >= 200 && end->status < 300) {
        outcome_set(ret_outcome, OUTCOME_DELIVERED, "http_%ld", end->status);
    } else if (end->status == 429 || end->status == 503) {
        outcome_set(ret_outcome, OUTCOME_RETRY, "http_%ld", end->status);
        ret_outcome->retry_after_ms = end->retry_after_ms;
    } else if (end->status == 502 || end->status == 504) {
        /* A gateway speaks, who does not know what became of it behind him. */
        outcome_set(ret_outcome, OUTCOME_UNKNOWN, "http_%ld", end->status);
    } else {
        outcome_set(ret_outcome, OUTCOME_FAILED, "http_%ld", end->status);
    }
}

void judge_email(const struct transfer_end *end, struct outcome *ret_outcome)
{
    if (end->code == CURLE_OK)
        outcome_set(ret_outcome, OUTCOME_DELIVERED, "smtp_%ld", end->status);
    else if (is_before_sending(end->code))
        outcome_set(ret_outcome, OUTCOME_RETRY, "connect_failed_%d", (int)end->code);
    else if (end->status >= 500 && end->status < 600)
        outcome_set(ret_outcome, OUTCOME_FAILED, "smtp_%ld", end->status);
    else if (end->status >= 400)
        outcome_set(ret_outcome, OUTCOME_RETRY, "smtp_%ld", end->status);
    else
        judge_broken(end, ret_outcome);
}
