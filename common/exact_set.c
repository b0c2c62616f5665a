/* SPDX-License-Identifier: Apache-2.0 */
#include "common/exact_set.h"

#include "common/error.h"

#include <roaring/roaring.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct exact_set {
    roaring_bitmap_t *bitmap;
};

static void bitmap_close(roaring_bitmap_t **bitmap)
{
    if (*bitmap)
        roaring_bitmap_free(*bitmap);
}

static int write_bitmap(roaring_bitmap_t *bitmap, struct buffer *out)
{
    roaring_bitmap_run_optimize(bitmap);
    size_t size = roaring_bitmap_portable_size_in_bytes(bitmap);
    uint8_t *room = buffer_reserve(out, size);
    if (!room)
        return buffer_error(out);
    out->size += roaring_bitmap_portable_serialize(bitmap, (char *)room);
    return 0;
}

int exact_set_write(const uint32_t *numbers, size_t count, struct buffer *out)
{
    _cleanup_(bitmap_close) roaring_bitmap_t *bitmap = roaring_bitmap_of_ptr(count, numbers);
    return bitmap ? write_bitmap(bitmap, out) : -QY_ENOMEM;
}

void exact_set_hash(struct bytes set, uint8_t ret_hash[EXACT_SET_HASH_BYTES])
{
    _Static_assert(EXACT_SET_HASH_BYTES == crypto_hash_sha256_BYTES, "sets are named by their SHA-256");
    crypto_hash_sha256(ret_hash, set.data, set.size);
}

/* -- whether bytes are one: the library believes what a container says of itself, so it is looked at before. Numbers of the format
 * are little-endian -- */

#define COOKIE 12346u /* no container of runs; a count follows, 4 bytes */
#define COOKIE_RUNS                                                                                          \
    12347u /* in the lower half; the count less one in the upper one, then a bit for each: of runs */
#define OFFSETS_FROM 4u /* containers, from which on a set with runs has offsets, too */
#define ARRAY_MAX 4096u
#define BITSET_BYTES 8192u

static uint32_t le16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t le32(const uint8_t *at)
{
    return le16(at) | le16(at + 2) << 16;
}

/* Takes so many bytes off the front; NULL where there are fewer. */
static const uint8_t *take(struct bytes *rest, size_t size)
{
    const uint8_t *at = rest->data;
    if (rest->size < size)
        return NULL;
    rest->data += size;
    rest->size -= size;
    return at;
}

static bool array_is_sound(struct bytes *rest, uint32_t count)
{
    const uint8_t *at = take(rest, (size_t)count * 2);
    for (uint32_t i = 1; at && i < count; i++)
        if (le16(at + (size_t)i * 2) <= le16(at + (size_t)i * 2 - 2))
            return false;
    return at != NULL;
}

static bool bitset_is_sound(struct bytes *rest, uint32_t count)
{
    const uint8_t *at = take(rest, BITSET_BYTES);
    uint32_t there = 0;
    for (size_t i = 0; at && i < BITSET_BYTES; i++)
        there += (uint32_t)__builtin_popcount(at[i]);
    return at && there == count;
}

static bool runs_are_sound(struct bytes *rest, uint32_t count)
{
    const uint8_t *head = take(rest, 2);
    uint32_t runs = head ? le16(head) : 0, there = 0, next = 0;
    const uint8_t *at = take(rest, (size_t)runs * 4);
    for (uint32_t i = 0; at && i < runs; i++) {
        uint32_t first = le16(at + (size_t)i * 4), more = le16(at + (size_t)i * 4 + 2);
        if (first < next || first + more > UINT16_MAX)
            return false;
        there += more + 1;
        next = first + more + 2; /* what touches is one run */
    }
    return head && at && there == count;
}

static bool is_sound(struct bytes set)
{
    struct bytes rest = set;
    const uint8_t *head = take(&rest, 4), *flags = NULL;
    uint32_t cookie = head ? le32(head) : 0, count = 0;
    bool runs = (cookie & UINT16_MAX) == COOKIE_RUNS;
    if (runs)
        count = (cookie >> 16) + 1;
    else if (cookie != COOKIE || !(head = take(&rest, 4)) || (count = le32(head)) > UINT16_MAX + 1u)
        return false;
    if (runs && !(flags = take(&rest, (count + 7) / 8)))
        return false;
    const uint8_t *keys = take(&rest, (size_t)count * 4);
    if (!keys || ((!runs || count >= OFFSETS_FROM) && !take(&rest, (size_t)count * 4)))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t numbers = le16(keys + (size_t)i * 4 + 2) + 1;
        bool of_runs = flags && (flags[i / 8] >> i % 8 & 1);
        if ((i > 0 && le16(keys + (size_t)i * 4) <= le16(keys + (size_t)i * 4 - 4)) ||
            !(of_runs                 ? runs_are_sound(&rest, numbers)
                : numbers > ARRAY_MAX ? bitset_is_sound(&rest, numbers)
                                      : array_is_sound(&rest, numbers)))
            return false;
    }
    return rest.size == 0;
}

/* The same set is the same bytes. */
static int make_again(const roaring_bitmap_t *given, struct bytes set)
{
    _cleanup_(buffer_free) struct buffer again = BUFFER_INIT;
    _cleanup_(bitmap_close) roaring_bitmap_t *copy = roaring_bitmap_copy(given);
    int error = copy ? write_bitmap(copy, &again) : -QY_ENOMEM;
    if (error)
        return error;
    return again.size == set.size && memcmp(again.data, set.data, set.size) == 0 ? 0 : -QY_EINVAL;
}

int exact_set_check(struct bytes set, uint64_t *ret_count)
{
    _cleanup_(exact_set_close) struct exact_set *open = NULL;
    int error = is_sound(set) ? exact_set_open(set, &open) : -QY_EINVAL;
    if (!error)
        error = make_again(open->bitmap, set);
    if (!error)
        *ret_count = exact_set_count(open);
    return error == -QY_ECORRUPT ? -QY_EINVAL : error;
}

int exact_set_open(struct bytes set, struct exact_set **ret_set)
{
    _cleanup_(exact_set_close) struct exact_set *open = calloc(1, sizeof(*open));
    if (!open)
        return -QY_ENOMEM;
    open->bitmap = roaring_bitmap_portable_deserialize_safe((const char *)set.data, set.size);
    if (!open->bitmap || roaring_bitmap_portable_size_in_bytes(open->bitmap) != set.size)
        return -QY_ECORRUPT;
    *ret_set = TAKE(open);
    return 0;
}

void exact_set_close(struct exact_set **set)
{
    if (!*set)
        return;
    bitmap_close(&(*set)->bitmap);
    free(*set);
    *set = NULL;
}

uint64_t exact_set_count(const struct exact_set *set)
{
    return roaring_bitmap_get_cardinality(set->bitmap);
}

bool exact_set_has(const struct exact_set *set, uint32_t number)
{
    return roaring_bitmap_contains(set->bitmap, number);
}

size_t exact_set_list(const struct exact_set *set, uint32_t after, uint32_t *numbers, size_t most)
{
    roaring_uint32_iterator_t *iterator = roaring_create_iterator(set->bitmap);
    if (!iterator)
        return 0;
    size_t count = 0;
    bool more = after == UINT32_MAX ? false
                : after             ? roaring_move_uint32_iterator_equalorlarger(iterator, after + 1)
                                    : iterator->has_value;
    for (; more && count < most; more = roaring_advance_uint32_iterator(iterator))
        numbers[count++] = iterator->current_value;
    roaring_free_uint32_iterator(iterator);
    return count;
}
