/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a segment's index. */
#include "services/audit/audit_index.h"

#include "common/error.h"
#include "services/audit/audit_index_layout.h"

#include <string.h>

int audit_index_open(struct bytes stored, struct audit_index *ret_index)
{
    const uint8_t *data = stored.data;
    if (stored.size < INDEX_HEAD_BYTES || memcmp(data, INDEX_MAGIC, 4) != 0 || data[4] != INDEX_VERSION ||
        (data[5] != 4 && data[5] != 8))
        return -QY_ECORRUPT;
    struct audit_index index = {.time_bytes = data[5],
        .altered = data[6],
        .records = get_be32(data + 8),
        .group_count = get_be32(data + 12)};
    uint64_t times = (uint64_t)index.records * index.time_bytes, groups = (uint64_t)index.group_count * 4;
    uint64_t entries = get_be32(data + 16);
    if (index.records > SEGMENT_RECORDS || stored.size != INDEX_HEAD_BYTES + times + groups + entries)
        return -QY_ECORRUPT;
    index.first_ms = (int64_t)get_be64(data + 20);
    index.times = data + INDEX_HEAD_BYTES;
    index.groups = index.times + times;
    index.entries = (struct bytes){index.groups + groups, entries};
    *ret_index = index;
    return 0;
}

int64_t audit_index_time(const struct audit_index *index, unsigned place)
{
    const uint8_t *time = index->times + (size_t)place * index->time_bytes;
    return index->first_ms + (int64_t)(index->time_bytes == 4 ? get_be32(time) : get_be64(time));
}

/* -- entries, one after the other -- */

struct entry {
    struct term_key key;
    size_t count;        /* records */
    struct bytes places; /* as they are stored */
};

static bool take(struct bytes *rest, uint64_t size, struct bytes *ret_taken)
{
    if (size > rest->size)
        return false;
    *ret_taken = (struct bytes){rest->data, size};
    rest->data += size;
    rest->size -= size;
    return true;
}

/* The entry at the beginning of `rest`, which moves past it; `entry` holds the one before. */
static int next_entry(struct bytes *rest, struct entry *entry)
{
    uint64_t shared, size, count, stored;
    struct bytes text;
    if (!bytes_varint(rest, &shared) || !bytes_varint(rest, &size) || shared > entry->key.size ||
        size > sizeof(entry->key.bytes) - shared || !take(rest, size, &text))
        return -QY_ECORRUPT;
    if (size > 0)
        memcpy(entry->key.bytes + shared, text.data, size);
    entry->key.size = shared + size;
    if (!bytes_varint(rest, &count) || count == 0 || count > SEGMENT_RECORDS)
        return -QY_ECORRUPT;
    stored = 2 * count;
    if (count > PLACES_INLINE && !bytes_varint(rest, &stored))
        return -QY_ECORRUPT;
    entry->count = count;
    return take(rest, stored, &entry->places) ? 0 : -QY_ECORRUPT;
}

static unsigned inline_place(const struct entry *entry, size_t i)
{
    return (unsigned)entry->places.data[2 * i] << 8 | entry->places.data[2 * i + 1];
}

static int add_places(const struct entry *entry, struct place_set *places)
{
    if (entry->count > PLACES_INLINE)
        return places_read(entry->places, places);
    for (size_t i = 0; i < entry->count; i++)
        place_set_add(places, inline_place(entry, i));
    return 0;
}

static int count_places(const struct entry *entry, const struct place_set *among, unsigned *ret_count)
{
    if (entry->count > PLACES_INLINE)
        return places_count(entry->places, among, ret_count);
    unsigned count = 0;
    for (size_t i = 0; i < entry->count; i++)
        count += place_set_has(among, inline_place(entry, i));
    *ret_count = count;
    return 0;
}

/* -- finding -- */

static int compare(const struct term_key *left, const uint8_t *key, size_t size)
{
    int order = memcmp(left->bytes, key, left->size < size ? left->size : size);
    return order ? order : (left->size > size) - (left->size < size);
}

static int group_at(const struct audit_index *index, uint32_t group, struct bytes *ret_rest)
{
    uint32_t begin = get_be32(index->groups + 4 * (size_t)group);
    if (begin >= index->entries.size)
        return -QY_ECORRUPT;
    *ret_rest = (struct bytes){index->entries.data + begin, index->entries.size - begin};
    return 0;
}

/* The entries from the last group on that begins at the key or before it: the key is in that group or nowhere. Empty where all begin
 * behind it and there are none. */
static int seek(const struct audit_index *index, const uint8_t *key, size_t size, struct bytes *ret_rest)
{
    uint32_t low = 0, high = index->group_count;
    struct entry entry = {.count = 0};
    *ret_rest = (struct bytes){0};
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct bytes rest;
        entry.key.size = 0;
        int error = group_at(index, middle, &rest);
        if (!error)
            error = next_entry(&rest, &entry);
        if (error)
            return error;
        if (compare(&entry.key, key, size) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return index->group_count ? group_at(index, low ? low - 1 : 0, ret_rest) : 0;
}

static int find_whole(const struct audit_index *index, const struct term_key *key, struct place_set *places)
{
    struct bytes rest;
    struct entry entry = {.count = 0};
    int error = seek(index, key->bytes, key->size, &rest);
    while (!error && rest.size > 0) {
        error = next_entry(&rest, &entry);
        int order = error ? 0 : compare(&entry.key, key->bytes, key->size);
        if (!error && order == 0)
            return add_places(&entry, places);
        if (order > 0)
            break;
    }
    return error;
}

static bool begins_with(const struct term_key *key, const uint8_t *prefix, size_t size)
{
    return key->size >= size && memcmp(key->bytes, prefix, size) == 0;
}

/* Walks the entries whose key begins so. */
static int walk(const struct audit_index *index, const uint8_t *prefix, size_t size,
    int (*visit)(void *context, const struct entry *entry), void *context)
{
    struct bytes rest;
    struct entry entry = {.count = 0};
    int error = seek(index, prefix, size, &rest);
    while (!error && rest.size > 0) {
        error = next_entry(&rest, &entry);
        if (error || begins_with(&entry.key, prefix, size))
            error = error ? error : visit(context, &entry);
        else if (compare(&entry.key, prefix, size) > 0)
            break;
    }
    return error;
}

static int add_entry(void *context, const struct entry *entry)
{
    return add_places(entry, context);
}

int audit_index_find(
    const struct audit_index *index, const struct term_values *values, struct place_set *places)
{
    int error = index->altered ? find_whole(index, &term_altered, places) : 0;
    for (size_t i = 0; i < values->whole_count && !error; i++)
        error = find_whole(index, &values->whole[i].key, places);
    for (size_t i = 0; i < values->prefix_count && !error; i++)
        error = walk(index, values->prefixes[i].key.bytes, values->prefixes[i].key.size, add_entry, places);
    return error;
}

struct counting {
    const struct place_set *among;
    term_count_fn *visit;
    void *context;
};

static int count_entry(void *context, const struct entry *entry)
{
    const struct counting *counting = context;
    unsigned count;
    int error = count_places(entry, counting->among, &count);
    if (error || count == 0)
        return error;
    return counting->visit(
        counting->context, (struct bytes){entry->key.bytes + 1, entry->key.size - 1}, count);
}

int audit_index_each(const struct audit_index *index, enum term_kind kind, const struct place_set *among,
    term_count_fn *visit, void *context)
{
    const uint8_t prefix = (uint8_t)kind;
    struct counting counting = {among, visit, context};
    return walk(index, &prefix, 1, count_entry, &counting);
}
