/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/identity/world.h"

static void an_event_makes_its_nodes_and_one_person(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"anonymousId\":\"a1\",\"userId\":\"u1\",\"event\":\"x\"}");
    check(world, "+1user_id@1 +2anonymous_id@1 e1@1(2)");
    fold(world, TRACK, 2, "{\"anonymousId\":\"a1\",\"event\":\"x\"}");
    check(world, "e2@1()");
    fold(world, TRACK, 3, "{\"userId\":\"u2\",\"event\":\"x\"}");
    check(world, "+3user_id@3 e3@3()");
    fold(world, IDENTIFY, 4, "{\"userId\":\"u1\",\"traits\":{\"phone\":\"13800138000\"}}");
    check(world, "+4phone@1 e1@1(4)");
    Quanyu__IdentityCounts all = counts(world);
    assert_int_equal(all.persons, 2);
    assert_int_equal(all.nodes, 4);
    assert_int_equal(all.events, 4);
    assert_int_equal(all.joins, 0);
}

static void persons_that_turn_out_to_be_one_are_joined(void **state)
{
    struct world *world = *state;
    begin(world);
    add(world, TRACK, 1, "{\"anonymousId\":\"a1\",\"event\":\"x\"}");
    add(world, TRACK, 1, "{\"anonymousId\":\"a2\",\"event\":\"x\"}");
    add(world, TRACK, 1, "{\"userId\":\"u3\",\"anonymousId\":\"a3\",\"event\":\"x\"}");
    commit(world);
    check(world, "+1anonymous_id@1 e1@1() +2anonymous_id@2 e2@2() +3user_id@3 +4anonymous_id@3 e3@3(4)");
    fold(world, TRACK, 2, "{\"userId\":\"u3\",\"anonymousId\":\"a2\",\"event\":\"x\"}");
    check(world, "3,4:3>2 e3@2(2)");
    fold(world, IDENTIFY, 3, "{\"userId\":\"u3\",\"anonymousId\":\"a1\",\"traits\":{\"email\":\"x@y.cn\"}}");
    check(world, "2,3,4:2>1 +5email@1 e3@1(5,1)");
    Quanyu__IdentityCounts all = counts(world);
    assert_int_equal(all.persons, 1);
    assert_int_equal(all.joins, 2);
    char *text = dump(world);
    assert_non_null(strstr(text, "{\"link\":[\"n:1\",\"n:3\"]}"));
    assert_non_null(strstr(text, "{\"link\":[\"n:2\",\"n:3\"]}"));
    assert_non_null(strstr(text, "\"person\":\"p:1\"}"));
    assert_null(strstr(text, "\"person\":\"p:2\"}"));
    free(text);
}

static void one_event_can_join_many_persons(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"userId\":\"u1\",\"event\":\"x\"}");
    fold(world, IDENTIFY, 1, "{\"anonymousId\":\"a2\",\"traits\":{\"phone\":\"13800138000\"}}");
    fold(world, IDENTIFY, 1, "{\"anonymousId\":\"a3\",\"traits\":{\"email\":\"x@y.cn\"}}");
    (void)last_event(world);
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"anonymousId\":\"a9\",\"traits\":{\"email\":\"x@y.cn\",\"phone\":\"+86 "
        "13800138000\"}}");
    check(world, "2,3:2>1 4,5:4>1 +6anonymous_id@1 e1@1(2,4,6)");
}

static void an_alias_joins_whoever_bore_the_previous_id(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"anonymousId\":\"old\",\"event\":\"x\"}");
    fold(world, TRACK, 1, "{\"userId\":\"before\",\"event\":\"x\"}");
    check(world, "+1anonymous_id@1 e1@1() +2user_id@2 e2@2()");
    fold(world, ALIAS, 1, "{\"userId\":\"new\",\"previousId\":\"old\"}");
    check(world, "+3user_id@1 e3@1(1)");
    fold(world, ALIAS, 1, "{\"userId\":\"new\",\"previousId\":\"before\"}");
    check(world, "2:2>1 e3@1(2)");
    fold(world, ALIAS, 1, "{\"userId\":\"new\",\"previousId\":\"never seen\"}");
    check(world, "+4user_id@4 4:4>1 e3@1(4)");
}

