/* SPDX-License-Identifier: Apache-2.0 */
/* One definition: its rules, compiled, and its rows. */
#include "services/tagging/codec.h"
#include "services/tagging/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_VERSION 1

static void free_rules(struct definition *definition)
{
    rule_free(&definition->rule);
    for (size_t i = 0; i < definition->stage_count; i++) {
        free(definition->stages[i].stage);
        rule_free(&definition->stages[i].rule);
    }
    free(definition->stages);
    definition->stages = NULL;
    definition->stage_count = 0;
}

void definition_free(struct definition **definition)
{
    struct definition *freed = *definition;
    *definition = NULL;
    if (!freed)
        return;
    free_rules(freed);
    free(freed->id);
    free(freed->name);
    free(freed->description);
    free(freed->text);
    free(freed);
}

int definition_set_text(char **field, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return -QY_ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

static int refuse(struct rule_problem *problem, const char *pointer, const char *message)
{
    snprintf(problem->pointer, sizeof(problem->pointer), "%s", pointer);
    snprintf(problem->message, sizeof(problem->message), "%s", message);
    return -QY_EINVAL;
}

/* -- stages: [{"stage": name, "rule": rule}, …] -- */

static int parse_stage(struct definition *definition, size_t index, yyjson_val *item,
    const struct rule_names *names, struct rule_problem *problem)
{
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/%zu", index);
    yyjson_val *stage = yyjson_obj_get(item, "stage"), *rule = yyjson_obj_get(item, "rule");
    if (!yyjson_is_str(stage) || yyjson_get_len(stage) == 0 || yyjson_get_len(stage) > 100 || !rule ||
        yyjson_obj_size(item) != 2)
        return refuse(problem, pointer, "must be an object with \"stage\", a name, and \"rule\"");
    if (strlen(yyjson_get_str(stage)) != yyjson_get_len(stage))
        return refuse(problem, pointer, "a name holds no NUL character");
    for (size_t i = 0; i < index; i++)
        if (strcmp(definition->stages[i].stage, yyjson_get_str(stage)) == 0)
            return refuse(problem, pointer, "this stage stands above already");
    struct stage_rule *made = &definition->stages[definition->stage_count++];
    struct rule_problem inner = {0};
    int error = definition_set_text(&made->stage, yyjson_get_str(stage));
    if (!error)
        error = rule_parse(rule, names, &made->rule, &inner);
    if (error) {
        snprintf(problem->pointer, sizeof(problem->pointer), "%s/rule%.180s", pointer, inner.pointer);
        snprintf(problem->message, sizeof(problem->message), "%s", inner.message);
    }
    return error;
}

static int parse_stages(
    struct definition *definition, const struct rule_names *names, struct rule_problem *problem)
{
    yyjson_doc *doc = yyjson_read(definition->text, strlen(definition->text), YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *list = yyjson_doc_get_root(doc);
    size_t count = yyjson_arr_size(list);
    int error = 0;
    if (!yyjson_is_arr(list) || count == 0 || count > STAGES_MAX)
        error = refuse(problem, "", "stages must be a JSON list of 1 to 64 objects");
    if (!error && !(definition->stages = calloc(count, sizeof(*definition->stages))))
        error = -QY_ENOMEM;
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    for (size_t i = 0; !error && i < count; i++)
        error = parse_stage(definition, i, yyjson_arr_iter_next(&items), names, problem);
    yyjson_doc_free(doc);
    return error;
}

/* The event whose arrival fires: the rule itself, or the first of the conditions that must all hold. */
static int check_trigger(const struct definition *definition, struct rule_problem *problem)
{
    const struct rule_node *root = rule_root(definition->rule);
    bool fits = root->kind == RULE_EVENT;
    for (size_t i = 0; root->kind == RULE_ALL && i < root->child_count; i++)
        fits |= root->children[i]->kind == RULE_EVENT;
    return fits ? 0
                : refuse(problem, "", "must be an event condition, or \"all\" with one among its conditions");
}

static int compile(
    struct definition *definition, const struct rule_names *names, struct rule_problem *problem)
{
    if (definition->kind == DEFINITION_STAGES)
        return parse_stages(definition, names, problem);
    if (*definition->text == 0 && definition->kind == DEFINITION_TAG)
        return 0;
    int error =
        rule_parse_text(definition->text, strlen(definition->text), names, &definition->rule, problem);
    if (!error && definition->kind == DEFINITION_TRIGGER)
        error = check_trigger(definition, problem);
    return error;
}

int definition_make(struct registry *registry, enum definition_kind kind, const char *id, const char *text,
    struct definition **ret_definition, struct rule_problem *problem)
{
    _cleanup_(definition_free) struct definition *definition = calloc(1, sizeof(*definition));
    if (!definition)
        return -QY_ENOMEM;
    definition->kind = kind;
    if (definition_set_text(&definition->id, id) || definition_set_text(&definition->text, text) ||
        definition_set_text(&definition->name, "") || definition_set_text(&definition->description, ""))
        return -QY_ENOMEM;
    struct rule_names names = registry_names(registry);
    int error = compile(definition, &names, problem);
    if (!error)
        *ret_definition = TAKE(definition);
    return error;
}

size_t definition_rule_count(const struct definition *definition)
{
    return definition->kind == DEFINITION_STAGES ? definition->stage_count : definition->rule != NULL;
}

const struct rule *definition_rule(const struct definition *definition, size_t index)
{
    return definition->kind == DEFINITION_STAGES ? definition->stages[index].rule : definition->rule;
}

bool definition_depends_on_time(const struct definition *definition)
{
    for (size_t i = 0; i < definition_rule_count(definition); i++)
        if (rule_dependencies(definition_rule(definition, i))->time)
            return true;
    return false;
}

/* -- rows -- */

void definition_save(struct store_txn *txn, const struct definition *definition)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_byte(&row, ROW_VERSION);
    buffer_varint(&row, definition->kind);
    put_text(&row, definition->id);
    put_text(&row, definition->name);
    put_text(&row, definition->description);
    put_text(&row, definition->text);
    buffer_varint(&row, definition->version);
    put_signed(&row, definition->created_ms);
    put_signed(&row, definition->changed_ms);
    buffer_varint(&row, definition->paused);
    buffer_varint(&row, definition->build_next);
    struct store_key key;
    key_definition(&key, definition->number);
    if (buffer_error(&row))
        store_fail(txn, buffer_error(&row));
    else
        store_put(txn, TABLE_DEFINITIONS, &key, row.data, row.size);
}

void definition_save_counts(struct store_txn *txn, struct definition *definition)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    buffer_varint(&row, definition->count);
    buffer_varint(&row, definition->entered);
    buffer_varint(&row, definition->left);
    buffer_varint(&row, definition->changes);
    struct store_key key;
    key_definition(&key, definition->number);
    if (buffer_error(&row))
        store_fail(txn, buffer_error(&row));
    else
        store_put(txn, TABLE_COUNTS, &key, row.data, row.size);
    definition->counts_dirty = false;
}

