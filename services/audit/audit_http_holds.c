/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's legal holds. */
#include "common/clock.h"
#include "common/json_check.h"
#include "common/looks.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_BYTES JSON_POINTER_BYTES

/* -- listing -- */

struct listing {
    struct look *look;
    struct json json;
    size_t count;
    bool failed;
};

static bool add_hold(void *context, uint32_t number, struct bytes row)
{
    struct listing *listing = context;
    const Quanyu__AuditHold *hold =
        quanyu__audit_hold__unpack(arena_allocator(listing->look->arena), row.size, row.data);
    listing->failed = !hold;
    if (!hold)
        return false;
    json_open(&listing->json, '{');
    hold_write(&listing->json, number, hold, true);
    json_close(&listing->json, '}');
    listing->count++;
    return true;
}

int get_holds(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct listing listing = {.look = *look, .json = json_to(&(*look)->body)};
    if (!look_asks_nothing((*look)->request))
        return 0;
    json_open(&listing.json, '{');
    json_name(&listing.json, "holds");
    json_open(&listing.json, '[');
    audit_store_each_hold((*look)->txn, add_hold, &listing);
    json_close(&listing.json, ']');
    json_close(&listing.json, '}');
    if (listing.failed || store_error((*look)->txn))
        return listing.failed ? -QY_ECORRUPT : store_error((*look)->txn);
    struct json detail = json_to(&(*look)->detail);
    json_open(&detail, '{');
    json_field_unsigned(&detail, "holds", listing.count);
    json_close(&detail, '}');
    (*look)->action = "audit.holds";
    return look_submit(http, look);
}

/* -- what is stated -- */

/* A text that is kept for good. */
static const char *take_text(yyjson_val *value, size_t most, struct arena *arena, char **ret_text)
{
    const char *text = yyjson_get_str(value);
    size_t size = yyjson_get_len(value);
    if (!text || size == 0 || size > most || strlen(text) != size)
        return most == HOLD_NAME_BYTES_MAX ? "must be a text of 1 to 100 bytes"
                                           : "must be a text of 1 to 1000 bytes";
    if (looks_personal(text, size))
        return "looks as if it held a phone number or an email: the log keeps it for good";
    *ret_text = arena_text(arena, text, size);
    return *ret_text ? NULL : "cannot be taken: out of memory";
}

_Static_assert(HOLD_NAME_BYTES_MAX == 100 && HOLD_REASON_BYTES_MAX == 1000, "the messages above say so");

/* A body while it is read. */
struct stating {
    struct look *look;
    Quanyu__AuditHold *hold;
    struct audit_filter *filter; /* checks what is given */
    char field[FIELD_BYTES];
};

static const char *take_value(struct stating *stating, const struct filter_name *name, yyjson_val *value)
{
    const char *text = yyjson_get_str(value);
    if (!text || strlen(text) != yyjson_get_len(value))
        return "must be a text, or a list of texts";
    return audit_parameter_filter(stating->filter, stating->look->arena, name, text);
}

static const char *take_condition(struct stating *stating, const char *key, yyjson_val *value)
{
    static const struct audit_zone utc;
    size_t index, count;
    yyjson_val *item;
    snprintf(stating->field, FIELD_BYTES, "/filter/%s", key);
    bool from = strcmp(key, "from") == 0, to = strcmp(key, "to") == 0;
    if (from || to)
        return yyjson_is_str(value) ? audit_parameter_time(&utc, yyjson_get_str(value),
                                          from ? &stating->filter->from_ms : &stating->filter->to_ms)
                                    : "must be an RFC 3339 time or date";
    const struct filter_name *name = audit_filter_name(key);
    if (!name)
        return "is no filter; there are those of the search, from and to";
    if (!yyjson_is_arr(value))
        return take_value(stating, name, value);
    const char *problem = yyjson_arr_size(value) ? NULL : "must not be an empty list";
    yyjson_arr_foreach(value, index, count, item) if (!problem) problem = take_value(stating, name, item);
    return problem;
}

