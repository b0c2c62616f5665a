/* SPDX-License-Identifier: Apache-2.0 */
/* A number that was proved to be two accounts' is several people's, and joins nothing. */
#include "services/identity/handlers.h"
#include "tests/unit/identity/world.h"

#define PHONE ",\"traits\":{\"phone\":\"13800138000\"}"
#define PROVED ",\"context\":{\"verified\":[\"phone\"]}"

static uint32_t person(struct world *world, const char *kind, const char *value)
{
    return look_up(world, kind, value)->person;
}

static void a_number_that_two_accounts_proved_is_neithers(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 0, "{\"userId\":\"u1\"" PHONE PROVED "}");
    fold(world, IDENTIFY, 0, "{\"anonymousId\":\"a1\"" PHONE "}");
    assert_int_equal(person(world, "user_id", "u1"), person(world, "anonymous_id", "a1"));
    fold(world, IDENTIFY, 0, "{\"userId\":\"u2\"" PHONE PROVED "}");
    assert_int_not_equal(person(world, "user_id", "u1"), person(world, "anonymous_id", "a1"));
    assert_int_not_equal(person(world, "user_id", "u1"), person(world, "phone", "13800138000"));
    assert_int_not_equal(person(world, "user_id", "u2"), person(world, "phone", "13800138000"));
    fold(world, IDENTIFY, 0, "{\"anonymousId\":\"a2\"" PHONE "}");
    assert_int_not_equal(person(world, "anonymous_id", "a2"), person(world, "phone", "13800138000"));
}

static void what_is_only_claimed_takes_nobodys_number(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 0, "{\"userId\":\"u1\"" PHONE PROVED "}");
    fold(world, IDENTIFY, 0, "{\"userId\":\"u2\"" PHONE "}");
    assert_int_equal(person(world, "user_id", "u1"), person(world, "phone", "13800138000"));
    fold(world, IDENTIFY, 0, "{\"userId\":\"u2\"" PHONE PROVED "}"); /* what was claimed is proved now */
    assert_int_not_equal(person(world, "user_id", "u1"), person(world, "phone", "13800138000"));
}

static void withdraw_evidence(struct world *world, uint64_t offset)
{
    Quanyu__DecideRequest asked = QUANYU__DECIDE_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT;
    Quanyu__Header header = QUANYU__HEADER__INIT;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    header.actor = &actor;
    asked.what = QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW;
    asked.evidence = offset;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DECIDE;
    request.decide = &asked;
    begin(world);
    struct rpc_context context = {.self = &world->identity,
        .header = &header,
        .arena = world->arena,
        .txn = world->batch.txn,
        .batch = &world->batch};
    assert_int_equal(handle_decide(&context, &request.base, &reply.base), 0);
    commit(world);
}

static void two_names_of_one_account_are_one_owner(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 0, "{\"userId\":\"u1\"" PHONE PROVED "}");
    fold(world, IDENTIFY, 0, "{\"userId\":\"u2\"" PHONE PROVED "}");
    uint64_t renamed = world->offset;
    fold(world, ALIAS, 0, "{\"previousId\":\"u1\",\"userId\":\"u2\"}");
    assert_int_equal(person(world, "user_id", "u1"), person(world, "user_id", "u2"));
    assert_int_equal(person(world, "user_id", "u1"), person(world, "phone", "13800138000"));
    withdraw_evidence(world, renamed);
    assert_int_not_equal(person(world, "user_id", "u1"), person(world, "user_id", "u2"));
    assert_int_not_equal(person(world, "user_id", "u1"), person(world, "phone", "13800138000"));
    assert_int_not_equal(person(world, "user_id", "u2"), person(world, "phone", "13800138000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_number_that_two_accounts_proved_is_neithers),
        TEST(what_is_only_claimed_takes_nobodys_number),
        TEST(two_names_of_one_account_are_one_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
