/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that campaign answers. */
#include "tests/unit/campaign/fixture.h"

#define SEND(id)                                                                                             \
    "{\"id\":\"" id                                                                                          \
    "\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/\",\"secret\":\"k\","         \
    "\"content\":{}}"
/* As it is shown. */
#define SHOWN                                                                                                \
    "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[{\"id\":\"s\",\"type\":\"send\","            \
    "\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/\",\"content\":{},\"secret_set\":true}]}"
#define DEFINITION "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[" SEND("s") "]}"

static struct rpc_context last;

/* A query, in a snapshot. */
static int ask(
    struct fixture *f, Quanyu__CampaignRequest *request, struct arena *arena, Quanyu__CampaignReply *reply)
{
    quanyu__campaign_reply__init(reply);
    last = (struct rpc_context){.self = &f->campaign, .arena = arena, .peer = "gateway"};
    assert_int_equal(store_begin(f->store, STORE_READ, &last.txn), 0);
    int error = campaign_rpc.handlers[request->call_case].handle(&last, &request->base, &reply->base);
    store_abort(&last.txn);
    return error;
}

static int define(struct fixture *f, const char *id, const char *definition, struct arena *arena,
    Quanyu__Journey **ret_journey)
{
    Quanyu__JourneyDefineRequest define = QUANYU__JOURNEY_DEFINE_REQUEST__INIT;
    define.id = (char *)id;
    define.definition = (ProtobufCBinaryData){.data = (uint8_t *)definition, .len = strlen(definition)};
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_DEFINE;
    request.define = &define;
    return fixture_call(f, &request, ret_journey, arena, &last);
}

static void every_request_has_a_handler(void **state)
{
    (void)state;
    assert_null(rpc_service_check(&campaign_rpc));
}

static void a_definition_becomes_a_draft(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    Quanyu__Journey *journey = NULL;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(define(f, "", DEFINITION, arena, &journey), 0);
    if (!journey) {
        fail_msg("no journey came back");
        return;
    }
    assert_string_equal(journey->id, "j_1");
    assert_string_equal(journey->name, "n");
    assert_int_equal(journey->state, QUANYU__JOURNEY__STATE__DRAFT);
    assert_int_equal(journey->version, 1);
    assert_int_equal(journey->running_version, 0);
    assert_int_equal(journey->created_ms, START_MS);
    assert_int_equal(journey->n_steps, 1);
    assert_string_equal(journey->steps[0]->step, "s");
    assert_int_equal(journey->definition.len, strlen(SHOWN));
    assert_memory_equal(journey->definition.data, SHOWN, strlen(SHOWN));
    assert_int_equal(define(f, "j_1", DEFINITION, arena, &journey), 0);
    assert_int_equal(journey->version, 2);
    assert_int_equal(define(f, "", DEFINITION, arena, &journey), 0);
    assert_string_equal(journey->id, "j_2");
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    assert_false(fixture_next(f, RECORD_WATCH, &out)); /* drafts are nobody's business */
}

static void what_is_wrong_is_refused_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(
        define(f, "", "{\"name\":\"n\",\"entry\":{\"segment\":\"s\"},\"steps\":[{}]}", arena, NULL),
        -QY_EINVAL);
    assert_string_equal(last.error_field, "/steps/0/id");
    assert_string_equal(last.error_message, "is missing");
    assert_int_equal(define(f, "j_7", DEFINITION, arena, NULL), -QY_ENOTFOUND);
    assert_int_equal(define(f, "seven", DEFINITION, arena, NULL), -QY_ENOTFOUND);
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__ACTIVE), -QY_ENOTFOUND);
    assert_int_equal(fixture_set_state(f, "", QUANYU__JOURNEY__STATE__ACTIVE), -QY_EINVAL);
    assert_int_equal(define(f, "", DEFINITION, arena, NULL), 0);
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__PAUSED), -QY_ECONFLICT);
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__DRAFT), -QY_EINVAL);
    assert_int_equal(fixture_set_state(f, "j_1", (Quanyu__Journey__State)99), -QY_EINVAL);
}

