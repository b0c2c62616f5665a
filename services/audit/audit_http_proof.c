/* SPDX-License-Identifier: Apache-2.0 */
/* The log as others check it: checkpoint, tiles and entries as C2SP's tlog-tiles has them, the keys, and proofs.
 *
 * None of these goes on record: whoever follows the tree must not make it grow. */
#include "common/json.h"
#include "services/audit/audit_check.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_witnesses.h"
#include "services/audit/checkpoint.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NOTE_TYPE "text/plain; charset=utf-8"
/* What is behind a token is nobody else's to keep. */
#define FOREVER "private, max-age=31536000, immutable"

static int refuse_missing(struct http_request *request, const char *field, const char *what)
{
    http_problem(request, 404, "not_found", field, "%s", what);
    return 0;
}

/* -- checkpoints -- */

/* The signed note at hand, and what it says. False: there is none yet. */
static bool read_note(struct store_txn *txn, enum audit_note which, struct bytes *ret_note,
    struct note *ret_parts, struct checkpoint *ret_checkpoint)
{
    return audit_store_note(txn, which, ret_note) && note_open(*ret_note, ret_parts) == 0 &&
           checkpoint_parse(ret_parts->text, ret_checkpoint) == 0;
}

/* The newest checkpoint, with the lines of witnesses where they have signed this one. */
bool look_checkpoint(struct store_txn *txn, struct bytes *ret_note, struct checkpoint *ret_checkpoint)
{
    struct bytes cosigned;
    struct note newest_parts, parts;
    struct checkpoint checkpoint;
    if (!read_note(txn, NOTE_NEWEST, ret_note, &newest_parts, ret_checkpoint))
        return false;
    if (read_note(txn, NOTE_COSIGNED, &cosigned, &parts, &checkpoint) &&
        parts.text.size == newest_parts.text.size &&
        memcmp(parts.text.data, newest_parts.text.data, parts.text.size) == 0)
        *ret_note = cosigned;
    return true;
}

static int answer_note(struct look *look, struct bytes note)
{
    http_add_header(look->request, "Cache-Control", "no-cache");
    http_respond(look->request, 200, NOTE_TYPE, note.data, note.size);
    return 0;
}

int get_checkpoint(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)http, (void)match;
    struct bytes note;
    struct checkpoint checkpoint;
    if (!look_asks_nothing((*look)->request))
        return 0;
    if (look_checkpoint((*look)->txn, &note, &checkpoint))
        return answer_note(*look, note);
    int error = store_error((*look)->txn);
    return error ? error : refuse_missing((*look)->request, NULL, "nothing is signed yet: the log is empty");
}

int get_cosigned(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)http, (void)match;
    struct bytes note;
    if (!look_asks_nothing((*look)->request))
        return 0;
    if (audit_store_note((*look)->txn, NOTE_COSIGNED, &note))
        return answer_note(*look, note);
    int error = store_error((*look)->txn);
    return error ? error : refuse_missing((*look)->request, NULL, "no witness has cosigned a checkpoint yet");
}

/* -- tiles -- */

/* Entries of which some went; hashes that went with all of theirs. */
static bool is_pruned(struct store_txn *txn, const struct tile_place *place)
{
    struct merkle_tiles tiles = audit_store_tiles(txn);
    uint64_t first = place->number * MERKLE_TILE_HASHES;
    bool any = false;
    for (unsigned i = 0; i < place->width && place->level == 0 && !any; i++)
        any = audit_store_is_pruned(txn, first + i);
    return any && (place->entries || !tiles.read(tiles.self, 0, place->number, place->width));
}

static int read_bundle(struct store_txn *txn, const struct tile_place *place, struct buffer *out)
{
    struct bytes records[MERKLE_TILE_HASHES];
    if (!audit_store_bundle(txn, place->number, place->width, records))
        return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    for (unsigned i = 0; i < place->width; i++) {
        const uint8_t size[2] = {(uint8_t)(records[i].size >> 8), (uint8_t)records[i].size};
        buffer_append(out, size, sizeof(size));
        buffer_append(out, records[i].data, records[i].size);
    }
    return buffer_error(out);
}

int get_tile(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct tile_place place;
    struct store_txn *txn = (*look)->txn;
    struct buffer *body = &(*look)->body;
    if (!look_asks_nothing((*look)->request))
        return 0;
    if (!tile_path_parse(http_path((*look)->request) + 1, &place))
        return refuse_missing(
            (*look)->request, NULL, "that is no tile's path: tile/<L>/<N>[.p/<W>], as tlog-tiles has it");
    if (tile_width(audit_store_size(txn), place.level, place.number) < place.width)
        return refuse_missing((*look)->request, NULL, "the tree is not that large");
    int error = 0;
    if (is_pruned(txn, &place)) {
        return refuse_missing((*look)->request, NULL,
            place.entries
                ? "records of this bundle were pruned: what is left of it is at /v1/entries/{bundle}"
                : "the hashes went when the last of their records was pruned; those above are here");
    } else if (place.entries) {
        error = read_bundle(txn, &place, body);
    } else {
        struct merkle_tiles tiles = audit_store_tiles(txn);
        const struct merkle_hash *hashes = tiles.read(tiles.self, place.level, place.number, place.width);
        if (hashes)
            buffer_append(body, hashes, place.width * sizeof(*hashes));
        else
            error = store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    }
    if (!error)
        error = buffer_error(body);
    if (error)
        return error;
    http_add_header((*look)->request, "Cache-Control", FOREVER);
    (*look)->type = "application/octet-stream";
    if (place.entries && !look_reads_entries(*look, http_path((*look)->request)))
        return look_submit(http, look);
    http_respond((*look)->request, 200, (*look)->type, body->data, body->size);
    return 0;
}

