/* SPDX-License-Identifier: Apache-2.0 */
#include "common/looks.h"

#include "common/glyph.h"
#include "common/mem.h"

#include <string.h>
#include <strings.h>

#define SEPARATORS_MAX 3 /* in a row, as is usual within one number */
#define OVERLAP_DIGITS 20u
#define PHONE_DIGITS_MIN 7

/* -- email -- */

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_local(unsigned char c)
{
    return is_letter(c) || is_digit(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

/* Labels and a last one of two letters or more, where letters of other scripts count as well. */
static bool is_domain(const char *text, size_t size)
{
    size_t label = 0;
    bool dot = false, letters = true;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '.') {
            if (label == 0)
                return false;
            if (dot && letters && label >= 2)
                return true; /* whatever follows: "a@b.cn.", "a@b.cn..." */
            dot = true;
            letters = true;
            label = 0;
        } else if (is_letter(c) || c >= 0x80) {
            label++;
        } else if (is_digit(c) || c == '-') {
            label++;
            letters = false;
        } else {
            break;
        }
    }
    return dot && letters && label >= 2;
}

/* -- email in hiding -- */

#define DOMAIN_MAX 128
#define DOT_BYTES 5 /* of a dot with what stands around it */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind what separates at `at`. */
static size_t skip_separators(const char *text, size_t size, size_t at)
{
    size_t bytes;
    char digit;
    while (at < size && glyph_separates(glyph_at(text + at, size - at, &bytes, &digit)))
        at += bytes;
    return at;
}

/* Behind a dot, also one among blanks or in brackets, or the word; 0 where there is none. */
static size_t skip_dot(const char *text, size_t size, size_t at)
{
    if (text[at] == '.')
        return at + 1;
    size_t word = skip_separators(text, size, at);
    const char *dot = memchr(text + at, '.', word - at);
    if (dot)
        return word - at <= DOT_BYTES && !memchr(dot + 1, '.', (size_t)(text + word - dot) - 1) ? word : 0;
    if (word == at || size - word < 4 || strncasecmp(text + word, "dot", 3) != 0)
        return 0;
    size_t end = skip_separators(text, size, word + 3);
    return end > word + 3 ? end : 0;
}

/* A domain, its dots also written as "dot", "(dot)", "[.]" and " . ". */
static bool domain_follows(const char *text, size_t size)
{
    char domain[DOMAIN_MAX];
    size_t used = 0;
    size_t at = skip_separators(text, size, 0);
    while (at < size && used < sizeof(domain)) {
        unsigned char c = (unsigned char)text[at];
        size_t behind = is_letter(c) || is_digit(c) || c == '-' ? 0 : skip_dot(text, size, at);
        bool part = is_letter(c) || is_digit(c) || c == '-' || c == '.' || (c >= 0x80 && !behind);
        if (!part && !behind)
            break;
        domain[used] = '.';
        if (!behind)
            domain[used] = text[at];
        used++;
        at = behind ? behind : at + 1;
    }
    return is_domain(domain, used);
}

/* Bytes of the bracket that ends at `end`, or begins there; 0: there is none. */
static size_t open_bracket(const char *text, size_t end)
{
    if (end > 0 && memchr("([{<", text[end - 1], 4))
        return 1;
    return end > 3 && memcmp(text + end - 3, "\xef\xbc\x88", 3) == 0 ? 3 : 0;
}

static bool closes_bracket(const char *text, size_t size, size_t at)
{
    while (at < size && is_blank(text[at]))
        at++;
    if (at == size)
        return false;
    return memchr(")]}>", text[at], 4) || (size - at >= 3 && memcmp(text + at, "\xef\xbc\x89", 3) == 0);
}

static size_t before_blanks(const char *text, size_t end)
{
    while (end > 0 && is_blank(text[end - 1]))
        end--;
    return end;
}

/* Whether the word that ends at `end` is more like a mailbox than like a word: "li.lei", "li_lei", "li88". */
static bool is_mailbox(const char *text, size_t end)
{
    for (size_t i = end; i-- > 1 && !is_blank(text[i - 1]);) {
        bool inner = i + 1 < end && (text[i] == '.' || text[i] == '_');
        if (inner || (is_digit((unsigned char)text[i]) && is_letter((unsigned char)text[i - 1])))
            return true;
    }
    return false;
}

