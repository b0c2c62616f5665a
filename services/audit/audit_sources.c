/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_sources.h"

#include "common/json.h"
#include "proto/gateway.pb-c.h"
#include "proto/identity.pb-c.h"
#include "proto/tagging.pb-c.h"
#include "services/audit/audit_record.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

const struct service_input audit_inputs[AUDIT_INPUT_COUNT] = {
    [INPUT_GATEWAY] = {.leader = "gateway", .classes = CLASS_BIT(QUANYU__GATEWAY_RECORD__RECORD_ACT)},
    [INPUT_IDENTITY] = {.leader = "identity",
        .classes = CLASS_BIT(QUANYU__IDENTITY_RECORD__RECORD_MOVED) |
                   CLASS_BIT(QUANYU__IDENTITY_RECORD__RECORD_EVENTS_MOVED) |
                   CLASS_BIT(QUANYU__IDENTITY_RECORD__RECORD_ERASED) |
                   CLASS_BIT(QUANYU__IDENTITY_RECORD__RECORD_ACT)},
    [INPUT_TAGGING] = {.leader = "tagging",
        .classes = CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_ACT) |
                   CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_BINDING)},
    [INPUT_CAMPAIGN] = {.leader = "campaign",
        .classes = CLASS_BIT(QUANYU__CAMPAIGN_RECORD__RECORD_ACT) |
                   CLASS_BIT(QUANYU__CAMPAIGN_RECORD__RECORD_DELIVERY)},
};

/* A conversion is given the unpacked message; texts stay where they are. */
typedef void convert_fn(const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record);

static void set_numbers(
    struct arena *arena, Quanyu__AuditRecord *record, const uint32_t *numbers, size_t count)
{
    record->numbers = (uint32_t *)(void *)arena_copy(arena, numbers, count * sizeof(*numbers));
    record->n_numbers = record->numbers ? count : 0;
    record->count = count;
}

/* The service itself acts. */
static void set_service_actor(struct arena *arena, Quanyu__AuditRecord *record, const char *service)
{
    Quanyu__Actor *actor = arena_alloc(arena, sizeof(*actor));
    if (!actor)
        return;
    quanyu__actor__init(actor);
    actor->kind = QUANYU__ACTOR__KIND__SERVICE;
    actor->id = (char *)service;
    record->actor = actor;
}

static void from_gateway_act(
    const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    (void)arena;
    const Quanyu__GatewayAct *act = (const Quanyu__GatewayAct *)message;
    record->actor = act->actor;
    record->action = act->action;
    record->detail = act->detail;
    record->request_id = act->request_id;
}

static void from_tagging_act(
    const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    const Quanyu__TaggingAct *act = (const Quanyu__TaggingAct *)message;
    record->actor = act->actor;
    record->action = act->action;
    record->detail = act->detail;
    record->purpose = act->reason;
    record->request_id = act->request_id;
    if (act->person)
        set_numbers(arena, record, &act->person, 1);
}

static void from_identity_act(
    const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    const Quanyu__IdentityAct *act = (const Quanyu__IdentityAct *)message;
    record->actor = act->actor;
    record->action = act->action;
    record->detail = act->detail;
    record->purpose = act->reason;
    record->request_id = act->request_id;
    set_numbers(arena, record, act->persons, act->n_persons);
}

static void write_bound(struct json *json, const char *name, uint32_t unit, uint32_t guide)
{
    char id[16];
    json_name(json, name);
    json_open(json, '{');
    snprintf(id, sizeof(id), "u_%" PRIu32, unit);
    json_field_optional(json, "home_unit", unit ? id : "");
    snprintf(id, sizeof(id), "st_%" PRIu32, guide);
    json_field_optional(json, "guide", guide ? id : "");
    json_close(json, '}');
}

/* What somebody did by hand is an act of its own, with the reason. */
static bool is_by_hand(const char *cause)
{
    return strcmp(cause, "hand") == 0 || strcmp(cause, "transfer") == 0 || strcmp(cause, "handover") == 0;
}