/* The secret with which the next webhook is signed. */
static void expect_secret(struct fixture *f, uint32_t person, const char *secret)
{
    fixture_member(f, "j_1:1", person, true, false);
    struct job *job = fixture_claim(f, 1);
    assert_non_null(job);
    assert_string_equal(job->message.secret, secret);
    job_free(&job);
}

static void a_secret_is_kept_where_none_is_given(void **state)
{
    struct fixture *f = *state;
    char id[16];
    fixture_journey(f, DEFINITION);
    expect_secret(f, 1, "k");
    fixture_define(f, "j_1", SHOWN, id); /* as it was shown */
    fixture_tagging(f, NULL, 0);
    expect_secret(f, 2, "k");
    fixture_define(f, "j_1",
        "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[{\"id\":\"s\",\"type\":\"send\","
        "\"secret\":\"new\","
        "\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/\",\"content\":{}}]}",
        id);
    fixture_tagging(f, NULL, 0);
    expect_secret(f, 3, "new");
}

static void a_secret_that_nobody_gave_is_missed(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(define(f, "", SHOWN, arena, NULL), -QY_EINVAL);
    assert_string_equal(last.error_field, "/steps/0/secret");
    assert_int_equal(define(f, "", DEFINITION, arena, NULL), 0);
    assert_int_equal(
        define(f, "j_1",
            "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[{\"id\":\"other\",\"type\":\"send\","
            "\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/\",\"content\":{}}]}",
            arena, NULL),
        -QY_EINVAL);
    assert_string_equal(last.error_field, "/steps/0/secret");
}

/* The key was lost: nothing goes out with a wrong signature, and nothing is given up either. */
static void without_its_key_a_secret_lets_deliveries_wait(void **state)
{
    struct fixture *f = *state;
    char id[16];
    fixture_journey(f, DEFINITION);
    fixture_member(f, "j_1:1", 1, true, false);
    f->campaign.secret_key.bytes[0] ^= 1;
    assert_null(fixture_claim(f, 10));
    fixture_define(f, "j_1", DEFINITION, id); /* set anew, under the key that is there */
    fixture_tagging(f, NULL, 0);
    fixture_pass(f, HOUR_MS);
    struct job *job = fixture_claim(f, 10);
    assert_non_null(job);
    assert_string_equal(job->message.secret, "k");
    assert_int_equal(job->attempt, 1);
    job_free(&job);
}

static void put_version_one(struct fixture *f)
{
    Quanyu__Journey row = QUANYU__JOURNEY__INIT;
    row.number = 1;
    row.id = (char *)"j_1";
    row.name = (char *)"n";
    row.version = 2;
    row.running_version = 1;
    row.definition = row.running =
        (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)DEFINITION, .len = strlen(DEFINITION)};
    fixture_begin(f);
    assert_int_equal(meta_next(f->batch.txn, META_JOURNEYS), 1);
    journey_save(f->batch.txn, &row);
    fixture_commit(f);
}

static void secrets_of_an_older_state_are_sealed(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    char secret[SECRET_BYTES_MAX + 1];
    assert_int_equal(arena_open(&arena), 0);
    put_version_one(f);
    fixture_begin(f);
    assert_int_equal(campaign_migrations[0].migrate(f->batch.txn), 0);
    fixture_commit(f);
    fixture_end(f);
    fixture_start(f);
    fixture_begin(f);
    Quanyu__Journey *row = journey_load(f->batch.txn, 1, arena);
    const ProtobufCBinaryData versions[] = {row->definition, row->running};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        _cleanup_(journey_free) struct journey *journey = NULL;
        assert_int_equal(journey_parse_stored(versions[i].data, versions[i].len, &journey), 0);
        assert_int_equal(
            secrets_open(&f->campaign.secret_key, 1, "s", journey->steps[0].message.sealed, secret), 0);
        assert_string_equal(secret, "k");
    }
    fixture_commit(f);
}

