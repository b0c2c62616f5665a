/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the files is checked as a whole: bits that are flipped in what is stored, indexes among it, are found. */
#include "tests/unit/audit/at_once.h"

#include "common/exact_set.h"
#include "services/audit/audit_index.h"
#include "services/audit/audit_keys.h"
#include "services/audit/verify_files.h"

static void append_many(unsigned count)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index;
    char id[16];
    runtime_begin(running);
    for (unsigned i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "t_%u", i % 50);
        quanyu__actor__init(&actor);
        quanyu__audit_record__init(&record);
        actor.kind = QUANYU__ACTOR__KIND__STAFF;
        actor.id = id;
        record.actor = &actor;
        record.action = i % 3 ? "person.show" : "person.lookup";
        record.outcome = "ok";
        record.service = "gateway";
        assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    }
    runtime_commit(running);
}

/* A record whose exact set lies beside the log. */
static const uint32_t people[] = {3, 5, 8, 100000};
static void append_with_set(void)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint8_t hash[EXACT_SET_HASH_BYTES];
    uint64_t index;
    _cleanup_(buffer_free) struct buffer set = BUFFER_INIT;
    assert_int_equal(exact_set_write(people, COUNT_OF(people), &set), 0);
    exact_set_hash((struct bytes){set.data, set.size}, hash);
    actor.kind = QUANYU__ACTOR__KIND__STAFF;
    actor.id = "t_1";
    record.actor = &actor;
    record.action = "binding.transfer";
    record.outcome = "ok";
    record.service = "gateway";
    record.set_hash = (ProtobufCBinaryData){.data = hash, .len = sizeof(hash)};
    runtime_begin(running);
    audit_store_put_set(running->batch.txn, hash, (struct bytes){set.data, set.size});
    assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    runtime_commit(running);
}

/* Identifiers 7 and 9 go over to person 3, and 9 to itself again. */
static void append_joins(void)
{
    static const uint32_t moves[][3] = {{7, 3, 3}, {9, 3, 3}, {9, 9, 3}};
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index;
    actor.kind = QUANYU__ACTOR__KIND__SERVICE;
    actor.id = record.service = "identity";
    record.actor = &actor;
    record.action = "person.join";
    record.outcome = "ok";
    runtime_begin(running);
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        record.nodes = (uint32_t *)(uintptr_t)moves[i];
        record.numbers = (uint32_t *)(uintptr_t)(moves[i] + 1);
        record.n_nodes = 1;
        record.n_numbers = 2;
        assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    }
    runtime_commit(running);
}

static char said[4096];
static struct bytes seen; /* what verify() is told of */

static void keep_problem(void *self, const char *text)
{
    (void)self;
    size_t used = strlen(said);
    snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

static int verify(struct verify_result *result)
{
    struct verify_files *files;
    struct verify_options options = {.threads = 2, .problem = keep_problem};
    said[0] = '\0';
    int error = verify_files_open(running->service.directory, &files);
    if (error)
        return error;
    error = verify_files_describe(files, &options);
    options.seen = seen;
    if (!error)
        error = verify_log(&options, result);
    verify_files_close(&files);
    return error;
}

static uint64_t problems(void)
{
    struct verify_result result = {.problems = 0};
    assert_int_equal(verify(&result), 0);
    return result.problems;
}

static int setup(void **state)
{
    running = runtime_open("real");
    append_many(SEGMENT_RECORDS + 296);
    append_joins();
    append_with_set();
    sign();
    append_many(10); /* not signed yet */
    runtime_stop(running);
    *state = running;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    runtime_start(running);
    runtime_close(running);
    return 0;
}

/* Flips a bit of a value, in the closed store. */
static void flip(unsigned table, const struct store_key *key, size_t bit)
{
    char path[128];
    struct store *store;
    struct store_txn *txn;
    struct bytes value;
    snprintf(path, sizeof(path), "%s/state", running->service.directory);
    struct store_options options = {.path = path,
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 32,
        .schema_version = AUDIT_SCHEMA_VERSION};
    assert_int_equal(store_open(&options, &store), 0);
    assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
    assert_true(store_get(txn, table, key, &value));
    uint8_t *copy = malloc(value.size);
    assert_non_null(copy);
    memcpy(copy, value.data, value.size);
    copy[bit / 8 % value.size] ^= (uint8_t)(1u << bit % 8);
    store_put(txn, table, key, copy, value.size);
    free(copy);
    assert_int_equal(store_commit(&txn), 0);
    store_close(&store);
}

/* The signed checkpoint of the first `size` records, by the key of the log. */
static void checkpoint_of(uint64_t size, struct buffer *out)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct checkpoint checkpoint = {.size = size};
    struct merkle *merkle;
    struct note_signer signer;
    struct note_key key;
    runtime_start(running);
    struct store_txn *txn = runtime_read(running);
    struct merkle_tiles tiles = audit_store_tiles(txn);
    const Quanyu__AuditSigner *row = audit_keys_signer(txn, 0, running->arena);
    assert_non_null(row);
    assert_int_equal(note_key_parse(row->verifier_key, &key), 0);
    assert_int_equal(audit_keys_secret(txn, &key, &signer), 0);
    snprintf(checkpoint.origin, sizeof(checkpoint.origin), "%s", key.name);
    assert_int_equal(merkle_open(&tiles, size, &merkle), 0);
    assert_int_equal(merkle_edge_root(merkle, &checkpoint.root), 0);
    merkle_close(&merkle);
    store_abort(&txn);
    runtime_stop(running);
    checkpoint_format(&checkpoint, &text);
    buffer_append(out, text.data, text.size);
    buffer_byte(out, '\n');
    note_sign(&signer, (struct bytes){text.data, text.size}, out);
}

