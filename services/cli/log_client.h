/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody else's view of the audit log: its public interface, by a URL and an auditor's token; no other part of the suite is needed. */
#ifndef QY_CLI_LOG_CLIENT_H
#define QY_CLI_LOG_CLIENT_H

#include "common/buffer.h"

struct log_client {
    void *curl;
    char url[512];
    char token[160];
};

/* `url` NULL: the audit service of this machine's settings, with the token that its first start left; else `token_file` holds the token. Says
 * what is wrong. 0 or -1. */
int log_client_open(struct log_client *client, const char *url, const char *token_file);
void log_client_close(struct log_client *client);
/* `path` without a slash before it; the answer instead of what `answer` held. Yields the status; -1 where there is no answer, with why in
 * `error`. */
#define LOG_ERROR_BYTES 256
long log_client_get(
    struct log_client *client, const char *path, struct buffer *answer, char error[LOG_ERROR_BYTES]);
long log_client_post(struct log_client *client, const char *path, struct bytes body, struct buffer *answer,
    char error[LOG_ERROR_BYTES]);

/* -- arguments of the commands that use it -- */
struct log_option {
    const char *name;   /* "--url" */
    const char **value; /* NULL: a flag */
    bool *flag;
    const char **values; /* may be given several times: a list with room for `most` */
    size_t *count;
    size_t most;
};
/* Takes the options out of the arguments from argv[1] on; what is none goes to `ret_rest`, of which there may be `most`. False, said, where
 * one is unknown or lacks its value. */
bool log_options(const char *command, int argc, char **argv, const struct log_option *options, size_t count,
    const char **ret_rest, size_t most);
/* Whether each is a verifier key of a log; says which is none. */
bool log_keys_good(const char *const *keys, size_t count);

#endif
