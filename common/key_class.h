/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a JSON member says about its value. */
#ifndef QY_COMMON_KEY_CLASS_H
#define QY_COMMON_KEY_CLASS_H

#include <stdbool.h>
#include <stddef.h>

enum key_class {
    KEY_PLAIN,
    KEY_NAME,      /* somebody's name: personal, also where it stands inside other texts */
    KEY_BARE_NAME, /* "name" alone: somebody's, unless a product, a page or a campaign bears it */
    KEY_PHONE,     /* personal */
    KEY_EMAIL,     /* personal */
    KEY_PERSONAL,  /* address, birthday, number of a document, network address: personal, also inside other
                      texts */
    KEY_PRIVATE,   /* free text, pictures, places: personal, but of no use for finding it elsewhere */
    KEY_ID,        /* an id: where its value looks personal, a token takes its place */
    KEY_PRODUCT,   /* a product's code, which may have the shape of a landline: else as an id */
    KEY_AMOUNT,    /* a number that is no id, even if it equals one */
    KEY_URL,       /* an address of a page: loses its query */
};

/* Letter case and separators ("_", "-", ".", blanks) do not count. */
enum key_class key_classify(const char *key, size_t size);

/* Whether a trait of this name is a birthday. */
bool key_is_birthday(const char *key, size_t size);
/* Whether objects below a member of this name are things: their names are no person's. */
bool key_is_thing(const char *key, size_t size);
/* Whether it is the plural of an amount's name: "prices". What stands beside is no product for that. */
bool key_is_amounts(const char *key, size_t size);
/* Whether it names a part of a number that is divided: "area", "phone_prefix", "part1", "区号". */
bool key_is_part(const char *key, size_t size);
/* Whether the value is somebody's, whatever it is. KEY_BARE_NAME is not. */
static inline bool key_class_is_personal(enum key_class class)
{
    return class >= KEY_NAME && class <= KEY_PRIVATE && class != KEY_BARE_NAME;
}

#endif
