/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_mask.h"

#include "common/ascii.h"
#include "common/decimal.h"
#include "common/disguise.h"
#include "common/key_class.h"
#include "common/looks.h"
#include "common/mask.h"
#include "common/number_parts.h"

#include <string.h>

#define DEPTH_MAX 64
#define KNOWN_MAX 64
#define KNOWN_BYTES_MIN 4 /* shorter ones are found in too many texts */
#define NUMBER_TEXT_MAX 24

/* What the event itself states about somebody. */
struct known_texts {
    const char *texts[KNOWN_MAX];
    size_t sizes[KNOWN_MAX];
    size_t count;
};

struct masking {
    struct known_texts known;
    struct buffer *out;
};

/* Where a member stands. */
struct place {
    const char *key;
    size_t size;
    bool thing;    /* below a thing, whose name is nobody's */
    bool expected; /* an object or a list is expected here */
    unsigned depth;
};

/* A name beside a price or a product's code is the product's; that of a page or screen stands beside the type. */
static bool holds_thing(yyjson_val *object)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        enum key_class class = key_classify(yyjson_get_str(key), yyjson_get_len(key));
        if (class == KEY_PRODUCT || class == KEY_AMOUNT)
            return true;
    }
    return false;
}

/* What is found out about an object once, for all of its members. */
struct surroundings {
    yyjson_val *object;
    bool looked, thing;
};

static enum key_class class_of(const struct place *place, struct surroundings *around)
{
    enum key_class class = key_classify(place->key, place->size);
    if (class == KEY_PLAIN && key_is_amounts(place->key, place->size))
        return KEY_AMOUNT;
    if (class != KEY_BARE_NAME)
        return class;
    if (place->thing || place->depth <= 1)
        return KEY_PLAIN;
    if (!around->looked) {
        around->looked = true;
        around->thing = holds_thing(around->object);
    }
    return around->thing ? KEY_PLAIN : KEY_NAME;
}

static bool expects_object(const char *key, size_t size)
{
    static const char *const names[] = {"traits", "context", "properties", "integrations"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == size && memcmp(names[i], key, size) == 0)
            return true;
    return false;
}

static struct place place_below(const struct place *place, yyjson_val *key)
{
    struct place below = {.key = yyjson_get_str(key), .size = yyjson_get_len(key), .depth = place->depth + 1};
    below.thing = place->thing || key_is_thing(below.key, below.size);
    below.expected = expects_object(below.key, below.size);
    return below;
}

/* -- what is known -- */

static void know(struct known_texts *known, enum key_class class, yyjson_val *value)
{
    bool telling = class == KEY_NAME || class == KEY_PHONE || class == KEY_EMAIL || class == KEY_PERSONAL;
    const char *text = yyjson_is_raw(value) ? yyjson_get_raw(value) : yyjson_get_str(value);
    size_t size = text ? yyjson_get_len(value) : 0;
    if (!telling || size < KNOWN_BYTES_MIN || known->count == KNOWN_MAX)
        return;
    known->texts[known->count] = text;
    known->sizes[known->count++] = size;
}

static void gather(
    struct known_texts *known, yyjson_val *value, enum key_class class, const struct place *place)
{
    if (place->depth > DEPTH_MAX)
        return;
    know(known, class, value);
    yyjson_arr_iter items = yyjson_arr_iter_with(value);
    struct place item_place = *place;
    item_place.depth++;
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items));)
        gather(known, item, class, &item_place);
    struct surroundings around = {.object = value};
    yyjson_obj_iter members = yyjson_obj_iter_with(value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        struct place below = place_below(place, key);
        gather(known, yyjson_obj_iter_get_val(key), class_of(&below, &around), &below);
    }
}

static bool holds(const char *text, size_t size, const char *part, size_t part_size)
{
    for (size_t at = 0; at + part_size <= size; at++) {
        size_t i = 0;
        while (i < part_size && ascii_lower(text[at + i]) == ascii_lower(part[i]))
            i++;
        if (i == part_size)
            return true;
    }
    return false;
}

static bool is_personal(const struct known_texts *known, const char *text, size_t size)
{
    if (looks_personal(text, size))
        return true;
    for (size_t i = 0; known && i < known->count; i++)
        if (holds(text, size, known->texts[i], known->sizes[i]))
            return true;
    return false;
}

static bool look_at_part(void *self, const char *text, size_t size)
{
    return is_personal(self, text, size);
}

/* In base64, in escapes, in a part of a path. */
static bool hides_personal(const struct known_texts *known, const char *text, size_t size)
{
    char plain[DISGUISE_TEXT_MAX];
    size_t plain_size;
    if (disguise_decode(text, size, plain, &plain_size) && is_personal(known, plain, plain_size))
        return true;
    return disguise_parts(text, size, plain, look_at_part, (void *)(uintptr_t)known);
}

/* -- writing -- */

static size_t without_query(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '?' || text[i] == '#')
            return i;
    return size;
}

static bool is_link(const char *text, size_t size)
{
    return size >= 8 && (memcmp(text, "http://", 7) == 0 || memcmp(text, "https://", 8) == 0);
}

static bool is_blank_free(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] <= ' ')
            return false;
    return true;
}

