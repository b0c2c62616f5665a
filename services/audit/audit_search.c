/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_search.h"

#include "services/audit/audit_check.h"
#include "services/audit/audit_index.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_LOOKED_AT_MAX 100000u
#define NUMBERS_MAX 1000u

/* A search while it runs. */
struct run {
    struct store_txn *txn;
    const struct audit_search *search;
    const char *one_id; /* NULL: no subject, or one by number */
    uint32_t *numbers;  /* of the subject, all that are one person */
    size_t number_count;
    struct term_list conditions[3]; /* all must be met */
    size_t condition_count;
    struct audit_check *check;
    struct arena *arena;   /* the caller's */
    struct arena *scratch; /* one record's */
    unsigned limit;
    bool numbered; /* only records that show each One ID with its number */
    unsigned looked_at;
    uint64_t first; /* the range of indexes: first <= index < end */
    uint64_t end;
    uint64_t tail; /* number of the segment that is being filled */
    struct audit_found found;
};

static bool is_set(const char *text)
{
    return text && *text;
}

/* -- does a record fit? -- */

static bool bears_subject(const struct run *run, const Quanyu__AuditRecord *record)
{
    for (size_t i = 0; i < record->n_persons && run->one_id; i++)
        if (strcmp(record->persons[i], run->one_id) == 0)
            return true;
    for (size_t i = 0; i < record->n_numbers; i++)
        for (size_t j = 0; j < run->number_count; j++)
            if (record->numbers[i] == run->numbers[j])
                return true;
    return false;
}

/* Persons and numbers go in pairs; beside a single person all numbers are its own. */
static bool is_numbered(const Quanyu__AuditRecord *record)
{
    return record->n_numbers > 0 && (record->n_persons == 1 || record->n_persons == record->n_numbers);
}

static bool fits(const struct run *run, const Quanyu__AuditRecord *record)
{
    const struct audit_search *search = run->search;
    if (is_set(search->actor) && (!record->actor || strcmp(record->actor->id, search->actor) != 0))
        return false;
    if (is_set(search->action) && strcmp(record->action, search->action) != 0)
        return false;
    if (run->numbered && !is_numbered(record))
        return false;
    return !is_set(search->subject) || bears_subject(run, record);
}

/* Takes the record at `index` where it fits, or was altered: what it once said is not known. */
static int look_at(struct run *run, uint64_t index)
{
    struct bytes bytes;
    if (!audit_store_record(run->txn, index, &bytes))
        return -QY_ECORRUPT;
    run->looked_at++;
    arena_reset(run->scratch);
    bool intact = audit_check_is_intact(run->check, index, bytes);
    const Quanyu__AuditRecord *record = audit_record_unpack(bytes, run->scratch);
    if (!record && intact)
        return -QY_ECORRUPT;
    if (intact && !fits(run, record))
        return 0;
    uint8_t *copy = arena_copy(run->arena, bytes.data, bytes.size);
    if (!copy)
        return -QY_ENOMEM;
    run->found.rows[run->found.count++] = (struct audit_row){index, {copy, bytes.size}, intact};
    return 0;
}

/* The page is full, or this was enough work for one. */
static bool is_done(const struct run *run)
{
    return run->found.count == run->limit || run->looked_at >= RECORDS_LOOKED_AT_MAX;
}

static int walk_records(struct run *run)
{
    int error = 0;
    while (!error && run->end > run->first && !is_done(run))
        error = look_at(run, --run->end);
    return error;
}

/* -- by index -- */

struct run_visit {
    const struct term_list *terms;
    struct place_set *places;
};

static int find_in_run(void *context, struct bytes words)
{
    const struct run_visit *visit = context;
    return run_find(words, visit->terms, visit->places);
}

