/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_tail.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 16384u

static bool stable_make_room(struct stable_list *list, size_t index)
{
    unsigned chunk = 63u - (unsigned)__builtin_clzll(index / STABLE_FIRST + 1);
    if (chunk < STABLE_CHUNKS && !list->chunks[chunk])
        list->chunks[chunk] = malloc(((size_t)STABLE_FIRST << chunk) * list->element);
    return chunk < STABLE_CHUNKS && list->chunks[chunk];
}

static void stable_free(struct stable_list *list)
{
    for (unsigned i = 0; i < STABLE_CHUNKS; i++)
        free(list->chunks[i]);
}

int audit_tail_open(uint64_t segment, struct audit_tail **ret_tail)
{
    _cleanup_(audit_tail_close) struct audit_tail *tail = calloc(1, sizeof(*tail));
    if (!tail)
        return -QY_ENOMEM;
    tail->segment = segment;
    tail->terms.element = sizeof(struct tail_term);
    tail->ids.element = sizeof(uint32_t);
    tail->slot_count = SLOTS_FIRST;
    tail->slots = calloc(tail->slot_count, sizeof(*tail->slots));
    int error = tail->slots ? arena_open(&tail->keys) : -QY_ENOMEM;
    if (!error)
        *ret_tail = TAKE(tail);
    return error;
}

void audit_tail_close(struct audit_tail **tail)
{
    if (!*tail)
        return;
    stable_free(&(*tail)->terms);
    stable_free(&(*tail)->ids);
    free((*tail)->slots);
    arena_close(&(*tail)->keys);
    free(*tail);
    *tail = NULL;
}

/* -- adding -- */

static bool grow_slots(struct audit_tail *tail)
{
    size_t count = 2 * tail->slot_count;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return false;
    for (uint32_t id = 0; id < tail->term_count; id++) {
        size_t slot = tail_term(tail, id)->hash & (count - 1);
        while (slots[slot])
            slot = (slot + 1) & (count - 1);
        slots[slot] = id + 1;
    }
    free(tail->slots);
    tail->slots = slots;
    tail->slot_count = count;
    return true;
}

static bool is_term(const struct tail_term *term, uint64_t hash, const uint8_t *key, size_t size)
{
    return term->hash == hash && term->size == size && memcmp(term->key, key, size) == 0;
}

/* A term that is new gets the next number. */
static bool number_of(struct audit_tail *tail, const struct term_key *key, uint32_t *ret_id)
{
    uint64_t hash = term_hash(key->bytes, key->size);
    size_t slot = hash & (tail->slot_count - 1);
    for (; tail->slots[slot]; slot = (slot + 1) & (tail->slot_count - 1)) {
        *ret_id = tail->slots[slot] - 1;
        if (is_term(tail_term(tail, *ret_id), hash, key->bytes, key->size))
            return true;
    }
    const uint8_t *copy = arena_copy(tail->keys, key->bytes, key->size);
    if (!copy || !stable_make_room(&tail->terms, tail->term_count))
        return false;
    *ret_id = tail->term_count++;
    *(struct tail_term *)stable_at(&tail->terms, *ret_id) =
        (struct tail_term){.hash = hash, .key = copy, .size = (uint32_t)key->size, .number = *ret_id};
    tail->slots[slot] = *ret_id + 1;
    return 2 * (size_t)tail->term_count <= tail->slot_count || grow_slots(tail);
}

static void add_term(void *context, const struct term_key *key)
{
    struct audit_tail *tail = context;
    uint32_t id;
    if (tail->error)
        return;
    if (!number_of(tail, key, &id) || !stable_make_room(&tail->ids, tail->id_count)) {
        tail->error = -QY_ENOMEM;
        return;
    }
    *(uint32_t *)stable_at(&tail->ids, tail->id_count++) = id;
}

static void end_record(struct audit_tail *tail, int64_t time_ms)
{
    int64_t before = tail->count ? tail->times[tail->count - 1] : 0;
    tail->times[tail->count] = time_ms > before ? time_ms : before;
    tail->ends[tail->count] = (uint32_t)tail->id_count;
    tail->term_ends[tail->count] = tail->term_count;
    tail->count++;
}

void audit_tail_add(struct audit_tail *tail, const Quanyu__AuditRecord *record)
{
    audit_terms(record, add_term, tail);
    end_record(tail, record->time_ms);
}

void audit_tail_add_altered(struct audit_tail *tail)
{
    add_term(tail, &term_altered);
    end_record(tail, 0);
}

void audit_tail_add_pruned(struct audit_tail *tail, int64_t time_ms)
{
    end_record(tail, time_ms);
}

void audit_tail_publish(struct audit_tail *tail)
{
    atomic_store_explicit(&tail->published, tail->count, memory_order_release);
}

/* -- reading -- */

/* Those terms that are looked for, by number; false where there are none. */
static bool mark_wanted(
    const struct audit_tail *tail, uint32_t terms, const struct term_values *values, bool *wanted)
{
    bool any = false;
    for (uint32_t id = 0; id < terms; id++) {
        const struct tail_term *term = tail_term(tail, id);
        wanted[id] =
            term->key[0] == TERM_ALTERED || term_values_hold(values, term->key, term->size, term->hash);
        any |= wanted[id];
    }
    return any;
}

int audit_tail_find(
    const struct audit_tail *tail, unsigned count, const struct term_values *values, struct place_set *places)
{
    uint32_t terms = count ? tail->term_ends[count - 1] : 0;
    _cleanup_(free_pointer) bool *wanted = calloc(terms + 1, sizeof(*wanted));
    if (!wanted)
        return -QY_ENOMEM;
    if (!mark_wanted(tail, terms, values, wanted))
        return 0;
    size_t at = 0;
    for (unsigned place = 0; place < count; place++)
        for (; at < tail->ends[place]; at++)
            if (wanted[*(const uint32_t *)stable_at(&tail->ids, at)])
                place_set_add(places, place);
    return 0;
}

int audit_tail_each(const struct audit_tail *tail, unsigned count, enum term_kind kind,
    const struct place_set *among, term_count_fn *visit, void *context)
{
    uint32_t terms = count ? tail->term_ends[count - 1] : 0;
    _cleanup_(free_pointer) uint32_t *last =
        calloc(terms + 1, sizeof(*last)); /* place + 1: a record counts once */
    _cleanup_(free_pointer) uint32_t *counts = calloc(terms + 1, sizeof(*counts));
    int error = last && counts ? 0 : -QY_ENOMEM;
    unsigned place = 0;
    for (; !error && place_set_from(among, place, &place) && place < count; place++)
        for (size_t at = tail_first_id(tail, place); at < tail->ends[place]; at++) {
            uint32_t id = *(const uint32_t *)stable_at(&tail->ids, at);
            counts[id] += last[id] != place + 1;
            last[id] = place + 1;
        }
    for (uint32_t id = 0; id < terms && !error; id++) {
        const struct tail_term *term = tail_term(tail, id);
        if (counts[id] && term->key[0] == kind)
            error = visit(context, (struct bytes){term->key + 1, term->size - 1}, counts[id]);
    }
    return error;
}
