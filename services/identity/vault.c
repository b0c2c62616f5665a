/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/vault.h"

#include "common/error.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WRAP_VERSION 1
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define LABEL_MAX 64

static_assert(VAULT_WRAPPED_BYTES == 1 + NONCE_BYTES + sizeof(struct vault_key) + TAG_BYTES, "wrapped key");

/* Never renumber: what is stored hangs on them. */
enum subkey { SUBKEY_WRAP = 1, SUBKEY_HASH = 2, SUBKEY_TOKEN = 3, SUBKEY_MESSAGE = 4, SUBKEY_ONE_ID = 5 };

struct vault {
    uint8_t wrap[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    uint8_t hash[32];
    uint8_t token[32];
    uint8_t message[crypto_shorthash_siphash24_KEYBYTES];
    struct one_id_key one_id;
};

static void derive(const uint8_t master[VAULT_MASTER_BYTES], enum subkey id, uint8_t *out, size_t size)
{
    int failed = crypto_kdf_derive_from_key(out, size, id, "identity", master);
    assert(!failed);
    (void)failed;
}

int vault_open(const uint8_t master[VAULT_MASTER_BYTES], struct vault **ret_vault)
{
    if (sodium_init() < 0)
        return -QY_EIO;
    struct vault *vault = calloc(1, sizeof(*vault));
    if (!vault)
        return -QY_ENOMEM;
    derive(master, SUBKEY_WRAP, vault->wrap, sizeof(vault->wrap));
    derive(master, SUBKEY_HASH, vault->hash, sizeof(vault->hash));
    derive(master, SUBKEY_TOKEN, vault->token, sizeof(vault->token));
    derive(master, SUBKEY_MESSAGE, vault->message, sizeof(vault->message));
    derive(master, SUBKEY_ONE_ID, vault->one_id.bytes, sizeof(vault->one_id.bytes));
    *ret_vault = vault;
    return 0;
}

void vault_close(struct vault **vault)
{
    if (!*vault)
        return;
    sodium_memzero(*vault, sizeof(**vault));
    free(*vault);
    *vault = NULL;
}

/* BLAKE2b of label, NUL, value: in one call where it fits, which is four times as fast. */
static void keyed_hash(
    const uint8_t key[32], const char *label, const char *value, size_t size, uint8_t *out, size_t out_size)
{
    uint8_t text[384];
    size_t label_size = strlen(label) + 1;
    assert(label_size <= LABEL_MAX);
    if (size <= sizeof(text) - LABEL_MAX) {
        memcpy(text, label, label_size);
        if (size > 0)
            memcpy(text + label_size, value, size);
        crypto_generichash(out, out_size, text, label_size + size, key, 32);
        return;
    }
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, 32, out_size);
    crypto_generichash_update(&state, (const uint8_t *)label, label_size);
    crypto_generichash_update(&state, (const uint8_t *)value, size);
    crypto_generichash_final(&state, out, out_size);
}

void vault_hash(const struct vault *vault, const char *kind, const char *value, size_t size,
    uint8_t ret_hash[VAULT_HASH_BYTES])
{
    keyed_hash(vault->hash, kind, value, size, ret_hash, VAULT_HASH_BYTES);
}

void vault_token(const struct vault *vault, const char *value, size_t size, char ret_token[VAULT_TOKEN_BYTES])
{
    uint8_t hash[16];
    keyed_hash(vault->token, "token", value, size, hash, sizeof(hash));
    ret_token[0] = 'h';
    ret_token[1] = '_';
    for (size_t i = 0; i < VAULT_TOKEN_LETTERS; i++)
        ret_token[2 + i] = (char)('a' + (hash[i / 2] >> (i % 2 ? 0 : 4) & 0xf));
    ret_token[2 + VAULT_TOKEN_LETTERS] = '\0';
}

uint64_t vault_message_key(const struct vault *vault, uint32_t source, const char *id, size_t size)
{
    uint8_t text[4 + 512];
    if (size > sizeof(text) - 4)
        size = sizeof(text) - 4; /* the protocol's limit lies below */
    put_be32(text, source);
    if (size > 0)
        memcpy(text + 4, id, size);
    uint8_t hash[crypto_shorthash_siphash24_BYTES];
    crypto_shorthash_siphash24(hash, text, 4 + size, vault->message);
    return get_be64(hash);
}

