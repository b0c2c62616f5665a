/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_replay.h"

#include "common/waiting_work.h"
#include "services/gateway/dead_letter_mapping.h"
#include "services/gateway/dead_letters.h"
#include "services/gateway/ingest_key.h"
#include "services/gateway/ingest_refusals.h"
#include "services/gateway/staff_roll.h"
#include "services/gateway/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PART_LETTERS 200u
#define PART_BYTES ((size_t)4 << 20)

struct item {
    uint64_t number;
    bool gone;
    bool second;          /* another one of the run was accepted under its id: it stays untouched */
    const char *reason;   /* why it is refused again; NULL: it is valid */
    char *field, *detail; /* in the call's arena */
    struct parsed parsed;
    struct buffer content; /* of one that is refused again */
    struct ingest_counts counts;
};

struct part {
    struct waiting_work waiting;
    struct replay *replay;
    struct item items[PART_LETTERS];
    size_t count, bytes;
    uint64_t position;
};

static void part_clear(struct part *part)
{
    for (size_t i = 0; i < part->count; i++) {
        parsed_free(&part->items[i].parsed);
        buffer_free(&part->items[i].content);
        part->items[i] = (struct item){0};
    }
    part->count = part->bytes = 0;
}

/* -- parsing, on the caller's thread -- */

/* The event, as the mapping corrects it; freed with free(). NULL when memory is out. Steps copy values level by level:
 * what is refused for its depth they leave alone. */
static char *corrected(const struct replay *replay, const Quanyu__DeadLetter *letter)
{
    yyjson_doc *doc =
        yyjson_read((const char *)letter->event.data, letter->event.len, YYJSON_READ_NUMBER_AS_RAW);
    char deep[JSON_POINTER_BYTES];
    yyjson_val *mapping = json_find_deep(yyjson_doc_get_root(doc), deep) ? NULL : replay->mapping;
    yyjson_mut_doc *copy = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
    char *text = copy && letter_mapping_apply(mapping, copy) ? yyjson_mut_write(copy, 0, NULL) : NULL;
    yyjson_mut_doc_free(copy);
    yyjson_doc_free(doc);
    return text;
}

/* The call's body, with this event alone. */
static int write_body(const struct replay *replay, const Quanyu__DeadLetter *letter, struct buffer *body)
{
    _cleanup_(free_pointer) char *event = corrected(replay, letter);
    if (!event)
        return -QY_ENOMEM;
    if (letter->call < CALL_BATCH) {
        buffer_text(body, event);
        return buffer_error(body);
    }
    buffer_text(body, "{\"batch\":[");
    buffer_text(body, event);
    buffer_byte(body, ']');
    if (letter->sent_at.len > 0) {
        buffer_text(body, ",\"sentAt\":");
        buffer_append(body, letter->sent_at.data, letter->sent_at.len);
    }
    buffer_byte(body, '}');
    return buffer_error(body);
}

static char *copy_data(const struct replay *replay, ProtobufCBinaryData data)
{
    return arena_text(replay->call->arena, (const char *)data.data, data.len);
}

/* It stays as it came, but for what is said of it. */
static int pack_again(struct item *item, Quanyu__DeadLetter *letter)
{
    ProtobufCBinaryData field = letter->field, detail = letter->detail;
    letter->field = (ProtobufCBinaryData){.len = strlen(item->field), .data = (uint8_t *)item->field};
    letter->detail = (ProtobufCBinaryData){.len = strlen(item->detail), .data = (uint8_t *)item->detail};
    size_t size = quanyu__dead_letter__get_packed_size(letter);
    uint8_t *room = buffer_reserve(&item->content, size);
    if (room)
        item->content.size += quanyu__dead_letter__pack(letter, room);
    letter->field = field;
    letter->detail = detail;
    return buffer_error(&item->content);
}

