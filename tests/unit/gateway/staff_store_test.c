/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/access.h"
#include "services/gateway/role_store.h"
#include "services/gateway/staff_begin.h"
#include "tests/unit/gateway/write_key_fixture.h"

struct world {
    struct store *store;
    struct store_txn *txn;
    struct staff_vault vault;
    struct arena *arena;
    char key[600];
};

static struct world open_world(void **state)
{
    struct world world = {.store = open_gateway_store(scratch_path(state), GATEWAY_SCHEMA_VERSION)};
    snprintf(world.key, sizeof(world.key), "%s/staff.key", scratch_path(state));
    assert_int_equal(store_begin(world.store, STORE_WRITE, &world.txn), 0);
    assert_int_equal(staff_vault_open(world.key, world.txn, &world.vault), 0);
    assert_int_equal(arena_open(&world.arena), 0);
    return world;
}

static void close_world(struct world *world)
{
    store_abort(&world->txn);
    arena_close(&world->arena);
    store_close(&world->store);
}

static Quanyu__Staff *put(
    struct world *world, uint32_t number, const char *code, const char *role, uint32_t unit)
{
    Quanyu__Staff *before = staff_get(world->txn, number, arena_allocator(world->arena));
    Quanyu__Staff *staff = arena_alloc(world->arena, sizeof(*staff));
    assert_non_null(staff);
    quanyu__staff__init(staff);
    staff->number = number;
    staff->code = (char *)(uintptr_t)code;
    staff->role = (char *)(uintptr_t)role;
    staff->unit = unit;
    staff_put(world->txn, staff, before);
    return staff;
}

static void staff_is_found_by_code_unit_and_role_until_that_changes(void **state)
{
    struct world world = open_world(state);
    put(&world, 1, "A", "guide", 3);
    put(&world, 2, "", "guide", 3);
    put(&world, 3, "AB", "guide_2", 4);
    assert_int_equal(staff_by_code(world.txn, "A"), 1);
    assert_int_equal(staff_by_code(world.txn, "AB"), 3);
    assert_int_equal(staff_next_of_role(world.txn, "guide", 0), 1);
    assert_int_equal(staff_next_of_role(world.txn, "guide", 1), 2);
    assert_int_equal(staff_next_of_role(world.txn, "guide", 2), 0);
    assert_int_equal(staff_next_of_unit(world.txn, 3, 1), 2);
    Quanyu__Staff *before = put(&world, 1, "B", "finance", 4);
    assert_int_equal(staff_by_code(world.txn, "A"), 0);
    assert_int_equal(staff_by_code(world.txn, "B"), 1);
    assert_int_equal(staff_next_of_unit(world.txn, 3, 0), 2);
    assert_int_equal(staff_next_of_unit(world.txn, 4, 0), 1);
    Quanyu__Staff left = *before;
    left.state = QUANYU__STAFF__STATE__LEFT;
    staff_put(world.txn, &left, before);
    assert_int_equal(staff_by_code(world.txn, "B"), 0);
    assert_int_equal(staff_next_of_unit(world.txn, 4, 0), 3);
    assert_int_equal(staff_next_of_role(world.txn, "finance", 0), 0);
    assert_int_equal(staff_next(world.txn, 0, arena_allocator(world.arena))->number, 1);
    close_world(&world);
}

static void what_is_sealed_opens_for_its_owner_as_what_it_is_alone(void **state)
{
    struct world world = open_world(state);
    ProtobufCBinaryData sealed;
    struct bytes plain;
    struct bytes text = {(const uint8_t *)"secret", 6};
    assert_int_equal(staff_seal(&world.vault, 7, STAFF_SEALED_TOTP, text, world.arena, &sealed), 0);
    assert_null(memmem(sealed.data, sealed.len, "secret", 6));
    assert_int_equal(staff_unseal(&world.vault, 7, STAFF_SEALED_TOTP, sealed, world.arena, &plain), 0);
    assert_memory_equal(plain.data, "secret", 6);
    assert_int_equal(
        staff_unseal(&world.vault, 8, STAFF_SEALED_TOTP, sealed, world.arena, &plain), -QY_ECORRUPT);
    assert_int_equal(
        staff_unseal(&world.vault, 7, STAFF_SEALED_PERSONAL, sealed, world.arena, &plain), -QY_ECORRUPT);
    sealed.len = 10;
    assert_int_equal(
        staff_unseal(&world.vault, 7, STAFF_SEALED_TOTP, sealed, world.arena, &plain), -QY_ECORRUPT);
    close_world(&world);
}

static void another_key_than_the_states_is_told(void **state)
{
    struct world world = open_world(state);
    struct staff_vault other;
    char path[700];
    snprintf(path, sizeof(path), "%s.other", world.key);
    assert_int_equal(staff_vault_open(path, world.txn, &other), -QY_ECONFLICT);
    assert_int_equal(staff_vault_open(world.key, world.txn, &other), 0);
    close_world(&world);
}