static void from_binding(const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    const Quanyu__BindingChanged *changed = (const Quanyu__BindingChanged *)message;
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    if (is_by_hand(changed->cause))
        return;
    json_open(&json, '{');
    write_bound(&json, "before", changed->unit_before, changed->guide_before);
    write_bound(&json, "after", changed->unit, changed->guide);
    json_field_text(&json, "cause", changed->cause);
    json_close(&json, '}');
    record->action = "binding.change";
    record->detail = buffer_error(&detail) ? NULL : arena_text(arena, (const char *)detail.data, detail.size);
    set_numbers(arena, record, &changed->person, 1);
    record->count = 1;
}

static void from_campaign_act(
    const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    (void)arena;
    const Quanyu__CampaignAct *act = (const Quanyu__CampaignAct *)message;
    record->actor = act->actor;
    record->action = act->action;
    record->detail = act->detail;
    record->request_id = act->request_id;
}

/* Of two joined persons the lower number stays; a part that splits off has a higher one. */
static void from_moved(const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    const Quanyu__NodesMoved *moved = (const Quanyu__NodesMoved *)message;
    const uint32_t persons[] = {moved->to, moved->from};
    record->action = moved->to < moved->from ? "person.join" : "person.split";
    char decision[48] = "";
    if (moved->decision)
        snprintf(decision, sizeof(decision), ",\"decision\":\"d_%" PRIu64 "\"", moved->decision);
    record->detail = arena_printf(arena, "{\"evidence\":\"%" PRIu64 "\",\"identifiers\":%zu%s}",
        moved->evidence, moved->n_nodes, decision);
    set_numbers(arena, record, persons, 2);
    record->nodes = moved->nodes;
    record->n_nodes = moved->n_nodes;
}

/* Whose events are, by other rules or a decision: each person once. */
static void from_events_moved(
    const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    const Quanyu__EventsMoved *moved = (const Quanyu__EventsMoved *)message;
    uint32_t *numbers = arena_alloc(arena, (moved->n_nodes + 1) * sizeof(*numbers));
    size_t count = 0;
    if (!numbers)
        return;
    numbers[count++] = moved->from;
    for (size_t i = 0; i < moved->n_nodes && count < RECORD_NUMBERS_MAX; i++) {
        size_t at = 0;
        while (at < count && numbers[at] != moved->nodes[i])
            at++;
        if (at == count)
            numbers[count++] = moved->nodes[i];
    }
    record->action = "person.events_moved";
    record->detail = arena_printf(arena, "{\"events\":%zu}", moved->n_origins);
    set_numbers(arena, record, numbers, count);
}

static void from_erased(const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    const Quanyu__PersonErased *erased = (const Quanyu__PersonErased *)message;
    record->action = "person.erase";
    record->detail = arena_printf(arena, "{\"identifiers\":%zu}", erased->n_nodes);
    set_numbers(arena, record, &erased->person, 1);
}

const char *audit_delivery_state(Quanyu__Delivery__State state)
{
    static const char *const names[] = {
        [QUANYU__DELIVERY__STATE__READY] = "ready",
        [QUANYU__DELIVERY__STATE__SENDING] = "sending",
        [QUANYU__DELIVERY__STATE__DELIVERED] = "delivered",
        [QUANYU__DELIVERY__STATE__FAILED] = "failed",
        [QUANYU__DELIVERY__STATE__UNKNOWN] = "unknown",
        [QUANYU__DELIVERY__STATE__SKIPPED] = "skipped",
    };
    return (unsigned)state < COUNT_OF(names) ? names[state] : "other";
}

static void from_delivery(const ProtobufCMessage *message, struct arena *arena, Quanyu__AuditRecord *record)
{
    const Quanyu__Delivery *delivery = (const Quanyu__Delivery *)message;
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_optional(&json, "journey", delivery->journey);
    json_field_optional(&json, "step", delivery->step);
    json_field_optional(&json, "channel", delivery->channel);
    json_field_optional(&json, "reason", delivery->reason);
    json_field_optional(&json, "delivery_id", delivery->delivery_id);
    json_field_unsigned(&json, "attempts", delivery->attempts);
    json_close(&json, '}');
    record->action = "delivery";
    record->journey = delivery->journey;
    record->purpose = arena_printf(arena, "journey %s", delivery->journey);
    record->outcome = (char *)audit_delivery_state(delivery->state);
    record->detail = arena_text(arena, (const char *)detail.data, detail.size);
    /* The identifier that it was sent for stays with whoever it belongs to after a split. */
    const uint32_t numbers[] = {delivery->person, delivery->node};
    set_numbers(arena, record, numbers, delivery->node && delivery->node != delivery->person ? 2 : 1);
    record->count = 1;
}

