/* SPDX-License-Identifier: Apache-2.0 */
/* A log that was put back from an older backup is forked from what a witness has seen. That this is no crime only a person can say, once:
 * the witness goes on from the log's own word of it. */
#ifndef QY_CLI_WITNESS_ACCEPT_H
#define QY_CLI_WITNESS_ACCEPT_H

#include "services/cli/log_client.h"
#include "services/cli/witness_state.h"

/* The record at this place must say that the log was put back there, and be proven under a checkpoint of the key that is believed: what the
 * witness has seen is that checkpoint from here on. What it had seen before stays in a file beside the state. Says what is wrong, or what
 * was accepted; yields the exit status. Cosigns nothing. */
int witness_accept(struct log_client *client, struct witness_state *state, const char *index);

#endif
