/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/runtime.h"

#include "proto/campaign.pb-c.h"
#include "proto/gateway.pb-c.h"
#include "proto/identity.pb-c.h"
#include "proto/tagging.pb-c.h"
#include "services/audit/audit_query.h"

static int setup(void **state)
{
    *state = runtime_open("simulated");
    return 0;
}

static int teardown(void **state)
{
    runtime_close(*state);
    return 0;
}

static Quanyu__Actor staff = {PROTOBUF_C_MESSAGE_INIT(&quanyu__actor__descriptor), QUANYU__ACTOR__KIND__STAFF,
    "t_1", "Li", "hq", "10.0.0.7", "t_1", NULL, 0, 7};

static Quanyu__AuditRecord show_record(void)
{
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.actor = &staff;
    record.action = "person.show";
    record.outcome = "ok";
    return record;
}

static uint64_t tree(struct runtime *runtime, struct merkle_hash *ret_root)
{
    struct store_txn *txn = runtime_read(runtime);
    uint64_t size;
    assert_int_equal(audit_query_tree(txn, &size, ret_root), 0);
    store_abort(&txn);
    return size;
}

/* The root over the records as they are stored, by RFC 6962's definition. */
static struct merkle_hash root_of(
    struct merkle_hasher *hasher, struct store_txn *txn, uint64_t begin, uint64_t end)
{
    struct merkle_hash root, left, right;
    struct bytes stored;
    if (end - begin == 1) {
        assert_true(audit_store_record(txn, begin, &stored));
        merkle_leaf(hasher, stored, &root);
        return root;
    }
    uint64_t middle = 1;
    while (2 * middle < end - begin)
        middle *= 2;
    left = root_of(hasher, txn, begin, begin + middle);
    right = root_of(hasher, txn, begin + middle, end);
    merkle_node(hasher, &left, &right, &root);
    return root;
}

static void assert_tree_fits_records(struct runtime *runtime, uint64_t expected_size)
{
    struct merkle_hash root, expected;
    struct merkle_hasher *hasher;
    assert_int_equal(tree(runtime, &root), expected_size);
    assert_int_equal(merkle_hasher_open(&hasher), 0);
    struct store_txn *txn = runtime_read(runtime);
    assert_int_equal(audit_store_size(txn), expected_size);
    expected = root_of(hasher, txn, 0, expected_size);
    store_abort(&txn);
    merkle_hasher_close(&hasher);
    assert_memory_equal(&root, &expected, sizeof(root));
}

static void append_some(struct runtime *runtime, size_t count)
{
    Quanyu__AuditRecord record = show_record(), *records[500];
    assert_true(count <= COUNT_OF(records));
    for (size_t i = 0; i < count; i++)
        records[i] = &record;
    assert_int_equal(runtime_append(runtime, records, count, NULL), 0);
}

/* -- tests -- */

static void test_every_call_has_a_handler(void **state)
{
    (void)state;
    assert_null(rpc_service_check(&audit_rpc));
}

static void test_an_append_is_answered_with_its_place_in_the_tree(void **state)
{
    struct runtime *runtime = *state;
    Quanyu__AuditRecord one = show_record(), two = show_record(), *records[] = {&one, &two};
    Quanyu__AppendReply reply;
    assert_int_equal(runtime_append(runtime, records, 2, &reply), 0);
    assert_int_equal(reply.first_index, 0);
    assert_int_equal(reply.size, 2);
    assert_int_equal(runtime_append(runtime, records, 1, &reply), 0);
    assert_int_equal(reply.first_index, 2);
    assert_int_equal(reply.size, 3);
    assert_tree_fits_records(runtime, 3);
    const Quanyu__AuditRecord *record = runtime_record(runtime, 1);
    assert_int_equal(record->time_ms, runtime->now_ms);
    assert_string_equal(record->actor->address, "10.0.0.7");
    assert_string_equal(record->request_id, "r-1");
}

static void test_nobody_can_put_a_record_down_to_another_service_or_journal(void **state)
{
    struct runtime *runtime = *state;
    Quanyu__AuditRecord forged = show_record(), *records[] = {&forged};
    forged.service = "identity";
    forged.offset = 77;
    forged.time_ms = 1;
    assert_int_equal(runtime_append(runtime, records, 1, NULL), 0);
    const Quanyu__AuditRecord *record = runtime_record(runtime, 0);
    assert_string_equal(record->service, "gateway");
    assert_int_equal(record->offset, 0);
    assert_int_equal(record->time_ms, runtime->now_ms);
}

