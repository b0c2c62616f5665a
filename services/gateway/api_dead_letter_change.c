/* SPDX-License-Identifier: Apache-2.0 */
/* What changes the dead-letter list: deleting, erasing with a person, replaying. Each is an act in the journal, in the commit that it
 * is about. */
#include "common/waiting_work.h"
#include "services/gateway/dead_letter_mapping.h"
#include "services/gateway/dead_letter_mask.h"
#include "services/gateway/dead_letter_match.h"
#include "services/gateway/dead_letter_replay.h"
#include "services/gateway/dead_letter_select.h"
#include "services/gateway/ingest_refusals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- removing -- */

/* So many at once: ingestion waits meanwhile. */
#define PART_LETTERS ((size_t)2000)

struct removal {
    struct waiting_work waiting;
    struct api_call *call;
    const uint64_t *numbers;
    size_t count;
    size_t done, part;         /* of the numbers */
    const struct match *match; /* also letters that came since they were looked through; NULL: none */
    uint64_t seen;             /* the last one that was */
    const char *action;
    const char *what; /* JSON, for the record */
    uint64_t removed; /* of this part */
};

struct looking {
    struct gateway *gateway;
    struct store_txn *txn;
    const struct match *match;
    struct buffer numbers, content;
    uint64_t seen;
    int error;
};

/* What cannot be looked through goes: to forget too much is the smaller mistake. */
static bool content_matches(const struct match *match, struct bytes content)
{
    Quanyu__DeadLetter *letter = quanyu__dead_letter__unpack(NULL, content.size, content.data);
    yyjson_doc *doc =
        letter ? yyjson_read((const char *)letter->event.data, letter->event.len, YYJSON_READ_NUMBER_AS_RAW)
               : NULL;
    bool matches = !doc || match_event(match, yyjson_doc_get_root(doc)) ||
                   match_text(match, (const char *)letter->field.data, letter->field.len);
    yyjson_doc_free(doc);
    quanyu__dead_letter__free_unpacked(letter, NULL);
    return matches;
}

static bool look_through(void *self, uint64_t number, const struct letter_row *row)
{
    struct looking *looking = self;
    buffer_clear(&looking->content);
    looking->seen = number;
    int error = dead_letters_read(looking->gateway->letters, looking->txn, number, row, &looking->content);
    if (!error &&
        content_matches(looking->match, (struct bytes){looking->content.data, looking->content.size}))
        buffer_append(&looking->numbers, &number, sizeof(number));
    if (error && error != -QY_ENOTFOUND)
        looking->error = error;
    return !looking->error && !buffer_error(&looking->numbers);
}

static int look(struct looking *looking)
{
    int error = letters_walk(looking->txn, looking->seen + 1, false, look_through, looking);
    if (!error)
        error = looking->error ? looking->error : buffer_error(&looking->numbers);
    buffer_free(&looking->content);
    return error;
}

static int remove_all(struct removal *removal, struct batch *batch, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        removal->removed += dead_letters_remove(removal->call->gateway->letters, batch->txn, numbers[i]);
    return store_error(batch->txn);
}

static int remove_latecomers(struct removal *removal, struct batch *batch)
{
    struct looking looking = {
        .gateway = removal->call->gateway, .txn = batch->txn, .match = removal->match, .seen = removal->seen};
    int error = look(&looking);
    if (error)
        (void)store_fail(batch->txn, error);
    else
        error = remove_all(removal, batch, (const uint64_t *)(const void *)looking.numbers.data,
            looking.numbers.size / sizeof(uint64_t));
    buffer_free(&looking.numbers);
    return error;
}

static int apply_removal(struct work *work, struct batch *batch)
{
    struct removal *removal = (struct removal *)work;
    struct api_call *call = removal->call;
    char detail[512];
    removal->removed = 0;
    int error = batch_time(batch, gateway_now_ms(call->gateway));
    if (!error)
        error = remove_all(removal, batch, removal->numbers + removal->done, removal->part);
    if (!error && removal->match && removal->done + removal->part == removal->count)
        error = remove_latecomers(removal, batch);
    if (error)
        return error;
    snprintf(
        detail, sizeof(detail), "{\"letters\":%s,\"removed\":%" PRIu64 "}", removal->what, removal->removed);
    gateway_emit_act(batch, &call->actor, http_request_id(call->request), removal->action, detail);
    return 0;
}

/* Answers when their keys are overwritten, too. */
static int run_removal(struct removal *removal, const char *member, uint64_t *ret_removed)
{
    struct api_call *call = removal->call;
    uint64_t removed = 0;
    int error = 0;
    do {
        size_t left = removal->count - removal->done;
        removal->part = left < PART_LETTERS ? left : PART_LETTERS;
        error = waiting_work_run(call->gateway->service, &removal->waiting, apply_removal);
        removed += error ? 0 : removal->removed;
        removal->done += removal->part;
    } while (!error && removal->done < removal->count);
    if (error)
        return error;
    dead_letters_wait(call->gateway->letters);
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_unsigned(&json, member, removed);
    json_close(&json, '}');
    *ret_removed = removed;
    return 0;
}

/* -- deleting -- */

int dead_letter_delete(struct api_call *call)
{
    struct letter_filter filter;
    struct store_txn *txn;
    bool any;
    char all[8];
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    int error = select_read_query(call, &filter, &any);
    if (error)
        return error;
    if (!any && (http_parameter(call->request, "all", all, sizeof(all)) || strcmp(all, "true") != 0))
        return api_refuse(call, -QY_EINVAL, "all", "say which: reason, source, from, to; or all=true");
    error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    error = select_all(txn, &filter, &numbers);
    store_abort(&txn);
    struct removal removal = {.call = call,
        .numbers = (const uint64_t *)(const void *)numbers.data,
        .count = numbers.size / sizeof(uint64_t),
        .action = "dead_letter.delete",
        .what = select_text(call, &filter)};
    if (!error && !removal.what)
        error = -QY_ENOMEM;
    uint64_t removed = 0;
    return error ? error : run_removal(&removal, "deleted", &removed);
}

