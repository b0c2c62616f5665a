/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/identity_json.h"

#include "services/gateway/api_binding.h"

#include "services/gateway/write_key_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *decision_id(uint64_t number, char room[DECISION_ID_BYTES])
{
    snprintf(room, DECISION_ID_BYTES, "d_%" PRIu64, number);
    return room;
}

uint64_t decision_number_of(const char *id)
{
    char room[DECISION_ID_BYTES];
    uint64_t number = strncmp(id, "d_", 2) == 0 ? strtoull(id + 2, NULL, 10) : 0;
    return strcmp(decision_id(number, room), id) == 0 ? number : 0;
}

/* -- identifiers -- */

static void write_owned(struct json *json, const Quanyu__Identifier *identifier)
{
    char id[DECISION_ID_BYTES];
    if (identifier->n_decisions == 0)
        return;
    json_name(json, "reassigned");
    json_open(json, '{');
    if (identifier->since_ms)
        json_field_time(json, "since", identifier->since_ms);
    if (identifier->until_ms)
        json_field_time(json, "until", identifier->until_ms);
    json_name(json, "decisions");
    json_open(json, '[');
    for (size_t i = 0; i < identifier->n_decisions; i++)
        json_text(json, decision_id(identifier->decisions[i], id));
    json_close(json, ']');
    json_close(json, '}');
}

void identity_json_identifier(
    struct json *json, const Quanyu__Identifier *identifier, const char *one_id, bool personal)
{
    json_open(json, '{');
    json_field_text(json, "id", identifier->id);
    json_field_text(json, "kind", identifier->kind);
    if (personal)
        json_field_optional(json, "value", identifier->value);
    json_field_bool(json, "verified", identifier->verified);
    json_field_optional(json, "one_id", one_id);
    write_owned(json, identifier);
    json_close(json, '}');
}

void identity_json_identifiers(
    struct json *json, const char *name, Quanyu__Identifier *const *identifiers, size_t count, bool personal)
{
    json_name(json, name);
    json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        identity_json_identifier(json, identifiers[i], NULL, personal);
    json_close(json, ']');
}

/* -- links -- */

static void write_write_key(struct json *json, uint32_t source, const struct write_key_snapshot *keys)
{
    char room[WRITE_KEY_ID_BYTES];
    const struct write_key *key = write_keys_of_source(keys, source);
    if (!source)
        return;
    json_name(json, "write_key");
    json_open(json, '{');
    json_field_text(json, "id", write_key_id(source, room));
    json_field_optional(json, "name", key ? key->row->name : NULL);
    json_close(json, '}');
}

/* In a sentence what speaks against a link. */
static void describe(const Quanyu__LinkView *link, char *text, size_t size)
{
    const char *refusal = link->refusal, *kind = link->kind;
    if (strcmp(refusal, "limit") == 0)
        snprintf(text, size, "one person would have more than %" PRIu32 " of %s", link->limit, kind);
    else if (strcmp(refusal, "limit_within") == 0)
        snprintf(text, size, "one person would get more than %" PRIu32 " of %s in too short a time",
            link->limit, kind);
    else if (strcmp(refusal, "claimed") == 0)
        snprintf(
            text, size, "each of the two has a verified %s, and that they are one is only claimed", kind);
    else if (strcmp(refusal, "apart") == 0)
        snprintf(text, size, "it was decided by hand that they are not one person");
    else if (strcmp(refusal, "size") == 0)
        snprintf(text, size, "one person would have too many identifiers");
    else if (strcmp(refusal, "busy") == 0)
        snprintf(text, size, "one of the two is seen with very many others, and joins nothing");
    else if (strcmp(refusal, "owners") == 0)
        snprintf(text, size, "one of the two was verified with two owners, and joins nothing");
    else if (strcmp(refusal, "names") == 0)
        snprintf(text, size, "one of the two goes with two people's names, and joins nothing");
    else if (strcmp(refusal, "handed_on") == 0)
        snprintf(text, size,
            "one of the two was somebody's outside of the time for which another one had it, and joins "
            "nothing");
    else if (strcmp(refusal, "blocked") == 0)
        snprintf(text, size, "one of the two was blocked by hand");
    else if (strcmp(refusal, "cut") == 0)
        snprintf(text, size, "what joined them by hand was decided otherwise later");
    else if (strcmp(refusal, "kind") == 0)
        snprintf(text, size, "identifiers of this kind join nobody");
    else if (strcmp(refusal, "reassigned") == 0)
        snprintf(text, size, "it was decided by hand that the value is somebody else's from then on");
    else
        snprintf(text, size, "a rule speaks against it");
}

