/* SPDX-License-Identifier: Apache-2.0 */
#include "common/glyph.h"

#include "common/mem.h"

/* Other than letters: everything that is not said here is a mark. */
#define O GLYPH_OTHER
#define D GLYPH_DIGIT
#define P GLYPH_PLUS
#define G GLYPH_GAP
#define M GLYPH_MARK
const uint8_t glyph_ascii[128] = {
    M, M, M, M, M, M, M, M, M, G, M, M, M, M, M, M, /* the tab */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, /* controls */
    G, M, M, M, M, M, M, G, G, G, M, P, M, G, G, G, /*  !"#$%&'()*+,-./ */
    D, D, D, D, D, D, D, D, D, D, M, M, M, M, M, M, /* 0123456789:;<=>? */
    M, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, /* @ABCDEFGHIJKLMNO */
    O, O, O, O, O, O, O, O, O, O, O, M, M, M, M, G, /* PQRSTUVWXYZ[\]^_ */
    M, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, /* `abcdefghijklmno */
    O, O, O, O, O, O, O, O, O, O, O, M, M, M, M, M, /* pqrstuvwxyz{|}~ */
};

#undef O
#undef D
#undef P
#undef G
#undef M

/* -- code points -- */

/* The one at `text`; 0 and one byte where there is none. */
static uint32_t decode(const unsigned char *text, size_t size, size_t *ret_bytes)
{
    unsigned char c = text[0];
    size_t bytes = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    *ret_bytes = 1;
    if (c < 0xc2 || c > 0xf4 || size < bytes)
        return 0;
    uint32_t code = c & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    *ret_bytes = bytes;
    return code;
}

struct range {
    uint32_t first, last;
    unsigned value; /* of digits: the first one's; they go round after 9. Of separators: their kind */
};

/* Unicode's decimal digits, and the other forms that compatibility mapping makes digits of. Ascending. */
static const struct range digits[] = {
    {0xb2, 0xb3, 2},
    {0xb9, 0xb9, 1},
    {0x660, 0x669, 0},
    {0x6f0, 0x6f9, 0},
    {0x7c0, 0x7c9, 0},
    {0x966, 0x96f, 0},
    {0x9e6, 0x9ef, 0},
    {0xa66, 0xa6f, 0},
    {0xae6, 0xaef, 0},
    {0xb66, 0xb6f, 0},
    {0xbe6, 0xbef, 0},
    {0xc66, 0xc6f, 0},
    {0xce6, 0xcef, 0},
    {0xd66, 0xd6f, 0},
    {0xde6, 0xdef, 0},
    {0xe50, 0xe59, 0},
    {0xed0, 0xed9, 0},
    {0xf20, 0xf29, 0},
    {0x1040, 0x1049, 0},
    {0x1090, 0x1099, 0},
    {0x17e0, 0x17e9, 0},
    {0x1810, 0x1819, 0},
    {0x1946, 0x194f, 0},
    {0x19d0, 0x19d9, 0},
    {0x1a80, 0x1a89, 0},
    {0x1a90, 0x1a99, 0},
    {0x1b50, 0x1b59, 0},
    {0x1bb0, 0x1bb9, 0},
    {0x1c40, 0x1c49, 0},
    {0x1c50, 0x1c59, 0},
    {0x2070, 0x2070, 0},
    {0x2074, 0x2079, 4},
    {0x2080, 0x2089, 0},
    {0x2460, 0x2468, 1},
    {0x2474, 0x247c, 1},
    {0x2488, 0x2490, 1},
    {0x24ea, 0x24ea, 0},
    {0x24f5, 0x24fd, 1},
    {0x24ff, 0x24ff, 0},
    {0x2776, 0x277e, 1},
    {0x2780, 0x2788, 1},
    {0x278a, 0x2792, 1},
    {0xa620, 0xa629, 0},
    {0xa8d0, 0xa8d9, 0},
    {0xa900, 0xa909, 0},
    {0xa9d0, 0xa9d9, 0},
    {0xa9f0, 0xa9f9, 0},
    {0xaa50, 0xaa59, 0},
    {0xabf0, 0xabf9, 0},
    {0xff10, 0xff19, 0},
    {0x104a0, 0x104a9, 0},
    {0x10d30, 0x10d39, 0},
    {0x11066, 0x1106f, 0},
    {0x110f0, 0x110f9, 0},
    {0x11136, 0x1113f, 0},
    {0x111d0, 0x111d9, 0},
    {0x112f0, 0x112f9, 0},
    {0x11450, 0x11459, 0},
    {0x114d0, 0x114d9, 0},
    {0x11650, 0x11659, 0},
    {0x116c0, 0x116c9, 0},
    {0x11730, 0x11739, 0},
    {0x118e0, 0x118e9, 0},
    {0x11950, 0x11959, 0},
    {0x11c50, 0x11c59, 0},
    {0x11d50, 0x11d59, 0},
    {0x11da0, 0x11da9, 0},
    {0x11f50, 0x11f59, 0},
    {0x16a60, 0x16a69, 0},
    {0x16ac0, 0x16ac9, 0},
    {0x16b50, 0x16b59, 0},
    {0x1d7ce, 0x1d7ff, 0},
    {0x1e140, 0x1e149, 0},
    {0x1e2f0, 0x1e2f9, 0},
    {0x1e4f0, 0x1e4f9, 0},
    {0x1e950, 0x1e959, 0},
    {0x1f101, 0x1f10a, 0},
    {0x1fbf0, 0x1fbf9, 0},
};

