/* SPDX-License-Identifier: Apache-2.0 */
/* The organisation as tagging has folded it: the tree of units, and the members of staff. Rows alone, so that
 * readers have it in their snapshot and a batch that is rolled back takes nothing along. */
#ifndef QY_TAGGING_ORGANISATION_H
#define QY_TAGGING_ORGANISATION_H

#include "common/buffer.h"
#include "services/tagging/tagging_store.h"

/* A place in the order of all that bindings hang on. Events have their own time and origin; what is said of the
 * organisation, of rules or by hand has the fold's time, the origin of the event that had come last, and a step that nothing
 * else has. So what comes later stands behind all that had come when it was said. */
struct moment {
    int64_t ms;
    uint64_t origin;
    uint64_t step; /* of events: 0 */
};
#define MOMENT_FIRST ((struct moment){INT64_MIN, 0, 0})
#define MOMENT_NEVER ((struct moment){INT64_MAX, UINT64_MAX, UINT64_MAX})

static inline bool moment_is_after(struct moment a, struct moment b)
{
    if (a.ms != b.ms)
        return a.ms > b.ms;
    return a.origin != b.origin ? a.origin > b.origin : a.step > b.step;
}
/* Behind all of a time. */
static inline struct moment moment_end_of(int64_t ms)
{
    return (struct moment){ms, UINT64_MAX, UINT64_MAX};
}
void moment_encode(struct buffer *out, struct moment moment);
struct row_reader;
struct moment moment_decode(struct row_reader *row);

#define UNIT_DEPTH_MAX 256u /* whoever follows parents stops there */
#define ABSENCES_MAX 32u    /* a member of staff; the oldest is forgotten then */

struct unit_row {
    uint32_t parent; /* 0: it is the root */
    bool removed;
    struct moment removed_at;
};

/* From leaving to coming back; MOMENT_NEVER where that has not happened. */
struct absence {
    struct moment left, back;
};

struct staff_row {
    uint32_t unit;
    struct absence absences[ABSENCES_MAX]; /* in order */
    size_t absence_count;
};

/* False when there is none. */
bool organisation_unit(struct store_txn *txn, uint32_t unit, struct unit_row *ret_unit);
bool organisation_staff(struct store_txn *txn, uint32_t staff, struct staff_row *ret_staff);
void organisation_put_unit(struct store_txn *txn, uint32_t unit, const struct unit_row *place);
void organisation_put_staff(struct store_txn *txn, uint32_t staff, const struct staff_row *member);

/* How many commits that move units have been folded. */
uint64_t organisation_moves(struct store_txn *txn);
void organisation_put_moves(struct store_txn *txn, uint64_t moves);
/* The unit and all above it, the unit first; yields how many. */
size_t organisation_chain(struct store_txn *txn, uint32_t unit, uint32_t ret_chain[UNIT_DEPTH_MAX]);
/* Whether it is `above` or below that. */
bool organisation_is_below(struct store_txn *txn, uint32_t unit, uint32_t above);
/* The unit as at a moment: where it had been removed, the next one above that had not. 0: there is none. */
uint32_t organisation_unit_at(struct store_txn *txn, uint32_t unit, struct moment at);
/* Whether somebody of that number was there. */
bool organisation_staff_at(struct store_txn *txn, uint32_t staff, struct moment at);
/* When the member of staff who was there at `from` left; MOMENT_NEVER: not yet. */
struct moment organisation_leaving(struct store_txn *txn, uint32_t staff, struct moment from);

static inline bool staff_is_absent(const struct staff_row *row)
{
    return row->absence_count > 0 && row->absences[row->absence_count - 1].back.ms == INT64_MAX;
}

#endif
