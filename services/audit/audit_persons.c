/* SPDX-License-Identifier: Apache-2.0 */
/* Whose records are meant by a One ID or a number: those of all that are now the same person. */
#include "services/audit/audit_filter.h"

#include "common/error.h"
#include "common/exact_set.h"
#include "services/audit/audit_check.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"

#include <roaring/roaring.h>
#include <sodium.h>
#include <string.h>

/* While persons are made out. */
struct persons {
    struct audit_view *view;
    struct arena *arena;
    struct arena *scratch;
    struct audit_check *check;
    roaring_bitmap_t *numbers;
};

static bool add_number(void *context, uint32_t number)
{
    struct persons *persons = context;
    roaring_bitmap_add(persons->numbers, number);
    return true;
}

/* All numbers that are now one person with `number`, itself included. */
static int add_joined(struct persons *persons, uint32_t number)
{
    struct store_txn *txn = persons->view->txn;
    add_number(persons, number);
    audit_store_each_number(txn, audit_store_person(txn, number), add_number, persons);
    return store_error(txn);
}

/* Persons and numbers go in pairs; beside a single person all numbers are its own. */
static bool is_numbered(const Quanyu__AuditRecord *record)
{
    return record->n_numbers > 0 && (record->n_persons == 1 || record->n_persons == record->n_numbers);
}

/* What the record says of the One ID; *ret_told where it says it. */
static int read_record(struct persons *persons, uint64_t index, const char *one_id, bool *ret_told)
{
    struct bytes stored;
    if (!audit_store_record(persons->view->txn, index, &stored))
        return -QY_ECORRUPT;
    arena_reset(persons->scratch);
    const Quanyu__AuditRecord *record = audit_check_is_intact(persons->check, index, stored)
                                            ? audit_record_unpack(stored, persons->scratch)
                                            : NULL;
    int error = 0;
    for (size_t i = 0; record && is_numbered(record) && i < record->n_numbers && !error; i++)
        if (strcmp(record->persons[record->n_persons == 1 ? 0 : i], one_id) == 0) {
            error = add_joined(persons, record->numbers[i]);
            *ret_told = true;
        }
    return error;
}

/* A One ID leaves identity through the gateway only, which puts it on record with its numbers: so the log itself knows them; the
 * newest record that is intact tells. */
static int add_known(struct persons *persons, const struct term_key *key)
{
    struct term_value value = {.key = *key, .hash = term_hash(key->bytes, key->size)};
    const struct term_values values = {.whole = &value, .whole_count = 1};
    const char *one_id = arena_text(persons->arena, (const char *)key->bytes + 1, key->size - 1);
    bool told = false;
    int error = one_id ? 0 : -QY_ENOMEM;
    for (uint64_t number = view_segments(persons->view); number-- > 0 && !told && !error;) {
        struct view_segment segment;
        struct place_set places = {{0}};
        error = view_segment(persons->view, number, &segment);
        if (!error)
            error = view_find(&segment, &values, &places);
        for (unsigned place = SEGMENT_RECORDS; !error && !told && place_set_below(&places, place, &place);)
            error = read_record(persons, segment.first + place, one_id, &told);
    }
    return error;
}

/* Records that name an exact set with any of the numbers in it are about the person, too. */
struct sets {
    const struct persons *persons;
    struct term_value *values; /* room for `room` */
    size_t count, room;
    int error;
};

struct look {
    const struct exact_set *set;
    bool held;
};

static bool look_for(uint32_t number, void *context)
{
    struct look *look = context;
    look->held = exact_set_has(look->set, number);
    return !look->held;
}

/* One that cannot be read any more may have held anybody: its records are shown. */
static bool holds_any(const struct persons *persons, struct bytes stored, int *ret_error)
{
    _cleanup_(exact_set_close) struct exact_set *set = NULL;
    int error = exact_set_open(stored, &set);
    struct look look = {set, error == -QY_ECORRUPT};
    *ret_error = look.held ? 0 : error;
    if (!error)
        roaring_iterate(persons->numbers, look_for, &look);
    return look.held;
}

