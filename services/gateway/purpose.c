/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/purpose.h"

#include "common/ascii.h"
#include "common/looks.h"
#include "common/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DISTINCT_MIN 5
#define LETTERS_MIN 6
#define PERIOD_MAX 16

/* What a text is made of, less blanks: letters of any script, in lower case where they are ASCII. */
struct matter {
    uint32_t letters[PURPOSE_CHARACTERS_MAX];
    size_t letter_count, character_count, distinct;
    bool control;
};

static uint32_t next_character(const unsigned char **at)
{
    uint32_t c = *(*at)++;
    unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    if (more)
        c &= 0x3fu >> more;
    for (; more > 0 && (**at & 0xc0) == 0x80; more--)
        c = c << 6 | (*(*at)++ & 0x3fu);
    return c;
}

/* Punctuation of full width is none, and neither are its digits. */
static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool punctuation = (c >= 0x80 && c < 0xc0) || (c >= 0x2000 && c < 0x2c00) ||
                       (c >= 0x3000 && c < 0x3040) || (c >= 0xff00 && c < 0xff21);
    return !punctuation;
}

static void add_letter(struct matter *matter, uint32_t c)
{
    if (c < 0x80)
        c = (uint32_t)(unsigned char)ascii_lower((char)c);
    bool known = false;
    for (size_t i = 0; i < matter->letter_count && !known; i++)
        known = matter->letters[i] == c;
    matter->distinct += !known;
    if (matter->letter_count < PURPOSE_CHARACTERS_MAX)
        matter->letters[matter->letter_count++] = c;
}

/* Blanks at both ends do not count as characters. */
static void look_at(const char *text, struct matter *matter)
{
    size_t blanks = 0;
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        uint32_t c = next_character(&at);
        matter->control |= c < 0x20 || (c >= 0x7f && c < 0xa0);
        if (c == ' ' || c == 0x3000) {
            blanks += matter->character_count > 0;
            continue;
        }
        matter->character_count += blanks + 1;
        blanks = 0;
        if (is_letter(c))
            add_letter(matter, c);
    }
}

/* The same few letters again and again. */
static bool is_repeated(const struct matter *matter)
{
    for (size_t period = 1; period <= PERIOD_MAX && period <= matter->letter_count / 2; period++) {
        size_t i = period;
        while (i < matter->letter_count && matter->letters[i] == matter->letters[i - period])
            i++;
        if (i == matter->letter_count)
            return true;
    }
    return false;
}

/* What fingers find on a keyboard, and words that stand for a purpose. */
static bool is_filler(const char *word, size_t size)
{
    static const char *const fillers[] = {"test", "testing", "tests", "asdf", "asdfg", "asdfgh", "asdfghjk",
        "asdfghjkl", "qwer", "qwert", "qwerty", "qwertyui", "qwertyuiop", "zxcv", "zxcvb", "zxcvbnm",
        "abcdefghij", "abcdefghijk", "none", "nothing", "purpose", "reason", "unmask", "unmasking", "todo",
        "foo", "bar", "baz", "lorem", "ipsum", "dolor", "sit", "amet", "a", "an", "the", "no", "na", "my",
        "is", "this", "some", "any", "just", "because", "for", "of", "to", "data", "stated"};
    for (size_t i = 0; i < COUNT_OF(fillers); i++)
        if (strlen(fillers[i]) == size && strncasecmp(fillers[i], word, size) == 0)
            return true;
    return false;
}

static bool is_all_filler(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char *at = text; *at;) {
        size_t size = strspn(at, letters);
        if ((unsigned char)*at >= 0x80 || (size > 0 && !is_filler(at, size)))
            return false;
        at += size ? size : 1;
    }
    return true;
}

const char *purpose_problem(const char *text)
{
    struct matter matter = {.letter_count = 0};
    look_at(text, &matter);
    if (matter.control)
        return "must not hold line ends or other control characters";
    if (matter.character_count < PURPOSE_CHARACTERS_MIN || matter.character_count > PURPOSE_CHARACTERS_MAX)
        return "must have 10 to 500 characters";
    if (matter.letter_count < LETTERS_MIN || matter.distinct < DISTINCT_MIN || is_repeated(&matter) ||
        is_all_filler(text))
        return "must say what the field is needed for";
    return NULL;
}

const char *reason_problem(const char *text)
{
    size_t size = strlen(text);
    struct matter matter = {.letter_count = 0};
    look_at(text, &matter);
    if (matter.control)
        return "must not hold line ends or other control characters";
    if (matter.character_count < REASON_CHARACTERS_MIN || matter.character_count > PURPOSE_CHARACTERS_MAX)
        return "must have 3 to 500 characters";
    if (looks_like_email(text, size) || looks_like_phone(text, size))
        return "looks like a phone number or an email address; personal values never reach reasons";
    return NULL;
}
