/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks at rest: plain, or sealed with a key that lies elsewhere. */
#include "common/chunk.h"

#include <sodium.h>
#include <string.h>

enum rest { REST_PLAIN = 0, REST_SEALED = 1 };

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(CHUNK_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one key");

static int seal(const uint8_t *key, uint64_t first, struct bytes wire, struct buffer *stored)
{
    size_t size = NONCE_BYTES + wire.size + TAG_BYTES;
    uint8_t *nonce = buffer_reserve(stored, size);
    if (!nonce)
        return -QY_ENOMEM;
    uint8_t bound_to[8];
    put_be64(bound_to, first);
    randombytes_buf(nonce, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        nonce + NONCE_BYTES, NULL, wire.data, wire.size, bound_to, sizeof(bound_to), NULL, nonce, key);
    stored->size += size;
    return 0;
}

int chunk_store(const uint8_t *key, uint64_t first, struct bytes wire, struct buffer *stored)
{
    buffer_byte(stored, key ? REST_SEALED : REST_PLAIN);
    if (key)
        return seal(key, first, wire, stored);
    buffer_append(stored, wire.data, wire.size);
    return buffer_error(stored);
}

static int unseal(const uint8_t *key, uint64_t first, struct bytes sealed, uint8_t *room)
{
    uint8_t bound_to[8];
    put_be64(bound_to, first);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(room, NULL, NULL, sealed.data + NONCE_BYTES,
               sealed.size - NONCE_BYTES, bound_to, sizeof(bound_to), sealed.data, key)
               ? -QY_ECORRUPT
               : 0;
}

int chunk_unstore(const uint8_t *key, uint64_t first, struct bytes stored, bool sized, struct buffer *wire,
    struct bytes *ret_wire)
{
    size_t overhead = 1 + (key ? NONCE_BYTES + TAG_BYTES : 0);
    if (stored.size <= overhead || stored.data[0] != (key ? REST_SEALED : REST_PLAIN))
        return -QY_ECORRUPT;
    size_t before = wire->size;
    struct bytes rest = {stored.data + 1, stored.size - 1};
    size_t size = stored.size - overhead;
    if (sized)
        buffer_varint(wire, size);
    uint8_t *room = buffer_reserve(wire, size);
    int code = !room ? -QY_ENOMEM : key ? unseal(key, first, rest, room) : 0;
    if (code) {
        wire->size = before;
        return code;
    }
    if (!key)
        memcpy(room, rest.data, size);
    wire->size += size;
    *ret_wire = (struct bytes){room, size};
    return 0;
}