static void logins_are_the_same_in_any_case_and_width(void **state)
{
    struct world world = open_world(state);
    const struct staff_login one = staff_login_of(&world.vault, "Li.Lei@example.com");
    struct staff_login other = staff_login_of(&world.vault, "ｌｉ.lei@EXAMPLE.com");
    assert_memory_equal(one.exact, other.exact, sizeof(one.exact));
    assert_memory_equal(one.look, other.look, sizeof(one.look));
    other = staff_login_of(&world.vault, "li.lei@example.co");
    assert_memory_not_equal(one.exact, other.exact, sizeof(one.exact));
    assert_memory_not_equal(one.look, other.look, sizeof(one.look));
    assert_memory_not_equal(one.exact, one.look, sizeof(one.exact));
    close_world(&world);
}

static void a_login_is_found_by_what_looks_the_same_until_it_is_let_go(void **state)
{
    struct world world = open_world(state);
    const struct staff_login one = staff_login_of(&world.vault, "e-1017"),
                             same = staff_login_of(&world.vault, "e-lol7");
    staff_login_put(world.txn, &one, 7);
    assert_int_equal(staff_by_login(world.txn, &one), 7);
    assert_int_equal(staff_by_login(world.txn, &same), 0);
    assert_int_equal(staff_by_look(world.txn, &same), 7);
    staff_login_delete(world.txn, &same, 8); /* another's, who has the look no more */
    assert_int_equal(staff_by_look(world.txn, &one), 7);
    staff_login_delete(world.txn, &one, 7);
    assert_int_equal(staff_by_login(world.txn, &one), 0);
    assert_int_equal(staff_by_look(world.txn, &one), 0);
    close_world(&world);
}

/* As a state is that knew logins alone. */
static void looks_of_logins_that_are_there_are_noted_once(void **state)
{
    struct world world = open_world(state);
    uint32_t number;
    assert_int_equal(staff_note_looks(&world.vault, world.txn), 0);
    assert_int_equal(staff_make_admin(&world.vault, world.txn, 1, QUANYU__STAFF__STATE__ACTIVE, &number), 0);
    const struct staff_login admin = staff_login_of(&world.vault, "admin");
    struct store_key key;
    key_reset(&key);
    key_u8(&key, STAFF_INDEX_LOOK);
    key_raw(&key, admin.look, sizeof(admin.look));
    store_delete(world.txn, TABLE_STAFF_INDEX, &key);
    assert_false(staff_looks_known(world.txn));
    assert_int_equal(staff_note_looks(&world.vault, world.txn), 0);
    assert_true(staff_looks_known(world.txn));
    assert_int_equal(staff_by_look(world.txn, &admin), number);
    close_world(&world);
}

static void what_somebody_made_for_others_is_found(void **state)
{
    struct world world = open_world(state);
    uint8_t hash[SECRET_HASH_BYTES] = {1}, found[SECRET_HASH_BYTES];
    Quanyu__Credential row = QUANYU__CREDENTIAL__INIT;
    row.staff = 9;
    row.number = 4;
    row.made_by = 7;
    credential_put(world.txn, hash, &row);
    Quanyu__Credential *made = credential_made_next(world.txn, 7, 0, arena_allocator(world.arena), found);
    assert_non_null(made);
    assert_int_equal(made->staff, 9);
    assert_memory_equal(found, hash, sizeof(hash));
    assert_null(credential_made_next(world.txn, 7, 4, arena_allocator(world.arena), found));
    assert_null(credential_made_next(world.txn, 9, 0, arena_allocator(world.arena), found));
    credential_delete(world.txn, hash, made);
    assert_null(credential_made_next(world.txn, 7, 0, arena_allocator(world.arena), found));
    close_world(&world);
}

static void credential(
    struct world *world, uint32_t staff, uint32_t number, Quanyu__Credential__Kind kind, int64_t expires_ms)
{
    uint8_t hash[SECRET_HASH_BYTES] = {(uint8_t)staff, (uint8_t)number};
    Quanyu__Credential row = QUANYU__CREDENTIAL__INIT;
    row.staff = staff;
    row.number = number;
    row.kind = kind;
    row.expires_ms = expires_ms;
    credential_put(world->txn, hash, &row);
}

static void credentials_end_by_kind_but_for_one(void **state)
{
    struct world world = open_world(state);
    uint8_t hash[SECRET_HASH_BYTES];
    credential(&world, 1, 1, QUANYU__CREDENTIAL__KIND__TOKEN, 0);
    credential(&world, 1, 2, QUANYU__CREDENTIAL__KIND__SESSION, 0);
    credential(&world, 1, 3, QUANYU__CREDENTIAL__KIND__SESSION, 0);
    credential(&world, 2, 4, QUANYU__CREDENTIAL__KIND__SESSION, 0);
    credentials_end(world.txn, 1, 1u << QUANYU__CREDENTIAL__KIND__SESSION, 3);
    assert_int_equal(credential_next(world.txn, 1, 0, arena_allocator(world.arena), hash)->number, 1);
    assert_int_equal(credential_next(world.txn, 1, 1, arena_allocator(world.arena), hash)->number, 3);
    credentials_end(world.txn, 1, CREDENTIALS_ALL, 0);
    assert_null(credential_next(world.txn, 1, 0, arena_allocator(world.arena), hash));
    assert_non_null(credential_of(world.txn, 2, 4, arena_allocator(world.arena), hash));
    assert_null(credential_of(world.txn, 2, 5, arena_allocator(world.arena), hash));
    assert_int_equal(store_count(world.txn, TABLE_TOKENS), 1);
    close_world(&world);
}

