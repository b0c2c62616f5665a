/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's auditors: who may look into the log, for those who may say so. */
#include "common/clock.h"
#include "common/json.h"
#include "common/json_check.h"
#include "services/audit/audit_auditors.h"
#include "services/audit/audit_look.h"

#include <stdlib.h>
#include <string.h>

static void write_auditor(struct json *json, const struct audit_token *token, const char *text)
{
    json_open(json, '{');
    json_field_text(json, "id", token->id);
    json_field_text(json, "name", token->name);
    json_field_text(json, "role", audit_role_name(token->role));
    json_field_time(json, "created_at", token->created_ms);
    json_field_time(json, "expires_at", token->expires_ms);
    json_field_optional(json, "token", text);
    json_close(json, '}');
}

/* -- listing -- */

static bool add_auditor(void *context, const struct audit_token *token)
{
    write_auditor(context, token, "");
    return true;
}

int get_auditors(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    if (!look_asks_nothing((*look)->request))
        return 0;
    struct json json = json_to(&(*look)->body);
    json_open(&json, '{');
    json_name(&json, "auditors");
    json_open(&json, '[');
    audit_token_each((*look)->txn, clock_wall_ms(), add_auditor, &json);
    json_close(&json, ']');
    json_close(&json, '}');
    buffer_text(&(*look)->detail, "{}");
    (*look)->action = "auditor.list";
    return look_submit(http, look);
}

/* -- changing: the look stays until the change is committed -- */

struct changing {
    struct work work; /* the first member */
    struct look *look;
    struct new_auditor asked;
    const char *revoked; /* the id; NULL: one is made */
    char text[TOKEN_TEXT_BYTES];
    struct audit_token token;
};

static int apply_change(struct work *work, struct batch *batch)
{
    struct changing *changing = (struct changing *)work;
    struct look *look = changing->look;
    Quanyu__Actor actor;
    look_actor(look, &actor);
    const struct auditor_by by = {&actor, http_request_id(look->request)};
    int error = changing->revoked
                    ? audit_auditors_revoke(look->audit, batch, &by, changing->revoked, &changing->token)
                    : audit_auditors_make(
                          look->audit, batch, &by, &changing->asked, changing->text, &changing->token);
    /* what was made is taken back with the batch where it cannot be put on record */
    return error == -QY_EUNAVAILABLE ? store_fail(batch->txn, error) : error;
}

static void answer_made(struct changing *changing)
{
    struct look *look = changing->look;
    struct json json = json_to(&look->body);
    write_auditor(&json, &changing->token, changing->text);
    if (buffer_error(&look->body))
        look_refuse(look->request, -QY_ENOMEM);
    else
        http_respond(look->request, 201, "application/json", look->body.data, look->body.size);
}

static void end_change(struct work *work, int result)
{
    struct changing *changing = (struct changing *)work;
    struct http_request *request = changing->look->request;
    if (result == -QY_ENOTFOUND)
        http_problem(request, 404, "not_found", "id", "no auditor has this token");
    else if (result == -QY_ECONFLICT)
        http_problem(request, 409, "conflict", NULL, "there are %u; revoke one first", AUDITORS_MAX);
    else if (result)
        look_refuse(request, result);
    else if (changing->revoked)
        http_respond(request, 204, NULL, NULL, 0);
    else
        answer_made(changing);
    look_close(&changing->look);
    free(changing);
}

static int submit(struct audit_http *http, struct look **look, const struct changing *wanted)
{
    struct changing *changing = malloc(sizeof(*changing));
    if (!changing)
        return -QY_ENOMEM;
    *changing = *wanted;
    changing->look = *look;
    changing->work = (struct work){.apply = apply_change, .done = end_change, .bytes = sizeof(*changing)};
    store_abort(&(*look)->txn);
    int error = service_submit(http->service, &changing->work);
    if (error)
        free(changing);
    else
        TAKE(*look);
    return error;
}

static const char *read_member(
    struct new_auditor *asked, const char *name, yyjson_val *value, struct arena *arena)
{
    if (strcmp(name, "name") == 0) {
        asked->name = yyjson_is_str(value) && strlen(yyjson_get_str(value)) == yyjson_get_len(value)
                          ? arena_text(arena, yyjson_get_str(value), yyjson_get_len(value))
                          : NULL;
        return asked->name ? NULL : "must be a text";
    }
    if (strcmp(name, "role") == 0)
        return yyjson_is_str(value) && audit_role_parse(yyjson_get_str(value), &asked->role)
                   ? NULL
                   : "must be reader or administrator";
    if (strcmp(name, "days") != 0)
        return "is not a member here";
    asked->days =
        (uint32_t)(yyjson_is_uint(value) && yyjson_get_uint(value) <= UINT32_MAX ? yyjson_get_uint(value)
                                                                                 : 0);
    return asked->days ? NULL : "must be a number of days";
}

/* NULL, or what is wrong, with the member in the arena. */
static const char *read_body(
    struct look *look, yyjson_val *body, struct new_auditor *asked, const char **ret_field)
{
    size_t index, count;
    yyjson_val *key, *value;
    *asked = (struct new_auditor){.name = ""};
    *ret_field = "";
    if (!yyjson_is_obj(body))
        return "the body must be a JSON object";
    yyjson_obj_foreach(body, index, count, key, value)
    {
        const char *problem = read_member(asked, yyjson_get_str(key), value, look->arena);
        *ret_field = arena_text(look->arena, yyjson_get_str(key), yyjson_get_len(key));
        if (problem)
            return problem;
    }
    return audit_auditors_problem(asked, ret_field);
}

int post_auditor(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct changing wanted = {.revoked = NULL};
    const char *field;
    struct bytes text = http_body((*look)->request);
    if (!look_asks_nothing((*look)->request))
        return 0;
    yyjson_doc *doc = yyjson_read((const char *)text.data, text.size, 0);
    const char *problem = read_body(*look, yyjson_doc_get_root(doc), &wanted.asked, &field);
    yyjson_doc_free(doc);
    if (problem) {
        http_problem((*look)->request, 400, "invalid", field && *field ? field : NULL, "%s%s%s",
            field ? field : "", field && *field ? " " : "", problem);
        return 0;
    }
    return submit(http, look, &wanted);
}

int delete_auditor(struct audit_http *http, struct look **look, const struct route_match *match)
{
    const char *id = route_parameter(match, "id");
    struct changing wanted = {.revoked = arena_text((*look)->arena, id, strlen(id))};
    if (!look_asks_nothing((*look)->request))
        return 0;
    return wanted.revoked ? submit(http, look, &wanted) : -QY_ENOMEM;
}
