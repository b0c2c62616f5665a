/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/pseudonym_private.h"

#include "common/error.h"
#include "services/identity/birthday.h"

#include <stdlib.h>
#include <string.h>

int pseudonymiser_open(
    const struct vault *vault, const struct kinds *kinds, struct pseudonymiser **ret_pseudonymiser)
{
    struct pseudonymiser *pseudonymiser = calloc(1, sizeof(*pseudonymiser));
    if (!pseudonymiser)
        return -QY_ENOMEM;
    pseudonymiser->vault = vault;
    pseudonymiser->kinds = kinds;
    *ret_pseudonymiser = pseudonymiser;
    return 0;
}

void pseudonymiser_close(struct pseudonymiser **pseudonymiser)
{
    free(*pseudonymiser);
    *pseudonymiser = NULL;
}

/* The names of pages, screens and groups are not persons'. */
static enum named properties_named(const struct event *event)
{
    switch (event->type) {
    case QUANYU__EVENT_TYPE__EVENT_PAGE:
    case QUANYU__EVENT_TYPE__EVENT_SCREEN:
    case QUANYU__EVENT_TYPE__EVENT_GROUP:
        return NAMED_THING;
    default:
        return NAMED_UNSURE;
    }
}

void pseudonym_begin(
    struct pseudonymiser *pseudonymiser, const struct event *event, const struct identifiers *identifiers)
{
    struct known *known = &pseudonymiser->personal.known;
    pseudonymiser->event = event;
    pseudonymiser->personal.identifiers = identifiers;
    known_reset(known);
    for (unsigned i = 0; i < identifiers->count; i++)
        known_add_identifier(known, &identifiers->items[i]);
    if (event->traits)
        scrub_gather(pseudonymiser, KEY_PLAIN, event->traits, NAMED_PERSON, 0);
    if (event->context_traits)
        scrub_gather(pseudonymiser, KEY_PLAIN, event->context_traits, NAMED_PERSON, 0);
    if (event->properties)
        scrub_gather(pseudonymiser, KEY_PLAIN, event->properties, properties_named(event), 0);
    yyjson_val *address = event->context ? yyjson_obj_get(event->context, "ip") : NULL;
    if (yyjson_is_str(address))
        known_add(known, KNOWN_TEXT, yyjson_get_str(address), yyjson_get_len(address));
}

bool pseudonym_wants(struct pseudonymiser *pseudonymiser, const char *key, size_t key_size)
{
    enum key_class class = key_classify_cached(&pseudonymiser->keys, key, key_size);
    return class == KEY_BARE_NAME || (class_is_personal(class) && class != KEY_PRIVATE);
}

void pseudonym_know(struct pseudonymiser *pseudonymiser, const char *key, size_t key_size, yyjson_val *value)
{
    enum key_class class = key_classify_cached(&pseudonymiser->keys, key, key_size);
    scrub_gather(pseudonymiser, class == KEY_BARE_NAME ? KEY_NAME : class, value, NAMED_PERSON, 0);
}

void pseudonym_name(struct pseudonymiser *pseudonymiser, struct buffer *out)
{
    const struct event *event = pseudonymiser->event;
    if (personal_text(&pseudonymiser->personal, KEY_PLAIN, event->name, event->name_size))
        buffer_text(out, "[personal]");
    else
        buffer_append(out, event->name, event->name_size);
}

void pseudonym_properties(struct pseudonymiser *pseudonymiser, struct buffer *out)
{
    const struct event *event = pseudonymiser->event;
    if (event->properties && yyjson_obj_size(event->properties) > 0)
        scrub_value(pseudonymiser, KEY_PLAIN, event->properties, properties_named(event), 0, out);
}

/* -- context -- */

struct allowed {
    const char *name;
    const char *member; /* the one that is allowed of an object; NULL: a text or number, "*": all */
};

static const struct allowed context_allowed[] = {{"channel", NULL}, {"source", NULL}, {"touchpoint", NULL},
    {"locale", NULL}, {"timezone", NULL}, {"campaign", "*"}, {"app", "name"}, {"device", "type"},
    {"os", "name"}, {"library", "name"}, {"page", "path"}};

