/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_place.h"

#include "common/id.h"
#include "services/gateway/staff_roll.h"
#include "services/gateway/units.h"

#include <string.h>

/* A code as it is, or with the word in front that tells codes from ids elsewhere. */
static struct bytes without_prefix(yyjson_val *name)
{
    static const char prefix[] = "code:";
    const char *text = yyjson_get_str(name);
    size_t size = yyjson_get_len(name), skipped = sizeof(prefix) - 1;
    bool prefixed = size > skipped && memcmp(text, prefix, skipped) == 0;
    return prefixed ? (struct bytes){(const uint8_t *)text + skipped, size - skipped} : (struct bytes){0};
}

static uint32_t find_unit(const struct unit_tree *units, yyjson_val *name)
{
    const char *text = yyjson_get_str(name);
    size_t size = yyjson_get_len(name);
    uint32_t number = id_number("u_", text, size);
    if (number && unit_tree_has(units, number))
        return number;
    number = unit_tree_find(units, text, size);
    struct bytes code = number ? (struct bytes){0} : without_prefix(name);
    return code.size > 0 ? unit_tree_find(units, (const char *)code.data, code.size) : number;
}

/* History may name by id who has left since. */
static uint32_t find_staff(const struct staff_roll *staff, yyjson_val *name, bool history)
{
    const char *text = yyjson_get_str(name);
    size_t size = yyjson_get_len(name);
    uint32_t number = id_number("st_", text, size);
    if (number && (history ? staff_roll_unit(staff, number) != 0 : staff_roll_has(staff, number)))
        return number;
    number = staff_roll_find(staff, text, size);
    struct bytes code = number ? (struct bytes){0} : without_prefix(name);
    return code.size > 0 ? staff_roll_find(staff, (const char *)code.data, code.size) : number;
}

/* What the contexts name; NULL where they do not. */
struct named {
    yyjson_val *unit, *staff;
};

/* One walk for both: most events name neither. What was found before stays. */
static void read_context(yyjson_val *object, struct named *named)
{
    size_t index, count;
    yyjson_val *context = yyjson_obj_get(object, "context"), *key, *value;
    if (!yyjson_is_obj(context))
        return;
    yyjson_obj_foreach(context, index, count, key, value)
    {
        size_t size = yyjson_get_len(key);
        if (size == strlen("unit") && !named->unit && memcmp(yyjson_get_str(key), "unit", size) == 0)
            named->unit = value;
        else if (size == strlen("staff") && !named->staff && memcmp(yyjson_get_str(key), "staff", size) == 0)
            named->staff = value;
    }
}

static bool is_text_or_null(yyjson_val *value)
{
    return !value || yyjson_is_str(value) || yyjson_is_null(value);
}

bool ingest_place(struct event *event, Quanyu__RawEvent *raw, struct parsed *parsed)
{
    const struct ingest_origin *origin = event->origin;
    struct named named = {0};
    read_context(event->json, &named);
    if (event->batch)
        read_context(event->batch, &named);
    if (!is_text_or_null(named.unit))
        return event_refuse(event, "wrong_type", "/context/unit", "must be a string");
    if (!is_text_or_null(named.staff))
        return event_refuse(event, "wrong_type", "/context/staff", "must be a string");
    if (yyjson_is_str(named.unit) && origin->units) {
        raw->unit = find_unit(origin->units, named.unit);
        parsed->unknown_units += raw->unit == 0;
    }
    if (!raw->unit && origin->key)
        raw->unit = origin->key->row->unit;
    if (yyjson_is_str(named.staff) && origin->staff) {
        raw->staff = find_staff(origin->staff, named.staff, origin->call == CALL_IMPORT);
        parsed->unknown_staff += raw->staff == 0;
    }
    return true;
}
