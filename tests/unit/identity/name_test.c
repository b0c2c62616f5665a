/* SPDX-License-Identifier: Apache-2.0 */
/* A number that goes with two people's names, or that somebody had outside of another one's time with it, is several people's, and joins
 * nothing. */
#include "services/identity/duplicate_fields.h"
#include "services/identity/handlers.h"
#include "services/identity/name_store.h"
#include "services/identity/stated_name.h"
#include "tests/unit/identity/world.h"

#define PHONE "13800138000"
#define OTHER "13900139000"

static uint32_t person(struct world *world, const char *kind, const char *value)
{
    return look_up(world, kind, value)->person;
}

static bool is_one(struct world *world, const char *kind, const char *value)
{
    return person(world, kind, value) == person(world, "phone", PHONE);
}

/* Somebody proves a number, and may say a name. */
static void prove(
    struct world *world, int64_t event_ms, const char *ids, const char *number, const char *name)
{
    char body[512], traits[256];
    snprintf(traits, sizeof(traits), name ? "\"phone\":\"%s\",\"name\":\"%s\"" : "\"phone\":\"%s\"",
        number, // NOLINT
        name);
    snprintf(body, sizeof(body), "{%s,\"traits\":{%s},\"context\":{\"verified\":[\"phone\"]}}", ids, traits);
    fold(world, IDENTIFY, event_ms, body);
}

/* What is said of one account and one openid on the same number: whether they are one person after it. */
static bool are_one(struct world *world, const char *name, const char *other)
{
    prove(world, 1000, "\"userId\":\"u1\"", PHONE, name);
    fold(world, IDENTIFY, 2000, "{\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"" PHONE "\"}}");
    char body[512];
    snprintf(body, sizeof(body),
        "{\"anonymousId\":\"a2\",\"traits\":{\"phone\":\"" PHONE
        "\",\"name\":\"%s\"},\"context\":{\"externalIds\":[{\"type\":\"member_card\",\"id\":\"c1\"}],"
        "\"verified\":[\"phone\"]}}",
        other);
    fold(world, IDENTIFY, 3000, body);
    return is_one(world, "user_id", "u1") && is_one(world, "anonymous_id", "a1");
}

static void two_peoples_names_part_them(void **state)
{
    struct world *world = *state;
    assert_false(are_one(world, "王伟", "李娜"));
    assert_int_not_equal(person(world, "user_id", "u1"), person(world, "member_card", "c1"));
    assert_false(is_one(world, "user_id", "u1"));
    assert_false(is_one(world, "anonymous_id", "a1"));
}

static void spellings_of_one_name_do_not(void **state)
{
    static const char *const same[][2] = {{"王伟", "王 伟"}, {"王伟", "伟王"}, {"王小明", "王晓明"},
        {"王伟", "Wang Wei"}, {"王女士", "王娜"}, {"John Smith", "smith, john"}, {"J Smith", "John Smith"},
        {"Jon Smith", "John Smith"}, {"王伟", "微信用户"}, {"王伟", "用户 88"}, {"王**", "王伟"}};
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        void *world;
        set_up(&world);
        if (!are_one(world, same[i][0], same[i][1]))
            fail_msg("%s and %s", same[i][0], same[i][1]);
        tear_down(&world);
    }
    (void)state;
}

static void a_number_that_says_two_names_by_itself_joins_nothing(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1000,
        "{\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"" PHONE "\",\"name\":\"王伟\"}}");
    assert_true(is_one(world, "anonymous_id", "a1"));
    fold(world, IDENTIFY, 2000,
        "{\"traits\":{\"phone\":\"" PHONE "\",\"first_name\":\"娜\",\"last_name\":\"李\"}}");
    assert_false(is_one(world, "anonymous_id", "a1"));
}

