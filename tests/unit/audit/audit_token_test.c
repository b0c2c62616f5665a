/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/runtime.h"

#include "services/audit/audit_token.h"

#include <sys/stat.h>
#include <yyjson.h>

static int setup(void **state)
{
    *state = runtime_make("simulated", true);
    return 0;
}

static int teardown(void **state)
{
    runtime_close(*state);
    return 0;
}

static void read_file(const struct runtime *runtime, char *text, size_t size, mode_t *ret_mode)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s/bootstrap/audit.json", runtime->service.directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    *ret_mode = status.st_mode & 07777;
    size_t read = fread(text, 1, size - 1, file);
    text[read] = '\0';
    fclose(file);
}

static void bootstrap_token(const struct runtime *runtime, char token[TOKEN_TEXT_BYTES])
{
    char text[512];
    mode_t mode;
    read_file(runtime, text, sizeof(text), &mode);
    yyjson_doc *document = yyjson_read(text, strlen(text), 0);
    assert_non_null(document);
    const char *found = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "auditor_token"));
    assert_non_null(found);
    snprintf(token, TOKEN_TEXT_BYTES, "%s", found ? found : "");
    yyjson_doc_free(document);
}

static int check(struct runtime *runtime, const char *text, int64_t now_ms, struct audit_token *token)
{
    struct store_txn *txn = runtime_read(runtime);
    int error = audit_token_check(txn, text, now_ms, token);
    store_abort(&txn);
    return error;
}

static void test_the_first_start_leaves_a_token_that_only_its_owner_may_read(void **state)
{
    struct runtime *runtime = *state;
    char text[512], token_text[TOKEN_TEXT_BYTES];
    mode_t mode;
    struct audit_token token;
    read_file(runtime, text, sizeof(text), &mode);
    assert_int_equal(mode, 0600);
    assert_non_null(strstr(text, "{\"audit_url\":\"http://127.0.0.1:8090\",\"auditor_token\":\"qya_"));
    bootstrap_token(runtime, token_text);
    assert_int_equal(check(runtime, token_text, runtime->now_ms, &token), 0);
    assert_string_equal(token.name, "auditor");
}

static void test_a_restart_keeps_the_token(void **state)
{
    struct runtime *runtime = *state;
    char before[TOKEN_TEXT_BYTES], after[TOKEN_TEXT_BYTES];
    bootstrap_token(runtime, before);
    runtime_stop(runtime);
    runtime_start(runtime);
    bootstrap_token(runtime, after);
    assert_string_equal(before, after);
}

static bool count_token(void *context, struct bytes token)
{
    (void)token;
    ++*(unsigned *)context;
    return true;
}

static void test_a_token_lost_with_a_crash_is_made_again(void **state)
{
    struct runtime *runtime = *state;
    char lost[TOKEN_TEXT_BYTES], made[TOKEN_TEXT_BYTES];
    struct audit_token token;
    bootstrap_token(runtime, lost);
    runtime_stop(runtime);
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s/state", runtime->service.directory);
    assert_int_equal(system(command), 0); /* the file was written, the commit did not come */
    runtime_start(runtime);
    bootstrap_token(runtime, made);
    assert_string_not_equal(lost, made);
    assert_int_equal(check(runtime, lost, runtime->now_ms, &token), -QY_EUNAUTHENTIC);
    assert_int_equal(check(runtime, made, runtime->now_ms, &token), 0);
    unsigned count = 0;
    struct store_txn *txn = runtime_read(runtime);
    audit_store_each_token(txn, count_token, &count);
    store_abort(&txn);
    assert_int_equal(count, 1);
}

static void test_a_token_ends_with_its_time(void **state)
{
    struct runtime *runtime = *state;
    char text[TOKEN_TEXT_BYTES];
    struct audit_token made, token;
    runtime_begin(runtime);
    audit_token_make(runtime->batch.txn, "Wang", ROLE_READER, 1000, 500, text, &made);
    runtime_commit(runtime);
    assert_int_equal(check(runtime, text, 1499, &token), 0);
    assert_string_equal(token.id, made.id);
    assert_string_equal(token.name, "Wang");
    assert_int_equal(token.role, ROLE_READER);
    assert_int_equal(token.created_ms, 1000);
    assert_int_equal(token.expires_ms, 1500);
    assert_int_equal(check(runtime, text, 1500, &token), -QY_EUNAUTHENTIC);
}

static uint64_t log_size(struct runtime *runtime)
{
    struct store_txn *txn = runtime_read(runtime);
    uint64_t size = audit_store_size(txn);
    store_abort(&txn);
    return size;
}

static void expect_on_record(struct runtime *runtime, uint64_t index, const char *name)
{
    const Quanyu__AuditRecord *record = runtime_record(runtime, index);
    char expected[128];
    snprintf(expected, sizeof(expected), "\"name\":\"%s\"", name);
    assert_string_equal(record->action, "token.create");
    assert_string_equal(record->actor->id, "audit");
    assert_non_null(strstr(record->detail, "{\"token_id\":\"at_"));
    assert_non_null(strstr(record->detail, expected));
    assert_non_null(strstr(record->detail, "\"expires_at\":\"20"));
    assert_null(strstr(record->detail, "qya_"));
}

