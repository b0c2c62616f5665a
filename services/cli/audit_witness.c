/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit witness`: on the auditor's own machine, keeps the last checkpoint that it saw, sees to it that the next one goes on from
 * there, signs that, and raises the alarm where it does not. */
#include "common/error.h"
#include "common/json.h"
#include "services/cli/audit_proof.h"
#include "services/cli/command.h"
#include "services/cli/log_watch.h"
#include "services/cli/witness_accept.h"
#include "services/cli/witness_state.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVERY_STANDARD 60u

struct witness {
    struct log_watch watch;
    struct witness_state state;
};

/* -- what the log says -- */

/* 0: it goes on from what was seen. 1: that could not be found out. LOG_ALARM. */
static int goes_on(struct witness *witness, const struct checkpoint *now)
{
    const struct checkpoint *seen = &witness->state.seen;
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    char path[128];
    if (seen->size == 0)
        return 0;
    if (now->size < seen->size)
        return alarm_raise(&witness->watch.alarm,
            "the log was rolled back: it had %" PRIu64 " records and now has %" PRIu64, seen->size,
            now->size);
    if (now->size == seen->size)
        return memcmp(&now->root, &seen->root, sizeof(now->root)) == 0
                   ? 0
                   : alarm_raise(&witness->watch.alarm,
                         "the log is forked: two trees of %" PRIu64 " records are signed", now->size);
    snprintf(path, sizeof(path), "v1/proofs/consistency?from=%" PRIu64 "&to=%" PRIu64, seen->size, now->size);
    long status = log_client_get(&witness->watch.client, path, &answer, witness->watch.error);
    if (status >= 400 && status < 503 && status != 429)
        return alarm_raise(&witness->watch.alarm,
            "the log has signed a tree of %" PRIu64
            " records and does not prove that it goes on from that of %" PRIu64 ": it answers %ld",
            now->size, seen->size, status);
    if (status != 200)
        return log_watch_cannot(&witness->watch, status, "no proof of consistency");
    return log_watch_proves(&answer, seen, now) ? 0
                                                : alarm_raise(&witness->watch.alarm,
                                                      "the log is forked: its tree of %" PRIu64
                                                      " records does not go on from that of %" PRIu64,
                                                      now->size, seen->size);
}

/* -- keys -- */

/* Follows the log's keys from the one that is believed to the one that has signed this note. */
static int follow_keys(struct witness *witness, const struct note *note)
{
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    size_t index, count;
    yyjson_val *item;
    if (note_verify(note, &witness->state.log, NULL))
        return 0;
    long status = log_client_get(&witness->watch.client, "v1/keys", &answer, witness->watch.error);
    if (status != 200)
        return log_watch_cannot(&witness->watch, status, "no keys");
    yyjson_doc *doc = yyjson_read((const char *)answer.data, answer.size, 0);
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "keys"), index, count, item)
    {
        struct note_key next;
        if (!log_watch_takes_over(&witness->state.log, witness->state.seen.size, item, &next))
            continue;
        witness->state.log = next;
        printf("the log is signed by another key from now on, and the one before vouches for it: %s\n",
            yyjson_get_str(yyjson_obj_get(item, "verifier_key")));
    }
    yyjson_doc_free(doc);
    return note_verify(note, &witness->state.log, NULL)
               ? 0
               : alarm_raise(&witness->watch.alarm,
                     "the checkpoint is not signed by the key of the log, and that "
                     "key vouches for no other one");
}

/* -- one round -- */

static int cosign(struct witness *witness, const struct note *note)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    struct bytes line;
    if (!note_line(note, &witness->state.log, &line))
        return 1;
    buffer_append(&body, note->text.data, note->text.size);
    buffer_byte(&body, '\n');
    buffer_append(&body, line.data, line.size);
    note_cosign(&witness->state.own, note->text, (uint64_t)time(NULL), &body);
    if (buffer_error(&body))
        return 1;
    long status = log_client_post(&witness->watch.client, "v1/cosignatures",
        (struct bytes){body.data, body.size}, &answer, witness->watch.error);
    if (status == 409)
        return alarm_raise(
            &witness->watch.alarm, "the log does not know the checkpoint that it has just given out");
    if (status == 403)
        snprintf(witness->watch.error, sizeof(witness->watch.error),
            "the log does not know this witness: quanyu audit witness-key add makes it known there");
    return status == 204   ? 0
           : status == 403 ? 1
                           : log_watch_cannot(&witness->watch, status, "the cosignature was not taken");
}

/* What was seen counts from here on, whether or not the log hears of it. */
static int remember(struct witness *witness, const struct buffer *text, const struct checkpoint *now)
{
    struct witness_state *state = &witness->state;
    buffer_clear(&state->note);
    buffer_append(&state->note, text->data, text->size);
    state->seen = *now;
    int error = buffer_error(&state->note) ? buffer_error(&state->note) : witness_state_save(state);
    if (error)
        snprintf(
            witness->watch.error, sizeof(witness->watch.error), "%s: %s", state->path, error_text(error));
    return error ? 1 : 0;
}

static int look(void *self)
{
    struct witness *witness = self;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct checkpoint now;
    struct note note;
    witness->watch.seen = witness->state.seen.size;
    witness->watch.alarm.seen = (struct bytes){witness->state.note.data, witness->state.note.size};
    witness->watch.alarm.now = (struct bytes){(const uint8_t *)"", 0};
    long got = log_client_get(&witness->watch.client, "checkpoint", &text, witness->watch.error);
    if (got != 200)
        return log_watch_cannot(&witness->watch, got, "no checkpoint");
    witness->watch.alarm.now = (struct bytes){text.data, text.size};
    if (note_open(witness->watch.alarm.now, &note) || checkpoint_parse(note.text, &now))
        return alarm_raise(&witness->watch.alarm, "what the log gives out is no signed checkpoint");
    int status = follow_keys(witness, &note);
    if (!status && strcmp(now.origin, witness->state.log.name) != 0)
        status = alarm_raise(&witness->watch.alarm, "the checkpoint is of another log: %s", now.origin);
    if (!status)
        status = goes_on(witness, &now);
    if (!status)
        witness->watch.verified = time(NULL);
    if (!status)
        status = remember(witness, &text, &now);
    witness->watch.alarm.seen = witness->watch.alarm.now;
    if (!status)
        status = cosign(witness, &note);
    if (!status)
        printf("%" PRIu64 " records, consistent and cosigned\n", now.size);
    fflush(stdout);
    return status;
}

/* -- the command -- */

/* A witness that begins: it must be told whom to believe. */
static int begin(struct witness *witness, const char *name, const char *key)
{
    char made[64];
    struct witness_state *state = &witness->state;
    snprintf(made, sizeof(made), "witness/%08" PRIx32, randombytes_random());
    if (!key || note_key_parse(key, &state->log) || state->log.type != NOTE_ED25519) {
        fprintf(stderr,
            "quanyu: a new witness needs --key, the log's verifier key: quanyu audit key shows it there\n");
        return 2;
    }
    if (note_signer_make(name ? name : made, NOTE_COSIGNATURE, &state->own)) {
        fprintf(stderr, "quanyu: %s is no name for a witness: no blanks, no plus signs\n", name);
        return 2;
    }
    int error = witness_state_save(state);
    if (error)
        fprintf(stderr, "quanyu: %s: %s\n", state->path, error_text(error));
    return error ? 1 : 0;
}

static int open_state(struct witness *witness, const char *path, const char *name, const char *key)
{
    struct note_key given;
    int error = witness_state_load(path, &witness->state);
    witness->state.path = path;
    if (error == -QY_ENOTFOUND)
        return begin(witness, name, key);
    if (error) {
        fprintf(stderr, "quanyu: %s: %s\n", path,
            error == -QY_ECORRUPT ? "is no state of a witness" : error_text(error));
        return 1;
    }
    if (key && (note_key_parse(key, &given) || !note_key_equal(&given, &witness->state.log))) {
        fprintf(stderr,
            "quanyu: this witness believes another key; a log whose key was lost wants a new witness\n");
        return 2;
    }
    return 0;
}

int audit_witness(int argc, char **argv)
{
    const char *state = NULL, *url = NULL, *token = NULL, *key = NULL, *name = NULL, *every_text = NULL,
               *accepted = NULL;
    struct witness witness = {.watch = {.verified = time(NULL)}};
    bool once = false, show = false;
    unsigned every;
    const struct log_option options[] = {{.name = "--state", .value = &state},
        {.name = "--url", .value = &url}, {.name = "--token-file", .value = &token},
        {.name = "--key", .value = &key}, {.name = "--name", .value = &name},
        {.name = "--every", .value = &every_text}, {.name = "--once", .flag = &once},
        {.name = "--accept-restore", .value = &accepted}, {.name = "--show-key", .flag = &show},
        {.name = "--alarm-command", .value = &witness.watch.alarm.command},
        {.name = "--alarm-webhook", .value = &witness.watch.alarm.webhook}};
    if (!log_options("audit", argc, argv, options, COUNT_OF(options), NULL, 0))
        return 2;
    if (!state || !log_watch_every(every_text, EVERY_STANDARD, &every))
        return command_usage("audit");
    witness.watch.alarm.state = state;
    int status = open_state(&witness, state, name, key);
    if (!status && show) {
        char text[NOTE_KEY_BYTES];
        note_key_format(&witness.state.own.key, text);
        printf("%s\n", text);
    } else if (!status) {
        status = log_client_open(&witness.watch.client, url, token) ? 1
                 : accepted ? witness_accept(&witness.watch.client, &witness.state, accepted)
                            : log_watch_run(&witness.watch, look, &witness, once, every);
        log_client_close(&witness.watch.client);
    }
    witness_state_free(&witness.state);
    return status;
}
