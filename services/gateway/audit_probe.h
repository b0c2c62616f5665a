/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway tells audit once that can record again: for how long it could not, and how many requests were refused for it. */
#ifndef QY_GATEWAY_AUDIT_PROBE_H
#define QY_GATEWAY_AUDIT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* Of the gateway; an audit_probe_fn. */
bool audit_probe(void *self, int64_t shut_ms, uint64_t refused);

#endif
