/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_segment.h"

#include "common/buffer.h"
#include "common/directory.h"
#include "common/error.h"

#include <dirent.h>
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
#define VERSION_WHOLE 1u
#define VERSION_PRUNED 2u
#define RECORDS (SEGMENT_BUNDLES * MERKLE_TILE_HASHES)
#define PATH_BYTES 4096
#define KEPT_BYTES ((size_t)RECORDS / 8)
#define PRUNED_BYTES (8 + SEGMENT_BUNDLES / 8 + KEPT_BYTES)
#define BASES_BYTES ((size_t)SEGMENT_BUNDLES * 8)
#define ENDS_BYTES ((size_t)MERKLE_TILE_HASHES * 4)                   /* of a bundle */
#define LEAVES_BYTES ((size_t)MERKLE_TILE_HASHES * MERKLE_HASH_BYTES) /* likewise */
#define TILES_BYTES ((size_t)SEGMENT_BUNDLES * MERKLE_HASH_BYTES)

_Static_assert(SEGMENT_HEADER_BYTES == 4 + 4 + 8 + 8 + 8 + 32 + crypto_hash_sha256_BYTES, "the header");
_Static_assert(RECORDS == SEGMENT_RECORDS, "a place set's places are a segment's");

#define SUFFIX ".segment"
#define SUFFIX_NEXT ".next"

void segment_name(uint64_t number, uint64_t generation, char ret_name[SEGMENT_NAME_BYTES])
{
    if (generation)
        snprintf(ret_name, SEGMENT_NAME_BYTES, "segments/%010" PRIu64 ".%" PRIu64 SUFFIX, number, generation);
    else
        snprintf(ret_name, SEGMENT_NAME_BYTES, "segments/%010" PRIu64 SUFFIX, number);
}

static int compose(
    char path[PATH_BYTES], const char *state, uint64_t number, uint64_t generation, const char *suffix)
{
    int size = generation
                   ? snprintf(path, PATH_BYTES, "%s/../segments/%010" PRIu64 ".%" PRIu64 "%s", state, number,
                         generation, suffix)
                   : snprintf(path, PATH_BYTES, "%s/../segments/%010" PRIu64 "%s", state, number, suffix);
    return size < 0 || size >= PATH_BYTES ? -QY_ETOOLARGE : 0;
}

/* -- writing -- */

static bool is_hashed(const struct segment_content *content, unsigned bundle)
{
    if (content->generation == 0)
        return true;
    if (content->hashed)
        return content->hashed[bundle];
    for (unsigned i = 0; i < MERKLE_TILE_HASHES; i++)
        if (content->records[bundle * MERKLE_TILE_HASHES + i].data)
            return true;
    return false;
}

static void write_header(FILE *file, const struct segment_content *content, uint64_t entries)
{
    uint8_t header[SEGMENT_HEADER_BYTES] = MAGIC;
    put_be32(header + 4, content->generation ? VERSION_PRUNED : VERSION_WHOLE);
    put_be64(header + 8, content->number);
    put_be64(header + 16, content->index.size);
    put_be64(header + 24, entries);
    memcpy(header + 32, &content->root, sizeof(content->root));
    crypto_hash_sha256(header + 64, header, 64);
    fwrite(header, 1, sizeof(header), file);
}

/* What is there of a segment of which something was pruned. */
static void write_pruned(FILE *file, const struct segment_content *content)
{
    uint8_t bytes[PRUNED_BYTES] = {0}, *hashed = bytes + 8, *kept = hashed + SEGMENT_BUNDLES / 8;
    put_be64(bytes, content->generation);
    for (unsigned i = 0; i < SEGMENT_BUNDLES; i++)
        hashed[i / 8] |= (uint8_t)(is_hashed(content, i) << i % 8);
    for (unsigned i = 0; i < RECORDS; i++)
        kept[i / 8] |= (uint8_t)((content->records[i].data != NULL) << i % 8);
    fwrite(bytes, 1, sizeof(bytes), file);
}

/* Bytes that a record takes among the entries. */
static unsigned entry_bytes(const struct segment_content *content, unsigned place)
{
    const struct bytes *record = &content->records[place];
    return record->data ? 2 + (unsigned)record->size : 0;
}

