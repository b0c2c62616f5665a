/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unit_change.h"

#include "common/waiting_work.h"
#include "services/gateway/staff_store.h"
#include "services/gateway/unit_json.h"

#include <stdlib.h>
#include <string.h>

/* A record of the journal names so many at most. */
#define ROWS_OF_RECORD ((size_t)1000)
/* An act is ended there: audit keeps no more than a hash of a detail of 32 KiB, and a unit takes 2 KiB at most. */
#define DETAIL_BYTES ((size_t)30000)

struct change {
    struct waiting_work waiting;
    struct gateway *gateway;
    const struct unit_act *act;
    struct unit_edit *edits;
    size_t count;
    struct unit_refusal *refusal;
    Quanyu__Unit **before; /* of each edit; NULL: it is new */
    Quanyu__Unit **rows;
    struct unit_tree *next; /* what is in force after the commit */
};

/* -- checks -- */

static int read_before(struct change *change, struct batch *batch)
{
    for (size_t i = 0; i < change->count; i++) {
        const Quanyu__Unit *unit = &change->edits[i].unit;
        if (unit->number == 0)
            continue;
        change->refusal->edit = i;
        change->before[i] = unit_get(batch->txn, unit->number, NULL);
        if (!change->before[i] || change->before[i]->removed_ms)
            return store_error(batch->txn) ? store_error(batch->txn) : -QY_ENOTFOUND;
        if (change->before[i]->version != unit->version)
            return -QY_EOVERTAKEN;
    }
    return 0;
}

/* Who asked may have lost the unit since, or the place where it is to stand. */
static int check_scope(struct change *change, const struct unit_tree *tree)
{
    uint32_t scope = change->act->scope;
    for (size_t i = 0; scope && i < change->count; i++) {
        const Quanyu__Unit *unit = &change->edits[i].unit;
        bool top = unit->number == scope; /* stays where it is */
        *change->refusal = (struct unit_refusal){.fault = UNIT_NO_PARENT, .edit = i};
        if (unit->number && !unit_tree_within(tree, unit->number, scope))
            return -QY_ENOTFOUND;
        if (!top && !change->edits[i].parent && !unit_tree_within(tree, unit->parent, scope))
            return -QY_EINVAL;
    }
    return 0;
}

static int check_staff(struct change *change, struct batch *batch)
{
    for (size_t i = 0; i < change->count; i++) {
        const Quanyu__Unit *unit = &change->edits[i].unit;
        if (!unit->removed_ms || !staff_next_of_unit(batch->txn, unit->number, 0))
            continue;
        *change->refusal = (struct unit_refusal){.fault = UNIT_HAS_STAFF, .edit = i};
        return -QY_EINVAL;
    }
    return store_error(batch->txn);
}

/* New ones get their numbers; a parent among them has its own by then, wherever it stands. */
static void number_all(struct change *change, uint32_t last, int64_t now_ms)
{
    for (size_t i = 0; i < change->count; i++) {
        Quanyu__Unit *unit = &change->edits[i].unit;
        if (unit->number == 0) {
            unit->number = ++last;
            unit->created_ms = now_ms;
        }
        unit->changed_ms = now_ms;
        unit->version++;
        change->rows[i] = unit;
    }
    for (size_t i = 0; i < change->count; i++)
        if (change->edits[i].parent)
            change->edits[i].unit.parent = change->edits[i].parent->unit.number;
}

/* So that whoever tries again begins where this began. */
static void take_back(struct change *change)
{
    for (size_t i = 0; i < change->count && change->rows[i]; i++) {
        Quanyu__Unit *unit = &change->edits[i].unit;
        unit->version--;
        if (!change->before[i])
            unit->number = 0;
        change->rows[i] = NULL;
    }
}

/* -- what the journal tells -- */

static bool moves(const struct change *change, size_t index)
{
    const Quanyu__Unit *before = change->before[index], *unit = &change->edits[index].unit;
    return !before || before->parent != unit->parent || unit->removed_ms != 0;
}

