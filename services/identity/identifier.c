/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identifier.h"

#include "common/ascii.h"
#include "common/error.h"
#include "services/identity/blocklist.h"

#include <string.h>

#define EXTERNAL_IDS_MAX 64
#define EMAIL_MAX 254
#define EMAIL_LOCAL_MAX 64

const char *unusable_name(enum unusable unusable)
{
    static const char *const names[UNUSABLE_COUNT] = {
        [USABLE] = "usable",
        [UNUSABLE_MALFORMED] = "malformed",
        [UNUSABLE_BLOCKED] = "blocked",
        [UNUSABLE_KIND] = "kind",
        [UNUSABLE_ENCODED] = "encoded",
        [UNUSABLE_SURPLUS] = "surplus",
    };
    return names[unusable];
}

/* -- values -- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **value, size_t *size)
{
    while (*size > 0 && is_blank((*value)[0])) {
        (*value)++;
        (*size)--;
    }
    while (*size > 0 && is_blank((*value)[*size - 1]))
        (*size)--;
}

static bool set_value(struct identifier *identifier, const char *value, size_t size)
{
    if (size == 0 || size > IDENTIFIER_VALUE_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            return false;
    memcpy(identifier->value, value, size);
    identifier->value[size] = '\0';
    identifier->size = size;
    return true;
}

/* Of nothing, "null", "undefined" and "0": what programs hash where they know of nobody. Their first bytes. */
static bool is_digest_of_nothing(enum digest_algorithm algorithm, const char *digits)
{
    static const char *const blocked[DIGEST_COUNT][4] = {
        [DIGEST_MD5] = {"d41d8cd98f00b204", "37a6259cc0c1dae2", "5e543256c480ac57", "cfcd208495d565ef"},
        [DIGEST_SHA1] = {"da39a3ee5e6b4b0d", "2be88ca4242c76e8", "d5d4cd07616a5428", "b6589fc6ab0dc82c"},
        [DIGEST_SHA256] = {"e3b0c44298fc1c14", "74234e98afe7498f", "eb045d78d2731073", "5feceb66ffc86f38"},
    };
    for (size_t i = 0; i < COUNT_OF(blocked[algorithm]); i++)
        if (memcmp(blocked[algorithm][i], digits, strlen(blocked[algorithm][i])) == 0)
            return true;
    return false;
}

/* Hexadecimal, upper and lower case alike. */
static bool set_digest(struct identifier *identifier, const struct kind *kind, const char *value, size_t size)
{
    if (size != 2 * digest_size(kind->algorithm))
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = ascii_lower(value[i]);
        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f'))
            return false;
        identifier->value[i] = c;
    }
    identifier->value[size] = '\0';
    identifier->size = size;
    return true;
}

/* One @, something before it, a domain with a dot behind it, no blanks. */
static bool set_email(struct identifier *identifier, const char *value, size_t size)
{
    const char *at = memchr(value, '@', size);
    if (!at || size > EMAIL_MAX)
        return false;
    size_t local = (size_t)(at - value);
    const char *domain = at + 1;
    size_t domain_size = size - local - 1;
    const char *dot = memchr(domain, '.', domain_size);
    if (local == 0 || local > EMAIL_LOCAL_MAX || memchr(domain, '@', domain_size) || memchr(value, ' ', size))
        return false;
    if (!dot || dot == domain || domain[domain_size - 1] == '.' || memmem(domain, domain_size, "..", 2))
        return false;
    if (!set_value(identifier, value, size))
        return false;
    for (size_t i = 0; i < size; i++)
        identifier->value[i] = ascii_lower(value[i]);
    return true;
}

/* Its digits, whatever stands between them. */
static bool set_digits(struct identifier *identifier, const char *value, size_t size)
{
    char digits[IDENTIFIER_VALUE_MAX];
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (ascii_is_digit(value[i]) && used < sizeof(digits))
            digits[used++] = value[i];
        else if (!strchr(" -./()", value[i]))
            return false;
    }
    return set_value(identifier, digits, used);
}

