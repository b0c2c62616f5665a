/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/write_key_policy.h"

#include <string.h>

/* Back to the last star only: what an earlier one took never has to be taken again. */
bool pattern_matches(const char *pattern, const char *text, size_t size)
{
    const char *star = NULL, *end = text + size, *retry = text;
    while (text < end || *pattern) {
        if (*pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (text < end && *pattern && *pattern == *text) {
            pattern++;
            text++;
        } else if (star && retry < end) {
            pattern = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    return true;
}

bool write_key_allows_type(const Quanyu__WriteKey *key, Quanyu__EventType type)
{
    for (size_t i = 0; i < key->n_event_types; i++)
        if (key->event_types[i] == type)
            return true;
    return key->n_event_types == 0;
}

bool write_key_allows_name(const Quanyu__WriteKey *key, const char *name, size_t size)
{
    for (size_t i = 0; i < key->n_event_names; i++)
        if (pattern_matches(key->event_names[i], name, size))
            return true;
    return key->n_event_names == 0;
}

bool write_key_lists(char *const *list, size_t count, const char *text, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == size && memcmp(list[i], text, size) == 0)
            return true;
    return false;
}

/* -- origins -- */

struct origin {
    const char *scheme, *host, *port;
    size_t scheme_size, host_size, port_size;
};

static bool same(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && strncasecmp(a, b, a_size) == 0;
}

static bool is_default_port(const struct origin *origin)
{
    static const struct {
        const char *scheme, *port;
    } defaults[] = {{"http", "80"}, {"https", "443"}};
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        if (same(origin->scheme, origin->scheme_size, defaults[i].scheme, strlen(defaults[i].scheme)) &&
            same(origin->port, origin->port_size, defaults[i].port, strlen(defaults[i].port)))
            return true;
    return false;
}

/* Browsers leave out the port that goes without saying; a name with the root's dot at its end is the same host's. */
static void normalise(struct origin *origin)
{
    if (is_default_port(origin))
        origin->port_size = 0;
    if (origin->host_size > 1 && origin->host[origin->host_size - 1] == '.')
        origin->host_size--;
}

/* Host and port end at the last colon, but for one inside the brackets of an IPv6 address. */
static bool split(const char *text, struct origin *ret_origin)
{
    const char *rest = strstr(text, "://");
    if (!rest || rest == text)
        return false;
    struct origin origin = {.scheme = text, .scheme_size = (size_t)(rest - text), .host = rest + 3};
    const char *end = origin.host + strlen(origin.host);
    const char *colon = strrchr(origin.host, ':'), *bracket = strrchr(origin.host, ']');
    bool has_port = colon && (!bracket || colon > bracket);
    origin.host_size = (size_t)((has_port ? colon : end) - origin.host);
    origin.port = has_port ? colon + 1 : "";
    origin.port_size = has_port ? (size_t)(end - origin.port) : 0;
    *ret_origin = origin;
    return origin.host_size > 0 && (!has_port || origin.port_size > 0);
}

/* "*.example.com" is every host below example.com, and not itself. */
static bool host_matches(const struct origin *pattern, const struct origin *origin)
{
    if (pattern->host[0] != '*')
        return same(pattern->host, pattern->host_size, origin->host, origin->host_size);
    size_t suffix = pattern->host_size - 1;
    return origin->host_size > suffix &&
           same(pattern->host + 1, suffix, origin->host + origin->host_size - suffix, suffix);
}

static bool origin_matches(const char *pattern, const char *text)
{
    struct origin allowed, origin;
    if (strcasecmp(pattern, text) == 0)
        return true;
    if (!split(pattern, &allowed) || !split(text, &origin))
        return false;
    normalise(&allowed);
    normalise(&origin);
    return same(allowed.scheme, allowed.scheme_size, origin.scheme, origin.scheme_size) &&
           host_matches(&allowed, &origin) &&
           (same(allowed.port, allowed.port_size, "*", 1) ||
               same(allowed.port, allowed.port_size, origin.port, origin.port_size));
}

bool write_key_allows_origin(const Quanyu__WriteKey *key, const char *origin)
{
    if (!origin)
        return true;
    if (key->platform == QUANYU__WRITE_KEY__PLATFORM__SERVER)
        return false;
    for (size_t i = 0; i < key->n_allowed_origins; i++)
        if (origin_matches(key->allowed_origins[i], origin))
            return true;
    return key->n_allowed_origins == 0;
}

static bool consists_of(const char *text, size_t size, const char *allowed)
{
    return strspn(text, allowed) >= size;
}

bool origin_is_pattern(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    struct origin origin;
    if (strcmp(text, "null") == 0)
        return true;
    if (!split(text, &origin) || !consists_of(origin.scheme, origin.scheme_size, letters))
        return false;
    bool any_port = strcmp(origin.port, "*") == 0;
    if (!any_port && (!consists_of(origin.port, origin.port_size, "0123456789") || origin.port_size > 5))
        return false;
    if (origin.host[0] == '[')
        return origin.host[origin.host_size - 1] == ']' &&
               consists_of(origin.host + 1, origin.host_size - 2, "0123456789abcdef:.");
    size_t star = origin.host_size > 2 && strncmp(origin.host, "*.", 2) == 0 ? 2 : 0;
    return consists_of(origin.host + star, origin.host_size - star, letters);
}
