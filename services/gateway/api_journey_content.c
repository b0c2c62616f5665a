/* SPDX-License-Identifier: Apache-2.0 */
/* What a journey would hand to others: a webhook's content goes to whatever address its author names. */
#include "services/gateway/api.h"

#include <string.h>

/* As campaign's template.h has them. */
static bool is_personal(const char *name, size_t size)
{
    static const char *const personal[] = {"name", "phone", "email"};
    while (size > 0 && *name == ' ') {
        name++;
        size--;
    }
    while (size > 0 && name[size - 1] == ' ')
        size--;
    for (size_t i = 0; i < COUNT_OF(personal); i++)
        if (strlen(personal[i]) == size && memcmp(personal[i], name, size) == 0)
            return true;
    return false;
}

static bool text_is_personal(const char *text)
{
    for (const char *begin = text; (begin = strstr(begin, "{{")); begin += 2) {
        const char *end = strstr(begin, "}}");
        if (end && is_personal(begin + 2, (size_t)(end - begin - 2)))
            return true;
    }
    return false;
}

/* Depth is bounded: the body was checked. */
static bool holds_personal(yyjson_val *value)
{
    size_t index, count;
    yyjson_val *name, *item;
    if (yyjson_is_str(value))
        return text_is_personal(yyjson_get_str(value));
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, count, item) if (holds_personal(item)) return true;
    }
    if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, index, count, name, item)
        {
            if (text_is_personal(yyjson_get_str(name)) || holds_personal(item))
                return true;
        }
    }
    return false;
}

int journey_content_check(struct api_call *call)
{
    size_t index, count;
    yyjson_val *step, *steps = yyjson_obj_get(call->body, "steps");
    if (permission_in(call->permissions, PERMISSION_PERSONAL_UNMASK) || !yyjson_is_arr(steps))
        return 0;
    yyjson_arr_foreach(steps, index, count, step)
    {
        if (!yyjson_equals_str(yyjson_obj_get(step, "channel"), "webhook") || !holds_personal(step))
            continue;
        return api_refuse(call, -QY_EINVAL, arena_printf(call->arena, "/steps/%zu/content", index),
            "would hand a personal field to whoever answers there, and you may not unmask any");
    }
    return 0;
}
