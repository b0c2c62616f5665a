/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void only_plain_addresses_are_used(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a@b", "ann.lee+x@mail.example.com", "o'neil@example.com", "用户@例子.中国"};
    static const char *const bad[] = {"", "@", "a@", "@b", "a", "a@b@c", "a b@c", "a\r\nRCPT TO:<x>@c",
        "a@b>", "<a@b>", "a,b@c", "\"a\"@b", "a@b\n", "-a@b", "a\t@b"};
    char longest[300];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(mail_address_is_usable(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(mail_address_is_usable(bad[i]));
    memset(longest, 'a', sizeof(longest));
    longest[1] = '@';
    longest[254] = '\0';
    assert_true(mail_address_is_usable(longest));
    longest[254] = 'a';
    longest[255] = '\0';
    assert_false(mail_address_is_usable(longest));
}

static void expect_subject(const char *subject, const char *line)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    mail_subject(subject, &out);
    assert_string_equal(buffer_c_str(&out), line);
}

static void subjects_are_encoded_where_they_must_be(void **state)
{
    (void)state;
    expect_subject("Hello", "Subject: Hello");
    expect_subject("您好", "Subject: =?UTF-8?B?5oKo5aW9?=");
    expect_subject("a\r\nBcc: b", "Subject: =?UTF-8?B?YSAgQmNjOiBi?=");
    expect_subject("=?UTF-8?B?eA==?=", "Subject: =?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=");
}

/* No line is longer than 76 bytes, and no encoded word ends within a character. */
static void long_subjects_are_folded(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer subject = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    buffer_text(&subject, "x");
    for (int i = 0; i < 40; i++)
        buffer_text(&subject, "好");
    mail_subject(buffer_c_str(&subject), &out);
    unsigned words = 0;
    for (const char *line = buffer_c_str(&out); line; line = strstr(line, "\r\n ")) {
        line += words ? 3 : 0;
        size_t length = strcspn(line, "\r");
        assert_true(length + 1 <= (words ? 76 : 85));
        words++;
    }
    assert_int_equal(words, 3); /* 121 bytes: 43, 45, 33 */
    assert_non_null(strstr(buffer_c_str(&out), "Subject: =?UTF-8?B?eOWlve"));
}

static void dates_are_in_english_and_utc(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    mail_date(INT64_C(1795294620000), &out);
    assert_string_equal(buffer_c_str(&out), "Date: Sat, 21 Nov 2026 20:57:00 +0000");
}

static void message_ids_have_the_senders_domain(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    mail_message_id("0a", "brand@example.com", &out);
    assert_string_equal(buffer_c_str(&out), "Message-ID: <0a@example.com>");
}

static void one_text_is_one_part(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    const struct mail mail = {.id = "0a",
        .from = "brand@example.com",
        .to = "ann@example.com",
        .subject = "Hi",
        .text = "Dear Ann",
        .wall_ms = INT64_C(1795294620000)};
    mail_compose(&mail, &out);
    assert_string_equal(buffer_c_str(&out), "Date: Sat, 21 Nov 2026 20:57:00 +0000\r\n"
                                            "Message-ID: <0a@example.com>\r\n"
                                            "From: <brand@example.com>\r\n"
                                            "To: <ann@example.com>\r\n"
                                            "Subject: Hi\r\n"
                                            "Auto-Submitted: auto-generated\r\n"
                                            "X-Quanyu-Delivery: 0a\r\n"
                                            "MIME-Version: 1.0\r\n"
                                            "Content-Type: text/plain; charset=utf-8\r\n"
                                            "Content-Transfer-Encoding: base64\r\n"
                                            "\r\n"
                                            "RGVhciBBbm4=\r\n");
}

static void two_texts_are_alternatives_in_short_lines(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    char text[1001];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    const struct mail mail = {.id = "0a",
        .from = "b@example.com",
        .to = "a@example.com",
        .subject = "",
        .text = text,
        .html = "<p>"};
    mail_compose(&mail, &out);
    const char *plain = strstr(buffer_c_str(&out), "\r\n--=_0a\r\nContent-Type: text/plain;");
    assert_non_null(plain);
    assert_non_null(strstr(plain, "\r\n--=_0a\r\nContent-Type: text/html;"));
    static const char last[] = "\r\nPHA+\r\n--=_0a--\r\n";
    assert_string_equal((const char *)out.data + out.size - strlen(last), last);
    for (const char *line = buffer_c_str(&out); *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\r") <= 76);
        assert_int_equal(line[strcspn(line, "\n") - 1], '\r');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_addresses_are_used),
        cmocka_unit_test(subjects_are_encoded_where_they_must_be),
        cmocka_unit_test(long_subjects_are_folded),
        cmocka_unit_test(dates_are_in_english_and_utc),
        cmocka_unit_test(message_ids_have_the_senders_domain),
        cmocka_unit_test(one_text_is_one_part),
        cmocka_unit_test(two_texts_are_alternatives_in_short_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
