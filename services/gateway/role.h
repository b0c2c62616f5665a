/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: lists of permissions with a name. These here come with the suite and are fixed; the brand's own are in role_store.h. */
#ifndef QY_GATEWAY_ROLE_H
#define QY_GATEWAY_ROLE_H

#include "services/gateway/permission.h"

#define ROLE_NAME_BYTES 32
#define ROLE_HQ_ADMIN "hq_admin"

struct role {
    char name[ROLE_NAME_BYTES];
    uint64_t permissions;
    bool own_people; /* whose scope are the people bound to him or her, not those of the unit */
};

#define ROLE_STANDARD_COUNT 11u
extern const struct role role_standard[ROLE_STANDARD_COUNT];
/* NULL where none has that name. */
const struct role *role_standard_find(const char *name);
/* A name that a role may have: a-z, 0-9 and _, beginning with a letter. */
bool role_name_fits(const char *name);

#endif
