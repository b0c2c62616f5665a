/* SPDX-License-Identifier: Apache-2.0 */
/* Persons whose nodes or events are others now. One may have to do with very many records, as when it falls into thousands of parts:
 * what is folded over all of its nodes is folded once, behind the last of them. */
#include "services/tagging/tagging.h"

#include <stdlib.h>

static int compare_numbers(const void *one, const void *other)
{
    const uint32_t *a = one, *b = other;
    return *a < *b ? -1 : *a > *b;
}

size_t number_list_unique(struct number_list *list)
{
    size_t count = 0;
    if (list->count > 0)
        qsort(list->numbers, list->count, sizeof(*list->numbers), compare_numbers);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || list->numbers[i] != list->numbers[i - 1])
            list->numbers[count++] = list->numbers[i];
    return list->count = count;
}

int number_list_add(struct number_list *list, uint32_t number)
{
    if (list->count > 0 && list->numbers[list->count - 1] == number)
        return 0;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        uint32_t *numbers = realloc(list->numbers, capacity * sizeof(*numbers));
        if (!numbers)
            return -QY_ENOMEM;
        list->numbers = numbers;
        list->capacity = capacity;
    }
    list->numbers[list->count++] = number;
    return 0;
}

int tagging_regroup(struct tagging *tagging, uint32_t person, bool contacts)
{
    tagging->regrouped_contacts |= contacts;
    return number_list_add(&tagging->regrouped, person);
}

static int fold_person(struct tagging *tagging, struct batch *batch, uint32_t number)
{
    struct person *person = people_person(&tagging->people, number);
    if (!person)
        return tagging->people.error;
    if (person->node_count == 0)
        return 0; /* it has gone since */
    int error = orders_recount(&tagging->people, person);
    person->facts_dirty = true;
    if (!error && tagging->regrouped_contacts)
        error = tagging_rebind(tagging, batch, person);
    return error ? error : tagging_unsettle(tagging, batch, number);
}

int tagging_fold_regrouped(struct tagging *tagging, struct batch *batch)
{
    int error = 0;
    if (tagging->regrouped.count == 0)
        return 0;
    size_t count = number_list_unique(&tagging->regrouped);
    for (size_t i = 0; !error && i < count; i++)
        error = fold_person(tagging, batch, tagging->regrouped.numbers[i]);
    tagging->regrouped.count = 0;
    tagging->regrouped_contacts = false;
    return error;
}
