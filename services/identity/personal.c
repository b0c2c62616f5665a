/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/personal.h"

#include "common/decimal.h"
#include "common/glyph.h"
#include "common/looks.h"

#include <string.h>

#define PHONE_DIGITS_MIN 7
#define PLATE_DIGITS_MIN 3
#define ENCODED_MIN 6 /* two Chinese characters are six bytes: eight characters of base64, six percents */

/* -- what a text has -- */

enum has {
    HAS_DIGIT = 1, /* one, or a byte that digits of other scripts begin with */
    HAS_AT = 2,    /* the sign, or a byte that its other forms begin with */
    HAS_BLANK = 4, /* or a bracket: "at" may be a word */
    HAS_CODE = 8,  /* a capital or percent sign: without them, and without digits, nothing is encoded */
    HAS_FOLD = 16, /* a byte that letters with a small form, or characters of full width, begin with */
    HAS_HAN = 32,  /* a byte that Chinese characters begin with: numerals, signs of provinces */
};

/* Chinese begins with none of the others, but for its punctuation of full width. */
#define WIDE (HAS_DIGIT | HAS_AT | HAS_BLANK | HAS_FOLD)
static const uint8_t has[256] = {
    ['0' ... '9'] = HAS_DIGIT,
    ['A' ... 'Z'] = HAS_CODE,
    ['%'] = HAS_CODE,
    ['@'] = HAS_AT,
    [' '] = HAS_BLANK,
    ['\t'] = HAS_BLANK,
    ['\n'] = HAS_BLANK,
    ['\r'] = HAS_BLANK,
    ['('] = HAS_BLANK,
    ['['] = HAS_BLANK,
    ['{'] = HAS_BLANK,
    ['<'] = HAS_BLANK,
    [0xc2] = HAS_DIGIT,
    [0xc3] = HAS_FOLD,
    [0xc4] = HAS_FOLD,
    [0xc5] = HAS_FOLD,
    [0xce] = HAS_FOLD,
    [0xcf] = HAS_FOLD,
    [0xd0] = HAS_FOLD,
    [0xd1] = HAS_FOLD,
    [0xd9] = HAS_DIGIT | HAS_FOLD,
    [0xdb] = HAS_DIGIT | HAS_FOLD,
    [0xdf] = HAS_DIGIT | HAS_FOLD,
    [0xe0] = HAS_DIGIT | HAS_FOLD,
    [0xe1] = HAS_DIGIT | HAS_FOLD,
    [0xe2] = HAS_DIGIT | HAS_FOLD,
    [0xe3] = HAS_BLANK | HAS_FOLD | HAS_HAN,
    [0xe4 ... 0xe9] = HAS_HAN,
    [0xea] = HAS_DIGIT | HAS_FOLD,
    [0xef] = WIDE,
    [0xf0] = HAS_DIGIT | HAS_FOLD,
};

struct seen {
    unsigned digits; /* of other scripts too, roughly; and Chinese numerals */
    unsigned has;
};

static unsigned count_numerals(const char *text, size_t size)
{
    unsigned count = 0;
    for (size_t at = 0; at + 3 <= size; at++) {
        char digit;
        if ((has[(unsigned char)text[at]] & HAS_HAN) &&
            glyph_numeral((const unsigned char *)text + at, &digit))
            count++;
    }
    return count;
}

static inline struct seen look_at(const char *text, size_t size)
{
    struct seen seen = {0};
    for (size_t i = 0; i < size; i++) {
        unsigned found = has[(unsigned char)text[i]];
        seen.digits += found & HAS_DIGIT;
        seen.has |= found;
    }
    if (seen.has & HAS_HAN)
        seen.digits += count_numerals(text, size);
    return seen;
}

static inline bool seen_personal(const struct seen *seen, enum key_class class, const char *text, size_t size)
{
    if ((seen->has & (HAS_AT | HAS_BLANK)) && looks_like_email(text, size))
        return true;
    bool code = class == KEY_PRODUCT || class == KEY_ID || class == KEY_AMOUNT;
    if ((seen->has & HAS_HAN) && seen->digits >= PLATE_DIGITS_MIN && looks_like_plate(text, size, code))
        return true;
    if (seen->digits < PHONE_DIGITS_MIN)
        return false;
    return looks_like_number(text, size) || (!code && looks_like_bare_landline(text, size));
}

/* -- known -- */

static bool is_known(struct personal *personal, const char *text, size_t size, unsigned where)
{
    if (known_matches(&personal->known, text, size, where))
        return true;
    if (!sketch_matches(&personal->stored, personal->sketch_key, text, size, where))
        return false;
    personal->stored = (struct sketch){0};
    int error = personal->open(personal->open_self, &personal->known);
    if (error)
        personal->error = error;
    return error || known_matches(&personal->known, text, size, where);
}

