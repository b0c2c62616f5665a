/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/pseudonym_private.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

/* -- what the event says of its person -- */

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

static yyjson_val *address_of(const struct event *event)
{
    yyjson_val *address = event->context ? yyjson_obj_get(event->context, "ip") : NULL;
    return yyjson_is_str(address) ? address : NULL;
}

static void gather_event(struct pseudonymiser *pseudonymiser, const struct gathering *gathering)
{
    const struct event *event = pseudonymiser->event;
    scrub_gather(pseudonymiser, KEY_PLAIN, event->traits, NAMED_PERSON, 0, gathering);
    scrub_gather(pseudonymiser, KEY_PLAIN, event->context_traits, NAMED_PERSON, 0, gathering);
    scrub_gather(pseudonymiser, KEY_PLAIN, event->properties, properties_named(event), 0, gathering);
}

static int recall_all(void *self, struct forms *forms)
{
    struct pseudonymiser *pseudonymiser = self;
    const struct identifiers *identifiers = pseudonymiser->personal.identifiers;
    for (unsigned i = 0; i < identifiers->count; i++)
        forms_add_identifier(
            forms, identifiers->items[i].kind, identifiers->items[i].value, identifiers->items[i].size);
    gather_event(pseudonymiser, &(struct gathering){.forms = forms});
    yyjson_val *address = address_of(pseudonymiser->event);
    if (address)
        forms_add_text(forms, yyjson_get_str(address), yyjson_get_len(address));
    return pseudonymiser->recall ? pseudonymiser->recall(pseudonymiser->recall_self, forms) : 0;
}

/* -- one event -- */

int pseudonymiser_open(
    const struct vault *vault, struct key_cache *keys, struct pseudonymiser **ret_pseudonymiser)
{
    struct pseudonymiser *pseudonymiser = calloc(1, sizeof(*pseudonymiser));
    if (!pseudonymiser)
        return -QY_ENOMEM;
    pseudonymiser->vault = vault;
    pseudonymiser->keys = keys;
    pseudonymiser->personal.recall = recall_all;
    pseudonymiser->personal.recall_self = pseudonymiser;
    int error = forms_open(&pseudonymiser->personal.forms);
    if (error)
        pseudonymiser_close(&pseudonymiser);
    *ret_pseudonymiser = pseudonymiser;
    return error;
}

void pseudonymiser_close(struct pseudonymiser **pseudonymiser)
{
    if (*pseudonymiser)
        forms_close(&(*pseudonymiser)->personal.forms);
    free(*pseudonymiser);
    *pseudonymiser = NULL;
}

void pseudonym_begin(
    struct pseudonymiser *pseudonymiser, const struct event *event, const struct identifiers *identifiers)
{
    struct personal *personal = &pseudonymiser->personal;
    pseudonymiser->event = event;
    personal->identifiers = identifiers;
    personal->recalled = false;
    personal->error = 0;
    personal->stored = (struct sketch){0};
    known_reset(&personal->known);
    for (unsigned i = 0; i < identifiers->count; i++)
        known_add_identifier(&personal->known, &identifiers->items[i]);
    gather_event(pseudonymiser, &(struct gathering){.known = &personal->known});
    yyjson_val *address = address_of(event);
    if (address)
        known_add(&personal->known, KNOWN_TEXT, yyjson_get_str(address), yyjson_get_len(address));
}

int pseudonym_error(const struct pseudonymiser *pseudonymiser)
{
    return pseudonymiser->personal.error;
}

void pseudonym_recall_from(struct pseudonymiser *pseudonymiser, personal_recall_fn *recall, void *self)
{
    pseudonymiser->recall = recall;
    pseudonymiser->recall_self = self;
}

void pseudonym_know(struct pseudonymiser *pseudonymiser, const struct known *stored)
{
    known_take(&pseudonymiser->personal.known, stored);
}

void pseudonym_suspect(struct pseudonymiser *pseudonymiser, const struct sketch *stored,
    const struct sketch_key *key, personal_open_fn *open, void *self)
{
    struct personal *personal = &pseudonymiser->personal;
    personal->stored = *stored;
    personal->sketch_key = key;
    personal->open = open;
    personal->open_self = self;
}

void pseudonym_gather(struct pseudonymiser *pseudonymiser, const char *key, size_t key_size, const char *json,
    size_t json_size, const struct gathering *gathering)
{
    enum key_class class = key_info(pseudonymiser->keys, key, key_size)->class;
    if (class == KEY_BARE_NAME)
        class = KEY_NAME;
    if (!key_class_is_personal(class) || class == KEY_PRIVATE)
        return;
    yyjson_doc *doc = yyjson_read(json, json_size, YYJSON_READ_NUMBER_AS_RAW);
    if (doc)
        scrub_gather(pseudonymiser, class, yyjson_doc_get_root(doc), NAMED_PERSON, 0, gathering);
    yyjson_doc_free(doc);
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
    size_t size;
    const char *member; /* the one that is allowed of an object; NULL: a text or number, "": all */
};

#define ALLOWED(name, member) {name, sizeof(name) - 1, member}

static const struct allowed context_allowed[] = {ALLOWED("channel", NULL), ALLOWED("source", NULL),
    ALLOWED("touchpoint", NULL), ALLOWED("locale", NULL), ALLOWED("timezone", NULL), ALLOWED("campaign", ""),
    ALLOWED("app", "name"), ALLOWED("device", "type"), ALLOWED("os", "name"), ALLOWED("library", "name"),
    ALLOWED("page", "path")};

static const struct allowed *find_allowed(const char *name, size_t size)
{
    for (size_t i = 0; i < COUNT_OF(context_allowed); i++)
        if (context_allowed[i].size == size && memcmp(context_allowed[i].name, name, size) == 0)
            return &context_allowed[i];
    return NULL;
}

static void comma(struct buffer *out)
{
    if (out->size > 0 && out->data[out->size - 1] != '{')
        buffer_byte(out, ',');
}

/* `"app":{"name":…}` of whatever else the app is said to be. */
static void context_one_of(
    struct pseudonymiser *pseudonymiser, const struct allowed *allowed, yyjson_val *value, struct buffer *out)
{
    size_t before = out->size;
    comma(out);
    buffer_byte(out, '"');
    buffer_append(out, allowed->name, allowed->size);
    buffer_append(out, "\":{", 3);
    bool written = false;
    yyjson_obj_iter iterator = yyjson_obj_iter_with(value);
    for (yyjson_val *key; !written && (key = yyjson_obj_iter_next(&iterator));)
        if (yyjson_equals_str(key, allowed->member)) {
            struct surroundings around = {.object = value, .named = NAMED_THING};
            struct member member = scrub_look(pseudonymiser, &around, key);
            written = scrub_member(pseudonymiser, key, &member, 1, out);
        }
    buffer_byte(out, '}');
    if (!written)
        out->size = before;
}

static void context_member(
    struct pseudonymiser *pseudonymiser, const struct allowed *allowed, yyjson_val *key, struct buffer *out)
{
    static const struct member thing = {.class = KEY_PLAIN, .below = NAMED_THING};
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    if (!allowed->member) {
        if (yyjson_is_str(value) || yyjson_is_raw(value))
            scrub_member(pseudonymiser, key, &thing, 0, out);
    } else if (yyjson_is_obj(value) && *allowed->member) {
        context_one_of(pseudonymiser, allowed, value, out);
    } else if (yyjson_is_obj(value)) {
        scrub_member(pseudonymiser, key, &thing, 0, out);
    }
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
