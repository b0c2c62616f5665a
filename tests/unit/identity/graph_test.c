/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who after random events, against a recomputation from all of them that knows nothing but the rules as the README says
 * them. */
#include "services/identity/handlers.h"
#include "services/identity/worker.h"
#include "tests/unit/identity/world.h"

#include <time.h>

#include "tests/unit/identity/graph_events.h"

static unsigned pick(unsigned count)
{
    return (unsigned)rand() % count; // NOLINT: repeatable
}

/* Sorted by kind, and within it by node, as nodes get their numbers. */
static void make_event(struct event_made *made, bool *ret_browser)
{
    *made = (struct event_made){.alias = pick(12) == 0,
        .name = pick(3) == 0 ? pick(COUNT_OF(names)) : NO_NAME,
        .ms = event_count * 10 + pick(60)};
    *ret_browser = pick(3) == 0;
    if (made->alias) {
        made->values[made->count++] = pick(kinds[0].count);
        made->values[made->count++] = pick(kinds[0].count);
        made->alias = made->values[0] != made->values[1];
        made->previous[1] = made->alias;
        made->count = made->alias ? 2 : 1;
    }
    unsigned more = made->count + 1 + pick(CARRIED - 2);
    while (made->count < more && made->count < CARRIED) {
        unsigned value = pick(VALUES), i = 0;
        while (i < made->count && made->values[i] != value)
            i++;
        if (i == made->count)
            made->values[made->count++] = value;
    }
    bool somebodys = false; /* what the gateway takes has an account or a browser */
    for (unsigned i = 0; i < made->count; i++)
        somebodys |=
            universe[made->values[i]].kind == 0 || universe[made->values[i]].kind == COUNT_OF(kinds) - 1;
    if (!somebodys && made->count == CARRIED)
        made->count--;
    if (!somebodys)
        made->values[made->count++] = VALUES - 1 - pick(kinds[COUNT_OF(kinds) - 1].count);
    for (unsigned i = 0; i < made->count; i++) {
        unsigned kind = universe[made->values[i]].kind;
        made->verified[i] = !*ret_browser && (kinds[kind].issued || (kinds[kind].stated && pick(2)));
    }
}

/* What is only blocked makes no person. */
static void drop_nobodys(struct event_made *made)
{
    for (unsigned i = 0; i < made->count; i++)
        if (!universe[made->values[i]].number || !is_blocked(carried(made, i)))
            return;
    made->count = 0;
}

/* New nodes are numbered by strength, and as the event carries them. */
static void number_nodes(const struct event_made *made)
{
    for (unsigned strength = 0; strength < COUNT_OF(kinds); strength++)
        for (unsigned i = 0; i < made->count; i++)
            if (strength_of(made->values[i]) == strength && !universe[made->values[i]].number)
                universe[made->values[i]].number = ++node_count;
}

/* Whose each event is, as the journal says; by its place in the history. */
static unsigned owners[EVENTS];

static unsigned event_of(uint64_t origin)
{
    unsigned e = 0;
    while (history[e].offset != origin)
        e++;
    assert_true(e < event_count);
    return e;
}

static void follow_events(const struct output *output)
{
    if (output->event)
        owners[event_of(output->event->origin)] = output->event->node;
    for (size_t i = 0; output->events_moved && i < output->events_moved->n_origins; i++) {
        unsigned e = event_of(output->events_moved->origins[i]);
        assert_int_equal(owners[e], output->events_moved->from);
        owners[e] = output->events_moved->nodes[i];
    }
}

/* Somebody decided who is who, and whoever follows does not know yet that this was all. */
static bool awaits_settling;

