/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_fields.h"

#include "common/mem.h"

#include <string.h>

#define NAME_SIMILAR 0.90
#define STREET_SIMILAR 0.75
#define LOCAL_MIN 6 /* shorter parts before the sign are near many others */

enum { NAME_FAMILY = 2, NAME_PART, NAME_CLOSE, NAME_SAME };
enum { BIRTHDAY_TWO_PARTS = 2, BIRTHDAY_SWAPPED, BIRTHDAY_SAME };
enum { GENDER_SAME = 2 };
enum { PLACE_CITY = 2, PLACE_POSTCODE, PLACE_SIMILAR, PLACE_SAME };
enum { EMAIL_NEAR = 2, EMAIL_SAME };
enum { PHONE_NEAR = 2, PHONE_SAME };

static const struct {
    const char *name;
    const char *levels[LEVELS_MAX];
} fields[FIELD_COUNT] = {
    [FIELD_NAME] = {"name", {"missing", "different", "family_name", "part", "similar", "same"}},
    [FIELD_BIRTHDAY] = {"birthday", {"missing", "different", "two_parts", "day_and_month_swapped", "same"}},
    [FIELD_GENDER] = {"gender", {"missing", "different", "same"}},
    [FIELD_PLACE] = {"place",
        {"missing", "different", "city", "postcode", "similar_address", "same_address"}},
    [FIELD_EMAIL] = {"email", {"missing", "different", "similar", "same"}},
    [FIELD_PHONE] = {"phone", {"missing", "different", "one_digit", "same"}},
};

const char *duplicate_field_name(enum duplicate_field field)
{
    return fields[field].name;
}

unsigned duplicate_levels(enum duplicate_field field)
{
    unsigned count = 0;
    while (count < LEVELS_MAX && fields[field].levels[count])
        count++;
    return count;
}

const char *duplicate_level_name(enum duplicate_field field, unsigned level)
{
    return level < LEVELS_MAX && fields[field].levels[level] ? fields[field].levels[level] : "";
}

/* -- names -- */

/* Whether it is a family name (its first character, or the second behind 小 and 老) with a form of address, or alone. */
static bool is_family_alone(const struct text *name, uint16_t *ret_family)
{
    static const uint16_t titles[][2] = {
        {0x5148, 0x751f}, {0x5973, 0x58eb}, {0x5c0f, 0x59d0}, {0x592a, 0x592a}, {0x8001, 0x5e08}};
    *ret_family = name->chars[0];
    if (name->size == 2 && (name->chars[0] == 0x5c0f || name->chars[0] == 0x8001)) {
        *ret_family = name->chars[1];
        return true;
    }
    for (size_t i = 0; name->size == 3 && i < COUNT_OF(titles); i++)
        if (memcmp(name->chars + 1, titles[i], sizeof(titles[i])) == 0)
            return true;
    return name->size == 1;
}

static unsigned compare_han(const struct text *one, const struct text *other)
{
    uint16_t family, other_family;
    bool alone = is_family_alone(one, &family), other_alone = is_family_alone(other, &other_family);
    if (alone || other_alone)
        return family == other_family ? NAME_PART : LEVEL_DIFFERENT;
    unsigned shorter = one->size < other->size ? one->size : other->size;
    if (shorter >= 3 && text_within_one(one, other))
        return NAME_CLOSE;
    if (one->size == other->size && text_is_turned(one, other))
        return NAME_CLOSE; /* family and given name have changed places */
    return family == other_family ? NAME_FAMILY : LEVEL_DIFFERENT;
}

/* Of two names in words: a word in common, and whether a word of one is what another one of the other begins with ("J Smith"). */
static unsigned compare_words(const struct text *one, const struct text *other)
{
    struct word a[WORDS_MAX], b[WORDS_MAX];
    size_t a_count = text_words(one, a), b_count = text_words(other, b), same = 0, begun = 0;
    for (size_t i = 0; i < a_count; i++) {
        for (size_t k = 0; k < b_count; k++) {
            size_t shorter = a[i].size < b[k].size ? a[i].size : b[k].size;
            if (memcmp(a[i].chars, b[k].chars, shorter * sizeof(a[i].chars[0])) != 0)
                continue;
            if (a[i].size == b[k].size && shorter > 1)
                same++;
            else
                begun++;
        }
    }
    size_t fewer = a_count < b_count ? a_count : b_count;
    if (same == 0)
        return LEVEL_DIFFERENT;
    return same + begun >= fewer ? NAME_PART : NAME_FAMILY;
}

/* Of names whose words are in order. */
static unsigned compare_sorted(const struct text *one, const struct text *other)
{
    if (one->size == 0 || other->size == 0 || text_is_han(one) != text_is_han(other))
        return LEVEL_MISSING; /* one person may well be written in two scripts */
    if (text_equals(one, other))
        return NAME_SAME;
    if (text_is_han(one))
        return compare_han(one, other);
    return text_jaro_winkler(one, other) >= NAME_SIMILAR ? NAME_CLOSE : compare_words(one, other);
}

static unsigned compare_names(const struct duplicate_record *one, const struct duplicate_record *other)
{
    unsigned level = compare_sorted(&one->sorted, &other->sorted);
    bool words = level != LEVEL_MISSING && level < NAME_CLOSE && !text_is_han(&one->sorted);
    return words && text_jaro_winkler(&one->name, &other->name) >= NAME_SIMILAR ? NAME_CLOSE : level;
}

