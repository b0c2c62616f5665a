/* SPDX-License-Identifier: Apache-2.0 */
/* A copy that grows by records from elsewhere is a log like the one that they come from, wherever it was cut short. */
#include "services/audit/log_copy.h"

#include "services/audit/audit_record.h"
#include "services/audit/audit_tail.h"
#include "tests/unit/common/scratch.h"

#define RECORDS (SEGMENT_RECORDS + 3000u)

/* Some of them say that identifiers went over to somebody. */
static void make_record(uint64_t index, struct buffer *out)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint32_t numbers[2] = {(uint32_t)(index % 7), (uint32_t)(index % 11) + 100},
             node = (uint32_t)(index % 500);
    char id[16];
    snprintf(id, sizeof(id), "t_%u", (unsigned)(index % 50));
    actor.id = id;
    record.actor = &actor;
    record.time_ms = 1767225600000 + (int64_t)index;
    record.action = (char *)(index % 3 ? "person.show" : "person.join");
    record.outcome = (char *)"ok";
    record.service = (char *)"identity";
    record.numbers = numbers;
    record.n_numbers = 2;
    record.nodes = &node;
    record.n_nodes = index % 3 ? 0 : 1;
    assert_int_equal(audit_record_pack(&record, out), 0);
}

static void write_nothing(
    void *self, unsigned level, uint64_t number, const struct merkle_hash *hashes, unsigned width)
{
    (void)self, (void)level, (void)number, (void)hashes, (void)width;
}

/* The root that all of them lead to, by the tree alone. */
static struct merkle_hash expected_root(uint64_t size)
{
    struct merkle_hash root;
    struct merkle *merkle;
    struct buffer record = BUFFER_INIT;
    struct merkle_tiles none = {.write = write_nothing};
    assert_int_equal(merkle_open(&none, 0, &merkle), 0);
    for (uint64_t i = 0; i < size; i++) {
        make_record(i, &record);
        merkle_add(merkle, &none, (struct bytes){record.data, record.size});
    }
    assert_int_equal(merkle_edge_root(merkle, &root), 0);
    merkle_close(&merkle);
    buffer_free(&record);
    return root;
}

static void add(struct log_copy *copy, uint64_t end)
{
    struct buffer record = BUFFER_INIT;
    assert_int_equal(log_copy_begin(copy), 0);
    for (uint64_t i = log_copy_size(copy); i < end; i++) {
        make_record(i, &record);
        log_copy_add(copy, (struct bytes){record.data, record.size});
    }
    buffer_free(&record);
}

static void it_is_the_log_that_its_records_make(void **state)
{
    struct log_copy *copy;
    struct merkle_hash made, wanted = expected_root(RECORDS);
    struct bytes stored;
    assert_int_equal(log_copy_open(scratch_path(state), &copy), 0);
    for (uint64_t size = 0; size < RECORDS;) {
        uint64_t end = size + 1 + (uint64_t)random() % 30000;
        end = end < RECORDS ? end : RECORDS;
        add(copy, end);
        if (random() % 2) { /* what is not committed was never there */
            log_copy_abort(copy);
            add(copy, end);
        }
        if (end == RECORDS) {
            assert_int_equal(log_copy_root(copy, &made), 0);
            assert_memory_equal(&made, &wanted, sizeof(made));
            assert_int_equal(log_copy_root_at(copy, RECORDS, &made), 0);
            assert_memory_equal(&made, &wanted, sizeof(made));
            assert_int_equal(log_copy_root_at(copy, RECORDS + 1, &made), -QY_EINVAL);
        }
        assert_int_equal(log_copy_commit(copy), 0);
        if (random() % 2)
            assert_int_equal(log_copy_seal(copy), 0);
        size = end;
        log_copy_close(&copy);
        assert_int_equal(log_copy_open(scratch_path(state), &copy), 0);
        assert_int_equal(log_copy_size(copy), size);
    }
    assert_int_equal(log_copy_seal(copy), 0);
    struct store_txn *txn;
    assert_int_equal(store_begin(log_copy_store(copy), STORE_READ, &txn), 0);
    assert_int_equal(audit_store_sealed(txn), 1);
    assert_int_equal(store_count(txn, TABLE_RECORDS), RECORDS - SEGMENT_RECORDS);
    struct buffer record = BUFFER_INIT;
    for (uint64_t i = 0; i < RECORDS; i += 997) {
        make_record(i, &record);
        assert_true(audit_store_record(txn, i, &stored));
        assert_int_equal(stored.size, record.size);
        assert_memory_equal(stored.data, record.data, record.size);
    }
    for (uint32_t node = 0; node < 500; node++) {
        uint64_t last = RECORDS - 1;
        while (last % 500 != node || last % 3)
            last--;
        assert_int_equal(audit_store_person(txn, node), last % 7);
    }
    buffer_free(&record);
    store_abort(&txn);
    log_copy_close(&copy);
}

static void two_do_not_write_one(void **state)
{
    struct log_copy *one, *other = NULL;
    assert_int_equal(log_copy_open(scratch_path(state), &one), 0);
    assert_int_equal(log_copy_open(scratch_path(state), &other), -QY_ECONFLICT);
    assert_null(other);
    log_copy_close(&one);
    log_copy_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(it_is_the_log_that_its_records_make),
        scratch_test(two_do_not_write_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