static void write_refusal(struct json *json, const Quanyu__LinkView *link)
{
    char text[200];
    json_name(json, "refused");
    if (!*link->refusal) {
        json_null(json);
        return;
    }
    describe(link, text, sizeof(text));
    json_open(json, '{');
    json_field_text(json, "reason", link->refusal);
    json_field_text(json, "detail", text);
    json_field_optional(json, "kind", link->kind);
    if (link->limit)
        json_field_unsigned(json, "limit", link->limit);
    if (link->since_ms)
        json_field_time(json, "since", link->since_ms);
    json_close(json, '}');
}

void identity_json_link(
    struct json *json, const Quanyu__LinkView *link, const struct write_key_snapshot *keys, bool personal)
{
    char id[DECISION_ID_BYTES];
    json_open(json, '{');
    json_name(json, "identifiers");
    json_open(json, '[');
    identity_json_identifier(json, link->one, link->one_one_id, personal);
    identity_json_identifier(json, link->other, link->other_one_id, personal);
    json_close(json, ']');
    json_field_text(json, "rank", link->rank);
    if (link->evidence)
        json_field_number(json, "position", link->evidence);
    if (link->event_ms)
        json_field_time(json, "time", link->event_ms);
    write_write_key(json, link->source, keys);
    if (link->decision)
        json_field_text(json, "decision", decision_id(link->decision, id));
    write_refusal(json, link);
    json_close(json, '}');
}

/* -- decisions -- */

static const char *what(Quanyu__Decision__Kind kind)
{
    static const char *const names[] = {
        [QUANYU__DECISION__KIND__NONE] = "other",
        [QUANYU__DECISION__KIND__JOIN] = "join",
        [QUANYU__DECISION__KIND__SPLIT] = "split",
        [QUANYU__DECISION__KIND__BLOCK] = "block",
        [QUANYU__DECISION__KIND__WITHDRAW] = "withdraw",
        [QUANYU__DECISION__KIND__MOVE] = "move",
        [QUANYU__DECISION__KIND__REASSIGN] = "reassign",
    };
    return (unsigned)kind < COUNT_OF(names) ? names[kind] : names[0];
}

void identity_json_by(const struct api_call *call, struct json *json, const Quanyu__Actor *actor)
{
    bool seen = actor && binding_sees_staff(call, staff_number_of(actor->id));
    json_field_optional(json, "by", seen ? actor->id : NULL);
}

static void write_act(const struct api_call *call, struct json *json, int64_t at_ms,
    const Quanyu__Actor *actor, const char *reason)
{
    json_field_time(json, "at", at_ms);
    identity_json_by(call, json, actor);
    json_field_text(json, "reason", reason);
}

void identity_json_decision(
    const struct api_call *call, struct json *json, const Quanyu__DecisionReply *reply, bool personal)
{
    char id[DECISION_ID_BYTES];
    const Quanyu__Decision *decision = reply->decision;
    json_open(json, '{');
    json_name(json, "id");
    if (decision->number)
        json_text(json, decision_id(decision->number, id));
    else
        json_null(json); /* it was so without anybody's having decided it */
    json_field_text(json, "what", what(decision->kind));
    identity_json_identifiers(json, "identifiers", reply->nodes, reply->n_nodes, personal);
    identity_json_identifiers(json, "others", reply->others, reply->n_others, personal);
    if (decision->kind == QUANYU__DECISION__KIND__WITHDRAW)
        json_field_number(json, "position", decision->evidence);
    if (decision->kind == QUANYU__DECISION__KIND__REASSIGN)
        json_field_time(json, "since", decision->since_ms);
    write_act(call, json, decision->at_ms, decision->actor, decision->reason);
    json_name(json, "undone");
    if (decision->undone_ms) {
        json_open(json, '{');
        write_act(call, json, decision->undone_ms, decision->undone_by, decision->undone_reason);
        json_close(json, '}');
    } else {
        json_null(json);
    }
    json_name(json, "persons");
    json_open(json, '[');
    for (size_t i = 0; i < reply->n_one_ids; i++)
        json_text(json, reply->one_ids[i]);
    json_close(json, ']');
    json_field_bool(json, "unchanged", reply->unchanged);
    json_close(json, '}');
}
