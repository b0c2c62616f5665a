/* SPDX-License-Identifier: Apache-2.0 */
/* Personal values and secrets of the staff: sealed wherever they are stored, and found through keyed hashes.
 *
 * The key lies in a file of its own beside the state, staff.key: backups and freed pages of the state say nothing without it. What is
 * sealed is bound to its owner and to what it is: put elsewhere it does not open. */
#ifndef QY_GATEWAY_STAFF_VAULT_H
#define QY_GATEWAY_STAFF_VAULT_H

#include "common/buffer.h"
#include "services/gateway/staff_store.h"

struct staff_vault {
    uint8_t seal_key[32];
    uint8_t index_key[32];
};

enum staff_sealed { STAFF_SEALED_PERSONAL, STAFF_SEALED_TOTP };

/* `path` is the key's file, made when missing. -QY_ECONFLICT: it is not the one of what is in the state. */
int staff_vault_open(const char *path, struct store_txn *txn, struct staff_vault *ret_vault);

/* Both yield bytes of `arena`. Opening: -QY_ECORRUPT where it was not sealed as this. */
int staff_seal(const struct staff_vault *vault, uint32_t staff, enum staff_sealed what, struct bytes plain,
    struct arena *arena, ProtobufCBinaryData *ret_sealed);
int staff_unseal(const struct staff_vault *vault, uint32_t staff, enum staff_sealed what,
    ProtobufCBinaryData sealed, struct arena *arena, struct bytes *ret_plain);

/* Personal values of a row, and back. */
int staff_seal_personal(const struct staff_vault *vault, Quanyu__Staff *staff,
    const Quanyu__StaffPersonal *personal, struct arena *arena);
int staff_open_personal(const struct staff_vault *vault, const Quanyu__Staff *staff, struct arena *arena,
    Quanyu__StaffPersonal **ret_personal);

/* What a login is found by: of small and large letters, and of full width, it is the same. */
struct staff_login staff_login_of(const struct staff_vault *vault, const char *login);
/* The keyed hash of any other text, under which nothing else is found. */
void staff_keyed_hash(const struct staff_vault *vault, const char *text, uint8_t ret_hash[SECRET_HASH_BYTES]);

#endif
