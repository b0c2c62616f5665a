/* SPDX-License-Identifier: Apache-2.0 */
/* What events make of a person. */
#include "tests/unit/tagging/world.h"

static int open_world(void **state)
{
    *state = world_open();
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    return 0;
}

static void order(struct world *world, uint32_t node, int64_t event_ms, const char *properties)
{
    world_event(
        world, (struct world_event){
                   .node = node, .name = "Order Completed", .event_ms = event_ms, .properties = properties});
}

static void assert_metric(struct world *world, uint32_t person, const char *name, const char *expected)
{
    char text[64];
    assert_string_equal(world_metric(world, person, name, text), expected);
}

static void an_order_counts_once_and_the_earliest_gives_its_total(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    order(world, 1, WORLD_START - 1000, "{\"order_id\":\"A\",\"total\":20.5}");
    order(world, 1, WORLD_START - 500, "{\"order_id\":\"A\",\"total\":99}");
    assert_metric(world, 1, "orders", "1");
    assert_metric(world, 1, "gross", "\"20.50\"");
    order(world, 1, WORLD_START - 2000, "{\"order_id\":\"A\",\"total\":\"10.01\"}");
    assert_metric(world, 1, "orders", "1");
    assert_metric(world, 1, "gross", "\"10.01\"");
    assert_metric(world, 1, "last_order_at", "\"2025-10-09T08:53:18Z\"");
    assert_metric(world, 1, "events", "3");
}

static void an_order_without_id_counts_by_its_message(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    order(world, 1, 0, "{\"total\":1}");
    order(world, 1, 0, "{\"total\":2}");
    order(world, 1, 0, "{}");
    assert_metric(world, 1, "orders", "3");
    assert_metric(world, 1, "gross", "\"3.00\"");
    assert_metric(world, 1, "average_order", "\"1.00\"");
}

static void money_is_exact_and_foreign_money_is_left_out(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    for (int i = 0; i < 10; i++)
        order(world, 1, 0, "{\"total\":0.1}");
    order(world, 1, 0, "{\"total\":1000,\"currency\":\"USD\"}");
    order(world, 1, 0, "{\"total\":0.05,\"currency\":\"cny\"}");
    world_event(
        world, (struct world_event){.node = 1, .name = "Order Refunded", .properties = "{\"total\":2}"});
    assert_metric(world, 1, "orders", "12");
    assert_metric(world, 1, "gross", "\"1.05\"");
    assert_metric(world, 1, "refunds", "1");
    assert_metric(world, 1, "revenue", "\"-0.95\"");
    assert_metric(world, 1, "average_order", "\"0.10\"");
}

static void an_event_of_the_future_happened_when_it_arrived(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    order(world, 1, WORLD_START + DAY_MS, "{\"order_id\":\"A\",\"total\":1}");
    assert_metric(world, 1, "last_order_at", "\"2025-10-09T08:53:20Z\"");
}

static void joined_nodes_count_a_shared_order_once_and_apart_twice(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    world_node(world, 2, 2, "anonymous_id");
    order(world, 1, WORLD_START - 50, "{\"order_id\":\"A\",\"total\":10}");
    order(world, 2, WORLD_START - 90, "{\"order_id\":\"A\",\"total\":7}");
    order(world, 2, WORLD_START - 10, "{\"order_id\":\"B\",\"total\":1}");
    assert_metric(world, 1, "gross", "\"10.00\"");
    assert_metric(world, 2, "gross", "\"8.00\"");
    world_move(world, (uint32_t[]){2}, 1, 2, 1);
    assert_metric(world, 1, "orders", "2");
    assert_metric(world, 1, "gross", "\"8.00\"");
    assert_metric(world, 2, "gross", "\"8.00\""); /* an alias shows the person */
    order(world, 1, WORLD_START - 99, "{\"order_id\":\"B\",\"total\":3}");
    assert_metric(world, 1, "gross", "\"10.00\"");
    assert_metric(world, 1, "last_order_at", "\"2025-10-09T08:53:19.910Z\"");
    world_move(world, (uint32_t[]){2}, 1, 1, 2);
    assert_metric(world, 1, "gross", "\"13.00\"");
    assert_metric(world, 2, "gross", "\"8.00\"");
}

