/* SPDX-License-Identifier: Apache-2.0 */
/* How texts are read and compared, and how far two persons agree. */
#include "services/identity/duplicate_block.h"
#include "services/identity/duplicate_read.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double value, double expected, double within)
{
    assert_true(fabs(value - expected) <= within);
}

/* -- texts -- */

static struct text text(const char *utf8)
{
    struct text text;
    text_read(utf8, strlen(utf8), &text);
    return text;
}

static bool same(const char *one, const char *other)
{
    struct text a = text(one), b = text(other);
    return text_equals(&a, &b);
}

static void texts_have_one_form(void **state)
{
    (void)state;
    assert_true(same("Robert  Smith", "ＲＯＢＥＲＴ-smith"));
    assert_true(same("王 小明", "王小明"));
    assert_true(same("买买提·艾力", "买买提 艾力"));
    assert_true(same(" 人民路 12号 ", "人民路12号"));
    assert_false(same("Robert Smith", "RobertSmith"));
    assert_true(same("", " - "));
}

static void what_is_no_text_is_read_without_harm(void **state)
{
    (void)state;
    char long_text[2000];
    memset(long_text, 'x', sizeof(long_text));
    struct text read;
    text_read(long_text, sizeof(long_text), &read);
    assert_int_equal(read.size, TEXT_CHARS_MAX);
    text_read("\xff\xe4\xb8", 3, &read);
    text_read("\xf0\x9f\x98\x80", 4, &read);
    text_read(NULL, 0, &read);
    assert_int_equal(read.size, 0);
}

static void words_are_sorted(void **state)
{
    (void)state;
    struct text name = text("Smith Robert J"), sorted, expected = text("j robert smith");
    text_sort_words(&name, &sorted);
    assert_true(text_equals(&sorted, &expected));
}

static double jaro_winkler(const char *one, const char *other)
{
    struct text a = text(one), b = text(other);
    return text_jaro_winkler(&a, &b);
}

/* The examples of Winkler's paper. */
static void similarity_is_jaro_and_winklers(void **state)
{
    (void)state;
    assert_near(jaro_winkler("martha", "marhta"), 0.9611, 0.0001);
    assert_near(jaro_winkler("dwayne", "duane"), 0.84, 0.0001);
    assert_near(jaro_winkler("dixon", "dicksonx"), 0.8133, 0.0001);
    assert_near(jaro_winkler("same", "same"), 1, 0.0001);
    assert_near(jaro_winkler("abc", "xyz"), 0, 0.0001);
    assert_near(jaro_winkler("", "xyz"), 0, 0.0001);
}

static bool within_one(const char *one, const char *other)
{
    struct text a = text(one), b = text(other);
    assert_true(text_within_one(&a, &b) == text_within_one(&b, &a));
    return text_within_one(&a, &b);
}

static void one_mistake_is_one_mistake(void **state)
{
    (void)state;
    assert_true(within_one("13800138000", "13800138000"));
    assert_true(within_one("13800138000", "13800138001"));
    assert_true(within_one("13800138000", "31800138000"));
    assert_true(within_one("13800138000", "1380013800"));
    assert_true(within_one("13800138000", "3800138000"));
    assert_false(within_one("13800138000", "13800138111"));
    assert_false(within_one("13800138000", "13801038001"));
    assert_false(within_one("138001380", "13800138000"));
    assert_true(within_one("", "1"));
}

/* -- fields -- */

static struct duplicate_record person(
    const char *name, const char *birthday, const char *address, const char *phone, const char *email)
{
    struct duplicate_record record = {.person = 1};
    struct profile profile = {.count = 0};
    const char *const keys[] = {"name", "birthday", "address"};
    const char *const values[] = {name, birthday, address};
    char json[3][400];
    for (size_t i = 0; i < 3; i++) {
        if (!values[i])
            continue;
        int size = snprintf(json[i], sizeof(json[i]), values[i][0] == '{' ? "%s" : "\"%s\"", values[i]);
        profile.entries[profile.count++] = (struct profile_entry){
            .key = keys[i], .key_size = strlen(keys[i]), .json = json[i], .json_size = (size_t)size};
    }
    duplicate_read_traits(&profile, &record);
    if (phone)
        duplicate_read_phone(&record, phone, strlen(phone));
    if (email)
        duplicate_read_email(&record, email, strlen(email));
    return record;
}

static const char *level(
    enum duplicate_field field, const struct duplicate_record *one, const struct duplicate_record *other)
{
    struct agreement agreement, back;
    duplicate_compare(one, other, &agreement);
    duplicate_compare(other, one, &back);
    assert_memory_equal(&agreement, &back, sizeof(agreement));
    return duplicate_level_name(field, agreement.levels[field]);
}

static const char *names(const char *one, const char *other)
{
    struct duplicate_record a = person(one, NULL, NULL, NULL, NULL),
                            b = person(other, NULL, NULL, NULL, NULL);
    return level(FIELD_NAME, &a, &b);
}

