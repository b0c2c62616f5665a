/* SPDX-License-Identifier: Apache-2.0 */
/* A list of trusted proxies (the first line) and a field that they state (the rest), whatever they are: nothing crashes, who is found is
 * an address that can be written and read again, and one more trusted proxy behind the field changes nothing. */
#include "common/proxy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct in6_addr nobody = {.s6_addr = {0xfe, 0xed}};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool are_same(const struct in6_addr *a, const struct in6_addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void check_written(const struct in6_addr *address)
{
    char text[INET6_ADDRSTRLEN];
    struct proxies alone;
    proxy_address_write(address, text);
    check(!proxies_read(text, &alone) && alone.count == 1 && proxies_trust(&alone, address));
    check(are_same(&alone.networks[0].address, address) && alone.networks[0].bits == 128);
}

static void check_walk(const struct proxies *proxies, const char *field)
{
    struct in6_addr client = nobody;
    bool more = proxies_walk(proxies, field, &client);
    check_written(&client);
    check(!more || proxies_trust(proxies, &client));
    if (proxies->count == 0 || are_same(&client, &nobody))
        return;
    char nearest[INET6_ADDRSTRLEN], *longer = NULL;
    struct in6_addr again = nobody;
    if (!proxies_trust(proxies, &proxies->networks[0].address)) /* ::/0 holds no address of IPv4 */
        return;
    proxy_address_write(&proxies->networks[0].address, nearest);
    if (asprintf(&longer, "%s,%s", field, nearest) < 0)
        abort();
    check(proxies_walk(proxies, longer, &again) == more && are_same(&client, &again));
    free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *end = size ? memchr(data, '\n', size) : NULL;
    size_t line = end ? (size_t)(end - (const char *)data) : size;
    char *list = strndup((const char *)data, line);
    char *field = end ? strndup(end + 1, size - line - 1) : strdup("");
    struct proxies proxies = {0};
    if (!list || !field)
        abort();
    (void)proxies_read(list, &proxies);
    check_walk(&proxies, field);
    (void)proxy_scheme(field);
    free(list);
    free(field);
    return 0;
}