int dead_letter_delete_one(struct api_call *call)
{
    uint64_t number, removed = 0;
    if (!letter_id_parse(call->parameters[0], &number))
        return api_refuse(call, -QY_ENOTFOUND, "id", "there is no such dead letter");
    struct removal removal = {.call = call,
        .numbers = &number,
        .count = 1,
        .action = "dead_letter.delete",
        .what = arena_printf(call->arena, "{\"id\":\"dl_%" PRIu64 "\"}", number)};
    int error = removal.what ? run_removal(&removal, "deleted", &removed) : -QY_ENOMEM;
    if (error || removed)
        return error;
    buffer_clear(&call->out);
    return api_refuse(call, -QY_ENOTFOUND, "id", "there is no such dead letter");
}

/* -- erasing -- */

static int read_identifiers(struct api_call *call, struct match *match)
{
    size_t index, count;
    yyjson_val *json, *list = yyjson_obj_get(call->body, "identifiers");
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0 || yyjson_arr_size(list) > MATCH_IDENTIFIERS_MAX)
        return api_refuse(
            call, -QY_EINVAL, "identifiers", "must be a list of 1 to %d identifiers", MATCH_IDENTIFIERS_MAX);
    yyjson_arr_foreach(list, index, count, json)
    {
        char field[64];
        yyjson_val *kind = yyjson_obj_get(json, "kind"), *value = yyjson_obj_get(json, "value");
        snprintf(field, sizeof(field), "identifiers/%zu", index);
        if (!yyjson_is_obj(json) || yyjson_obj_size(json) != 2 || !yyjson_is_str(kind) ||
            !yyjson_is_str(value) || yyjson_get_len(kind) == 0 ||
            !match_add(match, yyjson_get_str(kind), yyjson_get_str(value)))
            return api_refuse(
                call, -QY_EINVAL, field, "must be {\"kind\":…,\"value\":…}, both non-empty strings");
    }
    return 0;
}

int dead_letters_erase(struct api_call *call, const struct match *match)
{
    struct looking looking = {.gateway = call->gateway, .match = match};
    int error = service_read(call->gateway->service, &looking.txn);
    if (error)
        return error;
    error = look(&looking);
    store_abort(&looking.txn);
    struct removal removal = {.call = call,
        .numbers = (const uint64_t *)(const void *)looking.numbers.data,
        .count = looking.numbers.size / sizeof(uint64_t),
        .match = match,
        .seen = looking.seen,
        .action = "dead_letter.erase",
        .what = arena_printf(call->arena, "{\"identifiers\":%zu}", match->count)};
    if (!error && !removal.what)
        error = -QY_ENOMEM;
    uint64_t removed = 0;
    if (!error)
        error = run_removal(&removal, "erased", &removed);
    buffer_free(&looking.numbers);
    return error;
}

int dead_letter_erase(struct api_call *call)
{
    struct match *match = arena_alloc(call->arena, sizeof(*match));
    int error = match ? read_identifiers(call, match) : -QY_ENOMEM;
    return error ? error : dead_letters_erase(call, match);
}

/* -- replaying -- */

static void write_text(struct json *json, const char *name, const char *text)
{
    json_name(json, name);
    letter_mask_text(text, strlen(text), json->out);
    json->comma = true;
}

static void write_replay(struct api_call *call, const struct replay *replay, size_t selected)
{
    char id[LETTER_ID_BYTES];
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_bool(&json, "dry_run", replay->dry_run);
    json_field_unsigned(&json, "selected", selected);
    json_field_unsigned(&json, "accepted", replay->accepted);
    json_field_unsigned(&json, "duplicates", replay->duplicates);
    json_field_unsigned(&json, "refused", replay->refused);
    json_field_unsigned(&json, "gone", replay->gone);
    if (!replay->dry_run)
        json_field_number(&json, "position", replay->position);
    json_name(&json, "errors");
    json_open(&json, '[');
    for (size_t i = 0; i < replay->error_count; i++) {
        json_open(&json, '{');
        json_field_text(&json, "dead_letter", letter_id_format(replay->errors[i].number, id));
        json_field_text(&json, "reason", replay->errors[i].reason);
        write_text(&json, "field", replay->errors[i].field);
        write_text(&json, "detail", replay->errors[i].detail);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
}

static int read_replay(struct api_call *call, struct replay *replay, struct buffer *numbers)
{
    struct letter_mapping_fault fault;
    struct store_txn *txn;
    char *what = NULL;
    replay->mapping = yyjson_obj_get(call->body, "mapping");
    if (!letter_mapping_check(replay->mapping, &fault))
        return api_refuse(call, -QY_EINVAL, fault.field, "%s", fault.message);
    int error = api_boolean(call, "dry_run", false, &replay->dry_run);
    if (!error)
        error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    error = select_read_body(call, txn, numbers, &what);
    store_abort(&txn);
    replay->what = what;
    return error;
}

int dead_letter_replay(struct api_call *call)
{
    struct replay replay = {.call = call};
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    int error = read_replay(call, &replay, &numbers);
    size_t count = numbers.size / sizeof(uint64_t);
    if (!error)
        error = replay_run(&replay, (const uint64_t *)(const void *)numbers.data, count);
    if (!error && replay.dry_run) /* else it is an act in the journal */
        error = api_record_count(call, "dead_letter.try", 0, replay.what);
    if (!error)
        write_replay(call, &replay, count);
    return error;
}
