/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of a journal: files that are made, opened when they are asked for, and removed whole. */
#include "common/journal_private.h"

#include "common/directory.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_DIGITS 20
#define OPEN_SEGMENTS_MAX 8

static char *segment_path(const struct journal *journal, uint64_t first)
{
    char *path;
    return asprintf(&path, "%s/%020" PRIu64, journal->path, first) < 0 ? NULL : path;
}

static void close_file(struct segments *segments, struct segment *segment)
{
    if (!segment->file)
        return;
    segment_file_close(&segment->file);
    segments->open--;
}

static void free_segment(struct segments *segments, struct segment *segment)
{
    close_file(segments, segment);
    free(segment);
}

static int remove_segment(struct journal *journal, uint64_t first)
{
    _cleanup_(free_pointer) char *path = segment_path(journal, first);
    if (!path)
        return -QY_ENOMEM;
    if (unlink(path))
        return errno == ENOENT ? 0 : error_from_errno(errno);
    return directory_sync(journal->path);
}

static int add_segment(struct segments *segments, uint64_t first, struct segment **ret_segment)
{
    if (segments->count == segments->capacity) {
        size_t capacity = segments->capacity ? segments->capacity * 2 : 16;
        struct segment **items = reallocarray(segments->items, capacity, sizeof(struct segment *));
        if (!items)
            return -QY_ENOMEM;
        segments->items = items;
        segments->capacity = capacity;
    }
    struct segment *segment = calloc(1, sizeof(*segment));
    if (!segment)
        return -QY_ENOMEM;
    segment->first = first;
    segments->items[segments->count++] = segment;
    *ret_segment = segment;
    return 0;
}

void segment_measure(struct journal *journal, struct segment *segment)
{
    uint64_t bytes = segment_file_disk_bytes(segment->file);
    pthread_mutex_lock(&journal->mutex);
    segment->bytes = bytes;
    pthread_mutex_unlock(&journal->mutex);
}

static bool parse_name(const char *name, uint64_t *ret_first)
{
    if (strlen(name) != NAME_DIGITS || strspn(name, "0123456789") != NAME_DIGITS)
        return false;
    errno = 0;
    *ret_first = strtoull(name, NULL, 10);
    return errno == 0;
}

/* Only what was made here counts. */
static int load_entry(struct journal *journal, int directory, const char *name)
{
    uint64_t first;
    struct stat status;
    struct segment *segment;
    if (!parse_name(name, &first))
        return 0;
    if (fstatat(directory, name, &status, 0))
        return error_from_errno(errno);
    if (!S_ISREG(status.st_mode))
        return -QY_EVERSION;
    int code = add_segment(&journal->segments, first, &segment);
    if (!code)
        segment->bytes = (uint64_t)status.st_blocks * 512;
    return code;
}

static int by_first(const void *a, const void *b)
{
    const struct segment *const *left = a, *const *right = b;
    return ((*left)->first > (*right)->first) - ((*left)->first < (*right)->first);
}

static int load_entries(struct journal *journal)
{
    DIR *directory = opendir(journal->path);
    if (!directory)
        return error_from_errno(errno);
    int code = 0;
    errno = 0;
    for (struct dirent *entry; !code && (entry = readdir(directory)); errno = 0)
        code = load_entry(journal, dirfd(directory), entry->d_name);
    if (!code && errno)
        code = error_from_errno(errno);
    closedir(directory);
    return code;
}

int segments_load(struct journal *journal)
{
    int code = load_entries(journal);
    if (code)
        return code;
    struct segments *segments = &journal->segments;
    if (segments->count > 0)
        qsort(segments->items, segments->count, sizeof(struct segment *), by_first);
    return 0;
}

void segments_close(struct journal *journal)
{
    struct segments *segments = &journal->segments;
    for (size_t i = 0; i < segments->count; i++)
        free_segment(segments, segments->items[i]);
    free(segments->items);
    *segments = (struct segments){0};
}

static void close_one_idle(struct segments *segments)
{
    struct segment *oldest = NULL;
    for (size_t i = 0; i < segments->count; i++) {
        struct segment *segment = segments->items[i];
        if (segment->file && segment->users == 0 && (!oldest || segment->last_use < oldest->last_use))
            oldest = segment;
    }
    if (oldest)
        close_file(segments, oldest);
}

/* Under the lock. */
static int pin(struct journal *journal, struct segment *segment)
{
    struct segments *segments = &journal->segments;
    if (!segment->file) {
        _cleanup_(free_pointer) char *path = segment_path(journal, segment->first);
        if (segments->open >= OPEN_SEGMENTS_MAX)
            close_one_idle(segments);
        int code = path ? segment_file_open(path, segment->first, &segment->file) : -QY_ENOMEM;
        if (code)
            return code;
        segments->open++;
    }
    segment->users++;
    segment->last_use = ++segments->uses;
    return 0;
}

