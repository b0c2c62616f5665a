/* SPDX-License-Identifier: Apache-2.0 */
/* Segments, tags and stages: made, changed, listed, removed. */
#include "common/rule_shape.h"
#include "services/tagging/tagging_handlers.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 200u
#define DESCRIPTION_BYTES_MAX 2000u
#define RULE_BYTES_MAX ((size_t)64 * 1024)
#define PAGE_MAX 500u
#define PAGE_STANDARD 50u

static const char *const kind_names[] = {"segment", "tag", "stages"};

/* -- shown -- */

static Quanyu__Definition *show(struct rpc_context *context, const struct definition *definition)
{
    Quanyu__Definition *shown = arena_alloc(context->arena, sizeof(*shown));
    if (!shown)
        return NULL;
    quanyu__definition__init(shown);
    shown->kind = (Quanyu__Definition__Kind)definition->kind;
    shown->id = reply_text(context, definition->id);
    shown->name = reply_text(context, definition->name);
    shown->description = reply_text(context, definition->description);
    shown->rule.data = (uint8_t *)reply_text(context, definition->text);
    shown->rule.len = strlen(definition->text);
    shown->version = definition->version;
    shown->created_ms = definition->created_ms;
    shown->changed_ms = definition->changed_ms;
    shown->count = definition->count;
    shown->entered = definition->entered;
    shown->left = definition->left;
    shown->paused = definition->paused;
    shown->building = definition->build_next != 0;
    return shown->id && shown->name && shown->description && shown->rule.data ? shown : NULL;
}

/* A tag's bitmap bears its number, a segment's its id. */
static int show_scoped(struct rpc_context *context, const struct scope *scope, uint32_t highest,
    const struct definition *definition, Quanyu__Definition *shown)
{
    char number[16];
    bool tag = definition->kind == DEFINITION_TAG;
    snprintf(number, sizeof(number), "%u", definition->number);
    shown->scoped = true;
    shown->entered = shown->left = 0;
    if (definition->kind == DEFINITION_STAGES)
        return 0;
    return scope_count(context->txn ? context->txn : context->batch->txn, scope,
        tag ? BITS_TAG : BITS_SEGMENT, tag ? number : definition->id, highest, &shown->count);
}

static int show_in_scope(struct rpc_context *context, const struct money_view *view,
    const struct definition *definition, uint32_t highest, Quanyu__Definition **ret_shown)
{
    const struct scope scope = handler_scope(context);
    *ret_shown = show(context, definition);
    if (!*ret_shown)
        return -QY_ENOMEM;
    if (view->registry && money_view_asks(view, definition)) {
        (*ret_shown)->withheld = true;
        (*ret_shown)->count = (*ret_shown)->entered = (*ret_shown)->left = 0;
        return 0;
    }
    return scope.bounded ? show_scoped(context, &scope, highest, definition, *ret_shown) : 0;
}

/* Without a registry nothing is withheld. */
static int make_view(
    struct rpc_context *context, const struct registry *registry, struct money_view *ret_view)
{
    *ret_view = (struct money_view){0};
    return handler_hides_money(context) ? money_view_make(registry, context->arena, ret_view) : 0;
}

static int fill_page(struct rpc_context *context, const struct registry *registry,
    const Quanyu__DefinitionsRequest *question, Quanyu__DefinitionsReply *page)
{
    uint32_t limit = question->limit == 0         ? PAGE_STANDARD
                     : question->limit < PAGE_MAX ? question->limit
                                                  : PAGE_MAX;
    struct tagging_state state;
    struct money_view view;
    int error = make_view(context, registry, &view);
    tagging_read_state(context->txn, &state);
    page->definitions = arena_alloc(context->arena, limit * sizeof(*page->definitions));
    if (error || !page->definitions)
        return error ? error : -QY_ENOMEM;
    for (size_t i = 0; i < registry->count; i++) {
        const struct definition *definition = registry->by_id[i];
        if (definition->kind != (enum definition_kind)question->kind)
            continue;
        if (*question->id ? strcmp(definition->id, question->id) != 0
                          : strcmp(definition->id, question->after) <= 0)
            continue;
        if (page->n_definitions == limit) {
            page->next = page->definitions[limit - 1]->id;
            break;
        }
        error =
            show_in_scope(context, &view, definition, state.highest, &page->definitions[page->n_definitions]);
        if (error)
            return error;
        page->n_definitions++;
    }
    return 0;
}

