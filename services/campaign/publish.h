/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a version of a journey into force, through tagging, which evaluates its rules.
 *
 * First the rules of conditions and exit are watched; once tagging has evaluated them for everybody, the
 * entry's; once that is done, too, the version is in force. So nobody enters before each question on the way
 * can be answered. Until then the version before it stays in force; a rule that both have in common keeps its
 * watch. */
#ifndef QY_CAMPAIGN_PUBLISH_H
#define QY_CAMPAIGN_PUBLISH_H

#include "services/campaign/campaign.h"

/* Points each rule to the watch that serves it, where there is one. */
void publish_resolve(struct store_txn *txn, const struct live_journey *journey);
/* Does what can be done now for the pending version, if there is one. */
int publish_continue(struct campaign *campaign, struct batch *batch, struct live_journey *journey);
/* Tagging answered. */
int publish_answered(struct campaign *campaign, struct batch *batch, struct live_journey *journey,
    uint32_t watch, const char *error);
/* Drops the watches that no version needs any more. */
void publish_drop_unused(struct batch *batch, const struct live_journey *journey);

#endif
