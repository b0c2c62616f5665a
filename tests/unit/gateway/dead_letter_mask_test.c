/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_mask.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *event, const char *shown)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    yyjson_doc *doc = yyjson_read(event, strlen(event), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    letter_mask(yyjson_doc_get_root(doc), &out);
    yyjson_doc_free(doc);
    assert_string_equal(buffer_c_str(&out), shown);
}

static void what_is_not_personal_is_shown_as_it_came(void **state)
{
    (void)state;
    static const char *const events[] = {
        "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u-1001\","
        "\"timestamp\":\"2026-03-01T08:30:00.000Z\",\"properties\":{\"order_id\":\"A-1\",\"total\":\"128."
        "00\","
        "\"products\":[{\"name\":\"Tea\",\"price\":12.50}],\"paid\":true,\"coupon\":null,\"list\":[1,-2.5e3,["
        "]]}}",
        "{\"type\":\"page\",\"name\":\"Home\",\"messageId\":\"made-1\"}"};
    for (size_t i = 0; i < COUNT_OF(events); i++)
        check(events[i], events[i]);
    check("{}", "{}");
    check("5", "\"***\"");
    check("[]", "[]");
    check("null", "null");
}

static void personal_names_mask_their_values(void **state)
{
    (void)state;
    check("{\"traits\":{\"name\":\"John Smith\",\"phone\":\"13800138000\",\"email\":\"li@example.com\","
          "\"birthday\":\"1990-03-14\",\"city\":\"Köln\"}}",
        "{\"traits\":{\"name\":\"J*\",\"phone\":\"138****8000\",\"email\":\"l***@example.com\","
        "\"birthday\":\"****-03-14\",\"city\":\"Köln\"}}");
    check("{\"properties\":{\"mobile\":13800138000,\"contacts\":[\"John Smith\"]}}",
        "{\"properties\":{\"mobile\":\"138****8000\",\"contacts\":[\"J***\"]}}");
    check("{\"writeKey\":\"wk_abc\"}", "{\"writeKey\":\"***\"}");
}

static void what_looks_personal_is_masked_wherever_it_stands(void **state)
{
    (void)state;
    check("{\"userId\":\"13800138000\",\"event\":\"called 13800138000 twice today\"}",
        "{\"userId\":\"138****8000\",\"event\":\"***\"}");
    check("{\"anonymousId\":\"li@example.com\",\"x\":13800138000}",
        "{\"anonymousId\":\"l***@example.com\",\"x\":\"138****8000\"}");
    check("{\"properties\":{\"13800138000\":1,\"b\":\"bGlAZXhhbXBsZS5jb20=\"}}",
        "{\"properties\":{\"138****8000\":1,\"b\":\"***\"}}");
    check(
        "{\"url\":\"https://shop.example/p?phone=13800138000\"}", "{\"url\":\"https://shop.example/p***\"}");
}

static void chinese_numbers_are_masked_in_all_their_forms(void **state)
{
    (void)state;
    check("{\"event\":\"致电一三八零零一三八零零零\",\"properties\":{\"a\":\"11010519491231002X\",\"b\":"
          "\"京A·12345\","
          "\"c\":[\"138\",\"0013\",\"8000\"],\"d\":{\"area\":\"138\",\"rest\":\"00138000\",\"ok\":\"1\"},"
          "\"mobile\":"
          "\"一三八零零一三八零零零\"}}",
        "{\"event\":\"***\",\"properties\":{\"a\":\"***\",\"b\":\"***\",\"c\":[\"***\",\"***\",\"***\"],"
        "\"d\":{\"area\":\"***\",\"rest\":\"***\",\"ok\":\"1\"},\"mobile\":\"138****8000\"}}");
    static const char *const shown =
        "{\"prices\":[\"159\",\"1999\",\"2999\"],\"list\":[159,1999,2999],\"shop\":\"138\","
        "\"till\":\"0013\",\"receipt\":\"8000\",\"title\":\"统一9876543210\"}";
    check(shown, shown);
}

static void what_the_event_says_of_somebody_is_masked_in_other_places_too(void **state)
{
    (void)state;
    check("{\"event\":\"john smith came\",\"properties\":{\"full_name\":\"John Smith\"}}",
        "{\"event\":\"***\",\"properties\":{\"full_name\":\"J*\"}}");
}

/* A text in the place of an object may be anything. */
static void what_stands_where_an_object_belongs_is_hidden(void **state)
{
    (void)state;
    check("{\"traits\":\"John\",\"context\":7,\"properties\":[\"John\"]}",
        "{\"traits\":\"***\",\"context\":\"***\",\"properties\":[\"***\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_personal_is_shown_as_it_came),
        cmocka_unit_test(personal_names_mask_their_values),
        cmocka_unit_test(what_looks_personal_is_masked_wherever_it_stands),
        cmocka_unit_test(chinese_numbers_are_masked_in_all_their_forms),
        cmocka_unit_test(what_the_event_says_of_somebody_is_masked_in_other_places_too),
        cmocka_unit_test(what_stands_where_an_object_belongs_is_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
