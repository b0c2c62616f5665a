/* SPDX-License-Identifier: Apache-2.0 */
/* Segments, tags and stages: named rules that tagging keeps evaluated. How many people they hold is a use of personal
 * data, as an audience's count is: it is on record before it is shown. */
#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/definition_json.h"
#include "services/gateway/rule_names.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENT QUANYU__DEFINITION__KIND__SEGMENT
#define TAG QUANYU__DEFINITION__KIND__TAG
#define STAGES QUANYU__DEFINITION__KIND__STAGES
#define CHANGE_TRIES 32u

static int ask(struct api_call *call, Quanyu__TaggingRequest *request, Quanyu__TaggingReply **ret_reply)
{
    ProtobufCMessage *reply;
    int error = api_ask(call, "tagging", &request->base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_reply = (Quanyu__TaggingReply *)reply;
    return error;
}

/* -- JSON -- */

static const char *action_of(Quanyu__Definition__Kind kind, const char *segment, const char *tag)
{
    return kind == SEGMENT ? segment : tag;
}

/* For the record: which one, or which page of them. */
static char *detail_of(struct api_call *call, const char *name, const char *id, size_t shown)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_text(&json, name, id);
    json_field_unsigned(&json, "shown", shown);
    json_close(&json, '}');
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

/* Of each definition what may be told; NULL where all may. What is told counts from here on as the definition's count. */
static int guard_page(
    struct api_call *call, Quanyu__Definition **page, size_t count, struct guarded **ret_told)
{
    uint32_t least = guard_least(call);
    *ret_told = least ? arena_alloc(call->arena, (count + 1) * sizeof(**ret_told)) : NULL;
    if (!least || !*ret_told)
        return least ? -QY_ENOMEM : 0;
    int error = 0;
    for (size_t i = 0; !error && i < count && page[i]->kind != STAGES; i++) {
        if (page[i]->withheld)
            continue;
        const char *member = page[i]->kind == SEGMENT ? "segment" : "tag";
        error = guard_count_named(call, member, page[i]->id, least, &(*ret_told)[i]);
        page[i]->count = error ? 0 : (*ret_told)[i].count;
    }
    return error;
}

static int record_one(struct api_call *call, const Quanyu__Definition *definition)
{
    if (definition->kind == STAGES)
        return 0;
    return api_record_count(call, action_of(definition->kind, "segment.show", "tag.show"), definition->count,
        detail_of(call, "id", definition->id, 1));
}

static int show_one(struct api_call *call, Quanyu__Definition *definition)
{
    struct guarded *told;
    int error = guard_page(call, &definition, 1, &told);
    if (!error)
        error = record_one(call, definition);
    struct json json = json_to(&call->out);
    if (error)
        return error;
    definition_write(call, &json, definition, told);
    api_write_version(call, definition->version);
    return 0;
}

/* -- reading and changing -- */

static int fetch(struct api_call *call, Quanyu__Definition__Kind kind, const char *id, const char *after,
    uint32_t limit, Quanyu__DefinitionsReply **ret_page)
{
    Quanyu__DefinitionsRequest question = QUANYU__DEFINITIONS_REQUEST__INIT;
    question.kind = kind;
    question.id = (char *)(uintptr_t)id;
    question.after = (char *)(uintptr_t)after;
    question.limit = limit;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_DEFINITIONS;
    request.definitions = &question;
    Quanyu__TaggingReply *reply;
    int error = ask(call, &request, &reply);
    if (!error)
        *ret_page = reply->definitions;
    return error;
}

static int fetch_one(
    struct api_call *call, Quanyu__Definition__Kind kind, const char *id, Quanyu__Definition **ret_definition)
{
    Quanyu__DefinitionsReply *page;
    int error = fetch(call, kind, id, "", 1, &page);
    if (!error && page->n_definitions == 0)
        error = api_refuse(call, -QY_ENOTFOUND, kind == TAG ? "tag" : "id", "there is no such %s",
            kind == TAG ? "tag" : "segment");
    if (!error)
        *ret_definition = page->definitions[0];
    return error;
}

static int record_page(struct api_call *call, Quanyu__Definition__Kind kind, const char *after,
    const Quanyu__DefinitionsReply *page)
{
    uint64_t persons = 0;
    for (size_t i = 0; i < page->n_definitions; i++)
        persons += page->definitions[i]->count;
    return api_record_count(call, action_of(kind, "segment.list", "tag.list"), persons,
        detail_of(call, "after", kind == SEGMENT ? after : "", page->n_definitions));
}

static int list(struct api_call *call, Quanyu__Definition__Kind kind, const char *member)
{
    uint32_t limit;
    char cursor[API_ID_BYTES];
    Quanyu__DefinitionsReply *page;
    struct guarded *told;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_id_cursor(call, kind == SEGMENT ? "s_" : "", cursor);
    if (!error)
        error = fetch(call, kind, "", cursor, limit, &page);
    if (!error)
        error = guard_page(call, page->definitions, page->n_definitions, &told);
    if (!error)
        error = record_page(call, kind, cursor, page);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open_page(&json, member);
    for (size_t i = 0; i < page->n_definitions; i++)
        definition_write(call, &json, page->definitions[i], told ? &told[i] : NULL);
    json_close_page(&json, page->next);
    return 0;
}

static int define(struct api_call *call, Quanyu__Definition *definition, bool create)
{
    Quanyu__DefineRequest change = QUANYU__DEFINE_REQUEST__INIT;
    change.definition = definition;
    change.create = create;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_DEFINE;
    request.define = &change;
    Quanyu__TaggingReply *reply;
    int error = definition->kind == STAGES ? 0 : api_need_audit(call);
    if (!error)
        error = ask(call, &request, &reply);
    if (error)
        return error;
    call->status = create ? 201 : 200;
    return show_one(call, reply->define);
}

static int drop(struct api_call *call, Quanyu__Definition__Kind kind, const char *id)
{
    Quanyu__RemoveRequest removal = QUANYU__REMOVE_REQUEST__INIT;
    removal.kind = kind;
    removal.id = (char *)(uintptr_t)id;
    int error = api_read_version(call, &removal.version);
    if (error)
        return error;
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_REMOVE;
    request.remove = &removal;
    Quanyu__TaggingReply *reply;
    return ask(call, &request, &reply);
}

/* null leaves a tag without the rule that it does not have; nothing loses one that it has. */
static int read_rule(struct api_call *call, Quanyu__Definition *definition, bool required)
{
    struct bytes rule;
    int error = rule_names_resolve(call, yyjson_obj_get(call->body, "rule"), "/rule");
    if (!error)
        error = api_raw(call, "rule", required, &rule);
    if (!error && !rule.size && definition->rule.len && yyjson_obj_get(call->body, "rule"))
        error =
            api_refuse(call, -QY_EINVAL, "rule", "must be a rule: one that is there cannot be taken away");
    if (!error && rule.size)
        definition->rule = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)rule.data, .len = rule.size};
    return error;
}

