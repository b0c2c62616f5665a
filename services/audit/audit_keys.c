/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_keys.h"

#include "common/clock.h"
#include "common/directory.h"
#include "common/json.h"
#include "services/audit/audit.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_witnesses.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define ORIGIN_PREFIX "quanyu/audit/" /* and a random number: each log has a name of its own */

/* -- files -- */

/* <data>/audit/keys, beside the state; with a key, its file there. */
static int compose(struct store_txn *txn, const struct note_key *key, char path[PATH_BYTES])
{
    char hex[9] = "";
    if (key)
        sodium_bin2hex(hex, sizeof(hex), key->id, sizeof(key->id));
    int size = snprintf(
        path, PATH_BYTES, "%s/../keys%s%s%s", store_path(txn), key ? "/" : "", hex, key ? ".key" : "");
    return size < 0 || size >= PATH_BYTES ? -QY_ETOOLARGE : 0;
}

static int write_secret(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_from_errno(errno);
    size_t size = strlen(text);
    ssize_t written = write(fd, text, size);
    int error = written < 0 ? error_from_errno(errno) : (size_t)written != size ? -QY_EFULL : 0;
    if (!error && fsync(fd))
        error = error_from_errno(errno);
    close(fd);
    if (error)
        unlink(path);
    return error;
}

static int keep_secret(struct store_txn *txn, const struct note_signer *signer)
{
    char path[PATH_BYTES], text[NOTE_SECRET_BYTES + 1];
    int error = compose(txn, NULL, path);
    if (!error)
        error = directory_make(path);
    if (!error)
        error = compose(txn, &signer->key, path);
    if (error)
        return error;
    note_signer_format(signer, text);
    strcat(text, "\n");
    error = write_secret(path, text);
    sodium_memzero(text, sizeof(text));
    return error ? error : directory_sync_parent(path);
}

int audit_keys_secret(struct store_txn *txn, const struct note_key *key, struct note_signer *ret_signer)
{
    char path[PATH_BYTES], text[NOTE_SECRET_BYTES + 2] = "";
    struct note_signer signer;
    int error = compose(txn, key, path);
    int fd = error ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error ? error : error_from_errno(errno);
    ssize_t size = read(fd, text, sizeof(text) - 1);
    error = size < 0 ? error_from_errno(errno) : 0;
    close(fd);
    text[strcspn(text, "\n")] = '\0';
    if (!error && (note_signer_parse(text, &signer) || !note_key_equal(&signer.key, key)))
        error = -QY_ECORRUPT;
    if (!error)
        *ret_signer = signer;
    sodium_memzero(text, sizeof(text));
    sodium_memzero(&signer, sizeof(signer));
    return error;
}

int audit_keys_forget(struct store_txn *txn, const struct note_key *key)
{
    char path[PATH_BYTES];
    int error = compose(txn, key, path);
    if (!error && unlink(path) && errno != ENOENT)
        error = error_from_errno(errno);
    return error ? error : directory_sync_parent(path);
}

/* -- rows -- */

Quanyu__AuditSigner *audit_keys_signer(struct store_txn *txn, uint32_t generation, struct arena *arena)
{
    struct bytes row;
    return audit_store_signer(txn, generation, &row)
               ? quanyu__audit_signer__unpack(arena_allocator(arena), row.size, row.data)
               : NULL;
}

int audit_keys_put(struct store_txn *txn, uint32_t generation, const Quanyu__AuditSigner *signer)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    if (audit_store_pack(txn, &signer->base, &row) == 0)
        audit_store_put_signer(txn, generation, (struct bytes){row.data, row.size});
    return store_error(txn);
}

uint32_t audit_keys_in_force(struct store_txn *txn, struct arena *arena)
{
    uint32_t generation = audit_store_signers(txn);
    while (generation > 1) {
        const Quanyu__AuditSigner *signer = audit_keys_signer(txn, --generation, arena);
        if (signer && signer->handover.len > 0)
            return generation;
    }
    return 0;
}

/* Makes a key, and keeps its secret, before its row: a secret without a row signs nothing. `text` becomes the row's. */
static int make_key(struct store_txn *txn, const char *origin, uint32_t generation, char text[NOTE_KEY_BYTES],
    Quanyu__AuditSigner *row)
{
    struct note_signer signer;
    int error = note_signer_make(origin, NOTE_ED25519, &signer);
    if (error)
        return error;
    error = keep_secret(txn, &signer);
    note_key_format(&signer.key, text);
    sodium_memzero(&signer, sizeof(signer));
    row->verifier_key = text;
    row->time_ms = clock_wall_ms();
    return error ? error : audit_keys_put(txn, generation, row);
}

/* -- the first key -- */

static int make_first(struct store_txn *txn, const char *wanted)
{
    char origin[NOTE_NAME_BYTES], hex[17], text[NOTE_KEY_BYTES];
    uint8_t number[8];
    Quanyu__AuditSigner row = QUANYU__AUDIT_SIGNER__INIT;
    randombytes_buf(number, sizeof(number));
    snprintf(origin, sizeof(origin), "%s%s", *wanted ? wanted : ORIGIN_PREFIX,
        *wanted ? "" : sodium_bin2hex(hex, sizeof(hex), number, sizeof(number)));
    return make_key(txn, origin, 0, text, &row);
}

