/* SPDX-License-Identifier: Apache-2.0 */
/* Who a secret belongs to, and what that member of staff may do now: read from the state at each request, so that a change of role,
 * unit, token or state is in force for the next one. */
#ifndef QY_GATEWAY_ACCESS_H
#define QY_GATEWAY_ACCESS_H

#include "services/gateway/credential_store.h"
#include "services/gateway/role.h"

struct gateway;

struct access {
    uint32_t staff; /* 0: nobody, of an operation that is open to all */
    uint32_t unit;
    uint32_t credential;
    Quanyu__Credential__Kind kind;
    uint8_t hash[SECRET_HASH_BYTES]; /* of the secret */
    char code[STAFF_CODE_BYTES + 1];
    struct role role;     /* as it is */
    uint64_t permissions; /* the role's, less what the credential is not for */
    bool limited;         /* the credential is: it does not grow with the role */
    bool must_enrol;      /* nothing but to set up a second factor */
    struct makers makers; /* of the credential */
    int64_t used_ms, expires_ms;
};

/* Reads it. -QY_EUNAUTHENTIC: unknown, expired, or of somebody who has left. */
int access_read(const struct gateway *gateway, struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES],
    int64_t now_ms, struct access *ret_access);
/* The same in a snapshot of its own; any thread. */
int access_look(struct gateway *gateway, const uint8_t hash[SECRET_HASH_BYTES], struct access *ret_access);

/* Whether the two allow the same. */
bool access_equal(const struct access *a, const struct access *b);
/* Whether it covers the whole brand. */
bool access_is_whole(const struct access *access);
/* Whether it covers all units, and so all of the staff; people are another matter. */
bool access_covers_all_units(const struct access *access);
/* Whether the unit, and the staff in it, are in its scope. A unit that is no more counts as the one above it. */
bool access_covers_unit(const struct gateway *gateway, const struct access *access, uint32_t unit);

/* Who else sees the secret of what is made for `owner` with it: who asks, and who has seen what is asked with. False: they are too many. */
bool access_makers(const struct access *access, uint32_t owner, struct makers *ret_makers);
#define MAKERS_TOO_MANY "too many people have seen the secrets that led to this one: sign in with your own"

/* "st_7" */
#define STAFF_ID_BYTES 16
const char *staff_id(uint32_t number, char room[STAFF_ID_BYTES]);
/* 0 where it is none. */
uint32_t staff_number_of(const char *id);
/* "t_7" */
const char *token_id(uint32_t number, char room[STAFF_ID_BYTES]);
uint32_t token_number_of(const char *id);

#endif
