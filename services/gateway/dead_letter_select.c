/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_select.h"

#include "common/clock.h"
#include "services/gateway/ingest_refusals.h"

#include <stdlib.h>
#include <string.h>

#define PARAMETER_BYTES 64

bool letter_fits(const struct letter_filter *filter, const struct letter_row *row)
{
    return (!*filter->reason || strcmp(filter->reason, row->reason) == 0) &&
           (!filter->has_source || filter->source == row->source) &&
           (!filter->from_ms || row->received_ms >= filter->from_ms) &&
           (!filter->to_ms || row->received_ms < filter->to_ms);
}

/* -- members of a filter, from wherever they come -- */

static int take_reason(
    struct api_call *call, const char *field, const char *text, struct letter_filter *filter)
{
    size_t size = strlen(text);
    if (size == 0 || size >= sizeof(filter->reason) || strspn(text, "abcdefghijklmnopqrstuvwxyz_") != size)
        return api_refuse(
            call, -QY_EINVAL, field, "must be a reason as it stands in the list: missing_field");
    memcpy(filter->reason, text, size + 1);
    return 0;
}

static int take_source(
    struct api_call *call, const char *field, const char *text, struct letter_filter *filter)
{
    size_t size = strlen(text);
    unsigned long long number = size > 0 && size <= 10 ? strtoull(text, NULL, 10) : 0;
    if (number == 0 || number > UINT32_MAX || strspn(text, "0123456789") != size)
        return api_refuse(call, -QY_EINVAL, field, "must be the number of a source as it stands in the list");
    filter->source = (uint32_t)number;
    filter->has_source = true;
    return 0;
}

static int take_time(struct api_call *call, const char *field, const char *text, int64_t *ret_ms)
{
    if (time_parse(text, strlen(text), true, ret_ms) && *ret_ms > 0)
        return 0;
    return api_refuse(call, -QY_EINVAL, field, "must be a time since 1970, 2026-03-01T08:30:00Z, or a date");
}

static int take_member(struct api_call *call, const char *field, const char *name, const char *text,
    struct letter_filter *filter)
{
    if (strcmp(name, "reason") == 0)
        return take_reason(call, field, text, filter);
    if (strcmp(name, "source") == 0)
        return take_source(call, field, text, filter);
    return take_time(call, field, text, strcmp(name, "from") == 0 ? &filter->from_ms : &filter->to_ms);
}

static const char *const members[] = {"reason", "source", "from", "to"};

int select_read_query(struct api_call *call, struct letter_filter *ret_filter, bool *ret_any)
{
    bool any = false;
    *ret_filter = (struct letter_filter){0};
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        char text[PARAMETER_BYTES];
        int error = http_parameter(call->request, members[i], text, sizeof(text));
        if (error == -QY_ENOTFOUND)
            continue;
        if (error)
            return api_refuse(call, -QY_EINVAL, members[i], "is malformed, or too long to be right");
        any = true;
        error = take_member(call, members[i], members[i], text, ret_filter);
        if (error)
            return error;
    }
    if (ret_any)
        *ret_any = any;
    return 0;
}

static int read_filter(struct api_call *call, yyjson_val *json, struct letter_filter *ret_filter)
{
    *ret_filter = (struct letter_filter){0};
    if (!yyjson_is_obj(json))
        return api_refuse(call, -QY_EINVAL, "filter", "must be an object; {} means all");
    yyjson_obj_iter iterator = yyjson_obj_iter_with(json);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        size_t known = 0;
        while (known < COUNT_OF(members) && !yyjson_equals_str(key, members[known]))
            known++;
        if (known == COUNT_OF(members))
            return api_refuse(
                call, -QY_EINVAL, "filter", "has reason, source, from and to, and nothing else");
        char *field = arena_printf(call->arena, "filter/%s", members[known]);
        const char *text = yyjson_is_raw(value) ? yyjson_get_raw(value) : yyjson_get_str(value);
        char *copy = text ? arena_text(call->arena, text, yyjson_get_len(value)) : NULL;
        if (!field || (text && !copy))
            return -QY_ENOMEM;
        int error = copy ? take_member(call, field, members[known], copy, ret_filter)
                         : api_refuse(call, -QY_EINVAL, field, "must be a text");
        if (error)
            return error;
    }
    return 0;
}

char *select_text(struct api_call *call, const struct letter_filter *filter)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_optional(&json, "reason", filter->reason);
    if (filter->has_source)
        json_field_unsigned(&json, "source", filter->source);
    if (filter->from_ms)
        json_field_time(&json, "from", filter->from_ms);
    if (filter->to_ms)
        json_field_time(&json, "to", filter->to_ms);
    json_close(&json, '}');
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

/* -- letters -- */

struct selecting {
    const struct letter_filter *filter;
    struct buffer *numbers;
};

static bool select_letter(void *self, uint64_t number, const struct letter_row *row)
{
    struct selecting *selecting = self;
    if (letter_fits(selecting->filter, row))
        buffer_append(selecting->numbers, &number, sizeof(number));
    return !buffer_error(selecting->numbers);
}

int select_all(struct store_txn *txn, const struct letter_filter *filter, struct buffer *numbers)
{
    struct selecting selecting = {.filter = filter, .numbers = numbers};
    int error = letters_walk(txn, 0, false, select_letter, &selecting);
    return error ? error : buffer_error(numbers);
}

static int read_ids(struct api_call *call, yyjson_val *json, struct buffer *numbers)
{
    size_t index, count;
    yyjson_val *id;
    if (!yyjson_is_arr(json) || yyjson_arr_size(json) == 0 || yyjson_arr_size(json) > SELECT_IDS_MAX)
        return api_refuse(call, -QY_EINVAL, "ids", "must be a list of 1 to %d ids", SELECT_IDS_MAX);
    yyjson_arr_foreach(json, index, count, id)
    {
        uint64_t number;
        char *field = arena_printf(call->arena, "ids/%zu", index);
        if (!field)
            return -QY_ENOMEM;
        if (!yyjson_is_str(id) || !letter_id_parse(yyjson_get_str(id), &number))
            return api_refuse(call, -QY_EINVAL, field, "must be the id of a dead letter: dl_17");
        buffer_append(numbers, &number, sizeof(number));
    }
    return buffer_error(numbers);
}

int select_read_body(struct api_call *call, struct store_txn *txn, struct buffer *numbers, char **ret_what)
{
    yyjson_val *ids = yyjson_obj_get(call->body, "ids"), *filter = yyjson_obj_get(call->body, "filter");
    if (!ids == !filter)
        return api_refuse(call, -QY_EINVAL, "ids", "give ids or filter, and one of them only");
    if (ids) {
        int error = read_ids(call, ids, numbers);
        *ret_what = arena_printf(call->arena, "{\"ids\":%zu}", yyjson_arr_size(ids));
        return error ? error : *ret_what ? 0 : -QY_ENOMEM;
    }
    struct letter_filter wanted;
    int error = read_filter(call, filter, &wanted);
    if (!error)
        error = select_all(txn, &wanted, numbers);
    *ret_what = error ? NULL : select_text(call, &wanted);
    return error ? error : *ret_what ? 0 : -QY_ENOMEM;
}
