/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/forms.h"

#include "common/buffer.h"
#include "common/error.h"
#include "common/glyph.h"
#include "services/identity/digester.h"
#include "services/identity/known.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMS_MAX 2048
#define NUMBERS_MAX 64
#define NUMBER_BYTES 24
#define VALUE_MAX KNOWN_VALUE_BYTES
#define START_BYTES 8 /* of a digest that are compared: enough to tell it from any other */

struct forms {
    struct digester *digester;
    struct buffer texts;
    unsigned number_count;
    char numbers[NUMBERS_MAX][NUMBER_BYTES + 4]; /* that were added, with their countries */
    unsigned count;
    size_t ends[FORMS_MAX];
    unsigned hashed[DIGEST_COUNT]; /* of `count` so many */
    uint8_t starts[DIGEST_COUNT][FORMS_MAX][START_BYTES];
};

int forms_open(struct forms **ret_forms)
{
    struct forms *forms = calloc(1, sizeof(*forms));
    if (!forms)
        return -QY_ENOMEM;
    int error = digester_open(&forms->digester);
    if (error)
        forms_close(&forms);
    *ret_forms = forms;
    return error;
}

void forms_close(struct forms **forms)
{
    struct forms *own = *forms;
    if (!own)
        return;
    if (own->texts.data)
        sodium_memzero(own->texts.data, own->texts.capacity);
    buffer_free(&own->texts);
    digester_close(&own->digester);
    sodium_memzero(own, sizeof(*own));
    free(own);
    *forms = NULL;
}

void forms_reset(struct forms *forms)
{
    buffer_clear(&forms->texts);
    forms->count = 0;
    forms->number_count = 0;
    memset(forms->hashed, 0, sizeof(forms->hashed));
}

/* -- forms -- */

static void add(struct forms *forms, const char *text, size_t size)
{
    if (size == 0 || forms->count == FORMS_MAX)
        return;
    buffer_append(&forms->texts, text, size);
    forms->ends[forms->count++] = forms->texts.size;
}

/* As it is, in small letters, in capitals. */
static void add_cases(struct forms *forms, const char *text, size_t size)
{
    char other[VALUE_MAX];
    add(forms, text, size);
    size_t folded = glyph_fold(text, size, other);
    if (folded != size || memcmp(other, text, size) != 0)
        add(forms, other, folded);
    for (size_t i = 0; i < size; i++)
        other[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 0x20 : text[i]);
    if (memcmp(other, text, size) != 0)
        add(forms, other, size);
}

static size_t without_gaps(const char *text, size_t size, char *out)
{
    size_t used = 0, bytes;
    for (size_t at = 0; at < size; at += bytes) {
        char digit;
        if (glyph_at(text + at, size - at, &bytes, &digit) == GLYPH_GAP)
            continue;
        memcpy(out + used, text + at, bytes);
        used += bytes;
    }
    return used;
}

void forms_add_text(struct forms *forms, const char *value, size_t size)
{
    char squeezed[VALUE_MAX];
    if (size > sizeof(squeezed))
        return;
    if (size > 0 && ((unsigned char)value[0] <= ' ' || (unsigned char)value[size - 1] <= ' '))
        add_cases(forms, value, size);
    while (size > 0 && (unsigned char)value[0] <= ' ') {
        value++;
        size--;
    }
    while (size > 0 && (unsigned char)value[size - 1] <= ' ')
        size--;
    add_cases(forms, value, size);
    size_t left = without_gaps(value, size, squeezed);
    if (left != size)
        add_cases(forms, squeezed, left);
}

__attribute__((format(printf, 2, 3))) static void add_printed(struct forms *forms, const char *format, ...)
{
    char text[80];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < sizeof(text))
        add(forms, text, (size_t)size);
}

/* A number is stated and stored as an identifier and as a trait, often in the same form. */
static bool is_new(struct forms *forms, const char *country, const char *national)
{
    char number[NUMBER_BYTES + 4];
    snprintf(number, sizeof(number), "%s %s", country, national);
    for (unsigned i = 0; i < forms->number_count; i++)
        if (strcmp(forms->numbers[i], number) == 0)
            return false;
    if (forms->number_count < COUNT_OF(forms->numbers))
        memcpy(forms->numbers[forms->number_count++], number, sizeof(number));
    return true;
}

