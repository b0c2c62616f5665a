/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own limit for small HTTP requests: common/http with a handler that answers at once.
 * Usage: bench_http_limit PORT THREADS [CERTIFICATE KEY]; with them over TLS. Runs until its standard input ends. */
#include "common/http.h"
#include "common/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void handle(void *self, struct http_request *request)
{
    static const char answer[] = "{\"success\":true,\"accepted\":1,\"duplicates\":0,\"position\":\"1\"}";
    (void)self;
    http_respond(request, 200, "application/json", answer, sizeof(answer) - 1);
}

/* The port with TLS instead of the plain one. */
static void ask_for_tls(struct http_options *options, const char *certificate, const char *key)
{
    static struct tls *tls;
    char error[TLS_ERROR_BYTES];
    if (tls_open(&(struct tls_options){.certificate = certificate, .key = key}, &tls, error)) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    options->tls = tls;
    options->tls_address = options->address;
    options->tls_port = options->port;
    options->address = NULL;
}

int main(int argc, char **argv)
{
    bool usable = argc == 3 || argc == 5;
    struct http_options options = {
        .address = "127.0.0.1",
        .port = (uint16_t)(usable ? strtoul(argv[1], NULL, 10) : 0),
        .threads = (unsigned)(usable ? strtoul(argv[2], NULL, 10) : 0),
        .max_connections = 10000,
        .max_header_bytes = 16384,
        .max_body_bytes = 5u << 20,
        .request_ms = 30000,
        .response_ms = 30000,
        .idle_ms = 75000,
        .handler = handle,
    };
    if (options.port == 0 || options.threads == 0) {
        fprintf(stderr, "usage: %s PORT THREADS [CERTIFICATE KEY]\n", argv[0]);
        return 2;
    }
    if (argc == 5)
        ask_for_tls(&options, argv[3], argv[4]);
    struct http_server *server;
    char error[256];
    if (http_server_open(&options, &server, error)) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    char ignored;
    while (read(STDIN_FILENO, &ignored, 1) > 0)
        continue;
    http_server_close(&server, 1000);
    return 0;
}
