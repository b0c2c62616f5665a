/* SPDX-License-Identifier: Apache-2.0 */
/* Persons in journeys: entering, walking from step to step, waiting, leaving. */
#ifndef QY_CAMPAIGN_POSITION_H
#define QY_CAMPAIGN_POSITION_H

#include "services/campaign/campaign.h"

/* The entry's condition has come true for this person. Whether he or she enters, journey and earlier runs
 * decide. */
void position_enter(
    struct campaign *campaign, struct batch *batch, const struct live_journey *journey, uint32_t person);
/* The person leaves, wherever he or she stands. */
void position_leave(struct campaign *campaign, struct batch *batch, const struct live_journey *journey,
    uint32_t person, enum position_end end);
/* The wait of this run (and no later one) is over. */
void position_wake(
    struct campaign *campaign, struct batch *batch, uint32_t node, uint32_t journey, uint32_t entry);
/* Nodes have come to `person`: where two of them are on their way in one journey, the one that entered first
 * goes on. */
void position_join(
    struct campaign *campaign, struct batch *batch, uint32_t person, const uint32_t *nodes, size_t count);
/* Another version is in force: whoever waits at a step that it still has goes on from there, the others
 * leave. */
void position_adapt(struct campaign *campaign, struct batch *batch, const struct live_journey *journey);
/* The journey is no longer paused: those whose wait ended meanwhile go on. */
void position_resume(struct campaign *campaign, struct batch *batch, const struct live_journey *journey);
/* The journey is deleted: everybody leaves. */
void position_end_all(struct campaign *campaign, struct batch *batch, const struct live_journey *journey);
/* The person is forgotten: nothing that hangs on this node stays. */
void position_erase(struct campaign *campaign, struct batch *batch, uint32_t node);

#endif
