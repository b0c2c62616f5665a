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

/* The library takes containers whose numbers are in no order: they are taken out one by one, and must make the same bytes again. */
static int make_again(const roaring_bitmap_t *given, struct bytes set)
{
    _cleanup_(buffer_free) struct buffer again = BUFFER_INIT;
    uint64_t count = roaring_bitmap_get_cardinality(given);
    if (count > UINT32_MAX)
        return -QY_EINVAL;
    _cleanup_(free_pointer) uint32_t *numbers = malloc((size_t)(count + 1) * sizeof(*numbers));
    if (!numbers)
        return -QY_ENOMEM;
    roaring_bitmap_to_uint32_array(given, numbers);
    int error = exact_set_write(numbers, (size_t)count, &again);
    if (error)
        return error;
    return again.size == set.size && memcmp(again.data, set.data, set.size) == 0 ? 0 : -QY_EINVAL;
}

int exact_set_check(struct bytes set, uint64_t *ret_count)
{
    _cleanup_(exact_set_close) struct exact_set *open = NULL;
    int error = exact_set_open(set, &open);
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