static bool set_lower(struct identifier *identifier, const char *value, size_t size)
{
    if (!set_value(identifier, value, size))
        return false;
    for (size_t i = 0; i < size; i++)
        identifier->value[i] = ascii_lower(value[i]);
    return true;
}

static bool set_phone(struct identifier *identifier, const char *value, size_t size, const char *region)
{
    if (!phone_normalise(value, size, region, &identifier->phone))
        return false;
    return set_value(identifier, identifier->phone.e164, strlen(identifier->phone.e164));
}

enum unusable identifier_normalise(const struct kinds *kinds, const struct kind *kind, const char *value,
    size_t size, struct identifier *ret_identifier)
{
    trim(&value, &size);
    if (blocked_by_default(value, size))
        return UNUSABLE_BLOCKED;
    bool valid = false;
    switch (kind->form) {
    case FORM_PHONE:
        valid = set_phone(ret_identifier, value, size, kinds->region);
        break;
    case FORM_EMAIL:
        valid = set_email(ret_identifier, value, size);
        break;
    case FORM_DIGEST:
        valid = set_digest(ret_identifier, kind, value, size);
        if (valid && is_digest_of_nothing(kind->algorithm, ret_identifier->value))
            return UNUSABLE_BLOCKED;
        break;
    case FORM_DIGITS:
        valid = set_digits(ret_identifier, value, size);
        break;
    case FORM_LOWER:
        valid = set_lower(ret_identifier, value, size);
        break;
    default:
        valid = set_value(ret_identifier, value, size);
    }
    if (!valid)
        return UNUSABLE_MALFORMED;
    ret_identifier->kind = kind;
    ret_identifier->previous = false;
    ret_identifier->blocked = false;
    return USABLE;
}

/* -- how an event carries them -- */

struct extraction {
    const struct kinds *kinds;
    struct key_cache *cache;
    struct identifiers *out;
    bool verified; /* the external id at hand is said to be */
};

/* A previousId that is one of the event's own anonymous ids says nothing new either. */
static struct identifier *find_same(const struct kinds *kinds, struct identifiers *identifiers,
    const struct identifier *identifier, bool previous)
{
    for (unsigned i = 0; i < identifiers->count; i++) {
        struct identifier *other = &identifiers->items[i];
        bool same_kind = other->kind == identifier->kind ||
                         (previous && other->kind == kinds->anonymous_id) ||
                         (other->previous && identifier->kind == kinds->anonymous_id);
        if (same_kind && other->size == identifier->size &&
            memcmp(other->value, identifier->value, identifier->size) == 0)
            return other;
    }
    return NULL;
}

/* A place for one more: the next one, or that of the weakest where the new one is stronger. */
static struct identifier *place_for(struct identifiers *identifiers, const struct kind *kind)
{
    if (identifiers->count < IDENTIFIERS_MAX)
        return &identifiers->items[identifiers->count];
    identifiers->unusable[UNUSABLE_SURPLUS]++;
    struct identifier *weakest = &identifiers->items[0];
    for (unsigned i = 1; i < IDENTIFIERS_MAX; i++)
        if (identifiers->items[i].kind->priority >= weakest->kind->priority)
            weakest = &identifiers->items[i];
    return kind->priority < weakest->kind->priority ? weakest : NULL;
}

static void add(
    struct extraction *extraction, const struct kind *kind, const char *value, size_t size, bool previous)
{
    struct identifiers *out = extraction->out;
    struct identifier spare;
    bool full = out->count == IDENTIFIERS_MAX;
    struct identifier *place = full ? &spare : &out->items[out->count];
    enum unusable unusable = identifier_normalise(extraction->kinds, kind, value, size, place);
    if (unusable) {
        out->unusable[unusable]++;
        return;
    }
    struct identifier *same = find_same(extraction->kinds, out, place, previous);
    if (same) {
        same->verified |= extraction->verified;
        if (place->kind == extraction->kinds->anonymous_id) {
            same->kind = place->kind;
            same->previous = false;
        }
        return;
    }
    place->previous = previous;
    place->verified = extraction->verified;
    if (!full) {
        out->count++;
        return;
    }
    struct identifier *taken = place_for(out, kind);
    if (taken)
        *taken = spare;
}

