/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit verify-receipt`: one record, checked without a network. */
#include "common/json.h"
#include "services/audit/audit_json.h"
#include "services/audit/audit_record.h"
#include "services/audit/receipt.h"
#include "services/cli/audit_proof.h"
#include "services/cli/command.h"
#include "services/cli/log_client.h"

#include <inttypes.h>
#include <stdio.h>

#define KEYS_MAX 32

static bool parse_keys(const char *const *texts, size_t count, uint8_t type, struct note_key *keys)
{
    for (size_t i = 0; i < count; i++)
        if (note_key_parse(texts[i], &keys[i]) || keys[i].type != type) {
            fprintf(stderr, "quanyu: %s is no verifier key of %s\n", texts[i],
                type == NOTE_COSIGNATURE ? "a witness" : "a log");
            return false;
        }
    return true;
}

static int print_record(const struct receipt *receipt)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    if (arena_open(&arena))
        return 1;
    json_open(&json, '{');
    audit_json_record(&json, receipt->index, true, audit_record_unpack(receipt->entry, arena));
    json_close(&json, '}');
    buffer_byte(&text, '\n');
    return !buffer_error(&text) && fwrite(text.data, 1, text.size, stdout) == text.size ? 0 : 1;
}

/* False, said, where one of the witnesses has not signed. */
static bool check_witnesses(const struct receipt *receipt, const struct note_key *witnesses, size_t count)
{
    struct note note;
    if (note_open(receipt->note, &note))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!note_verify(&note, &witnesses[i], NULL)) {
            fprintf(stderr, "quanyu: the receipt does not hold: %s has not cosigned its checkpoint\n",
                witnesses[i].name);
            return false;
        }
    return true;
}

static int check(const char *file, const struct note_key *keys, size_t key_count,
    const struct note_key *witnesses, size_t witness_count)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer room = BUFFER_INIT;
    struct receipt receipt;
    struct checkpoint checkpoint;
    const char *problem = "no key was given";
    if (!command_read_file(file, &text))
        return 1;
    if (receipt_parse((struct bytes){text.data, text.size}, &room, &receipt)) {
        fprintf(stderr, "quanyu: %s is no receipt\n", file);
        return 1;
    }
    for (size_t i = 0; i < key_count && problem; i++)
        problem = receipt_check(&receipt, &keys[i], &checkpoint);
    if (problem) {
        fprintf(stderr, "quanyu: the receipt does not hold: %s\n", problem);
        return 1;
    }
    if (!check_witnesses(&receipt, witnesses, witness_count))
        return 1;
    fprintf(stderr, "record %" PRIu64 " is in the log %s of %" PRIu64 " records, as it was signed%s\n",
        receipt.index, checkpoint.origin, checkpoint.size, witness_count > 0 ? " and cosigned" : "");
    return print_record(&receipt);
}

int audit_verify_receipt(int argc, char **argv)
{
    const char *file = NULL, *key_texts[KEYS_MAX], *witness_texts[KEYS_MAX];
    size_t key_count = 0, witness_count = 0;
    struct note_key keys[KEYS_MAX], witnesses[KEYS_MAX];
    const struct log_option options[] = {
        {.name = "--key", .values = key_texts, .count = &key_count, .most = KEYS_MAX},
        {.name = "--witness", .values = witness_texts, .count = &witness_count, .most = KEYS_MAX},
    };
    if (!log_options("audit", argc, argv, options, COUNT_OF(options), &file, 1))
        return 2;
    if (!file || key_count == 0)
        return command_usage("audit");
    if (!parse_keys(key_texts, key_count, NOTE_ED25519, keys) ||
        !parse_keys(witness_texts, witness_count, NOTE_COSIGNATURE, witnesses))
        return 2;
    return check(file, keys, key_count, witnesses, witness_count);
}
