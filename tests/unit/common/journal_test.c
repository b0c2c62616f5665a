/* SPDX-License-Identifier: Apache-2.0 */
#include "common/journal.h"
#include "tests/unit/common/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct journal_position beginning;

static struct journal *open_at(void **state, const struct journal_position *position)
{
    struct journal *journal = NULL;
    struct journal_options options = {
        .path = scratch_path(state), .segment_bytes = 64 << 10, .compression = 1};
    assert_int_equal(journal_open(&options, position, &journal), 0);
    return journal;
}

static int try_open_at(void **state, const struct journal_position *position)
{
    struct journal *journal = NULL;
    struct journal_options options = {
        .path = scratch_path(state), .segment_bytes = 64 << 10, .compression = 1};
    int code = journal_open(&options, position, &journal);
    journal_close(&journal);
    return code;
}

/* The text of record `offset`: hard to compress, so that segments fill, and of any size. */
static size_t text_of(uint64_t offset, char text[4096])
{
    unsigned seed = (unsigned)offset * 2654435761u + 1;
    size_t size = 20 + (size_t)(rand_r(&seed) % 1200);
    int used = snprintf(text, 4096, "record %llu ", (unsigned long long)offset);
    for (size_t i = (size_t)used; i < size; i++)
        text[i] = (char)('0' + rand_r(&seed) % 75);
    return size;
}

static void add_records(struct journal *journal, uint64_t count)
{
    char text[4096];
    for (uint64_t i = 0; i < count; i++) {
        uint64_t next = journal_next(journal);
        size_t size = text_of(next, text);
        assert_int_equal(
            journal_add(journal, 1 + (unsigned)(next % 5), (int64_t)next * 10, text, size), next);
    }
}

static struct journal_position commit(struct journal *journal)
{
    struct journal_position position;
    assert_int_equal(journal_commit(journal, &position), 0);
    return position;
}

static struct journal_position commit_records(struct journal *journal, uint64_t count)
{
    add_records(journal, count);
    struct journal_position position = commit(journal);
    journal_publish(journal, position.next, (int64_t)position.next);
    return position;
}

static void assert_record(const struct journal_record *record, uint64_t offset)
{
    char text[4096];
    size_t size = text_of(offset, text);
    assert_int_equal(record->offset, offset);
    assert_int_equal(record->record_class, 1 + offset % 5);
    assert_int_equal(record->time_ms, (int64_t)offset * 10);
    assert_int_equal(record->data.size, size);
    assert_memory_equal(record->data.data, text, size);
}

/* Follows from `position` to the end in steps of `credit` and checks every record. */
static struct journal_position follow(
    struct journal *journal, struct journal_position position, size_t credit)
{
    struct chunk_reader *reader = NULL;
    assert_int_equal(chunk_reader_open(&reader), 0);
    struct buffer out = BUFFER_INIT;
    for (;;) {
        struct journal_position after;
        buffer_clear(&out);
        assert_int_equal(journal_read(journal, &position, credit, &out, &after), 0);
        struct bytes cursor = {out.data, out.size};
        if (cursor.size == 0)
            break;
        while (cursor.size > 0) {
            uint64_t size;
            assert_true(bytes_varint(&cursor, &size));
            uint64_t offset = position.next;
            assert_int_equal(chunk_read(reader, (struct bytes){cursor.data, (size_t)size}, &position), 0);
            cursor = (struct bytes){cursor.data + size, cursor.size - (size_t)size};
            struct journal_record record;
            while (chunk_next(reader, &record))
                assert_record(&record, offset++);
            assert_int_equal(offset, position.next);
        }
        assert_memory_equal(&position, &after, sizeof(position));
    }
    buffer_free(&out);
    chunk_reader_close(&reader);
    return position;
}

static void assert_position(const struct journal_position *a, const struct journal_position *b)
{
    assert_int_equal(a->next, b->next);
    assert_memory_equal(a->chain, b->chain, sizeof(a->chain));
}

static unsigned directories(void **state, const char *prefix)
{
    DIR *directory = opendir(scratch_path(state));
    assert_non_null(directory);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            count++;
    closedir(directory);
    return count;
}

static void a_new_journal_is_empty(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_state seen;
    journal_state(journal, &seen);
    assert_position(&seen.end, &beginning);
    assert_int_equal(seen.first, 0);
    assert_int_equal(journal_next(journal), 0);
    struct journal_position position = commit(journal), after;
    assert_position(&position, &beginning);
    struct buffer out = BUFFER_INIT;
    assert_int_equal(journal_read(journal, &beginning, 1000, &out, &after), 0);
    assert_int_equal(out.size, 0);
    assert_position(&after, &beginning);
    journal_publish(journal, 77, 88);
    journal_state(journal, &seen);
    assert_int_equal(seen.origin, 77);
    assert_int_equal(seen.time_ms, 88);
    journal_close(&journal);
}