/* The places of a segment, or of the tail, that meet all conditions. */
static int places_of(const struct run *run, uint64_t number, struct place_set *ret_places)
{
    struct bytes segment;
    bool sealed = audit_store_segment(run->txn, number, &segment);
    int error = sealed || number == run->tail ? 0 : -QY_ECORRUPT;
    for (size_t i = 0; i < run->condition_count && !error; i++) {
        struct place_set bearing = {{0}};
        struct run_visit visit = {&run->conditions[i], &bearing};
        error = sealed ? segment_find(segment, &run->conditions[i], &bearing)
                       : audit_store_each_run(run->txn, find_in_run, &visit);
        for (size_t block = 0; block < COUNT_OF(bearing.bits); block++)
            ret_places->bits[block] =
                i == 0 ? bearing.bits[block] : ret_places->bits[block] & bearing.bits[block];
    }
    return error;
}

/* Goes down from `end` to `first`, both in this segment, as far as is_done() lets it, and leaves `end` where
 * it stands. */
static int walk_segment(struct run *run, uint64_t number, uint64_t first)
{
    struct place_set places;
    uint64_t base = number << SEGMENT_BITS;
    unsigned place;
    int error = places_of(run, number, &places);
    while (!error && !is_done(run)) {
        if (!place_below(&places, (unsigned)(run->end - base), &place) || base + place < first) {
            run->end = first;
            break;
        }
        run->end = base + place;
        error = look_at(run, run->end);
    }
    run->looked_at++; /* a segment without a hit is work too */
    return error;
}

static int walk(struct run *run)
{
    int error = 0;
    if (run->condition_count == 0)
        return walk_records(run);
    while (!error && run->end > run->first && !is_done(run)) {
        uint64_t number = (run->end - 1) >> SEGMENT_BITS, base = number << SEGMENT_BITS;
        error = walk_segment(run, number, run->first > base ? run->first : base);
    }
    return error;
}

/* -- what is asked -- */