static void follow(struct world *world, unsigned *persons)
{
    struct output output;
    unsigned settled = world->settled;
    bool decided = false;
    while (next(world, &output)) {
        decided |= output.moved && output.moved->decision;
        follow_events(&output);
        if (output.created)
            persons[output.created->node] = output.created->person;
        for (size_t i = 0; output.moved && i < output.moved->n_nodes; i++) {
            assert_int_equal(persons[output.moved->nodes[i]], output.moved->from);
            persons[output.moved->nodes[i]] = output.moved->to;
        }
        if (output.event)
            assert_int_equal(output.event->person, persons[output.event->node]);
    }
    awaits_settling = (awaits_settling || decided) && world->settled == settled;
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

/* Once all of them have been looked at. */
static void compare_owners(struct world *world, unsigned *persons, unsigned seed)
{
    follow(world, persons);
    for (unsigned e = 0; e < event_count; e++) {
        unsigned owner = owner_of(&history[e]);
        if (owner && owners[e] != owner)
            fail_msg("seed %u, event %u: it is of node %u, but should be of %u", seed, e, owners[e], owner);
    }
}

/* -- decisions -- */

static struct rpc_context context_of(struct world *world)
{
    static Quanyu__Header header;
    static Quanyu__Actor actor;
    quanyu__header__init(&header);
    quanyu__actor__init(&actor);
    header.actor = &actor;
    return (struct rpc_context){.self = &world->identity,
        .header = &header,
        .arena = world->arena,
        .txn = world->batch.txn,
        .batch = &world->batch};
}

/* Whether events count that a decision took back. */
static void withdraw_events(unsigned number, bool withdrawn)
{
    for (unsigned e = 0; e < event_count; e++)
        if (decisions[number].kind == QUANYU__DECISION__KIND__WITHDRAW &&
            history[e].offset == decided_evidence[number])
            history[e].withdrawn = withdrawn;
}

static void keep_decision(const Quanyu__Decision *decision)
{
    struct decided *kept = &decisions[decision_count];
    assert_int_equal(decision->number, decision_count + 1);
    *kept = (struct decided){.kind = decision->kind};
    decided_evidence[decision_count] = decision->evidence;
    for (size_t i = 0; i < decision->n_nodes; i++)
        kept->nodes[kept->count++] = decision->nodes[i];
    for (size_t i = 0; i < decision->n_others; i++)
        kept->others[kept->other_count++] = decision->others[i];
    withdraw_events(decision_count++, true);
    if (decision->kind == QUANYU__DECISION__KIND__REASSIGN)
        begin_time(decision->nodes[0], decision->others[0], decision->since_ms);
}

static unsigned pick_known(void)
{
    unsigned value = pick(UNIVERSE);
    while (!universe[value].number)
        value = (value + 1) % UNIVERSE;
    return value;
}

static unsigned whose(struct world *world, unsigned value)
{
    struct node_place place;
    assert_true(identity_store_place(world->batch.txn, universe[value].number, &place));
    return place.person;
}

struct question {
    Quanyu__DecideRequest asked;
    Quanyu__IdentifierRef references[2], *pointers[2];
    char texts[2][64];
};

static void refer(struct question *question, unsigned value)
{
    size_t place = question->asked.n_identifiers++;
    quanyu__identifier_ref__init(&question->references[place]);
    value_text(value, question->texts[place]);
    question->references[place].kind = (char *)(uintptr_t)kinds[universe[value].kind].kind;
    question->references[place].value = question->texts[place];
    question->pointers[place] = &question->references[place];
}

/* Some identifiers, for a split mostly of one person. */
static void make_question(struct world *world, struct question *question)
{
    static const unsigned counts[] = {0, 2, 2, 1, 1, 0, 1};
    Quanyu__DecideRequest *asked = &question->asked;
    quanyu__decide_request__init(asked);
    asked->what = (Quanyu__DecideRequest__What)(1 + pick(universe[UNIVERSE - 1].number ? 5 : 6));
    asked->identifiers = question->pointers;
    bool split = asked->what == QUANYU__DECIDE_REQUEST__WHAT__SPLIT;
    unsigned first = pick_known();
    for (unsigned i = 0; i < counts[asked->what]; i++) {
        unsigned value = i ? pick_known() : first;
        for (unsigned k = 0; split && k < 60 && whose(world, value) != whose(world, first); k++)
            value = pick_known();
        refer(question, value);
    }
    if (split)
        asked->person = whose(world, first);
    else if (asked->what == QUANYU__DECIDE_REQUEST__WHAT__MOVE)
        asked->person = whose(world, pick_known());
    asked->evidence = history[pick(event_count)].offset;
    asked->since_ms = history[pick(event_count)].ms;
}

static bool is_applied(struct world *world)
{
    uint64_t done, all;
    return !worker_sweeps(world->identity.worker, &done, &all);
}

/* While other rules are applied, a decision may be what first shows who somebody is by now. */
static void decide_anew(struct world *world)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT, again = QUANYU__IDENTITY_REPLY__INIT;
    struct question question;
    begin(world);
    make_question(world, &question);
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DECIDE;
    request.decide = &question.asked;
    struct rpc_context context = context_of(world);
    int error = handle_decide(&context, &request.base, &reply.base);
    assert_true(error == 0 || error == -QY_ECONFLICT || error == -QY_EINVAL || error == -QY_ENOTFOUND);
    if (!error && !reply.decide->unchanged)
        keep_decision(reply.decide->decision);
    if (!error) {
        assert_int_equal(handle_decide(&context, &request.base, &again.base), 0);
        assert_true(again.decide->unchanged || !is_applied(world));
        if (!again.decide->unchanged)
            keep_decision(again.decide->decision);
    }
    commit(world);
}

