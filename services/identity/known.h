/* SPDX-License-Identifier: Apache-2.0 */
/* The personal values that are known of an event's person: its identifiers, what it states, what is stored.
 * Texts that hold one of them are personal, whatever they are called. Letter case does not count, nor what
 * stands between the characters: of names the blanks and dashes that people put or leave out, of other values
 * any separators; an email's @ and dots may be words. */
#ifndef QY_IDENTITY_KNOWN_H
#define QY_IDENTITY_KNOWN_H

#include "common/buffer.h"
#include "common/looks.h"
#include "services/identity/identifier.h"

#define KNOWN_MAX 96
#define KNOWN_TEXT_BYTES 8192
#define KNOWN_VALUE_BYTES 1024 /* of one value; what is longer is left out */

enum known_use {
    KNOWN_NAME, /* within other texts, from two characters on; as a word where it is written in Latin letters
                 */
    KNOWN_TEXT, /* within other texts, from six bytes on; shorter as a whole */
    KNOWN_DIGITS, /* a number's digits, within other digits whatever their separators */
    KNOWN_WHOLE,  /* the whole text alone, from six bytes on */
};

struct known_value {
    uint16_t at;
    uint16_t size;
    uint8_t use;
    uint8_t next; /* of those with the same first byte; 0: none, else index + 1 */
};

struct known {
    unsigned count;
    unsigned text_used;
    bool has_digits;
    uint8_t first[256]; /* index + 1 of the first value that is looked for within texts and begins so */
    struct known_value values[KNOWN_MAX];
    char text[KNOWN_TEXT_BYTES]; /* folded; names and texts without separators */
};

void known_reset(struct known *known);
/* What does not fit any more (no honest event has so much) is left out; doubles are left out. */
void known_add(struct known *known, enum known_use use, const char *value, size_t size);
/* Digits of a number as somebody wrote it, with and without China's country code. */
void known_add_number(struct known *known, const char *value, size_t size);
void known_add_identifier(struct known *known, const struct identifier *identifier);

enum known_where {
    KNOWN_WITHIN = 0,  /* names and texts */
    KNOWN_OPAQUE = 1,  /* also as a whole */
    KNOWN_NUMERIC = 2, /* also digits: the text has enough of them */
};
/* `text` is folded (glyph_fold()) where it is not all of ASCII; capitals are no matter. */
bool known_matches(const struct known *known, const char *text, size_t size, unsigned where);

/* Without the blanks at both ends: so a text is compared as a whole. */
void known_trim(const char **value, size_t *size);
/* Adds all values of `others`. */
void known_take(struct known *known, const struct known *others);

#endif