static void test_a_refused_append_writes_nothing(void **state)
{
    struct runtime *runtime = *state;
    char *large = calloc(1, 70000);
    memset(large, 'x', 69999);
    Quanyu__AuditRecord good = show_record(), bad[10], *records[] = {&good, NULL};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        bad[i] = show_record();
    Quanyu__Actor nameless = staff;
    nameless.id = "";
    bad[0].actor = NULL;
    bad[1].action = "";
    bad[2].detail = large;
    bad[3].outcome = "\xff\xfe";
    bad[4].purpose = "a\x01z";
    bad[5].actor = &nameless;
    bad[6].missed = "\xc0\x80";
    bad[7].action = "hold.release"; /* what only the log itself says */
    bad[8].action = "retention.prune";
    bad[9].action = "alert.raise";
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        records[1] = &bad[i];
        assert_int_equal(runtime_append(runtime, records, 2, NULL), -QY_EINVAL);
    }
    assert_int_equal(runtime_append(runtime, records, 0, NULL), -QY_EINVAL);
    struct merkle_hash root;
    assert_int_equal(tree(runtime, &root), 0);
    free(large);
}

static void test_what_journals_tell_is_on_record_with_service_and_offset(void **state)
{
    struct runtime *runtime = *state;
    Quanyu__GatewayAct gateway_act = QUANYU__GATEWAY_ACT__INIT;
    gateway_act.actor = &staff;
    gateway_act.action = "clock.set";
    gateway_act.detail = "{\"to\":1}";
    gateway_act.request_id = "r-9";
    uint32_t nodes[] = {9, 11};
    Quanyu__NodesMoved moved = QUANYU__NODES_MOVED__INIT;
    moved.nodes = nodes;
    moved.n_nodes = 2;
    moved.from = 9;
    moved.to = 4;
    moved.evidence = 12;
    Quanyu__PersonErased erased = QUANYU__PERSON_ERASED__INIT;
    erased.person = 4;
    Quanyu__TaggingAct tagging_act = QUANYU__TAGGING_ACT__INIT;
    tagging_act.action = "tag.add";
    tagging_act.person = 4;
    Quanyu__CampaignAct campaign_act = QUANYU__CAMPAIGN_ACT__INIT;
    campaign_act.actor = &staff;
    campaign_act.action = "journey.publish";
    Quanyu__Delivery delivery = QUANYU__DELIVERY__INIT;
    delivery.journey = "j_1";
    delivery.step = "s1";
    delivery.channel = "email";
    delivery.person = 4;
    delivery.node = 9;
    delivery.state = QUANYU__DELIVERY__STATE__DELIVERED;
    const struct {
        unsigned input;
        unsigned record_class;
        const ProtobufCMessage *message;
        const char *service, *action, *actor;
        size_t numbers;
    } told[] = {
        {INPUT_GATEWAY, QUANYU__GATEWAY_RECORD__RECORD_ACT, &gateway_act.base, "gateway", "clock.set", "t_1",
            0},
        {INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_MOVED, &moved.base, "identity", "person.join",
            "identity", 2},
        {INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_ERASED, &erased.base, "identity", "person.erase",
            "identity", 1},
        {INPUT_TAGGING, QUANYU__TAGGING_RECORD__RECORD_ACT, &tagging_act.base, "tagging", "tag.add",
            "tagging", 1},
        {INPUT_CAMPAIGN, QUANYU__CAMPAIGN_RECORD__RECORD_ACT, &campaign_act.base, "campaign",
            "journey.publish", "t_1", 0},
        {INPUT_CAMPAIGN, QUANYU__CAMPAIGN_RECORD__RECORD_DELIVERY, &delivery.base, "campaign", "delivery",
            "campaign", 2},
    };
    runtime_begin(runtime);
    for (size_t i = 0; i < COUNT_OF(told); i++)
        assert_int_equal(
            runtime_fold(runtime, told[i].input, told[i].record_class, 100 + i, told[i].message), 0);
    runtime_commit(runtime);
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        assert_true(audit_inputs[told[i].input].classes & CLASS_BIT(told[i].record_class));
        assert_string_equal(audit_inputs[told[i].input].leader, told[i].service);
        const Quanyu__AuditRecord *record = runtime_record(runtime, i);
        assert_string_equal(record->service, told[i].service);
        assert_int_equal(record->offset, 100 + i);
        assert_string_equal(record->action, told[i].action);
        assert_string_equal(record->actor->id, told[i].actor);
        assert_int_equal(record->n_numbers, told[i].numbers);
        assert_int_equal(record->time_ms, runtime->now_ms);
    }
    assert_string_equal(runtime_record(runtime, 5)->outcome, "delivered");
    assert_int_equal(runtime_record(runtime, 5)->count, 1);
    assert_int_equal(runtime_record(runtime, 1)->n_nodes, 2);
    assert_int_equal(runtime_record(runtime, 1)->nodes[1], 11);
    assert_tree_fits_records(runtime, COUNT_OF(told));
    assert_int_equal(atomic_load(&runtime->audit.unreadable), 0);
}