static const char *take_filter(struct stating *stating, yyjson_val *filter)
{
    size_t index, count;
    yyjson_val *key, *value;
    const char *problem = NULL;
    snprintf(stating->field, FIELD_BYTES, "/filter");
    if (!yyjson_is_obj(filter))
        return "must be an object: what is held; an empty one holds everything";
    yyjson_obj_foreach(filter, index, count, key, value) if (!problem) problem =
        take_condition(stating, unsafe_yyjson_get_str(key), value);
    if (!problem && stating->filter->to_ms && stating->filter->to_ms <= stating->filter->from_ms) {
        snprintf(stating->field, FIELD_BYTES, "/filter/to");
        problem = "must be later than from";
    }
    return problem;
}

static const char *take_member(struct stating *stating, const char *key, yyjson_val *value)
{
    snprintf(stating->field, FIELD_BYTES, "/%s", key);
    if (strcmp(key, "name") == 0)
        return take_text(value, HOLD_NAME_BYTES_MAX, stating->look->arena, &stating->hold->name);
    if (strcmp(key, "reason") == 0)
        return take_text(value, HOLD_REASON_BYTES_MAX, stating->look->arena, &stating->hold->reason);
    if (strcmp(key, "filter") == 0)
        return take_filter(stating, value);
    return "is not a member here";
}

static const char *take_members(struct stating *stating, yyjson_val *root)
{
    char pointer[JSON_POINTER_BYTES];
    size_t index, count;
    yyjson_val *key, *value;
    const char *problem = NULL;
    stating->field[0] = '\0';
    if (!yyjson_is_obj(root))
        return "the body must be an object with name, reason and filter";
    if (json_find_repeated(root, pointer)) {
        snprintf(stating->field, FIELD_BYTES, "%s", pointer);
        return "is given twice";
    }
    yyjson_obj_foreach(root, index, count, key, value) if (!problem) problem =
        take_member(stating, unsafe_yyjson_get_str(key), value);
    if (problem)
        return problem;
    static const char *const needed[] = {"name", "reason", "filter"};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        snprintf(stating->field, FIELD_BYTES, "/%s", needed[i]);
        if (!yyjson_obj_get(root, needed[i]))
            return "is missing";
    }
    return NULL;
}

/* What the filter was given, as it is stored. */
static int keep_given(struct stating *stating)
{
    const struct audit_filter *filter = stating->filter;
    struct arena *arena = stating->look->arena;
    Quanyu__AuditHold *hold = stating->hold;
    hold->from_ms = filter->from_ms;
    hold->to_ms = filter->to_ms;
    hold->given = arena_alloc(arena, (filter->given_count + 1) * sizeof(*hold->given));
    for (size_t i = 0; hold->given && i < filter->given_count; i++) {
        Quanyu__AuditHold__Given *given = arena_alloc(arena, sizeof(*given));
        if (!given)
            return -QY_ENOMEM;
        quanyu__audit_hold__given__init(given);
        given->name = (char *)(uintptr_t)filter->given[i].name;
        given->value = (char *)(uintptr_t)filter->given[i].value;
        hold->given[hold->n_given++] = given;
    }
    return hold->given ? 0 : -QY_ENOMEM;
}

/* -- making -- */

struct making {
    Quanyu__AuditHold hold;
    uint32_t number;
};

static bool count_hold(void *context, uint32_t number, struct bytes hold)
{
    (void)number, (void)hold;
    ++*(size_t *)context;
    return true;
}

/* Another one may have been made in the same commit, or there are too many. */
static int apply_making(struct look *look, struct batch *batch)
{
    const struct making *making = look->change;
    struct retention retention;
    size_t there = 0;
    audit_store_each_hold(batch->txn, count_hold, &there);
    int error = retention_read(batch->txn, &retention);
    if (error)
        return error;
    if (retention.holds + 1 != making->number || there >= HOLDS_MAX)
        return -QY_ECONFLICT;
    retention.holds = making->number;
    error = retention_put(batch->txn, &retention);
    return error ? error : hold_put(batch->txn, making->number, &making->hold);
}

/* Answers where there are as many as there may be; in the commit it is looked at again. */
static bool is_full(const struct look *look)
{
    size_t there = 0;
    audit_store_each_hold(look->txn, count_hold, &there);
    if (there >= HOLDS_MAX)
        http_problem(look->request, 409, "conflict", NULL,
            "%u legal holds stand already, and more there cannot be: release one that is closed, or make one "
            "of several",
            HOLDS_MAX);
    return there >= HOLDS_MAX;
}

