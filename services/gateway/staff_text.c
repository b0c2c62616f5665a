/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_text.h"

#include "common/looks.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 100 /* the rule language is bounded far below */

struct walk {
    char *pointer;
    size_t size;
    unsigned depth;
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* What stands beside a metric, and what is counted, is compared with amounts. */
static bool is_amount(yyjson_val *object, const char *name)
{
    static const char *const aggregates[] = {"count", "sum", "distinct"};
    return yyjson_obj_get(object, "metric") || is_among(name, aggregates, COUNT_OF(aggregates));
}

/* Of a step that sends. */
static bool is_message(yyjson_val *object, const char *name)
{
    static const char *const members[] = {"url", "secret", "content", "subject", "text", "html"};
    return yyjson_obj_get(object, "channel") && is_among(name, members, COUNT_OF(members));
}

static void append(struct walk *walk, char c)
{
    if (walk->size + 1 < STAFF_POINTER_BYTES)
        walk->pointer[walk->size++] = c;
    walk->pointer[walk->size] = '\0';
}

/* "a/b" is "a~1b" in a JSON pointer. */
static void descend(struct walk *walk, const char *name)
{
    append(walk, '/');
    for (; *name; name++) {
        if (*name != '~' && *name != '/') {
            append(walk, *name);
            continue;
        }
        append(walk, '~');
        append(walk, *name == '~' ? '0' : '1');
    }
}

static enum staff_text look(struct walk *walk, yyjson_val *value, bool amount);

static enum staff_text look_below(struct walk *walk, yyjson_val *value, const char *name, bool amount)
{
    size_t before = walk->size;
    if (++walk->depth > DEPTH_MAX)
        return STAFF_TEXT_DEEP;
    descend(walk, name);
    enum staff_text found = look(walk, value, amount);
    if (found)
        return found;
    walk->depth--;
    walk->size = before;
    walk->pointer[before] = '\0';
    return STAFF_TEXT_FINE;
}

static enum staff_text look_at_members(struct walk *walk, yyjson_val *object, bool amount)
{
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));) {
        const char *name = yyjson_get_str(key);
        if (looks_personal(name, yyjson_get_len(key)))
            return STAFF_TEXT_PERSONAL;
        if (is_message(object, name))
            continue;
        enum staff_text found =
            look_below(walk, yyjson_obj_iter_get_val(key), name, amount || is_amount(object, name));
        if (found)
            return found;
    }
    return STAFF_TEXT_FINE;
}

static enum staff_text look_at_items(struct walk *walk, yyjson_val *list, bool amount)
{
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item)
    {
        char name[24];
        snprintf(name, sizeof(name), "%zu", index);
        enum staff_text found = look_below(walk, item, name, amount);
        if (found)
            return found;
    }
    return STAFF_TEXT_FINE;
}

static enum staff_text look(struct walk *walk, yyjson_val *value, bool amount)
{
    if (yyjson_is_obj(value))
        return look_at_members(walk, value, amount);
    if (yyjson_is_arr(value))
        return look_at_items(walk, value, amount);
    bool personal = false;
    if (yyjson_is_str(value))
        personal = looks_personal(yyjson_get_str(value), yyjson_get_len(value));
    else if (yyjson_is_raw(value) && !amount)
        personal = looks_like_number(yyjson_get_raw(value), yyjson_get_len(value));
    return personal ? STAFF_TEXT_PERSONAL : STAFF_TEXT_FINE;
}

enum staff_text staff_text_check(yyjson_val *body, char ret_pointer[STAFF_POINTER_BYTES])
{
    struct walk walk = {.pointer = ret_pointer};
    *ret_pointer = '\0';
    return look(&walk, body, false);
}
