/* SPDX-License-Identifier: Apache-2.0 */
#include "common/looks.h"

#include "common/glyph.h"

#include <string.h>
#include <strings.h>

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

/* -- all -- */

bool looks_personal(const char *text, size_t size)
{
    return looks_like_email(text, size) || looks_like_number(text, size) ||
           looks_like_plate(text, size, false);
}
