/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the write keys: stored, named for audit, and in force, before it returns. */
#ifndef QY_GATEWAY_WRITE_KEY_CHANGE_H
#define QY_GATEWAY_WRITE_KEY_CHANGE_H

#include "proto/write_key.pb-c.h"
#include "services/gateway/gateway.h"

/* On whose behalf, and as what it goes on record. */
struct write_key_act {
    const Quanyu__Actor *actor;
    const char *request_id;
    const char *action;
};

/* Stores `key`: as a new one where its number is 0, else in place of the version that it bears, which must be the stored one. On
 * success it has its number, its version and the time of the change. -QY_EOVERTAKEN: another version is there; -QY_ENOTFOUND;
 * -QY_ETOOLARGE: there are too many keys. */
int write_key_store(struct gateway *gateway, const struct write_key_act *act, Quanyu__WriteKey *key);

#endif
