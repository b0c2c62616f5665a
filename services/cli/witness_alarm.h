/* SPDX-License-Identifier: Apache-2.0 */
/* A witness's alarm: in clear text on standard error, with both checkpoints in a file of its own beside the state (what proves it), to a
 * command's standard input, and to a webhook. */
#ifndef QY_CLI_WITNESS_ALARM_H
#define QY_CLI_WITNESS_ALARM_H

#include "common/mem.h"

struct alarm {
    const char *state;   /* the witness's file */
    const char *command; /* for the shell; NULL: none */
    const char *webhook; /* NULL: none */
    struct bytes seen;   /* the checkpoint before */
    struct bytes now;    /* and the one that does not fit it */
};

/* Yields 3, the witness's exit status. */
int alarm_raise(const struct alarm *alarm, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
