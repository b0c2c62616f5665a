/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision by hand comes to, and what speaks against it. Changes nothing. */
#ifndef QY_IDENTITY_DECISION_PREPARE_H
#define QY_IDENTITY_DECISION_PREPARE_H

#include "services/identity/handlers.h"

/* What is being decided. */
struct asked {
    struct rpc_context *context;
    const Quanyu__DecideRequest *request;
    uint32_t *nodes; /* the identifiers that are named */
    size_t count;
    uint32_t person; /* the one that is named; 0: none */
};

/* Finds what the request names: `context` and `request` are set. Refusals name the field. */
int decision_read(struct asked *asked);
/* Fills the decision (initialised) but for who takes it and why; `*ret_unchanged`: it is so already. */
int decision_prepare(const struct asked *asked, Quanyu__Decision *decision, bool *ret_unchanged);
/* The newest decision that says so and holds; NULL: none. */
int decision_find(const struct asked *asked, Quanyu__Decision **ret_decision);

#endif
