/* SPDX-License-Identifier: Apache-2.0 */
/* The six calls of the SDK protocol by their names. */
#ifndef QY_GATEWAY_EVENT_TYPE_H
#define QY_GATEWAY_EVENT_TYPE_H

#include "proto/common.pb-c.h"

#include <yyjson.h>

#define EVENT_TYPE_NAMES "identify, track, page, screen, group or alias"

/* EVENT_NONE where it is none of them. */
Quanyu__EventType event_type_of(yyjson_val *name);
const char *event_type_name(Quanyu__EventType type);

#endif
