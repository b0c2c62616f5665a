/* SPDX-License-Identifier: Apache-2.0 */
/* What may be shown of a personal value: enough to recognise it, too little to use it. UTF-8 stays whole. */
#ifndef QY_COMMON_MASK_H
#define QY_COMMON_MASK_H

#include "common/buffer.h"

/* A number as somebody wrote it, +8613800138000 or 138-0013-8000: "138****8000". Never more than four digits
 * at its end and three at its head. */
void mask_phone(const char *value, size_t size, struct buffer *out);
void mask_email(const char *value, size_t size, struct buffer *out); /* "l***@example.com" */
void mask_name(const char *value, size_t size, struct buffer *out);  /* 王小明: "王*" */
void mask_date(
    const char *value, size_t size, struct buffer *out); /* 1990-03-14: "****-03-14", others as texts */
void mask_text(const char *value, size_t size,
    struct buffer *out); /* the first quarter, at most six characters, "***" */
void mask_anything(const char *value, size_t size,
    struct buffer *out); /* a text that may begin with a name: the first of four characters or more, "***" */

/* A trait by its name: names, phones, emails and birthdays as above, others as texts. */
void mask_trait(const char *name, size_t name_size, const char *value, size_t size, struct buffer *out);

/* An identifier of this kind: phone and email as such, others whole unless they look personal. */
void mask_identifier(const char *kind, const char *value, size_t size, struct buffer *out);

#endif
