/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/unit_import.h"

#include "common/csv.h"
#include "services/gateway/unit_check.h"

#include <stdlib.h>
#include <string.h>

#define PARENT_COLUMN "parent_code"
#define COLUMNS_MAX (UNIT_FIELD_COUNT + 1)
#define PARENT_FIELD UNIT_FIELD_COUNT

/* A line of the text. */
struct row {
    struct unit_edit edit;
    const Quanyu__Unit *before; /* NULL: it is new */
    uint64_t line;
    const char *parent_code; /* NULL: there is no such column */
};

struct reading {
    struct unit_import *import;
    const struct unit_tree *tree;
    struct store_txn *txn;
    struct arena *arena;
    struct csv csv;
    unsigned fields[COLUMNS_MAX]; /* by column */
    size_t columns;
    struct row *rows;
    size_t row_count;
    uint32_t *slots; /* indexes of rows + 1 by the hash of the code; 0: free */
    size_t slot_count;
};

static void complain(struct reading *reading, uint64_t line, const char *column, const char *reason)
{
    struct unit_import *import = reading->import;
    if (import->error_count < UNIT_IMPORT_ERRORS_MAX)
        import->errors[import->error_count++] = (struct unit_import_error){line, column, reason};
    import->errors_found++;
}

static const char *field_name(unsigned field)
{
    return field == PARENT_FIELD ? PARENT_COLUMN : unit_fields[field];
}

/* -- head -- */

static bool has_column(const struct reading *reading, unsigned field)
{
    for (size_t i = 0; i < reading->columns; i++)
        if (reading->fields[i] == field)
            return true;
    return false;
}

static void read_column(struct reading *reading, const char *name)
{
    unsigned field = 0;
    while (field <= PARENT_FIELD && strcmp(field_name(field), name) != 0)
        field++;
    if (field > PARENT_FIELD)
        complain(reading, reading->csv.line, arena_text(reading->arena, name, strlen(name)),
            "is no column; there are code, name, kind, parent_code, ownership, opened_on, closed_on and "
            "time_zone");
    else if (has_column(reading, field))
        complain(reading, reading->csv.line, field_name(field), "stands twice in the head");
    else
        reading->fields[reading->columns++] = field;
}

static void read_head(struct reading *reading)
{
    if (!csv_next(&reading->csv)) {
        complain(reading, 1, "", "the text is empty; its first line must name the columns");
        return;
    }
    for (size_t i = 0; i < reading->csv.count; i++)
        read_column(reading, csv_field(&reading->csv, i));
    if (reading->import->errors_found == 0 && !has_column(reading, UNIT_FIELD_CODE))
        complain(reading, reading->csv.line, "code", "must be a column: units are known by it");
}

/* -- lines -- */

static size_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

static struct row *find_row(const struct reading *reading, const char *code, size_t *ret_slot)
{
    size_t slot = hash_of(code) & (reading->slot_count - 1);
    while (reading->slots[slot]) {
        struct row *row = &reading->rows[reading->slots[slot] - 1];
        if (strcmp(row->edit.unit.code, code) == 0)
            return row;
        slot = (slot + 1) & (reading->slot_count - 1);
    }
    if (ret_slot)
        *ret_slot = slot;
    return NULL;
}

static const char *cell_of(const struct reading *reading, unsigned field)
{
    for (size_t i = 0; i < reading->columns; i++)
        if (reading->fields[i] == field)
            return csv_field(&reading->csv, i);
    return NULL;
}

/* What is there, or a new one right below the root. */
static int begin_row(struct reading *reading, struct row *row, char *code)
{
    uint32_t number = unit_tree_find(reading->tree, code, strlen(code));
    if (number) {
        row->before = unit_get(reading->txn, number, arena_allocator(reading->arena));
        if (!row->before)
            return store_error(reading->txn) ? store_error(reading->txn) : -QY_ECORRUPT;
        row->edit.unit = *row->before;
        return 0;
    }
    quanyu__unit__init(&row->edit.unit);
    row->edit.unit.code = code;
    row->edit.unit.kind = (char *)"store";
    row->edit.unit.parent = UNIT_ROOT;
    return 0;
}

static int set_cells(struct reading *reading, struct row *row)
{
    for (size_t i = 0; i < reading->columns; i++) {
        const char *cell = csv_field(&reading->csv, i);
        char *text = arena_text(reading->arena, cell, strlen(cell));
        if (!text)
            return -QY_ENOMEM;
        if (reading->fields[i] == PARENT_FIELD) {
            row->parent_code = text;
            continue;
        }
        const char *wrong = unit_set(&row->edit.unit, reading->fields[i], text);
        if (wrong)
            complain(reading, row->line, unit_fields[reading->fields[i]], wrong);
    }
    return 0;
}

