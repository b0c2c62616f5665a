/* SPDX-License-Identifier: Apache-2.0 */
/* Units from a CSV text (RFC 4180): a line each, with a head that names the columns code, name, kind, parent_code, ownership, opened_on,
 * closed_on and time_zone, in any order. A unit is known by its code: one that is there is changed in what the columns say, another one
 * is made. A parent may stand anywhere in the text; where a new one names none it stands right below HQ, and one that is there stays
 * where it is. An empty cell takes away what the unit had there. */
#ifndef QY_GATEWAY_UNIT_IMPORT_H
#define QY_GATEWAY_UNIT_IMPORT_H

#include "services/gateway/unit_change.h"

#define UNIT_IMPORT_ROWS_MAX 50000u
#define UNIT_IMPORT_ERRORS_MAX 100u

struct unit_import_error {
    uint64_t line;
    const char *column; /* "" where it is the line as a whole */
    const char *reason;
};

struct unit_import {
    struct unit_edit *edits; /* of units that are new or change; in the arena, as all else */
    uint64_t *lines;         /* each edit's */
    size_t count;
    size_t created, changed, unchanged;
    struct unit_import_error errors[UNIT_IMPORT_ERRORS_MAX];
    size_t error_count;  /* of those that are shown */
    size_t errors_found; /* all */
};

/* -QY_EINVAL where there are errors. */
int unit_import_read(struct bytes text, const struct unit_tree *tree, struct store_txn *txn,
    struct arena *arena, struct unit_import *ret_import);

#endif