static bool add_set(void *context, const uint8_t hash[SET_HASH_BYTES], struct bytes stored)
{
    struct sets *sets = context;
    char hex[2 * SET_HASH_BYTES + 1];
    sets->error = view_check(sets->persons->view);
    if (sets->error || !holds_any(sets->persons, stored, &sets->error))
        return !sets->error;
    if (sets->count == sets->room) {
        size_t room = 2 * sets->room + 64;
        struct term_value *more = arena_alloc(sets->persons->arena, room * sizeof(*more));
        sets->error = more ? 0 : -QY_ENOMEM;
        if (!more)
            return false;
        if (sets->count)
            memcpy(more, sets->values, sets->count * sizeof(*more));
        sets->values = more;
        sets->room = room;
    }
    term_of_text(
        TERM_SET, sodium_bin2hex(hex, sizeof(hex), hash, SET_HASH_BYTES), &sets->values[sets->count++].key);
    return true;
}

static int find_sets(struct persons *persons, struct sets *ret_sets)
{
    *ret_sets = (struct sets){.persons = persons};
    audit_store_each_set(persons->view->txn, add_set, ret_sets);
    return ret_sets->error ? ret_sets->error : store_error(persons->view->txn);
}

struct numbers_to {
    struct term_value *values;
    size_t count;
};

static bool put_number(uint32_t number, void *context)
{
    struct numbers_to *to = context;
    term_of_number(number, &to->values[to->count++].key);
    return true;
}

/* Instead of the condition's numbers and One IDs: all that mean the same people now. */
static int resolve(struct persons *persons, struct audit_condition *condition)
{
    struct term_values *values = &condition->values;
    int error = 0;
    for (size_t i = 0; i < values->whole_count && !error; i++) {
        const struct term_key *key = &values->whole[i].key;
        error = key->bytes[0] == TERM_NUMBER ? add_joined(persons, get_be32(key->bytes + 1))
                                             : add_known(persons, key);
    }
    struct sets sets = {.count = 0};
    if (!error)
        error = find_sets(persons, &sets);
    size_t most = values->whole_count + roaring_bitmap_get_cardinality(persons->numbers) + sets.count;
    struct term_value *all = arena_alloc(persons->arena, most * sizeof(*all));
    if (error || !all)
        return error ? error : -QY_ENOMEM;
    struct numbers_to to = {.values = all};
    for (size_t i = 0; i < values->whole_count; i++)
        if (values->whole[i].key.bytes[0] != TERM_NUMBER)
            all[to.count++] = values->whole[i];
    roaring_iterate(persons->numbers, put_number, &to);
    for (size_t i = 0; i < sets.count; i++)
        all[to.count++] = sets.values[i];
    values->whole = all;
    values->whole_count = to.count;
    return 0;
}

/* Persons are looked for first: few records have them. */
static void put_first(struct audit_filter *filter, size_t place)
{
    struct audit_condition subject = filter->conditions[place];
    filter->conditions[place] = filter->conditions[0];
    filter->conditions[0] = subject;
}

static int resolve_subjects(struct audit_view *view, struct arena *arena, struct audit_condition *condition)
{
    _cleanup_(arena_close) struct arena *scratch = NULL;
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    struct persons persons = {.view = view, .arena = arena, .numbers = roaring_bitmap_create()};
    int error = persons.numbers ? arena_open(&scratch) : -QY_ENOMEM;
    if (!error)
        error = audit_check_open(view->txn, &check);
    persons.scratch = scratch;
    persons.check = check;
    if (!error)
        error = resolve(&persons, condition);
    if (persons.numbers)
        roaring_bitmap_free(persons.numbers);
    return error;
}

int audit_filter_resolve(struct audit_filter *filter, struct audit_view *view, struct arena *arena)
{
    int error = 0;
    for (size_t i = 0; i < filter->condition_count && !error; i++)
        if (filter->conditions[i].subject) {
            error = resolve_subjects(view, arena, &filter->conditions[i]);
            put_first(filter, i);
        }
    for (size_t i = 0; i < filter->condition_count; i++)
        term_values_sort(&filter->conditions[i].values);
    return error;
}
