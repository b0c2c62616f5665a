/* SPDX-License-Identifier: Apache-2.0 */
/* Digests as others make them of phones and emails, before they hand them on. One thread. */
#ifndef QY_IDENTITY_DIGESTER_H
#define QY_IDENTITY_DIGESTER_H

#include "common/disguise.h"
#include "services/identity/identifier.h"

struct digester;
int digester_open(struct digester **ret_digester);
void digester_close(struct digester **digester);

/* False where it cannot be made. */
bool digester_make(struct digester *digester, enum digest_algorithm algorithm, const void *text, size_t size,
    uint8_t ret_digest[DIGEST_BYTES_MAX]);
/* In hexadecimal, as identifiers of FORM_DIGEST are; with its NUL. -QY_ENOMEM. */
#define DIGEST_TEXT_BYTES (2 * DIGEST_BYTES_MAX + 1)
int digester_text(struct digester *digester, enum digest_algorithm algorithm, const char *text,
    char ret_text[DIGEST_TEXT_BYTES]);

/* What may be shown of a digest, and kept: "md5:ab12…". `digits` are hexadecimal. */
#define DIGEST_SHOWN_BYTES 16
void digest_show(const struct kind *kind, const char *digits, char ret_shown[DIGEST_SHOWN_BYTES]);

/* The texts of which a phone's or an email's digest may be: of an email itself; of a phone its E.164 form, that without the +, and its
 * national number. A text that would here be read as another number is none of them, so a digest is one number's only. */
#define DIGEST_FORMS_MAX 3
struct digest_forms {
    unsigned count;
    char texts[DIGEST_FORMS_MAX][IDENTIFIER_VALUE_MAX + 1];
};
void digest_forms_of(const struct kinds *kinds, const struct kind *kind, const char *value, size_t size,
    struct digest_forms *ret_forms);

#endif
