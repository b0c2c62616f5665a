/* SPDX-License-Identifier: Apache-2.0 */
/* Events that turn out to be others': another identifier of theirs counts now. Afterwards all is as if they had come so: both nodes'
 * events, traits and purchases, both persons' sums, bindings and all that is evaluated. */
#include "services/tagging/subject.h"
#include "services/tagging/tagging.h"

#include <stdlib.h>
#include <string.h>

struct moving_event {
    struct event_reference reference;
    uint32_t to; /* 0: it stays */
};

struct event_moves {
    struct tagging *tagging;
    struct node *from;
    struct moving_event *events; /* all of the node's, in the order in which they came */
    size_t count, capacity;
    struct arena *scratch;  /* of one event */
    struct buffer copy;     /* of its row */
    bool contacts;          /* some say who served */
    bool traits, purchases; /* that moved were the node's: what is left says what holds */
};

static int fail(struct event_moves *moves, int error)
{
    struct people *people = &moves->tagging->people;
    if (!people->error)
        people->error = error;
    return people->error;
}

/* -- which -- */

static bool gather_event(void *context, uint32_t node, const struct event_reference *reference)
{
    struct event_moves *moves = context;
    (void)node;
    if (!people_grow(
            &moves->tagging->people, &moves->events, &moves->capacity, moves->count, sizeof(*moves->events)))
        return false;
    moves->events[moves->count++] = (struct moving_event){*reference, 0};
    return true;
}

static int compare_events(const void *one, const void *other)
{
    const struct moving_event *a = one, *b = other;
    return a->reference.sequence < b->reference.sequence ? -1 : a->reference.sequence > b->reference.sequence;
}

/* The first place from `at` on that is no delivery: those have no origin. */
static size_t no_delivery(const struct event_moves *moves, size_t at)
{
    while (at < moves->count && moves->events[at].reference.delivery)
        at++;
    return at;
}

/* Events come in the order of their origins. NULL: the node has none of that. */
static struct moving_event *find_event(struct event_moves *moves, uint64_t origin)
{
    size_t low = 0, high = moves->count;
    while (low < high) {
        struct stored_event event;
        size_t middle = low + (high - low) / 2, at = no_delivery(moves, middle);
        if (at >= high) {
            high = middle;
            continue;
        }
        if (!event_load(&moves->tagging->people, moves->from->number, &moves->events[at].reference, &event))
            return NULL;
        if (event.origin == origin)
            return &moves->events[at];
        if (event.origin < origin)
            low = at + 1;
        else
            high = middle;
    }
    return NULL;
}

static int find_all(struct event_moves *moves, const Quanyu__EventsMoved *record)
{
    struct people *people = &moves->tagging->people;
    node_walk_events(people, moves->from, gather_event, moves);
    if (!people->error && moves->count > 0)
        qsort(moves->events, moves->count, sizeof(*moves->events), compare_events);
    for (size_t i = 0; !people->error && i < record->n_origins && i < record->n_nodes; i++) {
        const struct node *to = record->nodes[i] ? people_node(people, record->nodes[i]) : NULL;
        struct moving_event *event = find_event(moves, record->origins[i]);
        if (event && to && to->person && to != moves->from)
            event->to = to->number;
        else
            moves->tagging->state.ignored++;
    }
    return people->error;
}

/* -- one of them -- */

/* What of it outlasts that something is written. */
static int copy_event(
    struct event_moves *moves, const struct event_reference *reference, struct stored_event *ret_event)
{
    struct people *people = &moves->tagging->people;
    struct stored_event event;
    if (!event_load(people, moves->from->number, reference, &event))
        return people->error;
    buffer_clear(&moves->copy);
    event_encode(&event, &moves->copy);
    if (buffer_error(&moves->copy))
        return fail(moves, buffer_error(&moves->copy));
    bool read = event_decode((struct bytes){moves->copy.data, moves->copy.size}, ret_event);
    return read ? 0 : fail(moves, -QY_ECORRUPT);
}

static void forget_changed(void *context, const char *name)
{
    (void)context;
    (void)name;
}

/* What it stated last is not said any more; what was said before is found when all have gone. */
static void take_back_traits(struct event_moves *moves, uint64_t origin)
{
    struct node *node = moves->from;
    size_t kept = 0;
    for (size_t i = 0; i < node->trait_count; i++)
        if (node->traits[i].origin != origin)
            node->traits[kept++] = node->traits[i];
    moves->traits |= kept < node->trait_count;
    node->trait_count = kept;
}

