/* SPDX-License-Identifier: Apache-2.0 */
/* One accepted event, parsed: the parts of the SDK protocol's object that identity looks at. */
#ifndef QY_IDENTITY_EVENT_H
#define QY_IDENTITY_EVENT_H

#include "common/mem.h"
#include "proto/common.pb-c.h"

#include <yyjson.h>

/* Memory for parsing, used again for each event. */
struct event_reader;
int event_reader_open(struct event_reader **ret_reader);
void event_reader_close(struct event_reader **reader);

struct event {
    Quanyu__EventType type;
    yyjson_val *root;
    yyjson_val *traits;  /* about the person; NULL where there are none: also in group calls, whose traits are
                            the group's */
    yyjson_val *context; /* NULL where there is none */
    yyjson_val *context_traits; /* NULL where there are none */
    yyjson_val *properties;     /* of group calls, the group's traits; NULL where there are none */
    const char *name;           /* of track, page and screen; "" for others */
    size_t name_size;
};

/* Numbers are kept as their digits. The event lives until the reader's next call. -QY_EINVAL: not a JSON
 * object. */
int event_read(
    struct event_reader *reader, Quanyu__EventType type, struct bytes body, struct event *ret_event);

/* The member that is an object, or NULL. */
yyjson_val *event_object(yyjson_val *object, const char *name);

#endif
