/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one core resolves identities: from the gateway's journal, as a follower reads it, to identity's
 * journal and state, durable. Usage: bench_identity_fold DIRECTORY PERSONS[,PERSONS…] EVENTS [EVENTS_PER_COMMIT [digests]].
 * So many PERSONS are made first, each with a user id, an anonymous id, a phone number, a member's card and a name; a state that DIRECTORY
 * holds is gone on with. Of the EVENTS (track, about 670 bytes, three identifiers) nine in ten are about one of them, the tenth makes a
 * new person. With more than one number the state grows from each to the next, and is measured at each. With `digests`, an event bears an
 * MD5 of a phone then, and what that costs is measured: the index of all phones in the background, the same events again, and events with
 * a digest of one of the persons. */
#include "proto/gateway.pb-c.h"
#include "services/identity/digester.h"
#include "services/identity/identity.h"
#include "tests/bench/identity_state.h"

#include <string.h>

#define BLOCK 200000u /* events that are written beforehand at a time, outside of the measure */
#define READ_BYTES ((size_t)4 * 1024 * 1024)

struct bench {
    struct identity identity;
    struct store *store;
    struct journal *in, *out;
    struct journal_position in_end, out_end, read;
    struct chunk_reader *reader;
    struct buffer chunks;
    uint64_t seed;
    uint64_t persons; /* that events have been made for */
    struct spent spent;
    uint64_t per_commit;
    struct digester *digester;
    bool clicks; /* events bear a digest alone */
};

static uint64_t pick(struct bench *bench, uint64_t below)
{
    return pick_below(&bench->seed, below);
}

/* -- what the gateway would have written -- */

static size_t write_identify(char *body, size_t room, uint64_t person)
{
    return (size_t)snprintf(body, room,
        "{\"type\":\"identify\",\"userId\":\"user-%08" PRIu64
        "\",\"anonymousId\":\"b7f0c9a2-5d1e-4c3b-9a77-%012" PRIx64
        "\",\"context\":{\"externalIds\":[{\"type\":\"member_card\",\"id\":\"MC-%010" PRIu64
        "\"}]},\"traits\":{\"name\":\"Wang %" PRIu64 "\",\"phone\":\"13%09" PRIu64 "\",\"city\":\"上海\"}}",
        person, person * 2654435761u, person, person, person);
}

static size_t write_track(struct bench *bench, char *body, size_t room, uint64_t person)
{
    unsigned price = (unsigned)pick(bench, 300) + 20;
    return (size_t)snprintf(body, room,
        "{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"bench-%012" PRIu64
        "\",\"userId\":\"user-%08" PRIu64 "\",\"anonymousId\":\"b7f0c9a2-5d1e-4c3b-9a77-%012" PRIx64
        "\",\"timestamp\":\"2026-01-01T00:00:00.000Z\","
        "\"properties\":{\"order_id\":\"o-%" PRIu64
        "\",\"total\":%u.00,\"currency\":\"CNY\",\"products\":[{\"product_id\":"
        "\"sku-%04u\",\"quantity\":1,\"price\":%u.00,\"category\":\"skin care\"}],\"coupon\":\"SPRING\"},"
        "\"context\":{\"library\":{\"name\":\"analytics-node\",\"version\":\"3.1.0\"},\"channel\":\"mini_"
        "program\","
        "\"traits\":{\"phone\":\"13%09" PRIu64
        "\"},\"page\":{\"path\":\"/cart\",\"title\":\"Cart\"},\"os\":{\"name\":\"iOS\","
        "\"version\":\"17.2\"},\"locale\":\"zh-CN\",\"campaign\":{\"name\":\"spring\",\"source\":\"wechat\"},"
        "\"device\":{\"type\":\"phone\"}}}",
        pick(bench, 1000000000), person, person * 2654435761u, pick(bench, 100000000), price,
        (unsigned)pick(bench, 3000), price, person);
}

