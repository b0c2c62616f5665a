/* SPDX-License-Identifier: Apache-2.0 */
/* Segments move into files of their own: nothing is missing meanwhile, whenever it is cut short, and what is altered in them is found. */
#include "tests/unit/audit/looking.h"
#include "tests/unit/audit/victim.h"

#include "services/audit/audit_index.h"
#include "services/audit/audit_sealer.h"
#include "services/audit/audit_segment.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool seal_step(void)
{
    struct audit_sealer *sealer;
    bool done;
    assert_int_equal(audit_sealer_open(&running->audit, &running->service, &sealer), 0);
    assert_int_equal(audit_sealer_step(sealer, &done), 0);
    audit_sealer_close(&sealer);
    return done;
}

static void append_many(unsigned count)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index;
    char id[16];
    runtime_begin(running);
    for (unsigned i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "t_%u", (unsigned)random() % 50);
        quanyu__actor__init(&actor);
        quanyu__audit_record__init(&record);
        actor.kind = QUANYU__ACTOR__KIND__STAFF;
        actor.id = id;
        record.actor = &actor;
        record.action = i % 3 ? "person.show" : "person.lookup";
        record.outcome = "ok";
        record.service = "gateway";
        record.count = (uint64_t)random();
        assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    }
    runtime_commit(running);
}

static uint64_t rows(unsigned table)
{
    struct store_txn *txn = runtime_read(running);
    uint64_t count = store_count(txn, table);
    store_abort(&txn);
    return count;
}

static int setup(void **state)
{
    running = runtime_open("real");
    *state = running;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    runtime_close(running);
    return 0;
}

/* -- what is promised -- */

static void nothing_is_missing_while_a_segment_moves(void **state)
{
    (void)state;
    append_many(SEGMENT_RECORDS);
    sign();
    assert_false(seal_step()); /* there is no record behind it yet */
    append_many(300);
    sign();
    uint64_t size = SEGMENT_RECORDS + 300;
    for (unsigned steps = 0; seal_step(); steps++) {
        runtime_stop(running); /* as a crash between two commits */
        if (steps % 32 == 0) {
            struct verify_result result = look();
            if (result.problems)
                fail_msg("after %u steps: %s", steps, said);
            assert_int_equal(result.size, size);
            assert_int_equal(result.indexes, 1);
        }
        runtime_start(running);
        assert_true(steps < 200);
    }
    assert_int_equal(rows(TABLE_RECORDS), 300);
    assert_int_equal(rows(TABLE_TILES), 4); /* one that is full, and the edges of three levels */
    assert_int_equal(rows(TABLE_SEGMENTS), 0);
    append_many(20);
    sign();
    runtime_stop(running);
    struct verify_result result = look();
    if (result.problems)
        fail_msg("%s", said);
    assert_int_equal(result.size, size + 20);
    assert_int_equal(result.signed_size, size + 20);
    runtime_start(running);
}

static void flip(const char *path, uint64_t bit)
{
    int file = open(path, O_RDWR);
    uint8_t byte;
    assert_true(file >= 0);
    assert_int_equal(pread(file, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)(bit / 8)), 1);
    close(file);
}

static void any_bit_of_a_segment_is_noticed(void **state)
{
    (void)state;
    char path[128];
    struct stat status;
    append_many(SEGMENT_RECORDS + 1);
    sign();
    while (seal_step())
        ;
    runtime_stop(running);
    snprintf(path, sizeof(path), "%s/segments/0000000000.segment", running->service.directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(look().problems, 0);
    const uint64_t size = (uint64_t)status.st_size, index = SEGMENT_HEADER_BYTES + 2048 + 65536 * 36 + 8192;
    const uint64_t parts[][2] = {{0, SEGMENT_HEADER_BYTES}, {SEGMENT_HEADER_BYTES, 2048},
        {SEGMENT_HEADER_BYTES + 2048, 262144}, {SEGMENT_HEADER_BYTES + 2048 + 262144, 2097152},
        {index - 8192, 8192}, {index, 2000}, {index, size - index}};
    for (unsigned i = 0; i < 10 * COUNT_OF(parts); i++) {
        const uint64_t *part = parts[i % COUNT_OF(parts)];
        uint64_t bit = 8 * (part[0] + (uint64_t)random() % part[1]) + (uint64_t)random() % 8;
        flip(path, bit);
        if (look().problems == 0)
            fail_msg("bit %llu is not noticed", (unsigned long long)bit);
        flip(path, bit);
    }
    assert_int_equal(truncate(path, status.st_size - 1), 0);
    assert_true(look().problems > 0);
    assert_int_equal(unlink(path), 0);
    assert_true(look().problems > 0);
    runtime_start(running);
}

/* Appends, signs and seals until it is killed; tells through the pipe how many records are durable. */
static void work_until_killed(int told)
{
    for (unsigned i = 0; i < 1000; i++) {
        append_many(9000);
        uint64_t size = atomic_load(&running->audit.size);
        if (write(told, &size, sizeof(size)) != sizeof(size))
            break;
        sign();
        for (unsigned steps = 0; steps < 20 && seal_step(); steps++)
            ;
    }
    _exit(0);
}

static void a_kill_at_any_moment_loses_nothing(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        uint64_t size = 0, told;
        const struct victim victim = victim_begin(work_until_killed);
        for (unsigned reports = 0;
            reports < 10 + (unsigned)random() % 8 && read(victim.told, &told, sizeof(told)) == sizeof(told);
            reports++)
            size = told;
        victim_kill(&victim, 200000);
        while (read(victim.told, &told, sizeof(told)) == sizeof(told))
            size = told;
        victim_end(&victim);
        struct verify_result result = look();
        if (result.problems)
            fail_msg("%s", said);
        assert_true(result.size >= size);
        runtime_start(running);
    }
    assert_true(rows(TABLE_SEALED) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_missing_while_a_segment_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(any_bit_of_a_segment_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kill_at_any_moment_loses_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
