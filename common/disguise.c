/* SPDX-License-Identifier: Apache-2.0 */
#include "common/disguise.h"

#include "common/mem.h"

#include <sodium.h>
#include <string.h>

#define DECODED_MIN 2
#define DIGITS_PART_MIN 14 /* digits that are seven in hexadecimal */
#define PART_MIN 8         /* characters: six bytes in base64, two Chinese characters */

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

/* Of one character in UTF-8; 0 where it is none. Out has room for four bytes. */
static size_t put_character(uint32_t code, char *out)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(marks[size] | code);
    return size;
}

/* Up to `most` digits of `base` from text[at] on; the place behind them, or `at` where there is none. */
static size_t read_code(
    const char *text, size_t size, size_t at, size_t most, uint32_t base, uint32_t *ret_code)
{
    size_t end = at;
    *ret_code = 0;
    for (; end < size && end - at < most; end++) {
        int digit = hex_digit(text[end]);
        if (digit < 0 || (uint32_t)digit >= base)
            break;
        *ret_code = *ret_code * base + (uint32_t)digit;
    }
    return end;
}

/* "\u738b" as in JSON within a text, its pairs of surrogates too. */
static size_t read_escape(const char *text, size_t size, size_t at, uint32_t *ret_code)
{
    uint32_t low;
    if (at + 6 > size || text[at] != '\\' || (text[at + 1] | 0x20) != 'u' ||
        read_code(text, size, at + 2, 4, 16, ret_code) != at + 6)
        return at;
    at += 6;
    if (*ret_code < 0xd800 || *ret_code >= 0xdc00 || at + 6 > size || text[at] != '\\' ||
        read_code(text, size, at + 2, 4, 16, &low) != at + 6 || low < 0xdc00 || low >= 0xe000)
        return at;
    *ret_code = 0x10000 + ((*ret_code - 0xd800) << 10) + (low - 0xdc00);
    return at + 6;
}

/* "&#29579;" and "&#x738b;" as in HTML. */
static size_t read_reference(const char *text, size_t size, size_t at, uint32_t *ret_code)
{
    if (at + 3 > size || text[at] != '&' || text[at + 1] != '#')
        return at;
    bool hexadecimal = (text[at + 2] | 0x20) == 'x';
    size_t begin = at + (hexadecimal ? 3 : 2);
    size_t end = read_code(text, size, begin, 7, hexadecimal ? 16 : 10, ret_code);
    return end == begin ? at : end + (end < size && text[end] == ';');
}

/* Never longer than what it was. */
static bool decode_escapes(const char *text, size_t size, char *out, size_t *ret_size)
{
    size_t count = 0, decoded = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        size_t end = read_escape(text, size, at, &code);
        if (end == at)
            end = read_reference(text, size, at, &code);
        size_t written = end > at ? put_character(code, out + count) : 0;
        if (written == 0)
            out[count] = text[at];
        decoded += written > 0;
        count += written ? written : 1;
        at = written ? end : at + 1;
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
    if ((memchr(text, '\\', size) || memchr(text, '&', size)) && decode_escapes(text, size, out, ret_size))
        return true;
    return could_be_encoded(text, size) &&
           (decode_hex(text, size, out, ret_size) || decode_base64(text, size, out, ret_size));
}

/* -- parts of texts -- */

enum alphabet { ALPHABET_HEX, ALPHABET_BASE64, ALPHABET_URL, ALPHABET_COUNT };

static bool is_of(enum alphabet alphabet, char c)
{
    if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
        return true;
    return (alphabet == ALPHABET_BASE64 && (c == '+' || c == '/')) ||
           (alphabet == ALPHABET_URL && (c == '-' || c == '_'));
}

/* Codes of letters and digits make no words and no numbers: "Main" and "20250301" are none. */
static bool is_odd(const char *run, size_t size)
{
    size_t digits = 0, capitals = 0;
    for (size_t i = 0; i < size; i++) {
        digits += run[i] >= '0' && run[i] <= '9';
        capitals += i > 0 && run[i] >= 'A' && run[i] <= 'Z';
    }
    return size >= PART_MIN && (digits == size ? size >= DIGITS_PART_MIN : digits + capitals > 0);
}

/* The run from `begin` to `end`, with its padding or without. */
static bool decode_part(
    const char *text, size_t size, size_t begin, size_t end, char out[DISGUISE_TEXT_MAX], size_t *ret_size)
{
    size_t padded = end;
    while (padded < size && padded < end + 2 && text[padded] == '=')
        padded++;
    if (padded - begin == size || !is_odd(text + begin, end - begin))
        return false; /* the text as a whole is looked at elsewhere */
    return disguise_decode(text + begin, padded - begin, out, ret_size) ||
           disguise_decode(text + begin, end - begin, out, ret_size);
}

