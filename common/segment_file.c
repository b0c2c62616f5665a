/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment_file.h"

#include "common/disk.h"
#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAGIC UINT64_C(0x51594a5345470001) /* "QYJSEG", version 1 */
#define FILE_VERSION_BITS 16
#define FILE_HEAD_BYTES 16u
#define INDEX_EVERY ((uint64_t)64 << 10) /* bytes of frames to one entry of the index */
#define INDEX_ENTRY_BYTES 16u
#define TRAILER_BYTES 24u /* size of the index, offset behind the last record, hash of both and the index */
#define WINDOW_BYTES ((size_t)64 << 10)
#define PENDING_BYTES ((size_t)1 << 20) /* added frames are handed to the system beyond this */

struct place {
    uint64_t first; /* offset of the first record of a chunk */
    uint64_t at;    /* byte of the file where its frame begins */
};

struct segment_file {
    int fd;
    uint64_t first;

    pthread_mutex_t mutex; /* guards what follows; the writer alone changes it */
    uint64_t end;          /* behind the last committed frame; 0 before the first commit */
    struct place *index;   /* in order; of frames added, committed or not */
    size_t count;
    size_t capacity;

    /* the writer's alone */
    uint64_t next;          /* offset behind the last committed record */
    uint64_t added_next;    /* with what was added since */
    uint64_t added_end;     /* likewise, of the file */
    uint64_t written_bytes; /* of the file, written ahead */
    struct buffer pending;  /* added, not handed to the system yet */
    bool tidy;              /* behind `end` there are zeros or nothing */
    int error;              /* first one since the last commit */
    bool failed;            /* a sync did: nothing is known any more */
    long fail_after;        /* see disk_fails_after() */
};

static uint64_t hash_of(const void *data, size_t size)
{
    /* Against what was cut off or never written. Against whoever alters files there is the chain. */
    static const uint8_t key[crypto_shorthash_KEYBYTES];
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, data, size, key);
    return get_be64(hash);
}

static void put_head(uint8_t head[FRAME_HEAD_BYTES], uint64_t first, uint32_t count, size_t size)
{
    put_be32(head, (uint32_t)size);
    put_be32(head + 4, count);
    put_be64(head + 8, first);
    put_be64(head + 16, hash_of(head, 16));
}

/* -- reading -- */

