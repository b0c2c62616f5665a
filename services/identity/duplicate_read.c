/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_read.h"

#include "common/key_class.h"
#include "services/identity/stated_name.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#define NODES_MAX 64 /* of one person that are looked at */

/* -- traits -- */

/* What parts of a person are called besides the name, in lower case without separators. */
enum trait { TRAIT_OTHER, TRAIT_GENDER, TRAIT_CITY, TRAIT_POSTCODE, TRAIT_STREET, TRAIT_ADDRESS };
static const struct {
    const char *key;
    enum trait trait;
} traits[] = {
    {"gender", TRAIT_GENDER},
    {"sex", TRAIT_GENDER},
    {"性别", TRAIT_GENDER},
    {"city", TRAIT_CITY},
    {"城市", TRAIT_CITY},
    {"postcode", TRAIT_POSTCODE},
    {"postalcode", TRAIT_POSTCODE},
    {"zip", TRAIT_POSTCODE},
    {"zipcode", TRAIT_POSTCODE},
    {"邮编", TRAIT_POSTCODE},
    {"street", TRAIT_STREET},
    {"streetaddress", TRAIT_STREET},
    {"addressline1", TRAIT_STREET},
    {"address", TRAIT_ADDRESS},
    {"addr", TRAIT_ADDRESS},
    {"地址", TRAIT_ADDRESS},
};

static enum trait trait_of(const char *key, size_t size)
{
    char plain[TRAIT_KEY_BYTES];
    size_t used = trait_key(key, size, plain);
    for (size_t i = 0; i < COUNT_OF(traits); i++)
        if (strlen(traits[i].key) == used && memcmp(traits[i].key, plain, used) == 0)
            return traits[i].trait;
    return TRAIT_OTHER;
}

/* Names in parts, until all of them are there. */
struct parts {
    struct text texts[NAME_PARTS];
};

static char gender_of(const char *text, size_t size)
{
    static const struct {
        const char *text;
        char gender;
    } known[] = {{"f", 'f'}, {"female", 'f'}, {"woman", 'f'}, {"女", 'f'}, {"女性", 'f'}, {"2", 'f'},
        {"m", 'm'}, {"male", 'm'}, {"man", 'm'}, {"男", 'm'}, {"男性", 'm'}, {"1", 'm'}};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strlen(known[i].text) == size && strncasecmp(known[i].text, text, size) == 0)
            return known[i].gender;
    return 0;
}

/* 上海市 is 上海. */
static void read_city(const char *text, size_t size, struct text *city)
{
    static const uint16_t municipality = 0x5e02;
    text_read(text, size, city);
    if (city->size > 2 && city->chars[city->size - 1] == municipality)
        city->size--;
}

/* Days that forms put where nothing was entered. */
static void read_birthday(yyjson_val *value, struct duplicate_record *record)
{
    struct birthday birthday;
    if (!birthday_read(value, &birthday))
        return;
    bool filled =
        birthday.month == 1 && birthday.day == 1 && (birthday.year == 1900 || birthday.year == 1970);
    if (!filled)
        record->birthday = birthday;
}

static enum name_part part_of(const char *key, size_t size)
{
    char plain[TRAIT_KEY_BYTES];
    size_t used = trait_key(key, size, plain);
    return name_part_of(plain, used);
}

static void read_value(
    struct duplicate_record *record, struct parts *parts, const char *key, size_t key_size, yyjson_val *value)
{
    size_t size;
    const char *text = trait_text(value, &size);
    enum name_part part = part_of(key, key_size);
    if (part != NAME_OTHER) {
        text_read(text, size, &parts->texts[part]);
        return;
    }
    switch (trait_of(key, key_size)) {
    case TRAIT_GENDER:
        record->gender = gender_of(text, size);
        break;
    case TRAIT_CITY:
        read_city(text, size, &record->city);
        break;
    case TRAIT_POSTCODE:
        text_read(text, size, &record->postcode);
        break;
    case TRAIT_STREET:
    case TRAIT_ADDRESS:
        text_read(text, size, &record->street);
        break;
    default:
        if (key_is_birthday(key, key_size))
            read_birthday(value, record);
    }
}

