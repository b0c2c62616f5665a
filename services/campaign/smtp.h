/* SPDX-License-Identifier: Apache-2.0 */
/* The client's part in handing over one mail (RFC 5321), from MAIL to QUIT.
 *
 * It knows no socket: the caller carries what is to be said, and brings what was answered. Greeting, EHLO,
 * STARTTLS and AUTH are over when it begins; to those it only listens, for what the server offers. */
#ifndef QY_CAMPAIGN_SMTP_H
#define QY_CAMPAIGN_SMTP_H

#include "common/buffer.h"

#define SMTP_ADDRESS_BYTES 321

enum smtp_state {
    SMTP_UNDER_WAY,
    SMTP_TAKEN,   /* the mail is the server's now */
    SMTP_REFUSED, /* it said no: smtp_status() */
    SMTP_BROKEN,  /* it does not speak SMTP */
};

struct smtp;

/* Copies everything. `content` is the mail as it is to arrive, its lines ended by CR LF. -QY_EINVAL: an
 * address that is too long; -QY_ENOMEM. */
int smtp_open(const char *from, const char *to, const struct buffer *content, struct smtp **ret_smtp);
void smtp_close(struct smtp **smtp); /* wipes what it held */

/* A line that the server said before smtp_begin(). */
void smtp_overhear(struct smtp *smtp, const char *line, size_t size);
/* The server waits for the first command. */
void smtp_begin(struct smtp *smtp);

/* What is to be said next, as much as possible at once; empty while an answer is awaited. Borrowed until
 * the next call of smtp_said() or smtp_hear(). Once it is over this is the farewell, whose answer nobody
 * needs. */
struct bytes smtp_output(const struct smtp *smtp);
void smtp_said(struct smtp *smtp, size_t size); /* so much of it has left */
void smtp_hear(struct smtp *smtp, const char *data, size_t size);

enum smtp_state smtp_state(const struct smtp *smtp);
long smtp_status(const struct smtp *smtp);       /* the last answer's code; 0: none came */
bool smtp_may_be_taken(const struct smtp *smtp); /* some of the content may be with the server */

#endif