static void undo(struct world *world, unsigned number)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT;
    Quanyu__UndoRequest asked = QUANYU__UNDO_REQUEST__INIT;
    begin(world);
    asked.number = number + 1;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_UNDO;
    request.undo = &asked;
    struct rpc_context context = context_of(world);
    assert_int_equal(handle_undo(&context, &request.base, &reply.base), 0);
    assert_int_equal(reply.undo->unchanged, decisions[number].undone);
    if (!decisions[number].undone && decisions[number].kind == QUANYU__DECISION__KIND__REASSIGN)
        end_time(decisions[number].others[0]);
    if (!decisions[number].undone)
        withdraw_events(number, false);
    decisions[number].undone = true;
    commit(world);
}

/* -- other rules -- */

static void write_rules(char text[2048])
{
    int used = snprintf(text, 2048, "{\"kinds\":[");
    const char *const more[] = {"wechat_unionid", "wechat_openid", "loyalty_no"};
    for (unsigned place = 0; place < COUNT_OF(kinds); place++) {
        unsigned i = 0;
        while (kinds[i].strength != place)
            i++;
        char limit[16] = "null", busy[16] = "null";
        if (kinds[i].limit)
            snprintf(limit, sizeof(limit), "%u", kinds[i].limit);
        if (kinds[i].most_strong)
            snprintf(busy, sizeof(busy), "%u", kinds[i].most_strong);
        used += snprintf(text + used, 2048 - (size_t)used,
            "{\"kind\":\"%s\",\"joins\":%s,\"verified\":\"%s\",\"limit\":%s,\"busy_after\":%s,\"one_owner\":%"
            "s,\"one_name\":%s,\"handed_on\":%s},",
            kinds[i].kind, kinds[i].joins_nothing ? "false" : "true",
            kinds[i].issued   ? "issued"
            : kinds[i].stated ? "stated"
                              : "never",
            limit, busy, kinds[i].one_owner ? "true" : "false", kinds[i].one_name ? "true" : "false",
            kinds[i].handed_on ? "true" : "false");
    }
    for (unsigned i = 0; i < COUNT_OF(more); i++)
        used += snprintf(text + used, 2048 - (size_t)used, "%s{\"kind\":\"%s\"}", i ? "," : "", more[i]);
    snprintf(text + used, 2048 - (size_t)used, "]}");
}

static bool has_all_owners(struct world *world)
{
    return worker_left(world->identity.worker) == 0;
}