static void events_of_nobody_go_back_and_make_no_person(void **state)
{
    struct world *world = *state;
    begin(world);
    add(world, TRACK, 1, "{\"userId\":\"null\",\"anonymousId\":\"0\",\"event\":\"x\"}");
    add(world, TRACK, 1, "{\"userId\":{},\"event\":\"x\"}");
    add(world, TRACK, 1, "[1]");
    add(world, TRACK, 1, "not JSON");
    uint8_t broken[] = {0xff, 0xff};
    struct journal_record record = {.record_class = IDENTITY_INPUT_EVENT, .data = {broken, sizeof(broken)}};
    assert_int_equal(identity_fold.record(&world->identity, &world->batch, 0, &record), 0);
    commit(world);
    check(world, "n0blocked n1malformed n2malformed n3malformed");
    Quanyu__IdentityCounts all = counts(world);
    assert_int_equal(all.persons, 0);
    assert_int_equal(all.unattributed, 5);
}

static void the_event_goes_on_without_what_is_personal(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 77,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\",\"city\":\"上海\",\"birthday\":\"1990-03-14\","
        "\"phone\":\"13800138000\"},"
        "\"context\":{\"channel\":\"wechat\",\"ip\":\"10.1.2.3\"}}");
    const Quanyu__PersonEvent *event = last_event(world);
    assert_int_equal(event->origin, 0);
    assert_int_equal(event->event_ms, 77);
    assert_int_equal(event->received_ms, 5000);
    assert_int_equal(event->source, 3);
    assert_int_equal(event->type, IDENTIFY);
    assert_true(event->message_key != 0);
    assert_bytes_equal(
        event->traits, "{\"city\":\"上海\",\"has_phone\":true,\"birthday_month_day\":\"03-14\"}");
    assert_bytes_equal(event->context, "{\"channel\":\"wechat\"}");
    /* what is stored of the person is found in later events that do not state it */
    fold(world, TRACK, 78,
        "{\"userId\":\"u1\",\"event\":\"Hi "
        "王小明\",\"properties\":{\"order_id\":\"o1\",\"a\":\"王小明收\",\"total\":\"9.90\"}}");
    event = last_event(world);
    assert_string_equal(event->name, "[personal]");
    assert_bytes_equal(event->properties, "{\"order_id\":\"o1\",\"total\":\"9.90\"}");
    /* also through another of the person's identifiers */
    fold(world, IDENTIFY, 79, "{\"userId\":\"u1\",\"anonymousId\":\"a1\"}");
    fold(world, TRACK, 80, "{\"anonymousId\":\"a1\",\"event\":\"x\",\"properties\":{\"a\":\"Dear 王小明\"}}");
    event = last_event(world);
    assert_bytes_equal(event->properties, "{}");
}

static void hashes_of_what_earlier_events_told_do_not_go_on(void **state)
{
    struct world *world = *state;
    static const char *const hashes[] = {
        "699d44104afe349d526409250a628bbb",             /* MD5 of sima@xiangru.cn */
        "cb28207843f48e8da6699c28d3e61bd1d0c80d4a",     /* SHA-1 of 13955556666 */
        "mpSBkttyqRfjp4mlWBrWQpPiP1t5la3vK/iIFZiu5UA=", /* SHA-256 of 司马相如, in base64 */
        "1975de1c736466b5999d997d1503df1b",             /* MD5 of XIANGRU SIMA */
        "868b95ae8f12d665e9f6c2018daba6ecb80113bd",     /* SHA-1 of other@xiangru.cn, which no trait says */
    };
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"traits\":{\"email\":\"Sima@Xiangru.cn\",\"phone\":\"139 5555 6666\",\"name\":"
        "\"司马相如\",\"lastName\":\"Xiangru "
        "Sima\"},\"context\":{\"externalIds\":[{\"type\":\"email\",\"id\":"
        "\"other@xiangru.cn\"}]}}");
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        char body[1000];
        snprintf(body, sizeof(body),
            "{\"userId\":\"u1\",\"event\":\"%s\",\"properties\":{\"a\":\"%s\",\"%s\":1,\"b\":\"x "
            "%s\",\"session\":"
            "\"9f86d081884c7d659a2feaa0c55ad015\",\"id\":\"550e8400-e29b-41d4-a716-446655440000\"}}",
            hashes[i], hashes[i], hashes[i], hashes[i]);
        fold(world, TRACK, 2, body);
        const Quanyu__PersonEvent *event = last_event(world);
        assert_string_equal(event->name, "[personal]");
        assert_bytes_equal(event->properties, "{\"session\":\"9f86d081884c7d659a2feaa0c55ad015\",\"id\":"
                                              "\"550e8400-e29b-41d4-a716-446655440000\"}");
    }
    /* of somebody else they say nothing */
    char body[300];
    snprintf(
        body, sizeof(body), "{\"userId\":\"u2\",\"event\":\"x\",\"properties\":{\"a\":\"%s\"}}", hashes[0]);
    fold(world, TRACK, 3, body);
    char passed[100];
    snprintf(passed, sizeof(passed), "{\"a\":\"%s\"}", hashes[0]);
    assert_bytes_equal(last_event(world)->properties, passed);
}

