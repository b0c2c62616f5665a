/* SPDX-License-Identifier: Apache-2.0 */
/* Units: HQ, regions, distributors, stores, and what else the brand has. Each change is on record as an act, with what was before and
 * after. */
#include "services/gateway/api_unit.h"
#include "services/gateway/api_access.h"
#include "services/gateway/api_binding.h"
#include "services/gateway/organisation.h"
#include "services/gateway/rule_names.h"
#include "services/gateway/unit_check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHANGE_TRIES 32u

/* -- answers -- */

/* In the deployment's zone: days begin there. */
static const char *today(struct api_call *call)
{
    char text[16];
    struct tm tm;
    time_t seconds = (time_t)(gateway_now_ms(call->gateway) / 1000);
    if (!localtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%d", &tm) == 0)
        return NULL;
    return arena_text(call->arena, text, strlen(text));
}

static int refuse_missing(struct api_call *call)
{
    (void)api_refuse(call, -QY_ENOTFOUND, "id", "there is no such unit");
    return -QY_ENOTFOUND;
}

static int show(struct api_call *call, const Quanyu__Unit *unit)
{
    const char *day = today(call);
    if (!day)
        return -QY_ENOMEM;
    struct unit_tree *tree = units_hold(call->gateway->units);
    struct json json = json_to(&call->out);
    unit_write(&json, unit, tree, day, call->access.unit);
    unit_tree_release(&tree);
    api_write_version(call, unit->version);
    return 0;
}

/* In the caller's scope; another one is not there. */
static uint32_t find_unit(struct api_call *call, const char *name)
{
    uint32_t unit = organisation_find_unit(call->gateway, name);
    return unit && access_covers_unit(call->gateway, &call->access, unit) ? unit : 0;
}

static int fetch(struct api_call *call, Quanyu__Unit **ret_unit)
{
    struct store_txn *txn;
    uint32_t number = find_unit(call, call->parameters[0]);
    if (number == 0)
        return refuse_missing(call);
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    *ret_unit = unit_get(txn, number, arena_allocator(call->arena));
    error = store_error(txn);
    store_abort(&txn);
    if (error)
        return error;
    return *ret_unit && !(*ret_unit)->removed_ms ? 0 : refuse_missing(call);
}

/* -- what is wrong -- */

const char *unit_fault_reason(enum unit_fault fault)
{
    switch (fault) {
    case UNIT_NO_PARENT:
        return "there is no such unit any more";
    case UNIT_CYCLE:
        return "lies below this unit, or is it: a unit cannot stand below itself";
    case UNIT_DEEP:
        return "would put units more than 32 levels below HQ";
    case UNIT_CODE_TAKEN:
        return "another unit has this code";
    case UNIT_HAS_UNITS:
        return "there are units below it; move or delete them first";
    case UNIT_HAS_STAFF:
        return "somebody of the staff belongs to it; move them first";
    case UNIT_MANY:
        return "there would be more than 200,000 units";
    default:
        return "cannot be";
    }
}

const char *unit_fault_column(enum unit_fault fault)
{
    if (fault == UNIT_CODE_TAKEN)
        return "code";
    return fault == UNIT_NO_PARENT || fault == UNIT_CYCLE || fault == UNIT_DEEP ? "parent" : NULL;
}

int unit_store_for(struct api_call *call, const char *action, struct unit_edit *edits, size_t count,
    struct unit_refusal *ret_refusal)
{
    const struct unit_act act = {.actor = &call->actor,
        .request_id = http_request_id(call->request),
        .action = action,
        .scope = call->access.unit,
        .check = api_check_in,
        .call = call};
    return unit_store(call->gateway, &act, edits, count, ret_refusal);
}

static int store_one(struct api_call *call, const char *action, struct unit_edit *edit)
{
    struct unit_refusal refusal;
    int error = unit_store_for(call, action, edit, 1, &refusal);
    if (error == -QY_ENOTFOUND)
        return refuse_missing(call);
    if (error == -QY_EINVAL)
        return api_refuse(
            call, -QY_ECONFLICT, unit_fault_column(refusal.fault), "%s", unit_fault_reason(refusal.fault));
    return error;
}

/* -- bodies -- */

static int check_code(struct api_call *call, const Quanyu__Unit *unit, const char *code)
{
    if (access_covers_all_units(&call->access) || strcmp(code, unit->code) == 0)
        return 0;
    return api_refuse(call, -QY_EDENIED, "code", API_GIVEN_BY_HQ);
}

static int read_field(struct api_call *call, Quanyu__Unit *unit, enum unit_field field)
{
    const char *name = unit_fields[field], *text = "";
    yyjson_val *value = yyjson_obj_get(call->body, name);
    if (!value)
        return 0;
    int error = yyjson_is_null(value) ? 0 : api_text(call, name, false, &text);
    if (!error && field == UNIT_FIELD_CODE)
        error = check_code(call, unit, text);
    const char *wrong = error ? NULL : unit_set(unit, field, text);
    return wrong ? api_refuse(call, -QY_EINVAL, name, "%s", wrong) : error;
}

static int read_parent(struct api_call *call, Quanyu__Unit *unit)
{
    const char *name;
    int error = api_text(call, "parent", false, &name);
    if (error || !name)
        return error;
    if (unit->number == UNIT_ROOT)
        return api_refuse(call, -QY_ECONFLICT, "parent", "HQ is the root and cannot be moved");
    unit->parent = find_unit(call, name);
    return unit->parent
               ? 0
               : api_refuse(call, -QY_EINVAL, "parent", "must be a unit: u_1, or code:… by its code");
}

static int read_unit(struct api_call *call, Quanyu__Unit *unit)
{
    enum unit_field field;
    int error = read_parent(call, unit);
    for (field = 0; !error && field < UNIT_FIELD_COUNT; field++)
        error = read_field(call, unit, field);
    if (error)
        return error;
    const char *wrong = unit_check(unit, &field);
    return wrong ? api_refuse(call, -QY_EINVAL, unit_fields[field], "%s", wrong) : 0;
}

/* -- operations -- */

int unit_create(struct api_call *call)
{
    struct unit_edit edit = {0};
    quanyu__unit__init(&edit.unit);
    if (!yyjson_obj_get(call->body, "parent"))
        return api_refuse(call, -QY_EINVAL, "parent", "is required: u_1 is HQ");
    int error = read_unit(call, &edit.unit);
    if (!error)
        error = store_one(call, "unit.create", &edit);
    if (error)
        return error;
    call->status = 201;
    return show(call, &edit.unit);
}

int unit_show(struct api_call *call)
{
    Quanyu__Unit *unit;
    int error = fetch(call, &unit);
    return error ? error : show(call, unit);
}

typedef int edit_fn(struct api_call *call, Quanyu__Unit *unit);

static int edit_members(struct api_call *call, Quanyu__Unit *unit)
{
    return read_unit(call, unit);
}

/* A rule would name what there is no more. */
static int refuse_named(struct api_call *call, uint32_t unit)
{
    const char *name;
    int error = rule_names_referrer(call, unit, &name);
    if (error || !*name)
        return error;
    bool told = permission_in(call->permissions, PERMISSION_JOURNEY_READ) && access_is_whole(&call->access);
    if (!told && strncmp(name, "journey", strlen("journey")) == 0)
        return api_refuse(call, -QY_ECONFLICT, NULL, "a rule that you may not see refers to it");
    return api_refuse(call, -QY_ECONFLICT, NULL, "the %s refers to it", name);
}

/* What would lose its unit. The writer looks again whether units are below it. */
static int unit_is_used(struct api_call *call, const Quanyu__Unit *unit)
{
    uint64_t people = 0;
    struct unit_tree *tree = units_hold(call->gateway->units);
    uint32_t below = unit_tree_below(tree, unit->number);
    unit_tree_release(&tree);
    if (below)
        return api_refuse(call, -QY_ECONFLICT, NULL, "%s", unit_fault_reason(UNIT_HAS_UNITS));
    int error = binding_count_people(call, unit->number, 0, &people);
    if (error == -QY_ENOTFOUND) /* tagging has not heard of it yet: nobody can be there */
        error = 0;
    if (error || people == 0)
        return error ? error : refuse_named(call, unit->number);
    return api_refuse(
        call, -QY_ECONFLICT, NULL, "people have it as their home unit; transfer them to another one first");
}

static int edit_remove(struct api_call *call, Quanyu__Unit *unit)
{
    if (unit->number == UNIT_ROOT)
        return api_refuse(call, -QY_ECONFLICT, "id", "HQ is the root and cannot be deleted");
    unit->removed_ms = gateway_now_ms(call->gateway);
    return unit_is_used(call, unit);
}

/* Made from the version that was read, and made again where another one came between, unless the caller has named the
 * version. */
static int change(struct api_call *call, const char *action, edit_fn *edit, struct unit_edit *ret_edit)
{
    uint64_t version;
    int error = api_read_version(call, &version);
    for (unsigned tries = 0; !error && tries < CHANGE_TRIES; tries++) {
        Quanyu__Unit *unit;
        error = fetch(call, &unit);
        if (!error && version && unit->version != version)
            return api_refuse(call, -QY_EOVERTAKEN, "If-Match", "the unit has another version by now");
        if (!error) {
            *ret_edit = (struct unit_edit){.unit = *unit};
            error = edit(call, &ret_edit->unit);
        }
        if (!error)
            error = store_one(call, action, ret_edit);
        if (error != -QY_EOVERTAKEN || version)
            return error;
        error = 0;
    }
    return error ? error
                 : api_refuse(call, -QY_ECONFLICT, NULL, "others change it at the same time; try again");
}

int unit_change(struct api_call *call)
{
    struct unit_edit edit;
    bool moves = yyjson_obj_get(call->body, "parent") != NULL;
    int error = change(call, moves ? "unit.move" : "unit.change", edit_members, &edit);
    return error ? error : show(call, &edit.unit);
}

int unit_remove(struct api_call *call)
{
    struct unit_edit edit;
    return change(call, "unit.delete", edit_remove, &edit);
}

/* -- lists -- */

struct listing {
    uint32_t below, after;
    char kind[64];
    enum { CLOSED_OR_NOT, CLOSED, NOT_CLOSED } closed;
    const char *day;
    uint32_t limit;
};

static int read_text(struct api_call *call, const char *name, char *text, size_t size)
{
    bool present;
    return api_parameter(call, name, text, size, &present);
}

static int read_closed(struct api_call *call, struct listing *listing)
{
    bool stated, closed;
    int error = api_switch(call, "closed", &stated, &closed);
    listing->closed = !stated ? CLOSED_OR_NOT : closed ? CLOSED : NOT_CLOSED;
    return error;
}

static int read_listing(struct api_call *call, struct listing *listing)
{
    char below[API_ID_BYTES], cursor[API_ID_BYTES];
    int error = api_limit(call, &listing->limit);
    if (!error)
        error = read_text(call, "below", below, sizeof(below));
    if (!error)
        error = read_text(call, "kind", listing->kind, sizeof(listing->kind));
    if (!error)
        error = read_closed(call, listing);
    if (!error)
        error = api_id_cursor(call, "u_", cursor);
    if (error)
        return error;
    listing->below = *below ? find_unit(call, below) : call->access.unit;
    if (!listing->below)
        return api_refuse(call, -QY_ENOTFOUND, "below", "there is no such unit");
    listing->after = *cursor ? find_unit(call, cursor) : 0;
    if (*cursor && !listing->after)
        return api_refuse(
            call, -QY_EINVAL, "cursor", "the unit at which the page ended is no more; begin anew");
    listing->day = today(call);
    return listing->day ? 0 : -QY_ENOMEM;
}

static bool is_wanted(const struct listing *listing, const Quanyu__Unit *unit)
{
    return (!*listing->kind || strcmp(unit->kind, listing->kind) == 0) &&
           (listing->closed == CLOSED_OR_NOT ||
               unit_is_closed(unit, listing->day) == (listing->closed == CLOSED));
}

/* In the order of the tree; the cursor is the last one that was shown. */
static int write_list(
    struct api_call *call, const struct listing *listing, const struct unit_tree *tree, struct store_txn *txn)
{
    struct json json = json_to(&call->out);
    char next[UNIT_ID_BYTES] = "";
    uint32_t shown = 0, last = 0;
    uint32_t place = unit_tree_place(tree, listing->below);
    uint32_t end = place + unit_tree_below(tree, listing->below) + 1;
    if (listing->after)
        place = unit_tree_place(tree, listing->after) + 1;
    json_open_page(&json, "units");
    for (; place < end; place++) {
        Quanyu__Unit *unit = unit_get(txn, unit_tree_at(tree, place), arena_allocator(call->arena));
        if (!unit || !is_wanted(listing, unit))
            continue;
        if (shown++ == listing->limit) {
            unit_id(last, next);
            break;
        }
        last = unit->number;
        unit_write(&json, unit, tree, listing->day, call->access.unit);
    }
    json_close_page(&json, next);
    return store_error(txn);
}

int unit_list(struct api_call *call)
{
    struct listing listing = {0};
    struct store_txn *txn;
    int error = read_listing(call, &listing);
    if (!error)
        error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    struct unit_tree *tree = units_hold(call->gateway->units);
    error = write_list(call, &listing, tree, txn);
    unit_tree_release(&tree);
    store_abort(&txn);
    return error;
}
