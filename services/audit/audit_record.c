/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_record.h"

#include "common/error.h"
#include "common/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ACTION_BYTES_MAX 64u
#define TEXT_BYTES_MAX 400u /* ids, names, addresses */
#define TIME_TAG 0x08u
#define ACTOR_TAG 0x12u
#define ACTION_TAG 0x1au

struct checked_text {
    const char *field;
    const char *text;
    size_t most;
};

static const char *check_texts(const struct checked_text *texts, size_t count, const char **ret_field)
{
    for (size_t i = 0; i < count; i++) {
        *ret_field = texts[i].field;
        if (!utf8_is_text(texts[i].text))
            return "is not UTF-8 text";
        if (strlen(texts[i].text) > texts[i].most)
            return "is too long";
    }
    return NULL;
}

static const char *check_actor(const Quanyu__Actor *actor, const char **ret_field)
{
    *ret_field = "actor";
    if (!actor)
        return "is missing";
    const struct checked_text texts[] = {
        {"actor/id", actor->id, TEXT_BYTES_MAX},
        {"actor/name", actor->name, TEXT_BYTES_MAX},
        {"actor/role", actor->role, TEXT_BYTES_MAX},
        {"actor/address", actor->address, TEXT_BYTES_MAX},
        {"actor/token_id", actor->token_id, TEXT_BYTES_MAX},
    };
    const char *problem = check_texts(texts, COUNT_OF(texts), ret_field);
    if (problem)
        return problem;
    *ret_field = "actor/id";
    return *actor->id ? NULL : "is missing";
}

static const char *check_lists(const Quanyu__AuditRecord *record, const char **ret_field)
{
    *ret_field = "fields";
    if (record->n_fields > RECORD_FIELDS_MAX)
        return "has too many entries";
    for (size_t i = 0; i < record->n_fields; i++)
        if (!utf8_is_text(record->fields[i]) || strlen(record->fields[i]) > TEXT_BYTES_MAX)
            return "has an entry that is too long or not UTF-8 text";
    *ret_field = "persons";
    if (record->n_persons > RECORD_PERSONS_MAX)
        return "has too many entries";
    for (size_t i = 0; i < record->n_persons; i++)
        if (!utf8_is_text(record->persons[i]) || strlen(record->persons[i]) > TEXT_BYTES_MAX)
            return "has an entry that is too long or not UTF-8 text";
    *ret_field = "numbers";
    if (record->n_numbers > RECORD_NUMBERS_MAX)
        return "has too many entries";
    *ret_field = "nodes";
    if (record->n_nodes > 0 && record->n_numbers == 0)
        return "go over to nobody: there are no numbers";
    return record->n_nodes > RECORD_NODES_MAX ? "has too many entries" : NULL;
}

const char *audit_record_check(const Quanyu__AuditRecord *record, const char **ret_field)
{
    const struct checked_text texts[] = {
        {"action", record->action, ACTION_BYTES_MAX},
        {"purpose", record->purpose, RECORD_BYTES_MAX},
        {"outcome", record->outcome, TEXT_BYTES_MAX},
        {"request_id", record->request_id, TEXT_BYTES_MAX},
        {"detail", record->detail, RECORD_BYTES_MAX},
        {"missed", record->missed, RECORD_BYTES_MAX},
        {"missed_kind", record->missed_kind, TEXT_BYTES_MAX},
        {"unit", record->unit, TEXT_BYTES_MAX},
        {"journey", record->journey, TEXT_BYTES_MAX},
        {"task", record->task, TEXT_BYTES_MAX},
        {"rule", record->rule, RECORD_BYTES_MAX},
    };
    const char *problem = check_texts(texts, COUNT_OF(texts), ret_field);
    if (!problem)
        problem = check_lists(record, ret_field);
    if (!problem)
        problem = check_actor(record->actor, ret_field);
    if (problem)
        return problem;
    *ret_field = "action";
    if (!*record->action)
        return "is missing";
    *ret_field = "set_hash";
    if (record->set_hash.len != 0 && record->set_hash.len != RECORD_SET_HASH_BYTES)
        return "is no SHA-256";
    *ret_field = "detail";
    /* Time, service and offset are audit's to fill in: room is kept for them. */
    return quanyu__audit_record__get_packed_size(record) + 64 > RECORD_BYTES_MAX
               ? "makes the record too large"
               : NULL;
}

