/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/journal_fixture.h"

static void a_failed_sync_is_reported_and_never_retried(void **state)
{
    assert_int_equal(setenv("QUANYU_TEST_FAIL_SYNC", "3", 1), 0);
    struct journal *journal = open_at(state, NULL);
    commit_records(journal, 1);
    struct journal_position kept = commit_records(journal, 1), position;
    add_records(journal, 1);
    assert_int_equal(journal_commit(journal, &position), -QY_EIO);
    add_records(journal, 1);
    assert_int_equal(journal_commit(journal, &position), -QY_EIO);
    unsetenv("QUANYU_TEST_FAIL_SYNC");
    journal_close(&journal);
    journal = open_at(state, &kept);
    assert_int_equal(journal_next(journal), 2);
    journal_close(&journal);
}

static void trimming_removes_whole_segments_that_are_past_and_old(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position middle = commit_records(journal, 500), position = middle;
    for (int i = 0; i < 10; i++)
        position = commit_records(journal, 100);
    unsigned all = directories(state, "");
    struct journal_state seen;
    assert_int_equal(journal_trim(journal, 0, INT64_MAX), 0);
    assert_int_equal(journal_trim(journal, UINT64_MAX, 0), 0);
    assert_int_equal(directories(state, ""), all);
    assert_int_equal(journal_trim(journal, UINT64_MAX, (int64_t)middle.next * 5), 0);
    journal_state(journal, &seen);
    assert_true(seen.first > 0 && seen.first <= middle.next / 2);
    assert_int_equal(journal_trim(journal, middle.next, INT64_MAX), 0);
    journal_state(journal, &seen);
    assert_true(seen.first <= middle.next);
    assert_true(directories(state, "") < all);
    assert_int_equal(directories(state, "gone-"), 0);
    struct buffer out = BUFFER_INIT;
    struct journal_position after;
    struct journal_record record;
    assert_int_equal(journal_read(journal, &beginning, 100, &out, &after), -QY_ETRIMMED);
    assert_int_equal(journal_get(journal, seen.first - 1, &out, &record), -QY_ETRIMMED);
    assert_int_equal(journal_get(journal, seen.first, &out, &record), 0);
    assert_record(&record, seen.first);
    follow(journal, middle, 10000);
    /* The last segment stays, for its end proves where the journal stands. */
    assert_int_equal(journal_trim(journal, UINT64_MAX, INT64_MAX), 0);
    assert_int_equal(directories(state, ""), 1);
    journal_close(&journal);
    journal = open_at(state, &position);
    assert_int_equal(commit_records(journal, 10).next, position.next + 10);
    buffer_free(&out);
    journal_close(&journal);
}

static void time_too_begins_a_segment(void **state)
{
    struct journal_options options = {.path = scratch_path(state), .compression = 1, .segment_ms = 1000};
    struct journal *journal = NULL;
    struct journal_position position = {0};
    assert_int_equal(journal_open(&options, NULL, &journal), 0);
    for (int i = 0; i < 10; i++) {
        journal_add(journal, 1, (int64_t)i * 500, "x", 1);
        position = commit(journal);
        journal_publish(journal, 0, 0);
        if (i == 4) {
            journal_close(&journal);
            assert_int_equal(journal_open(&options, &position, &journal), 0);
        }
    }
    assert_int_equal(directories(state, ""), 5);
    assert_int_equal(journal_trim(journal, 10, 3000), 0);
    assert_int_equal(directories(state, ""), 2);
    journal_close(&journal);
}

static void a_removal_that_was_interrupted_is_finished_at_open(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position position = commit_records(journal, 500);
    journal_close(&journal);
    char gone[512], file[512];
    assert_int_equal(mkdir(scratch_join(state, &gone, "gone-00000000000000000000"), 0700), 0);
    int fd = open(scratch_join(state, &file, "gone-00000000000000000000/data.mdb"), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    journal = open_at(state, &position);
    assert_int_equal(directories(state, "gone-"), 0);
    journal_close(&journal);
}

static bool file_contains(const char *path, const char *needle)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct buffer content = BUFFER_INIT;
    char block[65536];
    for (size_t size; (size = fread(block, 1, sizeof(block), file)) > 0;)
        buffer_append(&content, block, size);
    fclose(file);
    bool found = content.data && memmem(content.data, content.size, needle, strlen(needle)) != NULL;
    buffer_free(&content);
    return found;
}

/* Two records whose text no compression changes, so that it would be seen. */
static struct journal_position write_secret(void **state, const uint8_t *key)
{
    struct journal_options options = {.path = scratch_path(state), .key = key, .compression = 1};
    struct journal *journal = NULL;
    assert_int_equal(journal_open(&options, NULL, &journal), 0);
    journal_add(journal, 2, 1, "qXw7#phone:+8613800138000", 25);
    struct journal_position position = commit(journal);
    journal_publish(journal, 0, 0);
    journal_close(&journal);
    return position;
}

static void an_encrypted_journal_shows_nothing_in_its_files(void **state)
{
    uint8_t key[32] = {7}, other[32] = {8};
    char path[512];
    scratch_join(state, &path, "00000000000000000000/data.mdb");
    write_secret(state, NULL);
    assert_true(file_contains(path, "+8613800138000"));
    struct journal_position position = write_secret(state, key);
    assert_false(file_contains(path, "+8613800138000"));
    assert_false(file_contains(path, "qXw7"));
    struct journal_options options = {.path = scratch_path(state), .key = other, .compression = 1};
    struct journal *journal = NULL;
    assert_int_equal(journal_open(&options, &position, &journal), -QY_ECORRUPT);
    options.key = NULL;
    assert_int_equal(journal_open(&options, &position, &journal), -QY_ECORRUPT);
    options.key = key;
    assert_int_equal(journal_open(&options, &position, &journal), 0);
    struct buffer out = BUFFER_INIT;
    struct journal_record record;
    assert_int_equal(journal_get(journal, 0, &out, &record), 0);
    assert_memory_equal(record.data.data, "qXw7#phone:+8613800138000", 25);
    buffer_free(&out);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_failed_sync_is_reported_and_never_retried),
        scratch_test(trimming_removes_whole_segments_that_are_past_and_old),
        scratch_test(time_too_begins_a_segment),
        scratch_test(a_removal_that_was_interrupted_is_finished_at_open),
        scratch_test(an_encrypted_journal_shows_nothing_in_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
