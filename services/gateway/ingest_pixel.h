/* SPDX-License-Identifier: Apache-2.0 */
/* The pixel: an event in an image's address, for mails and pages without scripts. Whatever becomes of the
 * event, an image is answered: a page must not show a broken one. */
#ifndef QY_GATEWAY_INGEST_PIXEL_H
#define QY_GATEWAY_INGEST_PIXEL_H

#include "services/gateway/gateway.h"

/* Base64 as it comes in addresses: standard or url-safe, padded or not, a blank where a plus was not escaped,
 * broken into lines or not. Appends to `out`; false when it is something else. */
bool pixel_decode(const char *text, size_t size, struct buffer *out);

/* The event that the request's parameter `data` holds, appended to `ret_json`; a NUL follows that is not
 * counted. NULL, or why there is none: a word for the metric. */
const char *pixel_read(const struct http_request *request, struct buffer *ret_json);

/* Why there is none where the server itself refuses the request with that status: a word for the metric. */
const char *pixel_reason_of(int status);

/* Answers the image. `reason`: why there is nothing kept of it; NULL where it is. */
void pixel_answer(struct gateway *gateway, struct http_request *request, const char *reason);

#endif
