/* SPDX-License-Identifier: Apache-2.0 */
/* Failed attempts to sign in, by login and by address, both as keyed hashes: durable, so that a restart forgives nothing. */
#ifndef QY_GATEWAY_SIGN_IN_STORE_H
#define QY_GATEWAY_SIGN_IN_STORE_H

#include "proto/staff.pb-c.h"
#include "services/gateway/gateway_store.h"

#define SIGN_IN_ROWS_MAX 100000u
#define SIGN_IN_DELAY_MS_MAX INT64_C(900000)   /* a quarter of an hour */
#define SIGN_IN_FORGOTTEN_MS INT64_C(86400000) /* after a day without a failure */

/* Who fails: each from so many failures on that are free. */
struct sign_in_who {
    uint8_t hash[SECRET_HASH_BYTES];
    uint32_t free;
};

/* How long after that many failures nothing is looked at: a second, two, four, … */
int64_t sign_in_delay_ms(uint32_t failures, uint32_t free);

/* How long this one has to wait; 0: not at all. */
int64_t sign_in_wait_ms(struct store_txn *txn, const struct sign_in_who *who, int64_t now_ms);
/* Counts an attempt as failed, before it is looked at: whoever ends the process in between has failed too. */
void sign_in_begin(struct store_txn *txn, const struct sign_in_who *who, int64_t now_ms);
/* It was none. */
void sign_in_forgive(struct store_txn *txn, const struct sign_in_who *who);
/* Nor were those before. */
void sign_in_forget(struct store_txn *txn, const struct sign_in_who *who);

#endif
