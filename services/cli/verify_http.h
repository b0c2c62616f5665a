/* SPDX-License-Identifier: Apache-2.0 */
/* A log as its public interface shows it. */
#ifndef QY_CLI_VERIFY_HTTP_H
#define QY_CLI_VERIFY_HTTP_H

#include "services/audit/verify.h"

struct verify_http;
/* `url` and `token_file` as for log_client_open(), which says what is wrong. Says where the log is read from, its notes, keys and witnesses;
 * all live as long as the log is open. 0 or -1, said. */
int verify_http_open(
    const char *url, const char *token_file, struct verify_http **ret_http, struct verify_options *options);
void verify_http_close(struct verify_http **http);

#endif