static void a_browser_is_called_nothing_and_says_no_name(void **state)
{
    struct world *world = *state;
    char body[] = "{\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"" PHONE "\",\"name\":\"李娜\"}}";
    prove(world, 1000, "\"userId\":\"u1\"", PHONE, "王伟");
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    uint8_t packed[1024];
    raw.type = IDENTIFY;
    raw.message_id = body + sizeof(body) - 1;
    raw.browser = true;
    raw.event_ms = 2000;
    raw.body = (ProtobufCBinaryData){.len = strlen(body), .data = (uint8_t *)body};
    begin(world);
    add_record(world, IDENTITY_INPUT_EVENT, (struct bytes){packed, quanyu__raw_event__pack(&raw, packed)});
    commit(world);
    assert_true(is_one(world, "user_id", "u1") && is_one(world, "anonymous_id", "a1"));
}

/* Proves a number with another identifier than an account. */
#define UNION                                                                                                \
    "\"context\":{\"verified\":[\"phone\"],\"externalIds\":[{\"type\":\"wechat_unionid\",\"id\":\"o1\"}]}"

static int decide_of(struct world *world, uint64_t evidence, uint64_t undo)
{
    Quanyu__DecideRequest asked = QUANYU__DECIDE_REQUEST__INIT;
    Quanyu__UndoRequest undone = QUANYU__UNDO_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT;
    Quanyu__Header header = QUANYU__HEADER__INIT;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    header.actor = &actor;
    asked.what = QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW;
    asked.evidence = evidence;
    undone.number = undo;
    request.call_case = undo ? QUANYU__IDENTITY_REQUEST__CALL_UNDO : QUANYU__IDENTITY_REQUEST__CALL_DECIDE;
    if (undo)
        request.undo = &undone;
    else
        request.decide = &asked;
    begin(world);
    struct rpc_context context = {.self = &world->identity,
        .header = &header,
        .arena = world->arena,
        .txn = world->batch.txn,
        .batch = &world->batch};
    int error = undo ? handle_undo(&context, &request.base, &reply.base)
                     : handle_decide(&context, &request.base, &reply.base);
    commit(world);
    return error;
}

static void what_is_taken_back_states_no_name(void **state)
{
    struct world *world = *state;
    prove(world, 1000, "\"userId\":\"u1\"", PHONE, "王伟");
    uint64_t wrong = world->offset;
    prove(world, 2000, "\"userId\":\"u1\"", PHONE, "李娜");
    assert_false(is_one(world, "user_id", "u1"));
    assert_int_equal(decide_of(world, wrong, 0), 0);
    assert_true(is_one(world, "user_id", "u1"));
    assert_int_equal(decide_of(world, 0, 1), 0);
    assert_false(is_one(world, "user_id", "u1"));
    prove(world, 3000, "\"userId\":\"u1\"", PHONE, "李娜");
    assert_int_equal(decide_of(world, wrong, 0), 0);
    assert_false(is_one(world, "user_id", "u1")); /* another event says it as well */
}

static void the_names_of_whom_it_was_verified_with_count(void **state)
{
    struct world *world = *state;
    prove(world, 1000, "\"userId\":\"u1\"", PHONE, "王伟");
    fold(world, IDENTIFY, 2000, "{\"traits\":{\"phone\":\"" PHONE "\"}," UNION "}");
    assert_true(is_one(world, "user_id", "u1"));
    uint64_t wrong = world->offset;
    fold(world, IDENTIFY, 3000,
        "{\"anonymousId\":\"a1\",\"traits\":{\"name\":\"李娜\"},\"context\":{\"externalIds\":"
        "[{\"type\":\"wechat_unionid\",\"id\":\"o1\"}]}}");
    assert_false(is_one(world, "user_id", "u1"));
    assert_int_equal(decide_of(world, wrong, 0), 0);
    assert_true(is_one(world, "user_id", "u1") && is_one(world, "wechat_unionid", "o1"));
}

static void a_number_that_was_somebody_elses_before_is_contested(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1000, "{\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"" PHONE "\"}}");
    prove(world, 2000, "\"userId\":\"u1\"", OTHER, NULL);
    assert_true(is_one(world, "anonymous_id", "a1"));
    prove(world, 3000, "\"userId\":\"u1\"", PHONE, NULL);
    assert_false(is_one(world, "anonymous_id", "a1"));
    assert_false(is_one(world, "user_id", "u1"));
    assert_int_equal(person(world, "user_id", "u1"), person(world, "phone", OTHER));
}

