/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own limit for small HTTP requests: common/http with a handler that answers at once.
 * Usage: bench_http_limit PORT THREADS. Runs until its standard input ends. */
#include "common/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void handle(void *self, struct http_request *request)
{
    static const char answer[] = "{\"success\":true,\"accepted\":1,\"duplicates\":0,\"position\":\"1\"}";
    (void)self;
    http_respond(request, 200, "application/json", answer, sizeof(answer) - 1);
}

int main(int argc, char **argv)
{
    struct http_options options = {
        .address = "127.0.0.1",
        .port = (uint16_t)(argc == 3 ? strtoul(argv[1], NULL, 10) : 0),
        .threads = (unsigned)(argc == 3 ? strtoul(argv[2], NULL, 10) : 0),
        .max_connections = 10000,
        .max_header_bytes = 16384,
        .max_body_bytes = 5u << 20,
        .request_ms = 30000,
        .response_ms = 30000,
        .idle_ms = 75000,
        .handler = handle,
    };
    if (options.port == 0 || options.threads == 0) {
        fprintf(stderr, "usage: %s PORT THREADS\n", argv[0]);
        return 2;
    }
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
