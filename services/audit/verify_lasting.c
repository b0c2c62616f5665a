/* SPDX-License-Identifier: Apache-2.0 */
/* What is missing: that a record of a pruning names it, one that the policy and the holds on record then allowed as far as it tells. */
#include "services/audit/verify_private.h"

#include "common/clock.h"
#include "common/error.h"
#include "services/audit/audit_pruning.h"
#include "services/audit/audit_record.h"
#include "services/audit/verify_holds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- while records are read -- */

static bool says_what_lasts(struct bytes action)
{
    static const char *const actions[] = {ACTION_CHANGE, ACTION_PRUNE, ACTION_HOLD, ACTION_RELEASE};
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (action.size == strlen(actions[i]) && memcmp(action.data, actions[i], action.size) == 0)
            return true;
    return false;
}

static bool make_room(struct verifying *verifying)
{
    if (verifying->lasting_count < verifying->lasting_capacity)
        return true;
    size_t capacity = verifying->lasting_capacity ? 2 * verifying->lasting_capacity : 64;
    struct lasting *list = realloc(verifying->lasting, capacity * sizeof(*list));
    if (!list)
        return false;
    verifying->lasting = list;
    verifying->lasting_capacity = capacity;
    return true;
}

int verify_lasting_keep(struct verifying *verifying, uint64_t index, struct bytes record)
{
    if (!says_what_lasts(audit_record_action(record)))
        return 0;
    uint8_t *copy = malloc(record.size);
    pthread_mutex_lock(&verifying->lock);
    bool kept = copy && make_room(verifying);
    if (kept) {
        memcpy(copy, record.data, record.size);
        verifying->lasting[verifying->lasting_count++] = (struct lasting){index, {copy, record.size}};
    }
    pthread_mutex_unlock(&verifying->lock);
    if (!kept)
        free(copy);
    return kept ? 0 : -QY_ENOMEM;
}

/* -- afterwards, in their order -- */

struct replay {
    struct verifying *verifying;
    struct verify_result *result;
    struct arena *arena, *one; /* a record's, and that of one that it names */
    struct retention policy;   /* as the last change has it */
    struct verify_holds *holds;
    void *reader; /* of what is still there; NULL: nothing was read yet */
    int error;
    struct pruning pruning;
};

static void take_change(struct replay *replay, uint64_t index, yyjson_val *detail)
{
    char field[RETENTION_FIELD_BYTES];
    struct retention before = {.version = 0}, after = {.version = 0};
    if (retention_parse(yyjson_obj_get(detail, "before"), &before, field) ||
        retention_read_change(detail, &after))
        verify_problem(replay->verifying,
            "record %" PRIu64 " sets how long records are kept to something that is not allowed", index);
    else if (memcmp(before.days, replay->policy.days, sizeof(before.days)) != 0)
        verify_problem(replay->verifying,
            "record %" PRIu64 " says of the retention before it something else than the log says", index);
    replay->policy = after;
}

/* -- one pruning -- */

static const char *why_not_then(const struct replay *replay, const struct missing_run *run)
{
    if (run->after_ms > replay->pruning.last_ms)
        return "records between them are younger than it says they were";
    if (run->before_ms && run->before_ms < replay->pruning.first_ms)
        return "records between them are older than it says they were";
    return verify_holds_time(replay->holds, run->after_ms, run->before_ms ? run->before_ms : INT64_MAX)
               ? "a legal hold was on them"
               : NULL;
}

/* What it says of when they were is not believed where those that are there tell. */
static const char *why_not_beside(const struct replay *replay, const struct gap *gap)
{
    const char *problem = NULL;
    bool before = false;
    size_t runs = 0;
    for (unsigned place = 0; gap && place < SEGMENT_RECORDS && !problem; place++) {
        bool missing = place_set_has(&gap->missing, place);
        runs += missing && !before;
        before = missing;
        if (missing && place_set_has(&replay->pruning.places, place))
            problem = why_not_then(replay, &gap->runs[runs - 1]);
    }
    return problem;
}

