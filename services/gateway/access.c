/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/access.h"

#include "common/id.h"
#include "services/gateway/gateway.h"
#include "services/gateway/organisation.h"
#include "services/gateway/role_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool needs_second_factor(const struct gateway *gateway, const struct role *role)
{
    switch (gateway->second_factor) {
    case SECOND_FACTOR_ALL:
        return true;
    case SECOND_FACTOR_ADMINS:
        return strcmp(role->name, ROLE_HQ_ADMIN) == 0;
    default:
        return false;
    }
}

static int fill(const struct gateway *gateway, struct store_txn *txn, const Quanyu__Credential *credential,
    const Quanyu__Staff *staff, struct access *access)
{
    if (staff->state == QUANYU__STAFF__STATE__LEFT || !role_find(txn, staff->role, &access->role))
        return -QY_EUNAUTHENTIC;
    access->staff = staff->number;
    access->unit = staff->unit;
    access->credential = credential->number;
    access->kind = credential->kind;
    access->used_ms = credential->used_ms;
    access->expires_ms = credential->expires_ms;
    access->limited = credential->limited;
    access->makers = credential_makers(credential);
    snprintf(access->code, sizeof(access->code), "%s", staff->code);
    access->permissions = access->role.permissions;
    if (credential->limited)
        access->permissions &= credential->permissions;
    access->must_enrol = credential->kind == QUANYU__CREDENTIAL__KIND__SESSION &&
                         !credential->second_factor && needs_second_factor(gateway, &access->role);
    if (access->must_enrol)
        access->permissions = 0;
    return 0;
}

static bool is_good(const struct gateway *gateway, const Quanyu__Credential *credential, int64_t now_ms)
{
    if (credential->kind == QUANYU__CREDENTIAL__KIND__INVITATION || credential_expired(credential, now_ms))
        return false;
    return credential->kind != QUANYU__CREDENTIAL__KIND__SESSION ||
           credential->used_ms + gateway->session_idle_ms > now_ms;
}

int access_read(const struct gateway *gateway, struct store_txn *txn, const uint8_t hash[SECRET_HASH_BYTES],
    int64_t now_ms, struct access *ret_access)
{
    struct access access = {0};
    int error = -QY_EUNAUTHENTIC;
    Quanyu__Credential *credential = credential_get(txn, hash, NULL);
    Quanyu__Staff *staff =
        credential && is_good(gateway, credential, now_ms) ? staff_get(txn, credential->staff, NULL) : NULL;
    if (staff)
        error = fill(gateway, txn, credential, staff, &access);
    if (staff)
        quanyu__staff__free_unpacked(staff, NULL);
    if (credential)
        quanyu__credential__free_unpacked(credential, NULL);
    if (store_error(txn))
        return store_error(txn);
    memcpy(access.hash, hash, SECRET_HASH_BYTES);
    if (!error)
        *ret_access = access;
    return error;
}

int access_look(struct gateway *gateway, const uint8_t hash[SECRET_HASH_BYTES], struct access *ret_access)
{
    struct store_txn *txn;
    int error = service_read(gateway->service, &txn);
    if (error)
        return error;
    error = access_read(gateway, txn, hash, gateway_now_ms(gateway), ret_access);
    store_abort(&txn);
    return error;
}

bool access_equal(const struct access *a, const struct access *b)
{
    return a->staff == b->staff && a->unit == b->unit && a->permissions == b->permissions &&
           a->role.own_people == b->role.own_people;
}

bool access_covers_all_units(const struct access *access)
{
    return access->unit == UNIT_ROOT;
}

bool access_is_whole(const struct access *access)
{
    return access_covers_all_units(access) && !access->role.own_people;
}

bool access_covers_unit(const struct gateway *gateway, const struct access *access, uint32_t unit)
{
    return organisation_is_within(gateway, unit, access->unit);
}

static bool add_maker(struct makers *makers, uint32_t staff, uint32_t owner)
{
    for (unsigned i = 0; i < makers->count; i++)
        if (makers->staff[i] == staff)
            return true;
    if (staff == owner)
        return true;
    if (makers->count == MAKERS_MAX)
        return false;
    makers->staff[makers->count++] = staff;
    return true;
}

bool access_makers(const struct access *access, uint32_t owner, struct makers *ret_makers)
{
    *ret_makers = (struct makers){0};
    bool room = add_maker(ret_makers, access->staff, owner);
    for (unsigned i = 0; room && i < access->makers.count; i++)
        room = add_maker(ret_makers, access->makers.staff[i], owner);
    return room;
}

/* -- ids -- */

const char *staff_id(uint32_t number, char room[STAFF_ID_BYTES])
{
    snprintf(room, STAFF_ID_BYTES, "st_%" PRIu32, number);
    return room;
}

uint32_t staff_number_of(const char *id)
{
    return id_number("st_", id, strlen(id));
}

const char *token_id(uint32_t number, char room[STAFF_ID_BYTES])
{
    snprintf(room, STAFF_ID_BYTES, "t_%" PRIu32, number);
    return room;
}

uint32_t token_number_of(const char *id)
{
    return id_number("t_", id, strlen(id));
}
