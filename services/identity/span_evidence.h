/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from the evidence of a value for each of its owners. */
#ifndef QY_IDENTITY_SPAN_EVIDENCE_H
#define QY_IDENTITY_SPAN_EVIDENCE_H

#include "services/identity/graph_internal.h"

/* The links, names and flags of a value's nodes (and of one that had it, where that is not 0), after its spans have changed; solves what
 * hangs on them, and lets its events be looked at again. */
int span_recompute(
    struct graph *graph, struct batch *batch, uint32_t first, uint32_t former, const struct cause *cause);

#endif