int handle_definitions(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__DefinitionsRequest *question = ((const Quanyu__TaggingRequest *)request)->definitions;
    _cleanup_(registry_close) struct registry *registry = NULL;
    int error = handler_registry(context, &registry);
    Quanyu__DefinitionsReply *page = arena_alloc(context->arena, sizeof(*page));
    if (error || !page)
        return error ? error : -QY_ENOMEM;
    quanyu__definitions_reply__init(page);
    error = fill_page(context, registry, question, page);
    if (!error && *question->id && page->n_definitions == 0)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such %s",
            question->kind < COUNT_OF(kind_names) ? kind_names[question->kind] : "definition");
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_DEFINITIONS;
    answer->definitions = page;
    return error;
}

/* -- changed -- */

/* Where the API's body holds what is called the rule here. */
static const char *rule_member(const Quanyu__Definition *definition)
{
    return definition->kind == QUANYU__DEFINITION__KIND__STAGES ? "/stages" : "/rule";
}

/* A tag's name is a segment of paths: one that no path can hold could never be shown or taken away. */
static const char *tag_problem(const char *tag)
{
    if (!*tag || strlen(tag) > NAME_BYTES_MAX)
        return "must have 1 to 200 bytes";
    if (strcmp(tag, ".") == 0 || strcmp(tag, "..") == 0)
        return "must not be \".\" or \"..\"";
    for (const unsigned char *at = (const unsigned char *)tag; *at; at++) {
        bool control = *at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
        bool line_end = at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
        if (control || line_end)
            return "must not hold line ends or other control characters";
        if (*at == '/')
            return "must not hold a slash";
    }
    return NULL;
}

static int check_id(struct rpc_context *context, const Quanyu__DefineRequest *change)
{
    const Quanyu__Definition *definition = change->definition;
    const char *problem = tag_problem(definition->id);
    switch (definition->kind) {
    case QUANYU__DEFINITION__KIND__SEGMENT:
        if (change->create && *definition->id)
            return rpc_refuse(context, -QY_EINVAL, "id", "a new segment gets its id here");
        return 0;
    case QUANYU__DEFINITION__KIND__TAG:
        return problem && change->create ? rpc_refuse(context, -QY_EINVAL, "/tag", "%s", problem) : 0;
    default:
        if (definition->kind != QUANYU__DEFINITION__KIND__STAGES || strcmp(definition->id, STAGES_ID) != 0)
            return rpc_refuse(context, -QY_EINVAL, "id", "must be \"%s\"", STAGES_ID);
        return 0;
    }
}

static int check(struct rpc_context *context, const Quanyu__DefineRequest *change)
{
    const Quanyu__Definition *definition = change->definition;
    if (!definition)
        return rpc_refuse(context, -QY_EINVAL, "definition", "is missing");
    if (strlen(definition->name) > NAME_BYTES_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "name", "has more than %u bytes", NAME_BYTES_MAX);
    if (strlen(definition->description) > DESCRIPTION_BYTES_MAX)
        return rpc_refuse(
            context, -QY_ETOOLARGE, "description", "has more than %u bytes", DESCRIPTION_BYTES_MAX);
    if (definition->rule.len > RULE_BYTES_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, rule_member(definition), "a rule has at most 64 KiB");
    if (definition->rule.len > 0 && memchr(definition->rule.data, 0, definition->rule.len))
        return rpc_refuse(context, -QY_EINVAL, rule_member(definition), "holds a NUL character");
    if (definition->rule.len == 0 && definition->kind != QUANYU__DEFINITION__KIND__TAG)
        return rpc_refuse(context, -QY_EINVAL, rule_member(definition), "is missing");
    return check_id(context, change);
}

