/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_begin.h"

#include "services/gateway/access.h"
#include "services/gateway/credential_store.h"
#include "services/gateway/organisation.h"
#include "services/gateway/role.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ADMIN_LOGIN "admin"

/* "admin", or where that is taken "admin-7". */
static struct staff_login choose_login(
    const struct staff_vault *vault, struct store_txn *txn, uint32_t number, char ret_login[32])
{
    snprintf(ret_login, 32, ADMIN_LOGIN);
    struct staff_login login = staff_login_of(vault, ret_login);
    if (staff_by_look(txn, &login) == 0)
        return login;
    snprintf(ret_login, 32, ADMIN_LOGIN "-%" PRIu32, number);
    return staff_login_of(vault, ret_login);
}

int staff_make_admin(const struct staff_vault *vault, struct store_txn *txn, int64_t now_ms,
    Quanyu__Staff__State state, uint32_t *ret_number)
{
    char login[32];
    struct arena *arena;
    Quanyu__Staff staff = QUANYU__STAFF__INIT;
    Quanyu__StaffPersonal personal = QUANYU__STAFF_PERSONAL__INIT;
    int error = arena_open(&arena);
    if (error)
        return error;
    staff.number = staff_number_next(txn, STAFF_NUMBER);
    staff.version = 1;
    staff.role = (char *)ROLE_HQ_ADMIN;
    staff.unit = UNIT_ROOT;
    staff.state = state;
    staff.created_ms = staff.changed_ms = now_ms;
    const struct staff_login hashes = choose_login(vault, txn, staff.number, login);
    personal.login = login;
    error = staff_seal_personal(vault, &staff, &personal, arena);
    if (!error) {
        staff_put(txn, &staff, NULL);
        staff_login_put(txn, &hashes, staff.number);
        *ret_number = staff.number;
    }
    arena_close(&arena);
    return error ? error : store_error(txn);
}

int staff_note_looks(const struct staff_vault *vault, struct store_txn *txn)
{
    struct arena *arena;
    Quanyu__Staff *staff;
    if (staff_looks_known(txn))
        return store_error(txn);
    int error = arena_open(&arena);
    for (uint32_t at = 0; !error && (staff = staff_next(txn, at, arena_allocator(arena)));) {
        Quanyu__StaffPersonal *personal;
        at = staff->number;
        error = staff_open_personal(vault, staff, arena, &personal);
        if (!error && staff->state != QUANYU__STAFF__STATE__LEFT) {
            const struct staff_login login = staff_login_of(vault, personal->login);
            staff_login_put(txn, &login, staff->number);
        }
        arena_reset(arena);
    }
    arena_close(&arena);
    return error ? error : store_error(txn);
}

struct take_over {
    struct store_txn *txn;
    uint32_t staff;
};

static void take_token(void *self, const uint8_t hash[SECRET_HASH_BYTES], const struct first_token *token)
{
    const struct take_over *over = self;
    Quanyu__Credential credential = QUANYU__CREDENTIAL__INIT;
    uint32_t number = token_number_of(token->id);
    credential.number = number ? number : staff_number_next(over->txn, CREDENTIAL_NUMBER);
    credential.staff = over->staff;
    credential.name = (char *)(uintptr_t)token->name;
    credential.expires_ms = token->expires_ms;
    staff_number_take(over->txn, CREDENTIAL_NUMBER, credential.number);
    credential_put(over->txn, hash, &credential);
}

int staff_take_over(const struct staff_vault *vault, struct store_txn *txn, int64_t now_ms)
{
    if (!staff_is_empty(txn) || store_count(txn, TABLE_TOKENS) == 0)
        return store_error(txn);
    struct take_over over = {.txn = txn};
    int error = staff_make_admin(vault, txn, now_ms, QUANYU__STAFF__STATE__ACTIVE, &over.staff);
    return error ? error : first_tokens_take(txn, take_token, &over);
}