static void put_note(enum audit_note which, const struct buffer *note)
{
    runtime_start(running);
    runtime_begin(running);
    audit_store_put_note(running->batch.txn, which, (struct bytes){note->data, note->size});
    runtime_commit(running);
    runtime_stop(running);
}

/* A bit somewhere in this row is found, and forgotten when it is put right. */
static void assert_noticed(unsigned table, const struct store_key *key, const char *what)
{
    size_t bit = (size_t)random() % 100000;
    flip(table, key, bit);
    if (problems() == 0)
        fail_msg("bit %zu of a row of %s is not noticed", bit, audit_tables[table]);
    if (!strstr(said, what))
        fail_msg("\"%s\" was not said, but %s", what, said);
    flip(table, key, bit);
    assert_int_equal(problems(), 0);
}

static void what_is_altered_in_the_files_is_found(void **state)
{
    (void)state;
    struct verify_result result;
    struct store_key key;
    assert_int_equal(verify(&result), 0);
    if (result.problems)
        fail_msg("%s", said);
    assert_int_equal(result.size, SEGMENT_RECORDS + 310);
    assert_int_equal(result.signed_size, SEGMENT_RECORDS + 300);
    assert_int_equal(result.indexes, 1);
    key_reset(&key);
    key_u64(&key, 4711);
    assert_noticed(TABLE_RECORDS, &key, "record 4711 was altered");
    key_reset(&key);
    key_u64(&key, SEGMENT_RECORDS + 305); /* which is not signed yet */
    assert_noticed(TABLE_RECORDS, &key, "record 65841 and hash");
    for (unsigned level = 0; level < 3; level++) {
        key_reset(&key);
        key_u8(&key, (uint8_t)level);
        key_u64(&key, 0);
        assert_noticed(TABLE_TILES, &key, "tile/");
    }
    key_reset(&key);
    key_u64(&key, 0);
    assert_noticed(TABLE_SEGMENTS, &key, "the index of segment 0");
    key_reset(&key);
    _cleanup_(buffer_free) struct buffer set = BUFFER_INIT;
    uint8_t hash[EXACT_SET_HASH_BYTES];
    assert_int_equal(exact_set_write(people, COUNT_OF(people), &set), 0);
    exact_set_hash((struct bytes){set.data, set.size}, hash);
    key_raw(&key, hash, sizeof(hash));
    assert_noticed(TABLE_SETS, &key, "the exact set of record 65835 was altered");
    key_reset(&key);
    key_u32(&key, NOTE_NEWEST);
    assert_noticed(TABLE_NOTES, &key, "checkpoint");
    key_reset(&key);
    key_u32(&key, 7);
    assert_noticed(TABLE_NODES, &key, "identifier 7 is said to have gone over");
}

static void what_was_seen_earlier_and_signed_before_must_still_hold(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer newest = BUFFER_INIT, older = BUFFER_INIT, other = BUFFER_INIT;
    checkpoint_of(SEGMENT_RECORDS + 300, &newest);
    checkpoint_of(SEGMENT_RECORDS + 20, &older);
    seen = (struct bytes){older.data, older.size};
    assert_int_equal(problems(), 0);
    seen = (struct bytes){newest.data, newest.size};
    assert_int_equal(problems(), 0);
    put_note(NOTE_NEWEST, &older); /* what follows it may be anything now, as far as signatures tell */
    assert_int_equal(problems(), 1);
    assert_non_null(strstr(said, "an older one was put back"));
    seen = (struct bytes){NULL, 0};
    assert_int_equal(problems(), 0);
    put_note(NOTE_COSIGNED, &newest);
    assert_int_equal(problems(), 1);
    assert_non_null(strstr(said, "were signed before (a cosigned checkpoint is of them)"));
    put_note(NOTE_NEWEST, &newest);
    assert_int_equal(problems(), 0);
    buffer_append(&other, newest.data, newest.size);
    other.data[3] ^= 1;
    seen = (struct bytes){other.data, other.size};
    assert_int_equal(problems(), 1);
    assert_non_null(strstr(said, "is not signed by a key of this log"));
    seen = (struct bytes){NULL, 0};
}

static void what_is_no_copy_is_refused(void **state)
{
    (void)state;
    struct verify_result result;
    struct verify_files *files;
    runtime_start(running);
    assert_int_equal(verify(&result), -QY_ECONFLICT);
    runtime_stop(running);
    assert_int_equal(verify_files_open("/nonexistent", &files), -QY_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_altered_in_the_files_is_found),
        cmocka_unit_test(what_was_seen_earlier_and_signed_before_must_still_hold),
        cmocka_unit_test(what_is_no_copy_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