static int check_version(struct rpc_context *context, const struct definition *definition, uint64_t wanted)
{
    if (!wanted || wanted == definition->version)
        return 0;
    return rpc_refuse(context, -QY_EOVERTAKEN, "version", "it is at version %llu now",
        (unsigned long long)definition->version);
}

static int find_former(
    struct rpc_context *context, const Quanyu__DefineRequest *change, struct definition **ret_former)
{
    const struct tagging *tagging = context->self;
    const Quanyu__Definition *definition = change->definition;
    const char *what = kind_names[definition->kind];
    *ret_former = registry_find(tagging->registry, (enum definition_kind)definition->kind, definition->id);
    if (change->create && *ret_former)
        return rpc_refuse(
            context, -QY_EEXISTS, "id", "there is a %s \"%.100s\" already", what, definition->id);
    if (!change->create && !*ret_former)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no %s \"%.100s\"", what, definition->id);
    return *ret_former ? check_version(context, *ret_former, definition->version) : 0;
}

static int set_texts(struct definition *definition, const Quanyu__Definition *given)
{
    int error = definition_set_text(&definition->name, given->name);
    return error ? error : definition_set_text(&definition->description, given->description);
}

/* Name, description and pause need nobody to be looked at again; resuming does. */
static int change_in_place(
    struct rpc_context *context, struct definition *definition, const Quanyu__Definition *given)
{
    bool resumed = definition->paused && !given->paused;
    int error = set_texts(definition, given);
    if (error)
        return error;
    definition->paused = given->paused;
    definition->version++;
    definition->changed_ms = context->batch->now_ms;
    if (resumed)
        return tagging_rebuild(context->self, context->batch, definition);
    definition_save(context->batch->txn, definition);
    return 0;
}

static int check_money(
    struct rpc_context *context, const struct definition *definition, const Quanyu__Definition *given)
{
    const struct tagging *tagging = context->self;
    int error = 0;
    for (size_t i = 0; !error && i < definition_rule_count(definition); i++) {
        const char *member = rule_member(given);
        if (definition->kind == DEFINITION_STAGES)
            member = arena_printf(context->arena, "%s/%zu/rule", member, i);
        error = member
                    ? handler_check_money(context, tagging->registry, definition_rule(definition, i), member)
                    : -QY_ENOMEM;
    }
    return error;
}

static int put_in_force(struct rpc_context *context, const Quanyu__Definition *given, const char *text,
    const struct definition *former, struct definition **ret_definition)
{
    struct tagging *tagging = context->self;
    struct rule_problem problem = {0};
    char id[32];
    snprintf(id, sizeof(id), "s_%u", tagging->state.next_segment);
    bool new_segment = !former && given->kind == QUANYU__DEFINITION__KIND__SEGMENT;
    _cleanup_(definition_free) struct definition *definition = NULL;
    int error = definition_make(tagging->registry, (enum definition_kind)given->kind,
        new_segment ? id : given->id, text, &definition, &problem);
    if (!error)
        error = set_texts(definition, given);
    if (error)
        return handler_refuse_rule(context, error, rule_member(given), &problem);
    error = check_money(context, definition, given);
    if (error)
        return error;
    definition->paused = given->paused;
    error = tagging_define(tagging, context->batch, definition, &problem);
    if (error)
        return handler_refuse_rule(context, error, rule_member(given), &problem);
    tagging->state.next_segment += new_segment;
    *ret_definition = TAKE(definition);
    return 0;
}