/* -- keys -- */

static void write_signer(
    struct json *json, const Quanyu__AuditSigner *signer, const Quanyu__AuditSigner *next)
{
    json_open(json, '{');
    json_field_text(json, "verifier_key", signer->verifier_key);
    json_field_unsigned(json, "from_size", signer->from_size);
    json_name(json, "to_size");
    if (next && next->handover.len > 0)
        json_unsigned(json, next->from_size);
    else
        json_null(json);
    json_name(json, "handover");
    if (signer->handover.len > 0)
        json_text_n(json, (const char *)signer->handover.data, signer->handover.len);
    else
        json_null(json);
    json_field_bool(json, "lost_before", signer->lost);
    json_field_time(json, "created_at", signer->time_ms);
    json_close(json, '}');
}

static int write_signers(struct look *look, struct json *json)
{
    uint32_t count = audit_store_signers(look->txn);
    const Quanyu__AuditSigner *next = NULL;
    const Quanyu__AuditSigner **signers = arena_alloc(look->arena, count * sizeof(*signers));
    for (uint32_t i = 0; signers && i < count; i++) {
        signers[i] = audit_keys_signer(look->txn, i, look->arena);
        if (!signers[i])
            return -QY_ECORRUPT;
    }
    if (!signers)
        return -QY_ENOMEM;
    json_name(json, "keys");
    json_open(json, '[');
    for (uint32_t i = 0; i < count; i++) {
        next = i + 1 < count ? signers[i + 1] : NULL;
        if (i == 0 || signers[i]->handover.len > 0)
            write_signer(json, signers[i], next);
    }
    json_close(json, ']');
    return 0;
}

static int write_witnesses(struct look *look, struct json *json)
{
    Quanyu__AuditWitness **witnesses;
    size_t count = 0;
    int error = audit_witnesses_list(look->txn, look->arena, &witnesses, &count);
    json_name(json, "witnesses");
    json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        json_open(json, '{');
        json_field_text(json, "verifier_key", witnesses[i]->verifier_key);
        json_field_unsigned(json, "size", witnesses[i]->size);
        json_name(json, "time");
        if (witnesses[i]->time_s > 0)
            json_time(json, (int64_t)witnesses[i]->time_s * 1000);
        else
            json_null(json);
        json_field_time(json, "added_at", witnesses[i]->added_ms);
        json_close(json, '}');
    }
    json_close(json, ']');
    return error;
}

static int answer_json(struct look *look)
{
    if (buffer_error(&look->body))
        return buffer_error(&look->body);
    http_respond(look->request, 200, "application/json", look->body.data, look->body.size);
    return 0;
}

int get_keys(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)http, (void)match;
    struct note_key key;
    struct json json = json_to(&(*look)->body);
    if (!look_asks_nothing((*look)->request))
        return 0;
    uint32_t now = audit_keys_in_force((*look)->txn, (*look)->arena);
    const Quanyu__AuditSigner *signer = audit_keys_signer((*look)->txn, now, (*look)->arena);
    if (!signer || note_key_parse(signer->verifier_key, &key))
        return -QY_ECORRUPT;
    json_open(&json, '{');
    json_field_text(&json, "origin", key.name);
    json_field_text(&json, "verifier_key", signer->verifier_key);
    int error = write_signers(*look, &json);
    if (!error)
        error = write_witnesses(*look, &json);
    json_close(&json, '}');
    return error ? error : answer_json(*look);
}

/* -- proofs -- */

/* The numbers that the query gives, by name; the last one may be left out. False: it was refused. */
static bool take_numbers(
    struct http_request *request, const char *const names[2], uint64_t numbers[2], bool given[2])
{
    for (const char *pair = http_query(request); *pair; pair += *pair == '&') {
        char value[32], field[PARAMETER_NAME_BYTES];
        size_t size = strcspn(pair, "=&"), which = 0;
        while (which < 2 && (strlen(names[which]) != size || memcmp(names[which], pair, size) != 0))
            which++;
        snprintf(field, sizeof(field), "%.*s", (int)(size < sizeof(field) ? size : sizeof(field) - 1), pair);
        const char *problem = which == 2 ? "is not a parameter here" : given[which] ? "is given twice" : NULL;
        if (!problem && (http_parameter(request, names[which], value, sizeof(value)) ||
                            !audit_parameter_number(value, &numbers[which])))
            problem = "must be a number";
        if (problem) {
            look_refuse_parameter(request, field, problem);
            return false;
        }
        given[which] = true;
        pair += strcspn(pair, "&");
    }
    if (!given[0])
        look_refuse_parameter(request, names[0], "must be given");
    return given[0];
}