static int compare_places(const void *a, const void *b, void *self)
{
    const struct change *change = self;
    uint32_t first = unit_tree_place(change->next, change->edits[*(const size_t *)a].unit.number);
    uint32_t second = unit_tree_place(change->next, change->edits[*(const size_t *)b].unit.number);
    return first < second ? -1 : first > second;
}

/* Parents before what is below them: whoever follows finds each place's parent where it is to be, and never a cycle. */
static size_t *in_order(struct change *change)
{
    size_t *order = calloc(change->count + 1, sizeof(*order));
    if (!order)
        return NULL;
    for (size_t i = 0; i < change->count; i++)
        order[i] = i;
    qsort_r(order, change->count, sizeof(*order), compare_places, change);
    return order;
}

static int emit_places(struct change *change, struct batch *batch)
{
    Quanyu__OrganisationChanged message = QUANYU__ORGANISATION_CHANGED__INIT;
    Quanyu__OrganisationChanged__Place places[ROWS_OF_RECORD], *list[ROWS_OF_RECORD];
    message.places = list;
    _cleanup_(free_pointer) size_t *order = in_order(change);
    if (!order)
        return -QY_ENOMEM;
    for (size_t i = 0; i < change->count; i++) {
        if (!moves(change, order[i]))
            continue;
        if (message.n_places == ROWS_OF_RECORD) {
            batch_emit(batch, CLASS_ORGANISATION, &message.base);
            message.n_places = 0;
        }
        const Quanyu__Unit *unit = &change->edits[order[i]].unit;
        Quanyu__OrganisationChanged__Place *place = list[message.n_places] = &places[message.n_places];
        message.n_places++;
        quanyu__organisation_changed__place__init(place);
        place->unit = unit->number;
        place->parent = unit->parent;
        place->removed = unit->removed_ms != 0;
    }
    if (message.n_places == 0)
        return 0;
    /* The last one says that all have come. */
    message.moves = unit_tree_moves(change->next);
    batch_emit(batch, CLASS_ORGANISATION, &message.base);
    return 0;
}

static void write_state(struct json *json, const char *name, const Quanyu__Unit *unit)
{
    json_name(json, name);
    if (!unit || unit->removed_ms) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    unit_write_members(json, unit);
    json_close(json, '}');
}

/* `before` NULL: it is new. */
static void write_edit(struct json *json, const Quanyu__Unit *before, const Quanyu__Unit *after)
{
    char id[UNIT_ID_BYTES];
    json_open(json, '{');
    json_field_text(json, "id", unit_id(after->number, id));
    write_state(json, "before", before);
    write_state(json, "after", after);
    json_close(json, '}');
}

/* One act, of as many as it holds; yields the first that comes into the next one. */
static int emit_act(struct change *change, struct batch *batch, size_t first, size_t *ret_next)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    size_t next = first;
    if (change->count == 1) {
        write_edit(&json, change->before[0], &change->edits[0].unit);
        next++;
    } else {
        json_open(&json, '{');
        json_field_unsigned(&json, "units_in_all", change->count);
        json_name(&json, "units");
        json_open(&json, '[');
        for (; next < change->count && detail.size < DETAIL_BYTES; next++)
            write_edit(&json, change->before[next], &change->edits[next].unit);
        json_close(&json, ']');
        json_close(&json, '}');
    }
    const char *text = buffer_c_str(&detail);
    if (!buffer_error(&detail))
        gateway_emit_act(batch, change->act->actor, change->act->request_id, change->act->action, text);
    *ret_next = next;
    return buffer_error(&detail);
}

static int emit_acts(struct change *change, struct batch *batch)
{
    int error = 0;
    for (size_t next = 0; !error && next < change->count;)
        error = emit_act(change, batch, next, &next);
    return error;
}

/* -- writer -- */

