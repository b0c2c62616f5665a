/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a JSON object from pairs of option and value, as commands that make or change something take them. */
#ifndef QY_CLI_MEMBERS_H
#define QY_CLI_MEMBERS_H

#include "common/json.h"

enum member_kind {
    MEMBER_TEXT,
    MEMBER_LIST, /* may be repeated; "all": null */
    MEMBER_YES_NO,
    MEMBER_RATE, /* N or N/BURST; "default": null */
    MEMBER_TIME, /* "never": null */
};

struct member_option {
    const char *name, *member;
    enum member_kind kind;
};

/* Writes them into the open object; -1 where all is well, else the exit status, after saying what is wrong with the use of
 * `command`. */
int members_write(struct json *json, const char *command, const struct member_option *options, size_t count,
    int argc, char **argv);

#endif
