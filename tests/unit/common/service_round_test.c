/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of the writer with few timers each, over real journals and a real store: what comes of the same journals is the same, however
 * many rounds it takes and wherever the process ends between them. */
#include "common/service_internal.h"

#include "common/clock.h"
#include "tests/unit/common/scratch.h"

enum toy_table { TABLE_TIMERS, TABLE_ROWS, TOY_TABLE_COUNT };
static const char *const toy_tables[TOY_TABLE_COUNT + 1] = {"timers", "rows", "runtime"};

#define RECORD_PLAIN 2u
#define RECORD_SET 3u
#define RECORD_FIRED 4u
#define INPUTS 2u
#define GENERATIONS 3

/* -- a fold that everything leaves a trace in -- */

struct toy {
    struct timers timers;
    uint64_t trace; /* of all that came, in its order */
};

/* What RECORD_SET sets: timers that differ in their payload. */
struct order {
    int64_t due_ms;
    uint8_t first, count;
};

static void mix(struct toy *toy, const struct batch *batch, uint64_t what)
{
    toy->trace = (toy->trace ^ what ^ (uint64_t)batch->now_ms << 20) * UINT64_C(6364136223846793005) + 1;
}

static void trace_key(struct store_key *key)
{
    key_reset(key);
    key_text(key, "trace");
}

static int toy_open(void *self, struct batch *batch)
{
    struct toy *toy = self;
    struct store_key key;
    struct bytes value;
    trace_key(&key);
    timers_open(&toy->timers, batch->txn, TABLE_TIMERS);
    toy->trace = store_get(batch->txn, TABLE_ROWS, &key, &value) ? get_be64(value.data) : 0;
    return 0;
}

static int toy_record(void *self, struct batch *batch, unsigned input, const struct journal_record *record)
{
    struct toy *toy = self;
    mix(toy, batch, record->offset << 1 | input);
    journal_add(batch->journal, RECORD_PLAIN, batch->now_ms, &record->offset, sizeof(record->offset));
    if (record->record_class != RECORD_SET)
        return 0;
    struct order order;
    memcpy(&order, record->data.data, sizeof(order));
    for (uint8_t i = 0; i < order.count; i++)
        timers_set(&toy->timers, batch->txn, order.due_ms, (uint8_t[]){(uint8_t)(order.first + i), 0}, 2);
    return 0;
}

/* Some set another one: of the same time, behind or before those that wait, or a little later. */
static void fire(struct toy *toy, struct batch *batch, const uint8_t *payload)
{
    mix(toy, batch, (uint64_t)payload[0] << 8 | payload[1]);
    journal_add(batch->journal, RECORD_FIRED, batch->now_ms, payload, 2);
    if (payload[0] % 3 != 0 || payload[1] == GENERATIONS)
        return;
    const uint8_t next[] = {
        (uint8_t)(payload[0] % 2 ? 255 - payload[0] : payload[0] + 3), (uint8_t)(payload[1] + 1)};
    timers_set(&toy->timers, batch->txn, batch->now_ms + payload[0] % 4, next, sizeof(next));
}

static int toy_advance(void *self, struct batch *batch, int64_t until_ms)
{
    struct toy *toy = self;
    uint8_t payload[256];
    size_t size;
    int64_t due_ms;
    while (!batch_is_full(batch) && timers_pop(&toy->timers, batch->txn, until_ms, &due_ms, payload, &size)) {
        if (due_ms > batch->now_ms)
            batch->now_ms = due_ms;
        batch->timers++;
        fire(toy, batch, payload);
    }
    return store_error(batch->txn);
}

static int64_t toy_next_due(void *self)
{
    struct toy *toy = self;
    return toy->timers.next_due_ms;
}

static int toy_finish(void *self, struct batch *batch)
{
    struct toy *toy = self;
    struct store_key key;
    uint8_t value[8];
    trace_key(&key);
    put_be64(value, toy->trace);
    store_put(batch->txn, TABLE_ROWS, &key, value, sizeof(value));
    return 0;
}

static const struct fold_ops toy_fold = {.open = toy_open,
    .record = toy_record,
    .advance = toy_advance,
    .next_due = toy_next_due,
    .finish = toy_finish};

/* -- the journals that it follows -- */

static struct journal *open_journal(void **state, const char *name, const struct journal_position *at)
{
    char path[300];
    struct journal *journal;
    snprintf(path, sizeof(path), "%s/%s", ((struct scratch *)*state)->path, name);
    const struct journal_options options = {.path = path, .compression = 1};
    assert_int_equal(journal_open(&options, at, &journal), 0);
    return journal;
}