static int add_row(struct reading *reading)
{
    size_t slot = 0;
    const char *cell = cell_of(reading, UNIT_FIELD_CODE);
    struct row row = {.line = reading->csv.line};
    char *code = arena_text(reading->arena, cell, strlen(cell));
    size_t found = reading->import->errors_found;
    if (!code)
        return -QY_ENOMEM;
    if (!*code) {
        complain(reading, row.line, "code", "must not be empty");
        return 0;
    }
    if (find_row(reading, code, &slot)) {
        complain(reading, row.line, "code", "stands in a line above, too");
        return 0;
    }
    int error = begin_row(reading, &row, code);
    if (!error)
        error = set_cells(reading, &row);
    if (error || reading->import->errors_found > found)
        return error;
    enum unit_field field;
    const char *wrong = unit_check(&row.edit.unit, &field);
    if (wrong)
        complain(reading, row.line, unit_fields[field], wrong);
    reading->rows[reading->row_count++] = row;
    reading->slots[slot] = (uint32_t)reading->row_count;
    return 0;
}

static int read_lines(struct reading *reading)
{
    int error = 0;
    while (!error && csv_next(&reading->csv)) {
        if (reading->csv.error)
            complain(reading, reading->csv.line, "",
                arena_text(reading->arena, reading->csv.error, strlen(reading->csv.error)));
        else if (reading->csv.count != reading->columns)
            complain(reading, reading->csv.line, "", "has another number of columns than the head");
        else if (reading->row_count == UNIT_IMPORT_ROWS_MAX) {
            complain(reading, reading->csv.line, "", "is one too many: 50,000 units at a time");
            break;
        } else
            error = add_row(reading);
    }
    return error;
}

/* -- what belongs together -- */

static void find_parent(struct reading *reading, struct row *row)
{
    const char *code = row->parent_code;
    if (!code || row->edit.unit.number == UNIT_ROOT)
        return;
    if (!*code) {
        row->edit.unit.parent = UNIT_ROOT;
        return;
    }
    const struct row *above = find_row(reading, code, NULL);
    uint32_t number = above ? above->edit.unit.number : unit_tree_find(reading->tree, code, strlen(code));
    if (number)
        row->edit.unit.parent = number;
    else if (above)
        row->edit.parent = &above->edit;
    else
        complain(reading, row->line, PARENT_COLUMN, "no unit has this code, here or in this text");
}

static bool is_same(const Quanyu__Unit *a, const Quanyu__Unit *b)
{
    return a->parent == b->parent && a->ownership == b->ownership && strcmp(a->name, b->name) == 0 &&
           strcmp(a->kind, b->kind) == 0 && strcmp(a->opened_on, b->opened_on) == 0 &&
           strcmp(a->closed_on, b->closed_on) == 0 && strcmp(a->time_zone, b->time_zone) == 0;
}

/* A parent that is new is an edit, too: where its row goes, what is below it follows. */
static int gather(struct reading *reading)
{
    struct unit_import *import = reading->import;
    import->edits = arena_alloc(reading->arena, sizeof(*import->edits) * (reading->row_count + 1));
    import->lines = arena_alloc(reading->arena, sizeof(*import->lines) * (reading->row_count + 1));
    struct unit_edit **places =
        arena_alloc(reading->arena, sizeof(struct unit_edit *) * (reading->row_count + 1));
    if (!import->edits || !import->lines || !places)
        return -QY_ENOMEM;
    for (size_t i = 0; i < reading->row_count; i++) {
        const struct row *row = &reading->rows[i];
        if (row->before && !row->edit.parent && is_same(row->before, &row->edit.unit)) {
            import->unchanged++;
            continue;
        }
        import->created += !row->before;
        import->changed += row->before != NULL;
        import->lines[import->count] = row->line;
        places[i] = &import->edits[import->count];
        import->edits[import->count++] = row->edit;
    }
    for (size_t i = 0; i < reading->row_count; i++) {
        const struct unit_edit *parent = reading->rows[i].edit.parent;
        if (parent && places[i])
            places[i]->parent = places[(const struct row *)(const void *)parent - reading->rows];
    }
    return 0;
}

static int read_all(struct reading *reading)
{
    read_head(reading);
    int error = reading->import->errors_found ? 0 : read_lines(reading);
    for (size_t i = 0; !error && i < reading->row_count; i++)
        find_parent(reading, &reading->rows[i]);
    if (!error && reading->import->errors_found)
        error = -QY_EINVAL;
    return error ? error : gather(reading);
}

int unit_import_read(struct bytes text, const struct unit_tree *tree, struct store_txn *txn,
    struct arena *arena, struct unit_import *ret_import)
{
    *ret_import = (struct unit_import){0};
    struct reading reading = {
        .import = ret_import, .tree = tree, .txn = txn, .arena = arena, .slot_count = 131072};
    reading.rows = arena_alloc(arena, sizeof(*reading.rows) * UNIT_IMPORT_ROWS_MAX);
    reading.slots = arena_alloc(arena, sizeof(*reading.slots) * reading.slot_count);
    if (!reading.rows || !reading.slots)
        return -QY_ENOMEM;
    FILE *file = text.size ? fmemopen((void *)(uintptr_t)text.data, text.size, "r") : NULL;
    if (!file) {
        complain(&reading, 1, "", "the text is empty; its first line must name the columns");
        return text.size ? -QY_ENOMEM : -QY_EINVAL;
    }
    csv_open(&reading.csv, file, ',', CSV_UTF8);
    int error = read_all(&reading);
    csv_close(&reading.csv);
    fclose(file);
    return error;
}
