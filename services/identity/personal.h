/* SPDX-License-Identifier: Apache-2.0 */
/* Whether one text or number of an event is personal: by its looks, or because it holds what is known of the
 * person. */
#ifndef QY_IDENTITY_PERSONAL_H
#define QY_IDENTITY_PERSONAL_H

#include "services/identity/disguise.h"
#include "services/identity/keyword.h"
#include "services/identity/known.h"

struct personal {
    struct known known;
    const struct identifiers *identifiers; /* of the event at hand */
    char decoded[DISGUISE_TEXT_MAX];
};

/* `class` is that of the member's name: codes and ids may look like a landline, amounts may equal an id. */
bool personal_text(struct personal *personal, enum key_class class, const char *text, size_t size);
/* The name of a member. */
bool personal_key(const struct personal *personal, const char *key, size_t size);
/* A JSON number by its digits. */
bool personal_number(struct personal *personal, enum key_class class, const char *digits, size_t size);

#endif