static void add_set(struct journal *journal, int64_t time_ms, struct order order)
{
    journal_add(journal, RECORD_SET, time_ms, &order, sizeof(order));
}

static struct journal_position end_chunk(struct journal *journal)
{
    struct journal_position end;
    assert_int_equal(journal_commit(journal, &end), 0);
    journal_publish(journal, 0, 0);
    return end;
}

/* Chunks that many timers fall due within, at the time of a record and between two. */
static struct journal_position write_first(struct journal *journal)
{
    add_set(journal, 100, (struct order){1000, 0, 40});
    add_set(journal, 200, (struct order){1500, 50, 5});
    end_chunk(journal);
    journal_add(journal, RECORD_PLAIN, 990, "", 0);
    add_set(journal, 1000, (struct order){1000, 100, 4}); /* due already: they fire when time goes on */
    journal_add(journal, RECORD_PLAIN, 1000, "", 0);
    journal_add(journal, RECORD_TICK, 1001, NULL, 0);
    journal_add(journal, RECORD_PLAIN, 1600, "", 0);
    end_chunk(journal);
    journal_add(journal, RECORD_TICK, 1700, NULL, 0);
    add_set(journal, 1700, (struct order){2500, 120, 7});
    return end_chunk(journal);
}

/* What comes while the second journal's records wait for timers. */
static struct journal_position write_more(struct journal *journal)
{
    add_set(journal, 2100, (struct order){2600, 140, 3});
    journal_add(journal, RECORD_TICK, 2700, NULL, 0);
    return end_chunk(journal);
}

static struct journal_position write_second(struct journal *journal)
{
    add_set(journal, 900, (struct order){2000, 200, 6});
    journal_add(journal, RECORD_PLAIN, 2000, "", 0);
    journal_add(journal, RECORD_PLAIN, 2600, "", 0);
    return end_chunk(journal);
}

/* -- a service as far as rounds need one -- */

struct world {
    void **state;
    struct toy toy;
    struct service_spec spec;
    struct service service;
    struct journal *leaders[INPUTS];
    struct journal_position ends[INPUTS];
    unsigned rounds;
};

static const struct service_input toy_inputs[INPUTS] = {
    {.leader = "first", .classes = CLASS_ALL}, {.leader = "second", .classes = CLASS_ALL}};

static void start(struct world *world)
{
    struct service *service = &world->service;
    char path[300];
    struct journal_position end;
    *service = (struct service){.spec = &world->spec, .runtime_table = TOY_TABLE_COUNT};
    for (unsigned i = 0; i < INPUTS; i++) {
        service->inputs[i].spec = &toy_inputs[i];
        service->inputs[i].service = service;
        service->inputs[i].index = i;
    }
    snprintf(path, sizeof(path), "%s/state", ((struct scratch *)*world->state)->path);
    const struct store_options options = {.path = path,
        .tables = toy_tables,
        .table_count = TOY_TABLE_COUNT + 1,
        .map_bytes = UINT64_C(16) << 20,
        .schema_version = 1};
    assert_int_equal(store_open(&options, &service->store), 0);
    assert_int_equal(rows_read(service, &end), 0);
    service->journal = open_journal(world->state, "own", &end);
    assert_int_equal(chunk_reader_open(&service->reader), 0);
    struct batch batch = {.service = service, .journal = service->journal};
    assert_int_equal(store_begin(service->store, STORE_READ, &batch.txn), 0);
    assert_int_equal(toy_open(&world->toy, &batch), 0);
    store_abort(&batch.txn);
}

static void stop(struct world *world)
{
    chunk_reader_close(&world->service.reader);
    journal_close(&world->service.journal);
    store_close(&world->service.store);
}

static bool is_done(const struct world *world)
{
    bool done = true;
    for (unsigned i = 0; i < INPUTS; i++)
        done &= world->service.inputs[i].committed.next == world->ends[i].next;
    return done;
}

