/* SPDX-License-Identifier: Apache-2.0 */
#include "common/keys.h"

#include "common/directory.h"
#include "common/error.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define PATH_BYTES 4096
#define KEY_FILE_BYTES 256

static const char *const names[] = {"gateway", "identity", "tagging", "campaign", "audit", "cli"};

static void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int compose(char path[PATH_BYTES], const char *directory, const char *name, const char *suffix)
{
    int size = snprintf(path, PATH_BYTES, "%s/%s%s", directory, name, suffix);
    return size < 0 || size >= PATH_BYTES ? -QY_ETOOLARGE : 0;
}

static int write_synced(const char *path, mode_t mode, const void *data, size_t size)
{
    _cleanup_(close_file) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) < 0)
        return error_from_errno(errno);
    ssize_t written = write(fd, data, size);
    if (written >= 0 && (size_t)written != size)
        return -QY_EFULL;
    return written < 0 || fsync(fd) < 0 ? error_from_errno(errno) : 0;
}

/* Whole or not at all, and never over what somebody else has put there meanwhile: 0 in that case too. */
static int create_file(const char *directory, const char *path, mode_t mode, const void *data, size_t size)
{
    char temporary[PATH_BYTES];
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return -QY_EIO;
    int length = snprintf(temporary, sizeof(temporary), "%s.%016llx", path, (unsigned long long)random);
    if (length < 0 || (size_t)length >= sizeof(temporary))
        return -QY_ETOOLARGE;
    int code = write_synced(temporary, mode, data, size);
    if (code == 0 && link(temporary, path) < 0 && errno != EEXIST)
        code = error_from_errno(errno);
    unlink(temporary);
    return code < 0 ? code : directory_sync(directory);
}

/* The whole file, at most `capacity` - 1 bytes, with a NUL behind it. */
static int read_small(const char *path, char *text, size_t capacity, size_t *ret_size)
{
    _cleanup_(close_file) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_from_errno(errno);
    size_t size = 0;
    while (size < capacity) {
        ssize_t got = read(fd, text + size, capacity - size);
        if (got < 0 && errno != EINTR)
            return error_from_errno(errno);
        if (got == 0)
            break;
        size += got > 0 ? (size_t)got : 0;
    }
    if (size == capacity)
        return -QY_ECORRUPT;
    text[size] = '\0';
    *ret_size = size;
    return 0;
}

/* `text` is a key and a line's end; its length with the line's end, 0 when it is something else. */
static size_t take_key(const char *text, char ret_key[KEYS_Z85])
{
    uint8_t binary[32];
    if (strcspn(text, "\n") != KEYS_Z85 - 1 || text[KEYS_Z85 - 1] != '\n')
        return 0;
    memcpy(ret_key, text, KEYS_Z85 - 1);
    ret_key[KEYS_Z85 - 1] = '\0';
    return zmq_z85_decode(binary, ret_key) ? KEYS_Z85 : 0;
}

int keys_load_public(const char *directory, const char *name, char ret_public[KEYS_Z85])
{
    char path[PATH_BYTES], text[KEY_FILE_BYTES], key[KEYS_Z85];
    size_t size = 0;
    int code = compose(path, directory, name, ".pub");
    if (code == 0)
        code = read_small(path, text, sizeof(text), &size);
    if (code < 0)
        return code;
    if (size != KEYS_Z85 || take_key(text, key) == 0)
        return -QY_ECORRUPT;
    memcpy(ret_public, key, KEYS_Z85);
    return 0;
}

/* A .key file is two lines: the public key, the secret key. */
static int load_pair(const char *directory, const char *name, struct keys *ret_keys)
{
    char path[PATH_BYTES], text[KEY_FILE_BYTES], derived[KEYS_Z85];
    struct keys keys = {0};
    size_t size = 0;
    int code = strlen(name) < sizeof(keys.name) ? compose(path, directory, name, ".key") : -QY_ETOOLARGE;
    if (code == 0)
        code = read_small(path, text, sizeof(text), &size);
    if (code < 0)
        return code;
    memcpy(keys.name, name, strlen(name));
    bool good = size == (size_t)2 * KEYS_Z85 && take_key(text, keys.public_key) &&
                take_key(text + KEYS_Z85, keys.secret_key) &&
                zmq_curve_public(derived, keys.secret_key) == 0 && strcmp(derived, keys.public_key) == 0;
    explicit_bzero(text, sizeof(text));
    if (!good)
        return -QY_ECORRUPT;
    *ret_keys = keys;
    explicit_bzero(&keys, sizeof(keys));
    return 0;
}

