/* SPDX-License-Identifier: Apache-2.0 */
/* The request target: its path, decoded, and its query. */
#ifndef QY_COMMON_HTTP_TARGET_H
#define QY_COMMON_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* Cuts `target` (`size` bytes, a NUL behind them) into two texts and decodes the path in place; the outputs
 * are offsets into it, also where something is wrong. An absolute target ("http://host/path") loses its scheme and host, which must be one. Returns NULL, or
 * what is wrong, in words. A path with an encoded '/', with a control character, encoded or not, or with a
 * broken escape is wrong. */
const char *http_target_split(char *target, size_t size, size_t *ret_path, size_t *ret_query);

/* Whether it is "host" or "host:port": a name or address that may stand in a URL, not empty, and a number. */
bool http_is_authority(const char *text, size_t size);

/* Finds `name` in a raw query and decodes its value, '+' being a blank. The first one counts. -QY_ENOTFOUND when it
 * is absent; -QY_EINVAL when it is malformed or holds a NUL, -QY_ETOOLARGE when it is too long for `size` bytes with
 * a NUL: `value` is then of no use. */
int http_query_parameter(const char *query, const char *name, char *value, size_t size);

#endif
