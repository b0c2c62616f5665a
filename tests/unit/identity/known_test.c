/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/known.h"

#include "common/glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct known known;

static void know(enum known_use use, const char *value)
{
    known_add(&known, use, value, strlen(value));
}

static bool is_found(const char *text)
{
    char folded[500];
    size_t size = glyph_fold(text, strlen(text), folded);
    return known_matches(&known, folded, size, KNOWN_OPAQUE | KNOWN_NUMERIC);
}

static void check(const char *const *texts, size_t count, bool found)
{
    for (size_t i = 0; i < count; i++)
        if (is_found(texts[i]) != found)
            fail_msg("%s: %s", found ? "not found" : "found", texts[i]);
}

static void names_are_found_with_and_without_their_blanks(void **state)
{
    (void)state;
    static const char *const yes[] = {"BartholomewQuixote", "bartholomew quixote",
        "Dear BARTHOLOMEW-QUIXOTE!", "bartholomew_quixote", "欧阳 娜娜", "致欧 阳 娜 娜女士", "欧阳娜娜",
        "ÉMILE zola", "émilezola", "阿卜杜拉·买买提", "Ｂａｒｔｈｏｌｏｍｅｗ　Ｑｕｉｘｏｔｅ", "li na",
        "Lina", "a Li-Na b"};
    static const char *const no[] = {
        "Bartholomew", "欧阳。娜娜", "Carolina", "Li nap", "Carol in a box", "Bali na", "阿卜杜拉"};
    known_reset(&known);
    know(KNOWN_NAME, "Bartholomew Quixote");
    know(KNOWN_NAME, "欧阳娜娜");
    know(KNOWN_NAME, "Émile Zola");
    know(KNOWN_NAME, "阿卜杜拉·买买提");
    know(KNOWN_NAME, "Li Na");
    check(yes, COUNT_OF(yes), true);
    check(no, COUNT_OF(no), false);
}

static void numbers_are_found_whatever_separates_their_digits(void **state)
{
    (void)state;
    static const char *const yes[] = {"139,1234,5678", "139*1234*5678", "139:1234:5678", "139|1234|5678",
        "139#1234#5678", "139~1234~5678", "139\n1234\r\n5678", "1 3 9 , 1 2 3 4 , 5 6 7 8",
        "139 ... ... 1234 5678", "①③⑨①②③④⑤⑥⑦⑧", "١٣٩١٢٣٤٥٦٧٨", "१३९१२३४५६७८", "１３９，１２３４，５６７８",
        "a139❤1234❤5678b", "139+1234+5678"};
    static const char *const no[] = {"139a1234a5678", "13912345679", "1391234"};
    known_reset(&known);
    know(KNOWN_DIGITS, "13912345678");
    check(yes, COUNT_OF(yes), true);
    check(no, COUNT_OF(no), false);
}

static void emails_are_found_in_hiding(void **state)
{
    (void)state;
    static const char *const yes[] = {"zhangsan.leak @ example-corp.com", "zhangsan.leak(at)example-corp.com",
        "ZhangSan.Leak at Example-Corp.Com", "zhangsan dot leak at example-corp dot com",
        "zhangsan.leak[at]example-corp[dot]com", "zhangsan.leak＠example-corp.com",
        "zhangsan.leak@example-corp。com", "z h a n g s a n . l e a k @ example-corp.com",
        "zhangsan.leak {at} examplecorp.com", "sima@atlas.cn", "sima at atlas.cn"};
    static const char *const no[] = {
        "zhangsan.leak", "example-corp.com", "zhangsanleak at examplecorpcom", "simaatlas.cn"};
    known_reset(&known);
    know(KNOWN_TEXT, "zhangsan.leak@example-corp.com");
    know(KNOWN_TEXT, "sima@atlas.cn");
    check(yes, COUNT_OF(yes), true);
    check(no, COUNT_OF(no), false);
}

static void other_texts_are_found_without_their_separators(void **state)
{
    (void)state;
    static const char *const yes[] = {"上海市徐汇区，漕溪北路1200号", "x 上海市徐汇区漕溪北路 1200 号",
        "1990-05-17", "born 1990-05-17!", "203.0.113.7", "310101 19900517 1234", "ID310101199005171234"};
    static const char *const no[] = {"19900517", "21990-05-170", "203.0.113.70", "上海市徐汇区"};
    known_reset(&known);
    know(KNOWN_TEXT, "上海市徐汇区漕溪北路１２００号");
    know(KNOWN_TEXT, "1990-05-17");
    know(KNOWN_TEXT, "203.0.113.7");
    know(KNOWN_TEXT, "310101199005171234");
    check(yes, COUNT_OF(yes), true);
    check(no, COUNT_OF(no), false);
}

static void what_is_known_survives_packing(void **state)
{
    (void)state;
    static struct known again;
    _cleanup_(buffer_free) struct buffer packed = BUFFER_INIT, twice = BUFFER_INIT;
    known_reset(&known);
    know(KNOWN_NAME, "Bartholomew Quixote");
    know(KNOWN_TEXT, "zhangsan.leak@example-corp.com");
    know(KNOWN_TEXT, "1990-05-17");
    know(KNOWN_DIGITS, "13912345678");
    know(KNOWN_WHOLE, "User-4711");
    known_pack(&known, &packed);
    known_reset(&again);
    known_unpack(&again, (struct bytes){packed.data, packed.size});
    known_pack(&again, &twice);
    assert_int_equal(again.count, 5);
    assert_int_equal(packed.size, twice.size);
    assert_memory_equal(packed.data, twice.data, packed.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_with_and_without_their_blanks),
        cmocka_unit_test(numbers_are_found_whatever_separates_their_digits),
        cmocka_unit_test(emails_are_found_in_hiding),
        cmocka_unit_test(other_texts_are_found_without_their_separators),
        cmocka_unit_test(what_is_known_survives_packing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
