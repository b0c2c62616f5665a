/* SPDX-License-Identifier: Apache-2.0 */
#include "common/number_parts.h"
#include "services/identity/pseudonym_private.h"

#include <string.h>

/* A name beside a price or a product's code is the product's. */
static bool is_product(struct pseudonymiser *pseudonymiser, yyjson_val *object)
{
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));) {
        enum key_class class = key_info(pseudonymiser->keys, yyjson_get_str(key), yyjson_get_len(key))->class;
        if (class == KEY_PRODUCT || class == KEY_AMOUNT)
            return true;
    }
    return false;
}

static bool is_thing(struct pseudonymiser *pseudonymiser, struct surroundings *around)
{
    if (around->named == NAMED_UNSURE && !around->looked) {
        around->looked = true;
        around->product = is_product(pseudonymiser, around->object);
    }
    return around->named == NAMED_THING || around->product;
}

struct member scrub_look(struct pseudonymiser *pseudonymiser, struct surroundings *around, yyjson_val *key)
{
    const struct key_info *info = key_info(pseudonymiser->keys, yyjson_get_str(key), yyjson_get_len(key));
    struct member member = {
        .class = info->class,
        .looks = info->looks,
        .below = info->is_thing ? NAMED_THING : around->named,
        .is_part = info->is_part,
        .kind = info->kind,
    };
    if (member.class == KEY_PLAIN && info->is_amounts)
        member.class = KEY_AMOUNT;
    if (member.class != KEY_BARE_NAME)
        return member;
    member.class = is_thing(pseudonymiser, around) ? KEY_PLAIN : KEY_NAME;
    return member;
}

/* -- what is known -- */

static void add_form(struct forms *forms, enum key_class class, const char *text, size_t size)
{
    if (class == KEY_PHONE)
        forms_add_number(forms, text, size);
    else if (class == KEY_NAME || class == KEY_EMAIL || class == KEY_PERSONAL)
        forms_add_text(forms, text, size);
}

static void know_text(const struct gathering *gathering, enum key_class class, const char *text, size_t size)
{
    struct known *known = gathering->known;
    if (!known) {
        add_form(gathering->forms, class, text, size);
        return;
    }
    switch (class) {
    case KEY_NAME:
        known_add(known, KNOWN_NAME, text, size);
        break;
    case KEY_PHONE:
        known_add_number(known, text, size);
        break;
    case KEY_EMAIL:
    case KEY_PERSONAL:
        known_add(known, KNOWN_TEXT, text, size);
        break;
    default:
        break;
    }
}

void scrub_gather(struct pseudonymiser *pseudonymiser, enum key_class class, yyjson_val *value,
    enum named named, unsigned depth, const struct gathering *gathering)
{
    if (depth > SCRUB_DEPTH_MAX)
        return;
    if (yyjson_is_str(value)) {
        know_text(gathering, class, yyjson_get_str(value), yyjson_get_len(value));
    } else if (yyjson_is_raw(value)) {
        know_text(gathering, class, yyjson_get_raw(value), yyjson_get_len(value));
    } else if (yyjson_is_arr(value)) {
        yyjson_arr_iter iterator = yyjson_arr_iter_with(value);
        for (yyjson_val *item; (item = yyjson_arr_iter_next(&iterator));)
            scrub_gather(pseudonymiser, class, item, named, depth + 1, gathering);
    } else if (yyjson_is_obj(value)) {
        struct surroundings around = {.object = value, .named = named};
        yyjson_obj_iter iterator = yyjson_obj_iter_with(value);
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));) {
            struct member member = scrub_look(pseudonymiser, &around, key);
            scrub_gather(pseudonymiser, member.class, yyjson_obj_iter_get_val(key), member.below, depth + 1,
                gathering);
        }
    }
}

/* -- writing -- */

static void write_token(
    struct pseudonymiser *pseudonymiser, const char *value, size_t size, struct buffer *out)
{
    char token[VAULT_TOKEN_BYTES];
    vault_token(pseudonymiser->vault, value, size, token);
    buffer_byte(out, '"');
    buffer_append(out, token, sizeof(token) - 1);
    buffer_byte(out, '"');
}

static bool is_link(const char *text, size_t size)
{
    return size >= 8 && (memcmp(text, "http://", 7) == 0 || memcmp(text, "https://", 8) == 0);
}