/* Texts and numbers are values; null and what is not there say nothing; the rest is malformed. */
static void add_value(
    struct extraction *extraction, const struct kind *kind, yyjson_val *value, bool previous)
{
    if (!kind || !value || yyjson_is_null(value))
        return;
    if (yyjson_is_str(value))
        add(extraction, kind, yyjson_get_str(value), yyjson_get_len(value), previous);
    else if (yyjson_is_raw(value))
        add(extraction, kind, yyjson_get_raw(value), yyjson_get_len(value), previous);
    else
        extraction->out->unusable[UNUSABLE_MALFORMED]++;
}

/* A WeChat openid counts within its app: "wx1234:o6_b…". */
static void add_openid(
    struct extraction *extraction, const struct kind *kind, yyjson_val *value, yyjson_val *app)
{
    if (!yyjson_is_str(value) || !yyjson_is_str(app) || yyjson_get_len(app) == 0) {
        add_value(extraction, kind, value, false);
        return;
    }
    const char *id = yyjson_get_str(value), *scope = yyjson_get_str(app);
    size_t id_size = yyjson_get_len(value), scope_size = yyjson_get_len(app);
    trim(&id, &id_size);
    trim(&scope, &scope_size);
    if (blocked_by_default(id, id_size)) {
        extraction->out->unusable[UNUSABLE_BLOCKED]++;
        return;
    }
    char text[IDENTIFIER_VALUE_MAX];
    if (memchr(id, ':', id_size)) {
        add(extraction, kind, id, id_size, false); /* scoped already */
    } else if (scope_size + 1 + id_size > sizeof(text)) {
        extraction->out->unusable[UNUSABLE_MALFORMED]++;
    } else {
        memcpy(text, scope, scope_size);
        text[scope_size] = ':';
        memcpy(text + scope_size + 1, id, id_size);
        add(extraction, kind, text, scope_size + 1 + id_size, false);
    }
}

static yyjson_val *first_of(yyjson_val *object, const char *one, const char *other)
{
    yyjson_val *value = yyjson_obj_get(object, one);
    return value ? value : yyjson_obj_get(object, other);
}

/* {"type":"phone","encoding":"md5"} is a "phone_md5". NULL: such are not known. */
static const struct kind *encoded_kind(
    const struct kinds *kinds, const struct kind *kind, yyjson_val *encoding)
{
    enum digest_algorithm algorithm;
    if (!yyjson_is_str(encoding) || !yyjson_get_len(encoding) || yyjson_equals_str(encoding, "none"))
        return kind;
    if (!kind_algorithm(yyjson_get_str(encoding), yyjson_get_len(encoding), &algorithm))
        return NULL;
    if (kind->form == FORM_DIGEST)
        return kind->algorithm == algorithm ? kind : NULL;
    return kind_hashed(kinds, kind, algorithm);
}

static void add_external_id(struct extraction *extraction, yyjson_val *entry)
{
    yyjson_val *type = yyjson_obj_get(entry, "type");
    if (!yyjson_is_str(type)) {
        extraction->out->unusable[UNUSABLE_KIND]++;
        return;
    }
    const struct kind *kind = key_info(extraction->cache, yyjson_get_str(type), yyjson_get_len(type))->kind;
    extraction->verified = yyjson_is_true(yyjson_obj_get(entry, "verified"));
    const struct kind *named = kind;
    kind = kind ? encoded_kind(extraction->kinds, kind, yyjson_obj_get(entry, "encoding")) : NULL;
    if (!named)
        extraction->out->unusable[UNUSABLE_KIND]++;
    else if (!kind)
        extraction->out->unusable[UNUSABLE_ENCODED]++;
    else if (kind->form == FORM_OPENID)
        add_openid(extraction, kind, yyjson_obj_get(entry, "id"), first_of(entry, "app_id", "appId"));
    else
        add_value(extraction, kind, yyjson_obj_get(entry, "id"), false);
    extraction->verified = false;
}

