/* SPDX-License-Identifier: Apache-2.0 */
/* What people decide about who is who, put into the graph: as links that count before all evidence, as pairs that are kept apart, as
 * identifiers that are nobody's, as evidence that does not count. Each can be undone. The writer thread's. */
#ifndef QY_IDENTITY_DECIDE_H
#define QY_IDENTITY_DECIDE_H

#include "services/identity/graph.h"

/* Takes the decision (its number is 0), keeps it under the next number, and solves anew what it is about. Of SPLIT and MOVE the first of
 * `nodes` is kept apart from each of `others`. Checked by the caller: nodes are there, evidence is there and counts. */
int decide(struct graph *graph, struct batch *batch, Quanyu__Decision *decision);
/* As if it had not been taken; what is left of it says that it was, and who undid it. `arena`: for the other decisions. */
int decide_undo(struct graph *graph, struct batch *batch, Quanyu__Decision *decision, struct arena *arena);

#endif
