/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_terms.h"

#include "common/buffer.h"
#include "services/audit/audit_record.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum has { HAS_MISSED, HAS_PURPOSE, HAS_RULE, HAS_SET, HAS_UNMASKED };
const char *const audit_has[] = {
    [HAS_MISSED] = "missed",
    [HAS_PURPOSE] = "purpose",
    [HAS_RULE] = "rule",
    [HAS_SET] = "set",
    [HAS_UNMASKED] = "unmasked",
    NULL,
};

#define TERM_HASH_MARK " sha256:"

const struct term_key term_altered = {.size = 1, .bytes = {TERM_ALTERED}};

/* Its beginning, whole characters of it, then the hash of all of it. */
static void set_hashed(const char *text, size_t size, struct term_key *key)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];
    size_t kept = TERM_TEXT_MAX - sizeof(TERM_HASH_MARK) - sizeof(hex);
    while (kept > 0 && ((uint8_t)text[kept] & 0xc0) == 0x80)
        kept--;
    crypto_hash_sha256(hash, (const uint8_t *)text, size);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    key->size = 1 + (size_t)snprintf((char *)key->bytes + 1, sizeof(key->bytes) - 1,
                        "%.*s" TERM_HASH_MARK "%s", (int)kept, text, hex);
}

void term_of_text(enum term_kind kind, const char *text, struct term_key *ret_key)
{
    size_t size = strlen(text);
    ret_key->bytes[0] = (uint8_t)kind;
    if (size > TERM_TEXT_MAX) {
        set_hashed(text, size, ret_key);
        return;
    }
    memcpy(ret_key->bytes + 1, text, size);
    ret_key->size = 1 + size;
}

void term_of_number(uint32_t number, struct term_key *ret_key)
{
    ret_key->bytes[0] = TERM_NUMBER;
    put_be32(ret_key->bytes + 1, number);
    ret_key->size = 5;
}

uint64_t term_hash(const uint8_t *key, size_t size)
{
    static const uint8_t
        seed[crypto_shorthash_KEYBYTES]; /* nothing depends on it being secret: texts are compared */
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, key, size, seed);
    return get_be64(hash);
}

static int compare_values(const void *a, const void *b)
{
    const struct term_value *left = a, *right = b;
    return (left->hash > right->hash) - (left->hash < right->hash);
}

void term_values_sort(struct term_values *values)
{
    for (size_t i = 0; i < values->whole_count; i++)
        values->whole[i].hash = term_hash(values->whole[i].key.bytes, values->whole[i].key.size);
    if (values->whole_count > 1)
        qsort(values->whole, values->whole_count, sizeof(*values->whole), compare_values);
}

static size_t first_with(const struct term_values *values, uint64_t hash)
{
    size_t low = 0, high = values->whole_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (values->whole[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool term_values_hold(const struct term_values *values, const uint8_t *key, size_t size, uint64_t hash)
{
    for (size_t i = first_with(values, hash); i < values->whole_count && values->whole[i].hash == hash; i++)
        if (values->whole[i].key.size == size && memcmp(values->whole[i].key.bytes, key, size) == 0)
            return true;
    for (size_t i = 0; i < values->prefix_count; i++)
        if (size >= values->prefixes[i].key.size &&
            memcmp(key, values->prefixes[i].key.bytes, values->prefixes[i].key.size) == 0)
            return true;
    return false;
}

struct visit {
    term_fn *visit;
    void *context;
};

static void tell(const struct visit *visit, enum term_kind kind, const char *text)
{
    struct term_key key;
    if (!text || !*text)
        return;
    term_of_text(kind, text, &key);
    visit->visit(visit->context, &key);
}

static void tell_actor(const struct visit *visit, const Quanyu__Actor *actor)
{
    tell(visit, TERM_ACTOR, actor->id);
    tell(visit, TERM_ACTOR_KIND, audit_actor_kind(actor->kind));
    tell(visit, TERM_ROLE, actor->role);
    tell(visit, TERM_ADDRESS, actor->address);
    tell(visit, TERM_TOKEN, actor->token_id);
}

static void tell_set(const struct visit *visit, const ProtobufCBinaryData *hash)
{
    char hex[2 * RECORD_SET_HASH_BYTES + 1];
    if (hash->len != RECORD_SET_HASH_BYTES)
        return;
    tell(visit, TERM_SET, sodium_bin2hex(hex, sizeof(hex), hash->data, hash->len));
    tell(visit, TERM_HAS, audit_has[HAS_SET]);
}

static void tell_persons(const struct visit *visit, const Quanyu__AuditRecord *record)
{
    struct term_key key;
    for (size_t i = 0; i < record->n_persons; i++)
        tell(visit, TERM_PERSON, record->persons[i]);
    for (size_t i = 0; i < record->n_numbers; i++) {
        term_of_number(record->numbers[i], &key);
        visit->visit(visit->context, &key);
    }
}

static void tell_has(const struct visit *visit, enum has has, bool it_has)
{
    if (it_has)
        tell(visit, TERM_HAS, audit_has[has]);
}

void audit_terms(const Quanyu__AuditRecord *record, term_fn *visit_term, void *context)
{
    const struct visit visit = {visit_term, context};
    if (record->actor)
        tell_actor(&visit, record->actor);
    tell(&visit, TERM_UNIT, record->unit);
    tell(&visit, TERM_ACTION, record->action);
    for (size_t i = 0; i < record->n_fields; i++)
        tell(&visit, TERM_FIELD, record->fields[i]);
    tell_persons(&visit, record);
    tell(&visit, TERM_PURPOSE, record->purpose);
    tell(&visit, TERM_OUTCOME, record->outcome);
    tell(&visit, TERM_SERVICE, record->service);
    tell(&visit, TERM_JOURNEY, record->journey);
    tell(&visit, TERM_TASK, record->task);
    tell(&visit, TERM_RULE, record->rule);
    tell(&visit, TERM_MISSED, record->missed);
    tell(&visit, TERM_MISSED_KIND, record->missed_kind);
    tell_set(&visit, &record->set_hash);
    tell_has(&visit, HAS_MISSED, *record->missed || *record->missed_kind);
    tell_has(&visit, HAS_PURPOSE, *record->purpose);
    tell_has(&visit, HAS_RULE, *record->rule);
    tell_has(&visit, HAS_UNMASKED, record->unmasked);
}
