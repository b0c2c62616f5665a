/* SPDX-License-Identifier: Apache-2.0 */
/* How the command line talks to the suite: HTTP to gateway and audit with the credentials of the first start, or requests to the
 * services with the key "cli". */
#ifndef QY_CLI_CLIENT_H
#define QY_CLI_CLIENT_H

#include "common/buffer.h"
#include "common/config.h"

#include <yyjson.h>

struct client {
    struct config *config;
    void *curl;
    int complained; /* why the last call had no answer: it is not said again while it lasts */
    char gateway_url[256];
    char audit_url[256];
    char write_key[128];
    char hq_token[128];
    char auditor_token[128];
};

/* Reads settings; prints what is wrong. 0 or -1. The first call to a peer reads its credentials, under the setting `bootstrap`. */
int client_open(struct client *client);
void client_close(struct client *client);

enum client_peer { PEER_API, PEER_INGEST, PEER_AUDIT };
/* One HTTP exchange; `body` NULL for GET. Yields the status, or after printing why one of these. */
#define CLIENT_NO_ANSWER (-1L)
#define CLIENT_NO_CREDENTIALS (-2L) /* to try again is of no use */
long client_call(struct client *client, enum client_peer peer, const char *method, const char *path,
    const char *body, size_t size, struct buffer *answer);

/* As client_call, for commands: prints a problem document's detail when the status is not 2xx. NULL then. The caller frees it. */
yyjson_doc *client_ask(
    struct client *client, enum client_peer peer, const char *method, const char *path, const char *body);

/* A whole command: asks with a client of its own, and prints the answer's JSON, if there is any, or the problem. The exit
 * status. */
int client_show(enum client_peer peer, const char *method, const char *path, const char *body);

/* Asks for a page of a list, prints each item of `member`, and how to go on. The exit status. */
typedef void client_print_fn(yyjson_val *item);
int client_print_page(const char *path, const char *member, client_print_fn *print);
/* An object's text; "" where it has none. */
const char *client_text(yyjson_val *object, const char *name);

/* Appends `text` percent-encoded. */
void client_escape(struct buffer *out, const char *text);

#endif
