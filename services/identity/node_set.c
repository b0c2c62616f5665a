/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/node_set.h"

#include <stdlib.h>

size_t node_set_count(const struct node_set *set)
{
    return set->nodes.size / sizeof(uint32_t);
}

uint32_t *node_set_items(const struct node_set *set)
{
    return (uint32_t *)(void *)set->nodes.data;
}

static uint32_t *slot_for(const struct node_set *set, uint32_t node)
{
    uint64_t place = (uint64_t)(node * 2654435761u) % set->slot_count;
    while (set->slots[place] && node_set_items(set)[set->slots[place] - 1] != node)
        place = place + 1 == set->slot_count ? 0 : place + 1;
    return &set->slots[place];
}

static int grow(struct node_set *set)
{
    struct node_set larger = *set;
    larger.slot_count = set->slot_count ? 2 * set->slot_count : 64;
    larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
    if (!larger.slots)
        return -QY_ENOMEM;
    for (uint32_t i = 0; i < node_set_count(set); i++)
        *slot_for(&larger, node_set_items(set)[i]) = i + 1;
    free(set->slots);
    *set = larger;
    return 0;
}

int node_set_add(struct node_set *set, uint32_t node)
{
    int error = 2 * node_set_count(set) >= set->slot_count ? grow(set) : 0;
    if (error)
        return error;
    uint32_t *slot = slot_for(set, node);
    if (*slot)
        return 0;
    buffer_append(&set->nodes, &node, sizeof(node));
    if (!buffer_error(&set->nodes))
        *slot = (uint32_t)node_set_count(set);
    return buffer_error(&set->nodes);
}

void node_set_free(struct node_set *set)
{
    free(set->slots);
    buffer_free(&set->nodes);
}

bool node_set_has(const struct node_set *set, uint32_t node)
{
    return set->slot_count > 0 && *slot_for(set, node) != 0;
}

static int compare(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

void numbers_sort(uint32_t *numbers, size_t count)
{
    if (count > 0)
        qsort(numbers, count, sizeof(*numbers), compare);
}

const uint32_t *numbers_find(const uint32_t *numbers, size_t count, uint32_t number)
{
    return count > 0 ? bsearch(&number, numbers, count, sizeof(number), compare) : NULL;
}
