/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/note.h"

#include "common/error.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define DASH "\xe2\x80\x94 " /* an em dash, and a blank */
#define SECRET_PREFIX "PRIVATE+KEY+"
#define KEY_MATERIAL_BYTES 33 /* type and key or seed */
#define KEY_TEXT_BYTES 45     /* the same in base64 */
#define SIGNATURE_BYTES_MAX (4 + 8 + crypto_sign_BYTES)
#define BASE64_BYTES 128

_Static_assert(crypto_sign_SECRETKEYBYTES == sizeof(((struct note_signer *)0)->secret), "Ed25519");

bool note_base64(const char *text, size_t size, void *out, size_t most, size_t *ret_size)
{
    /* libsodium takes some bytes beyond ASCII for letters */
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return sodium_base642bin(out, most, text, size, NULL, ret_size, NULL, sodium_base64_VARIANT_ORIGINAL) ==
           0;
}

/* -- keys -- */

bool note_is_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size >= NOTE_NAME_BYTES)
        return false;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '+')
            return false;
    return true;
}

static void set_id(struct note_key *key)
{
    crypto_hash_sha256_state state;
    uint8_t hash[crypto_hash_sha256_BYTES];
    const uint8_t type[2] = {'\n', key->type};
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)key->name, strlen(key->name));
    crypto_hash_sha256_update(&state, type, sizeof(type));
    crypto_hash_sha256_update(&state, key->public_key, sizeof(key->public_key));
    crypto_hash_sha256_final(&state, hash);
    memcpy(key->id, hash, sizeof(key->id));
}

static bool is_type(uint8_t type)
{
    return type == NOTE_ED25519 || type == NOTE_COSIGNATURE;
}

/* "name+id+material", which verifier keys and secret ones have in common. */
static bool parse_key(
    const char *text, char name[NOTE_NAME_BYTES], uint8_t id[4], uint8_t material[KEY_MATERIAL_BYTES])
{
    size_t name_size = strcspn(text, "+"), size;
    const char *hex = text + name_size + 1;
    if (!text[name_size] || name_size >= NOTE_NAME_BYTES || strcspn(hex, "+") != 8 || !hex[8])
        return false;
    memcpy(name, text, name_size);
    name[name_size] = '\0';
    return note_is_name(name) && strspn(hex, "0123456789abcdef") == 8 &&
           sodium_hex2bin(id, 4, hex, 8, NULL, &size, NULL) == 0 && size == 4 &&
           note_base64(hex + 9, strlen(hex + 9), material, KEY_MATERIAL_BYTES, &size) &&
           size == KEY_MATERIAL_BYTES && is_type(material[0]);
}

static void format_key(const char *prefix, const struct note_key *key, const uint8_t *secret_or_public,
    char *text, size_t text_bytes)
{
    char hex[9], base64[KEY_TEXT_BYTES];
    uint8_t material[KEY_MATERIAL_BYTES] = {key->type};
    memcpy(material + 1, secret_or_public, KEY_MATERIAL_BYTES - 1);
    sodium_bin2hex(hex, sizeof(hex), key->id, sizeof(key->id));
    sodium_bin2base64(base64, sizeof(base64), material, sizeof(material), sodium_base64_VARIANT_ORIGINAL);
    snprintf(text, text_bytes, "%s%s+%s+%s", prefix, key->name, hex, base64);
    sodium_memzero(material, sizeof(material));
    sodium_memzero(base64, sizeof(base64));
}

int note_key_parse(const char *text, struct note_key *ret_key)
{
    struct note_key key = {.name = ""};
    uint8_t id[4], material[KEY_MATERIAL_BYTES];
    if (!parse_key(text, key.name, id, material))
        return -QY_EINVAL;
    key.type = material[0];
    memcpy(key.public_key, material + 1, sizeof(key.public_key));
    set_id(&key);
    if (memcmp(key.id, id, sizeof(id)) != 0)
        return -QY_EINVAL;
    *ret_key = key;
    return 0;
}

void note_key_format(const struct note_key *key, char ret_text[NOTE_KEY_BYTES])
{
    format_key("", key, key->public_key, ret_text, NOTE_KEY_BYTES);
}

