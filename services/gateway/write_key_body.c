/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/write_key_body.h"

#include "services/gateway/event_type.h"
#include "services/gateway/unit_json.h"
#include "services/gateway/write_key_json.h"
#include "services/gateway/write_key_policy.h"

#include <stdlib.h>
#include <string.h>

#define RATE_MAX UINT64_C(1000000000)
#define OVERLAP_SECONDS_MAX UINT64_C(31536000) /* a year */

/* They would be escaped at six times their size, and no name needs them. */
static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static int read_text(struct api_call *call, const char *name, size_t most, char **text)
{
    const char *value;
    int error = api_text(call, name, false, &value);
    if (error || !value)
        return error;
    if (strlen(value) > most)
        return api_refuse(call, -QY_EINVAL, name, "must be at most %zu bytes", most);
    if (has_control(value))
        return api_refuse(call, -QY_EINVAL, name, "must not hold control characters");
    *text = (char *)(uintptr_t)value;
    return 0;
}

/* -- lists -- */

struct list {
    const char *name;
    /* What is wrong with one of them; NULL: any text that is not empty will do. */
    const char *(*check)(const char *text);
};

static const char *check_origin(const char *text)
{
    return origin_is_pattern(text) ? NULL
                                   : "must be an origin in lower case without a path: "
                                     "https://shop.example.com, https://*.example.com, "
                                     "http://localhost:*, or null";
}

static int refuse_item(struct api_call *call, const char *name, size_t index, const char *reason)
{
    char field[64];
    snprintf(field, sizeof(field), "/%s/%zu", name, index);
    return api_refuse(call, -QY_EINVAL, field, "%s", reason);
}

static const char *check_item(const struct list *list, yyjson_val *item)
{
    if (!yyjson_is_str(item) || yyjson_get_len(item) == 0)
        return "must be a text that is not empty";
    if (yyjson_get_len(item) > WRITE_KEY_ITEM_BYTES)
        return "must be at most 100 bytes";
    if (has_control(yyjson_get_str(item)))
        return "must not hold control characters";
    return list->check ? list->check(yyjson_get_str(item)) : NULL;
}

/* The list's items in the call's memory; `*ret_there` is false where the body has no such member. Null is an empty list, and
 * an empty one is refused: it would allow nothing and say everything. */
static int read_list(
    struct api_call *call, const struct list *list, bool *ret_there, yyjson_val **ret_list, size_t *ret_count)
{
    yyjson_val *value = yyjson_obj_get(call->body, list->name);
    *ret_there = value != NULL;
    *ret_list = value;
    *ret_count = yyjson_arr_size(value);
    if (!value || yyjson_is_null(value))
        return 0;
    if (!yyjson_is_arr(value))
        return api_refuse(call, -QY_EINVAL, list->name, "must be a list, or null for all");
    if (*ret_count == 0 || *ret_count > WRITE_KEY_LIST_MAX)
        return api_refuse(
            call, -QY_EINVAL, list->name, "must hold 1 to %u; null is for all", WRITE_KEY_LIST_MAX);
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(value, index, count, item)
    {
        const char *wrong = check_item(list, item);
        if (wrong)
            return refuse_item(call, list->name, index, wrong);
    }
    return 0;
}

static int read_texts(struct api_call *call, const struct list *list, char ***texts, size_t *text_count)
{
    bool there;
    yyjson_val *value, *item;
    size_t index, count;
    int error = read_list(call, list, &there, &value, &count);
    if (error || !there)
        return error;
    char **copy = arena_alloc(call->arena, (count + 1) * sizeof(*copy));
    if (!copy)
        return -QY_ENOMEM;
    *texts = copy;
    *text_count = count;
    yyjson_arr_foreach(value, index, count, item) copy[index] = (char *)(uintptr_t)yyjson_get_str(item);
    return 0;
}

/* As JSON. */
static size_t list_bytes(char *const *list, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += strlen("\"\",");
        for (const char *c = list[i]; *c; c++)
            bytes += *c == '"' || *c == '\\' ? 2 : 1;
    }
    return bytes;
}

