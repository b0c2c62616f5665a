/* SPDX-License-Identifier: Apache-2.0 */
/* How fast one thread writes and reads a journal of SDK-like events, by compression level.
 * Usage: bench_journal_speed DIRECTORY RECORDS [RECORDS_PER_COMMIT]. DIRECTORY must not hold a journal. */
#include "common/journal.h"
#include "tests/bench/measure.h"

#include <ftw.h>
#include <stdbool.h>
#include <string.h>

#define EVENTS                                                                                               \
    20000u /* that are made beforehand and then used in turn, each with a message id of its own              \
            */
#define EVENT_BYTES_MAX 1024

struct event {
    size_t size;
    char text[EVENT_BYTES_MAX];
};

static unsigned pick(unsigned *seed, unsigned below)
{
    return (unsigned)rand_r(seed) % below;
}

static void make_event(struct event *event, unsigned *seed)
{
    static const char *const names[] = {
        "Product Viewed", "Product Added", "Order Completed", "Coupon Applied"};
    unsigned product = pick(seed, 20000);
    int size = snprintf(event->text, sizeof(event->text),
        "{\"messageId\":\"ajs-next-%08x%08x\",\"type\":\"track\",\"event\":\"%s\","
        "\"anonymousId\":\"%08x-%04x-4%03x-8%03x-%08x%04x\",\"userId\":\"u%07u\","
        "\"timestamp\":\"2024-0%u-%02uT%02u:%02u:%02u.%03uZ\",\"context\":{\"library\":{\"name\":\"analytics."
        "js\","
        "\"version\":\"1.84.0\"},\"page\":{\"path\":\"/p/%u\",\"url\":\"https://shop.example.cn/p/"
        "%u?from=x%u\","
        "\"title\":\"SKU %u\"},\"userAgent\":\"Mozilla/5.0 (iPhone; CPU iPhone OS 17_%u like Mac OS X) "
        "AppleWebKit/"
        "605.1.15 (KHTML, like Gecko) Mobile/15E148 "
        "NetType/4G\",\"locale\":\"zh-CN\",\"ip\":\"10.%u.%u.%u\"},\"properties\":{\"order_id\":\"O%08u\","
        "\"total\":\"%u.%02u\",\"currency\":\"CNY\",\"products\":[{\"product_id\":\"P%05u\",\"quantity\":%u,"
        "\"price\":\"%u.00\"}]}}",
        (unsigned)rand_r(seed), (unsigned)rand_r(seed), names[pick(seed, 4)], (unsigned)rand_r(seed),
        pick(seed, 65536), pick(seed, 4096), pick(seed, 4096), (unsigned)rand_r(seed), pick(seed, 65536),
        pick(seed, 1000000), 1 + pick(seed, 9), 1 + pick(seed, 28), pick(seed, 24), pick(seed, 60),
        pick(seed, 60), pick(seed, 1000), product, product, pick(seed, 10), product, pick(seed, 6),
        pick(seed, 256), pick(seed, 256), pick(seed, 256), pick(seed, 100000000), pick(seed, 1000),
        pick(seed, 100), product, 1 + pick(seed, 4), pick(seed, 500));
    event->size = (size_t)size;
}

/* What was compressed together lies far enough apart in EVENTS that no chunk sees an event twice; the id
 * makes them unique. */
static void add(struct journal *journal, struct event *event, uint64_t number)
{
    char id[17];
    snprintf(id, sizeof(id), "%016" PRIx64, number * UINT64_C(0x9e3779b97f4a7c15));
    memcpy(event->text + strlen("{\"messageId\":\"ajs-next-"), id, 16);
    journal_add(journal, 2, (int64_t)number / 100, event->text, event->size);
}

static void write_all(struct journal *journal, struct event *events, uint64_t records, uint64_t per_commit)
{
    struct journal_position position;
    for (uint64_t i = 0; i < records; i++) {
        add(journal, &events[i % EVENTS], i);
        if ((i + 1) % per_commit && i + 1 < records)
            continue;
        check(journal_commit(journal, &position), "commit");
        journal_publish(journal, position.next, 0);
    }
}

static uint64_t read_all(struct journal *journal)
{
    struct chunk_reader *reader = NULL;
    struct buffer out = BUFFER_INIT;
    struct journal_position position = {0}, after;
    uint64_t bytes = 0;
    check(chunk_reader_open(&reader), "reader");
    do {
        buffer_clear(&out);
        check(journal_read(journal, &position, 1 << 20, &out, &after), "read");
        struct bytes cursor = {out.data, out.size};
        uint64_t size;
        while (bytes_varint(&cursor, &size)) {
            check(chunk_read(reader, (struct bytes){cursor.data, (size_t)size}, &position), "chunk");
            cursor = (struct bytes){cursor.data + size, cursor.size - (size_t)size};
            struct journal_record record;
            while (chunk_next(reader, &record))
                bytes += record.data.size;
        }
    } while (out.size > 0);
    buffer_free(&out);
    chunk_reader_close(&reader);
    return bytes;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void measure(
    const char *path, struct event *events, int level, bool sealed, uint64_t records, uint64_t per_commit)
{
    uint8_t key[32] = {1};
    struct journal_options options = {.path = path, .compression = level, .key = sealed ? key : NULL};
    struct journal *journal = NULL;
    check(journal_open(&options, NULL, &journal), path);
    double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
    write_all(journal, events, records, per_commit);
    double written = now(CLOCK_MONOTONIC), written_cpu = now(CLOCK_THREAD_CPUTIME_ID);
    uint64_t bytes = read_all(journal);
    double end = now(CLOCK_MONOTONIC);
    struct journal_state state;
    journal_state(journal, &state);
    printf("%5d %6s %8.2f %12.0f %12.0f %12.0f\n", level, sealed ? "yes" : "no",
        (double)bytes / (double)state.bytes, (double)records / (written - start),
        (double)records / (written_cpu - cpu), (double)records / (end - written));
    journal_close(&journal);
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    uint64_t per_commit = argc > 3 ? strtoull(argv[3], NULL, 10) : 10000;
    if (records == 0 || per_commit == 0) {
        fprintf(stderr, "usage: %s DIRECTORY RECORDS [RECORDS_PER_COMMIT]\n", argv[0]);
        return 2;
    }
    struct event *events = calloc(EVENTS, sizeof(*events));
    if (!events)
        return 1;
    unsigned seed = 1;
    size_t bytes = 0;
    for (unsigned i = 0; i < EVENTS; i++) {
        make_event(&events[i], &seed);
        bytes += events[i].size;
    }
    printf("%zu bytes a record, %" PRIu64 " records a commit\n", bytes / EVENTS, per_commit);
    printf("level sealed    ratio    written/s  written/cpu s      read/s\n");
    for (int level = -5; level <= 3; level++)
        if (level != 0)
            measure(argv[1], events, level, true, records, per_commit);
    measure(argv[1], events, 1, false, records, per_commit);
    free(events);
    return 0;
}
