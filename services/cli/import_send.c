/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/import_send.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define TRIES 60
#define PAUSE_MS_MAX 2000

void import_sender_open(struct import_sender *sender, struct client *client, FILE *report)
{
    *sender = (struct import_sender){.client = client, .report = report};
}

void import_sender_close(struct import_sender *sender)
{
    buffer_free(&sender->batch);
}

void import_report(FILE *report, uint64_t line, const char *reason)
{
    fprintf(report, "%" PRIu64 ",\"", line);
    for (; *reason; reason++) {
        if (*reason == '"')
            fputc('"', report);
        fputc(*reason, report);
    }
    fputs("\"\n", report);
}

static void report_refused(struct import_sender *sender, yyjson_val *errors)
{
    size_t index, count;
    yyjson_val *error;
    yyjson_arr_foreach(errors, index, count, error)
    {
        uint64_t at = yyjson_get_uint(yyjson_obj_get(error, "index"));
        const char *reason = yyjson_get_str(yyjson_obj_get(error, "reason"));
        const char *field = yyjson_get_str(yyjson_obj_get(error, "field"));
        const char *detail = yyjson_get_str(yyjson_obj_get(error, "detail"));
        char text[300];
        snprintf(text, sizeof(text), "%s: %s: %s", reason ? reason : "refused", field ? field : "",
            detail ? detail : "");
        import_report(sender->report, at < sender->count ? sender->lines[at] : 0, text);
        sender->refused++;
    }
}

/* What the gateway said of the batch. True when it has been dealt with, false to send it again. */
static bool take_answer(
    struct import_sender *sender, long status, const struct buffer *answer, int *ret_error)
{
    yyjson_doc *doc = yyjson_read((const char *)answer->data, answer->size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool done = true;
    *ret_error = 0;
    if (status == 200) {
        const char *position = yyjson_get_str(yyjson_obj_get(root, "position"));
        sender->accepted += yyjson_get_uint(yyjson_obj_get(root, "accepted"));
        sender->duplicates += yyjson_get_uint(yyjson_obj_get(root, "duplicates"));
        sender->position = position ? strtoull(position, NULL, 10) : 0;
        report_refused(sender, yyjson_obj_get(root, "errors"));
    } else if (status == 400 && yyjson_obj_get(root, "errors")) {
        report_refused(sender, yyjson_obj_get(root, "errors"));
    } else if (status < 0 || status == 429 || status >= 500) {
        done = false;
    } else {
        const char *detail = yyjson_get_str(yyjson_obj_get(root, "detail"));
        fprintf(stderr, "quanyu: the gateway refuses the import: %ld: %s\n", status, detail ? detail : "");
        *ret_error = -1;
    }
    yyjson_doc_free(doc);
    return done;
}

static void pause_before(unsigned attempt)
{
    long ms = attempt < 5 ? 100L << attempt : PAUSE_MS_MAX;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

int import_sender_flush(struct import_sender *sender)
{
    if (sender->count == 0)
        return 0;
    buffer_text(&sender->batch, "]}");
    if (buffer_error(&sender->batch)) {
        fprintf(stderr, "quanyu: out of memory\n");
        return -1;
    }
    int error = -1;
    for (unsigned attempt = 0; attempt < TRIES; attempt++) {
        _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
        long status = client_call(sender->client, PEER_INGEST, "POST", "/v1/import",
            (const char *)sender->batch.data, sender->batch.size, &answer);
        if (take_answer(sender, status, &answer, &error))
            break;
        error = -1;
        pause_before(attempt);
    }
    buffer_clear(&sender->batch);
    sender->count = 0;
    return error;
}

int import_sender_add(struct import_sender *sender, const struct buffer *event, uint64_t line)
{
    bool full = sender->count == IMPORT_BATCH_EVENTS ||
                (sender->count > 0 && sender->batch.size + event->size > IMPORT_BATCH_BYTES);
    if (full && import_sender_flush(sender))
        return -1;
    buffer_text(&sender->batch, sender->count == 0 ? "{\"batch\":[" : ",");
    buffer_append(&sender->batch, event->data, event->size);
    sender->lines[sender->count++] = line;
    return 0;
}
