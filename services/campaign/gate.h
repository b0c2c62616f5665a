/* SPDX-License-Identifier: Apache-2.0 */
/* The one gate that every send passes, when it is put into the outbox and again at the moment before it
 * leaves. */
#ifndef QY_CAMPAIGN_GATE_H
#define QY_CAMPAIGN_GATE_H

#include "services/campaign/campaign.h"

enum gate_answer {
    GATE_SEND,
    GATE_HOLD, /* not now: the journey is paused */
    GATE_SKIP, /* never */
};

/* `ret_reason`, with GATE_SKIP: a static text without personal data.
 *
 * At most once per person, run and step: nothing may have been handed over at this step from any node that
 * belongs to the person now, since the run began. Where a journey is entered once only, any earlier send
 * counts; else the run is the one that the delivery came from, together with runs of joined nodes that
 * overlap it. */
enum gate_answer may_send(struct store_txn *txn, const struct live_journey *journey,
    const struct delivery *delivery, const char **ret_reason);

#endif
