/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the units' tree share. */
#ifndef QY_GATEWAY_UNITS_PRIVATE_H
#define QY_GATEWAY_UNITS_PRIVATE_H

#include "common/buffer.h"
#include "common/snapshot.h"
#include "services/gateway/units.h"

#include <sodium.h>

#define NOWHERE UINT32_MAX

/* By number. */
struct unit_node {
    uint32_t parent; /* 0: the root, or there never was one; of a unit that was removed, where it was */
    uint32_t place;  /* NOWHERE: it is not there */
    uint32_t below;
    uint32_t code; /* where it begins in tree.codes; 0: none */
    uint8_t depth;
    uint64_t lost; /* the number of the move */
};

struct unit_tree {
    struct snapshot snapshot; /* first */
    struct unit_node *nodes;  /* `last` + 1 */
    uint32_t last;
    uint32_t *order; /* numbers by place */
    uint32_t count;
    uint64_t moves;
    struct buffer codes; /* each with its NUL; the first byte is no code's */
    uint32_t *slots;     /* numbers by the code's hash; 0: free */
    size_t slot_count;   /* a power of two, more than twice as many as there are codes */
    uint8_t secret[crypto_shorthash_KEYBYTES]; /* nobody can choose codes that fall into one place */
};

#endif