bool duplicate_names_differ(const struct text *one, const struct text *other)
{
    unsigned level = compare_sorted(one, other);
    return level == LEVEL_DIFFERENT || level == NAME_FAMILY;
}

/* -- birthdays -- */

static unsigned compare_birthdays(const struct birthday *one, const struct birthday *other)
{
    if (one->month == 0 || other->month == 0)
        return LEVEL_MISSING;
    bool day = one->day == other->day, month = one->month == other->month;
    if (one->year == 0 || other->year == 0)
        return day && month ? BIRTHDAY_TWO_PARTS : LEVEL_DIFFERENT;
    bool year = one->year == other->year;
    if (day && month && year)
        return BIRTHDAY_SAME;
    if (year && one->day == other->month && one->month == other->day)
        return BIRTHDAY_SWAPPED;
    return day + month + year == 2 ? BIRTHDAY_TWO_PARTS : LEVEL_DIFFERENT;
}

/* -- places -- */

static unsigned compare_places(const struct duplicate_record *one, const struct duplicate_record *other)
{
    bool streets = one->street.size > 0 && other->street.size > 0;
    bool postcodes = one->postcode.size > 0 && other->postcode.size > 0;
    bool cities = one->city.size > 0 && other->city.size > 0;
    if (!streets && !postcodes && !cities)
        return LEVEL_MISSING;
    bool city = cities && text_equals(&one->city, &other->city);
    bool postcode = postcodes && text_equals(&one->postcode, &other->postcode);
    bool elsewhere = cities && !city && !postcode; /* streets of one name are in many cities */
    if (streets && !elsewhere && text_equals(&one->street, &other->street))
        return PLACE_SAME;
    if (streets && !elsewhere && text_dice(&one->street, &other->street) >= STREET_SIMILAR)
        return PLACE_SIMILAR;
    return postcode ? PLACE_POSTCODE : city ? PLACE_CITY : LEVEL_DIFFERENT;
}

/* -- emails and phones: the best of each with each -- */

/* Digits in their order. */
static void digits_of(const struct text *text, struct text *ret_digits)
{
    ret_digits->size = 0;
    for (unsigned i = 0; i < text->size; i++)
        if (text->chars[i] >= '0' && text->chars[i] <= '9')
            ret_digits->chars[ret_digits->size++] = text->chars[i];
}

/* Namesakes tell their addresses apart by a digit: a mistake is one in a letter. */
static bool is_mistyped(const struct text *one, const struct text *other)
{
    struct text digits, other_digits;
    if (one->size < LOCAL_MIN || other->size < LOCAL_MIN || !text_within_one(one, other))
        return false;
    digits_of(one, &digits);
    digits_of(other, &other_digits);
    return text_equals(&digits, &other_digits);
}

static unsigned compare_locals(const struct text *one, const struct text *other)
{
    if (one->size == 0 || other->size == 0)
        return LEVEL_MISSING;
    if (text_equals(one, other))
        return EMAIL_SAME;
    return is_mistyped(one, other) ? EMAIL_NEAR : LEVEL_DIFFERENT;
}

static unsigned compare_numbers(const struct number *one, const struct number *other)
{
    if (one->size == 0 || other->size == 0)
        return LEVEL_MISSING;
    if (one->size == other->size && memcmp(one->digits, other->digits, one->size) == 0)
        return PHONE_SAME;
    struct text a = {.size = one->size}, b = {.size = other->size};
    for (size_t i = 0; i < one->size; i++)
        a.chars[i] = (uint16_t)one->digits[i];
    for (size_t i = 0; i < other->size; i++)
        b.chars[i] = (uint16_t)other->digits[i];
    return text_within_one(&a, &b) ? PHONE_NEAR : LEVEL_DIFFERENT;
}

void duplicate_compare(
    const struct duplicate_record *one, const struct duplicate_record *other, struct agreement *ret_agreement)
{
    unsigned email = LEVEL_MISSING, phone = LEVEL_MISSING;
    for (size_t i = 0; i < VALUES_MAX; i++) {
        for (size_t k = 0; k < VALUES_MAX; k++) {
            unsigned local = compare_locals(&one->emails[i], &other->emails[k]);
            unsigned number = compare_numbers(&one->phones[i], &other->phones[k]);
            email = local > email ? local : email;
            phone = number > phone ? number : phone;
        }
    }
    unsigned gender = one->gender && other->gender
                          ? one->gender == other->gender ? GENDER_SAME : LEVEL_DIFFERENT
                          : LEVEL_MISSING;
    *ret_agreement = (struct agreement){
        .levels = {
            [FIELD_NAME] = (uint8_t)compare_names(one, other),
            [FIELD_BIRTHDAY] = (uint8_t)compare_birthdays(&one->birthday, &other->birthday),
            [FIELD_GENDER] = (uint8_t)gender,
            [FIELD_PLACE] = (uint8_t)compare_places(one, other),
            [FIELD_EMAIL] = (uint8_t)email,
            [FIELD_PHONE] = (uint8_t)phone,
        }};
}
