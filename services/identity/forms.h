/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which what is known of a person may have been hashed elsewhere: as it was given, in small
 * letters and capitals, without blanks; numbers with and without their country, and as people group them.
 *
 * Only for events that bear something like a digest; the hashes are made when they are first asked for. */
#ifndef QY_IDENTITY_FORMS_H
#define QY_IDENTITY_FORMS_H

#include "common/disguise.h"
#include "services/identity/identifier.h"

struct forms;
int forms_open(struct forms **ret_forms);
void forms_close(struct forms **forms); /* wipes them */
void forms_reset(struct forms *forms);
/* What does not fit any more (no honest person has so much) is left out. */
void forms_add_text(struct forms *forms, const char *value, size_t size);
void forms_add_number(struct forms *forms, const char *value, size_t size);
void forms_add_identifier(struct forms *forms, const struct kind *kind, const char *value, size_t size);

/* Whether the digest is one form's. True also when it cannot be told. */
bool forms_hold(struct forms *forms, const struct digest *digest);

#endif
