/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of units: stored, told in the journal, on record and in force, before they return. */
#ifndef QY_GATEWAY_UNIT_CHANGE_H
#define QY_GATEWAY_UNIT_CHANGE_H

#include "services/gateway/gateway.h"
#include "services/gateway/units.h"

struct api_call;

/* One unit as it is to be. */
struct unit_edit {
    Quanyu__Unit unit;              /* number 0: a new one. Its version is the one that it was made from */
    const struct unit_edit *parent; /* among the edits, a new one; NULL: unit.parent says it */
};

/* On whose behalf, and as what it goes on record. */
struct unit_act {
    const Quanyu__Actor *actor;
    const char *request_id;
    const char *action;
    uint32_t scope; /* it changes nothing but what is this unit or below it, when it is done; 0: anything */
    /* Whether the caller still may, in the batch that changes something: api_check_in(). May be NULL. */
    int (*check)(struct api_call *call, struct store_txn *txn);
    struct api_call *call;
};

struct unit_refusal {
    enum unit_fault fault; /* of -QY_EINVAL */
    size_t edit;           /* which one */
};

/* All of them or none. On success each has its number, its version and the time of the change. -QY_EINVAL: see `ret_refusal`;
 * -QY_EOVERTAKEN: another version of one is there; -QY_ENOTFOUND: one is no more. */
int unit_store(struct gateway *gateway, const struct unit_act *act, struct unit_edit *edits, size_t count,
    struct unit_refusal *ret_refusal);

/* Writer, when the state is opened: makes the root where there is none. */
int unit_begin(struct batch *batch);

#endif