static void add_traits(struct extraction *extraction, yyjson_val *traits)
{
    yyjson_obj_iter iterator = yyjson_obj_iter_with(traits);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));) {
        const struct kind *kind = key_info(extraction->cache, yyjson_get_str(key), yyjson_get_len(key))->kind;
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (kind && kind->form == FORM_OPENID)
            add_openid(extraction, kind, value, first_of(traits, "wechat_app_id", "wechat_appid"));
        else if (kind)
            add_value(extraction, kind, value, false);
    }
}

/* A stable sort by strength; there are few. */
static void sort(struct identifiers *identifiers)
{
    for (unsigned i = 0; i < identifiers->count; i++) {
        unsigned at = i;
        unsigned priority = identifiers->items[i].kind->priority;
        for (; at > 0 && identifiers->items[identifiers->order[at - 1]].kind->priority > priority; at--)
            identifiers->order[at] = identifiers->order[at - 1];
        identifiers->order[at] = i;
    }
}

/* `kind` NULL: all. */
static void verify(struct identifiers *identifiers, const struct kind *kind)
{
    for (unsigned i = 0; i < identifiers->count; i++)
        identifiers->items[i].verified |= !kind || identifiers->items[i].kind == kind;
}

/* context.verified: true, or a list of kinds. context.source, by which the rules know where an event comes from. */
static void read_standing(struct extraction *extraction, yyjson_val *context)
{
    yyjson_val *source = yyjson_obj_get(context, "source");
    extraction->out->source = yyjson_get_str(source);
    extraction->out->source_size = yyjson_get_len(source);
    yyjson_val *verified = yyjson_obj_get(context, "verified");
    if (yyjson_is_true(verified))
        verify(extraction->out, NULL);
    yyjson_arr_iter iterator = yyjson_arr_iter_with(verified);
    for (yyjson_val *name; (name = yyjson_arr_iter_next(&iterator));) {
        if (!yyjson_is_str(name))
            continue;
        const struct kind *kind =
            key_info(extraction->cache, yyjson_get_str(name), yyjson_get_len(name))->kind;
        if (kind)
            verify(extraction->out, kind);
    }
}

void identifiers_extract(const struct kinds *kinds, struct key_cache *cache, const struct event *event,
    struct identifiers *ret_identifiers)
{
    ret_identifiers->count = 0;
    ret_identifiers->source = NULL;
    memset(ret_identifiers->unusable, 0, sizeof(ret_identifiers->unusable));
    struct extraction extraction = {.kinds = kinds, .cache = cache, .out = ret_identifiers};
    add_value(&extraction, kinds->user_id, yyjson_obj_get(event->root, "userId"), false);
    add_value(&extraction, kinds->anonymous_id, yyjson_obj_get(event->root, "anonymousId"), false);
    if (event->type == QUANYU__EVENT_TYPE__EVENT_ALIAS)
        add_value(&extraction, kinds->user_id, yyjson_obj_get(event->root, "previousId"), true);
    if (event->traits)
        add_traits(&extraction, event->traits);
    if (event->context_traits)
        add_traits(&extraction, event->context_traits);
    yyjson_val *external = event->context ? yyjson_obj_get(event->context, "externalIds") : NULL;
    yyjson_arr_iter iterator = yyjson_arr_iter_with(external);
    unsigned seen = 0;
    for (yyjson_val *entry; (entry = yyjson_arr_iter_next(&iterator)) && seen < EXTERNAL_IDS_MAX; seen++)
        add_external_id(&extraction, entry);
    if (event->context)
        read_standing(&extraction, event->context);
    sort(ret_identifiers);
}