/* Ascending; what a digit is was said above. */
static const struct range separators[] = {
    {0x80, 0x9f, GLYPH_MARK},
    {0xa0, 0xa0, GLYPH_GAP},
    {0xa1, 0xa9, GLYPH_MARK},
    {0xab, 0xb1, GLYPH_MARK},
    {0xb4, 0xb4, GLYPH_MARK},
    {0xb6, 0xb6, GLYPH_MARK},
    {0xb7, 0xb7, GLYPH_GAP}, /* between the parts of foreign names */
    {0xb8, 0xb8, GLYPH_MARK},
    {0xbb, 0xbf, GLYPH_MARK},
    {0xd7, 0xd7, GLYPH_MARK},
    {0xf7, 0xf7, GLYPH_MARK},
    {0x2b9, 0x36f, GLYPH_MARK},
    {0x600, 0x61f, GLYPH_MARK},
    {0x66a, 0x66d, GLYPH_MARK},
    {0x6d4, 0x6d4, GLYPH_MARK},
    {0x180b, 0x180e, GLYPH_MARK},
    {0x2000, 0x2015, GLYPH_GAP},
    {0x2016, 0x2018, GLYPH_MARK},
    {0x2019, 0x2019, GLYPH_GAP}, /* an apostrophe */
    {0x201a, 0x2021, GLYPH_MARK},
    {0x2022, 0x2022, GLYPH_GAP},
    {0x2023, 0x202e, GLYPH_MARK},
    {0x202f, 0x202f, GLYPH_GAP},
    {0x2030, 0x205f, GLYPH_MARK},
    {0x2060, 0x2060, GLYPH_GAP},
    {0x2061, 0x206f, GLYPH_MARK},
    {0x207a, 0x207e, GLYPH_MARK},
    {0x208a, 0x208e, GLYPH_MARK},
    {0x20a0, 0x20ff, GLYPH_MARK},
    {0x2190, 0x2bff, GLYPH_MARK},
    {0x2e00, 0x2e7f, GLYPH_MARK},
    {0x3000, 0x3000, GLYPH_GAP},
    {0x3001, 0x3003, GLYPH_MARK},
    {0x3008, 0x3020, GLYPH_MARK},
    {0x3030, 0x3030, GLYPH_MARK},
    {0x30fb, 0x30fb, GLYPH_GAP},
    {0x3164, 0x3164, GLYPH_MARK},
    {0xfe00, 0xfe6f, GLYPH_MARK},
    {0xfeff, 0xfeff, GLYPH_GAP},
    {0xff01, 0xff07, GLYPH_MARK},
    {0xff08, 0xff09, GLYPH_GAP},
    {0xff0a, 0xff0a, GLYPH_MARK},
    {0xff0b, 0xff0b, GLYPH_PLUS},
    {0xff0c, 0xff0c, GLYPH_MARK},
    {0xff0d, 0xff0f, GLYPH_GAP},
    {0xff1a, 0xff20, GLYPH_MARK},
    {0xff3b, 0xff3e, GLYPH_MARK},
    {0xff3f, 0xff3f, GLYPH_GAP},
    {0xff40, 0xff40, GLYPH_MARK},
    {0xff5b, 0xff64, GLYPH_MARK},
    {0xff65, 0xff65, GLYPH_GAP},
    {0xffe0, 0xffef, GLYPH_MARK},
    {0xfff9, 0xfffd, GLYPH_MARK},
    {0x1f000, 0x1faff, GLYPH_MARK},
    {0xe0000, 0xe01ef, GLYPH_MARK},
};

static const struct range *find(const struct range *ranges, size_t count, uint32_t code)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else
            count = middle;
    }
    return &ranges[low];
}

static bool digit_of(uint32_t code, char *ret_digit)
{
    const struct range *range = find(digits, COUNT_OF(digits), code);
    if (range == digits + COUNT_OF(digits) || code < range->first)
        return false;
    *ret_digit = (char)('0' + (range->value + code - range->first) % 10);
    return true;
}