static void names_agree_by_level(void **state)
{
    (void)state;
    assert_string_equal(names("王小明", "王 小明"), "same");
    assert_string_equal(names("王小明", "王小朋"), "similar");
    assert_string_equal(names("王伟", "伟王"), "similar");
    assert_string_equal(names("小明王", "王小明"), "similar");
    assert_string_equal(names("王伟", "王芳"), "family_name");
    assert_string_equal(names("王女士", "王芳"), "part");
    assert_string_equal(names("小王", "王芳"), "part");
    assert_string_equal(names("王伟", "李伟"), "different");
    assert_string_equal(names("Robert Smith", "Smith, Robert"), "same");
    assert_string_equal(names("Robert Smith", "Robert Smyth"), "similar");
    assert_string_equal(names("R Smith", "Robert Smith"), "part");
    assert_string_equal(names("Smith", "Robert Smith"), "part");
    assert_string_equal(names("Mary Smith", "Robert Smith"), "family_name");
    assert_string_equal(names("Mary Smith", "Robert Jones"), "different");
    assert_string_equal(names("Wang Wei", "王伟"), "missing");
    assert_string_equal(names("", "王伟"), "missing");
}

static const char *birthdays(const char *one, const char *other)
{
    struct duplicate_record a = person(NULL, one, NULL, NULL, NULL),
                            b = person(NULL, other, NULL, NULL, NULL);
    return level(FIELD_BIRTHDAY, &a, &b);
}

static void birthdays_agree_by_level(void **state)
{
    (void)state;
    assert_string_equal(birthdays("1990-05-12", "19900512"), "same");
    assert_string_equal(birthdays("1990-05-12", "1990-12-05"), "day_and_month_swapped");
    assert_string_equal(birthdays("1990-05-12", "1991-05-12"), "two_parts");
    assert_string_equal(birthdays("1990-05-12", "1990-05-13"), "two_parts");
    assert_string_equal(birthdays("1990-05-12", "05-12"), "two_parts");
    assert_string_equal(birthdays("1990-05-12", "1991-05-13"), "different");
    assert_string_equal(birthdays("1990-05-12", "05-13"), "different");
    assert_string_equal(birthdays("1970-01-01", "1970-01-01"), "missing");
    assert_string_equal(birthdays("soon", "1990-05-12"), "missing");
}

static const char *places(const char *one, const char *other)
{
    struct duplicate_record a = person(NULL, NULL, one, NULL, NULL),
                            b = person(NULL, NULL, other, NULL, NULL);
    return level(FIELD_PLACE, &a, &b);
}

static void places_agree_by_level(void **state)
{
    (void)state;
    const char *home = "{\"city\":\"上海\",\"street\":\"人民路12号301室\",\"postalCode\":\"200001\"}";
    assert_string_equal(places(home, home), "same_address");
    assert_string_equal(
        places(home, "{\"city\":\"上海市\",\"street\":\"人民路 12号 301\"}"), "similar_address");
    assert_string_equal(places(home, "人民路12号301室"), "same_address");
    assert_string_equal(places(home, "{\"city\":\"北京\",\"street\":\"人民路12号301室\"}"), "different");
    assert_string_equal(places(home, "{\"postalCode\":\"200001\",\"street\":\"南京路1号\"}"), "postcode");
    assert_string_equal(places(home, "{\"city\":\"上海\",\"street\":\"南京路1号\"}"), "city");
    assert_string_equal(places(home, "{\"note\":\"none\"}"), "missing");
}

static const char *addresses(const char *one, const char *other)
{
    struct duplicate_record a = person(NULL, NULL, NULL, NULL, one),
                            b = person(NULL, NULL, NULL, NULL, other);
    return level(FIELD_EMAIL, &a, &b);
}

static void emails_agree_by_what_stands_before_the_sign(void **state)
{
    (void)state;
    assert_string_equal(addresses("robert.smith@a.com", "Robert.Smith@b.com"), "same");
    assert_string_equal(addresses("robert.smith@a.com", "robret.smith@b.com"), "similar");
    assert_string_equal(addresses("smith1990@a.com", "smith1991@a.com"), "different"); /* namesakes */
    assert_string_equal(addresses("bob@a.com", "rob@a.com"), "different");
    assert_string_equal(addresses("robert.smith@a.com", NULL), "missing");
}

static const char *phones(const char *one, const char *other)
{
    struct duplicate_record a = person(NULL, NULL, NULL, one, NULL),
                            b = person(NULL, NULL, NULL, other, NULL);
    return level(FIELD_PHONE, &a, &b);
}