static void test_a_part_that_leaves_a_person_is_a_split(void **state)
{
    struct runtime *runtime = *state;
    Quanyu__NodesMoved moved = QUANYU__NODES_MOVED__INIT;
    moved.from = 4;
    moved.to = 9;
    runtime_begin(runtime);
    assert_int_equal(
        runtime_fold(runtime, INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_MOVED, 5, &moved.base), 0);
    runtime_commit(runtime);
    assert_string_equal(runtime_record(runtime, 0)->action, "person.split");
}

static void test_a_journal_record_that_cannot_be_read_is_on_record_by_its_hash(void **state)
{
    struct runtime *runtime = *state;
    struct journal_record garbage = {.offset = 8,
        .record_class = QUANYU__TAGGING_RECORD__RECORD_ACT,
        .time_ms = runtime->now_ms,
        .data = {(const uint8_t *)"\xff\xff\xff", 3}};
    Quanyu__TaggingAct act = QUANYU__TAGGING_ACT__INIT; /* names no action */
    runtime_begin(runtime);
    assert_int_equal(audit_fold.record(&runtime->audit, &runtime->batch, INPUT_TAGGING, &garbage), 0);
    assert_int_equal(
        runtime_fold(runtime, INPUT_TAGGING, QUANYU__TAGGING_RECORD__RECORD_ACT, 9, &act.base), 0);
    runtime_commit(runtime);
    const Quanyu__AuditRecord *record = runtime_record(runtime, 0);
    assert_string_equal(record->action, "record.unreadable");
    assert_string_equal(record->service, "tagging");
    assert_int_equal(record->offset, 8);
    assert_string_equal(record->detail,
        "{\"bytes\":3,\"sha256\":\"5ae7e6a42304dc6e4176210b83c43024f99a0bce9a870c3b6d2c95fc8ebfb74c\"}");
    assert_string_equal(runtime_record(runtime, 1)->action, "record.unreadable");
    assert_int_equal(atomic_load(&runtime->audit.unreadable), 2);
}

static void test_a_definition_too_large_for_a_record_is_told_by_its_hash(void **state)
{
    struct runtime *runtime = *state;
    char *large = calloc(1, 200001);
    memset(large, 'x', 200000);
    Quanyu__TaggingAct act = QUANYU__TAGGING_ACT__INIT;
    act.actor = &staff;
    act.action = "segment.create";
    act.detail = large;
    runtime_begin(runtime);
    assert_int_equal(
        runtime_fold(runtime, INPUT_TAGGING, QUANYU__TAGGING_RECORD__RECORD_ACT, 9, &act.base), 0);
    runtime_commit(runtime);
    const Quanyu__AuditRecord *record = runtime_record(runtime, 0);
    assert_string_equal(record->action, "segment.create");
    assert_string_equal(record->actor->id, "t_1");
    assert_non_null(strstr(record->detail, "{\"bytes\":200000,\"sha256\":\""));
    free(large);
}

static void test_a_batch_that_was_rolled_back_leaves_no_trace(void **state)
{
    struct runtime *runtime = *state;
    append_some(runtime, 300);
    struct merkle_hash before, after;
    tree(runtime, &before);
    Quanyu__GatewayAct act = QUANYU__GATEWAY_ACT__INIT;
    act.action = "clock.set";
    runtime_begin(runtime);
    for (uint64_t i = 0; i < 700; i++)
        assert_int_equal(
            runtime_fold(runtime, INPUT_GATEWAY, QUANYU__GATEWAY_RECORD__RECORD_ACT, i, &act.base), 0);
    runtime_abort(runtime);
    assert_int_equal(tree(runtime, &after), 300);
    assert_memory_equal(&before, &after, sizeof(before));
    append_some(runtime, 300);
    assert_tree_fits_records(runtime, 600);
}

static void test_a_log_opened_again_goes_on_where_it_ended(void **state)
{
    struct runtime *runtime = *state;
    for (unsigned round = 0; round < 8; round++) {
        append_some(runtime, 37 + 61 * round);
        runtime_stop(runtime);
        runtime_start(runtime);
    }
    assert_tree_fits_records(runtime, 8 * 37 + 61 * 28);
}

static void test_a_tree_whose_edge_is_missing_is_not_opened(void **state)
{
    struct runtime *runtime = *state;
    append_some(runtime, 300);
    runtime_begin(runtime);
    struct store_key key;
    key_reset(&key);
    key_u8(&key, 0);
    key_u64(&key, 1);
    assert_true(store_delete(runtime->batch.txn, TABLE_TILES, &key));
    assert_int_equal(store_commit(&runtime->batch.txn), 0);
    audit_fold.close(&runtime->audit);
    memset(&runtime->audit, 0, sizeof(runtime->audit));
    runtime_begin(runtime);
    assert_int_equal(audit_fold.open(&runtime->audit, &runtime->batch), -QY_ECORRUPT);
    store_abort(&runtime->batch.txn);
}

