/* SPDX-License-Identifier: Apache-2.0 */
/* What holds two identifiers together or keeps them apart, as answers say it. */
#ifndef QY_IDENTITY_LINK_VIEW_H
#define QY_IDENTITY_LINK_VIEW_H

#include "services/identity/busy.h"
#include "services/identity/handlers.h"
#include "services/identity/link_store.h"
#include "services/identity/rules.h"

/* For reader threads: a snapshot and the rules of it. */
struct link_viewer {
    struct rpc_context *context;
    struct identity_rules rules;
    bool personal; /* values too, masked */
};
int link_viewer_open(struct rpc_context *context, bool personal, struct link_viewer *ret_viewer);
void link_viewer_close(struct link_viewer *viewer); /* for _cleanup_ */

/* Whether the link is one that joins, by itself: whatever the two are one of. */
bool link_joins(struct link_viewer *viewer, uint32_t node, uint32_t other, const struct link *link);
/* Why a busy node is so: "busy", "owners", "names", "handed_on"; static storage. */
int link_view_busy(struct link_viewer *viewer, uint32_t node, const char **ret_reason);
/* The same of two owners of one value, one after the other. */
int link_view_owners(struct link_viewer *viewer, uint32_t node, uint32_t other, Quanyu__LinkView **ret_view);
/* In the context's arena. */
int link_view(struct link_viewer *viewer, uint32_t node, uint32_t other, const struct link *link,
    Quanyu__LinkView **ret_view);

#endif
