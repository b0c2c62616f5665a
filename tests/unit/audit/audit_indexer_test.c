/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/runtime.h"

#include "services/audit/audit_index.h"
#include "services/audit/audit_indexer.h"

#include <time.h>

#define SEGMENTS 3u

static struct runtime *running;
static pthread_mutex_t writer = PTHREAD_MUTEX_INITIALIZER; /* one batch at a time */
static unsigned refusals;                                  /* works that are not taken before one is */

int service_submit(struct service *service, struct work *work)
{
    (void)service;
    pthread_mutex_lock(&writer);
    if (refusals > 0) {
        refusals--;
        pthread_mutex_unlock(&writer);
        return -QY_EFULL;
    }
    runtime_begin(running);
    int result = work->apply(work, &running->batch);
    runtime_commit(running);
    pthread_mutex_unlock(&writer);
    work->done(work, result);
    return 0;
}

static void append(unsigned count)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.id = (char *)"st_1";
    pthread_mutex_lock(&writer);
    runtime_begin(running);
    for (unsigned i = 0; i < count; i++) {
        Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
        uint64_t index;
        uint32_t number = i;
        record.actor = &actor;
        record.action = (char *)"person.show";
        record.numbers = &number;
        record.n_numbers = 1;
        assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    }
    runtime_commit(running);
    pthread_mutex_unlock(&writer);
}

static uint64_t stored(void)
{
    pthread_mutex_lock(&writer);
    struct store_txn *txn = runtime_read(running);
    uint64_t count = audit_store_segments(txn);
    store_abort(&txn);
    pthread_mutex_unlock(&writer);
    return count;
}

static void wait_for(uint64_t count)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (unsigned tries = 1; stored() < count && tries < 60000; tries++) {
        nanosleep(&moment, NULL);
        if (tries % 50 == 0)
            append(1); /* what was refused waits for the next commit */
    }
    assert_int_equal(stored(), count);
}

static void assert_index_is_of_its_records(uint64_t segment)
{
    static struct bytes records[SEGMENT_RECORDS];
    struct buffer again = BUFFER_INIT;
    struct bytes index;
    struct store_txn *txn = runtime_read(running);
    for (unsigned i = 0; i < SEGMENT_RECORDS; i++)
        assert_true(audit_store_record(txn, (segment << SEGMENT_BITS) + i, &records[i]));
    assert_int_equal(audit_index_build(records, SEGMENT_RECORDS, &again), 0);
    assert_true(audit_store_segment(txn, segment, &index));
    assert_int_equal(index.size, again.size);
    assert_memory_equal(index.data, again.data, index.size);
    store_abort(&txn);
    buffer_free(&again);
}

static void test_full_segments_are_indexed_beside_the_writer_also_where_it_is_refused_at_first(void **state)
{
    (void)state;
    running = runtime_open("simulated");
    refusals = 2;
    assert_int_equal(audit_indexer_start(&running->audit, &running->service), 0);
    for (unsigned segment = 0; segment < SEGMENTS; segment++)
        append(SEGMENT_RECORDS);
    wait_for(SEGMENTS);
    audit_indexer_stop(&running->audit);
    for (unsigned segment = 0; segment < SEGMENTS; segment++)
        assert_index_is_of_its_records(segment);
    runtime_close(running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_segments_are_indexed_beside_the_writer_also_where_it_is_refused_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