/* Where bundles begin, where records end in them. */
static void write_places(FILE *file, const struct segment_content *content)
{
    uint64_t base = 0;
    for (unsigned bundle = 0; bundle < SEGMENT_BUNDLES; bundle++) {
        uint8_t bytes[8];
        put_be64(bytes, base);
        fwrite(bytes, 1, sizeof(bytes), file);
        for (unsigned i = 0; i < MERKLE_TILE_HASHES; i++)
            base += entry_bytes(content, bundle * MERKLE_TILE_HASHES + i);
    }
    for (unsigned i = 0, end = 0; i < RECORDS; i++) {
        uint8_t bytes[4];
        end = (i % MERKLE_TILE_HASHES ? end : 0) + entry_bytes(content, i);
        put_be32(bytes, end);
        if (is_hashed(content, i / MERKLE_TILE_HASHES))
            fwrite(bytes, 1, sizeof(bytes), file);
    }
}

static void write_leaves(FILE *file, const struct segment_content *content)
{
    for (unsigned i = 0; i < SEGMENT_BUNDLES; i++)
        if (is_hashed(content, i))
            fwrite(content->leaves + (size_t)i * MERKLE_TILE_HASHES, 1, LEAVES_BYTES, file);
}

static void write_entries(FILE *file, const struct segment_content *content)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        struct bytes record = content->records[i];
        const uint8_t size[2] = {(uint8_t)(record.size >> 8), (uint8_t)record.size};
        if (!record.data)
            continue;
        fwrite(size, 1, sizeof(size), file);
        fwrite(record.data, 1, record.size, file);
    }
}

/* What fails is seen when the stream is flushed. */
static int write_content(FILE *file, const struct segment_content *content)
{
    uint64_t entries = 0;
    for (unsigned i = 0; i < RECORDS; i++)
        entries += entry_bytes(content, i);
    write_header(file, content, entries);
    if (content->generation)
        write_pruned(file, content);
    write_places(file, content);
    write_leaves(file, content);
    fwrite(content->tiles, 1, TILES_BYTES, file);
    if (content->index.size > 0)
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
    int error = compose(path, state, content->number, content->generation, SUFFIX);
    if (!error)
        error = compose(next, state, content->number, content->generation, SUFFIX_NEXT);
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
    uint64_t generation;
    const uint8_t *data;
    uint64_t bytes;
    uint64_t index_bytes;
    uint64_t entries_bytes;
    struct place_set *kept;           /* NULL: all */
    unsigned bundles;                 /* whose hashes are there */
    uint16_t at[SEGMENT_BUNDLES + 1]; /* how many of them are before this one */
};

static bool has_hashes(const struct segment *segment, unsigned bundle)
{
    return segment->at[bundle + 1] > segment->at[bundle];
}

/* Where its parts begin. */
static const uint8_t *bases(const struct segment *segment)
{
    return segment->data + SEGMENT_HEADER_BYTES + (segment->generation ? PRUNED_BYTES : 0);
}

static const uint8_t *ends(const struct segment *segment)
{
    return bases(segment) + BASES_BYTES;
}

static const uint8_t *leaves(const struct segment *segment)
{
    return ends(segment) + segment->bundles * ENDS_BYTES;
}

static const uint8_t *tiles(const struct segment *segment)
{
    return leaves(segment) + segment->bundles * LEAVES_BYTES;
}

static bool check_header(const struct segment *segment, const struct merkle_hash *root)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    const uint8_t *header = segment->data;
    crypto_hash_sha256(hash, header, 64);
    return memcmp(hash, header + 64, sizeof(hash)) == 0 && memcmp(header, MAGIC, 4) == 0 &&
           get_be32(header + 4) == (segment->generation ? VERSION_PRUNED : VERSION_WHOLE) &&
           get_be64(header + 8) == segment->number && memcmp(header + 32, root, sizeof(*root)) == 0;
}

