/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about one person, and tags by hand. */
#include "common/money.h"
#include "services/tagging/tagging_handlers.h"

#include <string.h>

#define EVENTS_SHOWN_MAX 1000u

struct profile {
    struct rpc_context *context;
    struct people people;
    struct registry *registry;
    const struct person *person;
    bool amounts;           /* money is shown */
    struct money_view view; /* where it is not */
    Quanyu__ProfileReply *reply;
};

static int reply_json(struct rpc_context *context, const struct buffer *json, ProtobufCBinaryData *ret_data)
{
    ret_data->data = arena_copy(context->arena, json->data, json->size);
    ret_data->len = json->size;
    return ret_data->data && !buffer_error(json) ? 0 : -QY_ENOMEM;
}

static void show_json(const struct profile *profile, const char *text, size_t size, struct buffer *out)
{
    if (profile->amounts)
        buffer_append(out, text, size);
    else if (money_strip_text((struct bytes){(const uint8_t *)text, size}, out))
        buffer_text(out, "null");
}

/* Names over all nodes, each once. */
static int show_traits(struct profile *profile)
{
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    buffer_byte(&json, '{');
    for (size_t i = 0; i < profile->person->node_count; i++) {
        const struct node *node = people_node(&profile->people, profile->person->nodes[i].node);
        for (size_t j = 0; node && j < node->trait_count; j++) {
            const char *name = node->traits[j].name;
            if (people_trait(&profile->people, profile->person, name) != &node->traits[j] ||
                (!profile->amounts && money_key(name, strlen(name))))
                continue;
            if (json.size > 1)
                buffer_byte(&json, ',');
            buffer_json_string(&json, name, strlen(name));
            buffer_byte(&json, ':');
            show_json(profile, node->traits[j].json, node->traits[j].size, &json);
        }
    }
    buffer_byte(&json, '}');
    return reply_json(profile->context, &json, &profile->reply->traits);
}

static int show_metrics(struct profile *profile, const struct score_borders *borders)
{
    const struct tagging *tagging = profile->context->self;
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    totals_json(&profile->person->totals, borders, tagging->money.scale, profile->amounts, &json);
    return reply_json(profile->context, &json, &profile->reply->metrics);
}

static int show_events(struct profile *profile, uint32_t limit)
{
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    int error = people_events_json(&profile->people, profile->person,
        limit < EVENTS_SHOWN_MAX ? limit : EVENTS_SHOWN_MAX, profile->amounts, &json);
    return error ? error : reply_json(profile->context, &json, &profile->reply->events);
}

static Quanyu__ProfileReply__Tag *find_tag(
    const struct profile *profile, const char *name, const char *origin)
{
    for (size_t i = 0; i < profile->reply->n_tags; i++)
        if (strcmp(profile->reply->tags[i]->name, name) == 0 &&
            strcmp(profile->reply->tags[i]->origin, origin) == 0)
            return profile->reply->tags[i];
    return NULL;
}

/* The same on two nodes is one tag, from the earlier beginning to the later end. */
static void widen(Quanyu__ProfileReply__Tag *shown, int64_t since_ms, int64_t expires_ms)
{
    if (since_ms < shown->since_ms)
        shown->since_ms = since_ms;
    if (expires_ms == 0 || (shown->expires_ms != 0 && expires_ms > shown->expires_ms))
        shown->expires_ms = expires_ms;
}

static int add_tag(
    struct profile *profile, const char *name, const char *origin, int64_t since_ms, int64_t expires_ms)
{
    Quanyu__ProfileReply__Tag *shown = find_tag(profile, name, origin);
    if (shown) {
        widen(shown, since_ms, expires_ms);
        return 0;
    }
    Quanyu__ProfileReply__Tag *tag = arena_alloc(profile->context->arena, sizeof(*tag));
    if (!tag)
        return -QY_ENOMEM;
    quanyu__profile_reply__tag__init(tag);
    tag->name = reply_text(profile->context, name);
    tag->origin = reply_text(profile->context, origin);
    tag->since_ms = since_ms;
    tag->expires_ms = expires_ms;
    profile->reply->tags[profile->reply->n_tags++] = tag;
    return tag->name && tag->origin ? 0 : -QY_ENOMEM;
}

static int add_segment(struct profile *profile, const struct definition *definition, int64_t since_ms)
{
    Quanyu__ProfileReply__Segment *segment = arena_alloc(profile->context->arena, sizeof(*segment));
    if (!segment)
        return -QY_ENOMEM;
    quanyu__profile_reply__segment__init(segment);
    segment->id = reply_text(profile->context, definition->id);
    segment->name = reply_text(profile->context, definition->name);
    segment->since_ms = since_ms;
    profile->reply->segments[profile->reply->n_segments++] = segment;
    return segment->id && segment->name ? 0 : -QY_ENOMEM;
}

static int show_memberships(struct profile *profile)
{
    const struct person *person = profile->person;
    int error = 0;
    for (size_t i = 0; !error && i < person->membership_count; i++) {
        const struct membership *membership = &person->memberships[i];
        const struct definition *definition = registry_by_number(profile->registry, membership->definition);
        if (definition && !profile->amounts && money_view_asks(&profile->view, definition))
            continue;
        if (definition && definition->kind == DEFINITION_TAG)
            error = add_tag(profile, definition->id, "rule", membership->since_ms, 0);
        else if (definition && definition->kind == DEFINITION_SEGMENT)
            error = add_segment(profile, definition, membership->since_ms);
    }
    for (size_t i = 0; !error && i < person->node_count; i++) {
        const struct node *node = people_node(&profile->people, person->nodes[i].node);
        for (size_t j = 0; node && !error && j < node->tag_count; j++) {
            const struct hand_tag *tag = &node->tags[j];
            const struct definition *definition = registry_by_number(profile->registry, tag->definition);
            if (definition)
                error = add_tag(profile, definition->id, tag->origin, tag->since_ms, tag->expires_ms);
        }
    }
    return error;
}

