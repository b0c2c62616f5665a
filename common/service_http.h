/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP ports that a service shows to the world, as its settings say: <service>.http_…, https_…, tls_…. */
#ifndef QY_COMMON_SERVICE_HTTP_H
#define QY_COMMON_SERVICE_HTTP_H

#include "common/http.h"
#include "common/service.h"

struct service_http;

/* In service_spec.start; `name` is the service's, static; `refusing` as in http_options. Where it fails it says why the service cannot start.
 * From then on SIGHUP, and a change of the files, bring a new TLS certificate into force. */
int service_http_open(struct service *service, const char *name, http_handler_fn *handler,
    http_refusing_fn *refusing, void *self, struct service_http **ret_http);
/* In service_spec.stop; see http_server_close(). */
void service_http_close(struct service_http **http, unsigned grace_ms);

#endif
