/* SPDX-License-Identifier: Apache-2.0 */
/* Counting different values. Each is kept as bytes that are equal exactly when the values are: a letter for
 * the type; for a number its sign, magnitude and digits, so that 1, 1.0 and 1e0 are one; for a text its
 * bytes. "1" and 1 are two. */
#include "common/rule_internal.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    size_t offset;
    size_t size;
};

static void write_number(struct buffer *out, const struct decimal *decimal)
{
    uint8_t magnitude[8];
    put_be64(magnitude, (uint64_t)decimal->magnitude);
    buffer_byte(out, decimal->negative ? '-' : '+');
    buffer_append(out, magnitude, sizeof(magnitude));
    for (size_t i = 0; i < decimal->size; i++)
        if (decimal->digits[i] != '.')
            buffer_byte(out, (uint8_t)decimal->digits[i]);
}

void distinct_add(struct distinct *distinct, yyjson_val *value)
{
    struct entry entry = {.offset = distinct->bytes.size};
    struct decimal decimal;
    if (yyjson_is_str(value)) {
        buffer_byte(&distinct->bytes, 't');
        buffer_append(&distinct->bytes, yyjson_get_str(value), yyjson_get_len(value));
    } else if (yyjson_is_bool(value)) {
        buffer_byte(&distinct->bytes, yyjson_get_bool(value) ? 'y' : 'n');
    } else if (value_decimal(value, &decimal)) {
        write_number(&distinct->bytes, &decimal);
    } else {
        return;
    }
    entry.size = distinct->bytes.size - entry.offset;
    buffer_append(&distinct->entries, &entry, sizeof(entry));
}

static int compare_entries(const void *left, const void *right, void *bytes)
{
    const struct entry *a = left, *b = right;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return memcmp((uint8_t *)bytes + a->offset, (uint8_t *)bytes + b->offset, a->size);
}

int64_t distinct_count(struct distinct *distinct)
{
    /* A match has no way to fail, and a wrong answer must not pass for one: without memory the process ends,
     * as it does anywhere else where its state would be in doubt. */
    if (buffer_error(&distinct->bytes) || buffer_error(&distinct->entries))
        abort();
    size_t count = distinct->entries.size / sizeof(struct entry);
    if (count == 0)
        return 0;
    struct entry *entries = (struct entry *)(void *)distinct->entries.data;
    qsort_r(entries, count, sizeof(*entries), compare_entries, distinct->bytes.data);
    int64_t different = 1;
    for (size_t i = 1; i < count; i++)
        different += compare_entries(&entries[i - 1], &entries[i], distinct->bytes.data) != 0;
    return different;
}

void distinct_free(struct distinct *distinct)
{
    buffer_free(&distinct->bytes);
    buffer_free(&distinct->entries);
}