/* An address may be an object of its parts. */
static void read_entry(
    const struct profile_entry *entry, struct parts *parts, struct duplicate_record *record)
{
    yyjson_doc *doc = yyjson_read(entry->json, entry->json_size, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *root = yyjson_doc_get_root(doc), *key, *value;
    size_t index, count;
    if (!yyjson_is_obj(root))
        read_value(record, parts, entry->key, entry->key_size, root);
    else if (trait_of(entry->key, entry->key_size) == TRAIT_ADDRESS)
        yyjson_obj_foreach(root, index, count, key, value)
            read_value(record, parts, yyjson_get_str(key), yyjson_get_len(key), value);
    yyjson_doc_free(doc);
}

static void join_name(const struct parts *parts, struct duplicate_record *record)
{
    record->name = parts->texts[NAME_WHOLE];
    if (record->name.size == 0)
        name_join(&parts->texts[NAME_GIVEN], &parts->texts[NAME_SURNAME], &record->name);
    text_sort_words(&record->name, &record->sorted);
}

void duplicate_read_traits(const struct profile *profile, struct duplicate_record *record)
{
    struct parts parts = {0};
    for (unsigned i = 0; i < profile->count; i++)
        if (profile->entries[i].json)
            read_entry(&profile->entries[i], &parts, record);
    join_name(&parts, record);
    sodium_memzero(&parts, sizeof(parts));
}

/* -- identifiers -- */

void duplicate_read_phone(struct duplicate_record *record, const char *value, size_t size)
{
    struct number number = {.size = 0};
    for (size_t i = 0; i < size && number.size < NUMBER_DIGITS_MAX; i++)
        if (value[i] >= '0' && value[i] <= '9')
            number.digits[number.size++] = value[i];
    memmove(record->phones + 1, record->phones, sizeof(record->phones) - sizeof(record->phones[0]));
    record->phones[0] = number;
}

void duplicate_read_email(struct duplicate_record *record, const char *value, size_t size)
{
    const char *sign = memchr(value, '@', size);
    memmove(record->emails + 1, record->emails, sizeof(record->emails) - sizeof(record->emails[0]));
    text_read(value, sign ? (size_t)(sign - value) : size, &record->emails[0]);
}

static int read_node(const struct identity *identity, struct store_txn *txn, uint32_t node,
    struct buffer *value, struct duplicate_record *record)
{
    struct node_place place;
    struct node_row row;
    if (!identity_store_place(txn, node, &place) || (place.flags & NODE_OUT))
        return store_error(txn);
    const struct kind *kind = kind_numbered(&identity->kinds, place.kind);
    if (!kind || (kind->form != FORM_PHONE && kind->form != FORM_EMAIL) ||
        !identity_store_node(txn, node, &row))
        return store_error(txn);
    buffer_clear(value);
    int error = identity_node_value(identity, node, &row, value);
    if (error)
        return error;
    if (kind->form == FORM_PHONE)
        duplicate_read_phone(record, (const char *)value->data, value->size);
    else
        duplicate_read_email(record, (const char *)value->data, value->size);
    return 0;
}

static int read_identifiers(const struct identity *identity, struct store_txn *txn, struct buffer *value,
    struct duplicate_record *record)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_members(txn, record->person, &scan);
    uint32_t node;
    for (unsigned i = 0; !error && i < NODES_MAX && identity_store_next_member(scan, &node); i++)
        error = read_node(identity, txn, node, value, record);
    return error ? error : store_error(txn);
}

static void wipe(struct buffer *buffer)
{
    if (buffer->data)
        sodium_memzero(buffer->data, buffer->capacity);
    buffer_free(buffer);
}

int duplicate_read(const struct identity *identity, struct store_txn *txn, uint32_t person,
    struct duplicate_record *ret_record)
{
    struct buffer texts = BUFFER_INIT, value = BUFFER_INIT;
    struct profile profile;
    memset(ret_record, 0, sizeof(*ret_record));
    ret_record->person = person;
    int error = identity_person_profile(identity, txn, person, &texts, &profile);
    if (!error) {
        duplicate_read_traits(&profile, ret_record);
        error = read_identifiers(identity, txn, &value, ret_record);
    }
    wipe(&texts);
    wipe(&value);
    return error;
}
