/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identifier.h"

#include "common/ascii.h"
#include "common/error.h"

#include <string.h>

/* What SDKs and shops call the kinds, in lower case without separators. */
static const struct {
    const char *alias;
    const char *name;
} aliases[] = {
    {"userid", "user_id"},
    {"anonymousid", "anonymous_id"},
    {"phone", "phone"},
    {"phonenumber", "phone"},
    {"mobile", "phone"},
    {"mobilephone", "phone"},
    {"email", "email"},
    {"emailaddress", "email"},
    {"unionid", "wechat_unionid"},
    {"wechatunionid", "wechat_unionid"},
    {"openid", "wechat_openid"},
    {"wechatopenid", "wechat_openid"},
    {"membercard", "member_card"},
    {"membercardno", "member_card"},
    {"phonesha256", "phone_sha256"},
    {"phonesha1", "phone_sha1"},
    {"phonemd5", "phone_md5"},
    {"mobilesha256", "phone_sha256"},
    {"mobilesha1", "phone_sha1"},
    {"mobilemd5", "phone_md5"},
    {"emailsha256", "email_sha256"},
    {"emailsha1", "email_sha1"},
    {"emailmd5", "email_md5"},
};

static const char *const algorithms[DIGEST_COUNT] = {
    [DIGEST_MD5] = "md5", [DIGEST_SHA1] = "sha1", [DIGEST_SHA256] = "sha256"};

static enum kind_form form_of(const char *name)
{
    if (strcmp(name, "phone") == 0)
        return FORM_PHONE;
    if (strcmp(name, "email") == 0)
        return FORM_EMAIL;
    if (strcmp(name, "wechat_openid") == 0)
        return FORM_OPENID;
    return FORM_PLAIN;
}

const char *kind_form_name(enum kind_form form)
{
    static const char *const names[FORM_COUNT] = {[FORM_PLAIN] = "text",
        [FORM_PHONE] = "phone",
        [FORM_EMAIL] = "email",
        [FORM_OPENID] = "openid",
        [FORM_DIGITS] = "digits",
        [FORM_LOWER] = "lower",
        [FORM_DIGEST] = "digest"};
    return names[form];
}

static bool is_name(const char *name, size_t size)
{
    if (size == 0 || size >= KIND_NAME_BYTES)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") >= size;
}

const struct kind *kind_exact(const struct kinds *kinds, const char *name, size_t size)
{
    unsigned count = __atomic_load_n(&kinds->count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count; i++)
        if (kinds->items[i].name_size == size && memcmp(kinds->items[i].name, name, size) == 0)
            return &kinds->items[i];
    return NULL;
}

bool kind_algorithm(const char *name, size_t size, enum digest_algorithm *ret_algorithm)
{
    char plain[8];
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '-' || name[i] == '_')
            continue;
        if (used == sizeof(plain))
            return false;
        plain[used++] = ascii_lower(name[i]);
    }
    for (unsigned i = 0; i < DIGEST_COUNT; i++)
        if (strlen(algorithms[i]) == used && memcmp(algorithms[i], plain, used) == 0) {
            *ret_algorithm = (enum digest_algorithm)i;
            return true;
        }
    return false;
}

/* Digests of a phone or an email are a kind of their own. */
static void note_hashed(const struct kinds *kinds, struct kind *kind)
{
    const char *ending = strrchr(kind->name, '_');
    const struct kind *plain = ending ? kind_exact(kinds, kind->name, (size_t)(ending - kind->name)) : NULL;
    kind->plain = kind->priority;
    if (!plain || (plain->form != FORM_PHONE && plain->form != FORM_EMAIL) ||
        !kind_algorithm(ending + 1, strlen(ending + 1), &kind->algorithm))
        return;
    kind->form = FORM_DIGEST;
    kind->plain = plain->priority;
}

const struct kind *kind_hashed(
    const struct kinds *kinds, const struct kind *plain, enum digest_algorithm algorithm)
{
    for (unsigned i = 0; i < kinds->count; i++) {
        const struct kind *kind = &kinds->items[i];
        if (kind->form == FORM_DIGEST && kind->plain == plain->priority && kind->algorithm == algorithm)
            return kind;
    }
    return NULL;
}

int kinds_set(struct kinds *kinds, const char *names, const char *region)
{
    kinds->count = 0;
    if (strlen(region) != 2 || !phone_region_known(region))
        return -QY_EINVAL;
    memcpy(kinds->region, region, sizeof(kinds->region));
    for (const char *name = names + strspn(names, " ,"); *name; name += strspn(name, " ,")) {
        size_t size = strcspn(name, " ,");
        if (!is_name(name, size) || kinds->count == KINDS_MAX || kind_exact(kinds, name, size))
            return -QY_EINVAL;
        struct kind *kind = &kinds->items[kinds->count];
        memcpy(kind->name, name, size);
        kind->name[size] = '\0';
        kind->name_size = size;
        kind->form = form_of(kind->name);
        kind->priority = kinds->count++;
        kind->number = kinds->count;
        note_hashed(kinds, kind);
        name += size;
    }
    kinds->user_id = kind_exact(kinds, "user_id", 7);
    kinds->anonymous_id = kind_exact(kinds, "anonymous_id", 12);
    return kinds->count ? 0 : -QY_EINVAL;
}