static void records_come_back_in_order_over_segments_and_restarts(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position position = beginning;
    for (uint64_t batch = 1; batch < 200; batch += 7)
        position = commit_records(journal, batch);
    assert_true(directories(state, "") > 3);
    const size_t credits[] = {0, 5000, 300000, SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(credits); i++) {
        struct journal_position end = follow(journal, beginning, credits[i]);
        assert_position(&end, &position);
    }
    journal_close(&journal);
    journal = open_at(state, &position);
    for (size_t i = 0; i < COUNT_OF(credits); i++) {
        struct journal_position end = follow(journal, beginning, credits[i]);
        assert_position(&end, &position);
    }
    assert_int_equal(journal_next(journal), position.next);
    position = commit_records(journal, 10);
    struct journal_position end = follow(journal, beginning, 1 << 20);
    assert_position(&end, &position);
    struct journal_state seen;
    journal_state(journal, &seen);
    assert_true(seen.bytes > 64 << 10);
    journal_close(&journal);
}

static void readers_see_only_what_was_published(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position before = commit_records(journal, 5), after;
    add_records(journal, 500);
    struct journal_position committed = commit(journal);
    struct buffer out = BUFFER_INIT;
    assert_int_equal(journal_read(journal, &before, 1 << 20, &out, &after), 0);
    assert_int_equal(out.size, 0);
    assert_int_equal(journal_read(journal, &committed, 1 << 20, &out, &after), -QY_EAHEAD);
    struct journal_record record;
    assert_int_equal(journal_get(journal, before.next, &out, &record), -QY_ENOTFOUND);
    journal_publish(journal, 0, 0);
    assert_int_equal(journal_get(journal, before.next, &out, &record), 0);
    assert_record(&record, before.next);
    follow(journal, before, 1 << 20);
    buffer_free(&out);
    journal_close(&journal);
}

static void what_is_taken_back_leaves_no_trace(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position kept = commit_records(journal, 20);
    for (int committed = 0; committed < 2; committed++) {
        for (uint64_t count = 1; count < 2000; count *= 9) { /* within a chunk, a segment, over several */
            for (uint64_t i = 0; i < count; i++)
                journal_add(journal, 7, 1, "not to be seen, whatever comes", 30 - i % 3);
            if (committed)
                commit(journal);
            assert_int_equal(journal_revert(journal), 0);
            assert_int_equal(journal_next(journal), kept.next);
            struct journal_state seen;
            journal_state(journal, &seen);
            assert_position(&seen.end, &kept);
        }
    }
    kept = commit_records(journal, 700);
    struct journal_position end = follow(journal, beginning, 100000);
    assert_position(&end, &kept);
    journal_close(&journal);
    journal = open_at(state, &kept);
    end = follow(journal, beginning, 100000);
    assert_position(&end, &kept);
    journal_close(&journal);
}

static void what_the_state_did_not_commit_is_cut_off_at_open(void **state)
{
    for (uint64_t lost = 1; lost < 3000; lost *= 13) {
        struct journal *journal = open_at(state, NULL);
        struct journal_position kept = commit_records(journal, 30);
        journal_close(&journal);
        pid_t child = fork();
        if (child == 0) {
            journal = open_at(state, &kept);
            for (uint64_t i = 0; i < lost; i++)
                journal_add(journal, 9, 5, "the state never heard of this", 29);
            struct journal_position position;
            _exit(journal_commit(journal, &position) ? 1 : 0);
        }
        int status;
        waitpid(child, &status, 0);
        assert_int_equal(status, 0);
        journal = open_at(state, &kept);
        struct journal_state seen;
        journal_state(journal, &seen);
        assert_position(&seen.end, &kept);
        struct journal_position position = commit_records(journal, 40);
        struct journal_position end = follow(journal, beginning, 10000);
        assert_position(&end, &position);
        journal_close(&journal);
        assert_int_equal(try_open_at(state, &position), 0);
    }
}

static void a_crash_in_the_first_batch_leaves_an_empty_journal(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        struct journal *journal = open_at(state, NULL);
        add_records(journal, 100);
        commit(journal);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    struct journal *journal = open_at(state, NULL);
    struct journal_position position = commit_records(journal, 3);
    assert_int_equal(position.next, 3);
    struct journal_position end = follow(journal, beginning, 10000);
    assert_position(&end, &position);
    journal_close(&journal);
}

static void a_journal_that_does_not_fit_its_state_is_refused(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position early = commit_records(journal, 300), position = commit_records(journal, 300);
    journal_close(&journal);
    struct journal_position longer = position, other = position, inside = position;
    longer.next++;
    other.chain[31] ^= 1;
    inside.next--;
    assert_int_equal(try_open_at(state, &longer), -QY_ECORRUPT);
    assert_int_equal(try_open_at(state, &other), -QY_ECORRUPT);
    assert_int_equal(try_open_at(state, &inside), -QY_ECORRUPT);
    assert_int_equal(try_open_at(state, &position), 0);
    /* An older state is an older history: what came after it is cut off. */
    journal = open_at(state, &early);
    struct journal_position end = follow(journal, beginning, 10000);
    assert_position(&end, &early);
    journal_close(&journal);
}

static void a_lost_journal_is_refused(void **state)
{
    struct journal_position position = {.next = 5};
    assert_int_equal(try_open_at(state, &position), -QY_ECORRUPT);
}