static int store(struct change *change, struct batch *batch)
{
    for (size_t i = 0; i < change->count; i++)
        unit_put(batch->txn, change->rows[i]);
    staff_number_take(batch->txn, MOVE_NUMBER, (uint32_t)unit_tree_moves(change->next));
    int error = store_error(batch->txn);
    if (!error)
        error = emit_places(change, batch);
    return error ? error : emit_acts(change, batch);
}

static int apply_change(struct work *work, struct batch *batch)
{
    struct change *change = (struct change *)work;
    struct units *units = change->gateway->units;
    const struct unit_tree *now = units_ahead(units);
    int error = batch_time(batch, gateway_now_ms(change->gateway));
    if (!error && change->act->check)
        error = change->act->check(change->act->call, batch->txn);
    if (!error)
        error = check_scope(change, now);
    if (!error)
        error = read_before(change, batch);
    if (!error)
        error = check_staff(change, batch);
    if (!error) {
        number_all(change, unit_tree_last(now), batch->now_ms);
        error = unit_tree_make(
            now, change->rows, change->count, &change->next, &change->refusal->fault, &change->refusal->edit);
    }
    if (!error && (error = store(change, batch)))
        store_fail(batch->txn, error);
    if (error)
        take_back(change);
    else
        units_stage(units, change->next);
    return error;
}

static void settle(struct waiting_work *waiting, int result)
{
    struct change *change = (struct change *)waiting;
    if (result == 0)
        units_install(change->gateway->units, &change->next);
    unit_tree_release(&change->next);
}

static void change_free(struct change *change)
{
    for (size_t i = 0; change->before && i < change->count; i++)
        if (change->before[i])
            quanyu__unit__free_unpacked(change->before[i], NULL);
    free(change->before);
    free(change->rows);
}

int unit_store(struct gateway *gateway, const struct unit_act *act, struct unit_edit *edits, size_t count,
    struct unit_refusal *ret_refusal)
{
    _cleanup_(change_free) struct change change = {.waiting = {.settle = settle},
        .gateway = gateway,
        .act = act,
        .edits = edits,
        .count = count,
        .refusal = ret_refusal};
    *ret_refusal = (struct unit_refusal){0};
    if (count == 0)
        return 0;
    change.before = calloc(count, sizeof(Quanyu__Unit *));
    change.rows = calloc(count, sizeof(Quanyu__Unit *));
    if (!change.before || !change.rows)
        return -QY_ENOMEM;
    return waiting_work_run(gateway->service, &change.waiting, apply_change);
}

/* Nobody has called: the service made it. */
static int emit_begin(struct batch *batch, const Quanyu__Unit *root)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    Quanyu__Actor nobody = QUANYU__ACTOR__INIT;
    write_edit(&json, NULL, root);
    const char *text = buffer_c_str(&detail);
    if (!buffer_error(&detail))
        gateway_emit_act(batch, &nobody, "", "unit.create", text);
    return buffer_error(&detail) ? buffer_error(&detail) : store_error(batch->txn);
}

int unit_begin(struct batch *batch)
{
    if (store_count(batch->txn, TABLE_UNITS) > 0 || store_error(batch->txn))
        return store_error(batch->txn);
    Quanyu__Unit root = QUANYU__UNIT__INIT;
    Quanyu__OrganisationChanged__Place place = QUANYU__ORGANISATION_CHANGED__PLACE__INIT, *places = &place;
    Quanyu__OrganisationChanged message = QUANYU__ORGANISATION_CHANGED__INIT;
    root.number = place.unit = UNIT_ROOT;
    root.version = 1;
    root.name = (char *)"HQ";
    root.kind = (char *)"hq";
    root.created_ms = root.changed_ms = batch->now_ms;
    unit_put(batch->txn, &root);
    message.n_places = 1;
    message.places = &places;
    batch_emit(batch, CLASS_ORGANISATION, &message.base);
    return emit_begin(batch, &root);
}