/* NULL, or why it was not allowed. */
static const char *why_not(
    const struct replay *replay, uint64_t index, const Quanyu__AuditRecord *record, const struct gap *gap)
{
    const struct pruning *pruning = &replay->pruning;
    uint32_t days = replay->policy.days[pruning->kind];
    if (!record->actor || record->actor->kind != QUANYU__ACTOR__KIND__SERVICE ||
        strcmp(record->actor->id, "audit") != 0)
        return "it is not the audit service's own";
    if (pruning->segment >= replay->verifying->segments || index < (pruning->segment + 1) * SEGMENT_RECORDS)
        return "the segment was not full then";
    if (days == 0)
        return "records of that kind were kept for ever then";
    if (days != pruning->days || replay->policy.version != pruning->policy_version)
        return "the policy in force then was another one";
    if (record->time_ms < replay->policy.in_force_ms)
        return "the policy was not in force yet";
    if (pruning->last_ms + (int64_t)days * DAY_MS > record->time_ms)
        return "they were too young for the policy";
    if (verify_holds_time(replay->holds, pruning->first_ms, pruning->first_ms) ||
        verify_holds_time(replay->holds, pruning->last_ms, pruning->last_ms))
        return "a legal hold was on them";
    return why_not_beside(replay, gap);
}

/* Those of its records that are there. None of them missing: it is not done yet. */
static void check_gone(struct replay *replay, uint64_t index, struct gap *gap)
{
    struct place_set there = replay->pruning.places, twice = replay->pruning.places;
    unsigned all = place_set_count(&there), place = 0;
    if (gap) {
        place_set_remove(&there, &gap->missing);
        place_set_and(&twice, &gap->named);
        place_set_or(&gap->named, &replay->pruning.places);
    }
    unsigned left = place_set_count(&there);
    replay->result->pruned += all - left;
    if (left < all && index >= replay->result->signed_size)
        verify_problem(replay->verifying,
            "record %" PRIu64
            " says that records were pruned, and they are gone before it is under a checkpoint",
            index);
    if (left == all)
        replay->result->unfinished += left;
    else if (place_set_from(&there, 0, &place))
        verify_problem(replay->verifying,
            "record %" PRIu64 " is there, and so are %u others, though record %" PRIu64
            " says that they were pruned",
            replay->pruning.segment * SEGMENT_RECORDS + place, left - 1, index);
    place = 0;
    if (gap && place_set_from(&twice, 0, &place))
        verify_problem(replay->verifying,
            "record %" PRIu64 " names record %" PRIu64 ", which was pruned before", index,
            replay->pruning.segment * SEGMENT_RECORDS + place);
}

/* -- what a copy has of it: there it can be told whether it was what the record says -- */

static void check_record(
    struct replay *replay, uint64_t index, uint64_t pruned, const Quanyu__AuditRecord *record)
{
    const struct pruning *pruning = &replay->pruning;
    enum record_kind kind = record_kind_of(record->action);
    uint32_t hold = verify_holds_record(replay->holds, record);
    if (kind != pruning->kind)
        verify_problem(replay->verifying,
            "record %" PRIu64 " says that record %" PRIu64
            " was pruned as one of the kind %s, and it is of the kind %s",
            index, pruned, record_kinds[pruning->kind].name, record_kinds[kind].name);
    else if (record->time_ms < pruning->first_ms || record->time_ms > pruning->last_ms)
        verify_problem(replay->verifying,
            "record %" PRIu64 " says that record %" PRIu64 " was pruned, and of another time than it is",
            index, pruned);
    else if (hold)
        verify_problem(replay->verifying,
            "record %" PRIu64 " says that record %" PRIu64 " was pruned, and hold_%" PRIu32 " was on it",
            index, pruned, hold);
}

static int check_bundle(struct replay *replay, uint64_t index, uint64_t bundle, const struct place_set *there)
{
    const struct verify_source *source = replay->verifying->options->source;
    struct bytes records[MERKLE_TILE_HASHES];
    int error = replay->reader ? 0 : source->open(source->self, &replay->reader);
    if (!error)
        error = source->entries(replay->reader, bundle, MERKLE_TILE_HASHES, records);
    for (unsigned i = 0; i < MERKLE_TILE_HASHES && !error; i++) {
        uint64_t pruned = bundle * MERKLE_TILE_HASHES + i;
        if (!place_set_has(there, (unsigned)(pruned % SEGMENT_RECORDS)) || !records[i].data)
            continue; /* it may have gone meanwhile */
        arena_reset(replay->one);
        const Quanyu__AuditRecord *record = audit_record_unpack(records[i], replay->one);
        if (record) /* else it was altered, which was said */
            check_record(replay, index, pruned, record);
    }
    return error == -QY_ENOTFOUND || error == -QY_ECORRUPT ? 0 : error; /* which was said */
}