static int read_types(struct api_call *call, Quanyu__WriteKey *key)
{
    static const struct list list = {.name = "event_types"};
    bool there;
    yyjson_val *value, *item;
    size_t index, count;
    int error = read_list(call, &list, &there, &value, &count);
    if (error || !there)
        return error;
    Quanyu__EventType *types = arena_alloc(call->arena, (count + 1) * sizeof(*types));
    if (!types)
        return -QY_ENOMEM;
    key->event_types = types;
    key->n_event_types = 0;
    yyjson_arr_foreach(value, index, count, item)
    {
        Quanyu__EventType type = event_type_of(item);
        if (!type)
            return refuse_item(call, list.name, index, "must be " EVENT_TYPE_NAMES);
        if (key->n_event_types == 0 || !write_key_allows_type(key, type))
            types[key->n_event_types++] = type;
    }
    return 0;
}

static int read_lists(struct api_call *call, Quanyu__WriteKey *key)
{
    const struct {
        struct list list;
        char ***texts;
        size_t *count;
    } lists[] = {
        {{"sources", NULL}, &key->sources, &key->n_sources},
        {{"channels", NULL}, &key->channels, &key->n_channels},
        {{"event_names", NULL}, &key->event_names, &key->n_event_names},
        {{"allowed_origins", check_origin}, &key->allowed_origins, &key->n_allowed_origins},
    };
    size_t bytes = 0;
    int error = 0;
    for (size_t i = 0; !error && i < COUNT_OF(lists); i++) {
        error = read_texts(call, &lists[i].list, lists[i].texts, lists[i].count);
        bytes += list_bytes(*lists[i].texts, *lists[i].count);
        if (!error && bytes > WRITE_KEY_LISTS_BYTES)
            error = api_refuse(call, -QY_EINVAL, lists[i].list.name,
                "the lists of a key may hold %u bytes together", WRITE_KEY_LISTS_BYTES);
    }
    return error ? error : read_types(call, key);
}

/* -- numbers -- */

static bool parse_number(yyjson_val *value, uint64_t most, uint64_t *ret_number)
{
    const char *text = yyjson_is_raw(value) ? yyjson_get_raw(value) : "";
    size_t size = yyjson_is_raw(value) ? yyjson_get_len(value) : 0;
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || size > 12)
            return false;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_number = number;
    return size > 0 && number <= most;
}

static int check_rate_members(struct api_call *call, yyjson_val *value)
{
    size_t index, count;
    yyjson_val *name, *member;
    yyjson_obj_foreach(value, index, count, name, member)
    {
        (void)member;
        if (!yyjson_equals_str(name, "events_per_second") && !yyjson_equals_str(name, "burst"))
            return api_refuse(call, -QY_EINVAL, "rate", "takes events_per_second and burst");
    }
    return 0;
}

static int read_rate(struct api_call *call, Quanyu__WriteKey *key)
{
    uint64_t per_second = 0, burst = 0;
    yyjson_val *value = yyjson_obj_get(call->body, "rate");
    if (!value)
        return 0;
    key->rate = NULL;
    if (yyjson_is_null(value))
        return 0;
    if (!yyjson_is_obj(value))
        return api_refuse(call, -QY_EINVAL, "rate",
            "must be {\"events_per_second\":…,\"burst\":…}, or null for the setting gateway.key_rate");
    int error = check_rate_members(call, value);
    if (error)
        return error;
    if (!parse_number(yyjson_obj_get(value, "events_per_second"), RATE_MAX, &per_second))
        return api_refuse(call, -QY_EINVAL, "/rate/events_per_second",
            "must be a whole number from 0, unlimited, to 1000000000");
    yyjson_val *stated = yyjson_obj_get(value, "burst");
    if (stated && !parse_number(stated, RATE_MAX, &burst))
        return api_refuse(
            call, -QY_EINVAL, "/rate/burst", "must be a whole number to 1000000000; 0: ten seconds' worth");
    key->rate = arena_alloc(call->arena, sizeof(*key->rate));
    if (!key->rate)
        return -QY_ENOMEM;
    quanyu__write_key__rate__init(key->rate);
    key->rate->events_per_second = (uint32_t)per_second;
    key->rate->burst = (uint32_t)burst;
    return 0;
}

