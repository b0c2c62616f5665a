/* SPDX-License-Identifier: Apache-2.0 */
/* Events that turn out to be others' leave all as if they had come so: held against the same story told with them where they belong. */
#include "tests/unit/tagging/random_world.h"

#include <time.h>

#define ROUNDS 6
#define RULES_A_ROUND 25
#define UNITS 3u
#define GUIDES 4u

struct told {
    struct story story;
    uint32_t
        owner[STORY_STEPS +
              STORY_NODES]; /* of each step that is an event: the node that it comes with, then whose it is */
    uint32_t final[STORY_STEPS + STORY_NODES];
    uint32_t made[STORY_STEPS + STORY_NODES]; /* nodes that there were at that step */
    uint64_t origin[STORY_STEPS + STORY_NODES];
};

static void make(struct told *told, unsigned seed)
{
    uint32_t made = 0;
    random_story(&told->story, seed);
    for (size_t i = 0; i < told->story.count; i++) {
        struct story_step *step = &told->story.steps[i];
        made += step->kind == STORY_NODE;
        told->made[i] = made;
        told->owner[i] = 0;
        if (step->kind != STORY_EVENT)
            continue;
        if (random_below(2))
            step->node = random_below(made < 6 ? made : 6) + 1; /* some have very many */
        if (random_below(3) == 0) {
            step->event.unit = random_below(UNITS) + 1;
            step->event.staff = random_below(GUIDES + 1);
        }
        told->owner[i] = step->node;
    }
}

static void define_some(struct world *world)
{
    static const char *const rules[] = {"{\"metric\":\"revenue\",\"gte\":\"500\"}",
        "{\"event\":\"Product Viewed\",\"within\":\"90d\",\"count\":{\"gte\":2}}",
        "{\"trait\":\"city\",\"is\":\"上海\"}"};
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        world_segment(world, rules[i], NULL);
    for (uint32_t unit = 1; unit <= UNITS; unit++)
        world_unit(world, unit, unit > 1, false);
    for (uint32_t guide = 1; guide <= GUIDES; guide++)
        world_staff(world, guide, guide % UNITS + 1, false);
}

/* Some events of one node, to whichever node was there when they came. */
static void move_some(struct world *world, struct told *told, size_t until)
{
    static uint64_t origins[STORY_STEPS + STORY_NODES];
    static uint32_t nodes[STORY_STEPS + STORY_NODES];
    uint32_t from = random_below(told->made[until] < 8 ? told->made[until] : 8) + 1,
             often = random_below(4) + 1;
    Quanyu__EventsMoved record = QUANYU__EVENTS_MOVED__INIT;
    size_t count = 0;
    for (size_t i = 0; i <= until; i++) {
        uint32_t to = told->made[i] ? random_below(told->made[i]) + 1 : 0;
        if (told->owner[i] != from || to == from || random_below(often))
            continue;
        origins[count] = told->origin[i];
        nodes[count++] = told->owner[i] = to;
    }
    record.from = from;
    record.origins = origins;
    record.nodes = nodes;
    record.n_origins = record.n_nodes = count;
    if (count > 0)
        world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_EVENTS_MOVED, &record.base);
}

static void tell(struct world *world, struct told *told, bool moving)
{
    uint32_t person[STORY_NODES + 1] = {0}, moved[STORY_NODES];
    define_some(world);
    for (size_t i = 0; i < told->story.count; i++) {
        const struct story_step *step = &told->story.steps[i];
        struct world_event event = step->event;
        size_t count = 0;
        event.node = moving ? step->node : told->final[i];
        if (step->kind == STORY_EVENT)
            told->origin[i] = world_event(world, event);
        if (step->kind == STORY_NODE)
            world_node(world, step->node, person[step->node] = step->to, story_kind_of(step->node));
        for (uint32_t node = 1; step->kind == STORY_MOVE && node <= STORY_NODES; node++)
            if (person[node] == step->from && (step->node == 0 || step->node == node)) {
                person[node] = step->to;
                moved[count++] = node;
            }
        if (count > 0)
            world_move(world, moved, count, step->from, step->to);
        if (moving && i % 40 == 39)
            move_some(world, told, i);
        if (i % 100 == 99)
            world_commit(world);
    }
    world_time(world, world->batch.now_ms + 1000);
    memcpy(told->final, told->owner, sizeof(told->owner));
}

static void ask_both(struct world *one, struct world *other)
{
    const struct rule_names_known names = {0};
    for (unsigned i = 0; i < RULES_A_ROUND; i++) {
        _cleanup_(buffer_free) struct buffer rule = BUFFER_INIT;
        Quanyu__AudienceReply *reply;
        uint64_t counts[2] = {0};
        random_rule(&rule, &names, 3);
        struct world *const worlds[] = {one, other};
        for (unsigned k = 0; k < 2; k++) {
            world_now = worlds[k];
            if (world_audience(worlds[k], buffer_c_str(&rule), 0, false, &reply) == 0)
                counts[k] = reply->count;
        }
        if (counts[0] != counts[1])
            fail_msg("%s: %llu, and %llu where the events came so", buffer_c_str(&rule),
                (unsigned long long)counts[0], (unsigned long long)counts[1]);
    }
}

static void what_moved_is_as_if_it_had_come_so(void **state)
{
    (void)state;
    static struct told told;
    const char *fixed = getenv("QUANYU_SEED");
    unsigned first = fixed ? (unsigned)strtoul(fixed, NULL, 10) : (unsigned)time(NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        make(&told, first + round);
        struct world *moved = world_open();
        tell(moved, &told, true);
        char *after = world_dump(moved);
        struct world *so = world_open();
        tell(so, &told, false);
        char *expected = world_dump(so);
        if (strcmp(after, expected) != 0)
            for (size_t i = 0; after[i] || expected[i]; i++)
                if (after[i] != expected[i])
                    fail_msg("seed %u: …%.600s… is not …%.600s…", first + round,
                        after + (i > 300 ? i - 300 : 0), expected + (i > 300 ? i - 300 : 0));
        assert_int_equal(moved->tagging.state.ignored, so->tagging.state.ignored);
        ask_both(moved, so);
        free(after);
        free(expected);
        world_now = moved;
        world_close(moved);
        world_now = so;
        world_close(so);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_moved_is_as_if_it_had_come_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
