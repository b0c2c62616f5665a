/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who after random events, against a recomputation from all of them that knows nothing but the rules as the README says
 * them. */
#include "services/identity/handlers.h"
#include "tests/unit/identity/world.h"

#include <time.h>

#define UNIVERSE 40
#define EVENTS 120
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
    bool previous[CARRIED]; /* a former name */
    bool alias;
    bool withdrawn;
    uint64_t offset;
};
static struct event_made history[EVENTS];
static unsigned event_count, node_count;

/* What was decided by hand, as it was answered; by number. */
static struct decided {
    unsigned kind, count, other_count;
    unsigned nodes[UNIVERSE], others[UNIVERSE];
    bool undone;
} decisions[EVENTS];
static uint64_t decided_evidence[EVENTS];
static unsigned decision_count;

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
    event_count = node_count = decision_count = 0;
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

static unsigned value_of(unsigned number)
{
    for (unsigned i = 0; i < UNIVERSE; i++)
        if (universe[i].number == number)
            return i;
    return UNIVERSE;
}

static bool has(const unsigned *numbers, unsigned count, unsigned number)
{
    for (unsigned i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static bool is_blocked(unsigned value)
{
    for (unsigned d = 0; d < decision_count; d++)
        if (decisions[d].kind == QUANYU__DECISION__KIND__BLOCK && !decisions[d].undone &&
            decisions[d].nodes[0] == universe[value].number)
            return true;
    return false;
}

static bool is_parting(const struct decided *decided)
{
    return !decided->undone &&
           (decided->kind == QUANYU__DECISION__KIND__SPLIT || decided->kind == QUANYU__DECISION__KIND__MOVE);
}

static bool is_joining(const struct decided *decided)
{
    return !decided->undone && (decided->kind == QUANYU__DECISION__KIND__JOIN || is_parting(decided));
}

static bool kept_apart(const unsigned *part, unsigned one, unsigned other)
{
    for (unsigned d = 0; d < decision_count; d++)
        for (unsigned i = 0; is_parting(&decisions[d]) && i < decisions[d].other_count; i++) {
            unsigned left = part[value_of(decisions[d].nodes[0])];
            unsigned right = part[value_of(decisions[d].others[i])];
            if ((left == part[one] && right == part[other]) || (left == part[other] && right == part[one]))
                return true;
        }
    return false;
}

/* Whether a later decision took back that these two are one. */
static bool taken_back(unsigned one, unsigned other, unsigned number)
{
    for (unsigned d = number; d < decision_count; d++) {
        const struct decided *decided = &decisions[d];
        unsigned goes = decided->kind == QUANYU__DECISION__KIND__MOVE ? 1 : decided->count;
        if (is_parting(decided) &&
            ((has(decided->nodes, goes, one) && has(decided->others, decided->other_count, other)) ||
                (has(decided->nodes, goes, other) && has(decided->others, decided->other_count, one))))
            return true;
    }
    return false;
}

static bool joins_pair(const struct decided *decided, unsigned one, unsigned other)
{
    return is_joining(decided) &&
           ((decided->nodes[0] == one && has(decided->nodes + 1, decided->count - 1, other)) ||
               (decided->nodes[0] == other && has(decided->nodes + 1, decided->count - 1, one)));
}

static void unite(unsigned *part, unsigned one, unsigned other)
{
    unsigned from = part[one] > part[other] ? part[one] : part[other];
    unsigned to = part[one] > part[other] ? part[other] : part[one];
    for (unsigned i = 0; i < UNIVERSE; i++)
        part[i] = part[i] == from ? to : part[i];
}

/* A pair counts where it was said last. */
static void join_pair(unsigned *part, unsigned d, unsigned one, unsigned other)
{
    unsigned left = value_of(one), right = value_of(other);
    for (unsigned later = d + 1; later < decision_count; later++)
        if (joins_pair(&decisions[later], one, other))
            return;
    if (!taken_back(one, other, d + 1) && part[left] != part[right] && !kept_apart(part, left, right))
        unite(part, left, right);
}

static bool is_before(unsigned one, unsigned other)
{
    unsigned a = universe[value_of(one)].kind, b = universe[value_of(other)].kind;
    return a != b ? a < b : one < other;
}

/* In the order of the decisions; of one decision the stronger and older first. */
static void join_by_hand(unsigned *part)
{
    for (unsigned d = 0; d < decision_count; d++) {
        const struct decided *decided = &decisions[d];
        bool done[UNIVERSE] = {false};
        for (unsigned turn = 1; is_joining(decided) && turn < decided->count; turn++) {
            unsigned next = 0;
            for (unsigned i = 1; i < decided->count; i++)
                if (!done[i] && (!next || is_before(decided->nodes[i], decided->nodes[next])))
                    next = i;
            done[next] = true;
            join_pair(part, d, decided->nodes[0], decided->nodes[next]);
        }
    }
}

static bool fits(
    const unsigned *part, const bool *verified, unsigned one, unsigned other, const struct made_link *link)
{
    if (kept_apart(part, one, other))
        return false;
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
            for (unsigned k = 0; k < i && !history[e].withdrawn; k++)
                note_link(history[e].values[i], history[e].values[k],
                    history[e].verified[i] && history[e].verified[k],
                    history[e].previous[i] || history[e].previous[k], e);
        }
    for (unsigned i = 0; i < UNIVERSE; i++)
        part[i] = universe[i].number ? universe[i].number : 1000 + i;
    join_by_hand(part);
    for (;;) {
        unsigned one = UNIVERSE, other = UNIVERSE;
        for (unsigned i = 0; i < UNIVERSE; i++)
            for (unsigned k = 0; k < UNIVERSE; k++)
                if (links[i][k].is && !taken[i][k] && is_first(i, k) && !is_busy(i) && !is_busy(k) &&
                    !is_blocked(i) && !is_blocked(k) && (one == UNIVERSE || precedes(i, k, one, other))) {
                    one = i;
                    other = k;
                }
        if (one == UNIVERSE)
            return;
        taken[one][other] = true;
        if (part[one] != part[other] && fits(part, verified, one, other, &links[one][other]))
            unite(part, one, other);
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
        made->previous[1] = made->alias;
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

/* What is blocked is as if the event did not carry it. */
static void drop_blocked(struct event_made *made)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < made->count; i++) {
        if (universe[made->values[i]].number && is_blocked(made->values[i]))
            continue;
        made->values[kept] = made->values[i];
        made->verified[kept] = made->verified[i];
        made->previous[kept++] = made->previous[i];
    }
    made->count = kept;
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
}

static unsigned pick_known(void)
{
    unsigned value = pick(UNIVERSE);
    while (!universe[value].number)
        value = (value + 1) % UNIVERSE;
    return value;
}

static unsigned person_of(struct world *world, unsigned value)
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
    static const unsigned counts[] = {0, 2, 2, 1, 1, 0};
    Quanyu__DecideRequest *asked = &question->asked;
    quanyu__decide_request__init(asked);
    asked->what = (Quanyu__DecideRequest__What)(1 + pick(5));
    asked->identifiers = question->pointers;
    bool split = asked->what == QUANYU__DECIDE_REQUEST__WHAT__SPLIT;
    unsigned first = pick_known();
    for (unsigned i = 0; i < counts[asked->what]; i++) {
        unsigned value = i ? pick_known() : first;
        for (unsigned k = 0; split && k < 60 && person_of(world, value) != person_of(world, first); k++)
            value = pick_known();
        refer(question, value);
    }
    if (split)
        asked->person = person_of(world, first);
    else if (asked->what == QUANYU__DECIDE_REQUEST__WHAT__MOVE)
        asked->person = person_of(world, pick_known());
    asked->evidence = history[pick(event_count)].offset;
}

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
        assert_true(again.decide->unchanged);
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
    if (!decisions[number].undone)
        withdraw_events(number, false);
    decisions[number].undone = true;
    commit(world);
}

static void decide_something(struct world *world)
{
    if (decision_count && pick(3) == 0)
        undo(world, pick(decision_count));
    else if (decision_count < EVENTS)
        decide_anew(world);
}

static void run(struct world *world, unsigned seed, bool decide)
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
        Quanyu__EventType type = made->alias ? ALIAS : TRACK;
        drop_blocked(made);
        number_nodes(made);
        made->offset = world->offset;
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
        if (decide && pick(4) == 0) {
            decide_something(world);
            compare(world, persons, seed);
        }
    }
}

static void persons_follow_from_events_and_rules_alone(void **state)
{
    (void)state;
    unsigned first = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);
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
