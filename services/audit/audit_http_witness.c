/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out under a signature, or comes back under a witness's: receipts and cosignatures. */
#include "common/json.h"
#include "common/log.h"
#include "services/audit/audit_check.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_witnesses.h"
#include "services/audit/receipt.h"

#include <stdlib.h>
#include <string.h>

#define EVIDENCE_BYTES_MAX 4096u /* a note is far smaller */

/* -- receipts: a record that its holder can check without us -- */

/* A checkpoint that covers the record: one with witnesses where there is one. */
static bool covering_note(
    struct store_txn *txn, uint64_t index, struct bytes *ret_note, struct checkpoint *checkpoint)
{
    struct note parts;
    if (audit_store_note(txn, NOTE_COSIGNED, ret_note) && note_open(*ret_note, &parts) == 0 &&
        checkpoint_parse(parts.text, checkpoint) == 0 && checkpoint->size > index)
        return true;
    return look_checkpoint(txn, ret_note, checkpoint) && checkpoint->size > index;
}

static int write_receipt(
    struct look *look, uint64_t index, struct bytes record, struct bytes note, uint64_t size)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_tiles tiles = audit_store_tiles(look->txn);
    struct receipt receipt = {.index = index, .entry = record, .note = note};
    int error = merkle_hasher_open(&hasher);
    if (!error)
        error = merkle_inclusion(hasher, &tiles, index, size, receipt.path, &receipt.count);
    if (!error)
        receipt_format(&receipt, &look->body);
    return error;
}

int get_receipt(struct audit_http *http, struct look **look, const struct route_match *match)
{
    struct http_request *request = (*look)->request;
    struct bytes record, note;
    struct checkpoint checkpoint;
    uint64_t index = UINT64_MAX;
    if (!look_asks_nothing(request))
        return 0;
    if (!audit_parameter_number(route_parameter(match, "index"), &index) ||
        !audit_store_record((*look)->txn, index, &record)) {
        if (store_error((*look)->txn))
            return store_error((*look)->txn);
        if (look_refuse_pruned(*look, index))
            return 0;
        http_problem(request, 404, "not_found", "index", "there is no record with this index");
        return 0;
    }
    if (!covering_note((*look)->txn, index, &note, &checkpoint)) {
        http_add_header(request, "Retry-After", "1");
        http_problem(request, 503, "unavailable", "index", "no checkpoint covers this record yet");
        return 0;
    }
    look_describe_record(*look, "audit.receipt", index);
    (*look)->type = RECEIPT_TYPE;
    int error = write_receipt(*look, index, record, note, checkpoint.size);
    return error ? error : look_submit(http, look);
}

/* -- cosignatures -- */

struct cosigning {
    struct work work; /* the first member */
    struct http_request *request;
    struct cosigned cosigned; /* borrowed from the request's body */
};

static int apply_cosigning(struct work *work, struct batch *batch)
{
    return audit_witnesses_keep(batch, &((struct cosigning *)work)->cosigned);
}

static void end_cosigning(struct work *work, int result)
{
    struct cosigning *cosigning = (struct cosigning *)work;
    if (result == -QY_ENOTFOUND)
        http_problem(cosigning->request, 403, "denied", NULL, "it is no witness of this log any more");
    else if (result)
        look_refuse(cosigning->request, result);
    else
        http_respond(cosigning->request, 204, NULL, NULL, 0);
    free(cosigning);
}

/* Our own signature under something else than our tree: alarm, and what was handed in is on record as evidence. */
static int raise_alarm(struct audit_http *http, struct look **look, const char *problem)
{
    struct json detail = json_to(&(*look)->detail);
    struct bytes note = http_body((*look)->request);
    log_line(LOG_ERROR,
        "a witness holds a checkpoint that is not of this log: it was rolled back or forked, or its key is "
        "in other hands",
        "token=%s", (*look)->token.id);
    service_part(http->service, "witness",
        "a witness holds a checkpoint that is signed with this log's key and is not of its tree: it was "
        "rolled back or forked");
    json_open(&detail, '{');
    json_name(&detail, "checkpoint");
    json_text_n(&detail, (const char *)note.data, note.size < EVIDENCE_BYTES_MAX ? note.size : 0);
    json_close(&detail, '}');
    (*look)->action = "witness.conflict";
    (*look)->outcome = "fork";
    (*look)->status = http_status_of(-QY_ECONFLICT);
    (*look)->refused = arena_printf((*look)->arena, "what was handed in %s", problem);
    return (*look)->refused ? look_submit(http, look) : -QY_ENOMEM;
}

static int refuse_cosignature(struct audit_http *http, struct look **look, int error, const char *problem)
{
    if (error == -QY_ECONFLICT)
        return raise_alarm(http, look, problem);
    if (error != -QY_EINVAL && error != -QY_EDENIED)
        return error;
    http_problem((*look)->request, http_status_of(error), error == -QY_EINVAL ? "invalid" : "denied", NULL,
        "what was handed in %s", problem);
    return 0;
}

int post_cosignature(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    const char *problem;
    if (!look_asks_nothing(request))
        return 0;
    struct cosigning *cosigning = calloc(1, sizeof(*cosigning));
    if (!cosigning)
        return -QY_ENOMEM;
    int error = audit_witnesses_check(
        (*look)->txn, http_body(request), (*look)->arena, &cosigning->cosigned, &problem);
    if (error) {
        free(cosigning);
        return refuse_cosignature(http, look, error, problem);
    }
    cosigning->request = request;
    cosigning->work.apply = apply_cosigning;
    cosigning->work.done = end_cosigning;
    cosigning->work.bytes = sizeof(*cosigning);
    error = service_submit(http->service, &cosigning->work);
    if (error)
        free(cosigning);
    return error;
}
