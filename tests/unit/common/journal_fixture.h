/* SPDX-License-Identifier: Apache-2.0 */
/* Journals in a scratch directory, with records that tell their own offset. */
#ifndef QY_TESTS_COMMON_JOURNAL_FIXTURE_H
#define QY_TESTS_COMMON_JOURNAL_FIXTURE_H

#include "common/journal.h"
#include "tests/unit/common/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct journal_position beginning;

static inline struct journal *open_at(void **state, const struct journal_position *position)
{
    struct journal *journal = NULL;
    struct journal_options options = {
        .path = scratch_path(state), .segment_bytes = 64 << 10, .compression = 1};
    assert_int_equal(journal_open(&options, position, &journal), 0);
    return journal;
}

static inline int try_open_at(void **state, const struct journal_position *position)
{
    struct journal *journal = NULL;
    struct journal_options options = {
        .path = scratch_path(state), .segment_bytes = 64 << 10, .compression = 1};
    int code = journal_open(&options, position, &journal);
    journal_close(&journal);
    return code;
}

/* The text of record `offset`: hard to compress, so that segments fill, and of any size. */
static inline size_t text_of(uint64_t offset, char text[4096])
{
    unsigned seed = (unsigned)offset * 2654435761u + 1;
    size_t size = 20 + (size_t)(rand_r(&seed) % 1200);
    int used = snprintf(text, 4096, "record %llu ", (unsigned long long)offset);
    for (size_t i = (size_t)used; i < size; i++)
        text[i] = (char)('0' + rand_r(&seed) % 75);
    return size;
}

static inline void add_records(struct journal *journal, uint64_t count)
{
    char text[4096];
    for (uint64_t i = 0; i < count; i++) {
        uint64_t next = journal_next(journal);
        size_t size = text_of(next, text);
        assert_int_equal(
            journal_add(journal, 1 + (unsigned)(next % 5), (int64_t)next * 10, text, size), next);
    }
}

static inline struct journal_position commit(struct journal *journal)
{
    struct journal_position position;
    assert_int_equal(journal_commit(journal, &position), 0);
    return position;
}

static inline struct journal_position commit_records(struct journal *journal, uint64_t count)
{
    add_records(journal, count);
    struct journal_position position = commit(journal);
    journal_publish(journal, position.next, (int64_t)position.next);
    return position;
}

static inline void assert_record(const struct journal_record *record, uint64_t offset)
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
static inline struct journal_position follow(
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

static inline void assert_position(const struct journal_position *a, const struct journal_position *b)
{
    assert_int_equal(a->next, b->next);
    assert_memory_equal(a->chain, b->chain, sizeof(a->chain));
}

static inline unsigned files_there(void **state, const char *prefix)
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

#endif