/* Overlays the body's members on a definition. */
static int read_members(struct api_call *call, Quanyu__Definition *definition, bool rule_required)
{
    const char *text;
    bool paused;
    int error = api_text(call, "name", false, &text);
    if (!error && text && !*text)
        error = api_refuse(call, -QY_EINVAL, "name", "must not be empty");
    if (!error && text)
        definition->name = (char *)(uintptr_t)text;
    if (!error)
        error = api_text(call, "description", false, &text);
    if (!error && text)
        definition->description = (char *)(uintptr_t)text;
    if (!error)
        error = read_rule(call, definition, rule_required);
    if (!error)
        error = api_boolean(call, "paused", definition->paused, &paused);
    if (!error)
        definition->paused = paused;
    return error;
}

/* Tagging takes a change only for the version that it was made from, so none undoes another one that came
 * between; then it is made again from what is there now, unless the caller has named the version. */
static int change(struct api_call *call, Quanyu__Definition__Kind kind)
{
    uint64_t version;
    int error = api_read_version(call, &version);
    for (unsigned tries = 0; !error && tries < CHANGE_TRIES; tries++) {
        Quanyu__Definition *definition;
        error = fetch_one(call, kind, call->parameters[0], &definition);
        if (!error)
            error = read_members(call, definition, false);
        if (error)
            return error;
        if (version)
            definition->version = version;
        error = define(call, definition, false);
        if (error != -QY_EOVERTAKEN || version)
            return error;
        error = 0;
    }
    return error ? error
                 : api_refuse(call, -QY_ECONFLICT, NULL, "others change it at the same time; try again");
}

/* -- segments -- */

int segment_create(struct api_call *call)
{
    const char *name;
    Quanyu__Definition definition = QUANYU__DEFINITION__INIT;
    int error = api_text(call, "name", true, &name);
    if (!error)
        error = read_members(call, &definition, true);
    if (error)
        return error;
    definition.kind = SEGMENT;
    return define(call, &definition, true);
}