static void check_there(struct replay *replay, uint64_t index, const struct gap *gap)
{
    struct place_set there = replay->pruning.places;
    if (gap)
        place_set_remove(&there, &gap->missing);
    for (unsigned place = 0; place_set_from(&there, place, &place) && !replay->error;
        place = (place / MERKLE_TILE_HASHES + 1) * MERKLE_TILE_HASHES)
        replay->error = check_bundle(replay, index,
            replay->pruning.segment * (SEGMENT_RECORDS / MERKLE_TILE_HASHES) + place / MERKLE_TILE_HASHES,
            &there);
}

static void take_pruning(struct replay *replay, uint64_t index, const Quanyu__AuditRecord *record)
{
    replay->result->prunings++;
    if (pruning_read(record, &replay->pruning)) {
        verify_problem(replay->verifying,
            "record %" PRIu64 " says that records were pruned, and not which: it cannot be read", index);
        return;
    }
    struct gap *gap = replay->pruning.segment < replay->verifying->segments
                          ? replay->verifying->gaps[replay->pruning.segment]
                          : NULL;
    const char *problem = why_not(replay, index, record, gap);
    if (problem)
        verify_problem(replay->verifying,
            "record %" PRIu64 " says that %" PRIu64 " records of the kind %s were pruned in segment %" PRIu64
            ", which was not allowed: %s",
            index, replay->pruning.records, record_kinds[replay->pruning.kind].name, replay->pruning.segment,
            problem);
    else
        check_there(replay, index, gap);
    check_gone(replay, index, gap);
}

static void take_record(struct replay *replay, const struct lasting *lasting)
{
    arena_reset(replay->arena);
    const Quanyu__AuditRecord *record = audit_record_unpack(lasting->record, replay->arena);
    if (!record || strcmp(record->outcome, "ok") != 0 || !audit_record_is_own(record))
        return; /* altered, which was said; it was tried, and refused; or somebody else says so, which counts for nothing */
    yyjson_doc *doc = yyjson_read(record->detail, strlen(record->detail), 0);
    yyjson_val *detail = yyjson_doc_get_root(doc);
    if (strcmp(record->action, ACTION_CHANGE) == 0)
        take_change(replay, lasting->index, detail);
    else if (strcmp(record->action, ACTION_HOLD) == 0)
        replay->error = verify_holds_add(replay->holds, detail);
    else if (strcmp(record->action, ACTION_RELEASE) == 0)
        verify_holds_release(replay->holds, detail);
    else
        take_pruning(replay, lasting->index, record);
    yyjson_doc_free(doc);
}

/* -- what no record names -- */

static void say_unnamed(struct verifying *verifying, uint64_t segment)
{
    struct gap *gap = verifying->gaps[segment];
    unsigned place = 0, end;
    place_set_remove(&gap->missing, &gap->named);
    for (; place_set_from(&gap->missing, place, &place); place = end) {
        for (end = place + 1; end < SEGMENT_RECORDS && place_set_has(&gap->missing, end);)
            end++;
        verify_problem(verifying,
            "records %" PRIu64 " to %" PRIu64 " are missing, and no record says that they were pruned",
            segment * SEGMENT_RECORDS + place, segment * SEGMENT_RECORDS + end - 1);
    }
}

static int compare(const void *a, const void *b)
{
    const struct lasting *left = a, *right = b;
    return (left->index > right->index) - (left->index < right->index);
}

static int open_replay(struct replay *replay)
{
    int error = arena_open(&replay->arena);
    if (!error)
        error = arena_open(&replay->one);
    return error ? error : verify_holds_open(&replay->holds);
}

static void close_replay(const struct verifying *verifying, struct replay *replay)
{
    if (!replay)
        return;
    if (replay->reader)
        verifying->options->source->close(replay->reader);
    verify_holds_close(&replay->holds);
    arena_close(&replay->one);
    arena_close(&replay->arena);
    free(replay);
}

int verify_lasting(struct verifying *verifying, struct verify_result *result)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    int error = replay ? open_replay(replay) : -QY_ENOMEM;
    if (error) {
        close_replay(verifying, replay);
        return error;
    }
    replay->verifying = verifying;
    replay->result = result;
    replay->policy.version = 1;
    if (verifying->lasting_count > 1)
        qsort(verifying->lasting, verifying->lasting_count, sizeof(*verifying->lasting), compare);
    for (size_t i = 0; i < verifying->lasting_count && !replay->error; i++)
        take_record(replay, &verifying->lasting[i]);
    for (uint64_t segment = 0; segment < verifying->segments; segment++)
        if (verifying->gaps[segment])
            say_unnamed(verifying, segment);
    error = replay->error;
    close_replay(verifying, replay);
    return error;
}
