/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/import_send.h"

#include "common/json.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define TRIES 60
#define PAUSE_MS_MAX 2000

void import_sender_open(struct import_sender *sender, struct client *client)
{
    *sender = (struct import_sender){.client = client};
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

static void complain(long status, yyjson_val *root)
{
    const char *detail = yyjson_get_str(yyjson_obj_get(root, "detail"));
    fprintf(stderr, "quanyu: the gateway refuses the import: %ld: %s\n", status, detail ? detail : "");
}

/* What the gateway said of the batch. */
static int take_answer(struct import_sender *sender, long status, const struct buffer *answer)
{
    yyjson_doc *doc = yyjson_read((const char *)answer->data, answer->size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    int error = 0;
    if (status == 200) {
        const char *position = yyjson_get_str(yyjson_obj_get(root, "position"));
        sender->accepted += yyjson_get_uint(yyjson_obj_get(root, "accepted"));
        sender->duplicates += yyjson_get_uint(yyjson_obj_get(root, "duplicates"));
        sender->position = position ? strtoull(position, NULL, 10) : 0;
        report_refused(sender, yyjson_obj_get(root, "errors"));
    } else if ((status == 400 || status == 403) && yyjson_obj_get(root, "errors")) {
        report_refused(sender, yyjson_obj_get(root, "errors"));
    } else {
        complain(status, root);
        error = -1;
    }
    yyjson_doc_free(doc);
    return error;
}

static void pause_before(unsigned attempt)
{
    long ms = attempt < 5 ? 100L << attempt : PAUSE_MS_MAX;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* Again and again while the gateway is away or too busy. Yields the status, or -1 after saying why there is none. */
static long exchange(struct import_sender *sender, enum client_peer peer, const char *path,
    const struct buffer *body, struct buffer *answer)
{
    for (unsigned attempt = 0; attempt < TRIES;) {
        buffer_clear(answer);
        long status =
            client_call(sender->client, peer, "POST", path, (const char *)body->data, body->size, answer);
        if (status == CLIENT_NO_CREDENTIALS)
            return -1;
        if (status != CLIENT_NO_ANSWER && status != 429 && status < 500)
            return status;
        /* Over its rate a write key only has to wait, however long the file is. */
        pause_before(status == 429 ? TRIES : attempt);
        attempt += status != 429;
    }
    fprintf(stderr,
        "quanyu: the gateway does not take the import now; run it again later: nothing counts twice\n");
    return -1;
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
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    long status = exchange(sender, PEER_INGEST, "/v1/import", &sender->batch, &answer);
    int error = status < 0 ? -1 : take_answer(sender, status, &answer);
    buffer_clear(&sender->batch);
    sender->count = 0;
    return error;
}

static void explain_conflict(const struct import_file *file, yyjson_val *root)
{
    const char *detail = yyjson_get_str(yyjson_obj_get(root, "detail"));
    fprintf(stderr,
        "quanyu: %s: %s.\n"
        "Lines are known by file and mapping, not by what they say: those that were taken then would\n"
        "count a second time, except orders that bear an id. Nothing was imported. Put lines that are\n"
        "new or mended into a file of their own; where this is another file, say --as-new.\n",
        file->name, detail ? detail : "it was imported before");
}

int import_sender_declare(struct import_sender *sender, const struct import_file *file)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT, answer = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    json_field_text(&json, "id", file->id);
    json_field_text(&json, "name", file->name);
    json_field_text(&json, "beginning", file->beginning);
    json_field_bool(&json, "as_new", file->as_new);
    json_close(&json, '}');
    long status = exchange(sender, PEER_API, "/api/v1/imports", &body, &answer);
    if (status < 0)
        return -1;
    if (status == 200)
        return 0;
    yyjson_doc *doc = yyjson_read((const char *)answer.data, answer.size, 0);
    if (status == 409)
        explain_conflict(file, yyjson_doc_get_root(doc));
    else
        complain(status, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return -1;
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