int segment_list(struct api_call *call)
{
    return list(call, SEGMENT, "segments");
}

int segment_show(struct api_call *call)
{
    Quanyu__Definition *definition;
    int error = fetch_one(call, SEGMENT, call->parameters[0], &definition);
    return error ? error : show_one(call, definition);
}

int segment_change(struct api_call *call)
{
    return change(call, SEGMENT);
}

int segment_remove(struct api_call *call)
{
    return drop(call, SEGMENT, call->parameters[0]);
}

/* The persons in the order of the changes, by number and by One ID. */
static int persons_of(
    struct api_call *call, const Quanyu__ChangesReply *page, uint32_t **ret_numbers, char ***ret_one_ids)
{
    uint32_t *numbers = arena_alloc(call->arena, sizeof(*numbers) * (page->n_changes + 1));
    if (!numbers)
        return -QY_ENOMEM;
    for (size_t i = 0; i < page->n_changes; i++)
        numbers[i] = page->changes[i]->person;
    *ret_numbers = numbers;
    return api_one_ids(call, numbers, page->n_changes, ret_one_ids);
}

static int fetch_changes(struct api_call *call, Quanyu__ChangesReply **ret_page)
{
    Quanyu__ChangesRequest question = QUANYU__CHANGES_REQUEST__INIT;
    int error = api_limit(call, &question.limit);
    if (!error)
        error = api_cursor(call, &question.before);
    if (error)
        return error;
    question.segment = (char *)(uintptr_t)call->parameters[0];
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_CHANGES;
    request.changes = &question;
    Quanyu__TaggingReply *reply;
    error = ask(call, &request, &reply);
    if (!error)
        *ret_page = reply->changes;
    return error;
}

static void write_changes(struct api_call *call, const Quanyu__ChangesReply *page, char **one_ids)
{
    char next[API_CURSOR_BYTES];
    struct json json = json_to(&call->out);
    json_open_page(&json, "changes");
    for (size_t i = 0; i < page->n_changes; i++) {
        json_open(&json, '{');
        json_field_text(&json, "one_id", one_ids[i]);
        json_field_text(&json, "change", page->changes[i]->entered ? "entered" : "left");
        json_field_time(&json, "at", page->changes[i]->at_ms);
        json_field_text(&json, "cause", page->changes[i]->cause);
        json_close(&json, '}');
    }
    json_close_page(&json, api_next_cursor(page->next, next));
}

/* Names persons, so it is on record. */
int segment_changes(struct api_call *call)
{
    Quanyu__ChangesReply *page;
    uint32_t *numbers;
    char **one_ids;
    int error = fetch_changes(call, &page);
    if (!error)
        error = persons_of(call, page, &numbers, &one_ids);
    if (!error)
        error = api_record_page(call, "segment.changes", numbers, one_ids, page->n_changes);
    if (!error)
        write_changes(call, page, one_ids);
    return error;
}

/* -- tags -- */

int tag_create(struct api_call *call)
{
    const char *tag;
    Quanyu__Definition definition = QUANYU__DEFINITION__INIT;
    int error = api_text(call, "tag", true, &tag);
    if (!error)
        error = read_members(call, &definition, false);
    if (error)
        return error;
    definition.kind = TAG;
    definition.id = (char *)(uintptr_t)tag;
    return define(call, &definition, true);
}

int tag_list(struct api_call *call)
{
    return list(call, TAG, "tags");
}

int tag_show(struct api_call *call)
{
    Quanyu__Definition *definition;
    int error = fetch_one(call, TAG, call->parameters[0], &definition);
    return error ? error : show_one(call, definition);
}

int tag_change(struct api_call *call)
{
    return change(call, TAG);
}

int tag_remove(struct api_call *call)
{
    return drop(call, TAG, call->parameters[0]);
}

/* -- stages -- */

int stages_show(struct api_call *call)
{
    Quanyu__Definition *definition;
    int error = fetch_one(call, STAGES, "stages", &definition);
    return error ? error : show_one(call, definition);
}

int stages_change(struct api_call *call)
{
    struct bytes rules;
    Quanyu__Definition definition = QUANYU__DEFINITION__INIT;
    int error = rule_names_resolve_stages(call);
    if (!error)
        error = api_raw(call, "stages", true, &rules);
    if (!error)
        error = api_read_version(call, &definition.version);
    if (error)
        return error;
    definition.kind = STAGES;
    definition.id = (char *)"stages";
    definition.rule = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)rules.data, .len = rules.size};
    return define(call, &definition, false);
}
