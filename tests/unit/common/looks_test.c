/* SPDX-License-Identifier: Apache-2.0 */
#include "common/looks.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void addresses_are_seen_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const yes[] = {"li@example.com", "write to Li.Lei+x@mail.example.cn, please",
        "<a@b.co>", "a@b.cn.", "mailto:a_b@c-d.org?x", "李雷@例子.公司", "@@a@b.com", "a＠example.com",
        "li.lei @ example-corp.com", "li(at)example.com", "li [AT] example [dot] com", "li（at）example.com",
        "li.lei at example.com", "li at example dot com", "li@example . com", "li{at}example(.)com",
        "a ﹫ b.cn"};
    static const char *const no[] = {"", "@", "@handle", "a@b", "a @b.com", "12@3.45", "meet me @ 5.30",
        "a@.com", "5@2.0", "3 @ 5.30. Thanks", "me@shop ... later", "Bought at example.com",
        "Sale (at example.com)", "Thanks @example.com", "created_at_local.value", "look at me",
        "at example.com", "cat example.com"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        if (!looks_like_email(yes[i], strlen(yes[i])))
            fail_msg("not seen: %s", yes[i]);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        if (looks_like_email(no[i], strlen(no[i])))
            fail_msg("seen in: %s", no[i]);
}

static void numbers_are_seen_however_they_are_written(void **state)
{
    (void)state;
    static const char *const yes[] = {"13800138000", "+8613800138000", "8613800138000", "008613800138000",
        "013800138000", "138 0013 8000", "138-0013-8000", "138.0013.8000", "(138) 0013-8000",
        "+86 (138) 0013-8000", "1 3 8 0 0 1 3 8 0 0 0", "Call me at 13800138000!", "u13800138000x",
        "7 13800138000", "tel:13800138000;ext=3", "１３８００１３８０００", "138‑0013‑8000", "138 0013 8000",
        "+447911123456", "+1 415 555 2671", "415-555-2671", "(415) 555-2671", "07911 123456", "021-64376688",
        "0755 8888 8888", "order 5 / 138 0013 8000", "138,0013,8000", "138*0013*8000", "138|0013|8000",
        "138\n0013\n8000", "138  -  0013  -  8000", "+86:138:0013:8000", "①③⑧⓪⓪①③⑧⓪⓪⓪", "١٣٨٠٠١٣٨٠٠٠",
        "१३८००१३८०००", "𝟏𝟑𝟖𝟎𝟎𝟏𝟑𝟖𝟎𝟎𝟎", "1\u200d3800138000", "138，0013，8000", "138❤0013❤8000",
        "12345 +447911123456",
        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,138 0013 8000,31,32",
        "13800,100,200,300,400,500,600,700,800,900,1000,1100,1200,1300,1400,1500,1600 13800138000 17"};
    static const char *const no[] = {"", "12345678", "1741234567", "1741234567890", "20250301123456",
        "2025-03-01", "01/12/2010 08:26", "2025-03-01T12:30:00.250+08:00", "2025-03-01 12:30:00",
        "6901234567892", "99.90", "+0800", "12345678901", "550e8400-e29b-41d4-a716-446655440000",
        "192.168.100.101", "SKU-0042-17", "1.5", "536365", "C536379", "4006-123-456 8", "0123456789",
        "000000000000", "2025-03-13 12:30:00.250", "2025-03-13T12:30:00.250+08:00, 12345678", "1,380,013,800",
        "139,12,345,678", "39.1234,116.5678", "1380013,8000"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        if (!looks_like_phone(yes[i], strlen(yes[i])))
            fail_msg("not seen: %s", yes[i]);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        if (looks_like_phone(no[i], strlen(no[i])))
            fail_msg("seen in: %s", no[i]);
}

static void expect(bool (*looks)(const char *, size_t), const char *const *yes, size_t yes_count,
    const char *const *no, size_t no_count)
{
    for (size_t i = 0; i < yes_count; i++)
        if (!looks(yes[i], strlen(yes[i])))
            fail_msg("not seen: %s", yes[i]);
    for (size_t i = 0; i < no_count; i++)
        if (looks(no[i], strlen(no[i])))
            fail_msg("seen in: %s", no[i]);
}

#define EXPECT(looks, yes, no) expect(looks, yes, COUNT_OF(yes), no, COUNT_OF(no))

static void numbers_are_seen_in_chinese_numerals(void **state)
{
    (void)state;
    static const char *const yes[] = {"一三八零零一三八零零零", "一三八〇〇一三八〇〇〇",
        "幺三八零零幺三八零零零", "一三八○○一三八○○○", "壹叁捌零零壹叁捌零零零", "一三八 零零一三 八零零零",
        "一三八-零零一三-八零零零", "一三八0013八零零零", "13八0013八000", "1３八〇〇1３8000",
        "请打一三八零零一三八零零零找我", "电话：一3800138000", "138001380零零", "周一13800138000",
        "13800138000一件", "八六一三八零零一三八零零零", "+86 一三八零零一三八零零零",
        "一五两零零一三八零零零", "零二一-六四三七六六八八", "021六四三七六六八八",
        "一三八，零零一三，八零零零", "订单一 13800138000"};
    static const char *const no[] = {"一二三四五六七八九十", "二零二五年十一月三十日", "一九八四",
        "共一百三十八万零一百三十八元", "统一9876543210", "门店一3012345678", "1380013800一件",
        "1380013800零元", "三一四一五九二六五三五", "一、三、五、七、八、九、零、一、二、三、四",
        "第一三八期", "一三八零零一三八零零", "一三八零零一三八零零零零", "一三八元零零一三元八零零零",
        "二〇二五-11-30 12:30:00", "SKU 一二三四五六七", "两三个"};
    EXPECT(looks_like_phone, yes, no);
}

static void identity_cards_are_seen_by_their_check_character(void **state)
{
    (void)state;
    static const char *const yes[] = {"11010519491231002X", "11010519491231002x", "110105 19491231 002X",
        "身份证：11010519491231002X，谢谢", "no 110101199003070011", "110101-19900307-0011",
        "11010519491231002Ｘ", "１１０１０５１９４９１２３１００２X", "一一零一零五一九四九一二三一零零二X"};
    static const char *const no[] = {"", "110105194912310021", "110105194913310021", "110101199003070012",
        "1110101199003070011", "1101011990030700110", "160524198001010016", "340524228001010014",
        "11010519491231002", "11010519491231002XL", "20251130000123456789", "202511301234567890",
        "4200001234202511301234567890", "6222021001116245702", "34052419800101001", "1,110101,19900307,0011"};
    EXPECT(looks_like_number, yes, no);
    assert_false(looks_like_phone("11010519491231002X", 18));
}

static bool looks_like_any_plate(const char *text, size_t size)
{
    return looks_like_plate(text, size, false);
}

static bool looks_like_plate_in_code(const char *text, size_t size)
{
    return looks_like_plate(text, size, true);
}

static void number_plates_are_seen(void **state)
{
    (void)state;
    static const char *const yes[] = {"京A·12345", "京A12345", "京a12345", "京A 12345", "京A-12345",
        "京 A12345", "沪AD12345", "粤B12345D", "沪A·D12345", "粤Z1234港", "苏E1234挂", "京A1234警",
        "车牌京A12345，谢谢", "接京AB1C23", "京Ａ·１２３４５", "川A•8888Z", "新A12345", "车牌：新A·12345",
        "全新A·12345", "x京A12345"};
    static const char *const no[] = {"", "京", "京A", "京A1234", "京A123456", "京A1234567", "京I12345",
        "京A1234O", "京ABCDEF", "京AABCD1", "京12345", "京东12345", "沪深300", "沪A股", "粤B2024款",
        "苏打水A12345", "全新A12345", "颜色黑A12345", "阿里云A10086", "黑 A12345", "京A12345B7", "京A级12345",
        "川菜A12345", "津A 2024年", "苏C 100ml", "苏C 100ML", "苏C100ml", "吉A12,345"};
    static const char *const code_no[] = {"新A12345", "黑B20250", "云A10086"};
    static const char *const code_yes[] = {"京A12345", "新A·12345", "沪AD12345"};
    EXPECT(looks_like_any_plate, yes, no);
    EXPECT(looks_like_plate_in_code, code_yes, code_no);
}

/* Whatever stands in it: nothing is looked at again and again. */
static void long_texts_cost_what_their_length_costs(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "一", "京A", "1一", "京A1234", "11010519491231002", "1-", "○", "新·A"};
    static char text[64 * 1024];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        size_t size = strlen(pieces[i]), used = 0;
        for (; used + size <= sizeof(text); used += size)
            memcpy(text + used, pieces[i], size);
        assert_false(looks_like_plate(text, used, false));
        assert_false(looks_like_number(text, used));
    }
}