/* "at" at `at`: in brackets, or between blanks where nothing else makes sense. */
static bool at_word_is_email(const char *text, size_t size, size_t at)
{
    size_t behind = at + 2;
    size_t end = before_blanks(text, at);
    size_t bracket = open_bracket(text, end);
    if (bracket)
        return closes_bracket(text, size, behind) && before_blanks(text, end - bracket) > 0 &&
               is_local((unsigned char)text[before_blanks(text, end - bracket) - 1]) &&
               domain_follows(text + behind, size - behind);
    if (end == at || end == 0 || !is_blank(text[behind]) || !is_local((unsigned char)text[end - 1]) ||
        !domain_follows(text + behind, size - behind))
        return false;
    size_t domain = skip_separators(text, size, behind);
    return is_mailbox(text, end) || !is_domain(text + domain, size - domain);
}

/* The sign at `at`, of so many bytes. Blanks before it count where blanks follow, too: "@handle" is none. */
static bool sign_is_email(const char *text, size_t size, size_t at, size_t bytes)
{
    size_t behind = at + bytes;
    if (behind < size && is_blank(text[behind]))
        at = before_blanks(text, at);
    return at > 0 && is_local((unsigned char)text[at - 1]) && domain_follows(text + behind, size - behind);
}

static bool is_at_word(const char *text, size_t size, size_t at)
{
    return at > 0 && at + 5 < size && (text[at + 1] | 0x20) == 't' &&
           !is_letter((unsigned char)text[at - 1]) && !is_letter((unsigned char)text[at + 2]) &&
           at_word_is_email(text, size, at);
}

/* Of full width, and small. */
static bool is_wide_sign(const char *text, size_t size, size_t at)
{
    return size - at > 3 &&
           (memcmp(text + at, "\xef\xbc\xa0", 3) == 0 || memcmp(text + at, "\xef\xb9\xab", 3) == 0);
}

bool looks_like_email(const char *text, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        unsigned char c = (unsigned char)text[at];
        if ((c | 0x20) == 'a' ? is_at_word(text, size, at)
            : c == '@'        ? sign_is_email(text, size, at, 1)
            : c == 0xef       ? is_wide_sign(text, size, at) && sign_is_email(text, size, at, 3)
                              : false)
            return true;
    }
    return false;
}

/* -- digits -- */

/* One group while it is read. */
struct reading {
    struct digit_group *group;
    uint32_t at[DIGITS_MAX]; /* where in the text each digit stands */
    unsigned separators;     /* since the last digit */
    bool plus, wide;         /* among these; the plus is the last of them */
};

static bool add_digit(struct reading *reading, size_t at, char digit)
{
    struct digit_group *group = reading->group;
    bool begins = reading->separators > 0 || group->run_count == 0;
    if (group->size == DIGITS_MAX || (begins && group->run_count == RUNS_MAX))
        return false;
    if (begins)
        group->runs[group->run_count++] = (struct digit_run){
            .plus = reading->plus, .wide = reading->wide || reading->separators > SEPARATORS_MAX};
    reading->at[group->size] = (uint32_t)at;
    group->digits[group->size++] = digit;
    group->runs[group->run_count - 1].end = (uint8_t)group->size;
    reading->separators = 0;
    reading->plus = reading->wide = false;
    return true;
}

/* Where the group that follows a full one begins: at a run that a number may begin with, which is not lost
 * then; within a very long run at a digit. */
static size_t overlap(const struct reading *reading)
{
    const struct digit_group *group = reading->group;
    for (unsigned run = 0; run + 1 < group->run_count; run++)
        if (group->runs[run].end + OVERLAP_DIGITS >= group->size)
            return reading->at[group->runs[run].end];
    return reading->at[group->size - OVERLAP_DIGITS];
}

/* Reads one group that begins at `at` with a digit; returns where the next one is looked for. */
static size_t read_group(const char *text, size_t size, size_t at, bool plus, struct digit_group *group)
{
    struct reading reading; /* its places are written before they are read */
    reading.group = group;
    reading.separators = 0;
    reading.plus = plus;
    reading.wide = false;
    group->run_count = 0;
    group->size = 0;
    while (at < size) {
        size_t bytes;
        char digit;
        enum glyph glyph = glyph_at(text + at, size - at, &bytes, &digit);
        if (glyph == GLYPH_DIGIT) {
            if (!add_digit(&reading, at, digit))
                return overlap(&reading);
        } else if (glyph_separates(glyph)) {
            reading.separators++;
            reading.plus = glyph == GLYPH_PLUS;
            reading.wide |= glyph == GLYPH_MARK;
        } else {
            break;
        }
        at += bytes;
    }
    return at;
}

