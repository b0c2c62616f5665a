/* SPDX-License-Identifier: Apache-2.0 */
/* Sends an import's events in batches to the gateway's /v1/import, tries again while it is away, and counts what became of them. */
#ifndef QY_CLI_IMPORT_SEND_H
#define QY_CLI_IMPORT_SEND_H

#include "services/cli/client.h"

#include <stdio.h>

#define IMPORT_BATCH_EVENTS 500
#define IMPORT_BATCH_BYTES ((size_t)2 * 1024 * 1024)

struct import_sender {
    struct client *client;
    FILE *report;
    struct buffer batch;
    uint64_t lines[IMPORT_BATCH_EVENTS]; /* where each event of the batch came from */
    size_t count;
    uint64_t accepted, duplicates, refused;
    uint64_t position; /* the gateway's, after the last batch */
};

void import_sender_open(struct import_sender *sender, struct client *client, FILE *report);
void import_sender_close(struct import_sender *sender);
/* Takes one event's JSON; sends when a batch is full. 0, or -1 after saying why on standard error. */
int import_sender_add(struct import_sender *sender, const struct buffer *event, uint64_t line);
int import_sender_flush(struct import_sender *sender);

/* One line of the report: a line of the file that was not taken, and why. */
void import_report(FILE *report, uint64_t line, const char *reason);

#endif
