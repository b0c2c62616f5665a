/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu keys DIRECTORY`: every service's keys in a directory of its own, <DIRECTORY>/<name>, with its own pair and the public keys
 * of all others. For services that do not share a file system. Runs before they start; when all is there it changes nothing. */
#include "common/keys.h"
#include "common/error.h"
#include "common/mem.h"
#include "services/cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 700

static const char *const names[] = {"gateway", "identity", "tagging", "campaign", "audit", "cli"};

static bool has_own_pair(const char *directory, const char *name)
{
    char path[PATH_BYTES];
    struct keys keys;
    snprintf(path, sizeof(path), "%.500s/%s", directory, name);
    return keys_load(path, name, &keys) == 0;
}

static bool is_complete(const char *directory)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!has_own_pair(directory, names[i]))
            return false;
    return true;
}

static int copy_file(const char *from, const char *to, mode_t mode)
{
    char text[4096], temporary[PATH_BYTES + 8];
    FILE *in = fopen(from, "rb");
    size_t size = in ? fread(text, 1, sizeof(text), in) : 0;
    if (in)
        (void)fclose(in);
    if (size == 0 || size == sizeof(text))
        return -QY_EIO;
    snprintf(temporary, sizeof(temporary), "%s.new", to);
    (void)unlink(temporary);
    FILE *out = fopen(temporary, "wbx");
    if (!out)
        return error_from_errno(errno);
    bool written = fchmod(fileno(out), mode) == 0 && fwrite(text, 1, size, out) == size && fflush(out) == 0 &&
                   fsync(fileno(out)) == 0;
    if (fclose(out) != 0 || !written || rename(temporary, to) != 0)
        return -QY_EIO;
    return 0;
}

/* The directory's owner may read the pair: the service runs as that user. */
static int give(
    const char *made, const char *directory, const char *owner, const char *name, const char *kind)
{
    char from[PATH_BYTES], to[PATH_BYTES], home[PATH_BYTES];
    struct stat status;
    snprintf(from, sizeof(from), "%.500s/%s.%s", made, name, kind);
    snprintf(home, sizeof(home), "%.500s/%s", directory, owner);
    snprintf(to, sizeof(to), "%.500s/%s/%s.%s", directory, owner, name, kind);
    int error = copy_file(from, to, strcmp(kind, "key") == 0 ? 0600 : 0644);
    if (!error && stat(home, &status) == 0 && geteuid() == 0 && chown(to, status.st_uid, status.st_gid) != 0)
        error = -QY_EIO;
    return error;
}

static int distribute(const char *made, const char *directory)
{
    char home[PATH_BYTES];
    int error = 0;
    for (size_t owner = 0; !error && owner < COUNT_OF(names); owner++) {
        snprintf(home, sizeof(home), "%.500s/%s", directory, names[owner]);
        if (mkdir(home, 0700) != 0 && errno != EEXIST)
            return error_from_errno(errno);
        for (size_t i = 0; !error && i < COUNT_OF(names); i++)
            error = give(made, directory, names[owner], names[i], "pub");
        if (!error)
            error = give(made, directory, names[owner], names[owner], "key");
    }
    return error;
}

static void remove_made(const char *made)
{
    char path[PATH_BYTES];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%.500s/%s.key", made, names[i]);
        (void)unlink(path);
        snprintf(path, sizeof(path), "%.500s/%s.pub", made, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(made);
}

int command_keys(int argc, char **argv)
{
    if (argc > 1 && argv[argc - 1][0] == '-')
        return command_unknown(argv[0], argv[argc - 1]);
    if (argc != 2)
        return command_usage(argv[0]);
    if (is_complete(argv[1]))
        return 0;
    char made[] = "/dev/shm/quanyu-keys-XXXXXX"; /* in memory: the pairs are never on one disk together */
    int error = mkdtemp(made) ? keys_make(made) : error_from_errno(errno);
    if (!error)
        error = distribute(made, argv[1]);
    remove_made(made);
    if (error)
        fprintf(stderr, "quanyu: keys could not be made in %s: %s\n", argv[1], error_text(error));
    return error ? 1 : 0;
}
