/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/login.h"

#include "common/glyph.h"

#include <string.h>

#define ID_PREFIX "st_"

/* Letters of other scripts look like these, and people cannot tell them apart: a login is what is typed, not a name. */
static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.@_+-";

const char *login_read(const char *text, char ret_login[LOGIN_BYTES_MAX + 1])
{
    size_t size = strlen(text);
    if (size > LOGIN_BYTES_MAX)
        return "must be at most 128 bytes";
    ret_login[glyph_fold(text, size, ret_login)] = '\0';
    if (strspn(ret_login, allowed) != strlen(ret_login))
        return "may hold the letters a to z, digits, \".\", \"@\", \"_\", \"+\" and \"-\" alone: two logins "
               "would look the same";
    if (strlen(ret_login) < LOGIN_BYTES_MIN)
        return "must have at least 3 characters";
    return NULL;
}

bool login_is_of_id(const char *login)
{
    return strncmp(login, ID_PREFIX, strlen(ID_PREFIX)) == 0;
}

size_t login_look(const char *login, size_t size, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < size; i++) {
        char c = login[i];
        if (c == 'r' && i + 1 < size && login[i + 1] == 'n') {
            c = 'm';
            i++;
        }
        out[written++] = c == '0' ? 'o' : c == '1' ? 'l' : c;
    }
    return written;
}