bool digits_next(const char *text, size_t size, size_t *cursor, struct digit_group *ret_group)
{
    size_t at = *cursor;
    bool plus = false;
    while (at < size) {
        size_t bytes;
        char digit;
        enum glyph glyph = glyph_at(text + at, size - at, &bytes, &digit);
        if (glyph == GLYPH_DIGIT) {
            at = read_group(text, size, at, plus, ret_group);
            if (ret_group->size >= PHONE_DIGITS_MIN) {
                *cursor = at;
                return true;
            }
            plus = false;
            continue;
        }
        plus = glyph == GLYPH_PLUS;
        at += bytes;
    }
    *cursor = size;
    return false;
}

/* -- phone -- */

static bool is_mobile(const char *digits, size_t size)
{
    if (size == 15 && memcmp(digits, "00", 2) == 0) {
        digits += 2;
        size -= 2;
    }
    if (size == 13 && memcmp(digits, "86", 2) == 0) {
        digits += 2;
        size -= 2;
    }
    if (size == 12 && digits[0] == '0') {
        digits++;
        size--;
    }
    return size == 11 && digits[0] == '1' && digits[1] >= '3';
}

static unsigned run_begin(const struct digit_group *group, unsigned run)
{
    return run ? group->runs[run - 1].end : 0;
}

static unsigned run_size(const struct digit_group *group, unsigned run)
{
    return group->runs[run].end - run_begin(group, run);
}

/* Runs `first` to `last` as somebody groups a landline or a number from elsewhere. */
static bool is_grouped(const struct digit_group *group, unsigned first, unsigned last)
{
    const char *digits = group->digits + run_begin(group, first);
    unsigned size = group->runs[last].end - run_begin(group, first);
    unsigned head = run_size(group, first);
    if (last > first && digits[0] == '0' && digits[1] != '0' && head >= 3 && head <= 5)
        return size >= 10 && size <= 12; /* 021-64376688, 07911 123456 */
    return last == first + 2 && head == 3 && run_size(group, first + 1) == 3 && run_size(group, last) == 4 &&
           digits[0] >= '2'; /* 415-555-2671 */
}

/* The last three runs are of 3, 4 and 4 digits: as mobile numbers are written. */
static bool ends_as_mobile(const struct digit_group *group, unsigned first, unsigned last)
{
    if (last < 2 || last - 2 < first)
        return false;
    return run_size(group, last) == 4 && run_size(group, last - 1) == 4 && run_size(group, last - 2) == 3;
}

/* Runs `first` to `last`, all of them; `wide`: with an unusual separator between two of them. */
static bool runs_are_phone(const struct digit_group *group, unsigned first, unsigned last, bool wide)
{
    unsigned begin = run_begin(group, first);
    unsigned size = group->runs[last].end - begin;
    bool mobile = is_mobile(group->digits + begin, size);
    if (wide)
        return mobile && ends_as_mobile(group, first, last);
    return mobile || is_grouped(group, first, last) || (group->runs[first].plus && size >= 8);
}

static bool group_is_phone(const struct digit_group *group)
{
    for (unsigned first = 0; first < group->run_count; first++) {
        bool wide = false;
        for (unsigned last = first; last < group->run_count; last++) {
            wide |= last > first && group->runs[last].wide;
            if (group->runs[last].end - run_begin(group, first) > 15)
                break;
            if (runs_are_phone(group, first, last, wide))
                return true;
        }
    }
    return false;
}

bool looks_like_phone(const char *text, size_t size)
{
    struct digit_group group;
    for (size_t cursor = 0; digits_next(text, size, &cursor, &group);)
        if (group_is_phone(&group))
            return true;
    return false;
}

bool looks_like_bare_landline(const char *text, size_t size)
{
    struct digit_group group;
    for (size_t cursor = 0; digits_next(text, size, &cursor, &group);)
        for (unsigned run = 0; run < group.run_count; run++) {
            const char *digits = group.digits + run_begin(&group, run);
            unsigned count = run_size(&group, run);
            if ((count == 11 || count == 12) && digits[0] == '0' && digits[1] != '0')
                return true;
        }
    return false;
}
