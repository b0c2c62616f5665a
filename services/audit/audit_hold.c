/* SPDX-License-Identifier: Apache-2.0 */
/* Legal holds: what their filters find stays, whatever the policy says. */
#include "services/audit/audit_retention.h"

#include "common/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ID_PREFIX "hold_"

const char *hold_id(uint32_t number, char text[HOLD_ID_BYTES])
{
    snprintf(text, HOLD_ID_BYTES, ID_PREFIX "%" PRIu32, number);
    return text;
}

bool hold_parse_id(const char *text, uint32_t *ret_number)
{
    char again[HOLD_ID_BYTES];
    return sscanf(text, ID_PREFIX "%" SCNu32, ret_number) == 1 &&
           strcmp(hold_id(*ret_number, again), text) == 0;
}

Quanyu__AuditHold *hold_get(struct store_txn *txn, uint32_t number, struct arena *arena)
{
    struct bytes row;
    return audit_store_hold(txn, number, &row)
               ? quanyu__audit_hold__unpack(arena_allocator(arena), row.size, row.data)
               : NULL;
}

int hold_put(struct store_txn *txn, uint32_t number, const Quanyu__AuditHold *hold)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    if (audit_store_pack(txn, &hold->base, &row) == 0)
        audit_store_put_hold(txn, number, (struct bytes){row.data, row.size});
    return store_error(txn);
}

static bool came_before(const Quanyu__AuditHold *hold, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (strcmp(hold->given[i]->name, hold->given[place]->name) == 0)
            return true;
    return false;
}

/* All values of one name, as a list. */
static void write_values(struct json *json, const Quanyu__AuditHold *hold, size_t first)
{
    json_name(json, hold->given[first]->name);
    json_open(json, '[');
    for (size_t i = first; i < hold->n_given; i++)
        if (strcmp(hold->given[i]->name, hold->given[first]->name) == 0)
            json_text(json, hold->given[i]->value);
    json_close(json, ']');
}

void hold_write(struct json *json, uint32_t number, const Quanyu__AuditHold *hold, bool whole)
{
    char id[HOLD_ID_BYTES];
    json_field_text(json, "id", hold_id(number, id));
    json_field_text(json, "name", hold->name);
    json_field_text(json, "reason", hold->reason);
    json_name(json, "filter");
    json_open(json, '{');
    for (size_t i = 0; i < hold->n_given; i++)
        if (!came_before(hold, i))
            write_values(json, hold, i);
    if (hold->from_ms)
        json_field_time(json, "from", hold->from_ms);
    if (hold->to_ms)
        json_field_time(json, "to", hold->to_ms);
    json_close(json, '}');
    if (whole) {
        json_field_text(json, "by", hold->by);
        json_field_time(json, "since", hold->since_ms);
    }
}

int hold_filter(const Quanyu__AuditHold *hold, struct audit_view *view, struct arena *arena,
    struct audit_filter *ret_filter)
{
    struct audit_filter filter = {.from_ms = hold->from_ms, .to_ms = hold->to_ms};
    for (size_t i = 0; i < hold->n_given; i++) {
        const struct filter_name *name = audit_filter_name(hold->given[i]->name);
        if (!name || audit_filter_add(&filter, arena, name, hold->given[i]->value))
            return -QY_ECORRUPT;
    }
    int error = audit_filter_resolve(&filter, view, arena);
    if (!error)
        *ret_filter = filter;
    return error;
}
