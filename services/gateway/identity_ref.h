/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers as requests name them, and who of the persons that are meant may be seen. */
#ifndef QY_GATEWAY_IDENTITY_REF_H
#define QY_GATEWAY_IDENTITY_REF_H

#include "services/gateway/api.h"

/* Texts live as long as the call. */
struct identity_ref {
    Quanyu__IdentifierRef ref;
    const char *field;                /* where it stands in the body */
    const Quanyu__PersonView *person; /* whose it is, once it is found */
};

/* A member of the body, {"id":…} or {"kind":…,"value":…}. */
int identity_ref_read(struct api_call *call, const char *name, struct identity_ref *ret_ref);
/* A list of them. */
int identity_refs_read(struct api_call *call, const char *name, size_t least, size_t most,
    struct identity_ref **ret_refs, size_t *ret_count);
/* Finds whose it is. Nobody's, or of somebody whom the caller may not see: on record as a miss of `action`, and refused. */
int identity_ref_find(struct api_call *call, const char *action, struct identity_ref *ref);
/* Refuses it so. */
int identity_ref_miss(struct api_call *call, const char *action, const struct identity_ref *ref);

/* Persons, each once, with their One IDs; for records. */
struct persons {
    uint32_t *numbers;
    char **one_ids;
    size_t count, room;
};
/* Room for so many. -QY_ENOMEM. */
int persons_make(struct api_call *call, size_t room, struct persons *ret_persons);
/* Those without a number are left out. */
void persons_add(struct persons *persons, uint32_t number, char *one_id);

/* Who of some is in the caller's scope. */
struct visible {
    bool all;
    uint32_t *persons;
    size_t count;
};
int visible_find(struct api_call *call, const uint32_t *persons, size_t count, struct visible *ret_visible);
bool visible_has(const struct visible *visible, uint32_t person);

#endif
