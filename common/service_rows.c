/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's rows in a table of its own: how far the journal and each input are, and the time. They are committed with the
 * state that came of it, and nothing else says what counts. */
#include "common/service_internal.h"

#include <string.h>

#define POSITION_BYTES (8 + JOURNAL_CHAIN_BYTES)

static const char *const row_journal = "journal";
static const char *const row_time = "time";

static void row_key(struct store_key *key, const char *row, const char *leader)
{
    key_reset(key);
    key_text(key, row);
    if (leader)
        key_text(key, leader);
}

static void put_position(struct service *service, struct store_txn *txn, const char *leader,
    const struct journal_position *position)
{
    struct store_key key;
    uint8_t value[POSITION_BYTES];
    row_key(&key, row_journal, leader);
    put_be64(value, position->next);
    memcpy(value + 8, position->chain, JOURNAL_CHAIN_BYTES);
    store_put(txn, service->runtime_table, &key, value, sizeof(value));
}

static void get_position(
    struct service *service, struct store_txn *txn, const char *leader, struct journal_position *ret_position)
{
    struct store_key key;
    struct bytes value;
    row_key(&key, row_journal, leader);
    *ret_position = (struct journal_position){0};
    if (!store_get(txn, service->runtime_table, &key, &value))
        return;
    if (value.size != POSITION_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    ret_position->next = get_be64(value.data);
    memcpy(ret_position->chain, value.data + 8, JOURNAL_CHAIN_BYTES);
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
    get_position(service, txn, NULL, ret_end);
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        struct input *input = &service->inputs[i];
        get_position(service, txn, input->spec->leader, &input->committed);
        atomic_store(&input->next, input->committed.next);
        input->durable = input->committed.next;
    }
    get_time(service, txn);
    error = store_error(txn);
    store_abort(&txn);
    return error;
}

void rows_put(struct service *service, struct store_txn *txn, const struct journal_position *end,
    const struct journal_position reached[INPUTS_MAX], int64_t now_ms)
{
    struct store_key key;
    uint8_t time[8];
    put_position(service, txn, NULL, end);
    for (unsigned i = 0; i < service->spec->input_count; i++)
        if (reached[i].next != service->inputs[i].durable)
            put_position(service, txn, service->inputs[i].spec->leader, &reached[i]);
    row_key(&key, row_time, NULL);
    put_be64(time, (uint64_t)now_ms);
    store_put(txn, service->runtime_table, &key, time, sizeof(time));
}
