/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_list.h"

#include <stdlib.h>

#define ROOM_LEAST 1024u

static int by_persons(const void *left, const void *right)
{
    const struct duplicate_pair *one = left, *other = right;
    if (one->low != other->low)
        return one->low < other->low ? -1 : 1;
    return (one->high > other->high) - (one->high < other->high);
}

static int by_score(const void *left, const void *right)
{
    const struct duplicate_pair *one = left, *other = right;
    if (one->score > other->score || one->score < other->score)
        return one->score > other->score ? -1 : 1;
    return by_persons(left, right);
}

/* Each once, the likeliest first, and no more than fit. */
static void tidy(struct duplicate_list *list)
{
    size_t kept = 0;
    if (list->count == 0)
        return;
    qsort(list->pairs, list->count, sizeof(*list->pairs), by_persons);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || by_persons(&list->pairs[kept - 1], &list->pairs[i]) != 0)
            list->pairs[kept++] = list->pairs[i];
    qsort(list->pairs, kept, sizeof(*list->pairs), by_score);
    list->overflowed |= kept > list->most;
    list->count = kept < list->most ? kept : list->most;
}

static int make_room(struct duplicate_list *list)
{
    if (list->count < list->room)
        return 0;
    tidy(list);
    if (2 * list->count < list->room || list->room >= 2 * list->most + ROOM_LEAST)
        return 0;
    size_t room = 2 * list->room + ROOM_LEAST;
    struct duplicate_pair *pairs = realloc(list->pairs, room * sizeof(*pairs));
    if (!pairs)
        return -QY_ENOMEM;
    list->pairs = pairs;
    list->room = room;
    return 0;
}

int duplicate_list_add(struct duplicate_list *list, const struct duplicate_pair *pair)
{
    int error = make_room(list);
    if (!error)
        list->pairs[list->count++] = *pair;
    return error;
}

struct duplicate_pair *duplicate_list_take(struct duplicate_list *list, size_t *ret_count)
{
    tidy(list);
    *ret_count = list->count;
    return TAKE(list->pairs);
}

void duplicate_list_free(struct duplicate_list *list)
{
    free(list->pairs);
    *list = (struct duplicate_list){.most = list->most};
}
