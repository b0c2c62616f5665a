/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_segment.h"

#include "common/buffer.h"
#include "common/directory.h"
#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "QYSG"
#define VERSION 1u
#define RECORDS (SEGMENT_BUNDLES * MERKLE_TILE_HASHES)
#define PATH_BYTES 4096
#define BASES_BYTES ((size_t)SEGMENT_BUNDLES * 8)
#define ENDS_BYTES ((size_t)RECORDS * 4)
#define LEAVES_BYTES ((size_t)RECORDS * MERKLE_HASH_BYTES)
#define TILES_BYTES ((size_t)SEGMENT_BUNDLES * MERKLE_HASH_BYTES)
#define FIXED_BYTES (SEGMENT_HEADER_BYTES + BASES_BYTES + ENDS_BYTES + LEAVES_BYTES + TILES_BYTES)

_Static_assert(SEGMENT_HEADER_BYTES == 4 + 4 + 8 + 8 + 8 + 32 + crypto_hash_sha256_BYTES, "the header");

void segment_name(uint64_t number, char ret_name[SEGMENT_NAME_BYTES])
{
    snprintf(ret_name, SEGMENT_NAME_BYTES, "segments/%010" PRIu64 ".segment", number);
}

static int compose(char path[PATH_BYTES], const char *state, uint64_t number, const char *suffix)
{
    int size = snprintf(path, PATH_BYTES, "%s/../segments/%010" PRIu64 "%s", state, number, suffix);
    return size < 0 || size >= PATH_BYTES ? -QY_ETOOLARGE : 0;
}

/* -- writing -- */

static void write_header(FILE *file, const struct segment_content *content, uint64_t entries)
{
    uint8_t header[SEGMENT_HEADER_BYTES] = MAGIC;
    put_be32(header + 4, VERSION);
    put_be64(header + 8, content->number);
    put_be64(header + 16, content->index.size);
    put_be64(header + 24, entries);
    memcpy(header + 32, &content->root, sizeof(content->root));
    crypto_hash_sha256(header + 64, header, 64);
    fwrite(header, 1, sizeof(header), file);
}

/* Where bundles begin, where records end in them; yields the size of all entries. */
static uint64_t write_places(FILE *file, const struct segment_content *content)
{
    uint64_t base = 0;
    for (unsigned bundle = 0; bundle < SEGMENT_BUNDLES; bundle++) {
        uint8_t bytes[8];
        put_be64(bytes, base);
        fwrite(bytes, 1, sizeof(bytes), file);
        for (unsigned i = 0; i < MERKLE_TILE_HASHES; i++)
            base += 2 + content->records[bundle * MERKLE_TILE_HASHES + i].size;
    }
    for (unsigned i = 0, end = 0; i < RECORDS; i++) {
        uint8_t bytes[4];
        end = (i % MERKLE_TILE_HASHES ? end : 0) + 2 + (unsigned)content->records[i].size;
        put_be32(bytes, end);
        fwrite(bytes, 1, sizeof(bytes), file);
    }
    return base;
}

static void write_entries(FILE *file, const struct segment_content *content)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        struct bytes record = content->records[i];
        const uint8_t size[2] = {(uint8_t)(record.size >> 8), (uint8_t)record.size};
        fwrite(size, 1, sizeof(size), file);
        fwrite(record.data, 1, record.size, file);
    }
}

/* What fails is seen when the stream is flushed. */
static int write_content(FILE *file, const struct segment_content *content)
{
    uint64_t entries = 0;
    for (unsigned i = 0; i < RECORDS; i++)
        entries += 2 + content->records[i].size;
    write_header(file, content, entries);
    (void)write_places(file, content);
    fwrite(content->leaves, 1, LEAVES_BYTES, file);
    fwrite(content->tiles, 1, TILES_BYTES, file);
    fwrite(content->index.data, 1, content->index.size, file);
    write_entries(file, content);
    errno = 0;
    if (fflush(file) || ferror(file) || fsync(fileno(file)))
        return errno ? error_from_errno(errno) : -QY_EIO;
    return 0;
}

static int write_whole(const char *path, const struct segment_content *content)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (!file) {
        int error = error_from_errno(errno);
        if (descriptor >= 0)
            close(descriptor);
        return error;
    }
    setvbuf(file, NULL, _IOFBF, 1 << 20);
    int error = write_content(file, content);
    if (fclose(file) && !error)
        error = error_from_errno(errno);
    if (error)
        unlink(path);
    return error;
}

int segment_write(const char *state, const struct segment_content *content)
{
    char path[PATH_BYTES], next[PATH_BYTES];
    int error = compose(path, state, content->number, ".segment");
    if (!error)
        error = compose(next, state, content->number, ".next");
    if (error)
        return error;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    error = directory_make(path);
    *slash = '/';
    if (!error)
        error = write_whole(next, content);
    if (!error && rename(next, path))
        error = error_from_errno(errno);
    return error ? error : directory_sync_parent(path);
}

