/* SPDX-License-Identifier: Apache-2.0 */
/* Carries jobs out, many at a time. It asks for work when there is some and a place is free, and keeps a job
 * in hand until its outcome is durable.
 *
 * Threads: one fetches what only identity knows; one moves all webhooks and mails with libcurl's multi
 * interface, and never stands still for a single one of them. */
#ifndef QY_CAMPAIGN_SENDER_H
#define QY_CAMPAIGN_SENDER_H

#include "services/campaign/transfer.h"

struct sender;

struct sender_options {
    struct transfer_options transfer; /* texts borrowed */
    unsigned concurrency;
    /* Sender's thread: asks for up to `limit` jobs. On 0 they come through sender_give(), exactly once, from
     * any thread. */
    int (*claim)(void *self, unsigned limit);
    /* Sender's thread: takes over the job with its outcome on 0, and later calls sender_settled() or
     * sender_unsettled(). Anything else: it will be asked again, or gives up when it is -QY_ESTOPPED. */
    int (*settle)(void *self, struct job *job, const struct outcome *outcome);
    /* Another thread, which may wait: fills in what job_needs() says. True: go on; false: *ret_outcome is the
     * end of it. */
    bool (*prepare)(void *self, struct job *job, struct outcome *ret_outcome);
    void *self;
};

int sender_open(const struct sender_options *options, struct sender **ret_sender);
/* Lets what is under way come to its end, gives back what was not begun, and waits for both to be settled.
 * The others' calls stay allowed until sender_close(), and do nothing. */
void sender_stop(struct sender *sender);
void sender_close(struct sender **sender); /* stops it, too */

/* There are jobs to be claimed. Any thread. */
void sender_wake(struct sender *sender);
/* The answer to a claim: a list, may be empty. `more`: there may be others. */
void sender_give(struct sender *sender, struct job *jobs, bool more);
void sender_settled(struct sender *sender, struct job *job); /* durable; frees the job */
void sender_unsettled(
    struct sender *sender, struct job *job, const struct outcome *outcome); /* to be tried again */

#endif
