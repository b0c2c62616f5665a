/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/one_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct one_id_key key = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void each_number_has_its_own_text_and_back(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {1, 2, 3, 1000, 65535, 65536, 1u << 31, UINT32_MAX - 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        char text[ONE_ID_BYTES];
        uint32_t back = 0;
        one_id_format(&key, numbers[i], text);
        assert_int_equal(strlen(text), ONE_ID_BYTES - 1);
        assert_true(one_id_parse(&key, text, strlen(text), &back));
        assert_int_equal(back, numbers[i]);
    }
    for (uint32_t number = 1; number < 200000; number++) {
        char text[ONE_ID_BYTES];
        uint32_t back = 0;
        one_id_format(&key, number, text);
        if (!one_id_parse(&key, text, strlen(text), &back) || back != number)
            fail_msg("%u came back as %u", number, back);
    }
}

static void ids_do_not_tell_the_order_of_persons(void **state)
{
    (void)state;
    char last[ONE_ID_BYTES] = "";
    unsigned rising = 0;
    for (uint32_t number = 1; number <= 1000; number++) {
        char text[ONE_ID_BYTES];
        one_id_format(&key, number, text);
        rising += strcmp(text, last) > 0;
        memcpy(last, text, sizeof(last));
    }
    assert_in_range(rising, 400, 600);
}

static void a_wrong_character_is_found(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    char text[ONE_ID_BYTES];
    one_id_format(&key, 4711, text);
    uint32_t person;
    for (size_t i = 2; i < ONE_ID_BYTES - 1; i++)
        for (const char *c = alphabet; *c; c++) {
            char wrong[ONE_ID_BYTES];
            memcpy(wrong, text, sizeof(wrong));
            wrong[i] = *c;
            if (*c != text[i])
                assert_false(one_id_parse(&key, wrong, ONE_ID_BYTES - 1, &person));
        }
    for (size_t i = 2; i + 1 < ONE_ID_BYTES - 1; i++) {
        char wrong[ONE_ID_BYTES];
        memcpy(wrong, text, sizeof(wrong));
        wrong[i] = text[i + 1];
        wrong[i + 1] = text[i];
        if (text[i] != text[i + 1])
            assert_false(one_id_parse(&key, wrong, ONE_ID_BYTES - 1, &person));
    }
}

static void what_people_type_is_read(void **state)
{
    (void)state;
    char text[ONE_ID_BYTES];
    uint32_t person = 0;
    for (uint32_t number = 1; number < 100; number++) {
        one_id_format(&key, number, text);
        for (size_t i = 0; text[i]; i++) {
            if (text[i] == '0')
                text[i] = 'O';
            else if (text[i] == '1')
                text[i] = 'l';
            else if (text[i] >= 'a' && text[i] <= 'z')
                text[i] = (char)(text[i] - 'a' + 'A');
        }
        assert_true(one_id_parse(&key, text, strlen(text), &person));
        assert_int_equal(person, number);
    }
    assert_false(one_id_parse(&key, "", 0, &person));
    assert_false(one_id_parse(&key, "p_00000", 7, &person));
    assert_false(one_id_parse(&key, "x_00000000", 10, &person));
    assert_false(one_id_parse(&key, "p_zzzzzzzz", 10, &person));
    assert_false(one_id_parse(&key, "p_uuuuuuuu", 10, &person));
}

static void another_key_makes_other_ids(void **state)
{
    (void)state;
    static const struct one_id_key other = {{9}};
    char a[ONE_ID_BYTES], b[ONE_ID_BYTES];
    one_id_format(&key, 1, a);
    one_id_format(&other, 1, b);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_has_its_own_text_and_back),
        cmocka_unit_test(ids_do_not_tell_the_order_of_persons),
        cmocka_unit_test(a_wrong_character_is_found),
        cmocka_unit_test(what_people_type_is_read),
        cmocka_unit_test(another_key_makes_other_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