static void personal_values_in_disguise_are_no_keys(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"traits\":{\"phone\":\"13912345678\",\"name\":\"司马相如\",\"address\":"
        "\"上海市南京东路\"}}");
    fold(world, IDENTIFY, 2,
        "{\"userId\":\"u1\",\"traits\":{\"MTM5MTIzNDU2Nzg=\":1,\"3133393132333435363738\":1,\"sima%40xiangru."
        "cn\":1,\"139,1234,5678\":1,"
        "\"司马 相如\":1,\"①③⑨①②③④⑤⑥⑦⑧\":1,\"city\":\"x\",\"bW9uZGF5IGV2ZW5pbmc=\":\"kept\"}}");
    assert_bytes_equal(last_event(world)->traits, "{\"city\":\"x\",\"bW9uZGF5IGV2ZW5pbmc=\":\"kept\"}");
    fold(world, TRACK, 3,
        "{\"userId\":\"u1\",\"event\":\"x\",\"properties\":{\"MTM5MTIzNDU2Nzg=\":1,"
        "\"e58fb8e9a9ace79bb8e5a682\":1,\"deep\":{\"5LiK5rW35biC5Y2X5Lqs5Lic6Lev\":1},\"productId\":2}}");
    assert_bytes_equal(last_event(world)->properties, "{\"deep\":{},\"productId\":2}");
}

static void the_organisation_goes_on_in_order_with_the_events_that_name_it(void **state)
{
    struct world *world = *state;
    Quanyu__OrganisationChanged changed = QUANYU__ORGANISATION_CHANGED__INIT;
    Quanyu__OrganisationChanged__Place places[2];
    Quanyu__OrganisationChanged__Member member = QUANYU__ORGANISATION_CHANGED__MEMBER__INIT;
    uint8_t packed[64];
    for (uint32_t i = 0; i < 2; i++) {
        quanyu__organisation_changed__place__init(&places[i]);
        places[i].unit = i + 1;
        places[i].parent = i;
    }
    member.staff = 7;
    member.unit = 2;
    changed.places = (Quanyu__OrganisationChanged__Place *[]){&places[0], &places[1]};
    changed.n_places = 2;
    changed.members = (Quanyu__OrganisationChanged__Member *[]){&member};
    changed.n_members = 1;
    begin(world);
    add_record(world, IDENTITY_INPUT_ORGANISATION,
        (struct bytes){packed, quanyu__organisation_changed__pack(&changed, packed)});
    add_at(world, TRACK, 1, "{\"userId\":\"u1\",\"event\":\"x\"}", (struct place){2, 7});
    add_record(world, IDENTITY_INPUT_ORGANISATION, (struct bytes){(const uint8_t *)"\xff", 1});
    commit(world);
    struct output output;
    assert_true(next(world, &output));
    assert_int_equal(output.organisation->n_places, 2);
    assert_int_equal(output.organisation->places[1]->unit, 2);
    assert_int_equal(output.organisation->places[1]->parent, 1);
    assert_int_equal(output.organisation->members[0]->staff, 7);
    assert_true(next(world, &output));
    assert_non_null(output.created);
    assert_true(next(world, &output));
    assert_int_equal(output.event->unit, 2);
    assert_int_equal(output.event->staff, 7);
    check(world, "");
}

