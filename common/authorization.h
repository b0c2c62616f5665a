/* SPDX-License-Identifier: Apache-2.0 */
/* The value of an Authorization header (RFC 9110, 6750, 7617), as whoever calls has written it. */
#ifndef QY_COMMON_AUTHORIZATION_H
#define QY_COMMON_AUTHORIZATION_H

#include <stdbool.h>
#include <stddef.h>

/* The token of "Bearer …", a part of `header` and maybe empty; NULL where it is of another scheme, or `header` is NULL. */
const char *authorization_bearer(const char *header);
/* The user name of "Basic …", not empty, its colon and what follows optional. False, with `user` unspecified, where there is none, it is
 * no base64, or user name and password do not fit into `size` bytes with a NUL. */
bool authorization_basic_user(const char *header, char *user, size_t size);

#endif
