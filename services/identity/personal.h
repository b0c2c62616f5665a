/* SPDX-License-Identifier: Apache-2.0 */
/* Whether one text or number of an event is personal: by its looks, or because it holds what is known of the
 * person, in the clear or in disguise. */
#ifndef QY_IDENTITY_PERSONAL_H
#define QY_IDENTITY_PERSONAL_H

#include "services/identity/forms.h"
#include "services/identity/keyword.h"
#include "services/identity/known.h"
#include "services/identity/sketch.h"

#define PERSONAL_TEXT_MAX ((size_t)64 * 1024) /* more than an event has; longer texts are personal */

/* Adds all forms that the person's values may have been hashed in. */
typedef int personal_recall_fn(void *self, struct forms *forms);
/* Adds the values that are stored of the person. */
typedef int personal_open_fn(void *self, struct known *known);

struct personal {
    struct known known;
    struct sketch
        stored; /* what is stored, until a text looks as if it held some of it: then that is known too */
    const struct sketch_key *sketch_key;
    personal_open_fn *open; /* what is stored */
    void *open_self;
    const struct identifiers *identifiers; /* of the event at hand */
    struct forms *forms; /* filled when the event turns out to bear something like a digest */
    bool recalled;
    personal_recall_fn *recall;
    void *recall_self;
    int error; /* of recalling and opening; what could not be told is taken for personal */
    char decoded[DISGUISE_TEXT_MAX];
    char folded[PERSONAL_TEXT_MAX];
};

/* `class` is that of the member's name: codes and ids may look like a landline, amounts may equal an id. */
bool personal_text(struct personal *personal, enum key_class class, const char *text, size_t size);
/* The name of a member; `looks` are key_looks() of it. */
bool personal_key(struct personal *personal, enum key_looks looks, const char *key, size_t size);
/* A JSON number by its digits: 13800138000.0, -13800138000 and 1.3800138e10 are the same. A fraction is nobody's. */
bool personal_number(struct personal *personal, enum key_class class, const char *number, size_t size);

/* What a member's name says whoever the person is. */
enum key_looks key_looks(const char *key, size_t size);

#endif
