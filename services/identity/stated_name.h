/* SPDX-License-Identifier: Apache-2.0 */
/* What events say that somebody is called: "name", or given and family name, however the members are written. */
#ifndef QY_IDENTITY_STATED_NAME_H
#define QY_IDENTITY_STATED_NAME_H

#include "services/identity/duplicate_text.h"

#include <yyjson.h>

#define TRAIT_KEY_BYTES 32
/* A member's name in lower case without separators; 0: it is longer than any that is known. */
size_t trait_key(const char *key, size_t size, char ret_key[TRAIT_KEY_BYTES]);

enum name_part { NAME_OTHER, NAME_WHOLE, NAME_GIVEN, NAME_SURNAME, NAME_PARTS };
/* Which part of a name a member is, by its trait_key(). */
enum name_part name_part_of(const char *key, size_t size);
/* Chinese family names stand before the given one. */
void name_join(const struct text *given, const struct text *surname, struct text *ret_name);

/* Borrowed from the event; NULL where it does not say it. */
struct stated_name {
    yyjson_val *parts[NAME_PARTS];
};
/* False: traits (NULL: none) say no name. */
bool stated_name_find(yyjson_val *traits, struct stated_name *ret_name);
/* As names are compared, the words in order; empty where it is nobody's ("微信用户", "test", "user 17"). */
void stated_name_read(const struct stated_name *name, struct text *ret_text);
/* The text of a part that is a text or a number; "" of others. */
const char *trait_text(yyjson_val *value, size_t *ret_size);

#endif