enum glyph glyph_wide(const unsigned char *text, size_t size, size_t *ret_bytes, char *ret_digit)
{
    uint32_t code = decode(text, size, ret_bytes);
    if (code == 0 || (code > 0x3164 && code < 0xa620)) /* Chinese, most of the time */
        return GLYPH_OTHER;
    if (digit_of(code, ret_digit))
        return GLYPH_DIGIT;
    const struct range *range = find(separators, COUNT_OF(separators), code);
    bool found = range < separators + COUNT_OF(separators) && code >= range->first;
    return found ? (enum glyph)range->value : GLYPH_OTHER;
}

/* -- numerals -- */

/* As they are read out and written on cheques, in both orthographies. Ascending. */
static const struct range numerals[] = {
    {0x3007, 0x3007, 0},
    {0x4e00, 0x4e00, 1},
    {0x4e03, 0x4e03, 7},
    {0x4e09, 0x4e09, 3},
    {0x4e24, 0x4e24, 2}, /* a pair */
    {0x4e5d, 0x4e5d, 9},
    {0x4e8c, 0x4e8c, 2},
    {0x4e94, 0x4e94, 5},
    {0x4f0d, 0x4f0d, 5},
    {0x5169, 0x5169, 2},
    {0x516b, 0x516b, 8},
    {0x516d, 0x516d, 6},
    {0x53c1, 0x53c1, 3},
    {0x53c4, 0x53c4, 3},
    {0x56db, 0x56db, 4},
    {0x58f9, 0x58f9, 1},
    {0x5e7a, 0x5e7a, 1}, /* over the phone */
    {0x634c, 0x634c, 8},
    {0x67d2, 0x67d2, 7},
    {0x7396, 0x7396, 9},
    {0x8086, 0x8086, 4},
    {0x8cb3, 0x8cb3, 2},
    {0x8d30, 0x8d30, 2},
    {0x9646, 0x9646, 6},
    {0x9678, 0x9678, 6},
    {0x96f6, 0x96f6, 0},
};

/* Of the second and the third bytes of all numerals: most characters are told by these. */
#define SECOND_BYTES UINT64_C(0x171400088a00e025)
#define THIRD_BYTES UINT64_C(0x7492a10285432db)

bool glyph_numeral(const unsigned char text[3], char *ret_digit)
{
    if (!(SECOND_BYTES >> (text[1] & 0x3f) & THIRD_BYTES >> (text[2] & 0x3f) & 1))
        return false;
    size_t bytes;
    uint32_t code = decode(text, 3, &bytes);
    const struct range *range = find(numerals, COUNT_OF(numerals), code);
    if (range == numerals + COUNT_OF(numerals) || code < range->first)
        return false;
    *ret_digit = (char)('0' + range->value);
    return true;
}

enum glyph glyph_wide_number(
    const unsigned char *text, size_t size, size_t *ret_bytes, char *ret_digit, bool *ret_numeral)
{
    enum glyph glyph = glyph_wide(text, size, ret_bytes, ret_digit);
    *ret_numeral = glyph == GLYPH_OTHER && *ret_bytes == 3 && glyph_numeral(text, ret_digit);
    return *ret_numeral ? GLYPH_DIGIT : glyph;
}

/* -- folding -- */

/* Letters that have a small form in the scripts that European names are written in. */
static uint32_t small_letter(uint32_t code)
{
    if ((code >= 0xc0 && code <= 0xde && code != 0xd7) || (code >= 0x391 && code <= 0x3ab) ||
        (code >= 0x410 && code <= 0x42f))
        return code + 0x20;
    if (code >= 0x400 && code <= 0x40f)
        return code + 0x50;
    if (code == 0x178)
        return 0xff;
    if ((code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17e))
        return code + (code & 1);
    if ((code >= 0x100 && code <= 0x177) || (code >= 0x1e00 && code <= 0x1eff))
        return code | 1;
    return code;
}

static uint32_t fold_code(uint32_t code)
{
    char digit;
    if (code == 0x3000)
        return ' ';
    if (code == 0xfe6b)
        return '@';
    if (code >= 0xff01 && code <= 0xff5e)
        code -= 0xff01 - '!';
    else if (digit_of(code, &digit))
        return (uint32_t)digit;
    if (code >= 'A' && code <= 'Z')
        return code + 0x20;
    return small_letter(code);
}

/* Folding changes nothing beyond the first plane but digits. */
static size_t encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

size_t glyph_fold(const char *text, size_t size, char *out)
{
    size_t used = 0;
    for (size_t at = 0, bytes = 1; at < size; at += bytes) {
        unsigned char c = (unsigned char)text[at];
        bytes = 1;
        if (c < 0x80) {
            out[used++] = (char)(c >= 'A' && c <= 'Z' ? c + 0x20 : c);
            continue;
        }
        uint32_t code = decode((const unsigned char *)text + at, size - at, &bytes);
        uint32_t folded = code ? fold_code(code) : 0;
        if (folded != code) {
            used += encode(folded, out + used);
            continue;
        }
        for (size_t i = 0; i < bytes; i++)
            out[used++] = text[at + i];
    }
    return used;
}
