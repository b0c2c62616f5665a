/* SPDX-License-Identifier: Apache-2.0 */
#include "common/number_parts.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool items_are_number(const char *json)
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    bool found = number_in_items(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return found;
}

/* "-##-" for four members of which the second and the third are a number. */
static const char *members_of_number(const char *json, char found[16])
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    yyjson_obj_iter members = yyjson_obj_iter_with(yyjson_doc_get_root(doc));
    size_t at = 0;
    unsigned parts = 0;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members)) && at < 15; at++) {
        if (parts == 0)
            parts = number_in_members(key, members);
        found[at] = parts ? '#' : '-';
        parts -= parts > 0;
    }
    found[at] = '\0';
    yyjson_doc_free(doc);
    return found;
}

static void items_that_are_a_number_together_are_seen(void **state)
{
    (void)state;
    static const char *const yes[] = {"[\"138\",\"0013\",\"8000\"]", "[\"138\",\"00138000\"]",
        "[\"86\",\"138\",\"0013\",\"8000\"]", "[\"+86\",\"138\",\"0013\",\"8000\"]",
        "[\"+86\",\"13800138000\"]", "[\"0086\",\"138\",\"00138000\"]",
        "[\"１３８\",\"００１３\",\"８０００\"]", "[\"一三八\",\"零零一三\",\"八零零零\"]",
        "[\"(138)\",\" 0013 \",\"8000\"]", "[\"021\",\"64376688\"]", "[\"0755\",\"8888\",\"8888\"]",
        "[\"+44\",\"7911\",\"123456\"]", "[\"110105\",\"19491231\",\"002X\"]",
        "[\"110101\",\"1990\",\"03\",\"07\",\"0011\"]"};
    static const char *const no[] = {"[]", "{}", "[\"13800138000\"]", "[138,1234,5678]", "[159,1999,2999]",
        "[\"138\",1234,\"5678\"]", "[1,3,8,0,0,1,3,8,0,0,0]",
        "[\"1\",\"3\",\"8\",\"0\",\"0\",\"1\",\"3\",\"8\",\"0\",\"0\",\"0\"]",
        "[\"150\",\"160\",\"170\",\"80\"]", "[\"138\",\"20251130\"]", "[\"1500123\",\"2024\"]",
        "[\"159.00\",\"1999.00\",\"2999.00\"]", "[\"138\",\"0013\",\"800\"]", "[\"128\",\"0013\",\"8000\"]",
        "[\"138\",\"0013\",\"8000\",\"1\"]", "[\"138\",\"A013\",\"8000\"]", "[\"138\",\"\",\"00138000\"]",
        "[\"021\",\"14376688\"]", "[\"021\",\"20251130\"]", "[\"86\",\"86\"]",
        "[\"110105\",\"19491231\",\"0021\"]", "[\"138\",null,\"00138000\"]", "[\"01\",\"64376688\"]",
        "[\"2025\",\"11\",\"30\"]", "[\"138\",[\"0013\",\"8000\"]]"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        if (!items_are_number(yes[i]))
            fail_msg("not seen: %s", yes[i]);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        if (items_are_number(no[i]))
            fail_msg("seen in: %s", no[i]);
}

/* Windows of a long list are not looked at, so that no three of many prices are taken for one. */
static void a_long_list_stays(void **state)
{
    (void)state;
    char json[2048] = "[\"138\",\"0013\",\"8000\"";
    for (int i = 0; i < 60; i++)
        strcat(json, ",\"139\",\"1999\",\"2999\"");
    strcat(json, "]");
    assert_false(items_are_number(json));
}

static void members_that_are_named_as_parts_are_seen(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"area\":\"138\",\"rest\":\"00138000\"}", "##"},
        {"{\"type\":\"home\",\"area\":\"138\",\"rest\":\"00138000\",\"checked\":true}", "-##-"},
        {"{\"country_code\":\"+86\",\"prefix\":\"138\",\"number\":\"00138000\"}", "###"},
        {"{\"first\":\"138\",\"middle\":\"0013\",\"last\":\"8000\"}", "###"},
        {"{\"phone1\":\"138\",\"phone2\":\"0013\",\"phone3\":\"8000\"}", "###"},
        {"{\"phone_prefix\":\"1380013\",\"phone_tail\":\"8000\"}", "##"},
        {"{\"areaCode\":\"021\",\"number\":\"64376688\"}", "##"},
        {"{\"area\":138,\"rest\":\"00138000\"}", "##"},
        {"{\"区号\":\"021\",\"号码\":\"六四三七六六八八\"}", "##"},
        {"{\"head\":\"110105\",\"middle\":\"19491231\",\"tail\":\"002X\"}", "###"},
        {"{\"country_code\":\"+44\",\"number\":\"7911123456\"}", "##"},
        {"{\"area\":\"138\",\"rest\":\"00138000\",\"number\":\"12\"}", "##-"},
        {"{\"number\":\"12\",\"area\":\"138\",\"rest\":\"00138000\"}", "-##"},
        {"{\"shop\":\"138\",\"till\":\"0013\",\"receipt\":\"8000\"}", "---"},
        {"{\"store\":\"138\",\"number\":\"00138000\"}", "--"},
        {"{\"depth\":\"150\",\"height\":\"2000\",\"width\":\"1200\"}", "---"},
        {"{\"1\":\"159\",\"2\":\"1999\",\"3\":\"2999\"}", "---"},
        {"{\"area\":\"138\",\"label\":\"x\",\"rest\":\"00138000\"}", "---"},
        {"{\"area\":\"138\",\"rest\":\"20251130\"}", "--"},
        {"{\"area\":\"120.5\",\"number\":\"3\"}", "--"},
        {"{\"area\":{\"a\":1},\"rest\":[\"00138000\"]}", "--"},
        {"{\"area\":\"138\"}", "-"},
    };
    char found[16];
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (strcmp(members_of_number(cases[i][0], found), cases[i][1]) != 0)
            fail_msg("%s: %s", cases[i][0], found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_that_are_a_number_together_are_seen),
        cmocka_unit_test(a_long_list_stays),
        cmocka_unit_test(members_that_are_named_as_parts_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
