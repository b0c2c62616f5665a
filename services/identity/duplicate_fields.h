/* SPDX-License-Identifier: Apache-2.0 */
/* What two persons are compared by, and how far they agree in it.
 *
 * Agreement has levels, after Winkler: from level 1, nothing in common, to the field's highest; level 0 says that one of them
 * does not have it, which speaks neither for nor against. Place is one field, from the city to the door, since its parts agree
 * together. */
#ifndef QY_IDENTITY_DUPLICATE_FIELDS_H
#define QY_IDENTITY_DUPLICATE_FIELDS_H

#include "services/identity/birthday.h"
#include "services/identity/duplicate_text.h"

/* Stored by these numbers. */
enum duplicate_field {
    FIELD_NAME,
    FIELD_BIRTHDAY,
    FIELD_GENDER,
    FIELD_PLACE,
    FIELD_EMAIL,
    FIELD_PHONE,
    FIELD_COUNT
};
#define LEVELS_MAX 6 /* with level 0 */
#define LEVEL_MISSING 0
#define LEVEL_DIFFERENT 1

/* "name" */
const char *duplicate_field_name(enum duplicate_field field);
/* How many levels it has, level 0 included; all are below. */
unsigned duplicate_levels(enum duplicate_field field);
/* "same", "different", "missing", … */
const char *duplicate_level_name(enum duplicate_field field, unsigned level);

#define NUMBER_DIGITS_MAX 16
struct number {
    uint8_t size; /* 0: none */
    char digits[NUMBER_DIGITS_MAX];
};

#define VALUES_MAX 2 /* phones, emails of one person: the newest ones */

/* A person as it is compared. Personal: wipe it. */
struct duplicate_record {
    uint32_t person;
    struct text name;
    struct text sorted;       /* the name's words in order */
    struct birthday birthday; /* month 0: none */
    char gender;              /* 'f', 'm', 0: unknown */
    struct text city, postcode, street;
    struct text emails[VALUES_MAX]; /* the part before the sign */
    struct number phones[VALUES_MAX];
};

/* Whether two names, their words in order, are hardly one person's: neither the same nor alike nor one a part of the other, and in one script. */
bool duplicate_names_differ(const struct text *one, const struct text *other);

struct agreement {
    uint8_t levels[FIELD_COUNT];
};
void duplicate_compare(const struct duplicate_record *one, const struct duplicate_record *other,
    struct agreement *ret_agreement);

#endif
