/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/witness_accept.h"

#include "common/directory.h"
#include "common/error.h"
#include "services/audit/audit_record.h"
#include "services/audit/receipt.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

/* What the proven record says. NULL: that the log was put back there; else what is wrong. */
static const char *read_word(const struct receipt *receipt)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    const Quanyu__AuditRecord *record =
        arena_open(&arena) ? NULL : audit_record_unpack(receipt->entry, arena);
    if (!record || strcmp(record->action, "audit.restore") != 0 || !audit_record_is_own(record))
        return "this record does not say that the log was put back";
    return NULL;
}

/* Whether the log, as it is now, goes through the tree that was seen. */
static bool still_has(
    struct log_client *client, const struct witness_state *state, char error[LOG_ERROR_BYTES])
{
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    char path[128], root[2 * MERKLE_HASH_BYTES + 1];
    snprintf(path, sizeof(path), "v1/proofs/inclusion?index=0&size=%" PRIu64, state->seen.size);
    if (log_client_get(client, path, &answer, error) != 200)
        return false;
    yyjson_doc *doc = yyjson_read((const char *)answer.data, answer.size, 0);
    const char *now =
        yyjson_get_str(yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(doc), "proof"), "root"));
    sodium_bin2hex(root, sizeof(root), state->seen.root.bytes, MERKLE_HASH_BYTES);
    bool same = now && strcmp(now, root) == 0;
    yyjson_doc_free(doc);
    return same;
}

/* What was seen before may be all that proves what is lost. */
static int keep_former(const struct witness_state *state)
{
    char path[1024];
    snprintf(path, sizeof(path), "%.900s.before-%lld", state->path, (long long)time(NULL));
    int error = directory_replace_file(path, state->note.data, state->note.size);
    if (error)
        fprintf(stderr, "quanyu: %s: %s\n", path, error_text(error));
    else
        printf("what was seen before is in %s: keep it\n", path);
    return error;
}

static int go_on(
    struct witness_state *state, const struct receipt *receipt, const struct checkpoint *checkpoint)
{
    uint64_t lost = state->seen.size - receipt->index;
    if (keep_former(state))
        return 1;
    buffer_clear(&state->note);
    buffer_append(&state->note, receipt->note.data, receipt->note.size);
    state->seen = *checkpoint;
    int error = buffer_error(&state->note) ? buffer_error(&state->note) : witness_state_save(state);
    if (error) {
        fprintf(stderr, "quanyu: %s: %s\n", state->path, error_text(error));
        return 1;
    }
    printf("accepted: the log was put back at %" PRIu64 " records, %" PRIu64
           " that were seen here are not in it; it is followed from its %" PRIu64 " records on\n",
        receipt->index, lost, checkpoint->size);
    return 0;
}

int witness_accept(struct log_client *client, struct witness_state *state, const char *index)
{
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer room = BUFFER_INIT;
    struct receipt receipt;
    struct checkpoint checkpoint;
    char path[128], error[LOG_ERROR_BYTES] = "", *end;
    uint64_t number = strtoull(index, &end, 10);
    if (*end || end == index) {
        fprintf(stderr, "quanyu: --accept-restore goes with the number of the record that says so\n");
        return 2;
    }
    snprintf(path, sizeof(path), "v1/records/%" PRIu64 "/receipt", number);
    long status = log_client_get(client, path, &answer, error);
    if (status != 200) {
        fprintf(stderr, "quanyu: /%s: %s (%ld)\n", path, *error ? error : "the log answers", status);
        return 1;
    }
    const char *problem = receipt_parse((struct bytes){answer.data, answer.size}, &room, &receipt)
                              ? "that is no receipt"
                              : NULL;
    if (!problem)
        problem = receipt.index != number ? "it is another record's receipt"
                                          : receipt_check(&receipt, &state->log, &checkpoint);
    if (!problem)
        problem = read_word(&receipt);
    if (!problem && (number >= state->seen.size || still_has(client, state, error)))
        problem = "the log goes on from what this witness has seen: there is nothing to accept";
    if (problem)
        fprintf(stderr, "quanyu: not accepted: %s\n", problem);
    return problem ? 1 : go_on(state, &receipt, &checkpoint);
}