/* False: it tells of none. */
static bool read_purchase(const struct event_moves *moves, const struct stored_event *event, bool *ret_refund,
    struct purchase *ret_purchase, struct purchase_key *ret_key)
{
    struct bytes json = event->properties;
    if (!event_is_purchase(event, ret_refund))
        return false;
    yyjson_val *properties =
        json.size > 0 ? arena_json(moves->scratch, (const char *)json.data, json.size) : NULL;
    purchase_read(&moves->tagging->money, event, properties, *ret_refund, ret_purchase, ret_key);
    return true;
}

static void move_purchase(struct event_moves *moves, struct node *to, const struct stored_event *event)
{
    struct people *people = &moves->tagging->people;
    struct purchase purchase;
    struct purchase_key key;
    bool refund;
    if (!read_purchase(moves, event, &refund, &purchase, &key))
        return;
    moves->purchases |= purchase_drop(people, moves->from, refund, &key, &purchase);
    purchase_keep(people, to, refund, &key, &purchase);
}

static int move_event(struct event_moves *moves, const struct moving_event *moving)
{
    struct tagging *tagging = moves->tagging;
    struct people *people = &tagging->people;
    struct stored_event event;
    struct node *to = people_node(people, moving->to);
    struct person *person = to ? people_person(people, to->person) : NULL;
    int error = person ? copy_event(moves, &moving->reference, &event) : people->error;
    if (error)
        return error;
    arena_reset(moves->scratch);
    if (event.person)
        event.person = person->number;
    index_time(tagging->index, event.name, moves->from->person, event.time_ms, false);
    index_time(tagging->index, event.name, person->number, event.time_ms, true);
    take_back_traits(moves, event.origin);
    move_purchase(moves, to, &event);
    moves->contacts |= event_is_contact(&event);
    person->names |= event_name_bit(event.name);
    person->dirty = person->facts_dirty = true;
    error = node_adopt_event(people, to, &moving->reference, &event);
    if (!error)
        error = node_state_traits(people, to, &event, moves->scratch, forget_changed, NULL);
    return error;
}

static int move_all(struct event_moves *moves)
{
    int error = 0;
    for (size_t i = 0; !error && i < moves->count; i++)
        if (moves->events[i].to)
            error = move_event(moves, &moves->events[i]);
    return error;
}

/* -- what is left -- */

/* What an event that stays says of what others have taken with them. */
static int say_again(struct event_moves *moves, const struct event_reference *reference)
{
    struct people *people = &moves->tagging->people;
    struct stored_event event;
    struct purchase purchase;
    struct purchase_key key;
    bool refund;
    int error = copy_event(moves, reference, &event);
    if (error)
        return error;
    arena_reset(moves->scratch);
    if (read_purchase(moves, &event, &refund, &purchase, &key))
        purchase_keep(people, moves->from, refund, &key, &purchase);
    return node_state_traits(people, moves->from, &event, moves->scratch, forget_changed, NULL);
}

static int keep_rest(struct event_moves *moves)
{
    struct people *people = &moves->tagging->people;
    struct event_reference *kept = arena_alloc(people->arena, (moves->count + 1) * sizeof(*kept));
    size_t count = 0;
    for (size_t i = 0; kept && i < moves->count; i++)
        if (!moves->events[i].to)
            kept[count++] = moves->events[i].reference;
    int error = kept ? node_keep_events(people, moves->from, kept, count) : fail(moves, -QY_ENOMEM);
    for (size_t i = 0; !error && (moves->traits || moves->purchases) && i < count; i++)
        if ((moves->traits && kept[i].traits) || moves->purchases)
            error = say_again(moves, &kept[i]);
    return error;
}

/* -- the persons -- */

static int regroup_persons(struct event_moves *moves)
{
    struct tagging *tagging = moves->tagging;
    int error = tagging_regroup(tagging, moves->from->person, moves->contacts);
    for (size_t i = 0; !error && i < moves->count; i++) {
        const struct node *to =
            moves->events[i].to ? people_node(&tagging->people, moves->events[i].to) : NULL;
        if (to)
            error = tagging_regroup(tagging, to->person, moves->contacts);
        else
            error = tagging->people.error;
    }
    return error;
}

int tagging_move_events(struct tagging *tagging, const Quanyu__EventsMoved *record)
{
    struct event_moves moves = {.tagging = tagging, .copy = BUFFER_INIT};
    moves.from = record->from ? people_node(&tagging->people, record->from) : NULL;
    if (record->from && !moves.from)
        return tagging->people.error;
    if (!moves.from || moves.from->person == 0) {
        tagging->state.ignored++;
        return 0;
    }
    int error = arena_open(&moves.scratch);
    if (!error)
        error = find_all(&moves, record);
    if (!error)
        error = move_all(&moves);
    if (!error)
        error = keep_rest(&moves);
    if (!error)
        error = regroup_persons(&moves);
    arena_close(&moves.scratch);
    buffer_free(&moves.copy);
    return error;
}
