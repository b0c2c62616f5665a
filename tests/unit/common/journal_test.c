/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/journal_fixture.h"

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
    assert_true(files_there(state, "") > 3);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