static void test_a_token_is_on_record_before_what_is_done_with_it(void **state)
{
    struct runtime *runtime = *state;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.id = "staff-1";
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT, *records[] = {&record};
    record.actor = &actor;
    record.action = "person.show";
    assert_int_equal(log_size(runtime), 0);
    assert_int_equal(runtime_append(runtime, records, 1, NULL), 0);
    expect_on_record(runtime, 0, "auditor");
    assert_string_equal(runtime_record(runtime, 1)->action, "person.show");
    assert_int_equal(runtime_append(runtime, records, 1, NULL), 0);
    assert_int_equal(log_size(runtime), 3);
    runtime_stop(runtime);
    runtime_start(runtime);
    runtime_begin(runtime);
    runtime_commit(runtime);
    assert_int_equal(log_size(runtime), 3); /* once */
}

static void test_a_token_of_a_batch_is_on_record_with_it(void **state)
{
    struct runtime *runtime = *state;
    char text[TOKEN_TEXT_BYTES];
    struct audit_token made;
    runtime_begin(runtime);
    runtime_commit(runtime);
    runtime_begin(runtime);
    audit_token_make(runtime->batch.txn, "Wang", ROLE_READER, runtime->now_ms, 500, text, &made);
    runtime_abort(runtime);
    runtime_begin(runtime);
    audit_token_make(runtime->batch.txn, "Li", ROLE_READER, runtime->now_ms, 500, text, &made);
    runtime_commit(runtime);
    assert_int_equal(log_size(runtime), 2);
    expect_on_record(runtime, 0, "auditor");
    expect_on_record(runtime, 1, "Li");
}

/* A simulated clock that nobody has told of yet: there is no time to put on the record. */
static void test_the_record_of_a_token_waits_for_the_clock(void **state)
{
    struct runtime *runtime = *state;
    int64_t now_ms = runtime->now_ms;
    runtime->now_ms = 0;
    runtime_begin(runtime);
    runtime_commit(runtime);
    assert_int_equal(log_size(runtime), 0);
    runtime_stop(runtime); /* nor does a restart forget it */
    runtime_start(runtime);
    runtime->now_ms = now_ms;
    runtime_begin(runtime);
    runtime_commit(runtime);
    assert_int_equal(log_size(runtime), 1);
    expect_on_record(runtime, 0, "auditor");
    assert_int_equal(runtime_record(runtime, 0)->time_ms, now_ms);
}

static void test_no_token_is_made_where_none_is_wanted(void **state)
{
    struct runtime *runtime = *state;
    char command[128];
    unsigned count = 0;
    runtime_stop(runtime);
    snprintf(command, sizeof(command), "rm -rf %s/state", runtime->service.directory);
    assert_int_equal(system(command), 0);
    runtime->no_token = true;
    runtime_start(runtime);
    struct store_txn *txn = runtime_read(runtime);
    audit_store_each_token(txn, count_token, &count);
    store_abort(&txn);
    assert_int_equal(count, 0);
}

static void test_what_is_not_a_token_is_refused(void **state)
{
    struct runtime *runtime = *state;
    char text[TOKEN_TEXT_BYTES];
    struct audit_token token;
    bootstrap_token(runtime, text);
    assert_int_equal(check(runtime, "", runtime->now_ms, &token), -QY_EUNAUTHENTIC);
    assert_int_equal(check(runtime, "qya_", runtime->now_ms, &token), -QY_EUNAUTHENTIC);
    text[strlen(text) - 1] ^= 1;
    assert_int_equal(check(runtime, text, runtime->now_ms, &token), -QY_EUNAUTHENTIC);
}

static void test_the_state_does_not_hold_the_token(void **state)
{
    struct runtime *runtime = *state;
    char text[TOKEN_TEXT_BYTES], command[256];
    bootstrap_token(runtime, text);
    runtime_stop(runtime);
    /* One token in 64 begins with "-". */
    snprintf(command, sizeof(command), "grep -rqF -e '%s' %s/state", text + 4, runtime->service.directory);
    int found = system(command);
    runtime_start(runtime);
    assert_int_equal(WEXITSTATUS(found), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_start_leaves_a_token_that_only_its_owner_may_read),
        TEST(test_a_restart_keeps_the_token),
        TEST(test_a_token_lost_with_a_crash_is_made_again),
        TEST(test_a_token_ends_with_its_time),
        TEST(test_a_token_is_on_record_before_what_is_done_with_it),
        TEST(test_a_token_of_a_batch_is_on_record_with_it),
        TEST(test_the_record_of_a_token_waits_for_the_clock),
        TEST(test_no_token_is_made_where_none_is_wanted),
        TEST(test_what_is_not_a_token_is_refused),
        TEST(test_the_state_does_not_hold_the_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