static const struct source {
    unsigned input;
    unsigned record_class;
    const ProtobufCMessageDescriptor *message;
    convert_fn *convert;
} sources[] = {
    {INPUT_GATEWAY, QUANYU__GATEWAY_RECORD__RECORD_ACT, &quanyu__gateway_act__descriptor, from_gateway_act},
    {INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_MOVED, &quanyu__nodes_moved__descriptor, from_moved},
    {INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_EVENTS_MOVED, &quanyu__events_moved__descriptor,
        from_events_moved},
    {INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_ACT, &quanyu__identity_act__descriptor,
        from_identity_act},
    {INPUT_IDENTITY, QUANYU__IDENTITY_RECORD__RECORD_ERASED, &quanyu__person_erased__descriptor, from_erased},
    {INPUT_TAGGING, QUANYU__TAGGING_RECORD__RECORD_ACT, &quanyu__tagging_act__descriptor, from_tagging_act},
    {INPUT_TAGGING, QUANYU__TAGGING_RECORD__RECORD_BINDING, &quanyu__binding_changed__descriptor,
        from_binding},
    {INPUT_CAMPAIGN, QUANYU__CAMPAIGN_RECORD__RECORD_DELIVERY, &quanyu__delivery__descriptor, from_delivery},
    {INPUT_CAMPAIGN, QUANYU__CAMPAIGN_RECORD__RECORD_ACT, &quanyu__campaign_act__descriptor,
        from_campaign_act},
};

static const struct source *find_source(unsigned input, unsigned record_class)
{
    for (size_t i = 0; i < COUNT_OF(sources); i++)
        if (sources[i].input == input && sources[i].record_class == record_class)
            return &sources[i];
    return NULL;
}

/* {"bytes":n,"sha256":"…"} */
static char *digest(struct arena *arena, const void *data, size_t size)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];
    crypto_hash_sha256(hash, data, size);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    return arena_printf(arena, "{\"bytes\":%zu,\"sha256\":\"%s\"}", size, hex);
}

static void set_origin(Quanyu__AuditRecord *record, struct arena *arena, const char *service,
    const struct journal_record *journal)
{
    record->service = (char *)service;
    record->offset = journal->offset;
    if (!*record->outcome)
        record->outcome = "ok";
    if (!record->actor)
        set_service_actor(arena, record, service);
    else if (!*record->actor->id)
        record->actor->id = (char *)audit_actor_kind(record->actor->kind);
}

/* False when the record may not be taken as it is. */
static bool convert(
    unsigned input, const struct journal_record *journal, struct arena *arena, Quanyu__AuditRecord *record)
{
    const struct source *source = find_source(input, journal->record_class);
    ProtobufCMessage *message = source ? protobuf_c_message_unpack(source->message, arena_allocator(arena),
                                             journal->data.size, journal->data.data)
                                       : NULL;
    if (!message)
        return false;
    source->convert(message, arena, record);
    if (source->convert == from_binding && !*record->action && record->detail)
        return true;
    if (!record->detail || !record->purpose)
        return false;
    const char *field;
    if (strlen(record->detail) > RECORD_BYTES_MAX / 2)
        record->detail = digest(arena, record->detail, strlen(record->detail));
    set_origin(record, arena, audit_inputs[input].leader, journal);
    return record->detail && !audit_record_check(record, &field);
}

int audit_source_record(unsigned input, const struct journal_record *journal, struct arena *arena,
    Quanyu__AuditRecord *record, bool *ret_readable)
{
    *ret_readable = convert(input, journal, arena, record);
    if (*ret_readable)
        return 0;
    quanyu__audit_record__init(record);
    record->action = "record.unreadable";
    record->outcome = "failed";
    record->detail = digest(arena, journal->data.data, journal->data.size);
    set_origin(record, arena, audit_inputs[input].leader, journal);
    return record->detail && record->actor ? 0 : -QY_ENOMEM;
}
