/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/at_once.h"

#include "services/audit/audit_keys.h"
#include "services/audit/checkpoint.h"

#include <sys/stat.h>

static int setup(void **state)
{
    running = runtime_open("real");
    part_reason = NULL;
    *state = running;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    runtime_close(running);
    return 0;
}

static void append_some(unsigned count)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.kind = QUANYU__ACTOR__KIND__STAFF;
    actor.id = "t_1";
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT, *records[] = {&record};
    for (unsigned i = 0; i < count; i++) {
        quanyu__audit_record__init(&record);
        record.actor = &actor;
        record.action = "person.show";
        record.outcome = "ok";
        record.count = i;
        assert_int_equal(runtime_append(running, records, 1, NULL), 0);
    }
}

static int step(void)
{
    struct audit_signer *signer;
    bool more = true;
    int error = audit_signer_open(&running->audit, &running->service, &signer);
    while (!error && more)
        error = audit_signer_step(signer, &more);
    audit_signer_close(&signer);
    return error;
}

static struct note_key key_of(uint32_t generation)
{
    struct note_key key;
    struct store_txn *txn = runtime_read(running);
    const Quanyu__AuditSigner *row = audit_keys_signer(txn, generation, running->arena);
    assert_non_null(row);
    assert_int_equal(note_key_parse(row->verifier_key, &key), 0);
    store_abort(&txn);
    return key;
}

/* Whether the newest checkpoint is signed by the key of this generation, and of the tree as it lies there. */
static bool is_signed(uint32_t generation, uint64_t size)
{
    struct note_key key = key_of(generation);
    struct store_txn *txn = runtime_read(running);
    struct merkle_tiles tiles = audit_store_tiles(txn);
    struct merkle_hasher *hasher;
    struct merkle_hash root;
    struct checkpoint checkpoint;
    struct bytes stored;
    struct note note;
    assert_int_equal(merkle_hasher_open(&hasher), 0);
    assert_int_equal(merkle_root(hasher, &tiles, size, &root), 0);
    bool good = audit_store_note(txn, NOTE_NEWEST, &stored) && note_open(stored, &note) == 0 &&
                note_verify(&note, &key, NULL) && checkpoint_parse(note.text, &checkpoint) == 0 &&
                checkpoint.size == size && strcmp(checkpoint.origin, key.name) == 0 &&
                memcmp(&checkpoint.root, &root, sizeof(root)) == 0;
    merkle_hasher_close(&hasher);
    store_abort(&txn);
    return good;
}

static int rotate(bool lost)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__Header header = QUANYU__HEADER__INIT;
    Quanyu__AuditKeysRequest asked = QUANYU__AUDIT_KEYS_REQUEST__INIT;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    Quanyu__AuditReply reply = QUANYU__AUDIT_REPLY__INIT;
    actor.kind = QUANYU__ACTOR__KIND__OPERATOR;
    actor.id = "uid:0";
    header.actor = &actor;
    header.request_id = "r-1";
    asked.act = QUANYU__AUDIT_KEYS_REQUEST__ACT__ROTATE;
    asked.lost = lost;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_KEYS;
    request.keys = &asked;
    runtime_begin(running);
    struct rpc_context context = {.service = &running->service,
        .self = &running->audit,
        .header = &header,
        .peer = "cli",
        .arena = running->arena,
        .txn = running->batch.txn,
        .batch = &running->batch};
    int error = audit_keys(&context, &request.base, &reply.base);
    runtime_commit(running);
    return error;
}

static void secret_path(uint32_t generation, char path[256])
{
    struct note_key key = key_of(generation);
    snprintf(path, 256, "%s/keys/%02x%02x%02x%02x.key", running->service.directory, key.id[0], key.id[1],
        key.id[2], key.id[3]);
}

/* -- what is promised -- */

static void each_size_is_signed_over_the_tree_as_it_lies_there(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        append_some(i * 7 + 1);
        assert_int_equal(step(), 0);
        assert_true(is_signed(0, atomic_load(&running->audit.size)));
        assert_int_equal(atomic_load(&running->audit.signed_size), atomic_load(&running->audit.size));
    }
    assert_null(part_reason);
}

static void an_empty_log_has_no_checkpoint(void **state)
{
    (void)state;
    struct bytes note;
    assert_int_equal(step(), 0);
    struct store_txn *txn = runtime_read(running);
    assert_false(audit_store_note(txn, NOTE_NEWEST, &note));
    store_abort(&txn);
}

