/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who after random events, against a recomputation from all of them that knows nothing but the rules as the README says
 * them. */
#include "tests/unit/identity/world.h"

#include <time.h>

#define UNIVERSE 40
#define EVENTS 160
#define CARRIED 4

/* The universe: so many values of each kind, the strongest kind first. */
static const struct {
    const char *kind, *format;
    unsigned count, limit, most_strong; /* of one person; beyond so many of a stronger kind it is busy */
    bool issued, stated;
} kinds[] = {
    {"user_id", "u-%u", 6, 1, 0, true, false},
    {"member_card", "c-%u", 8, 3, 5, true, false},
    {"phone", "+861380013%04u", 8, 3, 5, false, true},
    {"email", "p%u@example.com", 6, 5, 5, false, true},
    {"anonymous_id", "a-%u", 12, 0, 5, false, false},
};

struct value {
    unsigned kind, index;
    unsigned number; /* of its node; 0: not seen */
};
static struct value universe[UNIVERSE];

struct event_made {
    unsigned values[CARRIED], count;
    bool verified[CARRIED];
    bool alias;
};
static struct event_made history[EVENTS];
static unsigned event_count, node_count;

struct made_link {
    bool is, verified, alias;
    unsigned order;
};
static struct made_link links[UNIVERSE][UNIVERSE];

static void make_universe(void)
{
    unsigned count = 0;
    for (unsigned kind = 0; kind < COUNT_OF(kinds); kind++)
        for (unsigned i = 0; i < kinds[kind].count; i++)
            universe[count++] = (struct value){kind, i, 0};
    assert_int_equal(count, UNIVERSE);
    event_count = node_count = 0;
}

/* -- the naive one -- */

static void note_link(unsigned one, unsigned other, bool verified, bool alias, unsigned order)
{
    struct made_link *link = &links[one][other];
    if (link->is && (link->verified || !verified))
        return;
    *link = (struct made_link){true, verified, verified && alias, order};
    links[other][one] = *link;
}

static bool is_busy(unsigned value)
{
    unsigned kind = universe[value].kind;
    for (unsigned strong = 0; strong < kind; strong++) {
        unsigned seen = 0;
        for (unsigned other = 0; other < UNIVERSE; other++)
            seen += universe[other].kind == strong && links[value][other].is;
        if (kinds[kind].most_strong && seen > kinds[kind].most_strong)
            return true;
    }
    return false;
}

static bool fits(
    const unsigned *part, const bool *verified, unsigned one, unsigned other, const struct made_link *link)
{
    for (unsigned kind = 0; kind < COUNT_OF(kinds); kind++) {
        unsigned counts[2] = {0}, sure[2] = {0};
        for (unsigned i = 0; i < UNIVERSE; i++) {
            if (universe[i].kind != kind || (part[i] != part[one] && part[i] != part[other]))
                continue;
            counts[part[i] == part[one]]++;
            sure[part[i] == part[one]] += verified[i];
        }
        bool held = !(link->alias && kind == 0) && kinds[kind].limit;
        if (held && counts[0] && counts[1] && counts[0] + counts[1] > kinds[kind].limit)
            return false;
        if (!link->verified && sure[0] && sure[1])
            return false;
    }
    return true;
}

/* True when the link (one, other) counts before (left, right). */
static bool precedes(unsigned one, unsigned other, unsigned left, unsigned right)
{
    const struct made_link *a = &links[one][other], *b = &links[left][right];
    const unsigned keys[2][6] = {
        {!a->verified, a->order, universe[one].kind, universe[other].kind, universe[one].number,
            universe[other].number},
        {!b->verified, b->order, universe[left].kind, universe[right].kind, universe[left].number,
            universe[right].number},
    };
    for (unsigned i = 0; i < 6; i++)
        if (keys[0][i] != keys[1][i])
            return keys[0][i] < keys[1][i];
    return false;
}