/* On record is what the rule asks, and which version it is; operands may be personal. */
static void act_on(struct rpc_context *context, const struct definition *definition, const char *verb)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    const char *action = arena_printf(context->arena, "%s.%s", kind_names[definition->kind], verb);
    yyjson_doc *doc = yyjson_read(definition->text, strlen(definition->text), YYJSON_READ_NUMBER_AS_RAW);
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_text(&json, "id", definition->id);
    json_field_unsigned(&json, "version", definition->version);
    json_name(&json, "shape");
    if (doc)
        rule_write_shape(&json, yyjson_doc_get_root(doc));
    else
        json_null(&json); /* a tag that is given by hand */
    json_close(&json, '}');
    yyjson_doc_free(doc);
    handler_act(context, action ? action : verb, buffer_c_str(&detail), 0);
}

int handle_define(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__DefineRequest *change = ((const Quanyu__TaggingRequest *)request)->define;
    struct definition *former = NULL, *definition = NULL;
    int error = tagging_begin(context->self, context->batch);
    if (!error)
        error = check(context, change);
    if (!error)
        error = find_former(context, change, &former);
    if (error)
        return handler_check(context, error);
    const Quanyu__Definition *given = change->definition;
    const char *text = arena_text(context->arena, (const char *)given->rule.data, given->rule.len);
    if (!text)
        return -QY_ENOMEM;
    if (former && strcmp(former->text, text) == 0) {
        definition = former;
        error = change_in_place(context, former, given);
    } else {
        error = put_in_force(context, given, text, former, &definition);
    }
    if (error)
        return handler_check(context, error);
    act_on(context, definition, change->create ? "create" : "change");
    error = tagging_flush(context->self, context->batch); /* who has a tag is counted with it */
    if (error)
        return store_fail(context->batch->txn, error);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_DEFINE;
    const struct tagging *tagging = context->self;
    struct money_view view;
    error = make_view(context, tagging->registry, &view);
    if (!error)
        error = show_in_scope(context, &view, definition, tagging->state.highest, &answer->define);
    return error ? store_fail(context->batch->txn, error) : 0;
}

int handle_remove(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__RemoveRequest *removal = ((const Quanyu__TaggingRequest *)request)->remove;
    struct tagging *tagging = context->self;
    int error = tagging_begin(tagging, context->batch);
    if (error)
        return handler_check(context, error);
    if (removal->kind != QUANYU__DEFINITION__KIND__SEGMENT && removal->kind != QUANYU__DEFINITION__KIND__TAG)
        return rpc_refuse(context, -QY_EINVAL, "kind", "only segments and tags can be removed");
    struct definition *definition =
        registry_find(tagging->registry, (enum definition_kind)removal->kind, removal->id);
    if (!definition)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no %s \"%.100s\"",
            kind_names[removal->kind], removal->id);
    error = check_version(context, definition, removal->version);
    if (error)
        return error;
    const struct definition *referrer =
        registry_referrer(tagging->registry, definition->kind, definition->id);
    char name[DEFINITION_NAME_BYTES];
    if (referrer)
        return rpc_refuse(
            context, -QY_ECONFLICT, "id", "the %s refers to it", definition_name(referrer, name));
    act_on(context, definition, "delete");
    struct rule_problem problem = {0};
    error = tagging_drop(tagging, context->batch, definition, &problem);
    if (error)
        return store_fail(context->batch->txn, error);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_REMOVE;
    answer->remove = arena_alloc(context->arena, sizeof(*answer->remove));
    if (!answer->remove)
        return store_fail(context->batch->txn, -QY_ENOMEM);
    quanyu__empty__init(answer->remove);
    return 0;
}

/* For who is about to delete a unit. Only what is in force: a journey's draft is checked when it is published. */
int handle_referrer(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__ReferrerRequest *question = ((const Quanyu__TaggingRequest *)request)->referrer;
    struct tagging *tagging = context->self;
    _cleanup_(registry_close) struct registry *registry = NULL;
    int error = registry_open(tagging->money.scale, &registry);
    if (!error)
        error = registry_load(registry, context->txn, true);
    Quanyu__ReferrerReply *found = arena_alloc(context->arena, sizeof(*found));
    if (error || !found)
        return error ? error : -QY_ENOMEM;
    quanyu__referrer_reply__init(found);
    const struct definition *referrer = registry_unit_referrer(registry, question->unit);
    char name[DEFINITION_NAME_BYTES];
    if (referrer)
        found->name = reply_text(context, definition_name(referrer, name));
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_REFERRER;
    answer->referrer = found;
    return found->name ? 0 : -QY_ENOMEM;
}

