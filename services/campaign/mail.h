/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an email that libcurl does not make: headers that nothing can be injected into. */
#ifndef QY_CAMPAIGN_MAIL_H
#define QY_CAMPAIGN_MAIL_H

#include "common/buffer.h"

#include <stdint.h>

/* Whether mail can be sent to it: one @, something on both sides, 254 bytes at most, nothing that ends a
 * header or a command. */
bool mail_address_is_usable(const char *address);
/* "Subject: …": encoded words (RFC 2047), folded, where it is not short ASCII. Control characters become
 * blanks. */
void mail_subject(const char *subject, struct buffer *out);
/* "Date: Sat, 21 Nov 2026 20:57:00 +0000" */
void mail_date(int64_t wall_ms, struct buffer *out);
/* "Message-ID: <id@domain>", the domain that of `from`. */
void mail_message_id(const char *id, const char *from, struct buffer *out);

#endif