/* Ordered within: the stronger kind first, of one kind the lower number. */
static bool is_first(unsigned one, unsigned other)
{
    return universe[one].kind != universe[other].kind ? universe[one].kind < universe[other].kind
                                                      : universe[one].number < universe[other].number;
}

static void recompute(unsigned *part)
{
    bool verified[UNIVERSE] = {0}, taken[UNIVERSE][UNIVERSE] = {{0}};
    memset(links, 0, sizeof(links));
    for (unsigned e = 0; e < event_count; e++)
        for (unsigned i = 0; i < history[e].count; i++) {
            verified[history[e].values[i]] |= history[e].verified[i];
            for (unsigned k = 0; k < i; k++)
                note_link(history[e].values[i], history[e].values[k],
                    history[e].verified[i] && history[e].verified[k], history[e].alias && (i == 1 || k == 1),
                    e);
        }
    for (unsigned i = 0; i < UNIVERSE; i++)
        part[i] = universe[i].number ? universe[i].number : 1000 + i;
    for (;;) {
        unsigned one = UNIVERSE, other = UNIVERSE;
        for (unsigned i = 0; i < UNIVERSE; i++)
            for (unsigned k = 0; k < UNIVERSE; k++)
                if (links[i][k].is && !taken[i][k] && is_first(i, k) && !is_busy(i) && !is_busy(k) &&
                    (one == UNIVERSE || precedes(i, k, one, other))) {
                    one = i;
                    other = k;
                }
        if (one == UNIVERSE)
            return;
        taken[one][other] = true;
        unsigned from = part[one] > part[other] ? part[one] : part[other];
        unsigned to = part[one] > part[other] ? part[other] : part[one];
        if (from != to && fits(part, verified, one, other, &links[one][other]))
            for (unsigned i = 0; i < UNIVERSE; i++)
                part[i] = part[i] == from ? to : part[i];
    }
}

/* -- the same events for the fold -- */

static void value_text(unsigned value, char text[64])
{
    snprintf(text, 64, kinds[universe[value].kind].format, universe[value].index); // NOLINT
}

static void write_event(const struct event_made *made, bool trusted, char body[2048])
{
    int used = snprintf(body, 2048, "{");
    char text[64];
    unsigned first = 0;
    if (made->alias) {
        value_text(made->values[0], text);
        used += snprintf(body + used, 2048, "\"userId\":\"%s\",", text);
        value_text(made->values[1], text);
        used += snprintf(body + used, 2048, "\"previousId\":\"%s\",", text);
        first = 2;
    }
    used += snprintf(
        body + used, 2048, "\"context\":{\"source\":\"%s\",\"externalIds\":[", trusted ? "till" : "web");
    for (unsigned i = first; i < made->count; i++) {
        value_text(made->values[i], text);
        used += snprintf(body + used, 2048, "%s{\"type\":\"%s\",\"id\":\"%s\",\"verified\":%s}",
            i > first ? "," : "", kinds[universe[made->values[i]].kind].kind, text,
            made->verified[i] ? "true" : "false");
    }
    snprintf(body + used, 2048, "]}}");
}

static void fold_raw(struct world *world, const char *body, Quanyu__EventType type, bool browser)
{
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    uint8_t packed[4096];
    char id[] = "m";
    raw.type = type;
    raw.message_id = id;
    raw.browser = browser;
    raw.body = (ProtobufCBinaryData){.len = strlen(body), .data = (uint8_t *)(uintptr_t)body};
    add_record(world, IDENTITY_INPUT_EVENT, (struct bytes){packed, quanyu__raw_event__pack(&raw, packed)});
}

static unsigned pick(unsigned count)
{
    return (unsigned)rand() % count; // NOLINT: repeatable
}

