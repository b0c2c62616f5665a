/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what somebody says of a unit can be so, field by field. Where it can, the field is set; texts are borrowed. */
#ifndef QY_GATEWAY_UNIT_CHECK_H
#define QY_GATEWAY_UNIT_CHECK_H

#include "proto/organisation.pb-c.h"

enum unit_field {
    UNIT_FIELD_CODE,
    UNIT_FIELD_NAME,
    UNIT_FIELD_KIND,
    UNIT_FIELD_OWNERSHIP,
    UNIT_FIELD_OPENED_ON,
    UNIT_FIELD_CLOSED_ON,
    UNIT_FIELD_TIME_ZONE,
    UNIT_FIELD_COUNT
};
/* As members of bodies and as columns. */
extern const char *const unit_fields[UNIT_FIELD_COUNT];

/* NULL where it can be, else what is wrong, a static text. An empty text takes the field away. */
const char *unit_set(Quanyu__Unit *unit, enum unit_field field, const char *value);
/* Of all together, with the field that it is about. */
const char *unit_check(const Quanyu__Unit *unit, enum unit_field *ret_field);

#endif
