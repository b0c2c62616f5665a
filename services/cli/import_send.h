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
    FILE *report; /* the caller's, set before the first event */
    struct buffer batch;
    uint64_t lines[IMPORT_BATCH_EVENTS]; /* where each event of the batch came from */
    size_t count;
    uint64_t accepted, duplicates, refused;
    uint64_t position; /* the gateway's, after the last batch */
};

void import_sender_open(struct import_sender *sender, struct client *client);
void import_sender_close(struct import_sender *sender);
/* What the gateway is told of a file before its lines: it refuses one that looks like another state of a file that was imported. */
struct import_file {
    const char *id;        /* of file and mapping: 32 hexadecimal digits */
    const char *name;      /* without directories */
    const char *beginning; /* hash of its first lines, likewise */
    bool as_new;           /* take it all the same */
};
/* 0, or -1 after saying why not. */
int import_sender_declare(struct import_sender *sender, const struct import_file *file);
/* Takes one event's JSON; sends when a batch is full. 0, or -1 after saying why on standard error. */
int import_sender_add(struct import_sender *sender, const struct buffer *event, uint64_t line);
int import_sender_flush(struct import_sender *sender);

/* One line of the report: a line of the file that was not taken, and why. */
void import_report(FILE *report, uint64_t line, const char *reason);

#endif
