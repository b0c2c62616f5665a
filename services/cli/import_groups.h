/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a file, gathered into groups in the order of their first lines. */
#ifndef QY_CLI_IMPORT_GROUPS_H
#define QY_CLI_IMPORT_GROUPS_H

#include "services/cli/mapping.h"

struct group {
    struct line *lines;
    size_t count, capacity;
    char *key;
    size_t key_size;
};

struct groups {
    struct arena *arena; /* the fields' text */
    struct group *all;
    size_t count, capacity;
    uint32_t *slots; /* open addressing over keys: index + 1 */
    size_t slot_count;
};

int groups_open(struct groups *groups);
void groups_close(struct groups *groups);
/* Copies the line into the group of `key`, or into one of its own where there is no key (size 0). -QY_ENOMEM. */
int groups_add(struct groups *groups, const struct line *line, size_t field_count, const struct buffer *key);

#endif
