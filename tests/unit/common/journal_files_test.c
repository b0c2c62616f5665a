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
    unsigned all = files_there(state, "");
    struct journal_state seen;
    assert_int_equal(journal_trim(journal, 0, INT64_MAX), 0);
    assert_int_equal(journal_trim(journal, UINT64_MAX, 0), 0);
    assert_int_equal(files_there(state, ""), all);
    assert_int_equal(journal_trim(journal, UINT64_MAX, (int64_t)middle.next * 5), 0);
    journal_state(journal, &seen);
    assert_true(seen.first > 0 && seen.first <= middle.next / 2);
    assert_int_equal(journal_trim(journal, middle.next, INT64_MAX), 0);
    journal_state(journal, &seen);
    assert_true(seen.first <= middle.next);
    assert_true(files_there(state, "") < all);
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
    assert_int_equal(files_there(state, ""), 1);
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
    assert_int_equal(files_there(state, ""), 5);
    assert_int_equal(journal_trim(journal, 10, 3000), 0);
    assert_int_equal(files_there(state, ""), 2);
    journal_close(&journal);
}

static size_t load_file(const char *path, uint8_t **ret_content)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    *ret_content = malloc((size_t)status.st_size);
    assert_non_null(*ret_content);
    assert_int_equal(fread(*ret_content, 1, (size_t)status.st_size, file), status.st_size);
    fclose(file);
    return (size_t)status.st_size;
}

