/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/log_copy_lasting.h"

#include "common/clock.h"
#include "services/audit/audit_pruning.h"
#include "services/audit/audit_record.h"

#include <string.h>

struct saying {
    struct store_txn *txn;
    struct arena *arena;
    uint64_t index;
    const Quanyu__AuditRecord *record;
    yyjson_val *detail;
};

static char *text_of(const struct saying *saying, const char *name)
{
    yyjson_val *value = yyjson_obj_get(saying->detail, name);
    return arena_text(
        saying->arena, yyjson_is_str(value) ? yyjson_get_str(value) : "", yyjson_get_len(value));
}

static bool read_id(const struct saying *saying, uint32_t *ret_number)
{
    const char *id = yyjson_get_str(yyjson_obj_get(saying->detail, "id"));
    return id && hold_parse_id(id, ret_number);
}

static int64_t time_of(yyjson_val *value)
{
    int64_t ms = 0;
    return yyjson_is_str(value) && time_parse(yyjson_get_str(value), yyjson_get_len(value), false, &ms) ? ms
                                                                                                        : 0;
}

static int take_change(const struct saying *saying)
{
    struct retention retention;
    int error = retention_read(saying->txn, &retention);
    if (!error)
        error = retention_read_change(saying->detail, &retention);
    return error ? error : retention_put(saying->txn, &retention);
}

static int add_given(
    const struct saying *saying, Quanyu__AuditHold *hold, const char *name, yyjson_val *value)
{
    Quanyu__AuditHold__Given *given = arena_alloc(saying->arena, sizeof(*given));
    if (!given || !yyjson_is_str(value))
        return given ? -QY_ECORRUPT : -QY_ENOMEM;
    quanyu__audit_hold__given__init(given);
    given->name = arena_text(saying->arena, name, strlen(name));
    given->value = arena_text(saying->arena, yyjson_get_str(value), yyjson_get_len(value));
    hold->given[hold->n_given++] = given;
    return given->name && given->value ? 0 : -QY_ENOMEM;
}

static size_t count_values(yyjson_val *filter)
{
    size_t index, all, count = 0;
    yyjson_val *key, *values;
    yyjson_obj_foreach(filter, index, all, key, values) count += yyjson_arr_size(values);
    return count;
}

static int read_filter(const struct saying *saying, Quanyu__AuditHold *hold)
{
    yyjson_val *filter = yyjson_obj_get(saying->detail, "filter"), *key, *values, *value;
    size_t index, all, at, count;
    int error = 0;
    hold->from_ms = time_of(yyjson_obj_get(filter, "from"));
    hold->to_ms = time_of(yyjson_obj_get(filter, "to"));
    hold->given = arena_alloc(saying->arena, (count_values(filter) + 1) * sizeof(void *));
    if (!hold->given)
        return -QY_ENOMEM;
    yyjson_obj_foreach(filter, index, all, key, values)
    {
        yyjson_arr_foreach(values, at, count, value)
        {
            if (!error)
                error = add_given(saying, hold, yyjson_get_str(key), value);
        }
    }
    return error;
}

static int take_hold(const struct saying *saying)
{
    Quanyu__AuditHold hold = QUANYU__AUDIT_HOLD__INIT;
    struct retention retention;
    uint32_t number;
    if (!read_id(saying, &number))
        return -QY_ECORRUPT;
    hold.name = text_of(saying, "name");
    hold.reason = text_of(saying, "reason");
    hold.by = saying->record->actor ? saying->record->actor->name : hold.name;
    hold.since_ms = saying->record->time_ms;
    int error = read_filter(saying, &hold);
    if (!error)
        error = retention_read(saying->txn, &retention);
    if (error)
        return error;
    retention.holds = number > retention.holds ? number : retention.holds;
    error = retention_put(saying->txn, &retention);
    return error ? error : hold_put(saying->txn, number, &hold);
}

static int take_release(const struct saying *saying)
{
    uint32_t number;
    if (!read_id(saying, &number))
        return -QY_ECORRUPT;
    (void)audit_store_drop_hold(saying->txn, number);
    return store_error(saying->txn);
}

/* The service that goes on with the copy finishes it. */
static int take_pruning(const struct saying *saying)
{
    struct pruning *pruning = arena_alloc(saying->arena, sizeof(*pruning));
    int error = pruning ? pruning_read(saying->record, pruning) : -QY_ENOMEM;
    if (!error)
        audit_store_put_pruning(saying->txn, pruning->segment, saying->index, false);
    return error ? error : store_error(saying->txn);
}

static const struct {
    const char *action;
    int (*take)(const struct saying *saying);
} sayings[] = {
    {ACTION_CHANGE, take_change},
    {ACTION_HOLD, take_hold},
    {ACTION_RELEASE, take_release},
    {ACTION_PRUNE, take_pruning},
};

static int take(struct saying *saying, size_t which, struct bytes stored)
{
    arena_reset(saying->arena);
    saying->record = audit_record_unpack(stored, saying->arena);
    if (!saying->record)
        return -QY_ECORRUPT;
    if (strcmp(saying->record->outcome, "ok") != 0 || !audit_record_is_own(saying->record))
        return 0; /* it was tried, and refused; or somebody else says so */
    const char *text = saying->record->detail;
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    saying->detail = yyjson_doc_get_root(doc);
    int error = sayings[which].take(saying);
    yyjson_doc_free(doc);
    return error;
}

int log_copy_lasting(struct store_txn *txn, uint64_t index, struct bytes stored, struct arena *arena)
{
    struct saying saying = {.txn = txn, .arena = arena, .index = index};
    struct bytes action = audit_record_action(stored);
    for (size_t i = 0; i < COUNT_OF(sayings); i++)
        if (action.size == strlen(sayings[i].action) &&
            memcmp(action.data, sayings[i].action, action.size) == 0)
            return take(&saying, i, stored);
    return 0;
}