static void the_latest_statement_of_a_trait_holds(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 100, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Bob Old\",\"note\":\"x\"}}");
    fold(world, IDENTIFY, 300, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Carl New\"}}");
    fold(world, IDENTIFY, 200, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Adam Late\"}}");
    const Quanyu__PersonView *view = look_up(world, "user_id", "u1");
    assert_bytes_equal(view->traits, "{\"name\":\"C*\",\"note\":\"***\"}");
    fold(world, IDENTIFY, 300, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Dora Equal\"}}");
    fold(world, IDENTIFY, 400, "{\"userId\":\"u1\",\"traits\":{\"note\":null}}");
    fold(world, IDENTIFY, 350, "{\"userId\":\"u1\",\"traits\":{\"note\":\"back\"}}");
    view = look_up(world, "user_id", "u1");
    assert_bytes_equal(view->traits, "{\"name\":\"D*\"}");
    /* over the nodes of a person too */
    fold(world, IDENTIFY, 500, "{\"anonymousId\":\"a1\",\"traits\":{\"name\":\"Emil\"}}");
    fold(world, IDENTIFY, 501, "{\"userId\":\"u1\",\"anonymousId\":\"a1\"}");
    view = look_up(world, "anonymous_id", "a1");
    assert_bytes_equal(view->traits, "{\"name\":\"E*\"}");
}

static void an_event_about_somebody_known_writes_its_evidence_alone(void **state)
{
    struct world *world = *state;
    const char *body =
        "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"name\":\"Bob\",\"phone\":\"13800138000\"}}";
    fold(world, IDENTIFY, 100, body);
    char *before = dump(world);
    begin(world);
    uint64_t tables[TABLE_COUNT];
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        tables[i] = store_count(world->batch.txn, i);
    add(world, IDENTIFY, 200, body);
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        assert_int_equal(store_count(world->batch.txn, i), tables[i] + (i == TABLE_EVIDENCE));
    commit(world);
    begin(world);
    add(world, TRACK, 300, "{\"userId\":\"u1\",\"event\":\"x\"}");
    assert_false(store_changed(world->batch.txn));
    commit(world);
    char *after = dump(world);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_batch_that_is_rolled_back_never_was(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"event\":\"x\"}");
    check(world, "+1user_id@1 +2anonymous_id@1 e1@1(2)");
    char *before = dump(world);
    begin(world);
    add(world, IDENTIFY, 1, "{\"userId\":\"u1\",\"anonymousId\":\"a2\",\"traits\":{\"name\":\"Bob\"}}");
    add(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    roll_back(world);
    char *after = dump(world);
    assert_string_equal(before, after);
    free(before);
    free(after);
    check(world, "");
    begin(world);
    add(world, IDENTIFY, 1, "{\"userId\":\"u1\",\"anonymousId\":\"a2\",\"traits\":{\"name\":\"Bob\"}}");
    add(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    commit(world);
    check(world, "+3anonymous_id@1 e1@1(3) +4user_id@4 e4@4()");
    char *again = dump(world);
    assert_non_null(strstr(again, "{\"link\":[\"n:1\",\"n:3\"]}"));
    free(again);
    assert_int_equal(counts(world).events, 3);
}

static void everything_is_there_after_a_restart(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1, "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\"}}");
    check(world, "+1user_id@1 e1@1()");
    char *before = dump(world);
    close_world(world);
    open_world(world);
    char *after = dump(world);
    assert_string_equal(before, after);
    free(before);
    free(after);
    fold(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    assert_int_equal(last_event(world)->node, 2);
    assert_bytes_equal(look_up(world, "user_id", "u1")->traits, "{\"name\":\"王*\"}");
}

static void no_file_holds_personal_data_in_the_clear(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明明\",\"phone\":\"13800138000\",\"email\":\"li@"
        "example.com\"},\"x\":1}");
    static const char *const secrets[] = {"王小明明", "13800138000", "li@example.com"};
    char command[200];
    close_world(world);
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        snprintf(command, sizeof(command), "grep -rqF '%s' %s", secrets[i], world->path);
        assert_int_not_equal(system(command), 0);
    }
    open_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_makes_its_nodes_and_one_person),
        TEST(persons_that_turn_out_to_be_one_are_joined),
        TEST(one_event_can_join_many_persons),
        TEST(an_alias_joins_whoever_bore_the_previous_id),
        TEST(events_of_nobody_go_back_and_make_no_person),
        TEST(the_event_goes_on_without_what_is_personal),
        TEST(hashes_of_what_earlier_events_told_do_not_go_on),
        TEST(personal_values_in_disguise_are_no_keys),
        TEST(the_organisation_goes_on_in_order_with_the_events_that_name_it),
        TEST(the_latest_statement_of_a_trait_holds),
        TEST(an_event_about_somebody_known_writes_its_evidence_alone),
        TEST(a_batch_that_is_rolled_back_never_was),
        TEST(everything_is_there_after_a_restart),
        TEST(no_file_holds_personal_data_in_the_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
