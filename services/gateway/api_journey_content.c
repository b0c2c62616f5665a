/* SPDX-License-Identifier: Apache-2.0 */
/* What a journey would hand to others: a webhook's content goes to whatever address its author names. */
#include "common/template.h"
#include "services/gateway/api.h"

#include <stdlib.h>

/* As campaign reads it: placeholders stand anywhere in the content's text. What is wrong with one is campaign's to say. */
static int find_placeholders(yyjson_val *content, unsigned *ret_used)
{
    char problem[128];
    *ret_used = 0;
    _cleanup_(free_pointer) char *text = content ? yyjson_val_write(content, 0, NULL) : NULL;
    if (!text)
        return content ? -QY_ENOMEM : 0;
    (void)template_check(text, ret_used, problem);
    return 0;
}

int journey_content_check(struct api_call *call)
{
    size_t index, count;
    yyjson_val *step, *steps = yyjson_obj_get(call->body, "steps");
    if (permission_in(call->permissions, PERMISSION_PERSONAL_UNMASK) || !yyjson_is_arr(steps))
        return 0;
    yyjson_arr_foreach(steps, index, count, step)
    {
        unsigned used;
        if (!yyjson_equals_str(yyjson_obj_get(step, "channel"), "webhook"))
            continue;
        int error = find_placeholders(yyjson_obj_get(step, "content"), &used);
        if (error)
            return error;
        if (used & PLACEHOLDERS_PERSONAL)
            return api_refuse(call, -QY_EINVAL, arena_printf(call->arena, "/steps/%zu/content", index),
                "would hand a personal field to whoever answers there, and you may not unmask any");
    }
    return 0;
}
