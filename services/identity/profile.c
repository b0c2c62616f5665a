/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/profile.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define PROFILE_VERSION 1

static bool read_text(struct bytes *cursor, const char **ret_text, size_t *ret_size)
{
    uint64_t size;
    if (!bytes_varint(cursor, &size) || size > cursor->size)
        return false;
    *ret_text = (const char *)cursor->data;
    *ret_size = (size_t)size;
    cursor->data += size;
    cursor->size -= size;
    return true;
}

static bool read_entry(struct bytes *cursor, struct profile_entry *ret_entry)
{
    uint64_t time;
    struct profile_entry entry = {0};
    if (!read_text(cursor, &entry.key, &entry.key_size) ||
        !read_text(cursor, &entry.json, &entry.json_size) || !bytes_varint(cursor, &time) ||
        !bytes_varint(cursor, &entry.offset))
        return false;
    entry.event_ms = (int64_t)time;
    if (entry.json_size == 0)
        entry.json = NULL;
    *ret_entry = entry;
    return true;
}

int profile_read(struct bytes plain, struct profile *ret_profile)
{
    ret_profile->count = 0;
    if (plain.size == 0)
        return 0;
    if (plain.data[0] != PROFILE_VERSION)
        return -QY_EVERSION;
    struct bytes cursor = {plain.data + 1, plain.size - 1};
    while (cursor.size > 0) {
        if (ret_profile->count == PROFILE_ENTRIES_MAX ||
            !read_entry(&cursor, &ret_profile->entries[ret_profile->count]))
            return -QY_ECORRUPT;
        ret_profile->count++;
    }
    return 0;
}

void profile_write(const struct profile *profile, struct buffer *out)
{
    buffer_byte(out, PROFILE_VERSION);
    for (unsigned i = 0; i < profile->count; i++) {
        const struct profile_entry *entry = &profile->entries[i];
        buffer_varint(out, entry->key_size);
        buffer_append(out, entry->key, entry->key_size);
        buffer_varint(out, entry->json ? entry->json_size : 0);
        if (entry->json)
            buffer_append(out, entry->json, entry->json_size);
        buffer_varint(out, (uint64_t)entry->event_ms);
        buffer_varint(out, entry->offset);
    }
}

static struct profile_entry *find(struct profile *profile, const char *key, size_t key_size)
{
    for (unsigned i = 0; i < profile->count; i++)
        if (profile->entries[i].key_size == key_size && memcmp(profile->entries[i].key, key, key_size) == 0)
            return &profile->entries[i];
    return NULL;
}

const struct profile_entry *profile_find(const struct profile *profile, const char *key, size_t key_size)
{
    return find((struct profile *)profile, key, key_size);
}

static bool same_value(const struct profile_entry *a, const struct profile_entry *b)
{
    if (!a->json || !b->json)
        return a->json == b->json;
    return a->json_size == b->json_size && memcmp(a->json, b->json, a->json_size) == 0;
}

static bool is_later(const struct profile_entry *a, const struct profile_entry *b)
{
    return a->event_ms != b->event_ms ? a->event_ms > b->event_ms : a->offset > b->offset;
}

static enum profile_change take_in(struct profile *profile, const struct profile_entry *entry)
{
    struct profile_entry *own = find(profile, entry->key, entry->key_size);
    if (own && same_value(own, entry))
        return PROFILE_HOLDS;
    if (own ? !is_later(entry, own) : profile->count == PROFILE_ENTRIES_MAX)
        return PROFILE_OLDER;
    if (!own)
        own = &profile->entries[profile->count++];
    *own = *entry;
    return PROFILE_CHANGED;
}

/* The values' JSON behind one another in `texts`, value i up to ends[i + 1]. All of them first: the buffer
 * must not move any more once entries point into it. */
static void write_values(
    const struct personal_trait *traits, unsigned count, struct buffer *texts, size_t *ends)
{
    buffer_clear(texts);
    ends[0] = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t size = 0;
        char *json = yyjson_is_null(traits[i].value) ? NULL : yyjson_val_write(traits[i].value, 0, &size);
        if (json)
            buffer_append(texts, json, size);
        free(json);
        ends[i + 1] = texts->size;
    }
}

unsigned profile_merge(struct profile *profile, const struct personal_trait *traits, unsigned count,
    int64_t event_ms, uint64_t offset, struct buffer *texts)
{
    size_t ends[PERSONAL_TRAITS_MAX + 1];
    unsigned change = PROFILE_HOLDS;
    write_values(traits, count, texts, ends);
    for (unsigned i = 0; i < count && !buffer_error(texts); i++) {
        size_t size = ends[i + 1] - ends[i];
        bool removed = yyjson_is_null(traits[i].value);
        if (size > PROFILE_VALUE_MAX || (size == 0 && !removed))
            continue;
        struct profile_entry entry = {
            .key = traits[i].key,
            .key_size = traits[i].key_size,
            .json = removed ? NULL : (const char *)texts->data + ends[i],
            .json_size = size,
            .event_ms = event_ms,
            .offset = offset,
        };
        change |= take_in(profile, &entry);
    }
    return change;
}

void profile_fold(struct profile *person, const struct profile *node)
{
    for (unsigned i = 0; i < node->count; i++) {
        struct profile_entry *own = find(person, node->entries[i].key, node->entries[i].key_size);
        if (own && is_later(&node->entries[i], own))
            *own = node->entries[i];
        else if (!own && person->count < PROFILE_ENTRIES_MAX)
            person->entries[person->count++] = node->entries[i];
    }
}
