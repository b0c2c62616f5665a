/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal decides without a state, and what it passes over for its followers. */
#include "common/journal.h"
#include "tests/unit/common/scratch.h"

static const struct journal_position beginning;

static struct journal *open_at(void **state, const struct journal_position *position)
{
    struct journal *journal = NULL;
    struct journal_options options = {
        .path = scratch_path(state), .segment_bytes = 64 << 10, .compression = 1};
    assert_int_equal(journal_open(&options, position, &journal), 0);
    return journal;
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

static void what_the_journal_decided_alone_outlives_a_state_that_never_heard_of_it(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position known = commit_records(journal, 5), end;
    for (unsigned i = 0; i < 40; i++) {
        add_records(journal, 10); /* over several segments */
        assert_int_equal(journal_commit_alone(journal, &end), 0);
        journal_publish(journal, end.next, 0);
    }
    add_records(journal, 150);
    commit(journal);
    journal_close(&journal);

    journal = open_at(state, &known);
    struct journal_state seen;
    journal_state(journal, &seen);
    assert_int_equal(seen.end.next, 405);
    assert_memory_equal(&seen.end, &end, sizeof(end));
    known = commit_records(journal, 10);
    journal_close(&journal);

    journal = open_at(state, &known);
    journal_state(journal, &seen);
    assert_int_equal(seen.end.next, 415);
    journal_close(&journal);
}

/* Reads all from the beginning; the classes of the chunks that came, and whether the rest was passed over. */
static uint64_t read_classes(struct journal *journal, uint64_t classes, const struct journal_position *end)
{
    struct buffer out = BUFFER_INIT;
    struct journal_position position = beginning, after = beginning;
    struct chunk_reader *reader;
    uint64_t seen = 0, size;
    assert_int_equal(chunk_reader_open(&reader), 0);
    while (after.next < end->next) {
        buffer_clear(&out);
        assert_int_equal(journal_read_classes(journal, &position, classes, 20000, &out, &after), 0);
        struct bytes cursor = {out.data, out.size};
        while (bytes_varint(&cursor, &size)) {
            size_t taken = size > 0 ? size : JOURNAL_PASSED_BYTES;
            struct journal_record record;
            if (size > 0)
                assert_int_equal(chunk_read(reader, (struct bytes){cursor.data, size}, &position), 0);
            while (size > 0 && chunk_next(reader, &record))
                seen |= UINT64_C(1) << record.record_class;
            if (size == 0) {
                position.next = get_be64(cursor.data);
                memcpy(position.chain, cursor.data + 8, JOURNAL_CHAIN_BYTES);
            }
            cursor = (struct bytes){cursor.data + taken, cursor.size - taken};
        }
        assert_memory_equal(&position, &after, sizeof(after));
    }
    assert_memory_equal(&after, end, sizeof(after));
    chunk_reader_close(&reader);
    buffer_free(&out);
    return seen;
}

static void chunks_without_a_wanted_class_are_passed_over(void **state)
{
    struct journal *journal = open_at(state, NULL);
    struct journal_position end;
    char text[4096];
    for (unsigned i = 0; i < 90; i++) {
        for (unsigned j = 0; j < 5; j++)
            journal_add(journal, 1 + i % 3, i, text, text_of(i * 5 + j, text));
        end = commit(journal);
        journal_publish(journal, end.next, i);
    }
    for (unsigned opened = 0; opened < 2; opened++) {
        assert_int_equal(read_classes(journal, 1 << 2, &end), 1 << 2);
        assert_int_equal(read_classes(journal, 1 << 1 | 1 << 3, &end), 1 << 1 | 1 << 3);
        assert_int_equal(read_classes(journal, 1 << 9, &end), 0);
        assert_int_equal(read_classes(journal, UINT64_MAX, &end), 1 << 1 | 1 << 2 | 1 << 3);
        journal_close(&journal); /* then from the disk, not from the tail */
        journal = open_at(state, &end);
    }
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(what_the_journal_decided_alone_outlives_a_state_that_never_heard_of_it),
        scratch_test(chunks_without_a_wanted_class_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