/* -- reading -- */

struct segment {
    struct segment *next;
    char *state;
    uint64_t number;
    const uint8_t *data;
    uint64_t index_bytes;
    uint64_t entries_bytes;
};

static const uint8_t *part(const struct segment *segment, size_t offset)
{
    return segment->data + SEGMENT_HEADER_BYTES + offset;
}

static bool check_header(const struct segment *segment, uint64_t file_bytes, const struct merkle_hash *root)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    const uint8_t *header = segment->data;
    crypto_hash_sha256(hash, header, 64);
    return memcmp(hash, header + 64, sizeof(hash)) == 0 && memcmp(header, MAGIC, 4) == 0 &&
           get_be32(header + 4) == VERSION && get_be64(header + 8) == segment->number &&
           memcmp(header + 32, root, sizeof(*root)) == 0 && get_be64(header + 16) <= file_bytes &&
           get_be64(header + 24) <= file_bytes &&
           FIXED_BYTES + get_be64(header + 16) + get_be64(header + 24) == file_bytes;
}

static int map_file(struct segment *segment, const struct merkle_hash *root)
{
    char path[PATH_BYTES];
    struct stat status;
    int error = compose(path, segment->state, segment->number, ".segment");
    int file = error ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error ? error : error_from_errno(errno);
    void *data = MAP_FAILED;
    if (fstat(file, &status) == 0 && (uint64_t)status.st_size >= FIXED_BYTES)
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (data == MAP_FAILED)
        return -QY_ECORRUPT;
    segment->data = data;
    if (!check_header(segment, (uint64_t)status.st_size, root)) {
        munmap(data, (size_t)status.st_size);
        return -QY_ECORRUPT;
    }
    segment->index_bytes = get_be64(segment->data + 16);
    segment->entries_bytes = get_be64(segment->data + 24);
    return 0;
}

static int open_segment(
    const char *state, uint64_t number, const struct merkle_hash *root, struct segment **ret_segment)
{
    struct segment *segment = calloc(1, sizeof(*segment));
    if (!segment)
        return -QY_ENOMEM;
    segment->number = number;
    segment->state = strdup(state);
    int error = segment->state ? map_file(segment, root) : -QY_ENOMEM;
    if (error) {
        free(segment->state);
        free(segment);
        return error;
    }
    *ret_segment = segment;
    return 0;
}

/* All that are mapped, for good: readers hold what they have borrowed without asking. By number, so that each chain is of stores alone. */
#define CHAINS 4096u
static pthread_mutex_t mapped_lock = PTHREAD_MUTEX_INITIALIZER;
static struct segment *mapped[CHAINS];

int segment_find(
    const char *state, uint64_t number, const struct merkle_hash *root, const struct segment **ret_segment)
{
    int error = 0;
    pthread_mutex_lock(&mapped_lock);
    struct segment *segment = mapped[number % CHAINS];
    while (segment && (segment->number != number || strcmp(segment->state, state) != 0))
        segment = segment->next;
    if (!segment) {
        error = open_segment(state, number, root, &segment);
        if (!error) {
            segment->next = mapped[number % CHAINS];
            mapped[number % CHAINS] = segment;
        }
    }
    pthread_mutex_unlock(&mapped_lock);
    if (!error)
        *ret_segment = segment;
    return error;
}

bool segment_record(const struct segment *segment, unsigned place, struct bytes *ret_record)
{
    uint64_t base = get_be64(part(segment, (size_t)place / MERKLE_TILE_HASHES * 8));
    const uint8_t *ends = part(segment, BASES_BYTES + (size_t)place * 4);
    uint32_t end = get_be32(ends), begin = place % MERKLE_TILE_HASHES ? get_be32(ends - 4) : 0;
    if (base > segment->entries_bytes || end > segment->entries_bytes - base || end < begin ||
        end - begin < 2)
        return false;
    const uint8_t *entry = segment->data + FIXED_BYTES + segment->index_bytes + base + begin;
    if ((unsigned)(entry[0] << 8 | entry[1]) != end - begin - 2)
        return false;
    *ret_record = (struct bytes){entry + 2, end - begin - 2};
    return true;
}

const struct merkle_hash *segment_leaves(const struct segment *segment)
{
    return (const struct merkle_hash *)part(segment, BASES_BYTES + ENDS_BYTES);
}

const struct merkle_hash *segment_tiles(const struct segment *segment)
{
    return (const struct merkle_hash *)part(segment, BASES_BYTES + ENDS_BYTES + LEAVES_BYTES);
}

struct bytes segment_index(const struct segment *segment)
{
    return (struct bytes){segment->data + FIXED_BYTES, segment->index_bytes};
}