static void sweep(struct world *world, unsigned count)
{
    begin(world);
    assert_int_equal(
        (is_applied(world) ? worker_attribute : worker_sweep)(world->identity.worker, &world->batch, count),
        0);
    if (pick(9) == 0)
        roll_back(world);
    else
        commit(world);
}

static void set_rules(struct world *world)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply = QUANYU__IDENTITY_REPLY__INIT;
    Quanyu__RulesRequest asked = QUANYU__RULES_REQUEST__INIT;
    char text[2048];
    write_rules(text);
    asked.whichever = true;
    asked.document = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_CHANGE_RULES;
    request.change_rules = &asked;
    begin(world);
    struct rpc_context context = context_of(world);
    assert_int_equal(handle_change_rules(&context, &request.base, &reply.base), 0);
    commit(world);
}

static void change_rules(struct world *world)
{
    unsigned kind = pick(COUNT_OF(kinds)), other = pick(COUNT_OF(kinds)), strength = kinds[kind].strength;
    switch (pick(7)) {
    case 5:
        kinds[kind].one_name = !kinds[kind].one_name;
        break;
    case 6:
        kinds[kind].handed_on = !kinds[kind].handed_on;
        break;
    case 3:
        kinds[kind].strength = kinds[other].strength;
        kinds[other].strength = strength;
        break;
    case 0:
        kinds[kind].limit = pick(5);
        break;
    case 2:
        kinds[kind].one_owner = !kinds[kind].one_owner;
        break;
    case 1:
        kinds[kind].most_strong = kind ? pick(6) : 0;
        break;
    default:
        kinds[kind].joins_nothing = !kinds[kind].joins_nothing;
    }
    set_rules(world);
}

static void decide_something(struct world *world)
{
    if (pick(6) == 0) {
        change_rules(world);
        return;
    }
    if (decision_count && pick(3) == 0)
        undo(world, pick(decision_count));
    else if (decision_count < EVENTS)
        decide_anew(world);
}

static void run(struct world *world, unsigned seed, bool decide)
{
    static unsigned persons[UNIVERSE + 1];
    static typeof(kinds) defaults; /* as they are written above */
    if (!defaults[0].kind)
        memcpy(defaults, kinds, sizeof(kinds));
    srand(seed);
    awaits_settling = false;
    make_universe();
    memcpy(kinds, defaults, sizeof(kinds));
    memset(persons, 0, sizeof(persons));
    while (event_count < EVENTS) {
        char body[2048];
        bool browser, again = pick(9) == 0;
        struct event_made *made = &history[event_count];
        make_event(made, &browser);
        write_event(made, !browser, body);
        if (browser)
            made->name = NO_NAME; /* it says none that counts */
        drop_nobodys(made);
        number_nodes(made);
        made->offset = world->offset;
        if (again) { /* what is rolled back leaves nothing behind */
            begin(world);
            fold_raw(world, body, made, browser);
            roll_back(world);
            world->offset--;
        }
        begin(world);
        fold_raw(world, body, made, browser);
        commit(world);
        event_count++;
        if (pick(40) == 0) {
            close_world(world);
            open_world(world);
        }
        if (!has_all_owners(world))
            sweep(world, 1 + pick(20));
        if (is_applied(world))
            compare(world, persons, seed);
        if (has_all_owners(world))
            compare_owners(world, persons, seed);
        if (decide && pick(4) == 0) {
            decide_something(world);
            if (is_applied(world))
                compare(world, persons, seed);
        }
    }
    while (!has_all_owners(world))
        sweep(world, 7);
    compare(world, persons, seed);
    assert_true(!awaits_settling && (decide || world->settled == 0));
    compare_owners(world, persons, seed);
}

static void persons_follow_from_events_and_rules_alone(void **state)
{
    (void)state;
    const char *fixed = getenv("QUANYU_SEED");
    unsigned first = fixed ? (unsigned)strtoul(fixed, NULL, 10) : (unsigned)time(NULL);
    for (unsigned i = 0; i < 6; i++) {
        void *world;
        set_up(&world);
        run(world, first + i, i % 2);
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
