/* SPDX-License-Identifier: Apache-2.0 */
#include "common/authorization.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

/* What follows the scheme and spaces; NULL where it is of another one. */
static const char *after_scheme(const char *header, const char *scheme)
{
    size_t size = strlen(scheme);
    if (!header || strncasecmp(header, scheme, size) != 0 || header[size] != ' ')
        return NULL;
    return header + size + strspn(header + size, " ");
}

const char *authorization_bearer(const char *header)
{
    return after_scheme(header, "Bearer");
}

bool authorization_basic_user(const char *header, char *user, size_t size)
{
    const char *text = after_scheme(header, "Basic");
    size_t length = 0;
    if (!text || sodium_base642bin((uint8_t *)user, size - 1, text, strlen(text), NULL, &length, NULL,
                     sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    user[length] = '\0';
    user[strcspn(user, ":")] = '\0';
    return *user != '\0';
}