bool note_key_equal(const struct note_key *one, const struct note_key *other)
{
    return strcmp(one->name, other->name) == 0 && one->type == other->type &&
           memcmp(one->public_key, other->public_key, sizeof(one->public_key)) == 0;
}

static void set_pair(struct note_signer *signer, const uint8_t seed[crypto_sign_SEEDBYTES])
{
    crypto_sign_seed_keypair(signer->key.public_key, signer->secret, seed);
    set_id(&signer->key);
}

int note_signer_make(const char *name, enum note_type type, struct note_signer *ret_signer)
{
    struct note_signer signer = {.key = {.type = (uint8_t)type}};
    uint8_t seed[crypto_sign_SEEDBYTES];
    if (!note_is_name(name))
        return -QY_EINVAL;
    snprintf(signer.key.name, sizeof(signer.key.name), "%s", name);
    randombytes_buf(seed, sizeof(seed));
    set_pair(&signer, seed);
    *ret_signer = signer;
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(&signer, sizeof(signer));
    return 0;
}

int note_signer_parse(const char *text, struct note_signer *ret_signer)
{
    struct note_signer signer = {.key = {.name = ""}};
    uint8_t id[4], material[KEY_MATERIAL_BYTES];
    size_t prefix = strlen(SECRET_PREFIX);
    bool good =
        strncmp(text, SECRET_PREFIX, prefix) == 0 && parse_key(text + prefix, signer.key.name, id, material);
    if (good) {
        signer.key.type = material[0];
        set_pair(&signer, material + 1);
        good = memcmp(signer.key.id, id, sizeof(id)) == 0;
    }
    if (good)
        *ret_signer = signer;
    sodium_memzero(material, sizeof(material));
    sodium_memzero(&signer, sizeof(signer));
    return good ? 0 : -QY_EINVAL;
}

void note_signer_format(const struct note_signer *signer, char ret_text[NOTE_SECRET_BYTES])
{
    /* libsodium's secret key begins with the seed */
    format_key(SECRET_PREFIX, &signer->key, signer->secret, ret_text, NOTE_SECRET_BYTES);
}

/* -- signing -- */

static void add_line(
    const struct note_key *key, const uint8_t *signature, size_t signature_size, struct buffer *out)
{
    char base64[BASE64_BYTES];
    uint8_t bytes[SIGNATURE_BYTES_MAX];
    memcpy(bytes, key->id, sizeof(key->id));
    memcpy(bytes + sizeof(key->id), signature, signature_size);
    sodium_bin2base64(
        base64, sizeof(base64), bytes, sizeof(key->id) + signature_size, sodium_base64_VARIANT_ORIGINAL);
    buffer_printf(out, DASH "%s %s\n", key->name, base64);
}

void note_sign(const struct note_signer *signer, struct bytes text, struct buffer *out)
{
    uint8_t signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, NULL, text.data, text.size, signer->secret);
    add_line(&signer->key, signature, sizeof(signature), out);
}

/* What a witness signs. */
static void cosigned_message(struct bytes text, uint64_t time_s, struct buffer *out)
{
    buffer_text(out, "cosignature/v1\ntime ");
    buffer_unsigned(out, time_s);
    buffer_byte(out, '\n');
    buffer_append(out, text.data, text.size);
}

void note_cosign(const struct note_signer *signer, struct bytes text, uint64_t time_s, struct buffer *out)
{
    _cleanup_(buffer_free) struct buffer message = BUFFER_INIT;
    uint8_t signature[8 + crypto_sign_BYTES];
    cosigned_message(text, time_s, &message);
    if (buffer_error(&message)) {
        out->error = out->error ? out->error : buffer_error(&message);
        return;
    }
    put_be64(signature, time_s);
    crypto_sign_detached(signature + 8, NULL, message.data, message.size, signer->secret);
    add_line(&signer->key, signature, sizeof(signature), out);
}

/* -- reading -- */