static void changes_by_hand_are_told_with_their_actor(void **state)
{
    struct fixture *f = *state;
    static const char *const actions[] = {
        "journey.create", "journey.publish", "journey.pause", "journey.delete"};
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    char id[16];
    fixture_define(f, "", DEFINITION, id);
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE);
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE); /* no change */
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__PAUSED);
    fixture_set_state(f, id, QUANYU__JOURNEY__STATE__DELETED);
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        assert_true(fixture_next(f, RECORD_ACT, &out));
        Quanyu__CampaignAct *act = quanyu__campaign_act__unpack(NULL, out.size, out.data);
        assert_string_equal(act->action, actions[i]);
        assert_string_equal(act->detail, "j_1");
        assert_string_equal(act->actor->id, "hq");
        assert_string_equal(act->request_id, "request-1");
        quanyu__campaign_act__free_unpacked(act, NULL);
    }
    assert_false(fixture_next(f, RECORD_ACT, &out));
}

static Quanyu__JourneysReply *list(
    struct fixture *f, const char *id, const char *after, uint32_t limit, struct arena *arena)
{
    Quanyu__JourneysRequest question = QUANYU__JOURNEYS_REQUEST__INIT;
    question.id = (char *)id;
    question.after = (char *)after;
    question.limit = limit;
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_JOURNEYS;
    request.journeys = &question;
    Quanyu__CampaignReply reply;
    return ask(f, &request, arena, &reply) ? NULL : reply.journeys;
}

static void journeys_are_listed_in_pages(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    char id[16];
    assert_int_equal(arena_open(&arena), 0);
    for (int i = 0; i < 5; i++)
        fixture_define(f, "", DEFINITION, id);
    fixture_set_state(f, "j_2", QUANYU__JOURNEY__STATE__DELETED);
    Quanyu__JourneysReply *page = list(f, "", "", 2, arena);
    assert_int_equal(page->n_journeys, 2);
    assert_string_equal(page->journeys[1]->id, "j_3");
    assert_string_equal(page->next, "j_3");
    page = list(f, "", page->next, 2, arena);
    assert_int_equal(page->n_journeys, 2);
    assert_string_equal(page->journeys[0]->id, "j_4");
    assert_string_equal(page->next, "");
    page = list(f, "j_4", "", 0, arena);
    assert_int_equal(page->n_journeys, 1);
    assert_null(list(f, "j_2", "", 0, arena));
    assert_null(list(f, "j_9", "", 0, arena));
    assert_null(list(f, "", "no cursor", 0, arena));
}

static void what_tagging_refuses_is_pointed_to_in_the_definition(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    char id[16];
    assert_int_equal(arena_open(&arena), 0);
    fixture_define(f, "", DEFINITION, id);
    assert_int_equal(fixture_set_state(f, id, QUANYU__JOURNEY__STATE__ACTIVE), 0);
    fixture_answer(f, "j_1:1", "/segment: no such segment");
    Quanyu__JourneysReply *page = list(f, id, "", 0, arena);
    assert_int_equal(page->journeys[0]->state, QUANYU__JOURNEY__STATE__DRAFT);
    assert_string_equal(page->journeys[0]->error, "/entry/segment: no such segment");
}

static Quanyu__DeliveriesReply *deliveries(struct fixture *f, uint32_t person, const char *journey,
    uint64_t before, uint32_t limit, struct arena *arena)
{
    Quanyu__DeliveriesRequest question = QUANYU__DELIVERIES_REQUEST__INIT;
    question.person = person;
    question.journey = (char *)journey;
    question.before = before;
    question.limit = limit;
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_DELIVERIES;
    request.deliveries = &question;
    Quanyu__CampaignReply reply;
    return ask(f, &request, arena, &reply) ? NULL : reply.deliveries;
}

