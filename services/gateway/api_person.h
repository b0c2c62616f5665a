/* SPDX-License-Identifier: Apache-2.0 */
/* How operations about one person find whom the path names. */
#ifndef QY_GATEWAY_API_PERSON_H
#define QY_GATEWAY_API_PERSON_H

#include "proto/identity.pb-c.h"
#include "services/gateway/api.h"

/* The person that the path names, of whom the caller may know; without personal fields. A miss is on record, with the purpose
 * where there is one ("" else). */
int person_of_path(
    struct api_call *call, const char *action, const char *purpose, Quanyu__PersonView **ret_person);

#endif