static void a_bare_landline_is_told_from_other_numbers(void **state)
{
    (void)state;
    assert_true(looks_like_bare_landline("02164376688", 11));
    assert_true(looks_like_bare_landline("tel 075588888888", 16));
    assert_false(looks_like_bare_landline("0216437668", 10));
    assert_false(looks_like_bare_landline("00164376688", 11));
    assert_false(looks_like_bare_landline("12164376688", 11));
}

static void long_runs_of_digits_are_cut_into_groups(void **state)
{
    (void)state;
    char text[1000];
    memset(text, '7', sizeof(text));
    struct digit_group group;
    size_t total = 0;
    for (size_t cursor = 0; digits_next(text, sizeof(text), &cursor, &group);)
        total += group.size;
    assert_true(total >= sizeof(text) - 7);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? '-' : '7';
    total = 0;
    for (size_t cursor = 0; digits_next(text, sizeof(text), &cursor, &group);)
        total += group.size;
    assert_true(total >= sizeof(text) / 2 - 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_seen_wherever_they_stand),
        cmocka_unit_test(numbers_are_seen_however_they_are_written),
        cmocka_unit_test(numbers_are_seen_in_chinese_numerals),
        cmocka_unit_test(identity_cards_are_seen_by_their_check_character),
        cmocka_unit_test(number_plates_are_seen),
        cmocka_unit_test(long_texts_cost_what_their_length_costs),
        cmocka_unit_test(a_bare_landline_is_told_from_other_numbers),
        cmocka_unit_test(long_runs_of_digits_are_cut_into_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