static void deliveries_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    uint32_t moved[] = {5};
    assert_int_equal(arena_open(&arena), 0);
    fixture_journey(
        f, "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[" SEND("s") "," SEND("t") "]}");
    fixture_member(f, "j_1:1", 4, true, false);
    fixture_member(f, "j_1:1", 5, true, false);
    fixture_member(f, "j_1:1", 6, true, false);
    fixture_send_all(f, OUTCOME_DELIVERED);
    fixture_moved(f, 5, 4, moved, 1);
    Quanyu__DeliveriesReply *page = deliveries(f, 0, "", 0, 4, arena);
    assert_int_equal(page->n_rows, 4);
    assert_int_equal(page->rows[0]->delivery->person, 6);
    assert_string_equal(page->rows[0]->delivery->step, "t");
    assert_int_equal(page->rows[0]->at_ms, f->now_ms);
    page = deliveries(f, 0, "j_1", page->next, 4, arena);
    assert_int_equal(page->n_rows, 2);
    assert_int_equal(page->rows[1]->delivery->node, 4);
    assert_int_equal(page->next, 0);
    page = deliveries(f, 4, "", 0, 3, arena);
    assert_int_equal(page->n_rows, 3);
    assert_int_equal(page->rows[0]->delivery->node, 5);
    assert_int_equal(page->rows[0]->delivery->person, 4);
    page = deliveries(f, 4, "j_1", page->next, 3, arena);
    assert_int_equal(page->n_rows, 1);
    assert_int_equal(page->next, 0);
    assert_int_equal(deliveries(f, 9, "", 0, 0, arena)->n_rows, 0);
    assert_null(deliveries(f, 0, "j_2", 0, 0, arena));
    assert_null(deliveries(f, 0, "x", 0, 0, arena));
    assert_int_equal(fixture_set_state(f, "j_1", QUANYU__JOURNEY__STATE__DELETED), 0);
    assert_int_equal(deliveries(f, 0, "j_1", 0, 10, arena)->n_rows, 6); /* what was sent stays so */
}

static int rules_of(struct fixture *f, const char *id, const char *definition, struct arena *arena,
    Quanyu__JourneyRulesReply **ret_rules)
{
    Quanyu__JourneyRulesRequest question = QUANYU__JOURNEY_RULES_REQUEST__INIT;
    question.id = (char *)id;
    question.definition = (ProtobufCBinaryData){.data = (uint8_t *)definition, .len = strlen(definition)};
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_RULES;
    request.rules = &question;
    Quanyu__CampaignReply reply;
    int error = ask(f, &request, arena, &reply);
    *ret_rules = error ? NULL : reply.rules;
    return error;
}

static void a_definition_tells_its_rules_and_where_they_stand(void **state)
{
    struct fixture *f = *state;
    _cleanup_(arena_close) struct arena *arena = NULL;
    Quanyu__JourneyRulesReply *list;
    char id[16];
    static const struct {
        const char *pointer, *rule;
    } wanted[] = {{"/steps/0/rule", "{\"tag\":\"t\"}"}, {"/exit_when", "{\"stage\":\"lost\"}"},
        {"/entry/event", "{\"event\":\"e\"}"}};
    assert_int_equal(arena_open(&arena), 0);
    assert_int_equal(
        rules_of(f, "",
            "{\"name\":\"n\",\"entry\":{\"event\":{\"event\":\"e\"}},"
            "\"exit_when\":{\"stage\":\"lost\"},\"steps\":["
            "{\"id\":\"c\",\"type\":\"condition\",\"rule\":{\"tag\":\"t\"},\"then\":\"s\"}," SEND("s") "]}",
            arena, &list),
        0);
    assert_int_equal(list->n_rules, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(list->rules[i]->pointer, wanted[i].pointer);
        assert_memory_equal(list->rules[i]->rule.data, wanted[i].rule, strlen(wanted[i].rule));
    }
    fixture_define(f, "", DEFINITION, id);
    assert_int_equal(rules_of(f, id, "", arena, &list), 0);
    assert_string_equal(list->rules[0]->pointer, "/entry");
    assert_int_equal(rules_of(f, "j_9", "", arena, &list), -QY_ENOTFOUND);
    assert_int_equal(rules_of(f, "", "{\"name\":\"n\"}", arena, &list), -QY_EINVAL);
    assert_string_equal(last.error_field, "/entry");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_has_a_handler),
        TEST(a_definition_becomes_a_draft),
        TEST(what_is_wrong_is_refused_and_changes_nothing),
        TEST(a_secret_is_kept_where_none_is_given),
        TEST(a_secret_that_nobody_gave_is_missed),
        TEST(without_its_key_a_secret_lets_deliveries_wait),
        TEST(secrets_of_an_older_state_are_sealed),
        TEST(changes_by_hand_are_told_with_their_actor),
        TEST(journeys_are_listed_in_pages),
        TEST(deliveries_are_listed_newest_first),
        TEST(what_tagging_refuses_is_pointed_to_in_the_definition),
        TEST(a_definition_tells_its_rules_and_where_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
