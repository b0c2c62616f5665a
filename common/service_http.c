/* SPDX-License-Identifier: Apache-2.0 */
#include "common/service_http.h"

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/tls.h"

#include <stdlib.h>
#include <sys/resource.h>

/* How often the certificate's files are looked at. */
#define WATCH_MS 2000
/* Descriptors for all that is not a connection. */
#define DESCRIPTORS_BESIDE 512

struct service_http {
    struct service *service;
    const char *name; /* of the service, in settings */
    struct tls *tls;  /* NULL: no port has it */
    struct http_server *server;
};

static const char *text_of(const struct service_http *http, const char *name)
{
    return config_service_text(service_config(http->service), http->name, name);
}

static int64_t number_of(const struct service_http *http, const char *name)
{
    return config_service_number(service_config(http->service), http->name, name);
}

/* -- TLS -- */

static void tell_certificate(const struct service_http *http, int64_t expires)
{
    char until[TIME_TEXT_BYTES];
    time_format(expires * 1000, until);
    bool expired = expires * 1000 <= clock_wall_ms();
    log_line(expired ? LOG_WARNING : LOG_INFO,
        expired ? "the TLS certificate has expired" : "TLS certificate in force", "file=%s until=%s",
        text_of(http, "tls_certificate"), until);
}

static void on_reload(void *self, int64_t expires, const char *error)
{
    const struct service_http *http = self;
    if (error)
        log_line(LOG_ERROR, "the new TLS certificate is refused; the one before stays in force",
            "reason=\"%s\"", error);
    else
        tell_certificate(http, expires);
}

static void on_hangup(void *self)
{
    const struct service_http *http = self;
    (void)tls_reload(http->tls);
}

static int open_tls(struct service_http *http)
{
    struct service *service = http->service;
    const char *name = http->name;
    const struct tls_options options = {
        .certificate = text_of(http, "tls_certificate"),
        .key = text_of(http, "tls_key"),
        .watch_ms = WATCH_MS,
        .metrics = service_metrics(service),
        .on_reload = on_reload,
        .self = http,
    };
    char error[TLS_ERROR_BYTES];
    if (!*options.certificate || !*options.key)
        return service_refuse_start(service, -QY_EINVAL,
            "setting %s.https_port asks for TLS: %s.tls_certificate and %s.tls_key must name PEM files", name,
            name, name);
    int result = tls_open(&options, &http->tls, error);
    if (result)
        return service_refuse_start(
            service, result, "%s (settings %s.tls_certificate, %s.tls_key)", error, name, name);
    tell_certificate(http, tls_expires(http->tls));
    service_on_hangup(service, on_hangup, http);
    return 0;
}

/* -- the server -- */

/* The limit at first is for programs that use select(). */
static void raise_descriptors(const struct service_http *http)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    int64_t wanted = number_of(http, "max_connections") + DESCRIPTORS_BESIDE;
    if (limit.rlim_max < (rlim_t)wanted)
        log_line(LOG_WARNING, "the system allows fewer open files than connections are to be had",
            "limit=%llu wanted=%lld", (unsigned long long)limit.rlim_max, (long long)wanted);
}

static struct http_options options_of(const struct service_http *http)
{
    uint16_t port = (uint16_t)number_of(http, "http_port");
    return (struct http_options){
        .address = port ? text_of(http, "http_address") : NULL,
        .port = port,
        .tls_address = text_of(http, "https_address"),
        .tls_port = (uint16_t)number_of(http, "https_port"),
        .tls = http->tls,
        .threads = (unsigned)number_of(http, "http_threads"),
        .max_connections = (unsigned)number_of(http, "max_connections"),
        .max_per_address = (unsigned)number_of(http, "max_connections_per_address"),
        .max_header_bytes = (size_t)number_of(http, "max_header"),
        .max_body_bytes = (size_t)number_of(http, "max_body"),
        .handshake_ms = (unsigned)number_of(http, "handshake_timeout"),
        .request_ms = (unsigned)number_of(http, "request_timeout"),
        .response_ms = (unsigned)number_of(http, "response_timeout"),
        .idle_ms = (unsigned)number_of(http, "idle_timeout"),
        .metrics = service_metrics(http->service),
    };
}

static int open_server(
    struct service_http *http, http_handler_fn *handler, http_refusing_fn *refusing, void *self)
{
    const char *name = http->name;
    struct http_options options = options_of(http);
    options.handler = handler;
    options.refusing = refusing;
    options.self = self;
    char error[256];
    (void)proxies_read(text_of(http, "trusted_proxies"), &options.trusted); /* checked with the settings */
    if (!options.address && !options.tls)
        return service_refuse_start(http->service, -QY_EINVAL,
            "settings %s.http_port and %s.https_port are both 0: one of them must be a port", name, name);
    raise_descriptors(http);
    int result = http_server_open(&options, &http->server, error);
    if (result)
        return service_refuse_start(http->service, result,
            "%s (settings %s.http_address, %s.http_port, %s.https_address, %s.https_port)", error, name, name,
            name, name);
    return 0;
}

int service_http_open(struct service *service, const char *name, http_handler_fn *handler,
    http_refusing_fn *refusing, void *self, struct service_http **ret_http)
{
    struct service_http *http = calloc(1, sizeof(*http));
    if (!http)
        return -QY_ENOMEM;
    http->service = service;
    http->name = name;
    int error = number_of(http, "https_port") ? open_tls(http) : 0;
    if (!error)
        error = open_server(http, handler, refusing, self);
    if (error)
        service_http_close(&http, 0);
    else
        *ret_http = http;
    return error;
}

void service_http_close(struct service_http **http, unsigned grace_ms)
{
    struct service_http *closing = *http;
    if (!closing)
        return;
    *http = NULL;
    service_on_hangup(closing->service, NULL, NULL);
    http_server_close(&closing->server, grace_ms);
    tls_close(&closing->tls);
    free(closing);
}