static int read_platform(struct api_call *call, Quanyu__WriteKey *key)
{
    const char *text;
    int error = api_text(call, "platform", false, &text);
    if (error || !text)
        return error;
    for (size_t i = 0; i < COUNT_OF(write_key_platforms); i++)
        if (strcmp(write_key_platforms[i], text) == 0) {
            key->platform = (Quanyu__WriteKey__Platform)i;
            return 0;
        }
    return api_refuse(call, -QY_EINVAL, "platform", "must be server, browser or any");
}

static int read_switches(struct api_call *call, Quanyu__WriteKey *key)
{
    bool may_import, paused;
    int error = api_boolean(call, "import", key->may_import, &may_import);
    if (!error)
        error = api_boolean(call, "paused", key->paused, &paused);
    if (error)
        return error;
    key->may_import = may_import;
    key->paused = paused;
    return yyjson_obj_get(call->body, "expires_at") ? api_time(call, "expires_at", &key->expires_ms) : 0;
}

/* It may go later: its events then happen in none. */
static int read_unit(struct api_call *call, Quanyu__WriteKey *key)
{
    const char *name;
    yyjson_val *value = yyjson_obj_get(call->body, "unit");
    if (!value || yyjson_is_null(value)) {
        key->unit = value ? 0 : key->unit;
        return 0;
    }
    int error = api_text(call, "unit", false, &name);
    if (error)
        return error;
    struct unit_tree *tree = units_hold(call->gateway->units);
    key->unit = unit_named(tree, name);
    unit_tree_release(&tree);
    return key->unit ? 0 : api_refuse(call, -QY_EINVAL, "unit", "must be a unit: u_7, or code:… by its code");
}

/* What belongs together. */
static int check_whole(struct api_call *call, const Quanyu__WriteKey *key)
{
    if (!*key->name)
        return api_refuse(call, -QY_EINVAL, "name", "must not be empty");
    if (key->platform == QUANYU__WRITE_KEY__PLATFORM__SERVER && key->n_allowed_origins)
        return api_refuse(
            call, -QY_EINVAL, "allowed_origins", "are for a browser's key; this one is a server's");
    if (key->platform == QUANYU__WRITE_KEY__PLATFORM__BROWSER && key->may_import)
        return api_refuse(
            call, -QY_EINVAL, "import", "everybody can read a browser's key: it must not change history");
    return 0;
}

int write_key_read_body(struct api_call *call, Quanyu__WriteKey *key)
{
    int error = read_text(call, "name", WRITE_KEY_NAME_BYTES, &key->name);
    if (!error)
        error = read_text(call, "description", WRITE_KEY_DESCRIPTION_BYTES, &key->description);
    if (!error)
        error = read_platform(call, key);
    if (!error)
        error = read_lists(call, key);
    if (!error)
        error = read_unit(call, key);
    if (!error)
        error = read_rate(call, key);
    if (!error)
        error = read_switches(call, key);
    return error ? error : check_whole(call, key);
}

int write_key_read_overlap(struct api_call *call, int64_t now_ms, int64_t *ret_ms)
{
    uint64_t seconds = 0;
    yyjson_val *overlap = yyjson_obj_get(call->body, "overlap_seconds");
    yyjson_val *at = yyjson_obj_get(call->body, "old_expires_at");
    if (!overlap == !at)
        return api_refuse(call, -QY_EINVAL, "overlap_seconds",
            "say for how long the old secret goes on: overlap_seconds (0: not at all) or old_expires_at");
    if (overlap && !parse_number(overlap, OVERLAP_SECONDS_MAX, &seconds))
        return api_refuse(
            call, -QY_EINVAL, "overlap_seconds", "must be a whole number of seconds, a year at most");
    *ret_ms = now_ms + (int64_t)seconds * 1000;
    if (overlap)
        return 0;
    int error = api_time(call, "old_expires_at", ret_ms);
    if (!error && *ret_ms == 0)
        error = api_refuse(call, -QY_EINVAL, "old_expires_at", "must be a time");
    if (!error && *ret_ms < now_ms)
        *ret_ms = now_ms;
    return error;
}
