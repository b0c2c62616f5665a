/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_vault.h"

#include "common/glyph.h"
#include "common/keys.h"
#include "services/gateway/login.h"

#include <sodium.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define FOLDED_BYTES_MAX 256u

/* A key for one purpose. */
static void derive(const uint8_t key[32], const char *purpose, uint8_t ret_key[32])
{
    crypto_generichash(ret_key, 32, (const uint8_t *)purpose, strlen(purpose), key, 32);
}

int staff_vault_open(const char *path, struct store_txn *txn, struct staff_vault *ret_vault)
{
    uint8_t key[32], mark[SECRET_HASH_BYTES];
    int error = sodium_init() < 0 ? -QY_EIO : keys_secret(path, key);
    if (error)
        return error;
    derive(key, "seal", ret_vault->seal_key);
    derive(key, "index", ret_vault->index_key);
    derive(key, "mark", mark);
    sodium_memzero(key, sizeof(key));
    if (!staff_key_check(txn, mark))
        return -QY_ECONFLICT;
    staff_key_put(txn, mark);
    return store_error(txn);
}

struct binding {
    uint8_t bytes[5];
};

static struct binding bind_to(uint32_t staff, enum staff_sealed what)
{
    struct binding binding;
    put_be32(binding.bytes, staff);
    binding.bytes[4] = (uint8_t)what;
    return binding;
}

int staff_seal(const struct staff_vault *vault, uint32_t staff, enum staff_sealed what, struct bytes plain,
    struct arena *arena, ProtobufCBinaryData *ret_sealed)
{
    struct binding binding = bind_to(staff, what);
    uint8_t *sealed = arena_alloc(arena, NONCE_BYTES + plain.size + TAG_BYTES);
    if (!sealed)
        return -QY_ENOMEM;
    randombytes_buf(sealed, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, NULL, plain.data, plain.size,
        binding.bytes, sizeof(binding.bytes), NULL, sealed, vault->seal_key);
    *ret_sealed = (ProtobufCBinaryData){.data = sealed, .len = NONCE_BYTES + plain.size + TAG_BYTES};
    return 0;
}

int staff_unseal(const struct staff_vault *vault, uint32_t staff, enum staff_sealed what,
    ProtobufCBinaryData sealed, struct arena *arena, struct bytes *ret_plain)
{
    struct binding binding = bind_to(staff, what);
    if (sealed.len < NONCE_BYTES + TAG_BYTES)
        return -QY_ECORRUPT;
    size_t size = sealed.len - NONCE_BYTES - TAG_BYTES;
    uint8_t *plain = arena_alloc(arena, size + 1);
    if (!plain)
        return -QY_ENOMEM;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed.data + NONCE_BYTES,
            sealed.len - NONCE_BYTES, binding.bytes, sizeof(binding.bytes), sealed.data, vault->seal_key))
        return -QY_ECORRUPT;
    *ret_plain = (struct bytes){plain, size};
    return 0;
}

int staff_seal_personal(const struct staff_vault *vault, Quanyu__Staff *staff,
    const Quanyu__StaffPersonal *personal, struct arena *arena)
{
    size_t size = quanyu__staff_personal__get_packed_size(personal);
    uint8_t *plain = arena_alloc(arena, size + 1);
    if (!plain)
        return -QY_ENOMEM;
    quanyu__staff_personal__pack(personal, plain);
    return staff_seal(
        vault, staff->number, STAFF_SEALED_PERSONAL, (struct bytes){plain, size}, arena, &staff->sealed);
}

int staff_open_personal(const struct staff_vault *vault, const Quanyu__Staff *staff, struct arena *arena,
    Quanyu__StaffPersonal **ret_personal)
{
    struct bytes plain;
    int error = staff_unseal(vault, staff->number, STAFF_SEALED_PERSONAL, staff->sealed, arena, &plain);
    if (error)
        return error;
    *ret_personal = quanyu__staff_personal__unpack(arena_allocator(arena), plain.size, plain.data);
    return *ret_personal ? 0 : -QY_ECORRUPT;
}

static void keyed_hash(const struct staff_vault *vault, char kind, const char *text, size_t size,
    uint8_t ret_hash[SECRET_HASH_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, vault->index_key, sizeof(vault->index_key), SECRET_HASH_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)&kind, 1);
    crypto_generichash_update(&state, (const uint8_t *)text, size);
    crypto_generichash_final(&state, ret_hash, SECRET_HASH_BYTES);
}

struct staff_login staff_login_of(const struct staff_vault *vault, const char *login)
{
    char folded[FOLDED_BYTES_MAX], look[FOLDED_BYTES_MAX];
    struct staff_login found;
    size_t size = glyph_fold(login, strnlen(login, sizeof(folded)), folded);
    keyed_hash(vault, 'l', folded, size, found.exact);
    keyed_hash(vault, 's', look, login_look(folded, size, look), found.look);
    return found;
}

void staff_keyed_hash(const struct staff_vault *vault, const char *text, uint8_t ret_hash[SECRET_HASH_BYTES])
{
    keyed_hash(vault, 't', text, strlen(text), ret_hash);
}