/* -- who entered and left -- */

static const char *cause_name(uint8_t kind)
{
    static const char *const names[] = {
        "event", "import", "time", "rule", "hand", "join", "erasure", "organisation"};
    return kind < COUNT_OF(names) ? names[kind] : "";
}

/* Who it is now: somebody who has joined another, or is no more, is in no scope by the old number. */
static bool change_in_scope(struct people *people, const struct scope *scope, uint32_t number)
{
    if (!scope->bounded)
        return true;
    people_forget_when_large(people);
    const struct person *person = people_resolve(people, number);
    return person && scope_holds(people->txn, scope, &person->binding);
}

static int read_change(struct bytes row, Quanyu__ChangesReply__Change *change)
{
    if (row.size != 14)
        return -QY_ECORRUPT;
    quanyu__changes_reply__change__init(change);
    change->person = get_be32(row.data);
    change->entered = row.data[4] != 0;
    change->cause = (char *)cause_name(row.data[5]);
    change->at_ms = (int64_t)get_be64(row.data + 6);
    return 0;
}

static int show_changes(struct rpc_context *context, struct people *people, const struct definition *segment,
    const Quanyu__ChangesRequest *question, Quanyu__ChangesReply *page)
{
    const struct scope scope = handler_scope(context);
    uint32_t limit = question->limit == 0         ? PAGE_STANDARD
                     : question->limit < PAGE_MAX ? question->limit
                                                  : PAGE_MAX;
    Quanyu__ChangesReply__Change *rows = arena_alloc(context->arena, limit * sizeof(*rows));
    page->changes = arena_alloc(context->arena, limit * sizeof(*page->changes));
    if (!rows || !page->changes)
        return -QY_ENOMEM;
    struct store_key prefix, from;
    struct bytes key, row;
    key_definition(&prefix, segment->number);
    key_change(&from, segment->number, question->before ? question->before - 1 : UINT64_MAX);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = scan_open_reverse(context->txn, TABLE_CHANGES, &prefix, &from, &scan);
    while (!error && page->n_changes < limit && scan_next(scan, &key, &row)) {
        Quanyu__ChangesReply__Change *change = &rows[page->n_changes];
        error = key.size == 12 ? read_change(row, change) : -QY_ECORRUPT;
        if (error || !change_in_scope(people, &scope, change->person))
            continue;
        page->changes[page->n_changes++] = change;
        page->next = get_be64(key.data + 4);
    }
    if (!error)
        error = people->error;
    if (page->n_changes < limit)
        page->next = 0;
    return error;
}

int handle_changes(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__ChangesRequest *question = ((const Quanyu__TaggingRequest *)request)->changes;
    _cleanup_(registry_close) struct registry *registry = NULL;
    int error = handler_registry(context, &registry);
    if (error)
        return error;
    const struct definition *segment = registry_find(registry, DEFINITION_SEGMENT, question->segment);
    if (!segment)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no segment \"%.100s\"", question->segment);
    struct money_view view;
    error = make_view(context, registry, &view);
    if (!error && view.registry && money_view_asks(&view, segment))
        error = rpc_refuse(context, -QY_EDENIED, "id", "asks for money, which you may not see");
    if (error)
        return error;
    Quanyu__ChangesReply *page = arena_alloc(context->arena, sizeof(*page));
    if (!page)
        return -QY_ENOMEM;
    quanyu__changes_reply__init(page);
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(people_close) struct people people = {0};
    error = arena_open(&arena);
    if (error)
        return error;
    people_open(&people, context->txn, arena);
    error = show_changes(context, &people, segment, question, page);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_CHANGES;
    answer->changes = page;
    return error;
}
