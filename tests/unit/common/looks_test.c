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
        cmocka_unit_test(a_bare_landline_is_told_from_other_numbers),
        cmocka_unit_test(long_runs_of_digits_are_cut_into_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