/* What ingest_parse() said of the one event. Where it is too large to be kept as it is now, it says no more than the reason. */
static int take_refusal(const struct replay *replay, struct item *item)
{
    const struct refused_event *refused = &item->parsed.refused[0];
    item->reason = refused->reason;
    Quanyu__DeadLetter *said = refused->size ? quanyu__dead_letter__unpack(NULL, refused->size,
                                                   item->parsed.letters.data + refused->at)
                                             : NULL;
    if (refused->size && !said)
        return -QY_ENOMEM;
    item->field = said ? copy_data(replay, said->field) : arena_text(replay->call->arena, "", 0);
    item->detail = said ? copy_data(replay, said->detail) : arena_text(replay->call->arena, "", 0);
    quanyu__dead_letter__free_unpacked(said, NULL);
    return item->field && item->detail ? 0 : -QY_ENOMEM;
}

static int take_whole_refusal(
    const struct replay *replay, struct item *item, const struct ingest_refusal *refusal)
{
    if (refusal->status == 503)
        return -QY_ENOMEM;
    const char *field = refusal->field ? refusal->field : "";
    item->reason = refusal->kind;
    item->field = arena_text(replay->call->arena, field, strlen(field));
    item->detail = arena_text(replay->call->arena, refusal->detail, strlen(refusal->detail));
    return item->field && item->detail ? 0 : -QY_ENOMEM;
}

/* As it came, else as its key would have it now. Nobody answers for a source that is no more. */
static bool is_of_browser(const Quanyu__DeadLetter *letter, const struct write_key *key)
{
    if (letter->from == QUANYU__DEAD_LETTER__FROM__UNKNOWN)
        return !key || ingest_is_public((enum ingest_call)letter->call, key, false);
    return letter->from == QUANYU__DEAD_LETTER__FROM__BROWSER;
}

static int parse(
    struct replay *replay, struct item *item, const struct letter_row *row, Quanyu__DeadLetter *letter)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    int error = write_body(replay, letter, &body);
    yyjson_doc *doc =
        error ? NULL : yyjson_read((const char *)body.data, body.size, YYJSON_READ_NUMBER_AS_RAW);
    if (!doc)
        return error ? error : -QY_ENOMEM;
    const struct write_key *key = write_keys_of_source(replay->keys, row->source);
    struct ingest_origin origin = {
        .call = (enum ingest_call)letter->call,
        .source = row->source,
        .key = key,
        .browser = is_of_browser(letter, key),
        .units = replay->units,
        .staff = replay->staff,
        .received_ms = row->received_ms,
        .may_hold_nul = json_may_hold_nul((struct bytes){body.data, body.size}),
    };
    struct ingest_refusal refusal = {0};
    bool parsed = ingest_parse(
        yyjson_doc_get_root(doc), &origin, &replay->call->gateway->limits, &item->parsed, &refusal);
    yyjson_doc_free(doc);
    if (!parsed)
        error = take_whole_refusal(replay, item, &refusal);
    else if (item->parsed.error_count > 0)
        error = take_refusal(replay, item);
    return !error && item->reason ? pack_again(item, letter) : error;
}

static int prepare(struct replay *replay, struct store_txn *txn, struct part *part, uint64_t number)
{
    struct item *item = &part->items[part->count++];
    struct letter_row row;
    _cleanup_(buffer_free) struct buffer content = BUFFER_INIT;
    item->number = number;
    int error = letter_get(txn, number, &row)
                    ? dead_letters_read(replay->call->gateway->letters, txn, number, &row, &content)
                    : -QY_ENOTFOUND;
    item->gone = error == -QY_ENOTFOUND && store_error(txn) == 0;
    if (item->gone || error)
        return item->gone ? 0 : error;
    Quanyu__DeadLetter *letter = quanyu__dead_letter__unpack(NULL, content.size, content.data);
    if (!letter)
        return -QY_ENOMEM;
    error = parse(replay, item, &row, letter);
    part->bytes += item->parsed.packed.size + item->parsed.letters.size + item->content.size;
    quanyu__dead_letter__free_unpacked(letter, NULL);
    return error;
}

