/* SPDX-License-Identifier: Apache-2.0 */
/* Who there is of the staff, in which unit, and which code is whose, in memory: HTTP threads look without a lock and without the store,
 * as they do into the tree of units.
 *
 * A roll never changes. The writer notes whom a batch makes, moves or lets go, and after the commit, before anybody is told, makes the
 * next roll of the one in force and what was noted. */
#ifndef QY_GATEWAY_STAFF_ROLL_H
#define QY_GATEWAY_STAFF_ROLL_H

#include "services/gateway/staff_store.h"

struct staff_roll;

/* The unit of a member of staff, also of one who has left; 0: nobody ever had that number. */
uint32_t staff_roll_unit(const struct staff_roll *roll, uint32_t staff);
/* Whether somebody has that number, and has not left. */
bool staff_roll_has(const struct staff_roll *roll, uint32_t staff);
/* Whose code it is; 0: nobody's who has not left. */
uint32_t staff_roll_find(const struct staff_roll *roll, const char *code, size_t size);
void staff_roll_release(struct staff_roll **roll); /* safe on NULL */

/* -- in force -- */

struct staff_rolls;
/* Reads all. */
int staff_rolls_open(struct store_txn *txn, struct staff_rolls **ret_rolls);
/* Rolls that are still held stay. */
void staff_rolls_close(struct staff_rolls **rolls);
/* The one in force; the caller gives it back. Any thread. */
struct staff_roll *staff_rolls_hold(struct staff_rolls *rolls);
/* Changes `*roll`, which may be NULL, to the one in force: an atomic load where it is that already. */
void staff_rolls_update(struct staff_rolls *rolls, struct staff_roll **roll);
/* Writer: the batch stores this row. -QY_ENOMEM. */
int staff_rolls_note(struct staff_rolls *rolls, const Quanyu__Staff *staff);
/* Writer, after the commit: what was noted is in force. Where memory is out it stays noted, for the next time. */
void staff_rolls_install(struct staff_rolls *rolls);
/* Writer: the batch was rolled back. */
void staff_rolls_discard(struct staff_rolls *rolls);

#endif