static void what_expired_makes_room(void **state)
{
    struct world world = open_world(state);
    credential(&world, 1, 1, QUANYU__CREDENTIAL__KIND__TOKEN, 100);
    credential(&world, 1, 2, QUANYU__CREDENTIAL__KIND__TOKEN, 200);
    credential(&world, 1, 3, QUANYU__CREDENTIAL__KIND__TOKEN, 0);
    assert_int_equal(credentials_prune(world.txn, 1, 100), 2);
    assert_int_equal(credentials_prune(world.txn, 1, 200), 1);
    close_world(&world);
}

static void tokens_from_before_there_was_staff_become_the_first_admins(void **state)
{
    struct world world = open_world(state);
    const struct first_token token = {.id = "t_1", .name = "HQ", .role = "hq_admin"};
    uint8_t hash[SECRET_HASH_BYTES] = {9}, found[SECRET_HASH_BYTES];
    struct store_key key;
    key_reset(&key);
    key_raw(&key, hash, sizeof(hash));
    store_put(world.txn, TABLE_TOKENS, &key, &token, sizeof(token));
    assert_int_equal(staff_take_over(&world.vault, world.txn, 1000), 0);
    assert_int_equal(staff_take_over(&world.vault, world.txn, 2000), 0);
    Quanyu__Credential *taken = credential_get(world.txn, hash, arena_allocator(world.arena));
    assert_non_null(taken);
    assert_int_equal(taken->number, 1);
    assert_int_equal(taken->staff, 1);
    assert_string_equal(taken->name, "HQ");
    assert_non_null(credential_of(world.txn, 1, 1, arena_allocator(world.arena), found));
    assert_int_equal(staff_number_next(world.txn, CREDENTIAL_NUMBER), 2);
    Quanyu__Staff *admin = staff_get(world.txn, 1, arena_allocator(world.arena));
    assert_string_equal(admin->role, ROLE_HQ_ADMIN);
    assert_int_equal(admin->state, QUANYU__STAFF__STATE__ACTIVE);
    assert_int_equal(store_count(world.txn, TABLE_STAFF), 1);
    close_world(&world);
}

static void a_role_is_found_among_both_kinds_and_listed_by_name(void **state)
{
    struct world world = open_world(state);
    struct role role;
    Quanyu__Role row = QUANYU__ROLE__INIT;
    static const char *const names[] = {"desk", "desk2", "vip"};
    row.permissions = PERMISSION_BIT(PERMISSION_TAG_READ) | UINT64_C(1) << 63;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        row.name = (char *)(uintptr_t)names[i];
        role_put(world.txn, &row);
    }
    assert_true(role_find(world.txn, "desk", &role));
    assert_int_equal(role.permissions, PERMISSION_BIT(PERMISSION_TAG_READ));
    assert_true(role_find(world.txn, "guide", &role));
    assert_true(role.own_people);
    assert_false(role_find(world.txn, "des", &role));
    const char *at = "";
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        at = role_next(world.txn, at, arena_allocator(world.arena))->name;
        assert_string_equal(at, names[i]);
    }
    assert_null(role_next(world.txn, at, arena_allocator(world.arena)));
    close_world(&world);
}

static void ids_are_read_back_and_nothing_else_is_one(void **state)
{
    char room[STAFF_ID_BYTES];
    static const char *const wrong[] = {
        "", "st_", "st_0", "st_01", "st_-1", "st_1x", "t_1", "st_4294967296", "1"};
    (void)state;
    assert_int_equal(staff_number_of(staff_id(4294967295u, room)), 4294967295u);
    assert_int_equal(token_number_of(token_id(7, room)), 7);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(staff_number_of(wrong[i]), 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(staff_is_found_by_code_unit_and_role_until_that_changes),
        IN_SCRATCH(what_is_sealed_opens_for_its_owner_as_what_it_is_alone),
        IN_SCRATCH(another_key_than_the_states_is_told),
        IN_SCRATCH(logins_are_the_same_in_any_case_and_width),
        IN_SCRATCH(a_login_is_found_by_what_looks_the_same_until_it_is_let_go),
        IN_SCRATCH(looks_of_logins_that_are_there_are_noted_once),
        IN_SCRATCH(what_somebody_made_for_others_is_found),
        IN_SCRATCH(credentials_end_by_kind_but_for_one),
        IN_SCRATCH(what_expired_makes_room),
        IN_SCRATCH(tokens_from_before_there_was_staff_become_the_first_admins),
        IN_SCRATCH(a_role_is_found_among_both_kinds_and_listed_by_name),
        cmocka_unit_test(ids_are_read_back_and_nothing_else_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
