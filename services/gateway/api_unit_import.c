/* SPDX-License-Identifier: Apache-2.0 */
/* Units from a CSV: all of them or none, and all that is wrong at once. */
#include "services/gateway/api_unit.h"
#include "services/gateway/unit_import.h"

#include <string.h>

static void write_errors(struct json *json, const struct unit_import *import)
{
    json_name(json, "errors");
    json_open(json, '[');
    for (size_t i = 0; i < import->error_count; i++) {
        json_open(json, '{');
        json_field_unsigned(json, "line", import->errors[i].line);
        json_field_optional(json, "column", import->errors[i].column);
        json_field_text(json, "reason", import->errors[i].reason);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static int answer_import(struct api_call *call, const struct unit_import *import, bool dry_run)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_bool(&json, "dry_run", dry_run);
    json_field_unsigned(&json, "created", import->created);
    json_field_unsigned(&json, "changed", import->changed);
    json_field_unsigned(&json, "unchanged", import->unchanged);
    json_close(&json, '}');
    return 0;
}

/* All that is wrong is told, so that a text is mended at once. */
static int refuse_import(struct api_call *call, const struct unit_import *import)
{
    struct json json = json_to(&call->out);
    call->status = 400;
    json_open(&json, '{');
    json_field_text(&json, "type", "urn:quanyu:problem:invalid");
    json_field_text(&json, "title", "Bad Request");
    json_field_integer(&json, "status", call->status);
    json_field_text(&json, "detail",
        arena_printf(call->arena, "%zu %s; no unit was made or changed", import->errors_found,
            import->errors_found == 1 ? "cell or line is wrong" : "cells or lines are wrong"));
    json_field_text(&json, "request_id", http_request_id(call->request));
    write_errors(&json, import);
    json_close(&json, '}');
    return 0;
}

static void add_error(struct unit_import *import, const struct unit_refusal *refusal)
{
    const char *column = unit_fault_column(refusal->fault);
    import->errors[0] = (struct unit_import_error){.line = import->lines[refusal->edit],
        .column = column && strcmp(column, "parent") == 0 ? "parent_code"
                  : column                                ? column
                                                          : "",
        .reason = unit_fault_reason(refusal->fault)};
    import->error_count = import->errors_found = 1;
}

/* A dry run looks at the tree that there would be. */
static int try_import(struct api_call *call, struct unit_import *import, const struct unit_tree *tree)
{
    struct unit_refusal refusal = {0};
    struct unit_tree *next = NULL;
    Quanyu__Unit **rows = arena_alloc(call->arena, sizeof(Quanyu__Unit *) * (import->count + 1));
    uint32_t last = unit_tree_last(tree);
    if (!rows)
        return -QY_ENOMEM;
    for (size_t i = 0; i < import->count; i++) {
        rows[i] = &import->edits[i].unit;
        if (!rows[i]->number)
            rows[i]->number = ++last;
    }
    for (size_t i = 0; i < import->count; i++)
        if (import->edits[i].parent)
            rows[i]->parent = import->edits[i].parent->unit.number;
    int error = unit_tree_make(tree, rows, import->count, &next, &refusal.fault, &refusal.edit);
    unit_tree_release(&next);
    if (error == -QY_EINVAL)
        add_error(import, &refusal);
    return error == -QY_EINVAL ? 0 : error;
}

static int read_import(struct api_call *call, const struct unit_tree *tree, struct unit_import *import)
{
    struct store_txn *txn;
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    error = unit_import_read(http_body(call->request), tree, txn, call->arena, import);
    store_abort(&txn);
    return error;
}

int unit_import(struct api_call *call)
{
    bool stated, dry_run;
    struct unit_refusal refusal;
    int error = api_switch(call, "dry_run", &stated, &dry_run);
    struct unit_import *import = arena_alloc(call->arena, sizeof(*import));
    if (error || !import)
        return error ? error : -QY_ENOMEM;
    struct unit_tree *tree = units_hold(call->gateway->units);
    error = read_import(call, tree, import);
    if (!error && dry_run)
        error = try_import(call, import, tree);
    unit_tree_release(&tree);
    if (!error && !dry_run) {
        error = unit_store_for(call, "unit.import", import->edits, import->count, &refusal);
        if (error == -QY_EINVAL)
            add_error(import, &refusal);
    }
    if (error == -QY_EOVERTAKEN || error == -QY_ENOTFOUND)
        return api_refuse(call, -QY_ECONFLICT, NULL, "others change units at the same time; try again");
    if (error && error != -QY_EINVAL)
        return error;
    return import->errors_found ? refuse_import(call, import) : answer_import(call, import, dry_run);
}
