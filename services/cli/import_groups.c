/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/import_groups.h"

#include "common/error.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int groups_open(struct groups *groups)
{
    *groups = (struct groups){0};
    return arena_open(&groups->arena);
}

void groups_close(struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        free(groups->all[i].lines);
    free(groups->all);
    free(groups->slots);
    arena_close(&groups->arena);
}

static uint64_t hash_of(const void *key, size_t size)
{
    static const uint8_t zero[crypto_shorthash_KEYBYTES];
    uint64_t hash;
    crypto_shorthash((uint8_t *)&hash, key, size, zero);
    return hash;
}

static uint32_t *slot_of(struct groups *groups, const void *key, size_t size)
{
    size_t at = hash_of(key, size) & (groups->slot_count - 1);
    for (; groups->slots[at]; at = (at + 1) & (groups->slot_count - 1)) {
        const struct group *group = &groups->all[groups->slots[at] - 1];
        if (group->key_size == size && memcmp(group->key, key, size) == 0)
            break;
    }
    return &groups->slots[at];
}

static int grow_slots(struct groups *groups)
{
    if (groups->count * 2 < groups->slot_count)
        return 0;
    size_t count = groups->slot_count ? groups->slot_count * 2 : 1024;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return -QY_ENOMEM;
    free(groups->slots);
    groups->slots = slots;
    groups->slot_count = count;
    for (size_t i = 0; i < groups->count; i++)
        if (groups->all[i].key_size > 0)
            *slot_of(groups, groups->all[i].key, groups->all[i].key_size) = (uint32_t)i + 1;
    return 0;
}

static struct group *add_group(struct groups *groups, const struct buffer *key)
{
    if (groups->count == groups->capacity) {
        size_t capacity = groups->capacity ? groups->capacity * 2 : 1024;
        struct group *all = realloc(groups->all, capacity * sizeof(*all));
        if (!all)
            return NULL;
        groups->all = all;
        groups->capacity = capacity;
    }
    struct group *group = &groups->all[groups->count];
    *group =
        (struct group){.key = (char *)arena_copy(groups->arena, key->data, key->size), .key_size = key->size};
    if (!group->key)
        return NULL;
    groups->count++;
    return group;
}

static struct group *group_of(struct groups *groups, const struct buffer *key)
{
    if (key->size == 0)
        return add_group(groups, key);
    if (grow_slots(groups))
        return NULL;
    uint32_t *slot = slot_of(groups, key->data, key->size);
    if (*slot)
        return &groups->all[*slot - 1];
    struct group *group = add_group(groups, key);
    if (group)
        *slot = (uint32_t)groups->count;
    return group;
}

int groups_add(struct groups *groups, const struct line *line, size_t field_count, const struct buffer *key)
{
    struct group *group = group_of(groups, key);
    if (!group)
        return -QY_ENOMEM;
    if (group->count == group->capacity) {
        size_t capacity = group->capacity ? group->capacity * 2 : 1;
        struct line *lines = realloc(group->lines, capacity * sizeof(*lines));
        if (!lines)
            return -QY_ENOMEM;
        group->lines = lines;
        group->capacity = capacity;
    }
    struct line *copy = &group->lines[group->count];
    *copy = (struct line){
        .number = line->number, .fields = arena_alloc(groups->arena, field_count * sizeof(char *))};
    if (!copy->fields)
        return -QY_ENOMEM;
    for (size_t i = 0; i < field_count; i++) {
        copy->fields[i] = arena_text(groups->arena, line->fields[i], strlen(line->fields[i]));
        if (!copy->fields[i])
            return -QY_ENOMEM;
    }
    group->count++;
    return 0;
}
