/* SPDX-License-Identifier: Apache-2.0 */
/* What commands that ask over HTTP share. */
#ifndef QY_CLI_PRINT_H
#define QY_CLI_PRINT_H

#include "services/cli/client.h"

/* One question, its answer printed as JSON; the exit status. */
int ask_and_print(enum client_peer peer, const char *method, const char *path, const char *body);
/* JSON, or "@FILE" that holds it; freed with free(). NULL, said, where the file does not. */
char *json_argument(const char *argument);

#endif
