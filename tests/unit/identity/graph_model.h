/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who, taken anew from all events and decisions, by the rules as the README says them. It shares nothing with the service. */
#ifndef QY_TESTS_IDENTITY_GRAPH_MODEL_H
#define QY_TESTS_IDENTITY_GRAPH_MODEL_H

#include "proto/identity.pb-c.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VALUES 40
#define UNIVERSE 60 /* with the later owners of values, of whom each is one by itself */
#define EVENTS 120
#define CARRIED 4

/* The universe: so many values of each kind. */
static struct {
    const char *kind, *format;
    unsigned count, limit, most_strong; /* of one person; beyond so many of a stronger kind it is busy */
    bool issued, stated, one_owner, one_name, handed_on;
    bool joins_nothing;
    unsigned strength; /* 0: the strongest */
} kinds[] = {
    {"user_id", "u-%u", 6, 1, 0, true, false, false, false, false, false, 0},
    {"member_card", "c-%u", 8, 3, 5, true, false, false, false, false, false, 1},
    {"phone", "+861380013%04u", 8, 3, 5, false, true, true, true, true, false, 2},
    {"email", "p%u@example.com", 6, 5, 5, false, true, true, true, false, false, 3},
    {"anonymous_id", "a-%u", 12, 0, 5, false, false, false, false, false, false, 4},
};

/* What people are called, and who may be meant: names of one class are one's; nobody can tell in another script, nor of what is no name. */
static const struct {
    const char *text;
    unsigned class; /* 0: any */
} names[] = {
    {"王伟", 1}, {"王芳", 2}, {"李娜", 3}, {"Wang Wei", 0}, {"伟 王", 1}, {"李 小姐", 3}, {"微信用户", 9}};
#define NO_NAME COUNT_OF(names)
#define NOBODYS 9

struct value {
    unsigned kind, index;
    unsigned number; /* of its node; 0: not seen */
    unsigned first;  /* of a later owner: the value that it has */
    int64_t since_ms;
    bool holds; /* it has it */
};
static struct value universe[UNIVERSE];

struct event_made {
    unsigned values[CARRIED], count;
    bool verified[CARRIED];
    bool previous[CARRIED]; /* a former name */
    bool alias;
    bool withdrawn;
    unsigned name; /* NO_NAME: none */
    int64_t ms;
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

static unsigned strength_of(unsigned value)
{
    return kinds[universe[value].kind].strength;
}

static void make_universe(void)
{
    unsigned count = 0;
    memset(universe, 0, sizeof(universe));
    for (unsigned kind = 0; kind < COUNT_OF(kinds); kind++)
        for (unsigned i = 0; i < kinds[kind].count; i++)
            universe[count++] = (struct value){.kind = kind, .index = i};
    event_count = node_count = decision_count = 0;
}

/* -- the naive one -- */

/* Whose a value of the event was when it happened. */
static unsigned carried(const struct event_made *made, unsigned place)
{
    unsigned first = made->values[place], owner = first;
    for (unsigned i = VALUES; i < UNIVERSE; i++)
        if (universe[i].holds && universe[i].first == first && universe[i].since_ms <= made->ms &&
            (owner == first || universe[i].since_ms > universe[owner].since_ms))
            owner = i;
    return owner;
}

/* A former name tells more than that both are somebody's, and that more than what was only claimed; of the same the first counts. */
static void note_link(unsigned one, unsigned other, bool verified, bool alias, unsigned order)
{
    struct made_link *link = &links[one][other];
    if (link->is && link->verified + link->alias >= verified + (verified && alias))
        return;
    *link = (struct made_link){true, verified, verified && alias, order};
    links[other][one] = *link;
}

/* Verified with two of a stronger kind that are not one account's names. */
static bool is_several(unsigned value)
{
    for (unsigned one = 0; one < UNIVERSE; one++)
        for (unsigned other = 0; other < one; other++)
            if (universe[one].kind == universe[other].kind && strength_of(one) < strength_of(value) &&
                links[value][one].verified && links[value][other].verified && !links[one][other].alias)
                return true;
    return false;
}

static bool is_called(unsigned value, unsigned name)
{
    bool called = false;
    for (unsigned e = 0; e < event_count && names[name].class != NOBODYS; e++)
        for (unsigned i = 0; i < history[e].count && !history[e].withdrawn; i++)
            called |= carried(&history[e], i) == value && history[e].name == name;
    return called && strcmp(kinds[universe[value].kind].kind, "anonymous_id") != 0;
}

static bool names_clash(unsigned one, unsigned other)
{
    return names[one].class && names[other].class && names[one].class != names[other].class;
}

/* They have names, and none in common. */
static bool are_called_otherwise(unsigned one, unsigned other)
{
    bool pairs = false;
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        for (unsigned k = 0; k < COUNT_OF(names); k++) {
            if (!is_called(one, i) || !is_called(other, k))
                continue;
            if (!names_clash(i, k))
                return false;
            pairs = true;
        }
    return pairs;
}

static bool owns(unsigned owner, unsigned value)
{
    return owner == value || (strength_of(owner) < strength_of(value) && links[owner][value].verified);
}

static bool has_two_names(unsigned value)
{
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        for (unsigned k = 0; k < i; k++)
            if (is_called(value, i) && is_called(value, k) && names_clash(i, k))
                return true;
    for (unsigned one = 0; one < UNIVERSE; one++)
        for (unsigned other = 0; other < one; other++)
            if (owns(one, value) && owns(other, value) && are_called_otherwise(one, other))
                return true;
    return false;
}

static bool is_earlier(const struct made_link *one, const struct made_link *other)
{
    return one->order < other->order && history[one->order].ms < history[other->order].ms;
}

/* Whoever was seen with more numbers than one person has. */
static bool has_many(unsigned value, unsigned kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < UNIVERSE; i++)
        count += universe[i].kind == kind && links[value][i].is;
    return count > 8;
}