/* What a media platform hands on of the person. */
static size_t write_click(struct bench *bench, char *body, size_t room, uint64_t person)
{
    char phone[16], digest[DIGEST_TEXT_BYTES];
    snprintf(phone, sizeof(phone), "13%09" PRIu64, person);
    check(digester_text(bench->digester, DIGEST_MD5, phone, digest), "digest");
    return (size_t)snprintf(body, room,
        "{\"type\":\"track\",\"event\":\"Ad "
        "Clicked\",\"context\":{\"externalIds\":[{\"type\":\"phone_md5\",\"id\":\"%s\"}]}}",
        digest);
}

static void write_event(struct bench *bench, bool identify, uint64_t person)
{
    char body[2048], id[32];
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    if (bench->clicks)
        raw.body.len = write_click(bench, body, sizeof(body), person);
    else if (identify)
        raw.body.len = write_identify(body, sizeof(body), person);
    else
        raw.body.len = write_track(bench, body, sizeof(body), person);
    raw.body.data = (uint8_t *)body;
    snprintf(id, sizeof(id), "bench-%012" PRIu64, pick(bench, UINT64_C(1) << 40));
    raw.message_id = id;
    raw.type =
        identify && !bench->clicks ? QUANYU__EVENT_TYPE__EVENT_IDENTIFY : QUANYU__EVENT_TYPE__EVENT_TRACK;
    raw.event_ms = 1767225600000;
    raw.received_ms = 1767225600100;
    raw.source = 1;
    journal_add_message(bench->in, IDENTITY_INPUT_EVENT, raw.received_ms, &raw.base);
}

static void write_block(struct bench *bench, uint64_t events, bool known)
{
    for (uint64_t i = 0; i < events; i++) {
        bool fresh = !bench->clicks && (!known || pick(bench, 10) == 0);
        write_event(bench, !known, fresh ? ++bench->persons : 1 + pick(bench, bench->persons));
    }
    check(journal_commit_alone(bench->in, &bench->in_end), "the gateway's journal");
    journal_publish(bench->in, bench->in_end.next, 0);
}

/* -- what identity does with it -- */

static void begin(struct bench *bench, struct batch *batch)
{
    *batch = (struct batch){.journal = bench->out, .now_ms = 1767225600100};
    check(store_begin(bench->store, STORE_WRITE, &batch->txn), "state");
}

static void commit(struct bench *bench, struct batch *batch)
{
    spent_begin_commit(&bench->spent);
    check(identity_fold.finish(&bench->identity, batch), "finish");
    check(journal_commit(bench->out, &bench->out_end), "identity's journal");
    check(store_commit(&batch->txn), "state");
    journal_publish(bench->out, bench->read.next, 0);
    identity_fold.committed(&bench->identity, NULL);
    spent_end_commit(&bench->spent);
}

static void fold_chunks(struct bench *bench, struct batch *batch)
{
    struct bytes left = {bench->chunks.data, bench->chunks.size};
    uint64_t size;
    while (bytes_varint(&left, &size)) {
        check(chunk_read(bench->reader, (struct bytes){left.data, size}, &bench->read), "chunk");
        left.data += size;
        left.size -= size;
        struct journal_record record;
        while (chunk_next(bench->reader, &record)) {
            check(identity_fold.record(&bench->identity, batch, 0, &record), "fold");
            if (++batch->records == bench->per_commit) {
                commit(bench, batch);
                begin(bench, batch);
            }
        }
    }
}

static void fold_block(struct bench *bench)
{
    struct batch batch;
    spent_begin(&bench->spent);
    begin(bench, &batch);
    while (bench->read.next < bench->in_end.next) {
        struct journal_position after;
        buffer_clear(&bench->chunks);
        check(journal_read(bench->in, &bench->read, READ_BYTES, &bench->chunks, &after), "read");
        fold_chunks(bench, &batch);
    }
    commit(bench, &batch);
    spent_end(&bench->spent);
}