static void test_times_never_fall(void **state)
{
    struct runtime *runtime = *state;
    append_some(runtime, 1);
    runtime->now_ms -= 5000;
    append_some(runtime, 1);
    runtime->now_ms += 9000;
    append_some(runtime, 1);
    assert_int_equal(runtime_record(runtime, 1)->time_ms, runtime_record(runtime, 0)->time_ms);
    assert_int_equal(runtime_record(runtime, 2)->time_ms, runtime->now_ms);
    runtime_stop(runtime);
    runtime->now_ms -= 9000;
    runtime_start(runtime);
    append_some(runtime, 1);
    assert_int_equal(runtime_record(runtime, 3)->time_ms, runtime_record(runtime, 2)->time_ms);
}

static void test_a_simulated_clock_must_be_heard_of_first(void **state)
{
    struct runtime *runtime = *state;
    Quanyu__AuditRecord record = show_record(), *records[] = {&record};
    runtime->now_ms = 0;
    assert_int_equal(runtime_append(runtime, records, 1, NULL), -QY_EUNAVAILABLE);
    struct merkle_hash root;
    assert_int_equal(tree(runtime, &root), 0);
    runtime->now_ms = 1000;
    assert_int_equal(runtime_append(runtime, records, 1, NULL), 0);
}

static void test_with_a_real_clock_time_goes_on_without_the_gateway(void **state)
{
    struct runtime *runtime = *state;
    Quanyu__AuditRecord record = show_record(), *records[] = {&record};
    runtime_stop(runtime);
    runtime->clock = "real";
    runtime->now_ms = 0;
    runtime_start(runtime);
    assert_int_equal(runtime_append(runtime, records, 1, NULL), 0);
    assert_true(runtime_record(runtime, 0)->time_ms > INT64_C(1700000000000));
}

static void test_a_dump_tells_what_came_from_journals_and_nothing_of_time(void **state)
{
    struct runtime *runtime = *state;
    append_some(runtime, 2);
    uint32_t node = 9;
    Quanyu__NodesMoved moved = QUANYU__NODES_MOVED__INIT;
    moved.nodes = &node;
    moved.n_nodes = 1;
    moved.from = 9;
    moved.to = 4;
    Quanyu__Delivery delivery = QUANYU__DELIVERY__INIT;
    delivery.person = 7;
    runtime_begin(runtime);
    assert_int_equal(
        runtime_fold(runtime, INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_MOVED, 3, &moved.base), 0);
    for (int sent = 0; sent < 2; sent++) {
        delivery.state = sent ? QUANYU__DELIVERY__STATE__DELIVERED : QUANYU__DELIVERY__STATE__SENDING;
        assert_int_equal(runtime_fold(runtime, INPUT_CAMPAIGN, QUANYU__CAMPAIGN_RECORD__RECORD_DELIVERY, 4,
                             &delivery.base),
            0);
    }
    runtime_commit(runtime);
    struct store_txn *txn = runtime_read(runtime);
    struct buffer lines = BUFFER_INIT;
    char cursor[128];
    assert_int_equal(audit_fold.dump(&runtime->audit, txn, "", &lines, cursor), 0);
    assert_string_equal(cursor, "");
    assert_string_equal(buffer_c_str(&lines),
        "{\"audit\":\"person.join\",\"outcome\":\"ok\",\"persons\":[\"p:4\",\"p:4\"]}\n"
        "{\"audit\":\"delivery\",\"outcome\":\"delivered\",\"persons\":[\"p:7\"]}\n");
    buffer_free(&lines);
    store_abort(&txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_call_has_a_handler),
        TEST(test_an_append_is_answered_with_its_place_in_the_tree),
        TEST(test_nobody_can_put_a_record_down_to_another_service_or_journal),
        TEST(test_a_refused_append_writes_nothing),
        TEST(test_what_journals_tell_is_on_record_with_service_and_offset),
        TEST(test_a_part_that_leaves_a_person_is_a_split),
        TEST(test_a_journal_record_that_cannot_be_read_is_on_record_by_its_hash),
        TEST(test_a_definition_too_large_for_a_record_is_told_by_its_hash),
        TEST(test_a_batch_that_was_rolled_back_leaves_no_trace),
        TEST(test_a_log_opened_again_goes_on_where_it_ended),
        TEST(test_a_tree_whose_edge_is_missing_is_not_opened),
        TEST(test_times_never_fall),
        TEST(test_a_simulated_clock_must_be_heard_of_first),
        TEST(test_with_a_real_clock_time_goes_on_without_the_gateway),
        TEST(test_a_dump_tells_what_came_from_journals_and_nothing_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
