/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's word of backups: that a copy of the log leaves its machine is on record before it does. */
#include "common/json.h"
#include "common/looks.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_store.h"

#include <string.h>

#define PLACE_BYTES_MAX 500u

struct asked {
    char *to; /* where the copy goes */
    bool with_key;
};

static const char *read_place(struct look *look, yyjson_val *value, char **ret_place)
{
    const char *text = yyjson_get_str(value);
    size_t size = yyjson_get_len(value);
    if (!text || size == 0 || size > PLACE_BYTES_MAX || strlen(text) != size)
        return "must be a text of 1 to 500 bytes: where the copy goes";
    if (looks_personal(text, size))
        return "looks as if it held a phone number or an email: the log keeps it for good";
    *ret_place = arena_text(look->arena, text, size);
    return *ret_place ? NULL : "cannot be taken: out of memory";
}

/* NULL, or what is wrong, with the member in the arena. */
static const char *read_body(struct look *look, yyjson_val *body, struct asked *asked, const char **ret_field)
{
    size_t index, count;
    yyjson_val *key, *value;
    const char *problem = NULL;
    *ret_field = NULL;
    if (!yyjson_is_obj(body))
        return "the body must be a JSON object: {\"to\":\"…\"}";
    yyjson_obj_foreach(body, index, count, key, value)
    {
        *ret_field = arena_text(look->arena, yyjson_get_str(key), yyjson_get_len(key));
        if (strcmp(yyjson_get_str(key), "to") == 0)
            problem = read_place(look, value, &asked->to);
        else if (strcmp(yyjson_get_str(key), "with_key") != 0)
            problem = "is not a member here";
        else if (!yyjson_is_bool(value))
            problem = "must be true or false";
        else
            asked->with_key = yyjson_get_bool(value);
        if (problem)
            return problem;
    }
    *ret_field = "to";
    return asked->to ? NULL : "must be given: where the copy goes";
}

int post_backup(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct asked asked = {.to = NULL};
    const char *field;
    struct bytes text = http_body((*look)->request);
    if (!look_asks_nothing((*look)->request))
        return 0;
    yyjson_doc *doc = yyjson_read((const char *)text.data, text.size, 0);
    const char *problem = read_body(*look, yyjson_doc_get_root(doc), &asked, &field);
    yyjson_doc_free(doc);
    if (problem) {
        http_problem(
            (*look)->request, 400, "invalid", field, "%s%s%s", field ? field : "", field ? " " : "", problem);
        return 0;
    }
    struct json detail = json_to(&(*look)->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "to", asked.to);
    json_field_bool(&detail, "with_key", asked.with_key);
    json_field_unsigned(&detail, "size", audit_store_size((*look)->txn));
    json_close(&detail, '}');
    (*look)->action = "audit.backup";
    (*look)->status = 204;
    return look_submit(http, look);
}