struct parts {
    const char *text;
    size_t size;
    char *out;
    disguise_text_fn *look;
    void *self;
};

/* The runs of one alphabet within a run of both. */
static bool look_at_parts(const struct parts *parts, enum alphabet alphabet, size_t begin, size_t end)
{
    for (size_t at = begin; at <= end; at++) {
        size_t decoded;
        if (at < end && is_of(alphabet, parts->text[at]))
            continue;
        if (decode_part(parts->text, parts->size, begin, at, parts->out, &decoded) &&
            parts->look(parts->self, parts->out, decoded))
            return true;
        begin = at + 1;
    }
    return false;
}

static bool is_either(char c)
{
    return is_of(ALPHABET_BASE64, c) || c == '-' || c == '_';
}

bool disguise_parts(
    const char *text, size_t size, char out[DISGUISE_TEXT_MAX], disguise_text_fn *look, void *self)
{
    const struct parts parts = {text, size, out, look, self};
    for (size_t at = 0, begin = 0; size > PART_MIN && at <= size; at++) {
        if (at < size && is_either(text[at]))
            continue;
        if (is_odd(text + begin, at - begin) && (look_at_parts(&parts, ALPHABET_BASE64, begin, at) ||
                                                    look_at_parts(&parts, ALPHABET_URL, begin, at)))
            return true;
        begin = at + 1;
    }
    return false;
}

/* -- hashes -- */

static const size_t digest_sizes[DIGEST_COUNT] = {16, 20, 32};

size_t digest_size(enum digest_algorithm algorithm)
{
    return digest_sizes[algorithm];
}

struct search {
    disguise_look_fn *look;
    void *self;
};

/* A run of letters and digits as a whole. */
static bool look_at_hex(const struct search *search, const char *run, size_t size)
{
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        struct digest digest = {.algorithm = (enum digest_algorithm)i};
        size_t found;
        if (size == 2 * digest_sizes[i] &&
            sodium_hex2bin(digest.bytes, sizeof(digest.bytes), run, size, NULL, &found, NULL) == 0 &&
            found == digest_sizes[i] && search->look(search->self, &digest))
            return true;
    }
    return false;
}

/* Random bytes have capitals and small letters in base64; most words don't. */
static bool is_mixed(const char *text, size_t size)
{
    bool small = false, capital = false;
    for (size_t i = 0; i < size; i++) {
        small |= text[i] >= 'a' && text[i] <= 'z';
        capital |= text[i] >= 'A' && text[i] <= 'Z';
    }
    return small && capital;
}

/* A run of one of base64's alphabets as a whole, or what follows one of its own characters that separate
 * elsewhere: the last part of a path, or of a name with underscores. */
static bool look_at_base64(const struct search *search, const char *run, size_t size, bool url)
{
    int variant = url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        struct digest digest = {.algorithm = (enum digest_algorithm)i};
        size_t length = (digest_sizes[i] * 8 + 5) / 6, found;
        if (size < length)
            continue;
        const char *text = run + size - length;
        bool begins = text == run || (url ? text[-1] == '_' || text[-1] == '-' : text[-1] == '/');
        if (begins && is_mixed(text, length) &&
            sodium_base642bin(
                digest.bytes, sizeof(digest.bytes), text, length, NULL, &found, NULL, variant) == 0 &&
            found == digest_sizes[i] && search->look(search->self, &digest))
            return true;
    }
    return false;
}

static bool look_at_run(const struct search *search, enum alphabet alphabet, const char *run, size_t size)
{
    if (size < DIGEST_TEXT_MIN)
        return false;
    return alphabet == ALPHABET_HEX ? look_at_hex(search, run, size)
                                    : look_at_base64(search, run, size, alphabet == ALPHABET_URL);
}

static bool look_at_runs(const struct search *search, enum alphabet alphabet, const char *text, size_t size)
{
    size_t begin = 0;
    for (size_t at = 0; at < size; at++)
        if (!is_of(alphabet, text[at])) {
            if (look_at_run(search, alphabet, text + begin, at - begin))
                return true;
            begin = at + 1;
        }
    return look_at_run(search, alphabet, text + begin, size - begin);
}

bool disguise_digests(const char *text, size_t size, disguise_look_fn *look, void *self)
{
    struct search search = {look, self};
    for (unsigned i = 0; size >= DIGEST_TEXT_MIN && i < ALPHABET_COUNT; i++)
        if (look_at_runs(&search, (enum alphabet)i, text, size))
            return true;
    return false;
}

static bool is_any(void *self, const struct digest *digest)
{
    (void)self;
    (void)digest;
    return true;
}

bool disguise_has_digest(const char *text, size_t size)
{
    return disguise_digests(text, size, is_any, NULL);
}