static int make_room(struct profile *profile)
{
    size_t tags = profile->person->membership_count;
    for (size_t i = 0; i < profile->person->node_count; i++) {
        const struct node *node = people_node(&profile->people, profile->person->nodes[i].node);
        tags += node ? node->tag_count : 0;
    }
    profile->reply->tags = arena_alloc(profile->context->arena, (tags + 1) * sizeof(*profile->reply->tags));
    profile->reply->segments = arena_alloc(
        profile->context->arena, (profile->person->membership_count + 1) * sizeof(*profile->reply->segments));
    return profile->reply->tags && profile->reply->segments ? 0 : -QY_ENOMEM;
}

static int show_binding(struct profile *profile)
{
    profile->reply->binding = handler_binding(profile->context, &profile->person->binding);
    return profile->reply->binding ? 0 : -QY_ENOMEM;
}

static int show(struct profile *profile, uint32_t events)
{
    struct tagging_state state;
    tagging_read_state(profile->context->txn, &state);
    profile->reply->person = profile->person->number;
    bool told = profile->amounts || !money_view_stage_asks(&profile->view, profile->person->stage);
    profile->reply->stage = reply_text(profile->context, told ? profile->person->stage : "");
    const struct totals *totals = &profile->person->totals;
    profile->reply->last_order_ms = totals->orders > 0 ? totals->last_order_ms : 0;
    profile->reply->stage_since_ms = told ? profile->person->stage_since_ms : 0;
    int error = profile->reply->stage ? make_room(profile) : -QY_ENOMEM;
    if (!error)
        error = show_memberships(profile);
    if (!error)
        error = show_binding(profile);
    if (!error)
        error = show_traits(profile);
    if (!error)
        error = show_metrics(profile, &state.borders);
    if (!error)
        error = show_events(profile, events);
    return error ? error : profile->people.error;
}

/* Rules are needed where money is not shown: somebody's place in what asks for it is not either. */
static int open_registry(struct profile *profile)
{
    struct rpc_context *context = profile->context;
    const struct tagging *tagging = context->self;
    int error = registry_open(tagging->money.scale, &profile->registry);
    if (!error)
        error = registry_load(profile->registry, context->txn, !profile->amounts);
    return error || profile->amounts ? error
                                     : money_view_make(profile->registry, context->arena, &profile->view);
}

static void profile_close(struct profile *profile)
{
    people_close(&profile->people);
    registry_close(&profile->registry);
}

/* Who exists is identity's to say: somebody whose first event has not come this far yet has an empty profile.
 */
int handle_profile(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__ProfileRequest *question = ((const Quanyu__TaggingRequest *)request)->profile;
    if (question->person == 0)
        return rpc_refuse(context, -QY_EINVAL, "person", "a person's number is needed");
    _cleanup_(profile_close) struct profile profile = {.context = context, .amounts = question->amounts};
    people_open(&profile.people, context->txn, context->arena);
    profile.reply = arena_alloc(context->arena, sizeof(*profile.reply));
    int error = profile.reply ? open_registry(&profile) : -QY_ENOMEM;
    if (error)
        return error;
    quanyu__profile_reply__init(profile.reply);
    profile.person = people_resolve(&profile.people, question->person);
    if (!profile.person)
        profile.person = people_person(&profile.people, question->person);
    if (!profile.person)
        return profile.people.error;
    error = handler_check_scope(context, profile.person);
    if (!error)
        error = show(&profile, question->events);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_PROFILE;
    answer->profile = profile.reply;
    return error;
}

/* -- tags by hand -- */

static int check_tag(struct rpc_context *context, const Quanyu__TagPersonRequest *request)
{
    static const char *const origins[] = {"guide", "import", "model"};
    const struct tagging *tagging = context->self;
    bool known = !request->add && !*request->origin;
    for (size_t i = 0; i < COUNT_OF(origins); i++)
        known |= strcmp(request->origin, origins[i]) == 0;
    if (!known)
        return rpc_refuse(context, -QY_EINVAL, "origin", "must be guide, import or model");
    if (!registry_find(tagging->registry, DEFINITION_TAG, request->tag))
        return rpc_refuse(context, -QY_ENOTFOUND, "tag", "there is no tag \"%.100s\"", request->tag);
    if (request->expires_ms != 0 && request->expires_ms <= context->batch->now_ms)
        return rpc_refuse(context, -QY_EINVAL, "expires_at", "lies in the past");
    return 0;
}

int handle_tag_person(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__TagPersonRequest *change = ((const Quanyu__TaggingRequest *)request)->tag_person;
    struct tagging *tagging = context->self;
    int error = tagging_begin(tagging, context->batch);
    if (!error)
        error = check_tag(context, change);
    if (error)
        return handler_check(context, error);
    struct person *person = people_resolve(&tagging->people, change->person);
    if (!person)
        return rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
    error = handler_check_scope(context, person);
    if (error)
        return error;
    error = tagging_tag_person(tagging, context->batch, person, change);
    if (error == -QY_ETOOLARGE)
        return rpc_refuse(context, error, "tag", "the person has too many tags");
    if (error)
        return handler_check(context, error);
    handler_act(context, change->add ? "tag.add" : "tag.remove", change->tag, person->number);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_TAG_PERSON;
    answer->tag_person = arena_alloc(context->arena, sizeof(*answer->tag_person));
    if (!answer->tag_person)
        return store_fail(context->batch->txn, -QY_ENOMEM);
    quanyu__empty__init(answer->tag_person);
    return 0;
}
