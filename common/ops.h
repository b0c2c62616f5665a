/* SPDX-License-Identifier: Apache-2.0 */
/* The operations port of a service: /healthz, /readyz and /metrics, on an HTTP server with one thread of its
 * own. */
#ifndef QY_COMMON_OPS_H
#define QY_COMMON_OPS_H

#include "common/http.h"

struct ops;

struct ops_options {
    const char *address;
    uint16_t port;
    struct metrics *metrics; /* must outlive the ops */
    /* True when the service can do its work. Else it appends why to `reasons_json`: JSON values with commas
     * between them, such as
     * {"part":"feed","reason":"identity is not reachable"}. The ops thread calls it. NULL: always ready. */
    bool (*ready)(void *self, struct buffer *reasons_json);
    /* As metrics_write()'s `extra`. The ops thread calls it. May be NULL. */
    void (*scrape)(void *self, struct metrics_page *page);
    void *self;
};

/* GET /healthz: 200 while the process lives. GET /readyz: 200 {"ready":true,"reasons":[]} or 503 with the
 * reasons. GET /metrics: Prometheus' text format. On failure `error` says which address and why. */
int ops_open(const struct ops_options *options, struct ops **ret_ops, char error[256]);
uint16_t ops_port(const struct ops *ops);
void ops_close(struct ops **ops);

#endif
