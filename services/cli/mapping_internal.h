/* SPDX-License-Identifier: Apache-2.0 */
/* What mapping.c and mapping_event.c share. */
#ifndef QY_CLI_MAPPING_INTERNAL_H
#define QY_CLI_MAPPING_INTERNAL_H

#include "services/cli/mapping.h"

/* The index of a column, -1 when there is none. */
int mapping_column(const struct mapping *mapping, const char *name, size_t size);

#endif