static int make(struct look *look, struct making *making)
{
    struct retention retention;
    int error = retention_read(look->txn, &retention);
    if (error)
        return error;
    making->number = retention.holds + 1;
    making->hold.by = arena_text(look->arena, look->token.name, strlen(look->token.name));
    making->hold.since_ms = clock_wall_ms();
    if (!making->hold.by)
        return -QY_ENOMEM;
    struct json body = json_to(&look->body), detail = json_to(&look->detail);
    json_open(&body, '{');
    hold_write(&body, making->number, &making->hold, true);
    json_close(&body, '}');
    json_open(&detail, '{');
    hold_write(&detail, making->number, &making->hold, false);
    json_close(&detail, '}');
    look->action = ACTION_HOLD;
    look->status = 201;
    look->apply = apply_making;
    look->change = making;
    return 0;
}

int post_hold(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    struct making *making = arena_alloc((*look)->arena, sizeof(*making));
    struct stating *stating = arena_alloc((*look)->arena, sizeof(*stating));
    struct audit_filter *filter = arena_alloc((*look)->arena, sizeof(*filter));
    if (!making || !stating || !filter)
        return -QY_ENOMEM;
    if (!look_asks_nothing(request))
        return 0;
    memset(filter, 0, sizeof(*filter));
    quanyu__audit_hold__init(&making->hold);
    *stating = (struct stating){.look = *look, .hold = &making->hold, .filter = filter};
    struct bytes body = http_body(request);
    yyjson_doc *doc = yyjson_read((const char *)body.data, body.size, 0);
    const char *problem = take_members(stating, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    if (problem) {
        look_refuse_parameter(request, stating->field, problem);
        return 0;
    }
    if (is_full(*look))
        return 0;
    int error = keep_given(stating);
    if (!error)
        error = make(*look, making);
    return error ? error : look_submit(http, look);
}

/* -- releasing -- */

static int apply_release(struct look *look, struct batch *batch)
{
    const uint32_t *number = look->change;
    struct retention retention;
    int error = retention_read(batch->txn, &retention);
    if (error)
        return error;
    if (!audit_store_drop_hold(batch->txn, *number))
        return -QY_ENOTFOUND;
    return retention_put(batch->txn, &retention);
}

static const char *read_reason(struct look *look, char **ret_reason)
{
    struct bytes body = http_body(look->request);
    yyjson_doc *doc = yyjson_read((const char *)body.data, body.size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *reason = yyjson_obj_get(root, "reason");
    const char *problem = yyjson_is_obj(root) && yyjson_obj_size(root) == 1 && reason
                              ? take_text(reason, HOLD_REASON_BYTES_MAX, look->arena, ret_reason)
                              : "is missing: the body is {\"reason\":\"…\"}";
    yyjson_doc_free(doc);
    return problem;
}

int post_release(struct audit_http *http, struct look **look, const struct route_match *match)
{
    struct http_request *request = (*look)->request;
    const char *id = route_parameter(match, "id");
    uint32_t *number = arena_alloc((*look)->arena, sizeof(*number));
    char *reason;
    if (!number)
        return -QY_ENOMEM;
    if (!look_asks_nothing(request))
        return 0;
    const char *problem = read_reason(*look, &reason);
    if (problem) {
        look_refuse_parameter(request, "/reason", problem);
        return 0;
    }
    const Quanyu__AuditHold *hold =
        hold_parse_id(id, number) ? hold_get((*look)->txn, *number, (*look)->arena) : NULL;
    if (!hold) {
        http_problem(request, 404, "not_found", "id", "there is no such hold in force");
        return 0;
    }
    struct json detail = json_to(&(*look)->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "id", id);
    json_field_text(&detail, "name", hold->name);
    json_field_text(&detail, "reason", reason);
    json_close(&detail, '}');
    (*look)->action = ACTION_RELEASE;
    (*look)->apply = apply_release;
    (*look)->change = number;
    (*look)->status = 204;
    return look_submit(http, look);
}