/* What looks personal: enough to recognise it where it is the whole text, else nothing. */
static void mask_looks(const char *text, size_t size, struct buffer *shown)
{
    const char *at = memchr(text, '@', size);
    bool email = at && looks_like_email(text, size) && is_blank_free(text, size) &&
                 !memchr(at + 1, '@', size - (size_t)(at + 1 - text)) && !memchr(text, ':', size);
    if (email)
        mask_email(text, size, shown);
    else if (size <= NUMBER_TEXT_MAX && looks_like_phone(text, size))
        mask_phone(text, size, shown);
    else
        buffer_text(shown, "***");
}

static void write_plain(
    const struct known_texts *known, enum key_class class, const char *text, size_t size, struct buffer *out)
{
    _cleanup_(buffer_free) struct buffer shown = BUFFER_INIT;
    size_t kept = class == KEY_URL || is_link(text, size) ? without_query(text, size) : size;
    if (is_personal(known, text, kept))
        mask_looks(text, kept, &shown);
    else if (hides_personal(known, text, kept))
        buffer_text(&shown, "***");
    else if (disguise_has_digest(text, kept))
        mask_text(text, kept, &shown); /* it may be one of a phone number */
    else
        buffer_append(&shown, text, kept);
    if (kept < size)
        buffer_text(&shown, "***");
    if (buffer_error(&shown))
        out->error = buffer_error(&shown);
    else
        buffer_json_string(out, buffer_c_str(&shown), shown.size);
}

static void write_personal(const struct place *place, const char *text, size_t size, struct buffer *out)
{
    _cleanup_(buffer_free) struct buffer shown = BUFFER_INIT;
    mask_trait(place->key, place->size, text, size, &shown);
    if (buffer_error(&shown))
        out->error = buffer_error(&shown);
    else
        buffer_json_string(out, buffer_c_str(&shown), shown.size);
}

static void write_text(
    struct masking *masking, enum key_class class, const struct place *place, const char *text, size_t size)
{
    bool secret = place->size == 8 && memcmp(place->key, "writeKey", 8) == 0;
    if (secret || place->expected)
        buffer_text(masking->out, "\"***\"");
    else if (key_class_is_personal(class))
        write_personal(place, text, size, masking->out);
    else
        write_plain(&masking->known, class, text, size, masking->out);
}

static void write_number(
    struct masking *masking, enum key_class class, const struct place *place, const char *digits, size_t size)
{
    char whole[DECIMAL_WHOLE_BYTES];
    size_t whole_size = decimal_whole(digits, size, whole);
    if (place->expected || key_class_is_personal(class) || is_personal(&masking->known, digits, size))
        write_text(masking, class, place, digits, size);
    else if (is_personal(&masking->known, whole, whole_size))
        write_text(masking, class, place, whole, whole_size);
    else
        buffer_append(masking->out, digits, size);
}

static void write_value(
    struct masking *masking, yyjson_val *value, enum key_class class, const struct place *place);

static void write_list(
    struct masking *masking, yyjson_val *list, enum key_class class, const struct place *place)
{
    struct place below = *place;
    below.depth++;
    buffer_byte(masking->out, '[');
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    bool first = true, hidden = class == KEY_PLAIN && number_in_items(list);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items)); first = false) {
        if (!first)
            buffer_byte(masking->out, ',');
        if (hidden)
            buffer_text(masking->out, "\"***\"");
        else
            write_value(masking, item, class, &below);
    }
    buffer_byte(masking->out, ']');
}

static void write_object(struct masking *masking, yyjson_val *object, const struct place *place)
{
    struct surroundings around = {.object = object};
    buffer_byte(masking->out, '{');
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    bool first = true;
    unsigned hidden = 0; /* of the members from here on: parts of a number */
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members)); first = false) {
        struct place below = place_below(place, key);
        if (!first)
            buffer_byte(masking->out, ',');
        write_plain(&masking->known, KEY_PLAIN, below.key, below.size, masking->out);
        buffer_byte(masking->out, ':');
        if (hidden == 0)
            hidden = number_in_members(key, members);
        if (hidden > 0 && hidden--)
            buffer_text(masking->out, "\"***\"");
        else
            write_value(masking, yyjson_obj_iter_get_val(key), class_of(&below, &around), &below);
    }
    buffer_byte(masking->out, '}');
}

static void write_value(
    struct masking *masking, yyjson_val *value, enum key_class class, const struct place *place)
{
    struct buffer *out = masking->out;
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_STR:
        write_text(masking, class, place, yyjson_get_str(value), yyjson_get_len(value));
        return;
    case YYJSON_TYPE_RAW:
        write_number(masking, class, place, yyjson_get_raw(value), yyjson_get_len(value));
        return;
    case YYJSON_TYPE_BOOL:
        buffer_text(out, yyjson_get_bool(value) ? "true" : "false");
        return;
    case YYJSON_TYPE_ARR:
    case YYJSON_TYPE_OBJ:
        if (place->depth > DEPTH_MAX)
            buffer_text(out, "\"***\"");
        else if (yyjson_is_arr(value))
            write_list(masking, value, class, place);
        else
            write_object(masking, value, place);
        return;
    default:
        buffer_text(out, "null");
        return;
    }
}

void letter_mask(yyjson_val *event, struct buffer *out)
{
    struct masking masking = {.out = out};
    const struct place root = {.key = "", .expected = !yyjson_is_obj(event)};
    gather(&masking.known, event, KEY_PLAIN, &root);
    write_value(&masking, event, KEY_PLAIN, &root);
}

void letter_mask_text(const char *text, size_t size, struct buffer *out)
{
    write_plain(NULL, KEY_PLAIN, text, size, out);
}