static size_t without_query(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '?' || text[i] == '#')
            return i;
    return size;
}

static bool scrub_text(struct pseudonymiser *pseudonymiser, enum key_class class, const char *text,
    size_t size, struct buffer *out)
{
    if (class == KEY_URL || is_link(text, size)) {
        size_t kept = without_query(text, size);
        if (kept == 0 && size > 0)
            return false;
        size = kept;
    }
    if (!personal_text(&pseudonymiser->personal, class, text, size)) {
        buffer_json_string(out, text, size);
        return true;
    }
    if (class != KEY_ID && class != KEY_PRODUCT)
        return false;
    write_token(pseudonymiser, text, size, out);
    return true;
}

static bool scrub_number(struct pseudonymiser *pseudonymiser, enum key_class class, const char *digits,
    size_t size, struct buffer *out)
{
    if (!personal_number(&pseudonymiser->personal, class, digits, size)) {
        buffer_append(out, digits, size);
        return true;
    }
    if (class != KEY_ID && class != KEY_PRODUCT)
        return false;
    write_token(pseudonymiser, digits, size, out);
    return true;
}

static void scrub_list(struct pseudonymiser *pseudonymiser, enum key_class class, yyjson_val *list,
    enum named named, unsigned depth, struct buffer *out)
{
    buffer_byte(out, '[');
    bool first = true;
    yyjson_arr_iter iterator = yyjson_arr_iter_with(list);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iterator));) {
        size_t before = out->size;
        if (!first)
            buffer_byte(out, ',');
        if (scrub_value(pseudonymiser, class, item, named, depth + 1, out))
            first = false;
        else
            out->size = before;
    }
    buffer_byte(out, ']');
}

static void scrub_object(struct pseudonymiser *pseudonymiser, yyjson_val *object, enum named named,
    unsigned depth, struct buffer *out)
{
    buffer_byte(out, '{');
    struct surroundings around = {.object = object, .named = named};
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    unsigned dropped = 0; /* of the members that follow: parts of a number */
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));) {
        struct member member = scrub_look(pseudonymiser, &around, key);
        if (member.is_part && dropped == 0)
            dropped = number_in_members(key, iterator);
        if (dropped > 0)
            dropped--;
        else
            scrub_member(pseudonymiser, key, &member, depth, out);
    }
    buffer_byte(out, '}');
}

bool scrub_member(struct pseudonymiser *pseudonymiser, yyjson_val *key, const struct member *member,
    unsigned depth, struct buffer *out)
{
    const char *name = yyjson_get_str(key);
    size_t size = yyjson_get_len(key);
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    if (key_class_is_personal(member->class) && !yyjson_is_bool(value))
        return false;
    if (personal_key(&pseudonymiser->personal, member->looks, name, size))
        return false;
    size_t before = out->size;
    if (before > 0 && out->data[before - 1] != '{')
        buffer_byte(out, ',');
    buffer_json_string(out, name, size);
    buffer_byte(out, ':');
    if (scrub_value(pseudonymiser, member->class, value, member->below, depth + 1, out))
        return true;
    out->size = before;
    return false;
}

bool scrub_value(struct pseudonymiser *pseudonymiser, enum key_class class, yyjson_val *value,
    enum named named, unsigned depth, struct buffer *out)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_STR:
        return scrub_text(pseudonymiser, class, yyjson_get_str(value), yyjson_get_len(value), out);
    case YYJSON_TYPE_RAW:
        return scrub_number(pseudonymiser, class, yyjson_get_raw(value), yyjson_get_len(value), out);
    case YYJSON_TYPE_BOOL:
        buffer_text(out, yyjson_get_bool(value) ? "true" : "false");
        return true;
    case YYJSON_TYPE_NULL:
        buffer_text(out, "null");
        return true;
    case YYJSON_TYPE_ARR:
        if (depth > SCRUB_DEPTH_MAX || (class == KEY_PLAIN && number_in_items(value)))
            return false;
        scrub_list(pseudonymiser, class, value, named, depth, out);
        return true;
    case YYJSON_TYPE_OBJ:
        if (depth > SCRUB_DEPTH_MAX)
            return false;
        scrub_object(pseudonymiser, value, named, depth, out);
        return true;
    default:
        return false;
    }
}
