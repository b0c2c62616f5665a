/* SPDX-License-Identifier: Apache-2.0 */
/* An email as it travels: headers that nothing can be injected into, and a body of ASCII only. */
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

/* Borrowed; text and html are UTF-8, one of them may be NULL. */
struct mail {
    const char *id; /* of the delivery: hex digits */
    const char *from;
    const char *to;
    const char *subject;
    const char *text;
    const char *html;
    int64_t wall_ms;
};

/* The whole mail, its lines ended by CR LF. Addresses are usable ones. */
void mail_compose(const struct mail *mail, struct buffer *out);

#endif