int audit_keys_open(struct store_txn *txn, const struct config *config)
{
    const char *wanted = config_text(config, "audit.origin");
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct note_key key;
    if (*wanted && !note_is_name(wanted))
        return -QY_EINVAL;
    if (audit_store_signers(txn) == 0)
        return store_error(txn) ? store_error(txn) : make_first(txn, wanted);
    int error = arena_open(&arena);
    const Quanyu__AuditSigner *first = error ? NULL : audit_keys_signer(txn, 0, arena);
    if (!error && (!first || note_key_parse(first->verifier_key, &key)))
        error = -QY_ECORRUPT;
    return !error && *wanted && strcmp(wanted, key.name) != 0 ? -QY_EINVAL : error;
}

/* -- the request -- */

int audit_keys_record(struct rpc_context *context, const char *action, const char *key, const char *previous,
    uint64_t *ret_index)
{
    *ret_index = 0;
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_text(&json, "verifier_key", key);
    json_field_optional(&json, "previous", previous);
    json_close(&json, '}');
    record.actor = context->header->actor;
    record.action = (char *)(uintptr_t)action;
    record.outcome = (char *)"ok";
    record.service = (char *)"audit";
    record.request_id = context->header->request_id;
    record.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    return buffer_error(&detail) ? buffer_error(&detail)
                                 : audit_take(context->self, context->batch, &record, ret_index);
}

/* Whether the secret of the key in force can be had. */
static int try_secret(
    struct rpc_context *context, const Quanyu__AuditSigner *signer, struct note_key *ret_key)
{
    struct note_signer secret;
    if (!signer || note_key_parse(signer->verifier_key, ret_key))
        return -QY_ECORRUPT;
    int error = audit_keys_secret(context->txn, ret_key, &secret);
    sodium_memzero(&secret, sizeof(secret));
    return error;
}

static int refuse_rotation(struct rpc_context *context, int secret, bool pending, bool lost)
{
    if (secret && !lost)
        return rpc_refuse(context, -QY_ECONFLICT, NULL,
            "the present key's file cannot be read (%s): put it back, or say --lost", error_text(secret));
    if (!secret && lost)
        return rpc_refuse(context, -QY_ECONFLICT, NULL, "the present key is not lost");
    if (pending && !lost)
        return rpc_refuse(context, -QY_ECONFLICT, NULL, "the last rotation is not signed yet");
    return 0;
}

/* Where the key before was lost after the next one was made, that next one only has to do without its signature. */
static int rotate(struct rpc_context *context, bool lost)
{
    uint32_t count = audit_store_signers(context->txn),
             now = audit_keys_in_force(context->txn, context->arena);
    bool pending = now != count - 1;
    struct note_key key;
    char text[NOTE_KEY_BYTES];
    uint64_t index = 0;
    Quanyu__AuditSigner row = QUANYU__AUDIT_SIGNER__INIT;
    const Quanyu__AuditSigner *last = audit_keys_signer(context->txn, now, context->arena);
    int secret = try_secret(context, last, &key);
    int error = refuse_rotation(context, secret, pending, lost);
    if (error)
        return error;
    if (pending) {
        const Quanyu__AuditSigner *next = audit_keys_signer(context->txn, count - 1, context->arena);
        if (!next)
            return -QY_ECORRUPT;
        row = *next;
    } else {
        error = make_key(context->txn, key.name, count, text, &row);
    }
    if (!error)
        error = audit_keys_record(context, "log_key.rotate", row.verifier_key, last->verifier_key, &index);
    row.lost = lost;
    row.from_size = index + 1;
    return error ? error : audit_keys_put(context->txn, pending ? count - 1 : count, &row);
}

static int list(struct rpc_context *context, Quanyu__AuditKeysReply *answer)
{
    uint32_t count = audit_store_signers(context->txn);
    answer->signers = arena_alloc(context->arena, count * sizeof(*answer->signers));
    if (!answer->signers)
        return -QY_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        Quanyu__AuditSigner *signer = audit_keys_signer(context->txn, i, context->arena);
        if (!signer)
            return -QY_ECORRUPT;
        signer->handover.len = 0;
        answer->signers[answer->n_signers++] = signer;
    }
    return audit_witnesses_list(context->txn, context->arena, &answer->witnesses, &answer->n_witnesses);
}

static int act(struct rpc_context *context, const Quanyu__AuditKeysRequest *asked)
{
    switch (asked->act) {
    case QUANYU__AUDIT_KEYS_REQUEST__ACT__ROTATE:
        return rotate(context, asked->lost);
    case QUANYU__AUDIT_KEYS_REQUEST__ACT__WITNESS_ADD:
        return audit_witnesses_add(context, asked->witness);
    case QUANYU__AUDIT_KEYS_REQUEST__ACT__WITNESS_REMOVE:
        return audit_witnesses_remove(context, asked->witness);
    default:
        return 0;
    }
}

int audit_keys(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__AuditKeysRequest *asked = ((const Quanyu__AuditRequest *)request)->keys;
    Quanyu__AuditKeysReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer || !context->header->actor)
        return answer ? -QY_EINVAL : -QY_ENOMEM;
    quanyu__audit_keys_reply__init(answer);
    int error = act(context, asked);
    if (error == -QY_EUNAVAILABLE)
        return store_fail(
            context->txn, rpc_refuse(context, error, NULL, "the suite's clock has not been heard of yet"));
    if (!error)
        error = list(context, answer);
    ((Quanyu__AuditReply *)reply)->result_case = QUANYU__AUDIT_REPLY__RESULT_KEYS;
    ((Quanyu__AuditReply *)reply)->keys = answer;
    return error;
}
