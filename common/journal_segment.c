/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of a journal: directories that are made, opened when they are asked for, and removed whole. */
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

#define NAME_DIGITS 20
#define GONE_PREFIX "gone-"
#define OPEN_SEGMENTS_MAX 8

static char *segment_path(const struct journal *journal, uint64_t first, const char *prefix)
{
    char *path;
    return asprintf(&path, "%s/%s%020" PRIu64, journal->path, prefix, first) < 0 ? NULL : path;
}

struct store_key segment_key(uint64_t offset)
{
    struct store_key key;
    key_reset(&key);
    key_u64(&key, offset);
    return key;
}

static int open_store(struct journal *journal, struct segment *segment)
{
    static const char *const tables[] = {[TABLE_CHUNKS] = "chunks", [TABLE_DECIDED] = "decided"};
    _cleanup_(free_pointer) char *path = segment_path(journal, segment->first, "");
    if (!path)
        return -QY_ENOMEM;
    /* Room for the last chunk, for pages that are half empty, and for the reserve that a store keeps. */
    return store_open(&(struct store_options){.path = path,
                          .tables = tables,
                          .table_count = COUNT_OF(tables),
                          .map_bytes = journal->segment_bytes * 2 + (UINT64_C(64) << 20),
                          .schema_version = 1},
        &segment->store);
}

static void close_store(struct segments *segments, struct segment *segment)
{
    if (!segment->store)
        return;
    store_close(&segment->store);
    segments->open--;
}

static void free_segment(struct segments *segments, struct segment *segment)
{
    close_store(segments, segment);
    free(segment);
}

/* Renamed first: a crash in the middle leaves what the next open recognises and removes. */
static int remove_segment(struct journal *journal, uint64_t first)
{
    _cleanup_(free_pointer) char *path = segment_path(journal, first, "");
    _cleanup_(free_pointer) char *gone = segment_path(journal, first, GONE_PREFIX);
    if (!path || !gone)
        return -QY_ENOMEM;
    int code = directory_remove(gone);
    if (code)
        return code;
    if (rename(path, gone))
        return errno == ENOENT ? 0 : error_from_errno(errno);
    code = directory_sync(journal->path);
    return code ? code : directory_remove(gone);
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
    _cleanup_(free_pointer) char *path = segment_path(journal, segment->first, "");
    _cleanup_(free_pointer) char *file = NULL;
    struct stat status;
    if (!path || asprintf(&file, "%s/data.mdb", path) < 0 || stat(file, &status))
        return;
    pthread_mutex_lock(&journal->mutex);
    segment->bytes = (uint64_t)status.st_blocks * 512;
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

static int load_entry(struct journal *journal, const char *name)
{
    uint64_t first;
    struct segment *segment;
    if (parse_name(name, &first))
        return add_segment(&journal->segments, first, &segment);
    if (strncmp(name, GONE_PREFIX, strlen(GONE_PREFIX)) != 0)
        return 0;
    _cleanup_(free_pointer) char *path = NULL;
    if (asprintf(&path, "%s/%s", journal->path, name) < 0)
        return -QY_ENOMEM;
    return directory_remove(path);
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
        code = load_entry(journal, entry->d_name);
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
    for (size_t i = 0; i < segments->count; i++)
        segment_measure(journal, segments->items[i]);
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
        if (segment->store && segment->users == 0 && (!oldest || segment->last_use < oldest->last_use))
            oldest = segment;
    }
    if (oldest)
        close_store(segments, oldest);
}

static int pin(struct journal *journal, struct segment *segment)
{
    struct segments *segments = &journal->segments;
    if (!segment->store) {
        if (segments->open >= OPEN_SEGMENTS_MAX)
            close_one_idle(segments);
        int code = open_store(journal, segment);
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
    /* What a failed removal left under this name must not come back to life. */
    int code = remove_segment(journal, first);
    if (code)
        return code;
    struct segments *segments = &journal->segments;
    pthread_mutex_lock(&journal->mutex);
    struct segment *segment;
    code = add_segment(segments, first, &segment);
    if (!code) {
        code = pin(journal, segment);
        if (code)
            free_segment(segments, segments->items[--segments->count]);
    }
    pthread_mutex_unlock(&journal->mutex);
    if (!code)
        *ret_segment = segment;
    return code;
}

/* Index of the last segment that begins at `offset` or before; count where there is none. */
static size_t find(const struct segments *segments, uint64_t offset)
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
    size_t index = find(segments, offset);
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

static int read_decided(struct segment *segment, struct journal_position *end)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    int code = store_begin(segment->store, STORE_READ, &txn);
    if (code)
        return code;
    struct store_key key = segment_key(0);
    struct bytes value;
    if (!store_get(txn, TABLE_DECIDED, &key, &value))
        return store_error(txn);
    if (value.size != 8 + JOURNAL_CHAIN_BYTES)
        return -QY_ECORRUPT;
    if (get_be64(value.data) > end->next) {
        end->next = get_be64(value.data);
        memcpy(end->chain, value.data + 8, JOURNAL_CHAIN_BYTES);
    }
    return 0;
}

/* Those that end before `end` cannot know better; of the others the last one that says anything is right, and
 * the later it is the further it goes. */
int segments_decided(struct journal *journal, struct journal_position *end)
{
    const struct segments *segments = &journal->segments;
    size_t first = find(segments, end->next);
    int code = 0;
    for (size_t i = first < segments->count ? first : 0; i < segments->count && !code; i++) {
        struct segment *segment;
        code = segment_pin(journal, segments->items[i]->first, &segment);
        if (code == -QY_EFULL) { /* not even its tables were made */
            code = 0;
            continue;
        }
        if (code)
            return code;
        code = read_decided(segment, end);
        segment_unpin(journal, segment);
    }
    return code;
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
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    int code = store_begin(segment->store, STORE_READ, &txn);
    if (code)
        return code;
    struct store_key all, from = segment_key(offset);
    key_reset(&all);
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    code = scan_open_reverse(txn, TABLE_CHUNKS, &all, &from, &scan);
    if (code)
        return code;
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return store_error(txn) ? store_error(txn) : -QY_ENOTFOUND;
    if (key.size != 8)
        return -QY_ECORRUPT;
    return chunk_unstore(journal->key, get_be64(key.data), value, false, out, ret_wire);
}
