/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of event names, in the order in which names came: what references to events bear. The table has few rows
 * and its pages are always at hand, so nothing of it is held in memory, and a batch that is rolled back takes its
 * numbers with it. */
#include "services/tagging/events.h"

#include <string.h>

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
uint64_t event_name_bit(const char *name)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT32_C(16777619);
    return UINT64_C(1) << (hash >> 26);
}

uint16_t event_name_number(struct people *people, const char *name)
{
    struct store_key key;
    struct bytes row;
    key_name(&key, name);
    if (key.too_long || !store_get(people->txn, TABLE_NAMES, &key, &row))
        return 0;
    uint32_t number = row.size == sizeof(number) ? get_be32(row.data) : 0;
    if (number == 0 || number > UINT16_MAX) {
        people->error = people->error ? people->error : -QY_ECORRUPT;
        return 0;
    }
    return (uint16_t)number;
}

uint16_t event_name_take(struct people *people, const char *name)
{
    uint16_t known = event_name_number(people, name);
    /* A row in each direction. */
    uint64_t count = known ? 0 : store_count(people->txn, TABLE_NAMES) / 2;
    struct store_key key;
    key_name(&key, name);
    if (known || key.too_long || count >= UINT16_MAX)
        return known;
    uint8_t number[4];
    put_be32(number, (uint32_t)count + 1);
    store_put(people->txn, TABLE_NAMES, &key, number, sizeof(number));
    key_name_number(&key, (uint32_t)count + 1);
    store_put(people->txn, TABLE_NAMES, &key, name, strlen(name) + 1);
    return (uint16_t)(count + 1);
}

const char *event_name_text(struct people *people, uint16_t number)
{
    struct store_key key;
    struct bytes row;
    key_name_number(&key, number);
    if (store_get(people->txn, TABLE_NAMES, &key, &row) && row.size > 0 && row.data[row.size - 1] == 0)
        return (const char *)row.data;
    if (!people->error)
        people->error = store_error(people->txn) ? store_error(people->txn) : -QY_ECORRUPT;
    return NULL;
}
