/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of the dialogue, without a socket between them. */
#include "services/campaign/smtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct smtp *open_smtp(const char *to, const char *content)
{
    _cleanup_(buffer_free) struct buffer buffer = BUFFER_INIT;
    struct smtp *smtp = NULL;
    buffer_text(&buffer, content);
    assert_int_equal(smtp_open("brand@example.com", to, &buffer, &smtp), 0);
    return smtp;
}

static void expect_said(struct smtp *smtp, const char *text)
{
    struct bytes output = smtp_output(smtp);
    if (output.size != strlen(text) || memcmp(output.data, text, output.size) != 0)
        fail_msg("\"%.*s\" instead of \"%s\"", (int)output.size, (const char *)output.data, text);
    smtp_said(smtp, output.size);
    assert_int_equal(smtp_output(smtp).size, 0);
}

static void hear(struct smtp *smtp, const char *text)
{
    smtp_hear(smtp, text, strlen(text));
}

/* As far as the content, which is still to be said. */
static void reach_content(struct smtp *smtp)
{
    smtp_begin(smtp);
    for (int i = 0; i < 2; i++) {
        smtp_said(smtp, smtp_output(smtp).size);
        hear(smtp, "250 ok\r\n");
    }
    smtp_said(smtp, smtp_output(smtp).size);
    assert_false(smtp_may_be_taken(smtp));
    hear(smtp, "354 go on\r\n");
}

static void a_mail_is_handed_over(void **state)
{
    (void)state;
    _cleanup_(smtp_close) struct smtp *smtp = open_smtp("ann@example.com", "Subject: x\r\n\r\nhello\r\n");
    smtp_begin(smtp);
    expect_said(smtp, "MAIL FROM:<brand@example.com>\r\n");
    hear(smtp, "250 ok\r\n");
    expect_said(smtp, "RCPT TO:<ann@example.com>\r\n");
    hear(smtp, "25");
    hear(smtp, "0-first\r\n250-second\r\n250");
    assert_int_equal(smtp_output(smtp).size, 0); /* the answer goes on */
    hear(smtp, "\r\n");
    expect_said(smtp, "DATA\r\n");
    assert_false(smtp_may_be_taken(smtp));
    hear(smtp, "354 go on\r\n");
    expect_said(smtp, "Subject: x\r\n\r\nhello\r\n.\r\n");
    assert_true(smtp_may_be_taken(smtp));
    assert_int_equal(smtp_state(smtp), SMTP_UNDER_WAY);
    hear(smtp, "250 taken\r\n");
    assert_int_equal(smtp_state(smtp), SMTP_TAKEN);
    assert_int_equal(smtp_status(smtp), 250);
    expect_said(smtp, "QUIT\r\n");
}