static int read_at(struct segment_file *file, uint64_t at, void *room, size_t size, size_t *ret_size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t count = pread(file->fd, (uint8_t *)room + done, size - done, (off_t)(at + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_from_errno(errno);
        if (count == 0)
            break;
        done += (size_t)count;
    }
    *ret_size = done;
    return 0;
}

/* `size` bytes from `at` on, borrowed until the next call; NULL where the file ends before, or on an error. */
static const uint8_t *look(struct frame_scan *scan, uint64_t at, size_t size)
{
    struct buffer *window = &scan->window;
    if (at >= scan->window_place && at - scan->window_place <= window->size &&
        window->size - (at - scan->window_place) >= size)
        return window->data + (at - scan->window_place);
    size_t wanted = size > WINDOW_BYTES ? size : WINDOW_BYTES, got = 0;
    if (wanted > scan->end - at)
        wanted = (size_t)(scan->end - at);
    buffer_clear(window);
    uint8_t *room = buffer_reserve(window, wanted);
    scan->window_place = at;
    if (!room)
        scan->error = -QY_ENOMEM;
    else if (!scan->error)
        scan->error = read_at(scan->file, at, room, wanted, &got);
    window->size = got;
    return !scan->error && got >= size ? window->data : NULL;
}

bool frame_scan_next(struct frame_scan *scan, struct frame *ret_frame)
{
    uint64_t left = scan->end > scan->place ? scan->end - scan->place : 0;
    const uint8_t *head = left >= FRAME_HEAD_BYTES ? look(scan, scan->place, FRAME_HEAD_BYTES) : NULL;
    if (!head || get_be64(head + 16) != hash_of(head, 16))
        return false;
    size_t size = get_be32(head);
    *ret_frame = (struct frame){.first = get_be64(head + 8), .count = get_be32(head + 4)};
    if (size > left - FRAME_HEAD_BYTES)
        return false;
    const uint8_t *frame = look(scan, scan->place, FRAME_HEAD_BYTES + size);
    if (!frame)
        return false;
    ret_frame->content = (struct bytes){frame + FRAME_HEAD_BYTES, size};
    scan->place += FRAME_HEAD_BYTES + size;
    return true;
}

/* Under the lock. Index of the entry before or at `offset`; the first one where there is none. */
static size_t find(const struct segment_file *file, uint64_t offset)
{
    size_t low = 0, high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (file->index[middle].first <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

void frame_scan_open(struct segment_file *file, uint64_t offset, struct frame_scan *ret_scan)
{
    pthread_mutex_lock(&file->mutex);
    size_t entry = find(file, offset);
    *ret_scan = (struct frame_scan){
        .file = file, .place = entry < file->count ? file->index[entry].at : file->end, .end = file->end};
    pthread_mutex_unlock(&file->mutex);
}

void frame_scan_close(struct frame_scan *scan)
{
    buffer_free(&scan->window);
}

/* -- the index -- */

static int add_place(struct segment_file *file, uint64_t first, uint64_t at)
{
    if (file->count > 0 && at - file->index[file->count - 1].at < INDEX_EVERY)
        return 0;
    if (file->count == file->capacity) {
        size_t capacity = file->capacity ? 2 * file->capacity : 16;
        struct place *index = reallocarray(file->index, capacity, sizeof(*index));
        if (!index)
            return -QY_ENOMEM;
        file->index = index;
        file->capacity = capacity;
    }
    file->index[file->count++] = (struct place){first, at};
    return 0;
}

static void forget_places(struct segment_file *file, uint64_t end)
{
    while (file->count > 0 && file->index[file->count - 1].at >= end)
        file->count--;
}

static int load_index(struct segment_file *file, struct bytes index)
{
    for (size_t i = 0; i < index.size; i += INDEX_ENTRY_BYTES) {
        int error = add_place(file, get_be64(index.data + i), get_be64(index.data + i + 8));
        if (error)
            return error;
    }
    return 0;
}

/* What segment_file_complete() left; *ret_found is false where there is nothing whole. */
static int load_trailer(struct segment_file *file, uint64_t size, bool *ret_found)
{
    uint8_t trailer[TRAILER_BYTES];
    size_t got = 0;
    *ret_found = false;
    if (size < FILE_HEAD_BYTES + TRAILER_BYTES)
        return 0;
    int error = read_at(file, size - TRAILER_BYTES, trailer, sizeof(trailer), &got);
    uint64_t index_bytes = get_be64(trailer);
    if (error || got < sizeof(trailer) || index_bytes == 0 || index_bytes % INDEX_ENTRY_BYTES != 0 ||
        index_bytes > size - FILE_HEAD_BYTES - TRAILER_BYTES)
        return error;
    _cleanup_(buffer_free) struct buffer index = BUFFER_INIT;
    uint8_t *room = buffer_reserve(&index, index_bytes + 16);
    uint64_t end = size - TRAILER_BYTES - index_bytes;
    error = room ? read_at(file, end, room, index_bytes + 16, &got) : -QY_ENOMEM;
    if (error || got < index_bytes + 16 || hash_of(room, index_bytes + 16) != get_be64(trailer + 16))
        return error;
    error = load_index(file, (struct bytes){room, index_bytes});
    file->end = end;
    file->next = get_be64(trailer + 8);
    *ret_found = !error;
    return error;
}

/* Finds out where the frames end: those that follow from one another. */
static int scan_frames(struct segment_file *file, uint64_t size)
{
    _cleanup_(frame_scan_close) struct frame_scan scan = {
        .file = file, .place = FILE_HEAD_BYTES, .end = size};
    struct frame frame;
    int error = 0;
    file->next = file->first;
    file->end = FILE_HEAD_BYTES;
    while (!error && frame_scan_next(&scan, &frame) && frame.first == file->next) {
        if (frame.count > 0)
            error = add_place(file, frame.first, file->end);
        file->next += frame.count;
        file->end = scan.place;
    }
    return error ? error : scan.error;
}

/* -- open -- */

static int check_head(struct segment_file *file, bool *ret_empty)
{
    uint8_t head[FILE_HEAD_BYTES] = {0};
    size_t got = 0;
    int error = read_at(file, 0, head, sizeof(head), &got);
    uint64_t magic = get_be64(head);
    *ret_empty = magic == 0 || got < sizeof(head);
    if (error || *ret_empty)
        return error;
    if (magic >> FILE_VERSION_BITS != FILE_MAGIC >> FILE_VERSION_BITS)
        return -QY_ECORRUPT;
    if (magic != FILE_MAGIC)
        return -QY_EVERSION;
    return get_be64(head + 8) == file->first ? 0 : -QY_ECORRUPT;
}

static int load(struct segment_file *file)
{
    struct stat status;
    bool empty, complete;
    if (fstat(file->fd, &status))
        return error_from_errno(errno);
    if (!S_ISREG(status.st_mode))
        return -QY_EVERSION;
    file->next = file->first;
    int error = check_head(file, &empty);
    if (error || empty)
        return error;
    error = load_trailer(file, (uint64_t)status.st_size, &complete);
    return error || complete ? error : scan_frames(file, (uint64_t)status.st_size);
}

static int open_file(const char *path, uint64_t first, int flags, struct segment_file **ret_file)
{
    _cleanup_(segment_file_close) struct segment_file *file = calloc(1, sizeof(*file));
    if (!file)
        return -QY_ENOMEM;
    pthread_mutex_init(&file->mutex, NULL);
    file->first = first;
    file->fail_after = disk_fails_after(path);
    file->fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);
    if (file->fd < 0 && errno == EISDIR)
        return -QY_EVERSION;
    int error = file->fd < 0 ? error_from_errno(errno) : load(file);
    if (!error)
        *ret_file = TAKE(file);
    return error;
}

int segment_file_open(const char *path, uint64_t first, struct segment_file **ret_file)
{
    return open_file(path, first, 0, ret_file);
}

int segment_file_make(const char *path, uint64_t first, uint64_t zeros, struct segment_file **ret_file)
{
    int error = open_file(path, first, zeros ? 0 : O_CREAT | O_TRUNC, ret_file);
    if (error)
        return error;
    (*ret_file)->written_bytes = zeros;
    (*ret_file)->tidy = true;
    return 0;
}

void segment_file_close(struct segment_file **file_pointer)
{
    struct segment_file *file = TAKE(*file_pointer);
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    buffer_free(&file->pending);
    free(file->index);
    pthread_mutex_destroy(&file->mutex);
    free(file);
}

uint64_t segment_file_size(struct segment_file *file)
{
    pthread_mutex_lock(&file->mutex);
    uint64_t end = file->end;
    pthread_mutex_unlock(&file->mutex);
    return end;
}

uint64_t segment_file_disk_bytes(struct segment_file *file)
{
    struct stat status;
    return fstat(file->fd, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}

/* -- writing -- */

/* Where the first chunk from `next` on begins. */
static int find_cut(struct segment_file *file, uint64_t next, uint64_t *ret_place)
{
    _cleanup_(frame_scan_close) struct frame_scan scan;
    struct frame frame;
    frame_scan_open(file, next, &scan);
    uint64_t place = scan.place;
    while (frame_scan_next(&scan, &frame)) {
        if (frame.count > 0 && frame.first >= next) {
            *ret_place = place;
            return frame.first == next ? 0 : -QY_ECORRUPT;
        }
        place = scan.place;
    }
    return scan.error ? scan.error : -QY_ECORRUPT;
}

static int cut(struct segment_file *file, uint64_t next)
{
    uint64_t place;
    int error = find_cut(file, next, &place);
    if (error)
        return error;
    pthread_mutex_lock(&file->mutex);
    file->end = place;
    forget_places(file, place);
    pthread_mutex_unlock(&file->mutex);
    file->next = next;
    file->tidy = false;
    return 0;
}

/* Nothing may follow the end that looks as if it belonged there. */
static int tidy(struct segment_file *file)
{
    if (file->tidy)
        return 0;
    if (ftruncate(file->fd, (off_t)file->end))
        return error_from_errno(errno);
    file->written_bytes = file->end;
    file->tidy = true;
    return 0;
}

uint64_t segment_file_written(const struct segment_file *file)
{
    return file->written_bytes;
}

void segment_file_write_ahead(struct segment_file *file)
{
    uint64_t piece = disk_piece(file->end);
    if (file->end + piece / 2 <= file->written_bytes)
        return;
    uint64_t at = file->written_bytes > file->end ? file->written_bytes : file->end;
    uint64_t wanted = file->end + piece + piece / 2;
    (void)disk_write_zeros(file->fd, at, wanted); /* without room the file grows as it must */
    file->written_bytes = wanted;                 /* not again for each commit */
}

int segment_file_begin(struct segment_file *file, uint64_t next)
{
    uint8_t head[FILE_HEAD_BYTES];
    if (file->failed)
        return -QY_EIO;
    int error = file->next > next ? cut(file, next) : 0;
    if (!error)
        error = tidy(file);
    if (error)
        return error;
    buffer_clear(&file->pending);
    file->added_end = file->end;
    file->added_next = file->next;
    if (file->end > 0)
        return 0;
    put_be64(head, FILE_MAGIC);
    put_be64(head + 8, file->first);
    buffer_append(&file->pending, head, sizeof(head));
    file->added_end = sizeof(head);
    return buffer_error(&file->pending);
}

static int write_pending(struct segment_file *file)
{
    struct buffer *pending = &file->pending;
    uint64_t at = file->added_end - pending->size;
    for (size_t done = 0; done < pending->size;) {
        ssize_t count = pwrite(file->fd, pending->data + done, pending->size - done, (off_t)(at + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? error_from_errno(errno) : -QY_EIO;
        done += (size_t)count;
    }
    buffer_clear(pending);
    return 0;
}

void segment_file_add(struct segment_file *file, uint64_t first, uint32_t count, struct bytes content)
{
    uint8_t head[FRAME_HEAD_BYTES];
    if (file->error)
        return;
    put_head(head, first, count, content.size);
    buffer_append(&file->pending, head, sizeof(head));
    buffer_append(&file->pending, content.data, content.size);
    file->error = buffer_error(&file->pending);
    if (!file->error && count > 0) {
        pthread_mutex_lock(&file->mutex);
        file->error = add_place(file, first, file->added_end);
        pthread_mutex_unlock(&file->mutex);
    }
    file->added_end += sizeof(head) + content.size;
    file->added_next += count;
    if (!file->error && file->pending.size > PENDING_BYTES)
        file->error = write_pending(file);
}

int segment_file_commit(struct segment_file *file)
{
    if (file->failed)
        return -QY_EIO;
    int error = file->error ? file->error : write_pending(file);
    if (error) {
        segment_file_abort(file);
        return error;
    }
    if ((file->fail_after > 0 && --file->fail_after == 0) || fdatasync(file->fd)) {
        file->failed = true;
        return -QY_EIO;
    }
    pthread_mutex_lock(&file->mutex);
    file->end = file->added_end;
    pthread_mutex_unlock(&file->mutex);
    file->next = file->added_next;
    file->tidy = true;
    return 0;
}

void segment_file_abort(struct segment_file *file)
{
    pthread_mutex_lock(&file->mutex);
    forget_places(file, file->end);
    pthread_mutex_unlock(&file->mutex);
    buffer_clear(&file->pending);
    file->error = 0;
    file->tidy = false;
}

void segment_file_complete(struct segment_file *file)
{
    _cleanup_(buffer_free) struct buffer index = BUFFER_INIT;
    uint8_t *room = buffer_reserve(&index, file->count * INDEX_ENTRY_BYTES + TRAILER_BYTES);
    if (!room || file->failed || file->count == 0)
        return;
    size_t size = file->count * INDEX_ENTRY_BYTES;
    for (size_t i = 0; i < file->count; i++) {
        put_be64(room + i * INDEX_ENTRY_BYTES, file->index[i].first);
        put_be64(room + i * INDEX_ENTRY_BYTES + 8, file->index[i].at);
    }
    put_be64(room + size, size);
    put_be64(room + size + 8, file->next);
    put_be64(room + size + 16, hash_of(room, size + 16));
    file->tidy = false;
    if (ftruncate(file->fd, (off_t)file->end) == 0 && /* so that nothing but this is behind it */
        pwrite(file->fd, room, size + TRAILER_BYTES, (off_t)file->end) != (ssize_t)(size + TRAILER_BYTES))
        (void)!ftruncate(file->fd, (off_t)file->end);
}