static void save_file(const char *path, const uint8_t *content, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void the_next_segment_is_made_before_it_is_needed(void **state)
{
    char path[512];
    uint8_t zeros[100] = {0};
    save_file(scratch_join(state, &path, "spare"), zeros, sizeof(zeros)); /* of a process that was killed */
    struct journal_options options = {.path = scratch_path(state), .compression = 1};
    struct journal *journal = NULL;
    struct journal_position position;
    assert_int_equal(journal_open(&options, NULL, &journal), 0);
    assert_int_equal(files_there(state, "spare"), 0);
    do /* another thread makes it */
        position = commit_records(journal, 100);
    while (files_there(state, "0") < 3 && position.next < 400000);
    assert_true(position.next < 400000);
    follow(journal, beginning, 100000);
    journal_close(&journal);
    assert_int_equal(files_there(state, "spare"), 0);
    assert_int_equal(journal_open(&options, &position, &journal), 0);
    assert_int_equal(commit_records(journal, 10).next, position.next + 10);
    follow(journal, beginning, 100000);
    journal_close(&journal);
}

static void what_an_earlier_version_left_is_refused(void **state)
{
    char path[512];
    assert_int_equal(mkdir(scratch_join(state, &path, "00000000000000000000"), 0700), 0);
    assert_int_equal(try_open_at(state, NULL), -QY_EVERSION);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(try_open_at(state, NULL), 0);
}

/* -- crashes: the last segment's file is cut off, or has garbage, at any place -- */

static const char *last_file(void **state, uint64_t first, char (*path)[512])
{
    char name[32];
    snprintf(name, sizeof(name), "%020llu", (unsigned long long)first);
    return scratch_join(state, path, name);
}

/* Ten decisions of the journal's own; where the file ended behind each. */
struct decided {
    struct journal_position position;
    size_t size;
};

/* Makes a journal of ten decisions; its file's path and content. */
static size_t decide_ten(void **state, char (*path)[512], struct decided decided[10], uint8_t **ret_content)
{
    struct journal *journal = open_at(state, NULL);
    last_file(state, 0, path);
    for (unsigned i = 0; i < 10; i++) {
        uint8_t *content;
        add_records(journal, 1 + i % 3);
        assert_int_equal(journal_commit_alone(journal, &decided[i].position), 0);
        journal_publish(journal, 0, 0);
        size_t size = load_file(*path, &content);
        while (size > 0 && content[size - 1] == 0)
            size--;
        decided[i].size = size;
        free(content);
    }
    journal_close(&journal);
    return load_file(*path, ret_content);
}

/* The end is that of the last decision that is whole, as are all chunks before it. */
static void assert_ends_at_decision(
    struct journal *journal, const struct decided decided[10], size_t damage_at)
{
    struct journal_state seen;
    journal_state(journal, &seen);
    unsigned whole = 0;
    while (whole < 10 && decided[whole].size <= damage_at)
        whole++;
    uint64_t least = whole > 0 ? decided[whole - 1].position.next : 0;
    assert_int_equal(seen.end.next, least);
    follow(journal, beginning, 10000);
    commit_records(journal, 7);
    follow(journal, beginning, 10000);
}

static void a_file_that_is_cut_off_anywhere_ends_with_the_last_whole_decision(void **state)
{
    char path[512];
    struct decided decided[10];
    uint8_t *content;
    struct journal *journal;
    size_t size = decide_ten(state, &path, decided, &content);
    for (size_t at = 0; at < decided[9].size; at += 1 + at % 61) {
        save_file(path, content, at);
        journal = open_at(state, NULL);
        assert_ends_at_decision(journal, decided, at);
        journal_close(&journal);
    }
    save_file(path, content, size);
    free(content);
    journal = open_at(state, NULL);
    assert_ends_at_decision(journal, decided, SIZE_MAX);
    journal_close(&journal);
}

/* In the chain that the frame of a decision holds, but for the last one's. */
static bool is_in_decision(const struct decided decided[10], size_t at)
{
    for (unsigned i = 0; i < 9; i++)
        if (at < decided[i].size && at + JOURNAL_CHAIN_BYTES >= decided[i].size)
            return true;
    return false;
}

/* A power cut may leave any sector of a commit unwritten: here one byte of any, with the rest there. */
static void a_byte_that_was_never_written_ends_it_there(void **state)
{
    char path[512];
    struct decided decided[10];
    uint8_t *content;
    struct journal *journal;
    size_t size = decide_ten(state, &path, decided, &content);
    for (size_t at = 16; at < decided[9].size; at += 1 + at % 53) {
        if (is_in_decision(decided, at))
            continue; /* the next one says the same and more */
        content[at] ^= 0x40;
        save_file(path, content, size);
        content[at] ^= 0x40;
        journal = open_at(state, NULL);
        assert_ends_at_decision(journal, decided, at);
        journal_close(&journal);
    }
    free(content);
}

/* What was committed here and not by the state lies behind what comes then; it must not come back, though the new end is shorter. */
static void what_was_taken_back_never_comes_back(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position known = commit_records(journal, 3), end;
    for (unsigned round = 0; round < 20; round++) {
        add_records(journal, 40 + round * 10);
        commit(journal);
        if (round % 2) {
            assert_int_equal(journal_revert(journal), 0);
        } else {
            journal_close(&journal);
            journal = open_at(state, &known);
        }
        add_records(journal, 1);
        assert_int_equal(journal_commit_alone(journal, &end), 0);
        journal_publish(journal, 0, 0);
        known = end;
    }
    journal_close(&journal);
    journal = open_at(state, &known);
    struct journal_state seen;
    journal_state(journal, &seen);
    assert_int_equal(seen.end.next, 23);
    follow(journal, beginning, 10000);
    journal_close(&journal);
}

static void a_complete_segment_is_opened_by_its_index_or_without_it(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position position = commit_records(journal, 500);
    journal_close(&journal);
    char path[512];
    uint8_t *content;
    size_t size = load_file(last_file(state, 0, &path), &content);
    for (unsigned damage = 0; damage < 30; damage++) {
        content[size - 1 - damage] ^= 1;
        save_file(path, content, size);
        content[size - 1 - damage] ^= 1;
        journal = open_at(state, &position);
        follow(journal, beginning, 10000);
        struct buffer out = BUFFER_INIT;
        struct journal_record record;
        assert_int_equal(journal_get(journal, 7, &out, &record), 0);
        assert_record(&record, 7);
        buffer_free(&out);
        journal_close(&journal);
    }
    free(content);
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
    scratch_join(state, &path, "00000000000000000000");
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
        scratch_test(the_next_segment_is_made_before_it_is_needed),
        scratch_test(what_an_earlier_version_left_is_refused),
        scratch_test(a_file_that_is_cut_off_anywhere_ends_with_the_last_whole_decision),
        scratch_test(a_byte_that_was_never_written_ends_it_there),
        scratch_test(what_was_taken_back_never_comes_back),
        scratch_test(a_complete_segment_is_opened_by_its_index_or_without_it),
        scratch_test(an_encrypted_journal_shows_nothing_in_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