int segment_make(struct journal *journal, uint64_t first, struct segment **ret_segment)
{
    struct segments *segments = &journal->segments;
    struct segment *segment;
    struct segment_file *file;
    _cleanup_(free_pointer) char *path = segment_path(journal, first);
    if (!path)
        return -QY_ENOMEM;
    int code = segment_file_make(path, first, journal_spare_take(journal->spare, path), &file);
    if (!code)
        code = directory_sync(journal->path);
    if (code)
        return code;
    pthread_mutex_lock(&journal->mutex);
    code = add_segment(segments, first, &segment);
    if (!code) {
        segment->file = TAKE(file);
        segments->open++;
        code = pin(journal, segment);
    }
    pthread_mutex_unlock(&journal->mutex);
    segment_file_close(&file);
    if (!code)
        *ret_segment = segment;
    return code;
}

size_t segments_find(const struct segments *segments, uint64_t offset)
{
    size_t low = 0, high = segments->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (segments->items[middle]->first <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : segments->count;
}

int segment_pin(struct journal *journal, uint64_t offset, struct segment **ret_segment)
{
    struct segments *segments = &journal->segments;
    pthread_mutex_lock(&journal->mutex);
    size_t index = segments_find(segments, offset);
    int code = index < segments->count ? pin(journal, segments->items[index]) : -QY_ETRIMMED;
    if (!code)
        *ret_segment = segments->items[index];
    pthread_mutex_unlock(&journal->mutex);
    return code;
}

void segment_unpin(struct journal *journal, struct segment *segment)
{
    pthread_mutex_lock(&journal->mutex);
    assert(segment->users > 0);
    segment->users--;
    pthread_mutex_unlock(&journal->mutex);
}

int segments_cut(struct journal *journal, uint64_t end)
{
    struct segments *segments = &journal->segments;
    int code = 0;
    for (;;) {
        pthread_mutex_lock(&journal->mutex);
        struct segment *last = segments->count > 0 ? segments->items[segments->count - 1] : NULL;
        bool beyond = last && last->first >= end;
        uint64_t first = beyond ? last->first : 0;
        if (beyond) {
            assert(last->users == 0); /* nobody reads what was not published */
            free_segment(segments, last);
            segments->count--;
        }
        pthread_mutex_unlock(&journal->mutex);
        if (!beyond)
            return code;
        int removed = remove_segment(journal, first);
        code = code ? code : removed;
    }
}

int segment_trim(struct journal *journal, uint64_t offset, int64_t before_ms, bool *ret_removed)
{
    struct segments *segments = &journal->segments;
    pthread_mutex_lock(&journal->mutex);
    struct segment *oldest = segments->count > 1 ? segments->items[0] : NULL;
    uint64_t next = oldest ? segments->items[1]->first : 0;
    /* The one that is left first must hold something published: the journal's end is proved by its last
     * chunk. */
    bool removable = oldest && next <= offset && next < journal->published.next && oldest->users == 0 &&
                     oldest->latest_known && oldest->latest_ms < before_ms;
    uint64_t first = removable ? oldest->first : 0;
    if (removable) {
        free_segment(segments, oldest);
        memmove(segments->items, segments->items + 1, --segments->count * sizeof(struct segment *));
    }
    pthread_mutex_unlock(&journal->mutex);
    *ret_removed = removable;
    return removable ? remove_segment(journal, first) : 0;
}

int segment_read_chunk(struct journal *journal, struct segment *segment, uint64_t offset, struct buffer *out,
    struct bytes *ret_wire)
{
    _cleanup_(frame_scan_close) struct frame_scan scan;
    struct frame frame;
    uint64_t place = 0, first = 0;
    frame_scan_open(segment->file, offset, &scan);
    for (uint64_t at = scan.place; frame_scan_next(&scan, &frame) && frame.first <= offset; at = scan.place) {
        if (frame.count == 0)
            continue;
        place = at;
        first = frame.first;
        if (offset - frame.first < frame.count)
            break;
    }
    if (scan.error || place == 0)
        return scan.error ? scan.error : -QY_ENOTFOUND;
    scan.place = place;
    return frame_scan_next(&scan, &frame)
               ? chunk_unstore(journal->key, first, frame.content, false, out, ret_wire)
           : scan.error ? scan.error
                        : -QY_ECORRUPT;
}
