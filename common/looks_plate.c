/* SPDX-License-Identifier: Apache-2.0 */
/* Chinese number plates in texts. */
#include "common/ascii.h"
#include "common/glyph.h"
#include "common/looks.h"
#include "common/mem.h"

#include <string.h>

#define HAN_BYTES 3
#define SERIAL_MAX 7 /* one more than a plate has */
#define SERIAL_DIGITS_MIN 3

/* The signs of the provinces; the first ones are adjectives too. */
static const char provinces[][HAN_BYTES + 1] = {"新", "黑", "青", "云", "京", "津", "沪", "渝", "冀", "豫",
    "辽", "湘", "皖", "鲁", "苏", "浙", "赣", "鄂", "桂", "甘", "晋", "蒙", "陕", "吉", "闽", "贵", "粤",
    "藏", "川", "宁", "琼"};
#define ADJECTIVES 4

/* What stands behind four characters. */
static const char endings[][HAN_BYTES + 1] = {"挂", "学", "警", "港", "澳", "领"};

static size_t find_sign(
    const char (*signs)[HAN_BYTES + 1], size_t count, const char *text, size_t size, size_t at)
{
    for (size_t i = 0; size - at >= HAN_BYTES && i < count; i++)
        if (memcmp(text + at, signs[i], HAN_BYTES) == 0)
            return i;
    return count;
}

/* The letter or digit at `at`, also of full width, as a capital; 0: there is none. */
static char serial_at(const char *text, size_t size, size_t at, size_t *ret_bytes)
{
    *ret_bytes = 1;
    if (at == size)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text + at;
    char c = text[at];
    if (size - at >= 3 && bytes[0] == 0xef && (bytes[1] == 0xbc || bytes[1] == 0xbd)) {
        *ret_bytes = 3;
        c = (char)(bytes[2] - 0x80 + (bytes[1] == 0xbc ? ' ' : '`'));
    }
    if (ascii_is_digit(c))
        return c;
    return ascii_is_letter(c) ? (char)(ascii_lower(c) - 'a' + 'A') : 0;
}

/* Behind one separator that may stand within a plate. */
static size_t skip_gap(const char *text, size_t size, size_t at)
{
    size_t bytes;
    char digit;
    return at < size && glyph_at(text + at, size - at, &bytes, &digit) == GLYPH_GAP ? at + bytes : at;
}

/* Five characters, six of a vehicle that is driven by electricity, or four and what it is for. */
static bool is_serial(const char *serial, size_t count, bool ending, size_t digits_min)
{
    size_t digits = 0, behind = 0; /* those at the end */
    for (size_t i = 0; i < count; i++) {
        if (serial[i] == 'I' || serial[i] == 'O')
            return false;
        behind = ascii_is_digit(serial[i]) ? behind + 1 : 0;
        digits += ascii_is_digit(serial[i]);
    }
    if (count == 6)
        return (behind >= 4 && ascii_is_letter(serial[0])) ||
               (digits == 5 && (serial[5] == 'D' || serial[5] == 'F'));
    return digits >= digits_min && (count == 5 || (count == 4 && ending));
}

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

/* What follows the province's sign. `ret_dotted`: with a dot in it. "苏C100ml" and "苏C 100ML" are none. */
static bool plate_follows(const char *text, size_t size, size_t at, bool *ret_dotted)
{
    char serial[SERIAL_MAX];
    size_t count = 0, bytes;
    char c = serial_at(text, size, at, &bytes);
    if (!ascii_is_letter(c) || c == 'I')
        return false;
    bool small = is_small(text[at]);
    size_t begin = at + bytes;
    at = skip_gap(text, size, begin);
    *ret_dotted = at > begin && (unsigned char)text[begin] >= 0x80;
    size_t digits_min = at > begin && !*ret_dotted ? SERIAL_DIGITS_MIN + 1 : SERIAL_DIGITS_MIN;
    while (count < SERIAL_MAX && (c = serial_at(text, size, at, &bytes))) {
        if (is_small(text[at]) && !small)
            return false;
        serial[count++] = c;
        at += bytes;
    }
    bool ending = find_sign(endings, COUNT_OF(endings), text, size, at) < COUNT_OF(endings);
    return is_serial(serial, count, ending, digits_min);
}

/* The sign is told from an adjective by a dot, by where it stands, or because nothing is said before it. */
static bool is_adjective(const char *text, size_t at, bool code, bool dotted)
{
    return !dotted && (code || (at > 0 && (unsigned char)text[at - 1] >= 0x80));
}

static bool is_plate(const char *text, size_t size, size_t at, bool code)
{
    size_t behind = at + HAN_BYTES;
    size_t letter = skip_gap(text, size, behind);
    size_t bytes;
    if (letter >= size || !serial_at(text, size, letter, &bytes))
        return false; /* most characters: none is looked for among the signs */
    size_t sign = find_sign(provinces, COUNT_OF(provinces), text, size, at);
    bool dotted;
    if (sign == COUNT_OF(provinces) || !plate_follows(text, size, letter, &dotted))
        return false;
    return sign >= ADJECTIVES || (letter == behind && !is_adjective(text, at, code, dotted));
}

bool looks_like_plate(const char *text, size_t size, bool code)
{
    for (size_t at = 0; at + HAN_BYTES < size; at++)
        if ((unsigned char)text[at] >= 0xe4 && (unsigned char)text[at] <= 0xe9 &&
            is_plate(text, size, at, code))
            return true;
    return false;
}