const struct one_id_key *vault_one_id_key(const struct vault *vault)
{
    return &vault->one_id;
}

/* What a sealed value is bound to. */
struct binding {
    uint8_t bytes[5];
};

static struct binding bind_to(unsigned purpose, uint32_t node)
{
    struct binding binding;
    binding.bytes[0] = (uint8_t)purpose;
    put_be32(binding.bytes + 1, node);
    return binding;
}

/* Fresh random bytes, fetched from the system many at a time: a call for each nonce costs more than the
 * cipher. */
static void take_random(uint8_t *out, size_t size)
{
    static _Thread_local uint8_t pool[4096];
    static _Thread_local size_t left;
    assert(size <= sizeof(pool));
    if (left < size) {
        randombytes_buf(pool, sizeof(pool));
        left = sizeof(pool);
    }
    left -= size;
    memcpy(out, pool + left, size);
    sodium_memzero(pool + left, size);
}

void vault_make_key(const struct vault *vault, uint32_t node, struct vault_key *ret_key,
    uint8_t ret_wrapped[VAULT_WRAPPED_BYTES])
{
    uint8_t random[NONCE_BYTES + sizeof(*ret_key)];
    take_random(random, sizeof(random));
    memcpy(ret_key->bytes, random + NONCE_BYTES, sizeof(ret_key->bytes));
    ret_wrapped[0] = WRAP_VERSION;
    memcpy(ret_wrapped + 1, random, NONCE_BYTES);
    struct binding binding = bind_to(0, node);
    crypto_aead_xchacha20poly1305_ietf_encrypt(ret_wrapped + 1 + NONCE_BYTES, NULL, ret_key->bytes,
        sizeof(ret_key->bytes), binding.bytes, sizeof(binding.bytes), NULL, random, vault->wrap);
    sodium_memzero(random, sizeof(random));
}

int vault_unwrap(const struct vault *vault, uint32_t node, const uint8_t wrapped[VAULT_WRAPPED_BYTES],
    struct vault_key *ret_key)
{
    if (wrapped[0] != WRAP_VERSION)
        return -QY_EVERSION;
    struct binding binding = bind_to(0, node);
    struct vault_key key;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(key.bytes, NULL, NULL, wrapped + 1 + NONCE_BYTES,
            sizeof(key.bytes) + TAG_BYTES, binding.bytes, sizeof(binding.bytes), wrapped + 1, vault->wrap))
        return -QY_ECORRUPT;
    *ret_key = key;
    return 0;
}

void vault_seal(const struct vault_key *key, enum vault_purpose purpose, uint32_t node, const void *data,
    size_t size, struct buffer *out)
{
    uint8_t *room = buffer_reserve(out, NONCE_BYTES + size + TAG_BYTES);
    if (!room)
        return;
    take_random(room, NONCE_BYTES);
    struct binding binding = bind_to(purpose, node);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        room + NONCE_BYTES, NULL, data, size, binding.bytes, sizeof(binding.bytes), NULL, room, key->bytes);
    out->size += NONCE_BYTES + size + TAG_BYTES;
}

int vault_unseal(const struct vault_key *key, enum vault_purpose purpose, uint32_t node, struct bytes sealed,
    struct buffer *out)
{
    if (sealed.size < NONCE_BYTES + TAG_BYTES)
        return -QY_ECORRUPT;
    size_t size = sealed.size - NONCE_BYTES - TAG_BYTES;
    uint8_t *room = buffer_reserve(out, size + 1);
    if (!room)
        return buffer_error(out);
    struct binding binding = bind_to(purpose, node);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(room, NULL, NULL, sealed.data + NONCE_BYTES,
            sealed.size - NONCE_BYTES, binding.bytes, sizeof(binding.bytes), sealed.data, key->bytes))
        return -QY_ECORRUPT;
    out->size += size;
    return 0;
}
