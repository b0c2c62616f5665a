/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/binding_acts.h"

#include "common/json.h"

#include <stdio.h>

static void write_number(struct json *json, const char *name, const char *prefix, uint32_t number)
{
    char id[16];
    snprintf(id, sizeof(id), "%s%u", prefix, number);
    json_name(json, name);
    if (number)
        json_text(json, id);
    else
        json_null(json);
}

static void write_binding(struct json *json, const char *name, const struct binding *binding)
{
    json_name(json, name);
    json_open(json, '{');
    write_number(json, "home_unit", "u_", binding->unit);
    write_number(json, "guide", "st_", binding_guide(binding));
    json_close(json, '}');
}

int binding_act_emit(struct batch *batch, const struct binding_act *act, const struct person *person,
    const struct binding *before)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    write_binding(&json, "before", before);
    write_binding(&json, "after", &person->binding);
    json_field_text(&json, "cause", binding_cause_name(act->cause));
    json_field_text(&json, "reason", act->reason);
    if (act->transfer)
        json_field_unsigned(&json, "transfer", act->transfer);
    json_close(&json, '}');
    Quanyu__TaggingAct message = QUANYU__TAGGING_ACT__INIT;
    message.actor = (Quanyu__Actor *)(uintptr_t)act->actor;
    message.action = (char *)"binding.change";
    message.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    message.person = person->number;
    message.reason = (char *)(uintptr_t)act->reason;
    message.request_id = (char *)(uintptr_t)act->request_id;
    if (buffer_error(&detail))
        return buffer_error(&detail);
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_ACT, &message.base);
    return 0;
}
