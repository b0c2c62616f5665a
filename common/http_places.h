/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections there may be, in all and from one address; shared by threads.
 *
 * An address is an IPv4 address or the first 64 bits of an IPv6 one, which is what one customer has. The
 * machine's own (loopback) count in all only: behind them stands a proxy, or somebody who is inside already. */
#ifndef QY_COMMON_HTTP_PLACES_H
#define QY_COMMON_HTTP_PLACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_places;

/* Up to `most` at once, of one address up to `per_address` (0: as many as there are in all). NULL when memory
 * is out. */
struct http_places *http_places_open(uint32_t most, uint32_t per_address);
void http_places_close(struct http_places **places);

/* False when all are taken. */
bool http_places_take(struct http_places *places);
void http_places_give(struct http_places *places);

/* For whoever has a place: false when this address has too many. `ret_key` is what it is known by, 0 when it
 * is not counted. */
bool http_places_admit(struct http_places *places, const struct sockaddr *address, uint64_t *ret_key);
void http_places_dismiss(struct http_places *places, uint64_t key);

#endif
