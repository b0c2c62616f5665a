/* SPDX-License-Identifier: Apache-2.0 */
#include "common/number_parts.h"
#include "services/identity/birthday.h"
#include "services/identity/pseudonym_private.h"

#include <string.h>

struct trait_walk {
    struct pseudonymiser *pseudonymiser;
    struct buffer *out;
    struct personal_trait *personal;
    unsigned count;
    unsigned parts;       /* traits from here on that are parts of a number */
    yyjson_val *birthday; /* as stated, null included */
    yyjson_val *email;
    yyjson_val *phone;
};

/* Traits that are personal although properties by the same name are not. */
static bool is_private_trait(const char *key, size_t size)
{
    static const char *const names[] = {
        "description", "bio", "about", "introduction", "image", "picture", "contact"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == size && memcmp(names[i], key, size) == 0)
            return true;
    return false;
}

bool pseudonym_keeps_too(const char *key, size_t size)
{
    static const char *const names[] = {"gender", "sex", "city", "性别", "城市"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == size && memcmp(names[i], key, size) == 0)
            return true;
    return false;
}

static bool is_derived(const char *key, size_t size)
{
    return (size == 9 && (memcmp(key, "has_email", 9) == 0 || memcmp(key, "has_phone", 9) == 0)) ||
           (size == 18 && memcmp(key, "birthday_month_day", 18) == 0);
}

static void keep_trait(struct trait_walk *walk, yyjson_val *key, yyjson_val *value)
{
    if (walk->count == PERSONAL_TRAITS_MAX)
        return;
    walk->personal[walk->count++] =
        (struct personal_trait){.key = yyjson_get_str(key), .key_size = yyjson_get_len(key), .value = value};
}

/* What rules may ask of a personal trait without seeing it. */
static void note_derived(struct trait_walk *walk, enum key_class class, yyjson_val *key, yyjson_val *value)
{
    if (class == KEY_EMAIL && !walk->email)
        walk->email = value;
    else if (class == KEY_PHONE && !walk->phone)
        walk->phone = value;
    else if (class == KEY_PERSONAL && !walk->birthday &&
             key_is_birthday(yyjson_get_str(key), yyjson_get_len(key)))
        walk->birthday = value;
}

/* A custom trait with a personal value stays here; an older value elsewhere is no longer true. */
static void write_gone(struct trait_walk *walk, const char *name, size_t size)
{
    if (walk->out->data && walk->out->data[walk->out->size - 1] != '{')
        buffer_byte(walk->out, ',');
    buffer_json_string(walk->out, name, size);
    buffer_text(walk->out, ":null");
}

/* `behind` stands behind the trait. */
static void walk_trait(struct trait_walk *walk, yyjson_val *traits, yyjson_val *key, yyjson_obj_iter behind)
{
    struct pseudonymiser *pseudonymiser = walk->pseudonymiser;
    const char *name = yyjson_get_str(key);
    size_t size = yyjson_get_len(key);
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    struct surroundings around = {.object = traits, .named = NAMED_PERSON};
    struct member member = scrub_look(pseudonymiser, &around, key);
    if (member.is_part && walk->parts == 0)
        walk->parts = number_in_members(key, behind);
    bool part = walk->parts > 0;
    walk->parts -= part;
    if (member.kind && member.kind->form != FORM_PHONE && member.kind->form != FORM_EMAIL)
        return; /* an identifier: it is stored as one */
    if (is_derived(name, size))
        return;
    bool personal = key_class_is_personal(member.class) || is_private_trait(name, size);
    if (personal && !yyjson_is_bool(value)) {
        note_derived(walk, member.class, key, value);
        keep_trait(walk, key, value);
        return;
    }
    if (!part && scrub_member(pseudonymiser, key, &member, 0, walk->out)) {
        if (pseudonym_keeps_too(name, size))
            keep_trait(walk, key, value);
        return;
    }
    if (personal_key(&pseudonymiser->personal, member.looks, name, size))
        return; /* names are shown as they are, so this one is not kept */
    keep_trait(walk, key, value);
    write_gone(walk, name, size);
}

static bool has_identifier(const struct identifiers *identifiers, enum kind_form form)
{
    for (unsigned i = 0; i < identifiers->count; i++)
        if (identifiers->items[i].kind->form == form && !identifiers->items[i].blocked)
            return true;
    return false;
}

static void write_derived(struct trait_walk *walk, const char *name, const char *json)
{
    struct buffer *out = walk->out;
    buffer_text(out, out->data && out->data[out->size - 1] != '{' ? ",\"" : "\"");
    buffer_text(out, name);
    buffer_text(out, "\":");
    buffer_text(out, json);
}

static void write_has(struct trait_walk *walk, const char *name, yyjson_val *stated, enum kind_form form)
{
    if (yyjson_is_null(stated))
        write_derived(walk, name, "null");
    else if (stated || has_identifier(walk->pseudonymiser->personal.identifiers, form))
        write_derived(walk, name, "true");
}

void pseudonym_traits(struct pseudonymiser *pseudonymiser, struct buffer *out,
    struct personal_trait ret_personal[PERSONAL_TRAITS_MAX], unsigned *ret_count)
{
    const struct event *event = pseudonymiser->event;
    struct trait_walk walk = {.pseudonymiser = pseudonymiser, .out = out, .personal = ret_personal};
    size_t before = out->size;
    buffer_byte(out, '{');
    yyjson_obj_iter iterator = yyjson_obj_iter_with(event->traits);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));)
        walk_trait(&walk, event->traits, key, iterator);
    iterator = yyjson_obj_iter_with(event->context_traits);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));)
        if (!yyjson_obj_getn(event->traits, yyjson_get_str(key), yyjson_get_len(key)))
            walk_trait(&walk, event->context_traits, key, iterator);
    write_has(&walk, "has_email", walk.email, FORM_EMAIL);
    write_has(&walk, "has_phone", walk.phone, FORM_PHONE);
    char day[BIRTHDAY_BYTES];
    if (yyjson_is_null(walk.birthday))
        write_derived(&walk, "birthday_month_day", "null");
    else if (birthday_month_day(walk.birthday, day))
        write_derived(&walk, "birthday_month_day", day);
    buffer_byte(out, '}');
    if (out->size == before + 2)
        out->size = before;
    *ret_count = walk.count;
}