/* -- writer -- */

/* A valid letter is one event. */
static const struct ingest_event *event_of(const struct item *item)
{
    return &item->parsed.events[0];
}

/* Whether it would be taken for a duplicate of another letter of the run. */
static int check_second(struct replay *replay, struct item *item)
{
    char id[LETTER_ID_BYTES];
    struct arena *arena = replay->call->arena;
    uint64_t first = tried_find(&replay->tried, event_of(item));
    item->second = first != 0 && first != item->number;
    if (!item->second)
        return 0;
    item->reason = "same_message_id";
    item->field = arena_printf(arena, "messageId");
    item->detail = arena_printf(arena,
        "%s, of this run, was accepted under it: give each its own, or delete what is the same event",
        letter_id_format(first, id));
    return item->field && item->detail ? 0 : -QY_ENOMEM;
}

/* What deduplication knows by the event's id is the event itself, where that was accepted and belonged to nobody. */
static void know_again(struct item *item, const struct letter_row *row)
{
    struct ingest_event *event = &item->parsed.events[0];
    event->again =
        row->accepted && event->deduplicated && memcmp(event->hash, row->message, sizeof(event->hash)) == 0;
}

static int take_item(
    struct replay *replay, struct batch *batch, struct item *item, const struct letter_row *row)
{
    struct gateway *gateway = replay->call->gateway;
    int error = check_second(replay, item);
    if (error || item->second)
        return error;
    know_again(item, row);
    ingest_commit(gateway, batch, &item->parsed, &replay->run, &item->counts);
    if (item->counts.accepted > 0)
        error = tried_add(&replay->tried, event_of(item), item->number);
    (void)dead_letters_remove(gateway->letters, batch->txn, item->number);
    return error;
}

/* Where it cannot be done whole, the whole part is taken back. */
static int apply_item(struct replay *replay, struct batch *batch, struct item *item)
{
    struct letter_row row;
    item->gone = item->gone || !letter_get(batch->txn, item->number, &row);
    if (item->gone)
        return store_error(batch->txn);
    if (item->reason)
        return dead_letters_retry(replay->call->gateway->letters, batch->txn, item->number, item->reason,
            (struct bytes){item->content.data, item->content.size});
    int error = take_item(replay, batch, item, &row);
    return error ? store_fail(batch->txn, error) : store_error(batch->txn);
}

/* What apply_item() would count. */
static int try_item(struct replay *replay, struct batch *batch, struct item *item)
{
    struct letter_row row;
    item->gone = item->gone || !letter_get(batch->txn, item->number, &row);
    if (item->gone || item->reason)
        return store_error(batch->txn);
    int error = check_second(replay, item);
    if (error || item->second)
        return error;
    know_again(item, &row);
    bool known = ingest_is_known(replay->call->gateway, batch, event_of(item));
    item->counts.duplicates = known;
    item->counts.accepted = !known;
    if (!known)
        error = tried_add(&replay->tried, event_of(item), item->number);
    return error ? error : store_error(batch->txn);
}

static void count(const struct part *part, struct replay *into)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct item *item = &part->items[i];
        if (item->gone) {
            into->gone++;
        } else if (item->reason) {
            into->refused++;
        } else {
            into->accepted += item->counts.accepted;
            into->duplicates += item->counts.duplicates;
        }
    }
}

static int emit(const struct part *part, struct batch *batch)
{
    char detail[512];
    struct api_call *call = part->replay->call;
    struct replay counted = {0};
    count(part, &counted);
    int size = snprintf(detail, sizeof(detail),
        "{\"letters\":%s,\"mapping\":%s,\"accepted\":%" PRIu64 ",\"duplicates\":%" PRIu64
        ",\"refused\":%" PRIu64 ",\"gone\":%" PRIu64 "}",
        part->replay->what, part->replay->mapping ? "true" : "false", counted.accepted, counted.duplicates,
        counted.refused, counted.gone);
    if (size < 0 || (size_t)size >= sizeof(detail))
        return -QY_ETOOLARGE;
    gateway_emit_act(batch, &call->actor, http_request_id(call->request), "dead_letter.replay", detail);
    return 0;
}

