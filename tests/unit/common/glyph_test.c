/* SPDX-License-Identifier: Apache-2.0 */
#include "common/glyph.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum glyph one(const char *text, char *ret_digit)
{
    size_t bytes;
    enum glyph glyph = glyph_at(text, strlen(text), &bytes, ret_digit);
    assert_int_equal(bytes, strlen(text));
    return glyph;
}

static void digits_of_every_script_are_digits(void **state)
{
    (void)state;
    static const char *const sevens[] = {"7", "７", "٧", "۷", "७", "৭", "๗", "⑦", "⁷", "₇", "⑺", "⒎", "⓻",
        "❼", "➆", "➐", "𝟕", "𝟟", "𝟩", "𝟳", "𝟽"};
    char digit;
    for (size_t i = 0; i < COUNT_OF(sevens); i++)
        if (one(sevens[i], &digit) != GLYPH_DIGIT || digit != '7')
            fail_msg("no seven: %s", sevens[i]);
    assert_int_equal(one("⓪", &digit), GLYPH_DIGIT);
    assert_int_equal(digit, '0');
}

static void chinese_numerals_are_digits_of_numbers_alone(void **state)
{
    (void)state;
    static const char *const numerals[] = {
        "〇零", "一壹幺", "二贰貳两兩", "三叁叄", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖"};
    static const char *const others[] = {"十", "百", "么", "京", "丁", "丂", "a", "é", "\xe4\xb8", "\xff"};
    char digit;
    size_t bytes;
    bool numeral;
    for (size_t value = 0; value < COUNT_OF(numerals); value++)
        for (const char *at = numerals[value]; *at; at += 3) {
            if (glyph_number_at(at, strlen(at), &bytes, &digit, &numeral) != GLYPH_DIGIT || !numeral ||
                bytes != 3 || digit != (char)('0' + value))
                fail_msg("not %zu: %s", value, at);
            assert_int_equal(glyph_at(at, strlen(at), &bytes, &digit), GLYPH_OTHER);
        }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        enum glyph glyph = glyph_number_at(others[i], strlen(others[i]), &bytes, &digit, &numeral);
        if (glyph != GLYPH_OTHER || numeral)
            fail_msg("a numeral: %s", others[i]);
    }
    assert_int_equal(glyph_number_at("７", 3, &bytes, &digit, &numeral), GLYPH_DIGIT);
    assert_false(numeral);
}

static void what_stands_between_digits_is_told_from_letters(void **state)
{
    (void)state;
    static const char *const gaps[] = {" ", "-", ".", "(", "_", "\u00a0", "\u3000", "—", "\u200b", "·", "（"};
    static const char *const marks[] = {
        ",", "*", ":", "|", "#", "~", "\n", "，", "。", "❤", "📞", "\ufe0f", "…", "\u00ad"};
    static const char *const others[] = {"a", "Z", "é", "ж", "一", "上", "あ", "한", "ª", "\xff"};
    char digit;
    for (size_t i = 0; i < COUNT_OF(gaps); i++)
        if (one(gaps[i], &digit) != GLYPH_GAP)
            fail_msg("no gap: %s", gaps[i]);
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (one(marks[i], &digit) != GLYPH_MARK)
            fail_msg("no mark: %s", marks[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (one(others[i], &digit) != GLYPH_OTHER)
            fail_msg("separates: %s", others[i]);
    assert_int_equal(one("+", &digit), GLYPH_PLUS);
    assert_int_equal(one("＋", &digit), GLYPH_PLUS);
}

static void folding_leaves_small_letters_and_plain_forms(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"ÉCLAIR Žluťoučký", "éclair žluťoučký"},
        {"ИВАН Ёлкин", "иван ёлкин"}, {"ΑΘΗΝΑ", "αθηνα"}, {"Ｌｉ＠ｅｘ．ｃｏｍ", "li@ex.com"},
        {"１２３　④", "123 4"}, {"上海 A", "上海 a"}, {"\xff\xc3", "\xff\xc3"}, {"ĹŁŹÿŸ", "ĺłźÿÿ"}};
    char out[64];
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        size_t size = glyph_fold(pairs[i][0], strlen(pairs[i][0]), out);
        assert_true(size <= strlen(pairs[i][0]));
        out[size] = '\0';
        assert_string_equal(out, pairs[i][1]);
    }
}

static void broken_text_is_read_to_its_end(void **state)
{
    (void)state;
    char text[3], out[3], digit;
    size_t bytes;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            text[0] = (char)first;
            text[1] = text[2] = (char)second;
            for (size_t size = 1; size <= sizeof(text); size++) {
                (void)glyph_at(text, size, &bytes, &digit);
                assert_true(bytes >= 1 && bytes <= size);
                assert_true(glyph_fold(text, size, out) <= size);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_of_every_script_are_digits),
        cmocka_unit_test(chinese_numerals_are_digits_of_numbers_alone),
        cmocka_unit_test(what_stands_between_digits_is_told_from_letters),
        cmocka_unit_test(folding_leaves_small_letters_and_plain_forms),
        cmocka_unit_test(broken_text_is_read_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
