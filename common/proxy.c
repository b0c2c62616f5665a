/* SPDX-License-Identifier: Apache-2.0 */
#include "common/proxy.h"

#include "common/ascii.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"
#define V4_BITS 96 /* that go before an address of IPv4 */

/* A piece of a list, without the blanks around it. */
struct entry {
    const char *text;
    size_t size;
};

static struct entry trimmed(const char *text, size_t size)
{
    while (size > 0 && strchr(BLANKS, text[size - 1]))
        size--;
    while (size > 0 && strchr(BLANKS, *text)) {
        text++;
        size--;
    }
    return (struct entry){text, size};
}

/* -- addresses -- */

static void map_v4(const void *v4, struct in6_addr *ret_address)
{
    static const uint8_t before[V4_BITS / 8] = {[10] = 0xff, [11] = 0xff};
    memcpy(ret_address->s6_addr, before, sizeof(before));
    memcpy(ret_address->s6_addr + sizeof(before), v4, 4);
}

static bool read_address(struct entry entry, struct in6_addr *ret_address)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (entry.size >= sizeof(text))
        return false;
    memcpy(text, entry.text, entry.size);
    text[entry.size] = '\0';
    if (inet_pton(AF_INET, text, &v4) != 1)
        return inet_pton(AF_INET6, text, ret_address) == 1;
    map_v4(&v4, ret_address);
    return true;
}

bool proxy_address_of(const struct sockaddr *address, struct in6_addr *ret_address)
{
    if (address->sa_family == AF_INET)
        map_v4(&((const struct sockaddr_in *)(const void *)address)->sin_addr, ret_address);
    else if (address->sa_family == AF_INET6)
        *ret_address = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

void proxy_address_write(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
    if (IN6_IS_ADDR_V4MAPPED(address))
        inet_ntop(AF_INET, address->s6_addr + V4_BITS / 8, text, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
}

/* -- networks -- */

static bool read_number(struct entry entry, unsigned most, unsigned *ret_number)
{
    unsigned number = 0;
    if (entry.size < 1 || entry.size > 5)
        return false;
    for (size_t i = 0; i < entry.size; i++) {
        if (!ascii_is_digit(entry.text[i]))
            return false;
        number = 10 * number + (unsigned)(entry.text[i] - '0');
    }
    *ret_number = number;
    return number <= most;
}

/* The first bits of it, and zeros. */
static struct in6_addr masked(const struct in6_addr *address, unsigned bits)
{
    struct in6_addr result = {0};
    memcpy(result.s6_addr, address->s6_addr, bits / 8);
    if (bits % 8)
        result.s6_addr[bits / 8] = (uint8_t)(address->s6_addr[bits / 8] & (0xff00 >> bits % 8));
    return result;
}

static const char *read_network(struct entry entry, struct proxy_network *ret_network)
{
    static const char shape[] = "must be IP addresses and CIDR blocks with commas between, such as "
                                "10.0.0.0/8, 2001:db8::1";
    const char *slash = memchr(entry.text, '/', entry.size);
    struct entry address = {entry.text, slash ? (size_t)(slash - entry.text) : entry.size};
    if (!read_address(address, &ret_network->address))
        return shape;
    unsigned before = memchr(address.text, ':', address.size) ? 0 : V4_BITS, bits = 128 - before;
    if (slash && !read_number((struct entry){slash + 1, entry.size - address.size - 1}, bits, &bits))
        return shape;
    ret_network->bits = before + bits;
    struct in6_addr first = masked(&ret_network->address, ret_network->bits);
    if (memcmp(&first, &ret_network->address, sizeof(first)) != 0)
        return "must have no bits beyond a block's length: 10.0.0.0/8, not 10.0.0.1/8";
    return NULL;
}

const char *proxies_read(const char *text, struct proxies *ret_proxies)
{
    struct proxies proxies = {0};
    bool more = text[strspn(text, BLANKS)] != '\0';
    while (more) {
        size_t size = strcspn(text, ",");
        if (proxies.count == PROXIES_MAX)
            return "must be 64 addresses and blocks at most";
        const char *wrong = read_network(trimmed(text, size), &proxies.networks[proxies.count++]);
        if (wrong)
            return wrong;
        more = text[size] == ',';
        text += size + more;
    }
    *ret_proxies = proxies;
    return NULL;
}

static bool holds(const struct proxy_network *network, const struct in6_addr *address)
{
    if (network->bits < V4_BITS && IN6_IS_ADDR_V4MAPPED(address))
        return false;
    struct in6_addr first = masked(address, network->bits);
    return memcmp(&first, &network->address, sizeof(first)) == 0;
}

bool proxies_trust(const struct proxies *proxies, const struct in6_addr *address)
{
    for (unsigned i = 0; i < proxies->count; i++)
        if (holds(&proxies->networks[i], address))
            return true;
    return false;
}

/* -- what they state -- */

/* Nothing, or a colon and a port. */
static bool is_port(const char *text, size_t size)
{
    unsigned port;
    return size == 0 || (*text == ':' && read_number((struct entry){text + 1, size - 1}, 65535, &port));
}

/* "[2001:db8::1]" and "[2001:db8::1]:443" */
static bool read_bracketed(struct entry entry, struct in6_addr *ret_address)
{
    const char *end = memchr(entry.text, ']', entry.size);
    if (!end)
        return false;
    struct entry address = {entry.text + 1, (size_t)(end - entry.text) - 1};
    return memchr(address.text, ':', address.size) && is_port(end + 1, entry.size - address.size - 2) &&
           read_address(address, ret_address);
}

/* An address as proxies write it: bare, or with a port, where one of IPv6 stands in brackets. */
static bool read_forwarded(struct entry entry, struct in6_addr *ret_address)
{
    if (entry.size > 0 && *entry.text == '[')
        return read_bracketed(entry, ret_address);
    const char *colon = memchr(entry.text, ':', entry.size);
    struct entry address = {entry.text, colon ? (size_t)(colon - entry.text) : entry.size};
    if (!colon || !memchr(address.text, '.', address.size))
        return read_address(entry, ret_address);
    return is_port(colon, entry.size - address.size) && read_address(address, ret_address);
}

/* Cuts the last entry off a list of `size` bytes; `ret_size` is what is left of it. False when that was all. */
static bool cut_last(const char *field, size_t size, struct entry *ret_entry, size_t *ret_size)
{
    const char *comma = memrchr(field, ',', size);
    size_t begin = comma ? (size_t)(comma - field) + 1 : 0;
    *ret_entry = trimmed(field + begin, size - begin);
    *ret_size = comma ? begin - 1 : 0;
    return comma;
}

bool proxies_walk(const struct proxies *proxies, const char *field, struct in6_addr *client)
{
    size_t size = strlen(field);
    for (bool more = true; more;) {
        struct entry entry;
        struct in6_addr address;
        more = cut_last(field, size, &entry, &size);
        if (!read_forwarded(entry, &address))
            return false;
        *client = address;
        if (!proxies_trust(proxies, client))
            return false;
    }
    return true;
}

const char *proxy_scheme(const char *field)
{
    static const char *const schemes[] = {"https", "http"};
    struct entry entry;
    size_t rest;
    (void)cut_last(field, strlen(field), &entry, &rest);
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (entry.size == strlen(schemes[i]) && strncasecmp(entry.text, schemes[i], entry.size) == 0)
            return schemes[i];
    return NULL;
}