static int apply_part(struct work *work, struct batch *batch)
{
    struct part *part = (struct part *)work;
    struct gateway *gateway = part->replay->call->gateway;
    int error = batch_time(batch, gateway_now_ms(gateway));
    for (size_t i = 0; !error && i < part->count; i++)
        error = apply_item(part->replay, batch, &part->items[i]);
    if (!error)
        error = emit(part, batch);
    part->position = journal_next(batch->journal);
    return error;
}

static int try_part(struct work *work, struct batch *batch)
{
    struct part *part = (struct part *)work;
    int error = 0;
    for (size_t i = 0; !error && i < part->count; i++)
        error = try_item(part->replay, batch, &part->items[i]);
    return error;
}

/* -- parts -- */

static void note_errors(struct replay *replay, const struct part *part)
{
    for (size_t i = 0; i < part->count && replay->error_count < REPLAY_ERRORS_MAX; i++) {
        const struct item *item = &part->items[i];
        if (item->reason && !item->gone)
            replay->errors[replay->error_count++] = (struct replay_error){
                .number = item->number, .reason = item->reason, .field = item->field, .detail = item->detail};
    }
}

static void count_stored(const struct replay *replay, const struct part *part)
{
    for (size_t i = 0; !replay->dry_run && i < part->count; i++)
        ingest_count(replay->call->gateway, &part->items[i].counts);
}

/* As many as are worth one commit. */
static int prepare_part(
    struct replay *replay, struct part *part, const uint64_t *numbers, size_t count, size_t *ret_taken)
{
    struct store_txn *txn;
    int error = service_read(replay->call->gateway->service, &txn);
    size_t taken = 0;
    if (error)
        return error;
    while (!error && taken < count && part->count < PART_LETTERS && part->bytes < PART_BYTES)
        error = prepare(replay, txn, part, numbers[taken++]);
    if (!error)
        error = store_error(txn);
    store_abort(&txn);
    *ret_taken = taken;
    return error;
}

static int run_parts(
    struct replay *replay, struct part *part, const uint64_t *numbers, size_t count_of_numbers)
{
    int error = 0;
    for (size_t at = 0, taken; !error && at < count_of_numbers; at += taken) {
        taken = 0;
        part->replay = replay;
        error = prepare_part(replay, part, numbers + at, count_of_numbers - at, &taken);
        if (!error)
            error = waiting_work_run(
                replay->call->gateway->service, &part->waiting, replay->dry_run ? try_part : apply_part);
        if (!error) {
            count(part, replay);
            count_stored(replay, part);
            note_errors(replay, part);
            replay->position = part->position;
        }
        part_clear(part);
    }
    return error;
}

int replay_run(struct replay *replay, const uint64_t *numbers, size_t count_of_numbers)
{
    _cleanup_(free_pointer) struct part *part = calloc(1, sizeof(*part));
    _cleanup_(free_pointer) uint64_t *sorted = malloc((count_of_numbers + 1) * sizeof(*sorted));
    if (!part || !sorted)
        return -QY_ENOMEM;
    for (size_t i = 0; i < count_of_numbers; i++)
        sorted[i] = numbers[i];
    replay->run = letter_set_of(sorted, count_of_numbers);
    replay->keys = write_keys_hold(replay->call->gateway->write_keys);
    replay->units = units_hold(replay->call->gateway->units);
    replay->staff = staff_rolls_hold(replay->call->gateway->staff);
    int error = run_parts(replay, part, numbers, count_of_numbers);
    write_key_snapshot_release(&replay->keys);
    tried_free(&replay->tried);
    unit_tree_release(&replay->units);
    staff_roll_release(&replay->staff);
    replay->run = (struct letter_set){0};
    if (!replay->dry_run)
        dead_letters_wait(replay->call->gateway->letters);
    return error;
}
