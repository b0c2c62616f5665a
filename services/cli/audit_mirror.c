/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit mirror`: a warm copy of the log on another machine, which checks all that it takes before it keeps it. */
#include "common/directory.h"
#include "common/error.h"
#include "common/json.h"
#include "services/audit/audit_resume.h"
#include "services/cli/audit_proof.h"
#include "services/cli/command.h"
#include "services/cli/mirror.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EVERY_STANDARD 1u
#define PATH_BYTES 4096

int mirror_fail(struct mirror *mirror, int error, const char *what)
{
    snprintf(mirror->watch.error, sizeof(mirror->watch.error), "%s: %s", what, error_text(error));
    return 1;
}

/* -- one look -- */

static int read_held(struct mirror *mirror)
{
    struct store_txn *txn;
    struct bytes held;
    struct note note;
    int error = store_begin(log_copy_store(mirror->copy), STORE_READ, &txn);
    if (error)
        return error;
    buffer_clear(&mirror->held);
    mirror->seen = (struct checkpoint){.size = 0};
    if (audit_store_note(txn, NOTE_NEWEST, &held)) {
        buffer_append(&mirror->held, held.data, held.size);
        if (note_open(held, &note) || checkpoint_parse(note.text, &mirror->seen))
            error = -QY_ECORRUPT;
    }
    store_abort(&txn);
    return error ? error : buffer_error(&mirror->held);
}

static int get(struct mirror *mirror, const char *path, bool may_lack, struct buffer *out)
{
    long got = log_client_get(&mirror->watch.client, path, out, mirror->watch.error);
    if (got == 404 && may_lack) {
        buffer_clear(out);
        return 0;
    }
    return got == 200 ? 0 : log_watch_cannot(&mirror->watch, got, path);
}

static int check_note(struct mirror *mirror, struct checkpoint *ret_now)
{
    struct note note;
    if (note_open((struct bytes){mirror->checkpoint.data, mirror->checkpoint.size}, &note) ||
        checkpoint_parse(note.text, ret_now))
        return alarm_raise(&mirror->watch.alarm, "what the log gives out is no signed checkpoint");
    int status = mirror_read_keys(mirror, ret_now->size);
    if (!status &&
        (strcmp(ret_now->origin, mirror->log.name) != 0 || !note_verify(&note, &mirror->log, NULL)))
        status = alarm_raise(&mirror->watch.alarm, "the checkpoint is not signed by the key of the log");
    return status;
}

static int goes_back(struct mirror *mirror, const struct checkpoint *now)
{
    if (now->size < mirror->seen.size)
        return alarm_raise(&mirror->watch.alarm,
            "the log was rolled back: it had %" PRIu64 " records and now has %" PRIu64, mirror->seen.size,
            now->size);
    if (now->size == mirror->seen.size && memcmp(&now->root, &mirror->seen.root, sizeof(now->root)) != 0)
        return alarm_raise(&mirror->watch.alarm,
            "the log is forked: two trees of %" PRIu64 " records are signed", now->size);
    return 0;
}

static int look(void *self)
{
    struct mirror *mirror = self;
    struct checkpoint now;
    arena_reset(mirror->arena);
    int error = read_held(mirror);
    if (error)
        return mirror_fail(mirror, error, "the copy");
    mirror->watch.seen = mirror->seen.size;
    mirror->watch.alarm.seen = (struct bytes){mirror->held.data, mirror->held.size};
    mirror->watch.alarm.now = (struct bytes){(const uint8_t *)"", 0};
    int status = get(mirror, "v1/checkpoints/cosigned", true, &mirror->cosigned);
    if (!status) /* an empty log has none, which is none that was seen */
        status = get(mirror, "checkpoint", false, &mirror->checkpoint);
    if (status)
        return status;
    mirror->watch.alarm.now = (struct bytes){mirror->checkpoint.data, mirror->checkpoint.size};
    bool same = mirror->held.size == mirror->checkpoint.size && mirror->held.size > 0 &&
                memcmp(mirror->held.data, mirror->checkpoint.data, mirror->held.size) == 0;
    status = same ? 0 : check_note(mirror, &now);
    if (!status && !same)
        status = goes_back(mirror, &now);
    /* One that was begun from a backup may hold what is not signed yet. */
    if (!status && !same && now.size >= log_copy_size(mirror->copy))
        status = mirror_take(mirror, &now);
    if (status)
        return status;
    mirror->watch.verified = time(NULL);
    if (!same)
        printf("%" PRIu64 " records, consistent and kept\n", log_copy_size(mirror->copy));
    fflush(stdout);
    return 0;
}

/* -- the directory -- */

static bool has_entries(const char *path)
{
    DIR *directory = opendir(path);
    bool found = false;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        found = found || *entry->d_name != '.';
    if (directory)
        closedir(directory);
    return found;
}

static int make_mark(const char *mark, const char *url)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_text(&json, "warm_copy_of", url);
    json_close(&json, '}');
    buffer_byte(&text, '\n');
    return buffer_error(&text) ? buffer_error(&text) : directory_replace_file(mark, text.data, text.size);
}

/* Nothing but a warm copy is taken for one: a service's own directory would be written over. */
static int open_directory(struct mirror *mirror, const char *url)
{
    char mark[PATH_BYTES];
    int error = 0;
    snprintf(mark, sizeof(mark), "%s/" MIRROR_MARK, mirror->directory);
    if (access(mark, F_OK) != 0) {
        if (has_entries(mirror->directory)) {
            fprintf(stderr, "quanyu: %s is no warm copy, and not empty\n", mirror->directory);
            return 1;
        }
        if (!mirror->key) {
            fprintf(stderr,
                "quanyu: a new copy needs --key, the log's verifier key: quanyu audit key shows it "
                "there\n");
            return 2;
        }
        error = directory_make(mirror->directory);
        if (!error)
            error = make_mark(mark, url ? url : "");
    }
    if (!error)
        error = log_copy_open(mirror->directory, &mirror->copy);
    if (error)
        fprintf(stderr, "quanyu: %s: %s\n", mirror->directory,
            error == -QY_ECONFLICT ? "another one writes this copy" : error_text(error));
    return error ? 1 : 0;
}

/* -- the command -- */

static void close_mirror(struct mirror *mirror)
{
    log_copy_close(&mirror->copy);
    log_client_close(&mirror->watch.client);
    buffer_free(&mirror->held);
    buffer_free(&mirror->checkpoint);
    buffer_free(&mirror->cosigned);
    arena_close(&mirror->arena);
}

static int run(struct mirror *mirror, const char *url, const char *token, bool once, unsigned every)
{
    char evidence[PATH_BYTES];
    if (arena_open(&mirror->arena) || log_client_open(&mirror->watch.client, url, token))
        return 1;
    int status = open_directory(mirror, url);
    if (status)
        return status;
    snprintf(evidence, sizeof(evidence), "%s/mirror", mirror->directory);
    mirror->watch.alarm.state = evidence;
    return log_watch_run(&mirror->watch, look, mirror, once, every);
}

int audit_mirror(int argc, char **argv)
{
    const char *url = NULL, *token = NULL, *every_text = NULL;
    struct mirror mirror = {.watch = {.verified = time(NULL)}};
    bool once = false;
    unsigned every;
    const struct log_option options[] = {{.name = "--to", .value = &mirror.directory},
        {.name = "--url", .value = &url}, {.name = "--token-file", .value = &token},
        {.name = "--key", .value = &mirror.key}, {.name = "--every", .value = &every_text},
        {.name = "--once", .flag = &once}, {.name = "--alarm-command", .value = &mirror.watch.alarm.command},
        {.name = "--alarm-webhook", .value = &mirror.watch.alarm.webhook}};
    if (!log_options("audit", argc, argv, options, COUNT_OF(options), NULL, 0))
        return 2;
    if (!mirror.directory || !log_watch_every(every_text, EVERY_STANDARD, &every))
        return command_usage("audit");
    if (mirror.key && !log_keys_good(&mirror.key, 1))
        return 2;
    int status = run(&mirror, url, token, once, every);
    close_mirror(&mirror);
    return status;
}