/* `country` with nothing before it, "" where it is not known. */
static void add_national(struct forms *forms, const char *country, const char *national)
{
    if (strlen(national) >= NUMBER_BYTES || !is_new(forms, country, national))
        return;
    static const char *const signs[] = {"+", "", "00"};
    static const char *const blanks[] = {"", " ", "-"};
    bool mobile = strlen(national) == 11;
    char dashed[20] = "", spaced[20] = "";
    if (mobile) {
        snprintf(dashed, sizeof(dashed), "%.3s-%.4s-%.4s", national, national + 3, national + 7);
        snprintf(spaced, sizeof(spaced), "%.3s %.4s %.4s", national, national + 3, national + 7);
    }
    const char *const written[] = {national, dashed, spaced};
    for (size_t i = 0; i < COUNT_OF(written) && *written[i]; i++) {
        add_printed(forms, "%s", written[i]);
        add_printed(forms, "0%s", written[i]);
        for (size_t sign = 0; *country && sign < COUNT_OF(signs); sign++)
            for (size_t blank = 0; blank < COUNT_OF(blanks); blank++)
                add_printed(forms, "%s%s%s%s", signs[sign], country, blanks[blank], written[i]);
    }
}

void forms_add_number(struct forms *forms, const char *value, size_t size)
{
    struct digit_group group;
    size_t cursor = 0;
    forms_add_text(forms, value, size);
    if (!digits_next(value, size, &cursor, &group) || group.size > 20)
        return;
    char digits[24];
    snprintf(digits, sizeof(digits), "%.*s", (int)group.size, group.digits);
    const char *national = digits + strspn(digits, "0");
    size_t count = strlen(national);
    if (count == 13 && memcmp(national, "86", 2) == 0) {
        national += 2;
        count -= 2;
    }
    add_printed(forms, "%s", digits);
    add_national(forms, count == 11 && *national == '1' ? "86" : "", national);
}

/* Digits of the country's code, which E.164 does not set apart. */
static size_t country_size(const char *digits)
{
    static const char two[] =
        "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 "
        "63 64 65 66 81 82 84 86 90 91 92 93 94 95 98";
    if (*digits == '1' || *digits == '7')
        return 1;
    return memmem(two, sizeof(two) - 1, digits, 2) ? 2 : 3;
}

static void add_e164(struct forms *forms, const char *value, size_t size)
{
    char digits[24], country[4];
    if (size < 8 || size > sizeof(digits))
        return;
    snprintf(digits, sizeof(digits), "%.*s", (int)(size - 1), value + 1);
    snprintf(country, sizeof(country), "%.*s", (int)country_size(digits), digits);
    add_national(forms, country, digits + strlen(country));
}

void forms_add_identifier(struct forms *forms, const struct kind *kind, const char *value, size_t size)
{
    if (kind->form == FORM_PHONE && size > 0 && *value == '+')
        add_e164(forms, value, size);
    else
        forms_add_text(forms, value, size);
    const char *colon = kind->form == FORM_OPENID ? memchr(value, ':', size) : NULL;
    if (colon)
        forms_add_text(forms, colon + 1, size - (size_t)(colon + 1 - value));
}

/* -- digests -- */

static bool hash_all(struct forms *forms, enum digest_algorithm algorithm)
{
    for (unsigned i = forms->hashed[algorithm]; i < forms->count; i++) {
        uint8_t hash[DIGEST_BYTES_MAX];
        size_t begin = i ? forms->ends[i - 1] : 0;
        if (!digester_make(
                forms->digester, algorithm, forms->texts.data + begin, forms->ends[i] - begin, hash))
            return false;
        memcpy(forms->starts[algorithm][i], hash, START_BYTES);
        forms->hashed[algorithm] = i + 1;
    }
    return true;
}

bool forms_hold(struct forms *forms, const struct digest *digest)
{
    if (buffer_error(&forms->texts) || !hash_all(forms, digest->algorithm))
        return true;
    for (unsigned i = 0; i < forms->count; i++)
        if (memcmp(forms->starts[digest->algorithm][i], digest->bytes, START_BYTES) == 0)
            return true;
    return false;
}