static void run(struct bench *bench, const char *what, uint64_t events, bool known)
{
    for (uint64_t done = 0; done < events;) {
        uint64_t block = events - done < BLOCK ? events - done : BLOCK;
        write_block(bench, block, known);
        fold_block(bench);
        done += block;
    }
    spent_report(&bench->spent, what, events);
}

/* All phones that are there, in batches that hold nothing else. */
static void make_index(struct bench *bench)
{
    struct batch batch;
    bench->clicks = true;
    write_block(bench, 1, true);
    fold_block(bench);
    bench->clicks = false;
    bench->spent = (struct spent){0};
    spent_begin(&bench->spent);
    while (identity_fold.pending(&bench->identity) > 0) {
        begin(bench, &batch);
        commit(bench, &batch);
    }
    spent_end(&bench->spent);
    spent_report(&bench->spent, "index of phone_md5, phones", bench->persons);
}

static void open_all(struct bench *bench, const char *directory)
{
    char path[512];
    identity_state_open(directory, &bench->identity, &bench->store, &bench->out);
    snprintf(path, sizeof(path), "%s/in", directory);
    struct journal_options journal = {.path = path, .compression = IDENTITY_COMPRESSION};
    check(journal_open(&journal, NULL, &bench->in), "the gateway's journal");
    check(chunk_reader_open(&bench->reader), "reader");
    struct batch batch = {0};
    check(store_begin(bench->store, STORE_WRITE, &batch.txn), "state");
    double began = now(CLOCK_MONOTONIC);
    check(identity_fold.open(&bench->identity, &batch), "open");
    struct identity_counters counters;
    identity_store_counters(batch.txn, &counters);
    check(store_commit(&batch.txn), "state");
    bench->persons = counters.persons;
    bench->seed += counters.latest; /* of a state that is gone on with: other events */
    struct journal_state in;
    journal_state(bench->in, &in);
    bench->in_end = bench->read = in.end;
    if (bench->persons)
        printf("opened: %.1f s\n", now(CLOCK_MONOTONIC) - began);
}

static void run_digests(struct bench *bench, uint64_t events)
{
    make_index(bench);
    run(bench, "nine in ten known, with an index", events, true);
    bench->clicks = true;
    run(bench, "digests of known phones", events, true);
    run(bench, "digests of known phones again", events, true);
}

/* What a person takes of memory and of the disk. */
static void report_size(const struct bench *bench)
{
    struct store_txn *txn;
    struct identity_counters counters;
    check(store_begin(bench->store, STORE_READ, &txn), "state");
    identity_store_counters(txn, &counters);
    store_abort(&txn);
    double persons = (double)counters.persons;
    printf("size: %" PRIu64 " persons, %" PRIu64
           " identifiers, %.0f bytes of state and %.0f of memory a person\n",
        counters.persons, counters.nodes, (double)store_used_bytes(bench->store) / persons,
        memory_of_process() / persons);
    fflush(stdout);
}

static void measure_at(struct bench *bench, uint64_t persons, uint64_t events)
{
    if (persons > bench->persons)
        run(bench, "new persons", persons - bench->persons, false);
    run(bench, "nine in ten known", events, true);
    report_size(bench);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_identity_fold DIRECTORY PERSONS[,PERSONS...] EVENTS [EVENTS_PER_COMMIT "
                        "[digests]]\n");
        return 2;
    }
    struct bench bench = {.seed = 42, .per_commit = argc > 4 ? strtoull(argv[4], NULL, 10) : 50000};
    uint64_t events = strtoull(argv[3], NULL, 10);
    check(digester_open(&bench.digester), "digests");
    open_all(&bench, argv[1]);
    for (char *next = argv[2]; *next; next += *next == ',')
        measure_at(&bench, strtoull(next, &next, 10), events);
    if (argc > 5)
        run_digests(&bench, events);
    identity_fold.close(&bench.identity);
    digester_close(&bench.digester);
    chunk_reader_close(&bench.reader);
    buffer_free(&bench.chunks);
    journal_close(&bench.in);
    journal_close(&bench.out);
    store_close(&bench.store);
    return 0;
}
