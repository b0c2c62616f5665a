/* SPDX-License-Identifier: Apache-2.0 */
/* Whom an actor may see: people whose home unit is the actor's or below it, and people whose guide the actor is. What
 * lies beyond looks as if it did not exist. */
#ifndef QY_TAGGING_SCOPE_H
#define QY_TAGGING_SCOPE_H

#include "proto/common.pb-c.h"
#include "services/tagging/binding.h"
#include "services/tagging/index.h"

struct scope {
    bool bounded; /* false: everybody */
    uint32_t unit, staff;
};

/* `actor` may be NULL. */
struct scope scope_of(const Quanyu__Actor *actor);
bool scope_holds(struct store_txn *txn, const struct scope *scope, const struct binding *binding);

/* How many of those that the index has under a term are in scope. */
int scope_count(struct store_txn *txn, const struct scope *scope, enum bits_kind kind, const char *term,
    uint32_t highest, uint64_t *ret_count);

/* The same for everybody, block after block, upwards. */
struct scope_reader {
    bool bounded;
    struct bits_reader unit, guide;
};
int scope_open(struct store_txn *txn, const struct scope *scope, size_t blocks, struct arena *arena,
    struct scope_reader *ret_reader);
void scope_close(struct scope_reader *reader);
/* Leaves those in `persons` that are in scope. */
int scope_read(struct scope_reader *reader, uint32_t block, uint64_t persons[BLOCK_WORDS]);

#endif