/* -- plain -- */

/* Short identifiers are looked for where ids stand and nowhere else: "42" is many things. */
static bool is_identifier(const struct identifiers *identifiers, const char *text, size_t size)
{
    for (unsigned i = 0; i < identifiers->count; i++)
        if (identifiers->items[i].size == size && memcmp(identifiers->items[i].value, text, size) == 0)
            return true;
    return false;
}

static bool seen_text(
    struct personal *personal, const struct seen *seen, enum key_class class, const char *text, size_t size)
{
    if (seen_personal(seen, class, text, size))
        return true;
    unsigned where =
        (class != KEY_AMOUNT ? KNOWN_OPAQUE : 0) | (seen->digits >= PHONE_DIGITS_MIN ? KNOWN_NUMERIC : 0);
    if (seen->has & HAS_FOLD) {
        if (size > sizeof(personal->folded))
            return true;
        size = glyph_fold(text, size, personal->folded);
        text = personal->folded;
    }
    return is_known(personal, text, size, where);
}

static bool plain_text(struct personal *personal, enum key_class class, const char *text, size_t size)
{
    struct seen seen = look_at(text, size);
    return seen_text(personal, &seen, class, text, size);
}

/* -- in disguise -- */

static bool is_known_digest(void *self, const struct digest *digest)
{
    struct personal *personal = self;
    if (!personal->recalled) {
        personal->recalled = true;
        forms_reset(personal->forms);
        personal->error = personal->recall(personal->recall_self, personal->forms);
    }
    return personal->error || forms_hold(personal->forms, digest);
}

static bool is_part_personal(void *self, const char *text, size_t size)
{
    struct personal *personal = self;
    return plain_text(personal, KEY_PLAIN, text, size) ||
           disguise_digests(text, size, is_known_digest, personal);
}

static bool is_disguised(struct personal *personal, enum key_class class, const char *text, size_t size)
{
    size_t decoded = 0;
    if (disguise_decode(text, size, personal->decoded, &decoded) &&
        (plain_text(personal, class, personal->decoded, decoded) ||
            disguise_digests(personal->decoded, decoded, is_known_digest, personal)))
        return true;
    return disguise_parts(text, size, personal->decoded, is_part_personal, personal) ||
           disguise_digests(text, size, is_known_digest, personal);
}

bool personal_text(struct personal *personal, enum key_class class, const char *text, size_t size)
{
    if (size == 0)
        return false;
    struct seen seen = look_at(text, size);
    if (seen_text(personal, &seen, class, text, size) ||
        (class == KEY_ID && is_identifier(personal->identifiers, text, size)))
        return true;
    return size >= ENCODED_MIN && (seen.has & (HAS_DIGIT | HAS_CODE)) &&
           is_disguised(personal, class, text, size);
}

/* -- names of members -- */

enum key_looks key_looks(const char *key, size_t size)
{
    char decoded[DISGUISE_TEXT_MAX];
    size_t decoded_size;
    struct seen seen = look_at(key, size);
    if (seen_personal(&seen, KEY_PLAIN, key, size))
        return KEY_LOOKS_PERSONAL;
    bool odd = seen.digits >= PHONE_DIGITS_MIN || (seen.has & HAS_FOLD) || disguise_has_digest(key, size) ||
               (size >= ENCODED_MIN && disguise_decode(key, size, decoded, &decoded_size));
    return odd ? KEY_LOOKS_ODD : KEY_LOOKS_PLAIN;
}

bool personal_key(struct personal *personal, enum key_looks looks, const char *key, size_t size)
{
    if (looks == KEY_LOOKS_PLAIN)
        return is_known(personal, key, size, KNOWN_OPAQUE);
    return looks == KEY_LOOKS_PERSONAL || personal_text(personal, KEY_PLAIN, key, size);
}

/* -- numbers -- */

bool personal_number(struct personal *personal, enum key_class class, const char *number, size_t size)
{
    char digits[DECIMAL_WHOLE_BYTES];
    size = decimal_whole(number, size, digits);
    if (class == KEY_ID && is_identifier(personal->identifiers, digits, size))
        return true;
    if (size < PHONE_DIGITS_MIN)
        return false;
    unsigned where = KNOWN_NUMERIC | (class != KEY_AMOUNT ? KNOWN_OPAQUE : 0);
    return looks_like_number(digits, size) || is_known(personal, digits, size, where);
}
