/* SPDX-License-Identifier: Apache-2.0 */
/* Followers, lookups and retention beside the writer; meant for ThreadSanitizer too. */
#include "common/journal.h"
#include "tests/unit/common/scratch.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#define RECORDS 20000u
#define FOLLOWERS 3

struct shared {
    struct journal *journal;
    atomic_uint_fast64_t followed[FOLLOWERS]; /* how far each one is */
    atomic_bool done;
    atomic_uint failures;
};

struct follower {
    struct shared *shared;
    unsigned number;
};

static size_t text_of(uint64_t offset, char text[1024])
{
    unsigned seed = (unsigned)offset * 2654435761u + 1;
    size_t size = 40 + (size_t)(rand_r(&seed) % 400);
    int used = snprintf(text, 1024, "record %llu ", (unsigned long long)offset);
    for (size_t i = (size_t)used; i < size; i++)
        text[i] = (char)('0' + rand_r(&seed) % 75);
    return size;
}

static bool is_right(const struct journal_record *record, uint64_t offset)
{
    char text[1024];
    size_t size = text_of(offset, text);
    return record->offset == offset && record->data.size == size &&
           memcmp(record->data.data, text, size) == 0;
}

static bool take(struct chunk_reader *reader, struct bytes cursor, struct journal_position *position)
{
    while (cursor.size > 0) {
        uint64_t size, offset = position->next;
        struct journal_record record;
        if (!bytes_varint(&cursor, &size) ||
            chunk_read(reader, (struct bytes){cursor.data, (size_t)size}, position))
            return false;
        cursor = (struct bytes){cursor.data + size, cursor.size - (size_t)size};
        while (chunk_next(reader, &record))
            if (!is_right(&record, offset++))
                return false;
    }
    return true;
}

static void *follow(void *context)
{
    struct follower *follower = context;
    struct shared *shared = follower->shared;
    struct chunk_reader *reader = NULL;
    struct buffer out = BUFFER_INIT;
    struct journal_position position = {0};
    bool well = chunk_reader_open(&reader) == 0;
    while (well && position.next < RECORDS) {
        struct journal_position after;
        buffer_clear(&out);
        well =
            journal_read(shared->journal, &position, (size_t)follower->number * 50000, &out, &after) == 0 &&
            take(reader, (struct bytes){out.data, out.size}, &position) && position.next == after.next;
        atomic_store(&shared->followed[follower->number], position.next);
        if (out.size == 0)
            sched_yield();
    }
    if (!well)
        atomic_fetch_add(&shared->failures, 1);
    buffer_free(&out);
    chunk_reader_close(&reader);
    return NULL;
}

static void *look_up(void *context)
{
    struct shared *shared = context;
    struct buffer out = BUFFER_INIT;
    for (unsigned seed = 1; !atomic_load(&shared->done);) {
        struct journal_state state;
        struct journal_record record;
        journal_state(shared->journal, &state);
        if (state.end.next == 0)
            continue;
        uint64_t offset = state.first + (uint64_t)rand_r(&seed) % (state.end.next - state.first);
        buffer_clear(&out);
        int code = journal_get(shared->journal, offset, &out, &record);
        if (code ? code != -QY_ETRIMMED : !is_right(&record, offset))
            atomic_fetch_add(&shared->failures, 1);
    }
    buffer_free(&out);
    return NULL;
}

static void *trim(void *context)
{
    struct shared *shared = context;
    while (!atomic_load(&shared->done)) {
        uint64_t least = UINT64_MAX;
        for (size_t i = 0; i < FOLLOWERS; i++) {
            uint64_t followed = atomic_load(&shared->followed[i]);
            least = followed < least ? followed : least;
        }
        if (journal_trim(shared->journal, least, INT64_MAX))
            atomic_fetch_add(&shared->failures, 1);
        sched_yield();
    }
    return NULL;
}

/* Batches of changing size; now and then one is taken back, before its commit or after. */
static void write_all(struct journal *journal)
{
    unsigned seed = 3;
    char text[1024];
    while (journal_next(journal) < RECORDS) {
        unsigned count = 1 + (unsigned)rand_r(&seed) % 600, fate = (unsigned)rand_r(&seed) % 8;
        for (unsigned i = 0; i < count && journal_next(journal) < RECORDS; i++)
            journal_add(journal, 2, 1, text, text_of(journal_next(journal), text));
        struct journal_position position;
        if (fate != 0)
            assert_int_equal(journal_commit(journal, &position), 0);
        if (fate <= 1)
            assert_int_equal(journal_revert(journal), 0);
        else
            journal_publish(journal, position.next, 1);
    }
}

static void everybody_sees_each_published_record_once(void **state)
{
    uint8_t key[32] = {5};
    struct journal_options options = {
        .path = scratch_path(state), .segment_bytes = 256 << 10, .compression = 1, .key = key};
    struct shared shared = {0};
    assert_int_equal(journal_open(&options, NULL, &shared.journal), 0);
    struct follower followers[FOLLOWERS];
    pthread_t threads[FOLLOWERS], looking, trimming;
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        followers[i] = (struct follower){.shared = &shared, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, follow, &followers[i]), 0);
    }
    assert_int_equal(pthread_create(&looking, NULL, look_up, &shared), 0);
    assert_int_equal(pthread_create(&trimming, NULL, trim, &shared), 0);
    write_all(shared.journal);
    for (unsigned i = 0; i < FOLLOWERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&shared.done, true);
    pthread_join(looking, NULL);
    pthread_join(trimming, NULL);
    assert_int_equal(atomic_load(&shared.failures), 0);
    journal_close(&shared.journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(everybody_sees_each_published_record_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
