/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/secrets.h"

#include "common/buffer.h"
#include "common/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEALED_BYTES_MAX (NONCE_BYTES + SECRET_BYTES_MAX + TAG_BYTES)
#define BASE64 sodium_base64_VARIANT_ORIGINAL_NO_PADDING
#define SEALED_TEXT_BYTES sodium_base64_ENCODED_LEN(SEALED_BYTES_MAX, BASE64)

int secrets_key(const char *directory, struct secret_key *ret_key)
{
    char path[700];
    int size = snprintf(path, sizeof(path), "%s/secrets.key", directory);
    if (size < 0 || (size_t)size >= sizeof(path))
        return -QY_ETOOLARGE;
    return sodium_init() < 0 ? -QY_EIO : keys_secret(path, ret_key->bytes);
}

/* -- one secret -- */

struct binding {
    uint8_t bytes[4 + STEP_ID_BYTES];
};

static struct binding bind_to(uint32_t journey, const char *step)
{
    struct binding binding = {{0}};
    put_be32(binding.bytes, journey);
    memcpy(binding.bytes + 4, step, strnlen(step, STEP_ID_BYTES - 1));
    return binding;
}

static void seal(const struct secret_key *key, uint32_t journey, const char *step, const char *secret,
    size_t size, char ret_sealed[SEALED_TEXT_BYTES])
{
    uint8_t sealed[SEALED_BYTES_MAX];
    struct binding binding = bind_to(journey, step);
    randombytes_buf(sealed, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, NULL, (const uint8_t *)secret, size,
        binding.bytes, sizeof(binding.bytes), NULL, sealed, key->bytes);
    sodium_bin2base64(ret_sealed, SEALED_TEXT_BYTES, sealed, NONCE_BYTES + size + TAG_BYTES, BASE64);
}

int secrets_open(const struct secret_key *key, uint32_t journey, const char *step, const char *sealed,
    char ret_secret[SECRET_BYTES_MAX + 1])
{
    uint8_t bytes[SEALED_BYTES_MAX], plain[SECRET_BYTES_MAX + 1] = {0};
    size_t size;
    struct binding binding = bind_to(journey, step);
    if (sodium_base642bin(bytes, sizeof(bytes), sealed, strlen(sealed), NULL, &size, NULL, BASE64) ||
        size < NONCE_BYTES + TAG_BYTES)
        return -QY_ECORRUPT;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, bytes + NONCE_BYTES, size - NONCE_BYTES,
            binding.bytes, sizeof(binding.bytes), bytes, key->bytes))
        return -QY_ECORRUPT;
    memcpy(ret_secret, plain, sizeof(plain));
    sodium_memzero(plain, sizeof(plain));
    return 0;
}

/* -- definitions -- */

static bool is_webhook(yyjson_mut_val *step)
{
    return yyjson_mut_equals_str(yyjson_mut_obj_get(step, "channel"), "webhook");
}

/* A copy that can be changed. */
static int copy_of(struct bytes json, yyjson_mut_doc **ret_document)
{
    yyjson_doc *document = yyjson_read((const char *)json.data, json.size, YYJSON_READ_NUMBER_AS_RAW);
    if (!document)
        return -QY_ECORRUPT;
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(document, NULL);
    yyjson_doc_free(document);
    if (copy)
        *ret_document = copy;
    return copy ? 0 : -QY_ENOMEM;
}

static int text_of(yyjson_mut_doc *document, struct arena *arena, struct bytes *ret_json)
{
    size_t size;
    _cleanup_(free_pointer) char *text = yyjson_mut_write(document, 0, &size);
    uint8_t *copy = text ? arena_copy(arena, text, size) : NULL;
    if (!copy)
        return -QY_ENOMEM;
    *ret_json = (struct bytes){copy, size};
    return 0;
}

/* The sealed secret of the step with this id; NULL: it has none. */
static const char *secret_before(const struct journey *before, const char *id)
{
    int index = before ? journey_step(before, id) : STEP_END;
    return index == STEP_END ? NULL : before->steps[index].message.sealed;
}

static int refuse(struct journey_problem *problem, size_t index)
{
    snprintf(problem->pointer, sizeof(problem->pointer), "/steps/%zu/secret", index);
    snprintf(problem->message, sizeof(problem->message),
        "is missing, and no step with this id has one to be kept");
    return -QY_EINVAL;
}

struct sealing {
    const struct secret_key *key;
    uint32_t journey;
    const struct journey *before;
    yyjson_mut_doc *document;
    struct journey_problem *problem;
};

static int seal_step(const struct sealing *sealing, yyjson_mut_val *step, size_t index)
{
    const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(step, "id"));
    yyjson_mut_val *secret = yyjson_mut_obj_remove_key(step, "secret");
    const char *kept = secret ? NULL : secret_before(sealing->before, id);
    char sealed[SEALED_TEXT_BYTES];
    yyjson_mut_obj_remove_key(step, "secret_set");
    if (secret)
        seal(sealing->key, sealing->journey, id, yyjson_mut_get_str(secret), yyjson_mut_get_len(secret),
            sealed);
    else if (!kept)
        return refuse(sealing->problem, index);
    return yyjson_mut_obj_add_strcpy(sealing->document, step, "secret_sealed", kept ? kept : sealed)
               ? 0
               : -QY_ENOMEM;
}

int secrets_seal(const struct secret_key *key, uint32_t journey, struct bytes given,
    const struct journey *before, struct arena *arena, struct bytes *ret_stored,
    struct journey_problem *problem)
{
    struct sealing sealing = {.key = key, .journey = journey, .before = before, .problem = problem};
    int error = copy_of(given, &sealing.document);
    if (error)
        return error;
    yyjson_mut_val *steps = yyjson_mut_obj_get(yyjson_mut_doc_get_root(sealing.document), "steps");
    yyjson_mut_arr_iter iterator = yyjson_mut_arr_iter_with(steps);
    yyjson_mut_val *step;
    for (size_t i = 0; !error && (step = yyjson_mut_arr_iter_next(&iterator)); i++)
        if (is_webhook(step))
            error = seal_step(&sealing, step, i);
    if (!error)
        error = text_of(sealing.document, arena, ret_stored);
    yyjson_mut_doc_free(sealing.document);
    return error;
}

int secrets_hide(struct bytes stored, struct arena *arena, struct bytes *ret_shown)
{
    yyjson_mut_doc *document;
    int error = copy_of(stored, &document);
    if (error)
        return error;
    yyjson_mut_val *steps = yyjson_mut_obj_get(yyjson_mut_doc_get_root(document), "steps");
    yyjson_mut_arr_iter iterator = yyjson_mut_arr_iter_with(steps);
    yyjson_mut_val *step;
    while (!error && (step = yyjson_mut_arr_iter_next(&iterator)))
        if (yyjson_mut_obj_remove_key(step, "secret_sealed") &&
            !yyjson_mut_obj_add_bool(document, step, "secret_set", true))
            error = -QY_ENOMEM;
    if (!error)
        error = text_of(document, arena, ret_shown);
    yyjson_mut_doc_free(document);
    return error;
}
