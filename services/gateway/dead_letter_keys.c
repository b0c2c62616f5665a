/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_keys.h"

#include "common/directory.h"
#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define PART_BYTES ((size_t)64 * 1024)

/* The file's first key is that of the marks; the slots follow. */
struct letter_keys {
    int fd;
    uint32_t slots;
    uint8_t marks[KEY_BYTES];
};

static int write_whole(int fd, const uint8_t *data, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, at);
        if (written < 0 && errno != EINTR)
            return error_from_errno(errno);
        if (written > 0) {
            data += written;
            at += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

static int write_random(int fd, off_t from, off_t to)
{
    uint8_t part[PART_BYTES];
    int error = 0;
    for (off_t at = from; !error && at < to;) {
        size_t size = to - at < (off_t)sizeof(part) ? (size_t)(to - at) : sizeof(part);
        randombytes_buf(part, size);
        error = write_whole(fd, part, size, at);
        at += (off_t)size;
    }
    sodium_memzero(part, sizeof(part));
    if (!error && fdatasync(fd) < 0)
        error = error_from_errno(errno);
    return error;
}

static off_t bytes_of(uint32_t slots)
{
    return ((off_t)slots + 1) * (off_t)KEY_BYTES;
}

static off_t place_of(uint32_t slot)
{
    return bytes_of(slot);
}

/* Whole or not at all: a file that a crash left half made would be taken for a short one. */
static int make_file(const char *path, uint32_t slots)
{
    char temporary[700];
    int length = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof(temporary))
        return -QY_ETOOLARGE;
    int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_from_errno(errno);
    int error = write_random(fd, 0, bytes_of(slots));
    close(fd);
    if (!error && rename(temporary, path) < 0)
        error = error_from_errno(errno);
    if (error)
        unlink(temporary);
    return error ? error : directory_sync_parent(path);
}

static int read_key(const struct letter_keys *keys, off_t at, uint8_t ret_key[KEY_BYTES])
{
    ssize_t size = pread(keys->fd, ret_key, KEY_BYTES, at);
    if (size < 0)
        return error_from_errno(errno);
    return size == KEY_BYTES ? 0 : -QY_ECORRUPT;
}

/* What lies behind the last whole slot is what a crash left of making it longer. */
static int measure(struct letter_keys *keys, uint32_t slots)
{
    struct stat status;
    if (fstat(keys->fd, &status) < 0)
        return error_from_errno(errno);
    if (status.st_size < bytes_of(0))
        return -QY_ECORRUPT;
    keys->slots = (uint32_t)(status.st_size / (off_t)KEY_BYTES - 1);
    int error = 0;
    if (keys->slots < slots) {
        error = write_random(keys->fd, bytes_of(keys->slots), bytes_of(slots));
        if (!error)
            keys->slots = slots;
    }
    return error == -QY_EFULL ? 0 : error;
}

int letter_keys_open(const char *path, uint32_t slots, struct letter_keys **ret_keys, bool *ret_made)
{
    struct letter_keys *keys = calloc(1, sizeof(*keys));
    if (!keys)
        return -QY_ENOMEM;
    keys->fd = open(path, O_RDWR | O_CLOEXEC);
    *ret_made = keys->fd < 0 && errno == ENOENT;
    int error = *ret_made ? make_file(path, slots) : 0;
    if (*ret_made && !error)
        keys->fd = open(path, O_RDWR | O_CLOEXEC);
    if (!error && keys->fd < 0)
        error = error_from_errno(errno);
    if (!error)
        error = measure(keys, slots);
    if (!error)
        error = read_key(keys, 0, keys->marks);
    if (error)
        letter_keys_close(&keys);
    *ret_keys = keys;
    return error;
}

void letter_keys_close(struct letter_keys **keys)
{
    if (!*keys)
        return;
    if ((*keys)->fd >= 0)
        close((*keys)->fd);
    sodium_memzero(*keys, sizeof(**keys));
    free(*keys);
    *keys = NULL;
}

uint32_t letter_keys_slots(const struct letter_keys *keys)
{
    return keys->slots;
}

void letter_keys_check(const struct letter_keys *keys, uint8_t ret_check[LETTER_CHECK_BYTES])
{
    static const char label[] = "dead letters";
    crypto_generichash(ret_check, LETTER_CHECK_BYTES, (const uint8_t *)label, sizeof(label), keys->marks,
        sizeof(keys->marks));
}

void letter_keys_mark(const struct letter_keys *keys, uint32_t source, struct bytes content,
    uint8_t ret_mark[LETTER_MARK_BYTES])
{
    uint8_t origin[4];
    crypto_generichash_state state;
    put_be32(origin, source);
    crypto_generichash_init(&state, keys->marks, sizeof(keys->marks), LETTER_MARK_BYTES);
    crypto_generichash_update(&state, origin, sizeof(origin));
    crypto_generichash_update(&state, content.data, content.size);
    crypto_generichash_final(&state, ret_mark, LETTER_MARK_BYTES);
}

int letter_keys_seal(
    const struct letter_keys *keys, uint32_t slot, uint64_t letter, struct bytes content, struct buffer *out)
{
    uint8_t key[KEY_BYTES], binding[8];
    uint8_t *room = buffer_reserve(out, NONCE_BYTES + content.size + TAG_BYTES);
    if (!room)
        return buffer_error(out);
    int error = read_key(keys, place_of(slot), key);
    if (error)
        return error;
    put_be64(binding, letter);
    randombytes_buf(room, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        room + NONCE_BYTES, NULL, content.data, content.size, binding, sizeof(binding), NULL, room, key);
    out->size += NONCE_BYTES + content.size + TAG_BYTES;
    sodium_memzero(key, sizeof(key));
    return 0;
}

int letter_keys_open_letter(
    const struct letter_keys *keys, uint32_t slot, uint64_t letter, struct bytes sealed, struct buffer *out)
{
    uint8_t key[KEY_BYTES], binding[8];
    if (sealed.size < NONCE_BYTES + TAG_BYTES || slot >= keys->slots)
        return -QY_ECORRUPT;
    size_t size = sealed.size - NONCE_BYTES - TAG_BYTES;
    uint8_t *room = buffer_reserve(out, size + 1);
    if (!room)
        return buffer_error(out);
    int error = read_key(keys, place_of(slot), key);
    if (error)
        return error;
    put_be64(binding, letter);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(room, NULL, NULL, sealed.data + NONCE_BYTES,
            sealed.size - NONCE_BYTES, binding, sizeof(binding), sealed.data, key))
        error = -QY_ECORRUPT;
    else
        out->size += size;
    sodium_memzero(key, sizeof(key));
    return error;
}

int letter_keys_destroy(const struct letter_keys *keys, const uint32_t *slots, size_t count)
{
    uint8_t random[KEY_BYTES];
    int error = 0;
    for (size_t i = 0; !error && i < count; i++) {
        randombytes_buf(random, sizeof(random));
        error = write_whole(keys->fd, random, sizeof(random), place_of(slots[i]));
    }
    sodium_memzero(random, sizeof(random));
    if (!error && count > 0 && fdatasync(keys->fd) < 0)
        error = error_from_errno(errno);
    return error;
}