const struct kind *kind_find(const struct kinds *kinds, const char *name, size_t size)
{
    char plain[KIND_NAME_BYTES];
    size_t plain_size = 0;
    if (size >= sizeof(plain) || size == 0)
        return NULL;
    const struct kind *exact = kind_exact(kinds, name, size);
    if (exact)
        return exact;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if (c == '\0')
            return NULL;
        if (c == '_' || c == '-' || c == '.' || c == ' ')
            continue;
        plain[plain_size++] = ascii_lower(c);
    }
    plain[plain_size] = '\0';
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (plain[0] == aliases[i].alias[0] && strcmp(plain, aliases[i].alias) == 0)
            return kind_exact(kinds, aliases[i].name, strlen(aliases[i].name));
    return NULL;
}

static bool form_named(const char *name, size_t size, enum kind_form *ret_form)
{
    static const enum kind_form forms[] = {FORM_PLAIN, FORM_DIGITS, FORM_LOWER};
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (strlen(kind_form_name(forms[i])) == size && memcmp(kind_form_name(forms[i]), name, size) == 0) {
            *ret_form = forms[i];
            return true;
        }
    return false;
}

static int add(struct kinds *kinds, const char *name, size_t size, enum kind_form form, unsigned number)
{
    if (!is_name(name, size) || kinds->count == KINDS_MAX || kind_exact(kinds, name, size))
        return -QY_EINVAL;
    struct kind *kind = &kinds->items[kinds->count];
    *kind = (struct kind){.name_size = size, .form = form, .priority = kinds->count, .number = number};
    memcpy(kind->name, name, size);
    note_hashed(kinds, kind);
    __atomic_store_n(&kinds->count, kinds->count + 1, __ATOMIC_RELEASE); /* readers go on */
    return 0;
}

static unsigned highest_number(const struct kinds *kinds)
{
    unsigned highest = 0;
    for (unsigned i = 0; i < kinds->count; i++)
        highest = kinds->items[i].number > highest ? kinds->items[i].number : highest;
    return highest;
}

int kinds_add(struct kinds *kinds, const char *name, const char *form, const struct kind **ret_kind)
{
    enum kind_form known;
    if (!form_named(form, strlen(form), &known) || highest_number(kinds) == KINDS_MAX)
        return -QY_EINVAL;
    int error = add(kinds, name, strlen(name), known, highest_number(kinds) + 1);
    if (!error)
        *ret_kind = &kinds->items[kinds->count - 1];
    return error;
}

/* Yields how many the registry names. */
static int take_registered(struct kinds *kinds, const char *registry, unsigned *ret_count)
{
    unsigned number = 0;
    int error = 0;
    for (const char *at = registry + strspn(registry, " "); !error && *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " :"), whole = strcspn(at, " ");
        enum kind_form form = FORM_PLAIN;
        struct kind *kind = (struct kind *)(uintptr_t)kind_exact(kinds, at, size);
        number++;
        if (kind)
            kind->number = number;
        else if (whole == size || form_named(at + size + 1, whole - size - 1, &form))
            error = add(kinds, at, size, form, number);
        else
            error = -QY_EINVAL;
        at += whole;
    }
    *ret_count = number;
    return error;
}

int kinds_register(struct kinds *kinds, struct buffer *registry)
{
    unsigned known;
    for (unsigned i = 0; i < kinds->count; i++)
        kinds->items[i].number = 0;
    int error = take_registered(kinds, buffer_c_str(registry), &known);
    for (unsigned i = 0; !error && i < kinds->count; i++) {
        struct kind *kind = &kinds->items[i];
        if (kind->number)
            continue;
        if (known == KINDS_MAX)
            return -QY_EINVAL;
        kind->number = ++known;
        kind_register(kind, registry);
    }
    return error ? error : buffer_error(registry);
}

void kind_register(const struct kind *kind, struct buffer *registry)
{
    if (registry->size)
        buffer_byte(registry, ' ');
    buffer_text(registry, kind->name);
    if (kind->form == FORM_DIGITS || kind->form == FORM_LOWER)
        buffer_printf(registry, ":%s", kind_form_name(kind->form));
}

const struct kind *kind_numbered(const struct kinds *kinds, unsigned number)
{
    unsigned count = __atomic_load_n(&kinds->count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count; i++)
        if (kinds->items[i].number == number)
            return &kinds->items[i];
    return NULL;
}
