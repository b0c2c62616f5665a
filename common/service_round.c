/* SPDX-License-Identifier: Apache-2.0 */
/* One round of the writer: what it has taken in is folded, committed and shown. */
#include "common/service_internal.h"

#include <string.h>

/* A round ends after a second's worth, or with as many records as may change pages that memory holds until they are written. */
#define ROUND_SECONDS_MAX 1.0
#define ROUND_RECORDS_MAX 30000u

/* Says no error: the batch is full, and timers that are due must fire before what comes next is folded. */
#define STOPPED 1

/* Time comes to `now_ms`, or STOPPED. */
static int pass_time(struct batch *batch, int64_t now_ms)
{
    const struct service_spec *spec = batch->service->spec;
    if (spec->fold->advance && spec->fold->next_due(spec->self) <= now_ms) {
        int error = spec->fold->advance(spec->self, batch, now_ms);
        if (error)
            return error;
        if (batch_is_full(batch) && spec->fold->next_due(spec->self) <= now_ms)
            return STOPPED;
    }
    if (now_ms > batch->now_ms)
        batch->now_ms = now_ms;
    return 0;
}

int batch_time(struct batch *batch, int64_t now_ms)
{
    uint32_t timers_max = batch->timers_max;
    batch->timers_max = 0; /* who makes time goes on in it */
    int error = now_ms > batch->now_ms ? pass_time(batch, now_ms) : 0;
    batch->timers_max = timers_max;
    return error;
}

uint64_t batch_emit(struct batch *batch, unsigned record_class, const ProtobufCMessage *message)
{
    return journal_add_message(batch->journal, record_class, batch->now_ms, message);
}

/* -- folding -- */

/* `waited`: an earlier round has fired some of what fires before it, and time may have come to the record's already. */
static int fold_record(
    struct batch *batch, struct input *input, const struct journal_record *record, bool waited)
{
    const struct service_spec *spec = batch->service->spec;
    bool comes = (waited || record->time_ms > batch->now_ms) && !input->spec->echoes;
    int error = comes ? pass_time(batch, record->time_ms) : 0;
    if (error)
        return error;
    batch->records++;
    if (record->record_class == RECORD_TICK) {
        if (input->index == 0 && !input->spec->echoes)
            journal_add(batch->journal, RECORD_TICK, batch->now_ms, NULL, 0);
        return 0;
    }
    if (!(input->spec->classes & CLASS_BIT(record->record_class)))
        return 0;
    return spec->fold->record(spec->self, batch, input->index, record);
}

/* The leader had nothing for us up to a position, and says so. */
static bool take_passed(struct bytes *cursor, struct journal_position *reached)
{
    if (cursor->size < JOURNAL_PASSED_BYTES || get_be64(cursor->data) < reached->next)
        return false;
    reached->next = get_be64(cursor->data);
    memcpy(reached->chain, cursor->data + 8, JOURNAL_CHAIN_BYTES);
    cursor->data += JOURNAL_PASSED_BYTES;
    cursor->size -= JOURNAL_PASSED_BYTES;
    return true;
}

/* The records of the chunk that was read: all that an earlier round has not folded. Or STOPPED, and at which. */
static int fold_records(struct round *round, struct input *input)
{
    uint32_t *stopped = &round->stopped[input->index];
    struct journal_record record;
    for (uint32_t at = 1; chunk_next(round->batch.service->reader, &record); at++) {
        if (at < *stopped)
            continue;
        int error = fold_record(&round->batch, input, &record, at == *stopped);
        if (error) {
            *stopped = at;
            return error;
        }
    }
    *stopped = 0;
    return 0;
}

/* The first chunk that the cursor stands at, or word that there is none for us up to a position. A chunk that the round stops in is
 * still to come. */
static int fold_chunk(struct round *round, struct input *input)
{
    struct service *service = round->batch.service;
    struct fed *fed = &round->fed[input->index];
    struct journal_position *reached = &round->reached[input->index];
    uint64_t size;
    struct bytes cursor = fed->cursor;
    if (!bytes_varint(&cursor, &size) || size > cursor.size)
        return -QY_ECORRUPT;
    if (size == 0) {
        fed->cursor = cursor;
        return take_passed(&fed->cursor, reached) ? 0 : -QY_ECORRUPT;
    }
    struct bytes chunk = {cursor.data, size};
    struct journal_position behind = *reached;
    round->folded[input->index] = true;
    int error = chunk_read(service->reader, chunk, &behind);
    if (!error)
        error = fold_records(round, input);
    if (error)
        return error;
    *reached = behind;
    fed->cursor = (struct bytes){cursor.data + size, cursor.size - size};
    return 0;
}

static bool goes_on(const struct round *round)
{
    return round->batch.records < ROUND_RECORDS_MAX && metrics_clock() - round->started < ROUND_SECONDS_MAX;
}

/* Folds what has come of one input until it ends or the round is long enough. */
static int fold_input(struct round *round, struct input *input)
{
    struct fed *fed = &round->fed[input->index];
    while (fed->at) {
        if (fed->cursor.size == 0) {
            fed->done = fed->at;
            fed->at = fed->at->next;
            fed->cursor = fed->at ? fed->at->left : (struct bytes){0};
            continue;
        }
        if (!goes_on(round))
            break;
        int error = fold_chunk(round, input);
        if (error)
            return error;
    }
    return 0;
}

