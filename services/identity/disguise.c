/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/disguise.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#define DECODED_MIN 2

/* -- encodings -- */

/* Printable UTF-8: what people write. Random bytes hardly ever pass. */
static bool is_text(const unsigned char *text, size_t size)
{
    if (size < DECODED_MIN)
        return false;
    for (size_t i = 0; i < size;) {
        unsigned char c = text[i];
        size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xc2) || c > 0xf4 || more >= size - i)
            return false;
        for (size_t k = 1; k <= more; k++)
            if ((text[i + k] & 0xc0) != 0x80)
                return false;
        i += more + 1;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool decode_percent(const char *text, size_t size, char *out, size_t *ret_size)
{
    size_t count = 0, decoded = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '%' && i + 2 < size && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
            out[count++] = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
            decoded++;
        } else {
            out[count] = text[i];
            if (text[i] == '+')
                out[count] = ' ';
            count++;
        }
    }
    *ret_size = count;
    return decoded > 0;
}

static bool decode_hex(const char *text, size_t size, char *out, size_t *ret_size)
{
    if (size % 2 || size < 8)
        return false;
    for (size_t i = 0; i < size; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (char)(high * 16 + low);
    }
    *ret_size = size / 2;
    return is_text((unsigned char *)out, *ret_size);
}

static bool decode_base64(const char *text, size_t size, char *out, size_t *ret_size)
{
    if (size < 4)
        return false;
    bool url = memchr(text, '-', size) || memchr(text, '_', size);
    bool padded = text[size - 1] == '=';
    int variant = url ? (padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING)
                      : (padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    return sodium_base642bin(
               (unsigned char *)out, DISGUISE_TEXT_MAX, text, size, NULL, ret_size, NULL, variant) == 0 &&
           is_text((unsigned char *)out, *ret_size);
}

/* Most texts have a character that neither alphabet has. What encodes text has digits, or capitals beside
 * small letters: the codes of letters and digits do not make words. */
static bool could_be_encoded(const char *text, size_t size)
{
    bool digit = false, small = false, capital = false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= '0' && c <= '9')
            digit = true;
        else if (c >= 'a' && c <= 'z')
            small = true;
        else if (c >= 'A' && c <= 'Z')
            capital = true;
        else if (c != '+' && c != '/' && c != '-' && c != '_' && c != '=')
            return false;
    }
    return digit || (small && capital);
}

bool disguise_decode(const char *text, size_t size, char out[DISGUISE_TEXT_MAX], size_t *ret_size)
{
    if (size > DISGUISE_TEXT_MAX)
        return false;
    if (memchr(text, '%', size) && decode_percent(text, size, out, ret_size))
        return true;
    return could_be_encoded(text, size) &&
           (decode_hex(text, size, out, ret_size) || decode_base64(text, size, out, ret_size));
}

/* -- hashes -- */

struct digest {
    const char *algorithm;
    size_t size;
};

static const struct digest digests[] = {{"MD5", 16}, {"SHA1", 20}, {"SHA256", 32}};

/* The digest's bytes and algorithm, from hexadecimal or base64. */
static const struct digest *read_digest(const char *text, size_t size, uint8_t bytes[32])
{
    for (size_t i = 0; i < COUNT_OF(digests); i++) {
        const struct digest *digest = &digests[i];
        size_t found = 0;
        if (size == 2 * digest->size && sodium_hex2bin(bytes, 32, text, size, NULL, &found, NULL) == 0 &&
            found == digest->size)
            return digest;
        size_t base64 = (digest->size + 2) / 3 * 4;
        size_t pad = (3 - digest->size % 3) % 3;
        if (size != base64 && size != base64 - pad)
            continue;
        bool url = memchr(text, '-', size) || memchr(text, '_', size);
        bool padded = size == base64;
        int variant =
            url ? (padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING)
                : (padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
        if (sodium_base642bin(bytes, 32, text, size, NULL, &found, NULL, variant) == 0 &&
            found == digest->size)
            return digest;
    }
    return NULL;
}

bool disguise_is_hash(const char *text, size_t size)
{
    if (size < 22 || size > 64)
        return false;
    uint8_t bytes[32];
    return read_digest(text, size, bytes) != NULL;
}

static bool is_digest_of(const struct digest *digest, const uint8_t bytes[32], const char *plain)
{
    uint8_t own[EVP_MAX_MD_SIZE];
    size_t size = 0;
    if (!EVP_Q_digest(NULL, digest->algorithm, NULL, plain, strlen(plain), own, &size))
        return true; /* cannot be told: then rather drop it */
    return size == digest->size && memcmp(own, bytes, size) == 0;
}

bool disguise_is_hash_of(const struct identifiers *identifiers, const char *text, size_t size)
{
    uint8_t bytes[32];
    const struct digest *digest = size >= 22 && size <= 64 ? read_digest(text, size, bytes) : NULL;
    if (!digest)
        return false;
    for (unsigned i = 0; i < identifiers->count; i++) {
        const struct identifier *identifier = &identifiers->items[i];
        if (identifier->kind->form != FORM_PHONE && identifier->kind->form != FORM_EMAIL)
            continue;
        if (is_digest_of(digest, bytes, identifier->value))
            return true;
        if (identifier->kind->form == FORM_PHONE &&
            (is_digest_of(digest, bytes, identifier->value + 1) ||
                is_digest_of(digest, bytes, identifier->phone.national)))
            return true;
    }
    return false;
}
