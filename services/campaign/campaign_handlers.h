/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of campaign's requests share. */
#ifndef QY_CAMPAIGN_HANDLERS_H
#define QY_CAMPAIGN_HANDLERS_H

#include "proto/campaign.pb-c.h"
#include "services/campaign/campaign.h"

/* A journey's row, for queries; refuses an id that is not there or was deleted. */
int campaign_find_journey(struct rpc_context *context, const char *id, Quanyu__Journey **ret_row);

rpc_handler_fn campaign_handle_rules;

#endif
