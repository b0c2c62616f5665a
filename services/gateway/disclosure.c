/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/disclosure.h"

#include "common/mem.h"
#include "services/gateway/permission.h"

struct disclosure disclosure_of(uint64_t permissions)
{
    return (struct disclosure){
        .persons = permission_in(permissions, PERMISSION_PERSON_READ),
        .personal = permission_in(permissions, PERMISSION_PERSONAL_MASKED),
        .amounts = permission_in(permissions, PERMISSION_AMOUNT_READ),
    };
}

size_t disclosure_fields(const struct disclosure *disclosure, char *ret_fields[DISCLOSURE_FIELDS_MAX])
{
    static const char *const always[] = {
        "traits", "tags", "stage", "segments", "metrics", "events", "home_unit", "guide"};
    size_t count = 0;
    if (disclosure->personal) {
        ret_fields[count++] = (char *)"identifiers";
        ret_fields[count++] = (char *)"personal_traits";
    }
    for (size_t i = 0; i < COUNT_OF(always); i++)
        ret_fields[count++] = (char *)(uintptr_t)always[i];
    if (disclosure->amounts)
        ret_fields[count++] = (char *)"amounts";
    return count;
}
