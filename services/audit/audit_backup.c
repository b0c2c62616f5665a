/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_backup.h"

#include "common/clock.h"
#include "common/directory.h"
#include "common/store.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_segment.h"
#include "services/audit/audit_store.h"
#include "services/audit/backup_manifest.h"
#include "services/audit/verify_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define STATE_NAME "state/data.mdb"
#define ATTEMPTS 5u /* where files change under a copy: pruning writes segments anew */
#define RESERVE_BYTES ((uint64_t)256 << 20)
#define RESERVE_PART 20u /* of the disk */

struct backup {
    const struct backup_options *options;
    struct backup_result *result;
    struct manifest *manifest;
    struct verify_files *files;
    char partial[PATH_BYTES];
    char earlier[PATH_BYTES]; /* the newest one beside it; "": there is none */
    uint64_t reserve;
    int lock;
    struct timespec begun; /* of this attempt */
    bool changed;          /* what it copied may not be what its snapshot names */
};

static int join(char path[PATH_BYTES], const char *directory, const char *name)
{
    int size = snprintf(path, PATH_BYTES, "%s/%s", directory, name);
    return size < 0 || size >= PATH_BYTES ? -QY_ETOOLARGE : 0;
}

static int fail(struct backup *backup, int error, const char *name)
{
    if (error && !*backup->result->failed)
        snprintf(backup->result->failed, sizeof(backup->result->failed), "%s", name);
    return error;
}

/* -- where it is made -- */

/* On the disk of the service so much must stay free that it goes on. */
static int choose_reserve(struct backup *backup)
{
    struct stat from, to;
    struct statvfs system;
    if (stat(backup->options->from, &from) || stat(backup->partial, &to) || statvfs(backup->partial, &system))
        return error_from_errno(errno);
    uint64_t part = (uint64_t)system.f_blocks * system.f_frsize / RESERVE_PART;
    if (from.st_dev == to.st_dev)
        backup->reserve = part < RESERVE_BYTES ? part : RESERVE_BYTES;
    return 0;
}

static bool is_link(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}

/* What it has of an attempt before goes where it is not needed: it must not be a way into the log's own directory. */
static int check_links(struct backup *backup)
{
    static const char *const parts[] = {"", "state", "segments", "keys"};
    char path[PATH_BYTES];
    int error = 0;
    for (size_t i = 0; i < COUNT_OF(parts) && !error; i++) {
        error = *parts[i] ? join(path, backup->partial, parts[i])
                          : (memcpy(path, backup->partial, sizeof(path)), 0);
        if (!error && is_link(path))
            error = fail(backup, -QY_EINVAL, path);
    }
    return error;
}