/* Seen with somebody before an account took it in place of another one, or verified after it took another one instead. */
static bool changed_hands(unsigned value)
{
    unsigned kind = universe[value].kind;
    for (unsigned owner = 0; owner < UNIVERSE; owner++)
        for (unsigned number = 0; number < UNIVERSE; number++) {
            const struct made_link *had = &links[owner][value], *has = &links[owner][number];
            if (owner == value || !owns(owner, value) || number == value || universe[number].kind != kind ||
                !has->verified || has_many(owner, kind))
                continue;
            for (unsigned other = 0; other < UNIVERSE; other++) {
                const struct made_link *link = &links[other][value];
                bool before = is_earlier(has, had) && is_earlier(link, had);
                bool after = is_earlier(had, has) && is_earlier(has, link) && link->verified;
                if (other != owner && universe[other].kind != kind && link->is && (before || after) &&
                    !links[other][number].is && !has_many(other, kind))
                    return true;
            }
        }
    return false;
}

static bool is_busy(unsigned value)
{
    unsigned kind = universe[value].kind;
    if ((kinds[kind].one_owner && is_several(value)) || (kinds[kind].one_name && has_two_names(value)) ||
        (kinds[kind].handed_on && changed_hands(value)))
        return true;
    for (unsigned strong = 0; strong < COUNT_OF(kinds); strong++) {
        unsigned seen = 0;
        for (unsigned other = 0; other < UNIVERSE; other++)
            seen += universe[other].kind == strong && strength_of(other) < strength_of(value) &&
                    links[value][other].is;
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
    unsigned a = strength_of(value_of(one)), b = strength_of(value_of(other));
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

/* Whose an event is: the number of its strongest identifier that is somebody's, of equals the first's; 0: nobody's. */
static unsigned owner_of(const struct event_made *made)
{
    unsigned lead = UNIVERSE;
    for (unsigned i = 0; i < made->count; i++)
        if (!is_blocked(carried(made, i)) &&
            (lead == UNIVERSE || strength_of(made->values[i]) < strength_of(lead)))
            lead = carried(made, i);
    return lead == UNIVERSE ? 0 : universe[lead].number;
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
        {!a->verified, a->order, strength_of(one), strength_of(other), universe[one].number,
            universe[other].number},
        {!b->verified, b->order, strength_of(left), strength_of(right), universe[left].number,
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
    unsigned a = strength_of(one), b = strength_of(other);
    return a != b ? a < b : universe[one].number < universe[other].number;
}

static void join_all(unsigned *part)
{
    bool verified[UNIVERSE] = {0}, busy[UNIVERSE], taken[UNIVERSE][UNIVERSE] = {{0}};
    memset(links, 0, sizeof(links));
    for (unsigned e = 0; e < event_count; e++)
        for (unsigned i = 0; i < history[e].count; i++) {
            verified[carried(&history[e], i)] |= history[e].verified[i];
            for (unsigned k = 0; k < i && !history[e].withdrawn; k++)
                note_link(carried(&history[e], i), carried(&history[e], k),
                    history[e].verified[i] && history[e].verified[k],
                    history[e].previous[i] || history[e].previous[k], e);
        }
    for (unsigned i = 0; i < UNIVERSE; i++)
        part[i] = universe[i].number ? universe[i].number : 1000 + i;
    for (unsigned i = 0; i < UNIVERSE; i++)
        busy[i] = is_busy(i);
    join_by_hand(part);
    for (;;) {
        unsigned one = UNIVERSE, other = UNIVERSE;
        for (unsigned i = 0; i < UNIVERSE; i++)
            for (unsigned k = 0; k < UNIVERSE; k++)
                if (links[i][k].is && !taken[i][k] && is_first(i, k) && !busy[i] && !busy[k] &&
                    !is_blocked(i) && !is_blocked(k) && !kinds[universe[i].kind].joins_nothing &&
                    !kinds[universe[k].kind].joins_nothing &&
                    (one == UNIVERSE || precedes(i, k, one, other))) {
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

/* Who does not hold a value any more is no other than its first owner. */
static void recompute(unsigned *part)
{
    join_all(part);
    for (unsigned i = VALUES; i < UNIVERSE; i++)
        if (universe[i].number && !universe[i].holds)
            part[i] = part[universe[i].first];
}

static unsigned first_of(unsigned value)
{
    return value < VALUES ? value : universe[value].first;
}

static void begin_time(unsigned number, unsigned later, int64_t since_ms)
{
    unsigned first = first_of(value_of(number)), place = VALUES;
    while (universe[place].number)
        place++;
    universe[place] = (struct value){.kind = universe[first].kind,
        .index = universe[first].index,
        .number = later,
        .first = first,
        .since_ms = since_ms,
        .holds = true};
    node_count++;
}

/* What was decided of the later owner is decided of the first. */
static void end_time(unsigned later)
{
    unsigned value = value_of(later), number = universe[universe[value].first].number;
    universe[value].holds = false;
    for (unsigned d = 0; d < decision_count; d++) {
        for (unsigned i = 0; i < decisions[d].count; i++)
            decisions[d].nodes[i] = decisions[d].nodes[i] == later ? number : decisions[d].nodes[i];
        for (unsigned i = 0; i < decisions[d].other_count; i++)
            decisions[d].others[i] = decisions[d].others[i] == later ? number : decisions[d].others[i];
    }
}

#endif
