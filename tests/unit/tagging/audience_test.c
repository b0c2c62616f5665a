/* SPDX-License-Identifier: Apache-2.0 */
/* The same rule gives the same people whichever way it is asked. */
#include "tests/unit/tagging/random_world.h"

#define WORLDS 4
#define RULES_A_WORLD 250

struct answer {
    uint64_t count;
    uint32_t persons[STORY_NODES];
};

static int ask(
    struct world *world, const char *rule, int64_t as_of_ms, bool by_scan, struct answer *ret_answer)
{
    Quanyu__AudienceReply *reply = NULL;
    memset(ret_answer, 0, sizeof(*ret_answer));
    int code = world_audience(world, rule, as_of_ms, by_scan, &reply);
    if (code)
        return code;
    assert_int_equal(reply->count, reply->n_persons);
    ret_answer->count = reply->count;
    memcpy(ret_answer->persons, reply->persons, reply->n_persons * sizeof(*reply->persons));
    return 0;
}

static void assert_same(const struct answer *a, const struct answer *b, const char *rule)
{
    if (a->count != b->count || memcmp(a->persons, b->persons, sizeof(a->persons)) != 0)
        fail_msg(
            "%llu against %llu for %s", (unsigned long long)a->count, (unsigned long long)b->count, rule);
}

static void tag_by_hand(struct world *world, uint32_t person)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__TagPersonRequest change = QUANYU__TAG_PERSON_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    change.person = person;
    change.tag = (char *)"seen";
    change.add = true;
    change.origin = (char *)"guide";
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_TAG_PERSON;
    request.tag_person = &change;
    int code = world_ask(world, &request, &reply);
    if (code && code != -QY_ENOTFOUND) /* a node without an event was never told of */
        fail_msg("person %u: %s %s", person, world->field, world->error);
}

static void define_all(struct world *world, struct rule_names_known *names, char segment[64])
{
    static const char big[] = "{\"metric\":\"gross\",\"gte\":300}";
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__TAG, "big", big, true, NULL), 0);
    assert_int_equal(world_define(world, QUANYU__DEFINITION__KIND__TAG, "seen", NULL, true, NULL), 0);
    world_segment(world, "{\"any\":[{\"tag\":\"big\"},{\"event\":\"a\",\"within\":\"40d\"}]}", segment);
    *names = (struct rule_names_known){.tags = {"big", "seen"}, .segment = segment};
}

static void index_and_scan_agree(void **state)
{
    (void)state;
    static struct story story;
    size_t found = 0;
    for (unsigned round = 0; round < WORLDS; round++) {
        struct world *world = world_open();
        struct rule_names_known names;
        char segment[64];
        index_limit_log(world->tagging.index, round % 2 ? 50 : 100000);
        random_story(&story, round + 1);
        define_all(world, &names, segment);
        story_tell(world, &story, INT64_MAX, round * 37);
        for (uint32_t i = 1; i <= STORY_NODES; i += 3)
            if (story.person[i] != 0)
                tag_by_hand(world, i);
        world_time(world, clock_next_midnight(WORLD_START) + (int64_t)round * DAY_MS);
        for (unsigned i = 0; i < RULES_A_WORLD; i++) {
            _cleanup_(buffer_free) struct buffer rule = BUFFER_INIT;
            struct answer by_index, by_scan;
            random_rule(&rule, &names, 3);
            const char *text = buffer_c_str(&rule);
            int code = ask(world, text, 0, false, &by_index);
            assert_int_equal(ask(world, text, 0, true, &by_scan), code);
            if (code && code != -QY_EINVAL)
                fail_msg("%s: %s", text, world->error);
            assert_same(&by_index, &by_scan, text);
            found += by_index.count > 0;
        }
        world_close(world);
    }
    assert_true(found > WORLDS * RULES_A_WORLD / 4); /* the rules are about somebody */
}

static void an_earlier_time_is_what_would_have_been_seen_then(void **state)
{
    (void)state;
    static struct story story;
    const struct rule_names_known names = {0};
    for (unsigned round = 0; round < WORLDS; round++) {
        int64_t as_of_ms = WORLD_START - (int64_t)(round + 1) * 31 * DAY_MS + 777;
        struct world *now = world_open();
        random_story(&story, round + 100);
        story_tell(now, &story, INT64_MAX, 50);
        world_commit(now);
        struct world *then = world_open();
        then->batch.now_ms = as_of_ms;
        story_tell(then, &story, as_of_ms, 50);
        then->batch.now_ms = as_of_ms;
        assert_int_equal(tagging_fold.finish(&then->tagging, &then->batch), 0);
        assert_int_equal(tagging_begin(&then->tagging, &then->batch), 0);
        assert_int_equal(tagging_midnight(&then->tagging, &then->batch), 0);
        assert_int_equal(
            tagging_settle(&then->tagging, &then->batch, &(struct cause){.kind = CAUSE_EVENT}), 0);
        for (unsigned i = 0; i < RULES_A_WORLD; i++) {
            _cleanup_(buffer_free) struct buffer rule = BUFFER_INIT;
            struct answer past, present;
            random_rule(&rule, &names, 3);
            const char *text = buffer_c_str(&rule);
            world_now = then;
            int code = ask(then, text, 0, true, &present);
            world_now = now;
            assert_int_equal(ask(now, text, as_of_ms, false, &past), code);
            assert_same(&past, &present, text);
        }
        world_close(now);
        world_now = then;
        world_close(then);
    }
}

static void what_has_no_history_is_refused_for_the_past(void **state)
{
    (void)state;
    struct world *world = world_open();
    struct rule_names_known names;
    struct answer answer;
    char segment[64];
    define_all(world, &names, segment);
    assert_int_equal(ask(world, "{\"all\":[{\"tag\":\"big\"}]}", 1, false, &answer), -QY_EINVAL);
    assert_string_equal(world->field, "/rule/all/0/tag");
    assert_int_equal(ask(world, "{\"stage\":\"dormant\"}", 1, false, &answer), 0);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_and_scan_agree),
        cmocka_unit_test(an_earlier_time_is_what_would_have_been_seen_then),
        cmocka_unit_test(what_has_no_history_is_refused_for_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
