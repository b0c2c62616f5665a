/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's rows in a table of its own: how far the journal and each input are, and the time. They are committed with the
 * state that came of it, and nothing else says what counts. */
#include "common/service_internal.h"

#include <string.h>

#define POSITION_BYTES (8 + JOURNAL_CHAIN_BYTES)
#define STOPPED_BYTES 4 /* behind it, where a record of the chunk there waits for timers */

static const char *const row_journal = "journal";
static const char *const row_time = "time";

static void row_key(struct store_key *key, const char *row, const char *leader)
{
    key_reset(key);
    key_text(key, row);
    if (leader)
        key_text(key, leader);
}

static void put_position(const struct service *service, struct store_txn *txn, const char *leader,
    const struct journal_position *position, uint32_t stopped)
{
    struct store_key key;
    uint8_t value[POSITION_BYTES + STOPPED_BYTES];
    row_key(&key, row_journal, leader);
    put_be64(value, position->next);
    memcpy(value + 8, position->chain, JOURNAL_CHAIN_BYTES);
    put_be32(value + POSITION_BYTES, stopped);
    store_put(txn, service->runtime_table, &key, value, stopped ? sizeof(value) : POSITION_BYTES);
}

static void get_position(struct service *service, struct store_txn *txn, const char *leader,
    struct journal_position *ret_position, uint32_t *ret_stopped)
{
    struct store_key key;
    struct bytes value;
    row_key(&key, row_journal, leader);
    *ret_position = (struct journal_position){0};
    *ret_stopped = 0;
    if (!store_get(txn, service->runtime_table, &key, &value))
        return;
    if (value.size != POSITION_BYTES && value.size != POSITION_BYTES + STOPPED_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    ret_position->next = get_be64(value.data);
    memcpy(ret_position->chain, value.data + 8, JOURNAL_CHAIN_BYTES);
    if (value.size > POSITION_BYTES)
        *ret_stopped = get_be32(value.data + POSITION_BYTES);
}

static void get_time(struct service *service, struct store_txn *txn)
{
    struct store_key key;
    struct bytes value;
    row_key(&key, row_time, NULL);
    if (store_get(txn, service->runtime_table, &key, &value) && value.size == 8)
        atomic_store(&service->now_ms, (int64_t)get_be64(value.data));
}

int rows_read(struct service *service, struct journal_position *ret_end)
{
    struct store_txn *txn;
    int error = store_begin(service->store, STORE_READ, &txn);
    if (error)
        return error;
    uint32_t none;
    get_position(service, txn, NULL, ret_end, &none);
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        struct input *input = &service->inputs[i];
        get_position(service, txn, input->spec->leader, &input->committed, &input->stopped);
        atomic_store(&input->next, input->committed.next);
        input->durable = input->committed.next;
    }
    get_time(service, txn);
    error = store_error(txn);
    store_abort(&txn);
    return error;
}

void rows_put(const struct round *round, const struct journal_position *end)
{
    const struct service *service = round->batch.service;
    struct store_txn *txn = round->batch.txn;
    struct store_key key;
    uint8_t time[8];
    put_position(service, txn, NULL, end, 0);
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        const struct input *input = &service->inputs[i];
        if (round->reached[i].next != input->durable || round->stopped[i] != input->stopped)
            put_position(service, txn, input->spec->leader, &round->reached[i], round->stopped[i]);
    }
    row_key(&key, row_time, NULL);
    put_be64(time, (uint64_t)round->batch.now_ms);
    store_put(txn, service->runtime_table, &key, time, sizeof(time));
}
