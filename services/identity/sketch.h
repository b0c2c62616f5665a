/* SPDX-License-Identifier: Apache-2.0 */
/* Which texts may hold one of a person's stored values (known.h), without the values: of each a few bits of a keyed hash of how it
 * begins. A text that holds one always matches; of others hardly any does, and then the values themselves decide. So most events need no
 * sealed row opened. In memory alone, under keys of this process: nothing of it is ever written. */
#ifndef QY_IDENTITY_SKETCH_H
#define QY_IDENTITY_SKETCH_H

#include "services/identity/known.h"

#define SKETCH_TAGS 9

struct sketch_key {
    uint64_t before, factor, behind;
    uint8_t buckets[256]; /* of first bytes */
};
/* Random. */
void sketch_key_make(struct sketch_key *ret_key);

struct sketch {
    uint8_t count;  /* SKETCH_ANY: more values, or shorter ones, than it tells: any text may hold one */
    uint8_t within; /* the first so many are of values that are looked for within texts */
    uint16_t tags[SKETCH_TAGS];
};
#define SKETCH_ANY 255
#define SKETCH_NONE 254 /* there is no sketch: for whoever keeps them */

/* Adds all values of `known`. */
void sketch_add(struct sketch *sketch, const struct sketch_key *key, const struct known *known);
/* `text` and `where` as for known_matches(). */
bool sketch_matches(
    const struct sketch *sketch, const struct sketch_key *key, const char *text, size_t size, unsigned where);

#endif