static void apply_works(struct round *round)
{
    for (struct work *work = round->works; work; work = work->next)
        work->result = work->apply(work, &round->batch);
}

/* The input that an earlier round has stopped in goes on before the others, as it would have gone on there. */
static int fold_inputs(struct round *round)
{
    struct service *service = round->batch.service;
    unsigned count = service->spec->input_count, first = 0;
    for (unsigned i = 0; i < count; i++)
        if (round->stopped[i])
            first = i;
    int error = 0;
    for (unsigned i = 0; !error && i < count; i++)
        error = fold_input(round, &service->inputs[(first + i) % count]);
    return error == STOPPED ? 0 : error;
}

static int fold_round(struct round *round)
{
    const struct service_spec *spec = round->batch.service->spec;
    apply_works(round);
    int error = fold_inputs(round);
    if (error)
        return error;
    return spec->fold->finish ? spec->fold->finish(spec->self, &round->batch) : 0;
}

/* -- committing -- */

int round_commit_both(struct round *round)
{
    struct service *service = round->batch.service;
    struct journal_position end;
    int error = journal_commit(service->journal, &end);
    if (error)
        return error;
    rows_put(round, &end);
    error = store_commit(&round->batch.txn);
    if (error)
        return error;
    service->checkpoint = end.next;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        service->inputs[i].durable = round->reached[i].next;
    return 0;
}

/* Nothing came but word that there is nothing: where we stand is learnt again after a crash. */
static bool is_idle(const struct round *round)
{
    return !round->works && round->batch.records == 0 && !store_changed(round->batch.txn) &&
           journal_next(round->batch.journal) == round->begun_at;
}

/* Word that there is nothing is learnt again, too. */
static bool state_is_unchanged(const struct round *round)
{
    const struct service *service = round->batch.service;
    if (!service->spec->journal_decides || store_changed(round->batch.txn))
        return false;
    for (unsigned i = 0; i < service->spec->input_count; i++)
        if (round->folded[i])
            return false;
    return true;
}

/* Watermarks alone need no commit: they are learnt again after a restart. */
static bool is_empty(const struct round *round)
{
    for (unsigned i = 0; i < round->batch.service->spec->input_count; i++)
        for (const struct follow_batch *batch = round->fed[i].batches; batch; batch = batch->next)
            if (batch->left.size > 0)
                return false;
    return !round->works;
}

int round_commit(struct round *round)
{
    struct service *service = round->batch.service;
    if (is_empty(round))
        return fold_inputs(round);
    int error = store_begin(service->store, STORE_WRITE, &round->batch.txn);
    if (error)
        return error;
    round->begun_at = journal_next(service->journal);
    error = fold_round(round);
    if (!error)
        error = store_error(round->batch.txn);
    struct journal_position end;
    if (!error && !is_idle(round))
        error = state_is_unchanged(round) ? journal_commit_alone(service->journal, &end)
                                          : round_commit_both(round);
    store_abort(&round->batch.txn);
    if (!error)
        return 0;
    if (error == -QY_EIO)
        service_fail(error, "a commit failed: what the disk holds is unknown");
    int reverted = journal_revert(service->journal);
    if (reverted)
        service_fail(reverted, "the journal could not be cut back");
    if (service->spec->fold->discard)
        service->spec->fold->discard(service->spec->self);
    return error;
}

/* -- showing -- */

/* The watermark of the leader, where all that it has is folded; else `origin`, which was known before. */
static uint64_t fed_origin(const struct fed *fed, uint64_t origin)
{
    bool all = !fed->at && fed->done && fed->done->at_end;
    return all && fed->done->origin > origin ? fed->done->origin : origin;
}

/* The watermark after this round: how far the gateway's journal is folded, by way of the first input. */
uint64_t round_origin(const struct round *round)
{
    const struct service *service = round->batch.service;
    if (service_makes_time(service->spec))
        return journal_next(service->journal);
    if (strcmp(service->spec->inputs[0].leader, "gateway") == 0)
        return round->reached[0].next;
    return fed_origin(&round->fed[0], atomic_load(&service->origin));
}

void round_publish(struct round *round)
{
    struct service *service = round->batch.service;
    uint64_t origin = round_origin(round);
    atomic_store(&service->now_ms, round->batch.now_ms);
    atomic_store(&service->origin, origin);
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        if (!round->fed[i].batches)
            continue; /* it may not be open yet, and who opens it reads where it stands */
        service->inputs[i].committed = round->reached[i];
        service->inputs[i].stopped = round->stopped[i];
        service->inputs[i].echoed = fed_origin(&round->fed[i], service->inputs[i].echoed);
        atomic_store(&service->inputs[i].next, round->reached[i].next);
        follow_confirm(service->inputs[i].follow, service->inputs[i].durable);
    }
    journal_publish(service->journal, origin, round->batch.now_ms);
    feed_wake(service->feed);
}