static void nobody_else_can_read_the_key(void **state)
{
    (void)state;
    char path[256];
    struct stat status;
    secret_path(0, path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

/* Flips a bit of a stored tile, or of a stored record. */
static void flip(bool tile, uint64_t number, size_t bit)
{
    struct store_key key;
    struct bytes value;
    runtime_begin(running);
    key_reset(&key);
    if (tile)
        key_u8(&key, 0);
    key_u64(&key, number);
    assert_true(store_get(running->batch.txn, tile ? TABLE_TILES : TABLE_RECORDS, &key, &value));
    uint8_t *copy = malloc(value.size);
    assert_non_null(copy);
    memcpy(copy, value.data, value.size);
    copy[bit / 8 % value.size] ^= (uint8_t)(1u << bit % 8);
    store_put(running->batch.txn, tile ? TABLE_TILES : TABLE_RECORDS, &key, copy, value.size);
    free(copy);
    assert_int_equal(store_commit(&running->batch.txn), 0);
}

static void a_wrong_hash_is_never_signed(void **state)
{
    (void)state;
    append_some(300);
    assert_int_equal(step(), 0);
    append_some(10);
    flip(true, 1, 8 * 32 * 50 + 3); /* a leaf that is not under a checkpoint yet */
    assert_int_equal(step(), -QY_ECORRUPT);
    assert_non_null(part_reason);
    assert_true(is_signed(0, 300));
    assert_int_equal(atomic_load(&running->audit.signed_size), 300);
}

static void an_altered_record_is_never_signed(void **state)
{
    (void)state;
    append_some(300);
    flip(false, 123, 77);
    assert_int_equal(step(), -QY_ECORRUPT);
    assert_non_null(part_reason);
}

static void a_log_that_is_not_the_signed_one_is_not_gone_on_with(void **state)
{
    (void)state;
    append_some(300);
    assert_int_equal(step(), 0);
    flip(true, 1, 8 * 32 * 5 + 3); /* of the edge that was signed */
    assert_int_equal(step(), 0);
    assert_non_null(part_reason);
    assert_int_equal(atomic_load(&running->audit.signed_size), 300);
}

static void a_key_hands_over_to_the_next_one_with_its_last_signature(void **state)
{
    (void)state;
    char before[256], after[256];
    struct note note;
    append_some(5);
    assert_int_equal(step(), 0);
    secret_path(0, before);
    assert_int_equal(rotate(false), 0);
    append_some(3);
    assert_int_equal(rotate(false), -QY_ECONFLICT); /* one at a time */
    assert_int_equal(step(), 0);
    secret_path(1, after);
    assert_int_not_equal(access(before, F_OK), 0);
    assert_int_equal(access(after, F_OK), 0);
    assert_true(is_signed(1, 9));
    assert_false(is_signed(0, 9));
    struct store_txn *txn = runtime_read(running);
    const Quanyu__AuditSigner *row = audit_keys_signer(txn, 1, running->arena);
    struct note_key old = key_of(0), new = key_of(1);
    struct checkpoint checkpoint;
    assert_int_equal(row->from_size, 6);
    assert_int_equal(note_open((struct bytes){row->handover.data, row->handover.len}, &note), 0);
    assert_true(note_verify(&note, &old, NULL) && note_verify(&note, &new, NULL));
    assert_int_equal(checkpoint_parse(note.text, &checkpoint), 0);
    assert_int_equal(checkpoint.size, 6);
    store_abort(&txn);
    const Quanyu__AuditRecord *record = runtime_record(running, 5);
    assert_string_equal(record->action, "log_key.rotate");
    assert_non_null(strstr(record->detail, row->verifier_key));
}

static void without_its_key_the_log_is_written_on_and_not_signed(void **state)
{
    (void)state;
    char path[256];
    append_some(5);
    assert_int_equal(step(), 0);
    assert_int_equal(rotate(true), -QY_ECONFLICT); /* it is not lost */
    secret_path(0, path);
    assert_int_equal(unlink(path), 0);
    append_some(5);
    assert_int_equal(step(), 0);
    assert_non_null(part_reason);
    assert_true(is_signed(0, 5));
    assert_int_equal(rotate(false), -QY_ECONFLICT);
    assert_int_equal(rotate(true), 0);
    assert_int_equal(step(), 0);
    assert_null(part_reason);
    assert_true(is_signed(1, 11));
}

static void a_key_that_is_lost_while_it_should_hand_over_is_done_without(void **state)
{
    (void)state;
    char path[256];
    append_some(5);
    assert_int_equal(step(), 0);
    secret_path(0, path);
    assert_int_equal(rotate(false), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(step(), 0);
    assert_true(is_signed(0, 5));
    assert_int_equal(rotate(true), 0);
    assert_int_equal(step(), 0);
    assert_true(is_signed(1, 7));
}

static void the_name_of_the_log_stays(void **state)
{
    (void)state;
    struct note_key first = key_of(0);
    runtime_stop(running);
    setenv("QUANYU_AUDIT_ORIGIN", first.name, 1);
    runtime_start(running);
    struct store_txn *txn = runtime_read(running);
    store_abort(&txn);
    char error[256];
    struct config *config;
    setenv("QUANYU_AUDIT_ORIGIN", "example.com/other", 1);
    assert_int_equal(config_open("/dev/null", &config, error), 0);
    runtime_begin(running);
    assert_int_equal(audit_keys_open(running->batch.txn, config), -QY_EINVAL);
    runtime_abort(running);
    config_close(&config);
    unsetenv("QUANYU_AUDIT_ORIGIN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_size_is_signed_over_the_tree_as_it_lies_there, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_log_has_no_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_else_can_read_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_hash_is_never_signed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_altered_record_is_never_signed, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_log_that_is_not_the_signed_one_is_not_gone_on_with, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_key_hands_over_to_the_next_one_with_its_last_signature, setup, teardown),
        cmocka_unit_test_setup_teardown(
            without_its_key_the_log_is_written_on_and_not_signed, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_key_that_is_lost_while_it_should_hand_over_is_done_without, setup, teardown),
        cmocka_unit_test_setup_teardown(the_name_of_the_log_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
