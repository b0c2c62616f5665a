/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a JSON member says about its value. */
#ifndef QY_IDENTITY_KEYWORD_H
#define QY_IDENTITY_KEYWORD_H

#include <stdbool.h>
#include <stddef.h>

struct kind;
struct kinds;

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

/* A member's name as a text that may be personal itself. */
enum key_looks {
    KEY_LOOKS_PLAIN,
    KEY_LOOKS_PERSONAL, /* a number or an address, whoever's */
    KEY_LOOKS_ODD,      /* may be one of the person's values in another form: looked at as a value is */
};

/* What else is known of a name. */
struct key_info {
    enum key_class class;
    enum key_looks looks;
    bool is_thing;           /* objects below it are things: their names are no person's */
    const struct kind *kind; /* as a trait, it is an identifier of this kind; NULL */
};

/* Events bear the same names again and again: what was found out of one is kept. One thread. */
struct key_cache;
int key_cache_open(const struct kinds *kinds, struct key_cache **ret_cache);
void key_cache_close(struct key_cache **cache);
/* Valid until the next call. */
const struct key_info *key_info(struct key_cache *cache, const char *key, size_t size);

#endif
