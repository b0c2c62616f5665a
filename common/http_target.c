/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_target.h"

#include "common/ascii.h"
#include "common/error.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%xx" at `text` stands for, -1 where it is broken. `text` ends in a NUL. */
static int escaped_byte(const char *text)
{
    int high = hex_digit(text[1]);
    int low = high < 0 ? -1 : hex_digit(text[2]);
    return low < 0 ? -1 : high * 16 + low;
}

static const char *decode_path(char *path)
{
    char *out = path;
    for (const char *in = path; *in; in++) {
        int byte = (unsigned char)*in;
        if (*in == '%') {
            byte = escaped_byte(in);
            if (byte < 0)
                return "the path holds a broken escape";
            if (byte == '/')
                return "the path holds an encoded slash";
            in += 2;
        }
        if (byte < 0x20 || byte == 0x7f)
            return "the path holds a control character";
        *out++ = (char)byte;
    }
    *out = 0;
    return NULL;
}

static bool is_port(const char *text, size_t size)
{
    unsigned port = 0;
    for (size_t i = 0; i < size; i++) {
        if (size > 5 || !ascii_is_digit(text[i]))
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port <= UINT16_MAX;
}

static size_t host_length(const char *text, size_t size)
{
    size_t length = 0;
    if (size > 0 && *text == '[') {
        while (
            ++length < size && (hex_digit(text[length]) >= 0 || text[length] == ':' || text[length] == '.'))
            continue;
        return length > 1 && length < size && text[length] == ']' ? length + 1 : 0;
    }
    while (length < size && (ascii_is_digit(text[length]) || ascii_is_letter(text[length]) ||
                                (text[length] && strchr("-._~", text[length]))))
        length++;
    return length;
}

bool http_is_authority(const char *text, size_t size)
{
    size_t host = host_length(text, size);
    return host > 0 && (host == size || (text[host] == ':' && is_port(text + host + 1, size - host - 1)));
}

const char *http_target_split(char *target, size_t size, size_t *ret_path, size_t *ret_query)
{
    char *path = target, *end = target + size;
    if (strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0) {
        const char *host = strstr(path, "//") + 2;
        path += (size_t)(host - path) + strcspn(host, "/?#");
        *ret_path = *ret_query = size;
        if (!http_is_authority(host, (size_t)(path - host)))
            return "the request target has no host, or a malformed one";
    }
    *ret_path = *ret_query = size;
    if (*path != '/')
        return "the request target has no path";
    char *query = memchr(path, '?', (size_t)(end - path));
    if (query)
        *query++ = 0;
    *ret_path = (size_t)(path - target);
    *ret_query = (size_t)((query ? query : end) - target);
    if (memchr(path, '#', (size_t)(end - path)))
        return "the request target holds a fragment";
    return decode_path(path);
}

/* Compares and copies decoded bytes up to '=', '&' or the end; returns where it stopped, NULL where an escape
 * is broken. */
static const char *decode_part(const char *in, const char *stops, char *out, size_t size, bool *ret_fits)
{
    size_t used = 0;
    *ret_fits = true;
    for (; *in && !strchr(stops, *in); in++) {
        int byte = *in == '+' ? ' ' : (unsigned char)*in;
        if (*in == '%') {
            byte = escaped_byte(in);
            if (byte <= 0)
                return NULL;
            in += 2;
        }
        if (used + 1 < size)
            out[used++] = (char)byte;
        else
            *ret_fits = false;
    }
    out[used] = 0;
    return in;
}

int http_query_parameter(const char *query, const char *name, char *value, size_t size)
{
    for (const char *part = query; *part;) {
        char key[64];
        bool fits;
        const char *end = decode_part(part, "=&", key, sizeof(key), &fits);
        if (end && fits && strcmp(key, name) == 0) {
            if (*end == '=')
                end++;
            if (!decode_part(end, "&", value, size, &fits))
                return -QY_EINVAL;
            return fits ? 0 : -QY_ETOOLARGE;
        }
        part += strcspn(part, "&");
        part += *part == '&';
    }
    return -QY_ENOTFOUND;
}
