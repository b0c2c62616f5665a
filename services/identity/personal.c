/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/personal.h"

#include <string.h>

#define PHONE_DIGITS_MIN 7
#define ENCODED_MIN 6 /* two Chinese characters are six bytes: eight characters of base64, six percents */

struct traits_of_text {
    unsigned digits; /* of full width too, roughly */
    bool at;
    bool wide;
};

static struct traits_of_text look_at(const char *text, size_t size)
{
    struct traits_of_text seen = {0};
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        seen.digits += (c >= '0' && c <= '9') || c == 0xef;
        seen.at |= c == '@';
        seen.wide |= c == 0xef;
    }
    return seen;
}

/* Short identifiers are looked for where ids stand and nowhere else: "42" is many things. */
static bool is_identifier(const struct identifiers *identifiers, const char *text, size_t size)
{
    for (unsigned i = 0; i < identifiers->count; i++)
        if (identifiers->items[i].size == size && memcmp(identifiers->items[i].value, text, size) == 0)
            return true;
    return false;
}

static bool plain_text(const struct personal *personal, enum key_class class, const char *text, size_t size)
{
    struct traits_of_text seen = look_at(text, size);
    if ((seen.at || seen.wide) && looks_like_email(text, size))
        return true;
    if (seen.digits >= PHONE_DIGITS_MIN) {
        if (looks_like_phone(text, size))
            return true;
        bool code = class == KEY_PRODUCT || class == KEY_ID || class == KEY_AMOUNT;
        if (!code && looks_like_bare_landline(text, size))
            return true;
    }
    unsigned where =
        (class != KEY_AMOUNT ? KNOWN_OPAQUE : 0) | (seen.digits >= PHONE_DIGITS_MIN ? KNOWN_NUMERIC : 0);
    return known_matches(&personal->known, text, size, where);
}

bool personal_text(struct personal *personal, enum key_class class, const char *text, size_t size)
{
    if (size == 0)
        return false;
    if (plain_text(personal, class, text, size))
        return true;
    if (class == KEY_ID && is_identifier(personal->identifiers, text, size))
        return true;
    size_t decoded = 0;
    if (size >= ENCODED_MIN && disguise_decode(text, size, personal->decoded, &decoded) &&
        plain_text(personal, class, personal->decoded, decoded))
        return true;
    return disguise_is_hash_of(personal->identifiers, text, size);
}

bool personal_key(const struct personal *personal, const char *key, size_t size)
{
    return plain_text(personal, KEY_PLAIN, key, size);
}

bool personal_number(struct personal *personal, enum key_class class, const char *digits, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false; /* an amount, or a float */
    if (class == KEY_ID && is_identifier(personal->identifiers, digits, size))
        return true;
    if (size < PHONE_DIGITS_MIN)
        return false;
    return looks_like_phone(digits, size) || known_matches(&personal->known, digits, size,
                                                 KNOWN_NUMERIC | (class != KEY_AMOUNT ? KNOWN_OPAQUE : 0));
}
