/* SPDX-License-Identifier: Apache-2.0 */
/* What of people an answer may hold, by the caller's permissions. Owners are asked for that and no more, and the record says it. */
#ifndef QY_GATEWAY_DISCLOSURE_H
#define QY_GATEWAY_DISCLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disclosure {
    bool persons;  /* single people; who may not see any is told no count that points at a few */
    bool personal; /* identifiers and personal traits, masked */
    bool amounts;  /* money */
};
struct disclosure disclosure_of(uint64_t permissions);

/* The fields of a profile, as records name them; returns how many. */
#define DISCLOSURE_FIELDS_MAX 11
size_t disclosure_fields(const struct disclosure *disclosure, char *ret_fields[DISCLOSURE_FIELDS_MAX]);

#endif