/* Sorted by kind, and within it by node, as nodes get their numbers. */
static void make_event(struct event_made *made, bool *ret_browser)
{
    *made = (struct event_made){.alias = pick(12) == 0};
    *ret_browser = pick(3) == 0;
    if (made->alias) {
        made->values[made->count++] = pick(kinds[0].count);
        made->values[made->count++] = pick(kinds[0].count);
        made->alias = made->values[0] != made->values[1];
        made->count = made->alias ? 2 : 1;
    }
    unsigned more = made->count + 1 + pick(CARRIED - 2);
    while (made->count < more && made->count < CARRIED) {
        unsigned value = pick(UNIVERSE), i = 0;
        while (i < made->count && made->values[i] != value)
            i++;
        if (i == made->count)
            made->values[made->count++] = value;
    }
    for (unsigned i = 0; i < made->count; i++) {
        unsigned kind = universe[made->values[i]].kind;
        made->verified[i] = !*ret_browser && (kinds[kind].issued || (kinds[kind].stated && pick(2)));
    }
}

/* New nodes are numbered by strength, and as the event carries them. */
static void number_nodes(const struct event_made *made)
{
    for (unsigned kind = 0; kind < COUNT_OF(kinds); kind++)
        for (unsigned i = 0; i < made->count; i++)
            if (universe[made->values[i]].kind == kind && !universe[made->values[i]].number)
                universe[made->values[i]].number = ++node_count;
}

static void follow(struct world *world, unsigned *persons)
{
    struct output output;
    while (next(world, &output)) {
        if (output.created)
            persons[output.created->node] = output.created->person;
        for (size_t i = 0; output.moved && i < output.moved->n_nodes; i++) {
            assert_int_equal(persons[output.moved->nodes[i]], output.moved->from);
            persons[output.moved->nodes[i]] = output.moved->to;
        }
        if (output.event)
            assert_int_equal(output.event->person, persons[output.event->node]);
    }
    arena_reset(world->arena);
}

static void compare(struct world *world, unsigned *persons, unsigned seed)
{
    unsigned part[UNIVERSE], count = 0;
    struct store_txn *txn;
    struct identity_counters counters;
    recompute(part);
    follow(world, persons);
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    for (unsigned i = 0; i < UNIVERSE; i++) {
        struct node_place place;
        unsigned number = universe[i].number;
        if (!number)
            continue;
        assert_true(identity_store_place(txn, number, &place));
        if (place.person != part[i] || persons[number] != part[i])
            fail_msg("seed %u, event %u: node %u is of %u, and of %u in the journal, but should be of %u",
                seed, event_count, number, place.person, persons[number], part[i]);
        count += part[i] == number;
    }
    identity_store_counters(txn, &counters);
    assert_int_equal(counters.persons, count);
    store_abort(&txn);
}

static void run(struct world *world, unsigned seed)
{
    static unsigned persons[UNIVERSE + 1];
    srand(seed);
    make_universe();
    memset(persons, 0, sizeof(persons));
    while (event_count < EVENTS) {
        char body[2048];
        bool browser, again = pick(9) == 0;
        struct event_made *made = &history[event_count];
        make_event(made, &browser);
        write_event(made, !browser, body);
        number_nodes(made);
        Quanyu__EventType type = made->alias ? ALIAS : TRACK;
        if (again) { /* what is rolled back leaves nothing behind */
            begin(world);
            fold_raw(world, body, type, browser);
            roll_back(world);
            world->offset--;
        }
        begin(world);
        fold_raw(world, body, type, browser);
        commit(world);
        event_count++;
        if (pick(40) == 0) {
            close_world(world);
            open_world(world);
        }
        compare(world, persons, seed);
    }
}

static void persons_follow_from_events_and_rules_alone(void **state)
{
    (void)state;
    unsigned first = (unsigned)time(NULL);
    for (unsigned i = 0; i < 12; i++) {
        void *world;
        set_up(&world);
        run(world, first + i);
        tear_down(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(persons_follow_from_events_and_rules_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
