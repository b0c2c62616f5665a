/* SPDX-License-Identifier: Apache-2.0 */
/* Who the client is, where proxies that are trusted stand in front: what they state in X-Forwarded-For.
 *
 * Addresses are held as IPv6 writes them, an IPv4 one as ::ffff:a.b.c.d, so that one address has one form. A
 * network of IPv6 that is shorter than ::ffff:0:0/96 does not hold addresses of IPv4: ::/0 is all of IPv6 alone.
 */
#ifndef QY_COMMON_PROXY_H
#define QY_COMMON_PROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define PROXIES_MAX 64

struct proxy_network {
    struct in6_addr address;
    unsigned bits; /* of the address, from its first on, that a member shares */
};

struct proxies {
    unsigned count;
    struct proxy_network networks[PROXIES_MAX];
};

/* Reads addresses and CIDR blocks with commas between; "" is none. NULL when it is such a list, else what is
 * wrong with it, static, and `ret_proxies` is left as it was. */
const char *proxies_read(const char *text, struct proxies *ret_proxies);
bool proxies_trust(const struct proxies *proxies, const struct in6_addr *address);

/* Walks one X-Forwarded-For field from its end, where the nearest proxy wrote, and puts each address into
 * `client` until one is not trusted. An entry that is no address (an empty one too) ends the walk before it is
 * taken; a port behind an address is left out. True when all of them were trusted: then the field before
 * this one has what comes next. */
bool proxies_walk(const struct proxies *proxies, const char *field, struct in6_addr *client);

/* False when it is an address of neither IPv4 nor IPv6. */
bool proxy_address_of(const struct sockaddr *address, struct in6_addr *ret_address);
/* Numeric, an IPv4 one in its own form. */
void proxy_address_write(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]);

/* The last entry of X-Forwarded-Proto: "https" or "http", NULL when it is neither. Static. */
const char *proxy_scheme(const char *field);

#endif