static void a_follower_elsewhere_is_told_so(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position first = commit_records(journal, 10), end = commit_records(journal, 400), after;
    journal_close(&journal);
    journal = open_at(state, &end); /* with nothing in memory yet */
    for (int warm = 0; warm < 2; warm++) {
        struct buffer out = BUFFER_INIT;
        buffer_text(&out, "kept");
        struct journal_position wrong = first;
        wrong.chain[0] ^= 1;
        assert_int_equal(journal_read(journal, &wrong, 100, &out, &after), -QY_EDIVERGED);
        wrong = first;
        wrong.next--;
        assert_int_equal(journal_read(journal, &wrong, 100, &out, &after), -QY_EDIVERGED);
        wrong = end;
        wrong.chain[5] ^= 1;
        assert_int_equal(journal_read(journal, &wrong, 100, &out, &after), -QY_EDIVERGED);
        wrong = beginning;
        wrong.chain[5] ^= 1;
        assert_int_equal(journal_read(journal, &wrong, 100, &out, &after), -QY_EDIVERGED);
        wrong = end;
        wrong.next++;
        assert_int_equal(journal_read(journal, &wrong, 100, &out, &after), -QY_EAHEAD);
        assert_int_equal(out.size, 4);
        buffer_free(&out);
        first = end;
        end = commit_records(journal, 20);
    }
    journal_close(&journal);
}

static void single_records_are_found_by_their_offset(void **state)
{
    struct journal *journal = open_at(state, NULL);
    commit_records(journal, 3);
    struct journal_position position = commit_records(journal, 900);
    struct buffer out = BUFFER_INIT;
    struct journal_record record;
    for (uint64_t offset = 0; offset < position.next; offset += 17) {
        buffer_clear(&out);
        assert_int_equal(journal_get(journal, offset, &out, &record), 0);
        assert_record(&record, offset);
        assert_ptr_equal(record.data.data, out.data);
    }
    assert_int_equal(journal_get(journal, position.next, &out, &record), -QY_ENOTFOUND);
    assert_int_equal(journal_get(journal, UINT64_MAX, &out, &record), -QY_ENOTFOUND);
    buffer_free(&out);
    journal_close(&journal);
}

static void messages_are_packed_into_the_chunk(void **state)
{
    struct journal *journal = open_at(state, NULL);
    ProtobufCMessageDescriptor descriptor = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, .sizeof_message = sizeof(ProtobufCMessage)};
    ProtobufCMessage tick = PROTOBUF_C_MESSAGE_INIT(&descriptor);
    assert_int_equal(journal_add_message(journal, 1, 1234, &tick), 0);
    assert_int_equal(journal_add_message(journal, 1, 2234, &tick), 1);
    commit(journal);
    journal_publish(journal, 0, 0);
    struct buffer out = BUFFER_INIT;
    struct journal_record record;
    assert_int_equal(journal_get(journal, 1, &out, &record), 0);
    assert_int_equal(record.time_ms, 2234);
    assert_int_equal(record.data.size, 0);
    buffer_free(&out);
    journal_close(&journal);
}

static void a_record_too_large_fails_its_batch_alone(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position kept = commit_records(journal, 10), position;
    uint8_t *large = calloc(1, 9 << 20);
    assert_non_null(large);
    add_records(journal, 5);
    journal_add(journal, 1, 0, large, 9 << 20);
    journal_add(journal, 1, 0, "small", 5);
    assert_int_equal(journal_commit(journal, &position), -QY_ETOOLARGE);
    assert_int_equal(journal_next(journal), kept.next);
    assert_int_equal(journal_add(journal, 1, 5, large, 7 << 20), kept.next);
    commit(journal);
    journal_publish(journal, 0, 0);
    struct buffer out = BUFFER_INIT;
    struct journal_record record;
    assert_int_equal(journal_get(journal, kept.next, &out, &record), 0);
    assert_int_equal(record.data.size, 7 << 20);
    buffer_free(&out);
    free(large);
    journal_close(&journal);
}

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
        scratch_test(a_new_journal_is_empty),
        scratch_test(records_come_back_in_order_over_segments_and_restarts),
        scratch_test(readers_see_only_what_was_published),
        scratch_test(what_is_taken_back_leaves_no_trace),
        scratch_test(what_the_state_did_not_commit_is_cut_off_at_open),
        scratch_test(a_crash_in_the_first_batch_leaves_an_empty_journal),
        scratch_test(a_journal_that_does_not_fit_its_state_is_refused),
        scratch_test(a_lost_journal_is_refused),
        scratch_test(a_follower_elsewhere_is_told_so),
        scratch_test(single_records_are_found_by_their_offset),
        scratch_test(messages_are_packed_into_the_chunk),
        scratch_test(a_record_too_large_fails_its_batch_alone),
        scratch_test(a_failed_sync_is_reported_and_never_retried),
        scratch_test(trimming_removes_whole_segments_that_are_past_and_old),
        scratch_test(time_too_begins_a_segment),
        scratch_test(a_removal_that_was_interrupted_is_finished_at_open),
        scratch_test(an_encrypted_journal_shows_nothing_in_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
