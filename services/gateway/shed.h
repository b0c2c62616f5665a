/* SPDX-License-Identifier: Apache-2.0 */
/* Overload: while what waits for the writer is too much or too old, new ingestion is refused at once, with 503, so that what was
 * taken is still answered in time. What serves the API is not asked: it waits in the same queue, behind what is let in here. */
#ifndef QY_GATEWAY_SHED_H
#define QY_GATEWAY_SHED_H

#include "common/service.h"

struct shed_limits {
    size_t bytes;   /* that wait for the writer, and are in its commit */
    double seconds; /* for which the oldest has waited to be taken up; 0: however long */
};

bool shed_is_due(const struct service_load *load, const struct shed_limits *limits);

/* Seconds, for Retry-After: not the same for all, or they would all come back at once. */
unsigned shed_retry_after(void);

#endif
