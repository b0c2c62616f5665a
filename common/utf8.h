/* SPDX-License-Identifier: Apache-2.0 */
/* Whether bytes are text. */
#ifndef QY_COMMON_UTF8_H
#define QY_COMMON_UTF8_H

#include <stdbool.h>

/* Well-formed UTF-8 (RFC 3629) without control characters of ASCII but newlines and tabs. */
bool utf8_is_text(const char *text);

#endif
