/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies that arrive compressed. */
#ifndef QY_COMMON_HTTP_INFLATE_H
#define QY_COMMON_HTTP_INFLATE_H

#include "common/http_memory.h"

/* Takes memory once and is used again and again, by one thread. */
struct http_inflater;
int http_inflater_open(struct http_inflater **ret_inflater);
void http_inflater_close(struct http_inflater **inflater);

enum http_coding { CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE, CODING_UNKNOWN };
enum http_coding http_coding_of(const char *content_encoding); /* NULL: identity */

/* Appends the decoded body to `ret_body` (empty at first, counted in `memory`) with a NUL behind it that is
 * not counted. -QY_ETOOLARGE over `most` bytes, or when it grows more than any real text does; -QY_ECORRUPT
 * when it is cut off, damaged, or followed by something else; -QY_ENOMEM. gzip may have several members. */
int http_inflate(struct http_inflater *inflater, enum http_coding coding, struct bytes body, size_t most,
    struct http_memory *memory, struct buffer *ret_body);

#endif