/* Which bundles' hashes and which records are there. */
static int read_pruned(struct segment *segment)
{
    const uint8_t *bytes = segment->data + SEGMENT_HEADER_BYTES, *hashed = bytes + 8,
                  *kept = hashed + SEGMENT_BUNDLES / 8;
    bool whole = segment->generation == 0;
    for (unsigned i = 0; i < SEGMENT_BUNDLES; i++)
        segment->at[i + 1] = (uint16_t)(segment->at[i] + (whole || hashed[i / 8] >> i % 8 & 1));
    segment->bundles = segment->at[SEGMENT_BUNDLES];
    if (whole)
        return 0;
    if (get_be64(bytes) != segment->generation)
        return -QY_ECORRUPT;
    segment->kept = calloc(1, sizeof(*segment->kept));
    if (!segment->kept)
        return -QY_ENOMEM;
    for (unsigned i = 0; i < RECORDS; i++)
        if (kept[i / 8] >> i % 8 & 1) {
            place_set_add(segment->kept, i);
            if (!has_hashes(segment, i / MERKLE_TILE_HASHES))
                return -QY_ECORRUPT;
        }
    return 0;
}

static int read_head(struct segment *segment, const struct merkle_hash *root)
{
    if (!check_header(segment, root))
        return -QY_ECORRUPT;
    segment->index_bytes = get_be64(segment->data + 16);
    segment->entries_bytes = get_be64(segment->data + 24);
    int error = read_pruned(segment);
    if (error)
        return error;
    uint64_t fixed = (uint64_t)(tiles(segment) + TILES_BYTES - segment->data);
    return segment->index_bytes <= segment->bytes && segment->entries_bytes <= segment->bytes &&
                   fixed + segment->index_bytes + segment->entries_bytes == segment->bytes
               ? 0
               : -QY_ECORRUPT;
}

static int map_file(struct segment *segment, const struct merkle_hash *root)
{
    char path[PATH_BYTES];
    struct stat status;
    int error = compose(path, segment->state, segment->number, segment->generation, SUFFIX);
    int file = error ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error ? error : error_from_errno(errno);
    size_t least =
        SEGMENT_HEADER_BYTES + (segment->generation ? PRUNED_BYTES : 0) + BASES_BYTES + TILES_BYTES;
    void *data = MAP_FAILED;
    if (fstat(file, &status) == 0 && (uint64_t)status.st_size >= least)
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (data == MAP_FAILED)
        return -QY_ECORRUPT;
    segment->data = data;
    segment->bytes = (uint64_t)status.st_size;
    return read_head(segment, root);
}

static void close_segment(struct segment **segment)
{
    if (!*segment)
        return;
    if ((*segment)->data)
        munmap((void *)(uintptr_t)(*segment)->data, (size_t)(*segment)->bytes);
    free((*segment)->state);
    free((*segment)->kept);
    free(*segment);
    *segment = NULL;
}

static int open_segment(const char *state, uint64_t number, uint64_t generation,
    const struct merkle_hash *root, struct segment **ret_segment)
{
    _cleanup_(close_segment) struct segment *segment = calloc(1, sizeof(*segment));
    if (!segment)
        return -QY_ENOMEM;
    segment->number = number;
    segment->generation = generation;
    segment->state = strdup(state);
    int error = segment->state ? map_file(segment, root) : -QY_ENOMEM;
    if (!error)
        *ret_segment = TAKE(segment);
    return error;
}

/* All that are mapped: readers hold what they have borrowed without asking. By number, so that each chain is of generations and stores
 * alone. */
#define CHAINS 4096u
static pthread_mutex_t mapped_lock = PTHREAD_MUTEX_INITIALIZER;
static struct segment *mapped[CHAINS];

/* Where in its chain it hangs, or would. Under the lock. */
static struct segment **find_mapped(const char *state, uint64_t number, uint64_t generation)
{
    struct segment **at = &mapped[number % CHAINS];
    while (*at &&
           ((*at)->number != number || (*at)->generation != generation || strcmp((*at)->state, state) != 0))
        at = &(*at)->next;
    return at;
}

int segment_find(const char *state, uint64_t number, uint64_t generation, const struct merkle_hash *root,
    const struct segment **ret_segment)
{
    int error = 0;
    pthread_mutex_lock(&mapped_lock);
    struct segment **at = find_mapped(state, number, generation);
    if (!*at)
        error = open_segment(state, number, generation, root, at);
    if (!error)
        *ret_segment = *at;
    pthread_mutex_unlock(&mapped_lock);
    return error;
}

/* -- removing -- */

int segment_remove(const char *state, uint64_t number, uint64_t generation)
{
    char path[PATH_BYTES];
    int error = compose(path, state, number, generation, SUFFIX);
    if (error)
        return error;
    pthread_mutex_lock(&mapped_lock);
    struct segment **at = find_mapped(state, number, generation), *segment = *at;
    if (segment)
        *at = segment->next;
    pthread_mutex_unlock(&mapped_lock);
    close_segment(&segment);
    if (unlink(path) && errno != ENOENT)
        return error_from_errno(errno);
    return directory_sync_parent(path);
}

