/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/known.h"

#include "common/glyph.h"
#include "services/identity/sketch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

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

/* Nor does a sketch miss it. */
static bool is_sketched(const char *text)
{
    char folded[500];
    struct sketch_key key;
    struct sketch sketch = {0};
    size_t size = glyph_fold(text, strlen(text), folded);
    sketch_key_make(&key);
    sketch_add(&sketch, &key, &known);
    return sketch_matches(&sketch, &key, folded, size, KNOWN_OPAQUE | KNOWN_NUMERIC);
}

static void check(const char *const *texts, size_t count, bool found)
{
    for (size_t i = 0; i < count; i++)
        if (is_found(texts[i]) != found)
            fail_msg("%s: %s", found ? "not found" : "found", texts[i]);
        else if (found && !is_sketched(texts[i]))
            fail_msg("not sketched: %s", texts[i]);
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

static void what_is_taken_over_is_found(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "bartholomewquixote", "user-4711", "13912345678", "1990-05-17", "zhangsan dot leak at example.com"};
    static struct known others;
    known_reset(&known);
    know(KNOWN_NAME, "Bartholomew Quixote");
    know(KNOWN_TEXT, "zhangsan.leak@example.com");
    know(KNOWN_TEXT, "1990-05-17");
    know(KNOWN_DIGITS, "13912345678");
    know(KNOWN_WHOLE, "User-4711");
    others = known;
    known_reset(&known);
    known_take(&known, &others);
    known_take(&known, &others);
    assert_int_equal(known.count, 5);
    check(yes, COUNT_OF(yes), true);
}

/* -- sketches -- */

static uint64_t seed;

static size_t pick(size_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

static const char *const pieces[] = {"a", "B", "z", "1", "9", "0", "13", "@", ".", "-", " ", "，", "·", "王",
    "小", "é", "Ａ", "①", "at", " dot ", "|", "o'"};

static size_t append(char *text, size_t size, const char *piece, size_t bytes)
{
    memcpy(text + size, piece, bytes);
    text[size + bytes] = '\0';
    return size + bytes;
}

static size_t write_text(char *text, size_t size, size_t pieces_max)
{
    text[size] = '\0';
    for (size_t i = pick(pieces_max); i > 0; i--) {
        const char *piece = pieces[pick(COUNT_OF(pieces))];
        size = append(text, size, piece, strlen(piece));
    }
    return size;
}

/* The value, and here and there something between its bytes. */
static void write_around(char *text, const char *value)
{
    size_t size = write_text(text, 0, 4);
    for (; *value; value++) {
        size = append(text, size, value, 1);
        const char *piece = pieces[7 + pick(6)];
        if ((value[1] & 0xc0) != 0x80 && pick(4) == 0)
            size = append(text, size, piece, strlen(piece));
    }
    (void)write_text(text, size, 4);
}

static void sketches_miss_no_text_that_holds_a_value(void **state)
{
    (void)state;
    seed = (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)seed);
    struct sketch_key key;
    unsigned found = 0;
    for (unsigned round = 0; round < 50000; round++) {
        char value[200], text[1000];
        struct sketch sketch = {0};
        sketch_key_make(&key);
        known_reset(&known);
        for (size_t i = 0; i < 1 + pick(4); i++) {
            (void)write_text(value, 0, 10);
            know((enum known_use)pick(4), value);
        }
        write_around(text, value);
        char folded[1000];
        size_t size = glyph_fold(text, strlen(text), folded);
        sketch_add(&sketch, &key, &known);
        if (!known_matches(&known, folded, size, KNOWN_OPAQUE | KNOWN_NUMERIC))
            continue;
        found++;
        if (!sketch_matches(&sketch, &key, folded, size, KNOWN_OPAQUE | KNOWN_NUMERIC))
            fail_msg("round %u: missed %s in %s", round, value, text);
    }
    assert_true(found > 1000);
}

static void sketches_hardly_match_other_texts(void **state)
{
    (void)state;
    static const char text[] =
        "order completed o-48213377 spring campaign, 2 x skin care 129.00 cny, mini_program /cart 2026-01-01";
    struct sketch_key key;
    unsigned matches = 0;
    known_reset(&known);
    know(KNOWN_NAME, "王伟");
    know(KNOWN_NAME, "Wang");
    know(KNOWN_DIGITS, "13912345678");
    know(KNOWN_TEXT, "xiaowei.wang@example.com");
    know(KNOWN_TEXT, "上海市徐汇区漕溪北路1200号");
    for (unsigned round = 0; round < 2000; round++) {
        struct sketch sketch = {0};
        sketch_key_make(&key);
        sketch_add(&sketch, &key, &known);
        assert_in_range(sketch.count, 4, 5); /* two may have the same tag */
        matches += sketch_matches(&sketch, &key, text, strlen(text), KNOWN_OPAQUE | KNOWN_NUMERIC);
    }
    assert_true(matches < 200); /* about 50 */
}

static void a_sketch_of_too_much_matches_everything(void **state)
{
    (void)state;
    struct sketch_key key;
    struct sketch sketch = {0};
    char name[] = "Wang A";
    sketch_key_make(&key);
    known_reset(&known);
    assert_false(sketch_matches(&sketch, &key, "", 0, KNOWN_OPAQUE));
    for (; name[5] <= 'Z'; name[5]++)
        know(KNOWN_NAME, name);
    sketch_add(&sketch, &key, &known);
    assert_true(sketch_matches(&sketch, &key, "", 0, KNOWN_OPAQUE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_with_and_without_their_blanks),
        cmocka_unit_test(numbers_are_found_whatever_separates_their_digits),
        cmocka_unit_test(emails_are_found_in_hiding),
        cmocka_unit_test(other_texts_are_found_without_their_separators),
        cmocka_unit_test(what_is_taken_over_is_found),
        cmocka_unit_test(sketches_miss_no_text_that_holds_a_value),
        cmocka_unit_test(sketches_hardly_match_other_texts),
        cmocka_unit_test(a_sketch_of_too_much_matches_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