/* One round over all that the leaders have, as the writer would make it. */
static void make_round(struct world *world, uint32_t timers_max)
{
    struct service *service = &world->service;
    struct round round = {
        .batch = {.service = service, .journal = service->journal}, .started = metrics_clock()};
    struct buffer chunks[INPUTS] = {BUFFER_INIT, BUFFER_INIT};
    struct follow_batch batches[INPUTS] = {{0}};
    round.batch.now_ms = atomic_load(&service->now_ms);
    round.batch.timers_max = timers_max;
    for (unsigned i = 0; i < INPUTS; i++) {
        struct journal_position after;
        round.reached[i] = service->inputs[i].committed;
        round.stopped[i] = service->inputs[i].stopped;
        assert_int_equal(journal_read(world->leaders[i], &round.reached[i], 1 << 20, &chunks[i], &after), 0);
        batches[i].left = (struct bytes){chunks[i].data, chunks[i].size};
        round.fed[i] = (struct fed){.batches = &batches[i], .at = &batches[i], .cursor = batches[i].left};
    }
    assert_int_equal(round_commit(&round), 0);
    assert_true(timers_max == 0 || round.batch.timers <= timers_max);
    atomic_store(&service->now_ms, round.batch.now_ms);
    for (unsigned i = 0; i < INPUTS; i++) {
        service->inputs[i].committed = round.reached[i];
        service->inputs[i].stopped = round.stopped[i];
        buffer_free(&chunks[i]);
    }
    journal_publish(service->journal, 0, round.batch.now_ms);
    world->rounds++;
}

/* -- what came of it -- */

static void show_table(struct world *world, struct store_txn *txn, unsigned table, struct buffer *out)
{
    struct store_key all;
    struct store_scan *scan;
    struct bytes key, value;
    key_reset(&all);
    assert_int_equal(scan_open(txn, table, &all, NULL, &scan), 0);
    while (scan_next(scan, &key, &value)) {
        buffer_printf(out, "%u ", table);
        buffer_append(out, key.data, key.size);
        buffer_append(out, value.data, value.size);
    }
    scan_close(&scan);
    (void)world;
}

static void show_journal(struct world *world, struct buffer *out)
{
    struct journal_position at = {0}, after;
    struct buffer chunks = BUFFER_INIT;
    assert_int_equal(journal_read(world->service.journal, &at, 1 << 20, &chunks, &after), 0);
    struct bytes left = {chunks.data, chunks.size};
    uint64_t size;
    while (bytes_varint(&left, &size)) {
        struct journal_record record;
        assert_int_equal(chunk_read(world->service.reader, (struct bytes){left.data, size}, &at), 0);
        left = (struct bytes){left.data + size, left.size - size};
        while (chunk_next(world->service.reader, &record)) {
            buffer_printf(out, "\n%d@%d ", (int)record.record_class, (int)record.time_ms);
            buffer_append(out, record.data.data, record.data.size);
        }
    }
    buffer_free(&chunks);
}

/* Folds both journals with so many timers a round; `restart`: the process ends behind each round. */
static unsigned fold_all(uint32_t timers_max, bool restart, struct buffer *out)
{
    void *scratch;
    assert_int_equal(scratch_setup(&scratch), 0);
    struct world world = {.state = &scratch};
    world.spec = (struct service_spec){
        .name = "toy", .inputs = toy_inputs, .input_count = INPUTS, .fold = &toy_fold, .self = &world.toy};
    const struct journal_position beginning = {0};
    world.leaders[0] = open_journal(&scratch, "first", &beginning);
    world.leaders[1] = open_journal(&scratch, "second", &beginning);
    world.ends[0] = write_first(world.leaders[0]);
    world.ends[1] = write_second(world.leaders[1]);
    start(&world);
    bool more = false;
    while (!is_done(&world)) {
        make_round(&world, timers_max);
        const struct input *second = &world.service.inputs[1];
        if (!more && (second->stopped || second->committed.next == world.ends[1].next)) {
            more = true;
            world.ends[0] = write_more(world.leaders[0]);
        }
        if (restart) {
            stop(&world);
            start(&world);
        }
    }
    struct store_txn *txn;
    assert_int_equal(store_begin(world.service.store, STORE_READ, &txn), 0);
    show_table(&world, txn, TABLE_TIMERS, out);
    show_table(&world, txn, TABLE_ROWS, out);
    store_abort(&txn);
    show_journal(&world, out);
    stop(&world);
    journal_close(&world.leaders[0]);
    journal_close(&world.leaders[1]);
    scratch_teardown(&scratch);
    return world.rounds;
}

static void any_number_of_rounds_comes_to_the_same(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer whole = BUFFER_INIT;
    assert_int_equal(fold_all(0, false, &whole), 2);
    assert_true(whole.size > 1000);
    static const uint32_t most[] = {1, 2, 3, 7, 40, 1000};
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
        for (int restart = 0; restart <= 1; restart++) {
            _cleanup_(buffer_free) struct buffer parts = BUFFER_INIT;
            unsigned rounds = fold_all(most[i], restart, &parts);
            assert_true(most[i] == 1000 || rounds > 2);
            if (parts.size != whole.size || memcmp(parts.data, whole.data, whole.size) != 0)
                fail_msg("another result with %u timers a round%s", most[i], restart ? ", restarted" : "");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_rounds_comes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