void audit_record_place(Quanyu__AuditRecord *record, char room[RECORD_UNIT_BYTES])
{
    if (*record->unit || !record->actor || !record->actor->unit)
        return;
    snprintf(room, RECORD_UNIT_BYTES, "u_%" PRIu32, record->actor->unit);
    record->unit = room;
}

int audit_record_pack(const Quanyu__AuditRecord *record, struct buffer *out)
{
    buffer_clear(out);
    size_t size = quanyu__audit_record__get_packed_size(record);
    if (size > RECORD_BYTES_MAX)
        return -QY_ETOOLARGE;
    uint8_t *room = buffer_reserve(out, size);
    if (!room)
        return buffer_error(out);
    out->size = quanyu__audit_record__pack(record, room);
    return 0;
}

const Quanyu__AuditRecord *audit_record_unpack(struct bytes stored, struct arena *arena)
{
    return quanyu__audit_record__unpack(arena_allocator(arena), stored.size, stored.data);
}

int64_t audit_record_time(struct bytes stored)
{
    uint64_t time = 0;
    if (stored.size == 0 || stored.data[0] != TIME_TAG)
        return 0;
    struct bytes rest = {stored.data + 1, stored.size - 1};
    return bytes_varint(&rest, &time) ? (int64_t)time : 0;
}

/* Takes a field of this tag, which holds bytes, off the front. */
static bool take_field(struct bytes *rest, uint8_t tag, struct bytes *ret_field)
{
    uint64_t size;
    struct bytes after = {rest->data + 1, rest->size - 1};
    if (rest->size == 0 || rest->data[0] != tag || !bytes_varint(&after, &size) || size > after.size)
        return false;
    *ret_field = (struct bytes){after.data, size};
    *rest = (struct bytes){after.data + size, after.size - size};
    return true;
}

struct bytes audit_record_action(struct bytes stored)
{
    uint64_t time;
    struct bytes rest = stored, field = {0};
    if (rest.size > 0 && rest.data[0] == TIME_TAG) {
        rest = (struct bytes){rest.data + 1, rest.size - 1};
        if (!bytes_varint(&rest, &time))
            return (struct bytes){0};
    }
    (void)take_field(&rest, ACTOR_TAG, &field);
    return take_field(&rest, ACTION_TAG, &field) ? field : (struct bytes){0};
}

bool audit_record_is_own(const Quanyu__AuditRecord *record)
{
    return strcmp(record->service, "audit") == 0;
}

const char *audit_actor_kind(Quanyu__Actor__Kind kind)
{
    static const char *const names[] = {
        [QUANYU__ACTOR__KIND__SERVICE] = "service",
        [QUANYU__ACTOR__KIND__STAFF] = "staff",
        [QUANYU__ACTOR__KIND__AUDITOR] = "auditor",
        [QUANYU__ACTOR__KIND__OPERATOR] = "operator",
        [QUANYU__ACTOR__KIND__SOURCE] = "source",
    };
    return (unsigned)kind < COUNT_OF(names) ? names[kind] : "unknown";
}

/* -- without unpacking -- */

static bool has_tag(struct bytes stored, const char *tag, size_t size)
{
    return stored.data && memmem(stored.data, stored.size, tag, size);
}

bool audit_record_may_name_set(struct bytes stored)
{
    static const char tag[] = {(char)0xa2, 0x01, RECORD_SET_HASH_BYTES};
    return has_tag(stored, tag, sizeof(tag));
}

bool audit_record_may_move(struct bytes stored)
{
    static const char tag[] = {(char)0xb2, 0x01};
    return has_tag(stored, tag, sizeof(tag));
}
