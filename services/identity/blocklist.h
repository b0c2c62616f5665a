/* SPDX-License-Identifier: Apache-2.0 */
/* Values that stand for nobody, by the rules: exact ones, and patterns in which * is any text, ? any character, and [0-9] one of some.
 * Letter case does not count. Immutable once it is made: any thread. */
#ifndef QY_IDENTITY_BLOCKLIST_H
#define QY_IDENTITY_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>

#define BLOCKED_MAX 1000
#define BLOCKED_BYTES 200

struct blocked {
    unsigned kind; /* its number; 0: any */
    bool is_pattern;
    char text[BLOCKED_BYTES + 1];
};

struct blocklist {
    size_t count;
    struct blocked items[];
};

/* Room for so many, `count` 0; free() it. NULL: no memory. */
struct blocklist *blocklist_make(size_t room);
/* Values that mean nobody wherever programs write them ("null", "anonymous", "0000"). */
bool blocked_by_default(const char *value, size_t size);
/* `list` may be NULL. */
bool blocklist_has(const struct blocklist *list, unsigned kind, const char *value, size_t size);
/* What is wrong with a pattern; NULL: nothing. */
const char *pattern_problem(const char *pattern);

#endif