/* The size that is asked for; else that of the newest checkpoint, else of the tree. */
static uint64_t choose_size(struct store_txn *txn, uint64_t asked, bool given)
{
    struct bytes note;
    struct checkpoint checkpoint;
    if (given)
        return asked;
    return look_checkpoint(txn, &note, &checkpoint) ? checkpoint.size : audit_store_size(txn);
}

struct proof {
    struct merkle_hash path[MERKLE_PROOF_MAX];
    size_t count;
};

static void write_hash(struct json *json, const struct merkle_hash *hash)
{
    char hex[2 * MERKLE_HASH_BYTES + 1];
    json_text(json, sodium_bin2hex(hex, sizeof(hex), hash->bytes, sizeof(hash->bytes)));
}

static void write_path(struct json *json, const struct proof *proof)
{
    json_name(json, "path");
    json_open(json, '[');
    for (size_t i = 0; i < proof->count; i++)
        write_hash(json, &proof->path[i]);
    json_close(json, ']');
}

static int prove_inclusion(struct look *look, uint64_t index, uint64_t size)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_tiles tiles = audit_store_tiles(look->txn);
    struct merkle_hash root, leaf;
    struct proof proof;
    struct bytes record;
    struct json json = json_to(&look->body);
    int error = merkle_hasher_open(&hasher);
    if (!error)
        error = merkle_root(hasher, &tiles, size, &root);
    if (!error)
        error = merkle_inclusion(hasher, &tiles, index, size, proof.path, &proof.count);
    if (!error && !audit_store_record(look->txn, index, &record))
        error = -QY_ECORRUPT;
    if (error)
        return error;
    merkle_leaf(hasher, record, &leaf);
    json_open(&json, '{');
    json_field_number(&json, "index", index);
    json_name(&json, "leaf_hash");
    write_hash(&json, &leaf);
    json_name(&json, "proof");
    json_open(&json, '{');
    json_field_unsigned(&json, "size", size);
    json_name(&json, "root");
    write_hash(&json, &root);
    write_path(&json, &proof);
    json_close(&json, '}');
    json_close(&json, '}');
    return merkle_hasher_error(hasher);
}

int get_inclusion(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)http, (void)match;
    static const char *const names[2] = {"index", "size"};
    uint64_t numbers[2] = {0, 0};
    bool given[2] = {false, false};
    if (!take_numbers((*look)->request, names, numbers, given))
        return 0;
    uint64_t size = choose_size((*look)->txn, numbers[1], given[1]);
    if (size > audit_store_size((*look)->txn))
        return refuse_missing((*look)->request, "size", "the tree is not that large");
    if (numbers[0] >= size)
        return refuse_missing((*look)->request, "index", "a tree of this size does not hold this record");
    if (look_refuse_pruned(*look, numbers[0]) || look_refuse_pruned_size(*look, size, "size"))
        return 0;
    int error = prove_inclusion(*look, numbers[0], size);
    return error ? error : answer_json(*look);
}

static int prove_consistency(struct look *look, uint64_t from, uint64_t to)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_tiles tiles = audit_store_tiles(look->txn);
    struct merkle_hash before, after;
    struct proof proof;
    struct json json = json_to(&look->body);
    int error = merkle_hasher_open(&hasher);
    if (!error)
        error = merkle_root(hasher, &tiles, from, &before);
    if (!error)
        error = merkle_root(hasher, &tiles, to, &after);
    if (!error)
        error = merkle_consistency(hasher, &tiles, from, to, proof.path, &proof.count);
    if (error)
        return error;
    json_open(&json, '{');
    json_field_unsigned(&json, "from", from);
    json_field_unsigned(&json, "to", to);
    json_name(&json, "from_root");
    write_hash(&json, &before);
    json_name(&json, "to_root");
    write_hash(&json, &after);
    write_path(&json, &proof);
    json_close(&json, '}');
    return 0;
}

int get_consistency(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)http, (void)match;
    static const char *const names[2] = {"from", "to"};
    uint64_t numbers[2] = {0, 0};
    bool given[2] = {false, false};
    struct http_request *request = (*look)->request;
    if (!take_numbers(request, names, numbers, given))
        return 0;
    uint64_t to = choose_size((*look)->txn, numbers[1], given[1]);
    if (numbers[0] == 0) {
        look_refuse_parameter(request, "from", "must be 1 or more: everything goes on from an empty tree");
        return 0;
    }
    if (to > audit_store_size((*look)->txn))
        return refuse_missing(request, "to", "the tree is not that large");
    if (numbers[0] > to) {
        look_refuse_parameter(request, "from", "must not be larger than to");
        return 0;
    }
    if (look_refuse_pruned_size(*look, numbers[0], "from") || look_refuse_pruned_size(*look, to, "to"))
        return 0;
    int error = prove_consistency(*look, numbers[0], to);
    return error ? error : answer_json(*look);
}
