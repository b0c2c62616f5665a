/* SPDX-License-Identifier: Apache-2.0 */
#include "common/template.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const values[PLACEHOLDER_COUNT] = {
    [PLACEHOLDER_ONE_ID] = "q1",
    [PLACEHOLDER_NAME] = "A\"<b>\r\nBcc: x",
    [PLACEHOLDER_STEP] = "s1",
};

static void expect(const char *text, enum template_form form, const char *rendered)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    template_render(text, form, values, &out);
    assert_string_equal(buffer_c_str(&out), rendered);
}

static void values_are_filled_in(void **state)
{
    (void)state;
    expect("", TEMPLATE_TEXT, "");
    expect("no placeholder { } }}", TEMPLATE_TEXT, "no placeholder { } }}");
    expect("{{one_id}}", TEMPLATE_TEXT, "q1");
    expect("a {{ one_id }}b{{step}}", TEMPLATE_TEXT, "a q1bs1");
    expect("[{{phone}}]", TEMPLATE_TEXT, "[]");
}

static void values_are_escaped_for_where_they_land(void **state)
{
    (void)state;
    expect("{\"n\":\"{{name}}\"}", TEMPLATE_JSON, "{\"n\":\"A\\\"<b>\\u000d\\u000aBcc: x\"}");
    expect("<p title=\"{{name}}\">", TEMPLATE_HTML, "<p title=\"A&quot;&lt;b&gt;\r\nBcc: x\">");
    expect("Hello {{name}}", TEMPLATE_HEADER, "Hello A\"<b>  Bcc: x");
    expect("Hello {{name}}", TEMPLATE_TEXT, "Hello A\"<b>\r\nBcc: x");
}

static void unknown_and_open_placeholders_are_refused(void **state)
{
    (void)state;
    char problem[128];
    unsigned used = 0;
    assert_int_equal(template_check("{{one_id}} {{email}}", &used, problem), 0);
    assert_int_equal(used, PLACEHOLDER_BIT(PLACEHOLDER_ONE_ID) | PLACEHOLDER_BIT(PLACEHOLDER_EMAIL));
    assert_int_equal(template_check("{{surname}}", &used, problem), -QY_EINVAL);
    assert_string_equal(problem, "unknown placeholder {{surname}}");
    assert_int_equal(template_check("{{name", &used, problem), -QY_EINVAL);
    assert_string_equal(problem, "a placeholder is not closed by }}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_filled_in),
        cmocka_unit_test(values_are_escaped_for_where_they_land),
        cmocka_unit_test(unknown_and_open_placeholders_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