/* The first index whose record was taken at `ms` or later: times never fall with the index. */
static uint64_t index_at(struct store_txn *txn, uint64_t size, int64_t ms)
{
    uint64_t low = 0, high = size;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct bytes record;
        if (!audit_store_record(txn, middle, &record)) {
            store_fail(txn, -QY_ECORRUPT);
            return low;
        }
        if (audit_record_time(record) < ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void bound(struct run *run, uint64_t size)
{
    const struct audit_search *search = run->search;
    run->end = search->before && search->before < size ? search->before : size;
    if (search->to_ms) {
        uint64_t end = index_at(run->txn, size, search->to_ms);
        run->end = end < run->end ? end : run->end;
    }
    run->first = index_at(run->txn, size, search->from_ms);
}

static int add_condition(struct run *run, size_t terms, struct term_list **ret_condition)
{
    struct term_list *condition = &run->conditions[run->condition_count++];
    condition->count = 0;
    condition->terms = arena_alloc(run->arena, terms * sizeof(*condition->terms));
    *ret_condition = condition;
    return condition->terms ? 0 : -QY_ENOMEM;
}

static int add_text(struct run *run, enum term_kind kind, const char *text)
{
    struct term_list *condition;
    if (!is_set(text))
        return 0;
    int error = add_condition(run, 1, &condition);
    if (!error)
        condition->terms[condition->count++] = term_of_text(kind, text);
    return error;
}

/* A number in digits; One IDs are never digits alone. */
static bool parse_number(const char *text, uint32_t *ret_number)
{
    char *end;
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 10)
        return false;
    unsigned long long number = strtoull(text, &end, 10);
    *ret_number = (uint32_t)number;
    return number <= UINT32_MAX;
}

static void add_number(struct run *run, uint32_t number)
{
    for (size_t i = 0; i < run->number_count; i++)
        if (run->numbers[i] == number)
            return;
    if (run->number_count < NUMBERS_MAX)
        run->numbers[run->number_count++] = number;
}

/* All numbers that are now one person with `number`, itself included. */
static int add_joined(struct run *run, uint32_t number)
{
    uint32_t *joined = arena_alloc(run->arena, NUMBERS_MAX * sizeof(*joined));
    if (!joined)
        return -QY_ENOMEM;
    add_number(run, number);
    size_t count = audit_store_numbers(run->txn, audit_store_person(run->txn, number), joined, NUMBERS_MAX);
    for (size_t i = 0; i < count; i++)
        add_number(run, joined[i]);
    return 0;
}

static int run_search(struct run *run);

/* A One ID leaves identity through the gateway only, which puts it on record with its numbers: so the log
 * itself knows them. */
static int add_known(struct run *run)
{
    struct audit_search search = {.subject = run->one_id, .limit = 1};
    struct run other = {.txn = run->txn,
        .search = &search,
        .one_id = run->one_id,
        .check = run->check,
        .arena = run->arena,
        .scratch = run->scratch,
        .limit = 1,
        .numbered = true};
    int error = add_text(&other, TERM_PERSON, run->one_id);
    if (!error)
        error = run_search(&other);
    if (error || other.found.count == 0)
        return error;
    if (!other.found.rows[0].intact)
        return 0;
    const Quanyu__AuditRecord *record = audit_record_unpack(other.found.rows[0].record, run->arena);
    if (!record)
        return -QY_ENOMEM;
    for (size_t i = 0; i < record->n_numbers && !error; i++)
        if (strcmp(record->persons[record->n_persons == 1 ? 0 : i], run->one_id) == 0)
            error = add_joined(run, record->numbers[i]);
    return error;
}

static int add_subject(struct run *run)
{
    const char *subject = run->search->subject;
    if (!is_set(subject))
        return 0;
    uint32_t number;
    run->numbers = arena_alloc(run->arena, NUMBERS_MAX * sizeof(*run->numbers));
    if (!run->numbers)
        return -QY_ENOMEM;
    bool by_number = parse_number(subject, &number);
    run->one_id = by_number ? NULL : subject;
    int error = by_number ? add_joined(run, number) : add_known(run);
    struct term_list *condition;
    if (!error)
        error = add_condition(run, run->number_count + 1, &condition);
    if (error)
        return error;
    for (size_t i = 0; i < run->number_count; i++)
        condition->terms[condition->count++] = term_of_number(run->numbers[i]);
    if (run->one_id)
        condition->terms[condition->count++] = term_of_text(TERM_PERSON, run->one_id);
    term_list_sort(condition);
    return 0;
}

static int run_search(struct run *run)
{
    uint64_t size = audit_store_size(run->txn);
    run->found.rows = arena_alloc(run->arena, run->limit * sizeof(*run->found.rows));
    if (!run->found.rows)
        return -QY_ENOMEM;
    run->tail = size >> SEGMENT_BITS;
    bound(run, size);
    int error = walk(run);
    run->found.next = run->end > run->first ? run->end : 0;
    return error ? error : store_error(run->txn);
}

int audit_search(struct store_txn *txn, const struct audit_search *search, struct arena *arena,
    struct audit_found *ret_found)
{
    unsigned limit = search->limit ? search->limit : SEARCH_ROWS_DEFAULT;
    struct run run = {.txn = txn,
        .search = search,
        .arena = arena,
        .limit = limit < SEARCH_ROWS_MAX ? limit : SEARCH_ROWS_MAX};
    _cleanup_(arena_close) struct arena *scratch = NULL;
    _cleanup_(audit_check_close) struct audit_check *check = NULL;
    int error = arena_open(&scratch);
    if (!error)
        error = audit_check_open(txn, &check);
    run.scratch = scratch;
    run.check = check;
    if (!error)
        error = add_subject(&run);
    if (!error)
        error = add_text(&run, TERM_ACTOR, search->actor);
    if (!error)
        error = add_text(&run, TERM_ACTION, search->action);
    if (!error)
        error = run_search(&run);
    if (!error)
        *ret_found = run.found;
    return error;
}
