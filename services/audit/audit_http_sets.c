/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's exact sets: who was among those that a record does not name one by one. */
#include "common/exact_set.h"
#include "common/json.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_store.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NUMBERS_SHOWN 10000u

/* `after`, and nothing else. False: it was refused. */
static bool take_after(struct http_request *request, uint32_t *ret_after)
{
    static const char name[] = "after";
    const char *query = http_query(request);
    char value[16], field[PARAMETER_NAME_BYTES];
    size_t size = strcspn(query, "=&");
    uint64_t number = 0;
    snprintf(field, sizeof(field), "%.*s", (int)(size < sizeof(field) ? size : sizeof(field) - 1), query);
    const char *problem = NULL;
    if (*query && (strcmp(field, name) != 0 || strchr(query, '&')))
        problem = strcmp(field, name) == 0 ? "stands alone" : "is not a parameter here";
    else if (*query && (http_parameter(request, name, value, sizeof(value)) ||
                           !audit_parameter_number(value, &number) || number > UINT32_MAX))
        problem = "must be a person's number";
    if (problem)
        look_refuse_parameter(request, field, problem);
    *ret_after = (uint32_t)number;
    return !problem;
}

static void write_number(struct json *json, uint32_t number)
{
    char text[16];
    snprintf(text, sizeof(text), "%" PRIu32, number);
    json_text(json, text);
}

/* `set`: NULL where it is not what the record names. An auditor must learn that, and not see others in it. */
static int write_set(struct look *look, const char *hex, const struct exact_set *set, uint32_t after)
{
    uint32_t *numbers = arena_alloc(look->arena, NUMBERS_SHOWN * sizeof(*numbers));
    struct json json = json_to(&look->body), detail = json_to(&look->detail);
    if (!numbers)
        return -QY_ENOMEM;
    size_t count = set ? exact_set_list(set, after, numbers, NUMBERS_SHOWN) : 0;
    json_open(&json, '{');
    json_field_text(&json, "set", hex);
    json_field_bool(&json, "intact", set != NULL);
    json_field_unsigned(&json, "count", set ? exact_set_count(set) : 0);
    json_name(&json, "person_numbers");
    json_open(&json, '[');
    for (size_t i = 0; i < count; i++)
        write_number(&json, numbers[i]);
    json_close(&json, ']');
    json_name(&json, "next_after");
    if (count == NUMBERS_SHOWN)
        write_number(&json, numbers[count - 1]);
    else
        json_null(&json);
    json_close(&json, '}');
    json_open(&detail, '{');
    json_field_text(&detail, "set", hex);
    json_field_unsigned(&detail, "after", after);
    json_field_unsigned(&detail, "shown", count);
    json_close(&detail, '}');
    look->action = "audit.set";
    return 0;
}

static bool read_hash(const char *hex, uint8_t ret_hash[SET_HASH_BYTES])
{
    size_t size;
    return strlen(hex) == 2 * SET_HASH_BYTES && strspn(hex, "0123456789abcdef") == strlen(hex) &&
           sodium_hex2bin(ret_hash, SET_HASH_BYTES, hex, strlen(hex), NULL, &size, NULL) == 0;
}

static int refuse_missing(struct look *look)
{
    if (store_error(look->txn))
        return store_error(look->txn);
    http_problem(look->request, 404, "not_found", "hash", "there is no set with this hash");
    return 0;
}

int get_set(struct audit_http *http, struct look **look, const struct route_match *match)
{
    _cleanup_(exact_set_close) struct exact_set *set = NULL;
    const char *hex = route_parameter(match, "hash");
    uint8_t hash[SET_HASH_BYTES], really[SET_HASH_BYTES];
    struct bytes stored;
    uint32_t after;
    if (!take_after((*look)->request, &after))
        return 0;
    if (!read_hash(hex, hash) || !audit_store_set((*look)->txn, hash, &stored))
        return refuse_missing(*look);
    exact_set_hash(stored, really);
    int error = memcmp(hash, really, sizeof(hash)) == 0 ? exact_set_open(stored, &set) : 0;
    if (!error)
        error = write_set(*look, hex, set, after);
    return error ? error : look_submit(http, look);
}

/* What is not what the record names is given out all the same: whoever copies the log sees that by its hash. */
int get_set_bitmap(struct audit_http *http, struct look **look, const struct route_match *match)
{
    const char *hex = route_parameter(match, "hash");
    uint8_t hash[SET_HASH_BYTES];
    struct bytes stored;
    if (!look_asks_nothing((*look)->request))
        return 0;
    if (!read_hash(hex, hash) || !audit_store_set((*look)->txn, hash, &stored))
        return refuse_missing(*look);
    struct json detail = json_to(&(*look)->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "set", hex);
    json_field_bool(&detail, "bitmap", true);
    json_close(&detail, '}');
    buffer_append(&(*look)->body, stored.data, stored.size);
    (*look)->action = "audit.set";
    (*look)->type = "application/octet-stream";
    return look_submit(http, look);
}