static int begin(struct backup *backup)
{
    char path[PATH_BYTES];
    struct stat status;
    const char *to = backup->options->to;
    size_t size = strlen(to);
    while (size > 1 && to[size - 1] == '/')
        size--;
    if (snprintf(backup->partial, PATH_BYTES, "%.*s.partial", (int)size, to) >= PATH_BYTES)
        return -QY_ETOOLARGE;
    if (lstat(to, &status) == 0)
        return -QY_EEXISTS;
    int error = join(path, backup->options->from, STATE_NAME);
    if (!error && stat(path, &status))
        error = fail(backup, error_from_errno(errno), path);
    if (!error)
        error = check_links(backup);
    if (!error)
        error = fail(backup, directory_make(backup->partial), backup->partial);
    if (error)
        return error;
    backup->lock = open(backup->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (backup->lock < 0)
        return error_from_errno(errno);
    if (flock(backup->lock, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? -QY_ECONFLICT : error_from_errno(errno);
    return choose_reserve(backup);
}

/* The newest backup of this log beside the new one. */
static int find_earlier(struct backup *backup)
{
    char copy[PATH_BYTES];
    int64_t newest = -1;
    memcpy(copy, backup->partial, sizeof(copy));
    const char *parent = dirname(copy);
    DIR *directory = opendir(parent);
    if (!directory)
        return error_from_errno(errno);
    for (struct dirent *entry; (entry = readdir(directory));) {
        _cleanup_(manifest_close) struct manifest *manifest = NULL;
        char path[PATH_BYTES];
        if (*entry->d_name == '.' || join(path, parent, entry->d_name) || manifest_read(path, &manifest))
            continue;
        if (strcmp(manifest->origin, backup->manifest->origin) == 0 && manifest->taken_ms > newest) {
            newest = manifest->taken_ms;
            memcpy(backup->earlier, path, sizeof(path));
        }
    }
    closedir(directory);
    return 0;
}

/* -- files -- */

static int add(struct backup *backup, const char *name, const struct file_content *content)
{
    backup->result->bytes += content->bytes;
    return manifest_add(backup->manifest, name, content);
}

/* Links what an earlier backup holds. False: it holds nothing, or other bytes, or a way to what is not its own, or cannot be linked. */
static bool reuse(struct backup *backup, const char *from, const char *to, const char *name,
    struct file_content *ret_content)
{
    char earlier[PATH_BYTES];
    bool same = false;
    return *backup->earlier && join(earlier, backup->earlier, name) == 0 && !is_link(earlier) &&
           file_same(from, earlier, &same, ret_content) == 0 && same &&
           (unlink(to) == 0 || errno == ENOENT) && link(earlier, to) == 0;
}

static int copy_file(struct backup *backup, const char *name)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    struct file_content content;
    bool same = false;
    int error = join(from, backup->options->from, name);
    if (!error)
        error = join(to, backup->partial, name);
    if (!error) /* from an attempt that was cut short */
        error = file_same(from, to, &same, &content);
    if (!error && !same && !reuse(backup, from, to, name, &content)) {
        error = file_copy(from, to, backup->reserve, &content);
        backup->result->copied += error ? 0 : content.bytes;
    }
    return error ? fail(backup, error, name) : add(backup, name, &content);
}

/* A segment's file is written anew where records of it are pruned. */
static void look_for_change(struct backup *backup, const char *name)
{
    char path[PATH_BYTES];
    struct stat status;
    if (join(path, backup->options->from, name) || stat(path, &status) ||
        status.st_ctim.tv_sec > backup->begun.tv_sec ||
        (status.st_ctim.tv_sec == backup->begun.tv_sec && status.st_ctim.tv_nsec >= backup->begun.tv_nsec))
        backup->changed = true;
}

static int make_directory(struct backup *backup, const char *name)
{
    char path[PATH_BYTES];
    int error = join(path, backup->partial, name);
    return error ? error : fail(backup, directory_make(path), name);
}

static int sync_directory(struct backup *backup, const char *name)
{
    char path[PATH_BYTES];
    int error = join(path, backup->partial, name);
    return error ? error : fail(backup, directory_sync(path), name);
}

static int copy_segments(struct backup *backup)
{
    struct store_txn *txn = verify_files_txn(backup->files);
    uint64_t sealed = audit_store_sealed(txn);
    char name[SEGMENT_NAME_BYTES];
    struct merkle_hash root;
    uint64_t generation = 0;
    int error = store_error(txn);
    if (!error)
        error = make_directory(backup, "segments");
    for (uint64_t number = 0; number < sealed && !error; number++) {
        if (!audit_store_sealed_as(txn, number, &root, &generation))
            return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
        segment_name(number, generation, name);
        error = copy_file(backup, name);
        look_for_change(backup, name);
    }
    return error ? error : sync_directory(backup, "segments");
}

static int copy_keys(struct backup *backup)
{
    char path[PATH_BYTES], name[300];
    int error = make_directory(backup, "keys");
    if (!error)
        error = join(path, backup->options->from, "keys");
    DIR *directory = error ? NULL : opendir(path);
    if (!directory)
        return error ? error : fail(backup, error_from_errno(errno), path);
    for (struct dirent *entry; !error && (entry = readdir(directory));) {
        if (*entry->d_name == '.')
            continue;
        snprintf(name, sizeof(name), "keys/%s", entry->d_name);
        error = copy_file(backup, name);
    }
    closedir(directory);
    return error ? error : sync_directory(backup, "keys");
}

/* -- the state -- */

/* What the log says of itself goes into the manifest. */
static int describe(struct backup *backup, struct verify_options *options)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct manifest *manifest = backup->manifest;
    struct note_key key;
    int error = verify_files_describe(backup->files, options);
    if (!error && (options->key_count == 0 || note_key_parse(options->keys[0].verifier_key, &key)))
        error = -QY_ECORRUPT;
    if (!error)
        error = merkle_hasher_open(&hasher);
    if (error)
        return error;
    struct merkle_tiles tiles = audit_store_tiles(verify_files_txn(backup->files));
    manifest->size = options->size;
    manifest->taken_ms = clock_wall_ms();
    manifest->with_key = backup->options->with_key;
    manifest->origin = arena_text(manifest->arena, key.name, strlen(key.name));
    manifest->checkpoint =
        arena_text(manifest->arena, (const char *)options->newest.data, options->newest.size);
    return manifest->origin && manifest->checkpoint
               ? merkle_root(hasher, &tiles, manifest->size, &manifest->root)
               : -QY_ENOMEM;
}

static int take_snapshot(struct backup *backup)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    struct file_content content;
    clock_gettime(CLOCK_REALTIME_COARSE, &backup->begun); /* as the file system has it */
    int error = join(from, backup->options->from, "state");
    if (!error)
        error = join(to, backup->partial, "state");
    if (!error)
        error = store_snapshot(from, to, backup->reserve);
    if (!error)
        error = join(to, backup->partial, STATE_NAME);
    if (!error)
        error = file_read(to, &content);
    if (!error)
        error = add(backup, STATE_NAME, &content);
    backup->result->copied += error ? 0 : content.bytes;
    return error ? fail(backup, error, STATE_NAME) : verify_files_open(backup->partial, &backup->files);
}

