/* SPDX-License-Identifier: Apache-2.0 */
/* What a write key may send, and from where. Pure; any thread. An empty list allows everything. */
#ifndef QY_GATEWAY_WRITE_KEY_POLICY_H
#define QY_GATEWAY_WRITE_KEY_POLICY_H

#include "proto/write_key.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

bool write_key_allows_type(const Quanyu__WriteKey *key, Quanyu__EventType type);
/* Of a track event. */
bool write_key_allows_name(const Quanyu__WriteKey *key, const char *name, size_t size);
/* A page's origin, as browsers state it ("https://shop.example.com", "null"); "" of a page that conceals
 * its own, which is on no list; NULL where there is no word of a page, which is always allowed: whoever is not a browser can
 * state what it likes. A server's key is allowed from no page. */
bool write_key_allows_origin(const Quanyu__WriteKey *key, const char *origin);
/* Whether `text` is one of the list. */
bool write_key_lists(char *const *list, size_t count, const char *text, size_t size);

/* A text against a pattern in which * stands for any text. */
bool pattern_matches(const char *pattern, const char *text, size_t size);

/* Whether it can stand in allowed_origins: scheme://host or scheme://host:port in lower case, where the host may begin with
 * "*." and the port be "*"; or "null". */
bool origin_is_pattern(const char *text);

#endif
