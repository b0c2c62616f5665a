/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes: that each of their signatures holds, that they speak of the tree that is there, and that the keys follow from each other. */
#include "services/audit/verify_private.h"

#include "common/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- which sizes -- */

static int keep_size(struct verifying *verifying, struct bytes text)
{
    struct note note;
    struct checkpoint checkpoint;
    bool good = text.size > 0 && note_open(text, &note) == 0 && checkpoint_parse(note.text, &checkpoint) == 0;
    return good ? verify_keep_edge(verifying, checkpoint.size) : 0;
}

int verify_notes_sizes(struct verifying *verifying)
{
    const struct verify_options *options = verifying->options;
    int error = keep_size(verifying, options->newest);
    if (!error)
        error = keep_size(verifying, options->cosigned);
    if (!error)
        error = keep_size(verifying, options->seen);
    for (size_t i = 0; i < options->key_count && !error; i++)
        error = keep_size(verifying, options->keys[i].handover);
    return error;
}

/* -- one note -- */

struct signers {
    struct note_key *keys;
    size_t count;
};

/* Whether each line is a valid signature of somebody who is known. */
static void check_lines(
    struct verifying *verifying, const char *what, const struct note *note, const struct signers *signers)
{
    size_t lines = 0, good = 0;
    struct bytes line;
    for (size_t at = 0; at < note->signatures.size; at++)
        lines += note->signatures.data[at] == '\n';
    for (size_t i = 0; i < signers->count; i++)
        good += note_line(note, &signers->keys[i], &line);
    if (good < lines)
        verify_problem(verifying, "%s: %zu of its %zu signatures is not a valid one of a key that is known",
            what, lines - good, lines);
}

/* False where nothing more can be said of it. */
static bool open_note(struct verifying *verifying, const char *what, struct bytes text, struct note *ret_note,
    struct checkpoint *ret_checkpoint)
{
    if (note_open(text, ret_note) == 0 && checkpoint_parse(ret_note->text, ret_checkpoint) == 0)
        return true;
    verify_problem(verifying, "%s is no signed checkpoint: it was altered", what);
    return false;
}

static void check_root(struct verifying *verifying, const char *what, const struct checkpoint *checkpoint)
{
    struct merkle_hash root;
    if (checkpoint->size > verifying->size)
        verify_problem(verifying,
            "%s is of %" PRIu64 " records, and there are %" PRIu64
            ": the log was cut off, or put back from an older copy",
            what, checkpoint->size, verifying->size);
    else if (verify_root(verifying, checkpoint->size, &root))
        verify_problem(verifying,
            "%s: whether the first %" PRIu64 " records lead to its root cannot be told: hashes of the bundle "
            "in which they end went with the last record of it",
            what, checkpoint->size);
    else if (memcmp(&root, &checkpoint->root, sizeof(root)) != 0)
        verify_problem(verifying, "%s: the first %" PRIu64 " records do not lead to the root that was signed",
            what, checkpoint->size);
}

/* -- keys -- */

static bool parse_signers(struct verifying *verifying, struct signers *signers)
{
    const struct verify_options *options = verifying->options;
    signers->keys = calloc(options->key_count + options->witness_count + 1, sizeof(*signers->keys));
    for (size_t i = 0; i < options->key_count && signers->keys; i++)
        if (note_key_parse(options->keys[i].verifier_key, &signers->keys[signers->count]) == 0)
            signers->count++;
        else
            verify_problem(verifying, "key %zu of the log is no verifier key: it was altered", i);
    return signers->keys && options->key_count > 0 && signers->count == options->key_count;
}

static void add_witnesses(struct verifying *verifying, struct signers *signers)
{
    const struct verify_options *options = verifying->options;
    for (size_t i = 0; i < options->witness_count; i++)
        if (note_key_parse(options->witnesses[i], &signers->keys[signers->count]) == 0)
            signers->count++;
        else
            verify_problem(verifying, "a witness's key is no verifier key: it was altered");
}

/* That key `i` was handed over to by the one before it. */
static void check_handover(struct verifying *verifying, const struct signers *signers, size_t i)
{
    const struct verify_key *key = &verifying->options->keys[i];
    struct note note;
    struct checkpoint checkpoint;
    if (!open_note(verifying, "the checkpoint at which a key took over", key->handover, &note, &checkpoint))
        return;
    if (checkpoint.size != key->from_size)
        verify_problem(verifying,
            "key %zu is said to sign from %" PRIu64 " records on, and its first checkpoint is of %" PRIu64, i,
            key->from_size, checkpoint.size);
    if (!note_verify(&note, &signers->keys[i], NULL))
        verify_problem(verifying, "key %zu has not signed the checkpoint at which it took over", i);
    if (!key->lost && !note_verify(&note, &signers->keys[i - 1], NULL))
        verify_problem(verifying, "key %zu is not vouched for by the one before it", i);
    check_root(verifying, "the checkpoint at which a key took over", &checkpoint);
}

