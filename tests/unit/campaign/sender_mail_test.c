/* SPDX-License-Identifier: Apache-2.0 */
/* The sender against mail servers that behave, and mail servers that do not. */
#include "tests/unit/campaign/sender_fixture.h"

#include <openssl/evp.h>

static void each_answer_of_a_mail_server_has_its_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *reason;
        enum outcome_kind kind;
        unsigned arrived;
    } cases[] = {
        {"ann@example.com", "smtp_250", OUTCOME_DELIVERED, 1},
        {"nobody@example.com", "smtp_550", OUTCOME_FAILED, 0},
        {"later@example.com", "smtp_450", OUTCOME_RETRY, 0},
        {"bye@example.com", "smtp_421", OUTCOME_RETRY, 0},
        {"dropped@example.com", "connection_lost", OUTCOME_RETRY, 0},
        {"mute@example.com", "timeout", OUTCOME_RETRY, 0},
        {"babble@example.com", "connection_lost", OUTCOME_RETRY, 0},
        {"polite@example.com", "smtp_250", OUTCOME_DELIVERED, 1},
        {"spam@example.com", "smtp_554", OUTCOME_FAILED, 1},
        {"full@example.com", "smtp_452", OUTCOME_RETRY, 1},
        {"lost@example.com", "connection_lost", OUTCOME_UNKNOWN, 1},
        {"hang@example.com", "timeout", OUTCOME_UNKNOWN, 1},
        {"two@at@example.com", "unusable_email", OUTCOME_SKIPPED, 0},
        {"a>,<b@example.com", "unusable_email", OUTCOME_SKIPPED, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char step[STEP_ID_BYTES];
        put_email(cases[i].address, "Hello", "text", NULL);
        wait_for((unsigned)i + 1);
        snprintf(step, sizeof(step), "%.*s", (int)strcspn(cases[i].address, "@"), cases[i].address);
        expect(step, cases[i].kind, cases[i].reason);
        assert_int_equal(receiver_count(&post, cases[i].address), cases[i].arrived);
    }
}

/* libcurl's own upload would stand still until the last answer: that must hold up neither webhooks nor other
 * mail, and a mail server gets only so many connections at once. */
static void a_slow_mail_server_holds_up_nobody_else(void **state)
{
    (void)state;
    close_desk();
    open_desk(32, WAIT_SECONDS * 1000);
    for (unsigned i = 0; i < 20; i++)
        put_email("patience@example.com", "Hello", "text", NULL);
    sender_wake(desk.sender);
    receiver_await(&post, 16);
    put_webhook("/ok", web.port, "{}", 0);
    wait_for(1);
    expect("ok", OUTCOME_DELIVERED, "http_200");
    assert_int_equal(post.connections, 16);
    receiver_release(&post);
    wait_for(21);
    for (unsigned i = 1; i < 21; i++)
        assert_int_equal(desk.settled[i].outcome.kind, OUTCOME_DELIVERED);
    assert_int_equal(post.connections, 20);
}

static void nobody_at_the_mail_server_is_a_retry(void **state)
{
    (void)state;
    shutdown(post.listener, SHUT_RDWR); /* nobody listens there now */
    put_email("ann@example.com", "Hello", "text", NULL);
    wait_for(1);
    expect("ann", OUTCOME_RETRY, "connect_failed");
}

static void an_address_in_another_script_travels_as_it_is(void **state)
{
    (void)state;
    put_email("用户@例子.中国", "Hello", "text", NULL);
    wait_for(1);
    assert_int_equal(desk.settled[0].outcome.kind, OUTCOME_DELIVERED);
    assert_int_equal(receiver_count(&post, "用户@例子.中国"), 1);
}

static void without_a_mail_server_nothing_is_sent(void **state)
{
    (void)state;
    struct outcome outcome;
    struct transfer *transfer = NULL;
    struct job *job;
    const struct transfer_options options = {.timeout_ms = 100, .smtp_url = "", .smtp_from = ""};
    put_email("ann@example.com", "Hello", "text", NULL);
    job = desk.waiting;
    assert_int_equal(transfer_open(&options, job, &transfer, &outcome), -QY_EINVAL);
    assert_int_equal(outcome.kind, OUTCOME_SKIPPED);
    assert_string_equal(outcome.reason, "no_mail_server");
}

/* Undoes base64, line ends left out. */
static void decode(const char *encoded, char *out, size_t size)
{
    char text[4096];
    size_t used = 0;
    for (; *encoded && used + 1 < sizeof(text) && strncmp(encoded, "\r\n--", 4) != 0; encoded++)
        if (*encoded != '\r' && *encoded != '\n')
            text[used++] = *encoded;
    text[used] = '\0';
    int length = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)used);
    assert_true(length >= 0 && (size_t)length < size);
    for (size_t i = used; i > 0 && text[i - 1] == '='; i--)
        length--;
    out[length] = '\0';
}

static void expect_part(const struct received *mail, const char *type, const char *content)
{
    char decoded[4096];
    const char *part = strstr(mail->data + mail->head, type);
    assert_non_null(part);
    part = strstr(part, "\r\n\r\n");
    assert_non_null(part);
    decode(part + 4, decoded, sizeof(decoded));
    assert_string_equal(decoded, content);
}

static void a_mail_says_what_it_should(void **state)
{
    (void)state;
    char value[512];
    snprintf(desk.person.name, sizeof(desk.person.name), "<王>");
    put_email("ann@example.com", "您好，{{name}}", "Dear {{name}}\n.\nbye", "<p>Dear {{name}}</p>");
    wait_for(1);
    const struct received *mail = receiver_find(&post, "ann@example.com");
    assert_non_null(mail);
    assert_string_equal(received_header(mail, "From", value), "<brand@example.com>");
    assert_string_equal(received_header(mail, "To", value), "<ann@example.com>");
    assert_string_equal(received_header(mail, "Subject", value), "=?UTF-8?B?5oKo5aW977yMPOeOiz4=?=");
    assert_string_equal(received_header(mail, "MIME-Version", value), "1.0");
    assert_non_null(strstr(received_header(mail, "Message-ID", value), "@example.com>"));
    assert_non_null(strstr(received_header(mail, "Date", value), " +0000"));
    assert_non_null(strstr(received_header(mail, "Content-Type", value), "multipart/alternative"));
    expect_part(mail, "text/plain; charset=utf-8", "Dear <王>\n.\nbye");
    expect_part(mail, "text/html; charset=utf-8", "<p>Dear &lt;王&gt;</p>");
}

static void a_name_cannot_add_headers(void **state)
{
    (void)state;
    char value[512];
    snprintf(desk.person.name, sizeof(desk.person.name), "Eve\r\nBcc: all@example.com\r\n\r\nbody");
    put_email("ann@example.com", "Hi {{name}}", "x", NULL);
    wait_for(1);
    const struct received *mail = receiver_find(&post, "ann@example.com");
    assert_string_equal(received_header(mail, "Bcc", value), "");
    assert_int_equal(post.count, 1);
    assert_string_equal(received_header(mail, "Subject", value), "Hi Eve  Bcc: all@example.com    body");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_answer_of_a_mail_server_has_its_meaning),
        TEST(a_slow_mail_server_holds_up_nobody_else),
        TEST(nobody_at_the_mail_server_is_a_retry),
        TEST(an_address_in_another_script_travels_as_it_is),
        TEST(without_a_mail_server_nothing_is_sent),
        TEST(a_mail_says_what_it_should),
        TEST(a_name_cannot_add_headers),
    };
    for (const char *const *name =
             (const char *const[]){"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", NULL};
        *name; name++)
        unsetenv(*name);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