/* What a file's name says of it. False: it is none of ours. */
static bool parse_name(const char *name, uint64_t *ret_number, uint64_t *ret_generation, bool *ret_next)
{
    char suffix[16] = "";
    *ret_generation = 0;
    if (sscanf(name, "%10" SCNu64 ".%20" SCNu64 "%15s", ret_number, ret_generation, suffix) < 3 &&
        sscanf(name, "%10" SCNu64 "%15s", ret_number, suffix) < 2)
        return false;
    *ret_next = strcmp(suffix, SUFFIX_NEXT) == 0;
    return *ret_next || strcmp(suffix, SUFFIX) == 0;
}

int segment_sweep(
    const char *state, bool (*is_wanted)(void *context, uint64_t number, uint64_t generation), void *context)
{
    char path[PATH_BYTES];
    uint64_t number, generation;
    bool next;
    int size = snprintf(path, sizeof(path), "%s/../segments", state);
    DIR *directory = size > 0 && size < PATH_BYTES ? opendir(path) : NULL;
    if (!directory)
        return errno == ENOENT ? 0 : error_from_errno(errno);
    int error = 0;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        if (parse_name(entry->d_name, &number, &generation, &next) &&
            (next || !is_wanted(context, number, generation)) && unlinkat(dirfd(directory), entry->d_name, 0))
            error = error_from_errno(errno);
    closedir(directory);
    return error ? error : directory_sync(path);
}

/* -- what is in it -- */

uint64_t segment_bytes(const struct segment *segment)
{
    return segment->bytes;
}

const struct place_set *segment_kept(const struct segment *segment)
{
    return segment->kept;
}

bool segment_is_sound(const struct segment *segment)
{
    uint64_t end = 0;
    for (unsigned bundle = 0; bundle < SEGMENT_BUNDLES; bundle++) {
        uint32_t in_bundle = 0;
        if (get_be64(bases(segment) + (size_t)bundle * 8) != end)
            return false;
        for (unsigned i = 0; i < MERKLE_TILE_HASHES && has_hashes(segment, bundle); i++) {
            bool kept = !segment->kept || place_set_has(segment->kept, bundle * MERKLE_TILE_HASHES + i);
            uint32_t next = get_be32(ends(segment) + segment->at[bundle] * ENDS_BYTES + (size_t)i * 4);
            if (kept ? next <= in_bundle : next != in_bundle)
                return false;
            in_bundle = next;
        }
        end += in_bundle;
    }
    return end == segment->entries_bytes;
}

bool segment_record(const struct segment *segment, unsigned place, struct bytes *ret_record)
{
    unsigned bundle = place / MERKLE_TILE_HASHES, in_bundle = place % MERKLE_TILE_HASHES;
    if (segment->kept && !place_set_has(segment->kept, place))
        return false;
    uint64_t base = get_be64(bases(segment) + (size_t)bundle * 8);
    const uint8_t *at = ends(segment) + segment->at[bundle] * ENDS_BYTES + (size_t)in_bundle * 4;
    uint32_t end = get_be32(at), begin = in_bundle ? get_be32(at - 4) : 0;
    if (base > segment->entries_bytes || end > segment->entries_bytes - base || end < begin ||
        end - begin < 2)
        return false;
    const uint8_t *entry = tiles(segment) + TILES_BYTES + segment->index_bytes + base + begin;
    if ((unsigned)(entry[0] << 8 | entry[1]) != end - begin - 2)
        return false;
    *ret_record = (struct bytes){entry + 2, end - begin - 2};
    return true;
}

const struct merkle_hash *segment_leaves(const struct segment *segment, unsigned bundle)
{
    return has_hashes(segment, bundle)
               ? (const struct merkle_hash *)(leaves(segment) + segment->at[bundle] * LEAVES_BYTES)
               : NULL;
}

const struct merkle_hash *segment_tiles(const struct segment *segment)
{
    return (const struct merkle_hash *)tiles(segment);
}

struct bytes segment_index(const struct segment *segment)
{
    return (struct bytes){tiles(segment) + TILES_BYTES, segment->index_bytes};
}