/* The next line, with its newline; false at the end, or where one does not end. */
static bool next_line(struct bytes *cursor, struct bytes *ret_line)
{
    const uint8_t *end = cursor->size ? memchr(cursor->data, '\n', cursor->size) : NULL;
    if (!end)
        return false;
    size_t size = (size_t)(end - cursor->data) + 1;
    *ret_line = (struct bytes){cursor->data, size};
    cursor->data += size;
    cursor->size -= size;
    return true;
}

static bool is_signature_line(struct bytes line)
{
    size_t dash = strlen(DASH);
    return line.size > dash + 3 && memcmp(line.data, DASH, dash) == 0;
}

/* Where the signatures begin: behind the last empty line. */
static const uint8_t *find_signatures(struct bytes whole)
{
    for (size_t i = whole.size; i >= 2; i--)
        if (whole.data[i - 1] == '\n' && whole.data[i - 2] == '\n')
            return whole.data + i;
    return NULL;
}

int note_open(struct bytes whole, struct note *ret_note)
{
    const uint8_t *begin = whole.size <= NOTE_BYTES_MAX ? find_signatures(whole) : NULL;
    if (!begin || begin == whole.data + whole.size || begin - whole.data < 3)
        return -QY_EINVAL;
    struct note note = {.text = {whole.data, (size_t)(begin - whole.data) - 1},
        .signatures = {begin, whole.size - (size_t)(begin - whole.data)}};
    struct bytes cursor = note.signatures, line;
    while (next_line(&cursor, &line))
        if (!is_signature_line(line))
            return -QY_EINVAL;
    if (cursor.size > 0)
        return -QY_EINVAL;
    *ret_note = note;
    return 0;
}

/* The signature of a line of this key, without the id. */
static bool take_signature(struct bytes line, const struct note_key *key, uint8_t *ret_signature, size_t size)
{
    uint8_t bytes[SIGNATURE_BYTES_MAX];
    size_t dash = strlen(DASH), name = strlen(key->name), got;
    if (line.size < dash + name + 2 || memcmp(line.data + dash, key->name, name) != 0 ||
        line.data[dash + name] != ' ')
        return false;
    const char *base64 = (const char *)line.data + dash + name + 1;
    if (!note_base64(base64, line.size - dash - name - 2, bytes, sizeof(bytes), &got) ||
        got != sizeof(key->id) + size || memcmp(bytes, key->id, sizeof(key->id)) != 0)
        return false;
    memcpy(ret_signature, bytes + sizeof(key->id), size);
    return true;
}

static bool verify_line(
    const struct note *note, struct bytes line, const struct note_key *key, uint64_t *time_s)
{
    uint8_t signature[8 + crypto_sign_BYTES];
    if (key->type == NOTE_ED25519) {
        *time_s = 0;
        return take_signature(line, key, signature, crypto_sign_BYTES) &&
               crypto_sign_verify_detached(signature, note->text.data, note->text.size, key->public_key) == 0;
    }
    _cleanup_(buffer_free) struct buffer message = BUFFER_INIT;
    if (!take_signature(line, key, signature, sizeof(signature)))
        return false;
    *time_s = get_be64(signature);
    cosigned_message(note->text, *time_s, &message);
    return !buffer_error(&message) && *time_s <= INT64_MAX &&
           crypto_sign_verify_detached(signature + 8, message.data, message.size, key->public_key) == 0;
}

static bool find_valid(
    const struct note *note, const struct note_key *key, struct bytes *ret_line, uint64_t *ret_time_s)
{
    struct bytes cursor = note->signatures;
    while (next_line(&cursor, ret_line))
        if (verify_line(note, *ret_line, key, ret_time_s))
            return true;
    return false;
}

bool note_verify(const struct note *note, const struct note_key *key, uint64_t *ret_time_s)
{
    struct bytes line;
    uint64_t time_s;
    if (!find_valid(note, key, &line, &time_s))
        return false;
    if (ret_time_s)
        *ret_time_s = time_s;
    return true;
}

bool note_line(const struct note *note, const struct note_key *key, struct bytes *ret_line)
{
    struct bytes line;
    uint64_t time_s;
    bool found = find_valid(note, key, &line, &time_s);
    if (found)
        *ret_line = line;
    return found;
}
