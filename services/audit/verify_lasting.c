/* SPDX-License-Identifier: Apache-2.0 */
/* What is missing: that a record of a pruning names it, one that the policy and the holds on record then allowed as far as it tells. */
#include "services/audit/verify_private.h"

#include "common/clock.h"
#include "common/error.h"
#include "services/audit/audit_pruning.h"
#include "services/audit/audit_record.h"

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

/* A hold that is about times alone: of others it cannot be told whether what is gone was under them. */
struct time_hold {
    uint32_t number;
    int64_t from_ms, to_ms;
};

struct replay {
    struct verifying *verifying;
    struct verify_result *result;
    struct arena *arena;
    struct retention policy; /* as the last change has it */
    struct time_hold holds[HOLDS_MAX];
    size_t hold_count;
    struct pruning pruning;
};

static int64_t time_of(yyjson_val *filter, const char *name)
{
    yyjson_val *value = yyjson_obj_get(filter, name);
    int64_t ms = 0;
    if (yyjson_is_str(value))
        (void)time_parse(yyjson_get_str(value), yyjson_get_len(value), false, &ms);
    return ms;
}

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

static void take_hold(struct replay *replay, yyjson_val *detail)
{
    yyjson_val *filter = yyjson_obj_get(detail, "filter");
    const char *id = yyjson_get_str(yyjson_obj_get(detail, "id"));
    size_t times = (yyjson_obj_get(filter, "from") != NULL) + (size_t)(yyjson_obj_get(filter, "to") != NULL);
    struct time_hold hold = {.from_ms = time_of(filter, "from"), .to_ms = time_of(filter, "to")};
    if (id && hold_parse_id(id, &hold.number) && yyjson_obj_size(filter) == times &&
        replay->hold_count < HOLDS_MAX)
        replay->holds[replay->hold_count++] = hold;
}

static void take_release(struct replay *replay, yyjson_val *detail)
{
    const char *id = yyjson_get_str(yyjson_obj_get(detail, "id"));
    uint32_t number;
    for (size_t i = 0; id && hold_parse_id(id, &number) && i < replay->hold_count; i++)
        if (replay->holds[i].number == number) {
            replay->holds[i] = replay->holds[--replay->hold_count];
            return;
        }
}

/* -- one pruning -- */

static bool is_held(const struct replay *replay, int64_t least_ms, int64_t most_ms)
{
    for (size_t i = 0; i < replay->hold_count; i++)
        if (least_ms >= replay->holds[i].from_ms &&
            (!replay->holds[i].to_ms || most_ms < replay->holds[i].to_ms))
            return true;
    return false;
}

static const char *why_not_then(const struct replay *replay, const struct missing_run *run)
{
    if (run->after_ms > replay->pruning.last_ms)
        return "records between them are younger than it says they were";
    if (run->before_ms && run->before_ms < replay->pruning.first_ms)
        return "records between them are older than it says they were";
    return is_held(replay, run->after_ms, run->before_ms ? run->before_ms : INT64_MAX)
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
    if (is_held(replay, pruning->first_ms, pruning->first_ms) ||
        is_held(replay, pruning->last_ms, pruning->last_ms))
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
        take_hold(replay, detail);
    else if (strcmp(record->action, ACTION_RELEASE) == 0)
        take_release(replay, detail);
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

int verify_lasting(struct verifying *verifying, struct verify_result *result)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    int error = replay ? arena_open(&replay->arena) : -QY_ENOMEM;
    if (error) {
        free(replay);
        return error;
    }
    replay->verifying = verifying;
    replay->result = result;
    replay->policy.version = 1;
    if (verifying->lasting_count > 1)
        qsort(verifying->lasting, verifying->lasting_count, sizeof(*verifying->lasting), compare);
    for (size_t i = 0; i < verifying->lasting_count; i++)
        take_record(replay, &verifying->lasting[i]);
    for (uint64_t segment = 0; segment < verifying->segments; segment++)
        if (verifying->gaps[segment])
            say_unnamed(verifying, segment);
    arena_close(&replay->arena);
    free(replay);
    return 0;
}