int keys_load(const char *directory, const char *name, struct keys *ret_keys)
{
    struct keys keys;
    char public_key[KEYS_Z85];
    int code = load_pair(directory, name, &keys);
    if (code == 0)
        code = keys_load_public(directory, name, public_key);
    /* Peers admit what .pub says: a pair that differs from it would be refused everywhere, without a reason.
     */
    if (code == 0 && strcmp(public_key, keys.public_key) != 0)
        code = -QY_ECORRUPT;
    if (code == 0)
        *ret_keys = keys;
    explicit_bzero(&keys, sizeof(keys));
    return code;
}

static int make_secret_file(const char *directory, const char *name)
{
    char path[PATH_BYTES], text[2 * KEYS_Z85 + 1], public_key[KEYS_Z85], secret_key[KEYS_Z85];
    int code = compose(path, directory, name, ".key");
    if (code < 0)
        return code;
    if (zmq_curve_keypair(public_key, secret_key) < 0)
        return -QY_EUNSUPPORTED; /* a libzmq without CURVE */
    int size = snprintf(text, sizeof(text), "%s\n%s\n", public_key, secret_key);
    code = create_file(directory, path, 0600, text, (size_t)size);
    explicit_bzero(text, sizeof(text));
    explicit_bzero(secret_key, sizeof(secret_key));
    return code;
}

/* The public file comes from the secret one, so that a crash between the two is mended by the next start. */
static int make_public_file(const char *directory, const char *name)
{
    char path[PATH_BYTES], text[KEYS_Z85 + 1];
    struct keys keys;
    int code = compose(path, directory, name, ".pub");
    if (code == 0)
        code = load_pair(directory, name, &keys);
    if (code < 0)
        return code;
    int size = snprintf(text, sizeof(text), "%s\n", keys.public_key);
    explicit_bzero(&keys, sizeof(keys));
    return create_file(directory, path, 0644, text, (size_t)size);
}

static int make_pair(const char *directory, const char *name)
{
    char path[PATH_BYTES];
    int code = compose(path, directory, name, ".pub");
    if (code < 0)
        return code;
    if (access(path, F_OK) == 0)
        return 0;
    code = make_secret_file(directory, name);
    return code < 0 ? code : make_public_file(directory, name);
}

int keys_make(const char *directory)
{
    int code = directory_make(directory);
    for (size_t i = 0; i < COUNT_OF(names) && code == 0; i++)
        code = make_pair(directory, names[i]);
    return code;
}

/* The directory that `path` lies in. */
static int parent_of(const char *path, char ret_directory[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    if (size >= PATH_BYTES)
        return -QY_ETOOLARGE;
    if (size == 0) {
        memcpy(ret_directory, slash ? "/" : ".", 2);
        return 0;
    }
    memcpy(ret_directory, path, size);
    ret_directory[size] = '\0';
    return 0;
}

static int make_secret(const char *path)
{
    char directory[PATH_BYTES];
    uint8_t secret[32];
    int code = parent_of(path, directory);
    if (code == 0)
        code = directory_make(directory);
    if (code < 0)
        return code;
    if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
        return -QY_EIO;
    code = create_file(directory, path, 0600, secret, sizeof(secret));
    explicit_bzero(secret, sizeof(secret));
    return code;
}

int keys_secret(const char *path, uint8_t ret_secret[32])
{
    char content[33 + 1];
    size_t size = 0;
    int code = read_small(path, content, sizeof(content), &size);
    if (code == -QY_ENOTFOUND) {
        code = make_secret(path);
        if (code == 0)
            code = read_small(path, content, sizeof(content), &size);
    }
    if (code == 0 && size != 32)
        code = -QY_ECORRUPT;
    if (code == 0)
        memcpy(ret_secret, content, 32);
    explicit_bzero(content, sizeof(content));
    return code;
}
