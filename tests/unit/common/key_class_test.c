/* SPDX-License-Identifier: Apache-2.0 */
#include "common/key_class.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum key_class class_of(const char *key)
{
    return key_classify(key, strlen(key));
}

static void a_name_says_what_its_value_is_however_it_is_written(void **state)
{
    (void)state;
    assert_int_equal(class_of("receiverPhone"), KEY_PHONE);
    assert_int_equal(class_of("receiver_phone"), KEY_PHONE);
    assert_int_equal(class_of("RECEIVER-PHONE"), KEY_PHONE);
    assert_int_equal(class_of("e_mail"), KEY_EMAIL);
    assert_int_equal(class_of("shippingAddress"), KEY_PERSONAL);
    assert_int_equal(class_of("order_id"), KEY_ID);
    assert_int_equal(class_of("total"), KEY_AMOUNT);
    assert_int_equal(class_of("name"), KEY_BARE_NAME);
    assert_int_equal(class_of("hashed_email"), KEY_PRIVATE);
    assert_int_equal(class_of("colour"), KEY_PLAIN);
    assert_int_equal(class_of(""), KEY_PLAIN);
}

static void birthdays_and_things_are_known_by_name(void **state)
{
    (void)state;
    assert_true(key_is_birthday("dateOfBirth", 11) && key_is_birthday("DOB", 3));
    assert_false(key_is_birthday("birth", 5));
    assert_true(key_is_thing("products", 8));
    assert_false(key_is_thing("receiver", 8));
}

static void parts_and_amounts_are_known_by_name(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "area", "areaCode", "phone_prefix", "mobile_1", "phone2", "Tel-Last4", "rest", "区号", "last"};
    static const char *const no_parts[] = {
        "", "phone", "1", "a", "store", "order", "code", "phone5", "phone12", "area2", "width"};
    static const char *const amounts[] = {"prices", "unit_prices", "Amounts", "quantities", "values"};
    static const char *const no_amounts[] = {"price", "s", "", "ids", "names", "sizes", "ies"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        assert_true(key_is_part(parts[i], strlen(parts[i])));
    for (size_t i = 0; i < COUNT_OF(no_parts); i++)
        assert_false(key_is_part(no_parts[i], strlen(no_parts[i])));
    for (size_t i = 0; i < COUNT_OF(amounts); i++)
        assert_true(key_is_amounts(amounts[i], strlen(amounts[i])));
    for (size_t i = 0; i < COUNT_OF(no_amounts); i++)
        assert_false(key_is_amounts(no_amounts[i], strlen(no_amounts[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_says_what_its_value_is_however_it_is_written),
        cmocka_unit_test(birthdays_and_things_are_known_by_name),
        cmocka_unit_test(parts_and_amounts_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
