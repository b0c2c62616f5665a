/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/event_type.h"

#include "common/mem.h"

static const struct {
    const char *name;
    Quanyu__EventType type;
} types[] = {
    {"track", QUANYU__EVENT_TYPE__EVENT_TRACK},
    {"identify", QUANYU__EVENT_TYPE__EVENT_IDENTIFY},
    {"page", QUANYU__EVENT_TYPE__EVENT_PAGE},
    {"screen", QUANYU__EVENT_TYPE__EVENT_SCREEN},
    {"group", QUANYU__EVENT_TYPE__EVENT_GROUP},
    {"alias", QUANYU__EVENT_TYPE__EVENT_ALIAS},
};

Quanyu__EventType event_type_of(yyjson_val *name)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (yyjson_equals_str(name, types[i].name))
            return types[i].type;
    return QUANYU__EVENT_TYPE__EVENT_NONE;
}

const char *event_type_name(Quanyu__EventType type)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "";
}