/* All that `verify` looks at but the indexes, which are not needed to have everything back. */
static int check(struct backup *backup, struct verify_options *options)
{
    struct verify_result found;
    options->without_indexes = true;
    options->threads = backup->options->threads;
    options->self = backup->options->self;
    options->problem = backup->options->problem;
    int error = verify_log(options, &found);
    backup->result->size = found.size;
    backup->result->signed_size = found.signed_size;
    backup->result->problems = error ? 0 : found.problems;
    return error;
}

static int attempt(struct backup *backup)
{
    struct verify_options options = {.trusted_count = 0};
    verify_files_close(&backup->files);
    manifest_close(&backup->manifest);
    *backup->result = (struct backup_result){.size = 0};
    backup->changed = false;
    int error = manifest_open(&backup->manifest);
    if (!error)
        error = take_snapshot(backup);
    if (!error)
        error = describe(backup, &options);
    if (!error)
        error = find_earlier(backup);
    if (!error)
        error = copy_segments(backup);
    if (!error && backup->options->with_key)
        error = copy_keys(backup);
    return error || backup->changed ? error : check(backup, &options);
}

/* -- the whole -- */

/* Only what is in the manifest is in the backup. */
static int drop_others(struct backup *backup, const char *part)
{
    char path[PATH_BYTES], name[300];
    int error = join(path, backup->partial, part);
    DIR *directory = error ? NULL : opendir(path);
    if (!directory)
        return error ? error : errno == ENOENT ? 0 : error_from_errno(errno);
    for (struct dirent *entry; !error && (entry = readdir(directory));) {
        snprintf(name, sizeof(name), "%s/%s", part, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !manifest_find(backup->manifest, name) && unlinkat(dirfd(directory), entry->d_name, 0))
            error = fail(backup, error_from_errno(errno), name);
    }
    closedir(directory);
    return error;
}

static int finish(struct backup *backup)
{
    static const char *const parts[] = {"state", "segments", "keys"};
    int error = 0;
    verify_files_close(&backup->files);
    for (size_t i = 0; i < COUNT_OF(parts) && !error; i++)
        error = drop_others(backup, parts[i]);
    if (!error)
        error = fail(backup, manifest_write(backup->manifest, backup->partial), MANIFEST_NAME);
    if (!error && rename(backup->partial, backup->options->to))
        error = fail(backup, error_from_errno(errno), backup->options->to);
    return error ? error : directory_sync_parent(backup->partial);
}

/* Gives the room back. */
static void drop_all(const struct backup *backup)
{
    static const char *const parts[] = {"state", "segments", "keys", ""};
    char path[PATH_BYTES];
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (join(path, backup->partial, parts[i]) == 0)
            (void)directory_remove(path);
}

int backup_take(const struct backup_options *options, struct backup_result *ret_result)
{
    struct backup backup = {.options = options, .result = ret_result, .lock = -1};
    *ret_result = (struct backup_result){.size = 0};
    int error = begin(&backup);
    bool begun = !error;
    for (unsigned i = 0; i < ATTEMPTS && begun && (i == 0 || backup.changed); i++)
        error = attempt(&backup);
    if (!error && backup.changed)
        error = -QY_EUNAVAILABLE;
    if (!error && ret_result->problems == 0)
        error = finish(&backup);
    verify_files_close(&backup.files);
    if (begun && (error == -QY_EFULL || ret_result->problems > 0))
        drop_all(&backup);
    manifest_close(&backup.manifest);
    if (backup.lock >= 0)
        close(backup.lock);
    return error;
}