static const struct allowed *find_allowed(const char *name, size_t size)
{
    for (size_t i = 0; i < COUNT_OF(context_allowed); i++)
        if (strlen(context_allowed[i].name) == size && memcmp(context_allowed[i].name, name, size) == 0)
            return &context_allowed[i];
    return NULL;
}

static void context_member(
    struct pseudonymiser *pseudonymiser, const struct allowed *allowed, yyjson_val *key, struct buffer *out)
{
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    if (!allowed->member) {
        if (yyjson_is_str(value) || yyjson_is_raw(value))
            scrub_member(pseudonymiser, key, KEY_PLAIN, value, NAMED_THING, 0, out);
        return;
    }
    if (!yyjson_is_obj(value))
        return;
    if (strcmp(allowed->member, "*") == 0) {
        scrub_member(pseudonymiser, key, KEY_PLAIN, value, NAMED_THING, 0, out);
        return;
    }
    size_t before = out->size;
    buffer_printf(out, "%s\"%s\":{", before > 0 && out->data[before - 1] != '{' ? "," : "", allowed->name);
    bool written = false;
    yyjson_obj_iter iterator = yyjson_obj_iter_with(value);
    for (yyjson_val *member; !written && (member = yyjson_obj_iter_next(&iterator));)
        if (yyjson_equals_str(member, allowed->member)) {
            enum key_class class = scrub_class(pseudonymiser, value, member, NAMED_THING);
            written = scrub_member(
                pseudonymiser, member, class, yyjson_obj_iter_get_val(member), NAMED_THING, 1, out);
        }
    buffer_byte(out, '}');
    if (!written)
        out->size = before;
}

void pseudonym_context(struct pseudonymiser *pseudonymiser, struct buffer *out)
{
    yyjson_val *context = pseudonymiser->event->context;
    if (!context)
        return;
    size_t before = out->size;
    buffer_byte(out, '{');
    yyjson_obj_iter iterator = yyjson_obj_iter_with(context);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));) {
        const struct allowed *allowed = find_allowed(yyjson_get_str(key), yyjson_get_len(key));
        if (allowed)
            context_member(pseudonymiser, allowed, key, out);
    }
    buffer_byte(out, '}');
    if (out->size == before + 2)
        out->size = before;
}

/* -- traits -- */

struct trait_walk {
    struct pseudonymiser *pseudonymiser;
    struct buffer *out;
    struct personal_trait *personal;
    unsigned count;
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
             birthday_is_name(yyjson_get_str(key), yyjson_get_len(key)))
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

static void walk_trait(struct trait_walk *walk, yyjson_val *traits, yyjson_val *key)
{
    struct pseudonymiser *pseudonymiser = walk->pseudonymiser;
    const char *name = yyjson_get_str(key);
    size_t size = yyjson_get_len(key);
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    const struct kind *kind = kind_find(pseudonymiser->kinds, name, size);
    enum key_class class = scrub_class(pseudonymiser, traits, key, NAMED_PERSON);
    enum named below = named_below(NAMED_PERSON, name, size);
    if (kind && kind->form != FORM_PHONE && kind->form != FORM_EMAIL)
        return; /* an identifier: it is stored as one */
    if (is_derived(name, size))
        return;
    bool personal = class_is_personal(class) || is_private_trait(name, size);
    if (personal && !yyjson_is_bool(value)) {
        note_derived(walk, class, key, value);
        keep_trait(walk, key, value);
        return;
    }
    if (scrub_member(pseudonymiser, key, class, value, below, 0, walk->out))
        return;
    keep_trait(walk, key, value);
    if (!personal_key(&pseudonymiser->personal, name, size))
        write_gone(walk, name, size);
}

static bool has_identifier(const struct identifiers *identifiers, enum kind_form form)
{
    for (unsigned i = 0; i < identifiers->count; i++)
        if (identifiers->items[i].kind->form == form)
            return true;
    return false;
}

static void write_derived(struct trait_walk *walk, const char *name, const char *json)
{
    struct buffer *out = walk->out;
    buffer_printf(out, "%s\"%s\":%s", out->data && out->data[out->size - 1] != '{' ? "," : "", name, json);
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
        walk_trait(&walk, event->traits, key);
    iterator = yyjson_obj_iter_with(event->context_traits);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));)
        if (!yyjson_obj_getn(event->traits, yyjson_get_str(key), yyjson_get_len(key)))
            walk_trait(&walk, event->context_traits, key);
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