static void a_number_that_was_given_up_is_contested_once_somebody_else_proves_it(void **state)
{
    struct world *world = *state;
    prove(world, 1000, "\"userId\":\"u1\"", PHONE, NULL);
    prove(world, 2000, "\"userId\":\"u1\"", OTHER, NULL);
    fold(world, IDENTIFY, 3000, "{\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"" PHONE "\"}}");
    assert_true(is_one(world, "user_id", "u1") && is_one(world, "anonymous_id", "a1"));
    fold(world, IDENTIFY, 4000, "{\"traits\":{\"phone\":\"" PHONE "\"}," UNION "}");
    assert_false(is_one(world, "user_id", "u1") || is_one(world, "wechat_unionid", "o1"));
    /* but it was the same person all along, who has the new number too */
    fold(world, IDENTIFY, 5000, "{\"traits\":{\"phone\":\"" OTHER "\"}," UNION "}");
    assert_true(is_one(world, "user_id", "u1") && is_one(world, "wechat_unionid", "o1"));
}

static void what_is_told_later_of_earlier_says_nothing(void **state)
{
    struct world *world = *state;
    prove(world, 5000, "\"userId\":\"u1\"", PHONE, NULL);
    prove(world, 6000, "\"userId\":\"u1\"", OTHER, NULL);
    fold(world, IDENTIFY, 1000, "{\"traits\":{\"phone\":\"" PHONE "\"}," UNION "}");
    assert_true(is_one(world, "user_id", "u1") && is_one(world, "wechat_unionid", "o1"));
}

static void names_lie_sealed_and_few(void **state)
{
    struct world *world = *state;
    static const char *const family[] = {"王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周"};
    struct store_txn *txn;
    for (unsigned i = 0; i < COUNT_OF(family); i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s伟", family[i]);
        prove(world, 1000 + i, "\"userId\":\"u1\"", PHONE, name);
    }
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    for (uint32_t node = 1; node <= 2; node++) {
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        struct name_row row;
        unsigned count = 0;
        assert_int_equal(identity_store_scan_names(txn, node, &scan), 0);
        for (; identity_store_next_name(txn, scan, &row); count++) {
            static const uint16_t given = 0x4f1f;
            assert_null(memmem(row.sealed.data, row.sealed.size, &given, sizeof(given)));
        }
        assert_int_equal(count, NAMES_OF_NODE);
    }
    store_abort(&txn);
}

static void members_are_names_however_they_are_written(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"Full Name\":\"Wei Wang\"}",
        "{\"givenName\":\"Wei\",\"surname\":\"Wang\"}",
        "{\"first_name\":\"Wei\",\"last_name\":\"Wang\",\"city\":\"上海\"}", "{\"realName\":\"wang  WEI\"}"};
    static const char *const none[] = {
        "{}", "{\"city\":\"Wang\",\"size\":\"Wei\"}", "{\"nickname\":\"Wei Wang\"}"};
    for (size_t i = 0; i < COUNT_OF(bodies) + COUNT_OF(none); i++) {
        const char *body = i < COUNT_OF(bodies) ? bodies[i] : none[i - COUNT_OF(bodies)];
        yyjson_doc *doc = yyjson_read(body, strlen(body), 0);
        struct stated_name stated;
        struct text name, expected;
        text_read("wang wei", 8, &expected);
        assert_int_equal(stated_name_find(yyjson_doc_get_root(doc), &stated), i < COUNT_OF(bodies));
        stated_name_read(&stated, &name);
        assert_true(i < COUNT_OF(bodies) ? text_equals(&name, &expected) : name.size == 0);
        yyjson_doc_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_peoples_names_part_them),
        TEST(spellings_of_one_name_do_not),
        TEST(a_number_that_says_two_names_by_itself_joins_nothing),
        TEST(a_browser_is_called_nothing_and_says_no_name),
        TEST(what_is_taken_back_states_no_name),
        TEST(the_names_of_whom_it_was_verified_with_count),
        TEST(a_number_that_was_somebody_elses_before_is_contested),
        TEST(a_number_that_was_given_up_is_contested_once_somebody_else_proves_it),
        TEST(what_is_told_later_of_earlier_says_nothing),
        TEST(names_lie_sealed_and_few),
        TEST(members_are_names_however_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