static void phones_agree_within_one_digit(void **state)
{
    (void)state;
    assert_string_equal(phones("+8613800138000", "+8613800138000"), "same");
    assert_string_equal(phones("+8613800138000", "+8613800138010"), "one_digit");
    assert_string_equal(phones("+8613800138000", "+8613800318000"), "one_digit");
    assert_string_equal(phones("+8613800138000", "+8613900318000"), "different");
    assert_string_equal(phones("+8613800138000", NULL), "missing");
}

static void the_best_of_several_counts(void **state)
{
    (void)state;
    struct duplicate_record one = person(NULL, NULL, NULL, "+8613800138000", NULL),
                            other = person(NULL, NULL, NULL, "+8613800138001", NULL);
    duplicate_read_phone(&other, "+8615912345678", 14);
    assert_string_equal(level(FIELD_PHONE, &one, &other), "one_digit");
    duplicate_read_phone(&other, "+8615912345679", 14);
    assert_string_equal(level(FIELD_PHONE, &one, &other), "different"); /* the newest ones are kept */
}

/* -- blocks -- */

static bool share_block(const struct duplicate_record *one, const struct duplicate_record *other)
{
    const struct block_secret secret = {.bytes = {1}};
    uint64_t a[BLOCK_KEYS_MAX], b[BLOCK_KEYS_MAX];
    unsigned count = block_keys(&secret, one, a), others = block_keys(&secret, other, b);
    assert_true(count <= BLOCK_KEYS_MAX && others <= BLOCK_KEYS_MAX);
    for (unsigned i = 0; i < count; i++) {
        assert_in_range(block_pass_of(a[i]), PASS_RANDOM + 1, BLOCK_END - 1);
        for (unsigned k = 0; k < others; k++)
            if (a[i] == b[k])
                return true;
    }
    return false;
}

static void any_one_mistake_in_a_phone_leaves_a_block(void **state)
{
    (void)state;
    const char *phone = "+8613812345678";
    struct duplicate_record one = person(NULL, NULL, NULL, phone, NULL);
    for (size_t i = 3; i < strlen(phone); i++) {
        char wrong[20];
        strcpy(wrong, phone);
        wrong[i] = wrong[i] == '9' ? '0' : (char)(wrong[i] + 1);
        struct duplicate_record other = person(NULL, NULL, NULL, wrong, NULL);
        assert_true(share_block(&one, &other));
        if (i + 1 == strlen(phone))
            continue;
        strcpy(wrong, phone);
        wrong[i] = phone[i + 1];
        wrong[i + 1] = phone[i];
        other = person(NULL, NULL, NULL, wrong, NULL);
        assert_true(share_block(&one, &other));
    }
    struct duplicate_record other = person(NULL, NULL, NULL, "+8615987654321", NULL);
    assert_false(share_block(&one, &other));
}

static void one_field_in_common_is_no_block_but_two_are(void **state)
{
    (void)state;
    const char *city = "{\"city\":\"上海\"}";
    struct duplicate_record one = person("王小明", "1990-05-12", city, NULL, NULL);
    struct duplicate_record named = person("王小明", NULL, NULL, NULL, NULL),
                            born = person("李小明", "1990-05-12", NULL, NULL, NULL),
                            there = person("李伟", NULL, city, NULL, NULL);
    assert_false(share_block(&one, &named));
    assert_false(share_block(&one, &born));
    assert_false(share_block(&one, &there));
    struct duplicate_record named_there = person("王小明", NULL, city, NULL, NULL),
                            named_then = person("王小明", "05-12", NULL, NULL, NULL),
                            born_there = person("李伟", "1990-05-12", city, NULL, NULL);
    assert_true(share_block(&one, &named_there));
    assert_true(share_block(&one, &named_then));
    assert_true(share_block(&one, &born_there));
}

static void a_street_is_found_however_it_is_written(void **state)
{
    (void)state;
    struct duplicate_record one = person(NULL, NULL, "人民路12号301室", NULL, NULL),
                            other = person(NULL, NULL, "人民路 12号 301", NULL, NULL),
                            next_door = person(NULL, NULL, "人民路12号302室", NULL, NULL);
    assert_true(share_block(&one, &other));
    assert_false(share_block(&one, &next_door));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_one_form),
        cmocka_unit_test(what_is_no_text_is_read_without_harm),
        cmocka_unit_test(words_are_sorted),
        cmocka_unit_test(similarity_is_jaro_and_winklers),
        cmocka_unit_test(one_mistake_is_one_mistake),
        cmocka_unit_test(names_agree_by_level),
        cmocka_unit_test(birthdays_agree_by_level),
        cmocka_unit_test(places_agree_by_level),
        cmocka_unit_test(emails_agree_by_what_stands_before_the_sign),
        cmocka_unit_test(phones_agree_within_one_digit),
        cmocka_unit_test(the_best_of_several_counts),
        cmocka_unit_test(any_one_mistake_in_a_phone_leaves_a_block),
        cmocka_unit_test(one_field_in_common_is_no_block_but_two_are),
        cmocka_unit_test(a_street_is_found_however_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