/* From one that is believed on, each must be vouched for. */
static void check_trust(struct verifying *verifying, const struct signers *signers)
{
    const struct verify_options *options = verifying->options;
    struct note_key trusted;
    for (size_t i = 0; i < options->key_count; i++)
        for (size_t j = 0; j < options->trusted_count; j++) {
            if (note_key_parse(options->trusted[j], &trusted) || !note_key_equal(&trusted, &signers->keys[i]))
                continue;
            for (size_t k = i + 1; k < options->key_count; k++)
                if (options->keys[k].lost)
                    verify_problem(verifying, "the key that is believed was lost: nothing vouches for %s",
                        options->keys[k].verifier_key);
            return;
        }
    verify_problem(
        verifying, "the log is not signed by a key that is believed: it is another log, or forged");
}

/* -- all of them -- */

static void check_newest(
    struct verifying *verifying, const struct signers *signers, uint64_t *ret_signed_size)
{
    static const char what[] = "the newest checkpoint";
    const struct note_key *now = &signers->keys[verifying->options->key_count - 1];
    struct note note;
    struct checkpoint checkpoint;
    if (!open_note(verifying, what, verifying->options->newest, &note, &checkpoint))
        return;
    if (strcmp(checkpoint.origin, now->name) != 0)
        verify_problem(verifying, "%s is of another log: %s", what, checkpoint.origin);
    if (!note_verify(&note, now, NULL))
        verify_problem(verifying, "%s bears no valid signature of the log's key", what);
    check_lines(verifying, what, &note, signers);
    check_root(verifying, what, &checkpoint);
    *ret_signed_size = checkpoint.size;
}

/* That nobody put an older one back, behind which the records may be anything. */
static void check_newness(struct verifying *verifying, uint64_t signed_size)
{
    const struct signed_before *before = &verifying->options->before;
    if (signed_size < before->size)
        verify_problem(verifying,
            "the newest checkpoint is of %" PRIu64 " records, and %" PRIu64
            " were signed before (%s): an older one was put back",
            signed_size, before->size, before->witness);
}

/* The log goes on from what somebody saw of it earlier. */
static void check_seen(struct verifying *verifying, const struct signers *signers, uint64_t signed_size)
{
    static const char what[] = "the checkpoint that was seen earlier";
    struct note note;
    struct checkpoint checkpoint;
    bool known = false;
    if (!open_note(verifying, what, verifying->options->seen, &note, &checkpoint))
        return;
    for (size_t i = 0; i < verifying->options->key_count && !known; i++)
        known = note_verify(&note, &signers->keys[i], NULL);
    if (!known) {
        verify_problem(verifying, "%s is not signed by a key of this log", what);
        return;
    }
    check_root(verifying, what, &checkpoint);
    if (signed_size < checkpoint.size && checkpoint.size <= verifying->size)
        verify_problem(verifying,
            "%s is of %" PRIu64 " records, and the newest one of %" PRIu64 ": an older one was put back",
            what, checkpoint.size, signed_size);
}

static void check_cosigned(struct verifying *verifying, const struct signers *signers)
{
    static const char what[] = "the cosigned checkpoint";
    struct note note;
    struct checkpoint checkpoint;
    if (verifying->options->cosigned.size == 0 ||
        !open_note(verifying, what, verifying->options->cosigned, &note, &checkpoint))
        return;
    check_lines(verifying, what, &note, signers);
    check_root(verifying, what, &checkpoint);
}

int verify_notes(struct verifying *verifying, uint64_t *ret_signed_size)
{
    struct signers signers = {.count = 0};
    if (verifying->options->newest.size == 0 && verifying->size > 0)
        verify_problem(verifying, "there is no signed checkpoint: the log proves nothing");
    if (parse_signers(verifying, &signers)) {
        for (size_t i = 1; i < verifying->options->key_count; i++)
            check_handover(verifying, &signers, i);
        if (verifying->options->trusted_count > 0)
            check_trust(verifying, &signers);
        add_witnesses(verifying, &signers);
        if (verifying->options->newest.size > 0)
            check_newest(verifying, &signers, ret_signed_size);
        check_newness(verifying, *ret_signed_size);
        check_cosigned(verifying, &signers);
        if (verifying->options->seen.size > 0)
            check_seen(verifying, &signers, *ret_signed_size);
    } else if (verifying->options->key_count == 0) {
        verify_problem(verifying, "the log has no key");
    }
    free(signers.keys);
    return 0;
}
