/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/one_id.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define PREFIX "p_"
#define PREFIX_SIZE 2
#define DIGITS 7 /* of five bits: 35, of which 32 are used */
#define ROUNDS 8

/* Crockford's: no i, l, o, u. */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static uint16_t round_of(const struct one_id_key *key, unsigned number, uint16_t half)
{
    uint8_t input[3] = {(uint8_t)number, (uint8_t)(half >> 8), (uint8_t)half};
    uint8_t hash[crypto_shorthash_siphash24_BYTES];
    crypto_shorthash_siphash24(hash, input, sizeof(input), key->bytes);
    return (uint16_t)(hash[0] << 8 | hash[1]);
}

/* A Feistel network: a bijection of 32 bits whatever the round function is. */
static uint32_t scatter(const struct one_id_key *key, uint32_t number)
{
    uint16_t left = (uint16_t)(number >> 16), right = (uint16_t)number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint16_t next = (uint16_t)(left ^ round_of(key, i, right));
        left = right;
        right = next;
    }
    return (uint32_t)left << 16 | right;
}

static uint32_t gather(const struct one_id_key *key, uint32_t scattered)
{
    uint16_t left = (uint16_t)(scattered >> 16), right = (uint16_t)scattered;
    for (unsigned i = ROUNDS; i-- > 0;) {
        uint16_t before = (uint16_t)(right ^ round_of(key, i, left));
        right = left;
        left = before;
    }
    return (uint32_t)left << 16 | right;
}

/* Sum of digit times power of x in GF(32), by Horner: distinct weights, none of them 0, find single and
 * exchanged characters. */
static uint8_t check_digit(const uint8_t digits[DIGITS])
{
    unsigned sum = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        sum ^= digits[i];
        sum <<= 1;
        if (sum & 32)
            sum ^= 0x25; /* x^5 + x^2 + 1 */
    }
    return (uint8_t)sum;
}

void one_id_format(const struct one_id_key *key, uint32_t person, char ret_text[ONE_ID_BYTES])
{
    assert(person != 0);
    uint8_t digits[DIGITS];
    uint64_t rest = scatter(key, person);
    for (unsigned i = DIGITS; i-- > 0; rest >>= 5)
        digits[i] = rest & 31;
    memcpy(ret_text, PREFIX, PREFIX_SIZE);
    for (unsigned i = 0; i < DIGITS; i++)
        ret_text[PREFIX_SIZE + i] = alphabet[digits[i]];
    ret_text[PREFIX_SIZE + DIGITS] = alphabet[check_digit(digits)];
    ret_text[PREFIX_SIZE + DIGITS + 1] = '\0';
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    if (c == 'o')
        c = '0';
    if (c == 'i' || c == 'l')
        c = '1';
    const char *found = c ? strchr(alphabet, c) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

static bool parse(
    const struct one_id_key *key, char letter, const char *text, size_t size, uint32_t *ret_person)
{
    if (size != ONE_ID_BYTES - 1 || (text[0] | 0x20) != letter || text[1] != '_')
        return false;
    uint8_t digits[DIGITS + 1];
    uint64_t number = 0;
    for (unsigned i = 0; i <= DIGITS; i++) {
        int digit = digit_of(text[PREFIX_SIZE + i]);
        if (digit < 0)
            return false;
        digits[i] = (uint8_t)digit;
        if (i < DIGITS)
            number = number << 5 | (unsigned)digit;
    }
    if (number > UINT32_MAX || check_digit(digits) != digits[DIGITS])
        return false;
    uint32_t person = gather(key, (uint32_t)number);
    if (person == 0)
        return false;
    *ret_person = person;
    return true;
}

bool one_id_parse(const struct one_id_key *key, const char *text, size_t size, uint32_t *ret_person)
{
    return parse(key, 'p', text, size, ret_person);
}

void node_id_format(const struct one_id_key *key, uint32_t node, char ret_text[ONE_ID_BYTES])
{
    one_id_format(key, node, ret_text);
    ret_text[0] = 'i';
}

bool node_id_parse(const struct one_id_key *key, const char *text, size_t size, uint32_t *ret_node)
{
    return parse(key, 'i', text, size, ret_node);
}