static const char *trait(struct world *world, uint32_t person, const char *name, char out[64])
{
    Quanyu__ProfileReply *profile = world_profile(world, person);
    yyjson_doc *doc =
        yyjson_read((const char *)profile->traits.data, profile->traits.len, YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    char *text = yyjson_val_write(yyjson_obj_get(yyjson_doc_get_root(doc), name), 0, NULL);
    snprintf(out, 64, "%s", text ? text : "none");
    free(text);
    yyjson_doc_free(doc);
    return out;
}

static void the_latest_statement_of_a_trait_wins_over_all_nodes(void **state)
{
    struct world *world = *state;
    char text[64];
    world_node(world, 1, 1, "user_id");
    world_node(world, 2, 1, "anonymous_id");
    world_event(
        world, (struct world_event){.node = 1, .event_ms = 2000, .traits = "{\"city\":\"上海\",\"n\":1.50}"});
    world_event(world, (struct world_event){.node = 2, .event_ms = 1000, .traits = "{\"city\":\"北京\"}"});
    assert_string_equal(trait(world, 1, "city", text), "\"上海\"");
    assert_string_equal(trait(world, 1, "n", text), "1.50");
    world_event(world, (struct world_event){.node = 2, .event_ms = 2000, .traits = "{\"city\":\"广州\"}"});
    assert_string_equal(trait(world, 1, "city", text), "\"广州\"");
    world_event(world, (struct world_event){.node = 1, .event_ms = 3000, .traits = "{\"city\":null}"});
    assert_string_equal(trait(world, 1, "city", text), "none");
    world_event(world, (struct world_event){.node = 1, .event_ms = 2500, .traits = "{\"city\":\"深圳\"}"});
    assert_string_equal(trait(world, 1, "city", text), "none");
}

static void events_are_shown_newest_first_over_all_nodes(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    world_node(world, 2, 1, "anonymous_id");
    world_event(world, (struct world_event){.node = 1, .name = "b", .event_ms = 2000});
    world_commit(world);
    world_event(world, (struct world_event){.node = 2, .name = "c", .event_ms = 3000});
    world_event(
        world, (struct world_event){.node = 1, .name = "a", .event_ms = 1000, .properties = "{\"x\":1}"});
    Quanyu__ProfileReply *profile = world_profile(world, 1);
    yyjson_doc *doc = yyjson_read((const char *)profile->events.data, profile->events.len, 0);
    yyjson_val *events = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_arr_size(events), 3);
    static const char *const names[] = {"c", "b", "a"};
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get(events, i), "name")), names[i]);
    yyjson_doc_free(doc);
}

static void a_delivery_is_an_event_that_counts_in_no_metric(void **state)
{
    struct world *world = *state;
    world_node(world, 1, 1, "user_id");
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    char segment[64];
    world_segment(world,
        "{\"event\":\"Message Delivered\",\"where\":[{\"property\":\"journey\",\"is\":\"j_1\"}]}", segment);
    Quanyu__Delivery delivery = QUANYU__DELIVERY__INIT;
    delivery.node = 1;
    delivery.person = 1;
    delivery.journey = (char *)"j_1";
    delivery.state = QUANYU__DELIVERY__STATE__DELIVERED;
    world_record(world, 1, QUANYU__CAMPAIGN_RECORD__RECORD_DELIVERY, &delivery.base);
    assert_metric(world, 1, "events", "1");
    assert_true(world_in_segment(world, 1, segment));
}

static void an_erased_person_leaves_nothing(void **state)
{
    struct world *world = *state;
    static const char *const all[] = {"{\"everyone\":true}", "{\"event\":\"a\"}",
        "{\"trait\":\"city\",\"exists\":true}", "{\"trait\":\"likes\",\"contains\":\"tea\"}",
        "{\"identifier\":\"user_id\"}", "{\"stage\":\"active\"}", "{\"metric\":\"gross\",\"gte\":1}"};
    Quanyu__AudienceReply *reply = NULL;
    world_node(world, 1, 1, "user_id");
    world_node(world, 2, 1, "anonymous_id");
    order(world, 1, 0, "{\"total\":5}");
    order(world, 2, 0, "{\"total\":5}");
    world_commit(world);
    world_event(world, (struct world_event){.node = 1, .name = "a"});
    world_event(world, (struct world_event){.node = 2, .traits = "{\"city\":\"Wien\",\"likes\":[\"tea\"]}"});
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_int_equal(world_audience(world, all[i], 0, false, &reply), 0);
        assert_int_equal(reply->count, 1);
    }
    Quanyu__PersonErased erased = QUANYU__PERSON_ERASED__INIT;
    erased.person = 1;
    erased.nodes = (uint32_t[]){1, 2};
    erased.n_nodes = 2;
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_ERASED, &erased.base);
    world_commit(world);
    assert_int_equal(store_count(world->batch.txn, TABLE_PEOPLE), 0);
    assert_int_equal(store_count(world->batch.txn, TABLE_EVENTS), 0);
    assert_int_equal(store_count(world->batch.txn, TABLE_TIMERS), 0);
    assert_non_null(world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_ERASED, 0));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_int_equal(world_audience(world, all[i], 0, false, &reply), 0);
        assert_int_equal(reply->count, 0);
    }
}

static void what_names_nobody_is_counted_and_left(void **state)
{
    struct world *world = *state;
    world_event(world, (struct world_event){.node = 77, .name = "a"});
    world_event(world, (struct world_event){.node = 0, .name = "a"});
    world_move(world, (uint32_t[]){5, 0}, 2, 5, 6);
    world_commit(world);
    assert_int_equal(world->tagging.state.ignored, 4);
    assert_int_equal(world->tagging.state.persons, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(an_order_counts_once_and_the_earliest_gives_its_total),
        TEST(an_order_without_id_counts_by_its_message),
        TEST(money_is_exact_and_foreign_money_is_left_out),
        TEST(an_event_of_the_future_happened_when_it_arrived),
        TEST(joined_nodes_count_a_shared_order_once_and_apart_twice),
        TEST(the_latest_statement_of_a_trait_wins_over_all_nodes),
        TEST(events_are_shown_newest_first_over_all_nodes),
        TEST(a_delivery_is_an_event_that_counts_in_no_metric),
        TEST(an_erased_person_leaves_nothing),
        TEST(what_names_nobody_is_counted_and_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
