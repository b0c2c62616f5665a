/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: what they are made of, and when two of them look the same. */
#ifndef QY_GATEWAY_LOGIN_H
#define QY_GATEWAY_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#define LOGIN_BYTES_MIN 3u
#define LOGIN_BYTES_MAX 128u

/* Small letters and ASCII, as it is stored and shown; `ret_login` has room for LOGIN_BYTES_MAX and a NUL. NULL where the text can be a login,
 * else what is wrong, a static text. */
const char *login_read(const char *text, char ret_login[LOGIN_BYTES_MAX + 1]);
/* Who was given none signs in with the id, "st_7": no other login begins as ids do. */
bool login_is_of_id(const char *login);
/* What two logins have in common that look the same in small letters: UTS #39's skeleton, of ASCII alone. `out` has room for `size` bytes;
 * returns how many were written. */
size_t login_look(const char *login, size_t size, char *out);

#endif