static void content_cannot_end_itself(void **state)
{
    (void)state;
    static const struct {
        const char *content, *said;
    } cases[] = {
        {"", "\r\n.\r\n"},
        {"x", "x\r\n.\r\n"},
        {".\r\n", "..\r\n.\r\n"},
        {"a\r\n.\r\n..\r\n.b\r\nc.\r\n", "a\r\n..\r\n...\r\n..b\r\nc.\r\n.\r\n"},
        {"a\n.\nb", "a\n..\nb\r\n.\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        _cleanup_(smtp_close) struct smtp *smtp = open_smtp("ann@example.com", cases[i].content);
        reach_content(smtp);
        expect_said(smtp, cases[i].said);
    }
}

static void what_is_offered_is_used(void **state)
{
    (void)state;
    static const char *const plain = "MAIL FROM:<brand@example.com>\r\n";
    static const struct {
        const char *to;
        const char *heard[4];
        const char *said;
    } cases[] = {
        {"ann@example.com", {"220 SIZE\r\n", "250-SIZES\r\n", "250 SIZ\r\n"}, plain},
        {"ann@example.com", {"250-x\r\n", "250-size 100\r\n", "250 SMTPUTF8\r\n"},
            "MAIL FROM:<brand@example.com> SIZE=6\r\n"},
        {"用户@example.com", {"250-x\r\n", "250 SMTPUTF8\r\n"}, "MAIL FROM:<brand@example.com> SMTPUTF8\r\n"},
        {"用户@example.com", {"250 x\r\n"}, plain},
        /* before TLS anybody could have said it */
        {"用户@example.com", {"250-SIZE\r\n", "250 SMTPUTF8\r\n", "220 go\r\n", "250 x\r\n"}, plain},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        _cleanup_(smtp_close) struct smtp *smtp = open_smtp(cases[i].to, "x\r\n");
        for (size_t j = 0; j < COUNT_OF(cases[i].heard) && cases[i].heard[j]; j++)
            smtp_overhear(smtp, cases[i].heard[j], strlen(cases[i].heard[j]));
        smtp_begin(smtp);
        expect_said(smtp, cases[i].said);
    }
}

static void a_refusal_ends_it_at_any_moment(void **state)
{
    (void)state;
    _cleanup_(smtp_close) struct smtp *early = open_smtp("ann@example.com", "x\r\n");
    smtp_begin(early);
    hear(early, "421 going down\r\n"); /* unasked */
    assert_int_equal(smtp_state(early), SMTP_REFUSED);
    assert_int_equal(smtp_status(early), 421);
    assert_false(smtp_may_be_taken(early));

    _cleanup_(smtp_close) struct smtp *midway = open_smtp("ann@example.com", "x\r\n");
    reach_content(midway);
    smtp_said(midway, 2);
    hear(midway, "552-too\r\n552 much\r\n");
    assert_int_equal(smtp_state(midway), SMTP_REFUSED);
    expect_said(midway, "QUIT\r\n");
}

static void what_is_no_answer_is_not_taken_for_one(void **state)
{
    (void)state;
    static const char *const answers[] = {"hello\r\n", "\r\n", "25\r\n", "2500 ok\r\n", "150 ok\r\n",
        "650 ok\r\n", "2x0 ok\r\n", "354 go on\r\n"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        _cleanup_(smtp_close) struct smtp *smtp = open_smtp("ann@example.com", "x\r\n");
        reach_content(smtp);
        smtp_said(smtp, smtp_output(smtp).size);
        hear(smtp, answers[i]);
        assert_int_equal(smtp_state(smtp), SMTP_BROKEN);
        assert_true(smtp_may_be_taken(smtp));
        assert_int_equal(smtp_output(smtp).size, 0);
    }
}

/* What is answered before all was said answers something else. */
static void consent_in_advance_is_none(void **state)
{
    (void)state;
    _cleanup_(smtp_close) struct smtp *smtp = open_smtp("ann@example.com", "x\r\n");
    reach_content(smtp);
    smtp_said(smtp, smtp_output(smtp).size - 1);
    hear(smtp, "250 taken\r\n");
    assert_int_equal(smtp_state(smtp), SMTP_BROKEN);
}

static void a_server_that_never_comes_to_an_end_is_left(void **state)
{
    (void)state;
    _cleanup_(smtp_close) struct smtp *smtp = open_smtp("ann@example.com", "x\r\n");
    reach_content(smtp);
    smtp_said(smtp, smtp_output(smtp).size);
    for (int i = 0; i < 10000 && smtp_state(smtp) == SMTP_UNDER_WAY; i++)
        hear(smtp, "250-and another thing\r\n");
    assert_int_equal(smtp_state(smtp), SMTP_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_is_handed_over),
        cmocka_unit_test(content_cannot_end_itself),
        cmocka_unit_test(what_is_offered_is_used),
        cmocka_unit_test(a_refusal_ends_it_at_any_moment),
        cmocka_unit_test(what_is_no_answer_is_not_taken_for_one),
        cmocka_unit_test(consent_in_advance_is_none),
        cmocka_unit_test(a_server_that_never_comes_to_an_end_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