void definition_delete(struct store_txn *txn, const struct definition *definition)
{
    struct store_key key;
    key_definition(&key, definition->number);
    store_delete(txn, TABLE_DEFINITIONS, &key);
    store_delete(txn, TABLE_COUNTS, &key);
    store_delete_prefix(txn, TABLE_CHANGES, &key);
}

static int decode(struct bytes stored, struct definition *definition)
{
    struct row_reader row = {.rest = stored};
    if (read_unsigned(&row) != ROW_VERSION)
        return -QY_ECORRUPT;
    definition->kind = (enum definition_kind)read_unsigned(&row);
    if (definition_set_text(&definition->id, read_text(&row)) ||
        definition_set_text(&definition->name, read_text(&row)) ||
        definition_set_text(&definition->description, read_text(&row)) ||
        definition_set_text(&definition->text, read_text(&row)))
        return -QY_ENOMEM;
    definition->version = read_unsigned(&row);
    definition->created_ms = read_signed(&row);
    definition->changed_ms = read_signed(&row);
    definition->paused = read_unsigned(&row) != 0;
    definition->build_next = (uint32_t)read_unsigned(&row);
    return row.failed ? -QY_ECORRUPT : 0;
}

static void decode_counts(struct store_txn *txn, struct definition *definition)
{
    struct store_key key;
    struct bytes stored;
    key_definition(&key, definition->number);
    if (!store_get(txn, TABLE_COUNTS, &key, &stored))
        return;
    struct row_reader row = {.rest = stored};
    definition->count = read_unsigned(&row);
    definition->entered = read_unsigned(&row);
    definition->left = read_unsigned(&row);
    definition->changes = read_unsigned(&row);
}

static void forget_all(struct registry *registry)
{
    for (size_t i = 0; i < registry->count; i++)
        definition_free(&registry->slots[i]);
    registry->count = 0;
}

static int load_one(struct registry *registry, struct store_txn *txn, struct bytes key, struct bytes row)
{
    _cleanup_(definition_free) struct definition *definition = calloc(1, sizeof(*definition));
    if (!definition || registry->count == DEFINITIONS_MAX)
        return definition ? -QY_ETOOLARGE : -QY_ENOMEM;
    if (key.size != 4)
        return -QY_ECORRUPT;
    definition->number = get_be32(key.data);
    int error = decode(row, definition);
    if (error)
        return error;
    decode_counts(txn, definition);
    registry->slots[registry->count++] = TAKE(definition);
    return 0;
}

/* What is stored was checked when it was defined: whatever names it bears, they are known. */
static int compile_stored(struct registry *registry, bool with_rules)
{
    struct rule_names names = {.amount_scale = registry->amount_scale};
    for (size_t i = 0; i < registry->count; i++) {
        struct definition *definition = registry->slots[i];
        struct rule_problem problem;
        if (!with_rules && definition->kind != DEFINITION_STAGES)
            continue;
        int error = compile(definition, &names, &problem);
        if (error)
            return error == -QY_ENOMEM ? error : -QY_ECORRUPT;
    }
    return 0;
}

int registry_load(struct registry *registry, struct store_txn *txn, bool with_rules)
{
    forget_all(registry);
    struct store_key prefix;
    key_reset(&prefix);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open(txn, TABLE_DEFINITIONS, &prefix, NULL, &scan);
    struct bytes key, row;
    while (!error && scan_next(scan, &key, &row))
        error = load_one(registry, txn, key, row);
    if (!error)
        error = compile_stored(registry, with_rules);
    return error ? error : registry_arrange(registry);
}
