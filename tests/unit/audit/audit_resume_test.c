/* SPDX-License-Identifier: Apache-2.0 */
/* A log that was put back says so first, and takes of the journals what it does not have. */
#include "tests/unit/audit/at_once.h"

#include "common/directory.h"
#include "proto/gateway.pb-c.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_resume.h"

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

static void put_word(const struct audit_resume *resume)
{
    runtime_begin(running);
    audit_resume_write(running->batch.txn, resume);
    runtime_commit(running);
    memset(runtime_follows_oldest, 0, sizeof(runtime_follows_oldest));
    memset(runtime_follows_again, 0, sizeof(runtime_follows_again));
    runtime_stop(running);
    runtime_start(running);
}

static void fold_act(uint64_t offset)
{
    Quanyu__GatewayAct act = QUANYU__GATEWAY_ACT__INIT;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.id = (char *)"st_1";
    act.actor = &actor;
    act.action = (char *)"role.create";
    assert_int_equal(
        runtime_fold(running, INPUT_GATEWAY, QUANYU__GATEWAY_RECORD__RECORD_ACT, offset, &act.base), 0);
}

static const Quanyu__AuditRecord *record_at(uint64_t index)
{
    struct store_txn *txn = runtime_read(running);
    struct bytes stored;
    assert_true(audit_store_record(txn, index, &stored));
    const Quanyu__AuditRecord *record = audit_record_unpack(stored, running->arena);
    assert_non_null(record);
    store_abort(&txn);
    return record;
}

static uint64_t size_now(void)
{
    struct store_txn *txn = runtime_read(running);
    uint64_t size = audit_store_size(txn);
    store_abort(&txn);
    return size;
}

static void a_log_that_was_never_put_back_says_nothing(void **state)
{
    (void)state;
    assert_false(running->audit.resume.restored);
    runtime_begin(running);
    fold_act(1);
    runtime_commit(running);
    assert_int_equal(size_now(), 1);
    assert_string_equal(record_at(0)->action, "role.create");
    assert_false(runtime_follows_oldest[INPUT_GATEWAY]);
}

static void the_word_of_it_comes_first_and_once(void **state)
{
    (void)state;
    struct audit_resume resume = {.owed = true};
    snprintf(resume.detail, sizeof(resume.detail), "{\"size\":0}");
    put_word(&resume);
    assert_true(running->audit.resume.restored);
    runtime_begin(running);
    fold_act(1);
    runtime_abort(running); /* as a full disk does: it is still owed */
    runtime_begin(running);
    fold_act(1);
    runtime_commit(running);
    runtime_stop(running);
    runtime_start(running);
    runtime_begin(running);
    fold_act(2);
    runtime_commit(running);
    assert_int_equal(size_now(), 3);
    assert_string_equal(record_at(0)->action, "audit.restore");
    assert_string_equal(record_at(0)->detail, "{\"size\":0}");
    assert_string_equal(record_at(1)->action, "role.create");
    assert_string_equal(record_at(2)->action, "role.create");
    assert_false(runtime_follows_oldest[INPUT_GATEWAY]); /* a backup knows where it was */
}

static void what_is_on_record_already_is_not_taken_again(void **state)
{
    (void)state;
    struct audit_resume resume = {.anew = true};
    resume.next[INPUT_GATEWAY] = 7;
    put_word(&resume);
    for (unsigned i = 0; i < AUDIT_INPUT_COUNT; i++)
        assert_true(runtime_follows_oldest[i] && runtime_follows_again[i]);
    runtime_begin(running);
    for (uint64_t offset = 1; offset < 10; offset++)
        fold_act(offset);
    runtime_commit(running);
    assert_int_equal(size_now(), 3);
    assert_int_equal(record_at(0)->offset, 7);
    assert_int_equal(record_at(2)->offset, 9);
    memset(runtime_follows_oldest, 0, sizeof(runtime_follows_oldest));
    runtime_stop(running);
    runtime_start(running);
    assert_true(runtime_follows_oldest[INPUT_CAMPAIGN]);
    assert_true(running->audit.resume.begun);
    assert_false(audit_resume_has(&running->audit.resume, INPUT_GATEWAY, 7));
    assert_true(audit_resume_has(&running->audit.resume, INPUT_GATEWAY, 6));
    assert_false(audit_resume_has(&running->audit.resume, INPUT_IDENTITY, 0));
}

static void what_is_not_to_be_gone_on_with_is_refused(void **state)
{
    (void)state;
    static const char *const marks[] = {RESTORE_MARK, MIRROR_MARK};
    char path[512];
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        snprintf(path, sizeof(path), "%s/%s", running->service.directory, marks[i]);
        assert_int_equal(directory_replace_file(path, "x", 1), 0);
        runtime_begin(running);
        assert_int_equal(audit_resume_check(&running->batch), -QY_ECONFLICT);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(audit_resume_check(&running->batch), 0);
        runtime_abort(running);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_that_was_never_put_back_says_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_word_of_it_comes_first_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_on_record_already_is_not_taken_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_to_be_gone_on_with_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
