/* SPDX-License-Identifier: Apache-2.0 */
/* The sender against receivers that behave, and receivers that do not. */
#include "services/campaign/sender.h"

#include "tests/unit/campaign/receiver.h"

#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>

#define TIMEOUT_MS 400
#define WAIT_SECONDS 20
#define SECRET "a shared secret"

struct settled {
    char step[STEP_ID_BYTES];
    struct outcome outcome;
};

/* The writer's part, played by the test. */
struct desk {
    struct sender *sender;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *waiting; /* what a claim will find */
    struct settled settled[RECEIVED_MAX];
    unsigned count;
    unsigned refusals; /* so many settlements fail before one is taken */
    bool is_refused_later;
    bool prepare_fails;
    struct job_person person;
};

static int claim(void *self, unsigned limit)
{
    struct desk *desk = self;
    pthread_mutex_lock(&desk->lock);
    struct job *jobs = NULL, **end = &jobs;
    for (; limit > 0 && desk->waiting; limit--) {
        *end = desk->waiting;
        desk->waiting = (*end)->next;
        end = &(*end)->next;
    }
    *end = NULL;
    bool more = desk->waiting;
    pthread_mutex_unlock(&desk->lock);
    sender_give(desk->sender, jobs, more);
    return 0;
}

static int settle(void *self, struct job *job, const struct outcome *outcome)
{
    struct desk *desk = self;
    pthread_mutex_lock(&desk->lock);
    bool refuse = desk->refusals > 0;
    if (refuse) {
        desk->refusals--;
    } else {
        struct settled *settled = &desk->settled[desk->count++];
        memcpy(settled->step, job->step, sizeof(settled->step));
        settled->outcome = *outcome;
        pthread_cond_broadcast(&desk->changed);
    }
    pthread_mutex_unlock(&desk->lock);
    if (refuse && !desk->is_refused_later)
        return -QY_EFULL;
    if (refuse)
        sender_unsettled(desk->sender, job, outcome);
    else
        sender_settled(desk->sender, job);
    return 0;
}

static bool prepare(void *self, struct job *job, struct outcome *ret_outcome)
{
    struct desk *desk = self;
    job->of_person = desk->person;
    if (desk->prepare_fails)
        outcome_set(ret_outcome, OUTCOME_DEFERRED, "identity_UNAVAILABLE");
    return !desk->prepare_fails;
}

static struct receiver web, post;
static struct desk desk;

static void open_desk(unsigned concurrency)
{
    static char smtp_url[64];
    memset(&desk, 0, sizeof(desk));
    pthread_mutex_init(&desk.lock, NULL);
    pthread_cond_init(&desk.changed, NULL);
    snprintf(smtp_url, sizeof(smtp_url), "smtp://127.0.0.1:%u", post.port);
    const struct sender_options options = {
        .transfer = {.timeout_ms = TIMEOUT_MS, .smtp_url = smtp_url, .smtp_from = "brand@example.com"},
        .concurrency = concurrency,
        .claim = claim,
        .settle = settle,
        .prepare = prepare,
        .self = &desk,
    };
    assert_int_equal(sender_open(&options, &desk.sender), 0);
}

static void close_desk(void)
{
    sender_stop(desk.sender); /* its threads still use the pointer */
    sender_close(&desk.sender);
    while (desk.waiting) {
        struct job *job = desk.waiting;
        desk.waiting = job->next;
        job_free(&job);
    }
    pthread_mutex_destroy(&desk.lock);
    pthread_cond_destroy(&desk.changed);
}

static int setup(void **state)
{
    (void)state;
    receiver_open(&web, web_serve);
    receiver_open(&post, mail_serve);
    open_desk(16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close_desk();
    receiver_close(&web);
    receiver_close(&post);
    return 0;
}

static void put_job(struct job *job)
{
    pthread_mutex_lock(&desk.lock);
    job->next = desk.waiting;
    desk.waiting = job;
    pthread_mutex_unlock(&desk.lock);
}

static void put_step(const struct step *step)
{
    struct job *job;
    struct delivery delivery = {.number = 1, .journey = 3, .node = 7, .entry = 1, .attempts = 1};
    memcpy(delivery.step, step->id, sizeof(delivery.step));
    assert_int_equal(job_make(&delivery, 7, step, &job), 0);
    put_job(job);
}

/* The step's id is the path without its slash. */
static void put_webhook(const char *path, uint16_t port, const char *content, unsigned placeholders)
{
    char url[160];
    struct step step = {.type = STEP_SEND, .channel = CHANNEL_WEBHOOK};
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
    snprintf(step.id, sizeof(step.id), "%s", path + 1);
    step.message =
        (struct step_message){.url = url, .secret = SECRET, .content = content, .placeholders = placeholders};
    put_step(&step);
}

/* The step's id is the address's name. */
static void put_email(const char *address, const char *subject, const char *text, const char *html)
{
    struct step step = {.type = STEP_SEND, .channel = CHANNEL_EMAIL};
    snprintf(step.id, sizeof(step.id), "%.*s", (int)strcspn(address, "@"), address);
    step.message = (struct step_message){.subject = subject, .text = text, .html = html};
    snprintf(desk.person.email, sizeof(desk.person.email), "%s", address);
    put_step(&step);
}

static void wait_for(unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    sender_wake(desk.sender);
    pthread_mutex_lock(&desk.lock);
    int error = 0;
    while (desk.count < count && error == 0)
        error = pthread_cond_timedwait(&desk.changed, &desk.lock, &until);
    unsigned reached = desk.count;
    pthread_mutex_unlock(&desk.lock);
    assert_int_equal(reached, count);
}

static void expect(const char *step, enum outcome_kind kind, const char *reason)
{
    pthread_mutex_lock(&desk.lock);
    const struct settled *found = NULL;
    for (unsigned i = 0; i < desk.count; i++)
        if (strcmp(desk.settled[i].step, step) == 0)
            found = &desk.settled[i];
    pthread_mutex_unlock(&desk.lock);
    if (!found || found->outcome.kind != kind || strncmp(found->outcome.reason, reason, strlen(reason)) != 0)
        fail_msg(
            "%s: %d %s", step, found ? (int)found->outcome.kind : -1, found ? found->outcome.reason : "none");
}

/* -- webhooks -- */

static void each_answer_has_its_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum outcome_kind kind;
        const char *reason;
    } cases[] = {
        {"/ok", OUTCOME_DELIVERED, "http_200"},
        {"/empty", OUTCOME_DELIVERED, "http_204"},
        {"/busy", OUTCOME_RETRY, "http_429"},
        {"/down", OUTCOME_RETRY, "http_503"},
        {"/error", OUTCOME_FAILED, "http_500"},
        {"/missing", OUTCOME_FAILED, "http_404"},
        {"/moved", OUTCOME_FAILED, "http_302"},
        {"/gateway", OUTCOME_UNKNOWN, "http_502"},
        {"/cut", OUTCOME_UNKNOWN, "connection_lost"},
        {"/half", OUTCOME_UNKNOWN, "connection_lost"},
        {"/closed", OUTCOME_UNKNOWN, "connection_lost"},
        {"/hang", OUTCOME_UNKNOWN, "timeout"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        put_webhook(cases[i].path, web.port, "{}", 0);
    wait_for(COUNT_OF(cases));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        expect(cases[i].path + 1, cases[i].kind, cases[i].reason);
        assert_int_equal(receiver_count(&web, cases[i].path), 1);
    }
}

static void retry_after_is_passed_on(void **state)
{
    (void)state;
    put_webhook("/busy", web.port, "{}", 0);
    wait_for(1);
    assert_int_equal(desk.settled[0].outcome.retry_after_ms, 120000);
}

static void nobody_there_is_a_retry(void **state)
{
    (void)state;
    uint16_t port;
    int listener = receiver_listen(&port);
    close(listener); /* nobody listens there now */
    put_webhook("/refused", port, "{}", 0);
    struct step step = {.type = STEP_SEND,
        .channel = CHANNEL_WEBHOOK,
        .id = "nowhere",
        .message = {.url = "http://nowhere.invalid/", .secret = "s", .content = "{}"}};
    put_step(&step);
    wait_for(2);
    expect("refused", OUTCOME_RETRY, "connect_failed");
    expect("nowhere", OUTCOME_RETRY, "connect_failed");
}

/* The address takes connections into its backlog, and nobody ever reads. */
static void a_full_backlog_is_not_an_answer(void **state)
{
    (void)state;
    uint16_t port;
    int listener = receiver_listen(&port);
    put_webhook("/silent", port, "{}", 0);
    wait_for(1);
    expect("silent", OUTCOME_UNKNOWN, "timeout"); /* the kernel took the bytes */
    close(listener);
}

/* On a kept connection libcurl would send the second request again by itself. */
static void a_request_that_was_not_answered_is_not_repeated(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        put_webhook("/ok", web.port, "{}", 0);
        wait_for((unsigned)(2 * i + 1));
        put_webhook("/closed", web.port, "{}", 0);
        wait_for((unsigned)(2 * i + 2));
    }
    assert_int_equal(receiver_count(&web, "/closed"), 3);
    assert_int_equal(receiver_count(&web, "/ok"), 3);
    assert_int_equal(web.connections, 6);
}

static void content_is_rendered_and_signed(void **state)
{
    (void)state;
    snprintf(desk.person.one_id, sizeof(desk.person.one_id), "q7K");
    snprintf(desk.person.name, sizeof(desk.person.name), "李\"雷");
    put_webhook("/ok", web.port, "{\"who\":\"{{one_id}}\",\"name\":\"{{name}}\",\"id\":\"{{delivery_id}}\"}",
        PLACEHOLDER_BIT(PLACEHOLDER_ONE_ID) | PLACEHOLDER_BIT(PLACEHOLDER_NAME));
    wait_for(1);
    const struct received *request = receiver_find(&web, "/ok");
    char id[512], timestamp[512], signature[512], value[512], body[1024];
    received_header(request, "Idempotency-Key", id);
    assert_int_equal(strlen(id), 32);
    snprintf(body, sizeof(body), "{\"who\":\"q7K\",\"name\":\"李\\\"雷\",\"id\":\"%s\"}", id);
    assert_string_equal(request->data + request->head, body);
    assert_string_equal(received_header(request, "Content-Type", value), "application/json");
    assert_string_equal(received_header(request, "X-Quanyu-Journey", value), "j_3");
    assert_string_equal(received_header(request, "X-Quanyu-Step", value), "ok");
    assert_string_equal(received_header(request, "Expect", value), "");
    received_header(request, "X-Quanyu-Timestamp", timestamp);
    assert_in_range(strtoll(timestamp, NULL, 10), time(NULL) - WAIT_SECONDS, time(NULL));

    unsigned char mac[32];
    unsigned size;
    char signed_text[1600], expected[80] = "v1=";
    snprintf(signed_text, sizeof(signed_text), "%s.%s", timestamp, body);
    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)signed_text, strlen(signed_text),
        mac, &size);
    for (unsigned i = 0; i < size; i++)
        snprintf(expected + 3 + (size_t)2 * i, 3, "%02x", mac[i]);
    assert_string_equal(received_header(request, "X-Quanyu-Signature", signature), expected);
}

static void no_more_than_allowed_are_under_way(void **state)
{
    (void)state;
    close_desk();
    open_desk(3);
    for (int i = 0; i < 8; i++)
        put_webhook("/hang", web.port, "{}", 0);
    wait_for(8);
    assert_int_equal(receiver_count(&web, "/hang"), 8);
    assert_int_equal(web.most_open, 3);
}

static void what_cannot_be_prepared_is_not_sent(void **state)
{
    (void)state;
    desk.prepare_fails = true;
    put_webhook("/ok", web.port, "{\"p\":\"{{phone}}\"}", PLACEHOLDER_BIT(PLACEHOLDER_PHONE));
    wait_for(1);
    expect("ok", OUTCOME_DEFERRED, "identity_UNAVAILABLE");
    assert_int_equal(web.connections, 0);
}

static void an_outcome_is_offered_until_it_is_taken(void **state)
{
    (void)state;
    desk.refusals = 2;
    put_webhook("/ok", web.port, "{}", 0);
    wait_for(1);
    desk.refusals = 2;
    desk.is_refused_later = true;
    put_webhook("/missing", web.port, "{}", 0);
    wait_for(2);
    expect("ok", OUTCOME_DELIVERED, "http_200");
    expect("missing", OUTCOME_FAILED, "http_404");
    assert_int_equal(receiver_count(&web, "/ok"), 1);
    assert_int_equal(receiver_count(&web, "/missing"), 1);
}

static void stopping_waits_for_what_is_under_way(void **state)
{
    (void)state;
    put_webhook("/hang", web.port, "{}", 0);
    sender_wake(desk.sender);
    pthread_mutex_lock(&web.lock);
    while (web.count == 0)
        pthread_cond_wait(&web.changed, &web.lock);
    pthread_mutex_unlock(&web.lock);
    sender_stop(desk.sender);
    assert_int_equal(desk.count, 1);
    expect("hang", OUTCOME_UNKNOWN, "timeout");
    put_webhook("/ok", web.port, "{}", 0);
    sender_wake(desk.sender); /* allowed, and without effect */
    assert_int_equal(receiver_count(&web, "/ok"), 0);
}

/* -- email -- */

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

/* libcurl blocks while it waits for the last answer: that must hold up neither webhooks nor other mail. */
static void a_slow_mail_server_holds_up_nobody_else(void **state)
{
    (void)state;
    snprintf(desk.person.email, sizeof(desk.person.email), "hang@example.com");
    put_email("hang@example.com", "Hello", "text", NULL);
    put_webhook("/ok", web.port, "{}", 0);
    sender_wake(desk.sender);
    pthread_mutex_lock(&post.lock);
    while (post.count == 0)
        pthread_cond_wait(&post.changed, &post.lock);
    pthread_mutex_unlock(&post.lock);
    put_webhook("/empty", web.port, "{}", 0);
    wait_for(3);
    assert_string_equal(desk.settled[2].step, "hang");
    expect("empty", OUTCOME_DELIVERED, "http_204");
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
    assert_non_null(strstr(mail->data + mail->head, "Content-Type: multipart/alternative"));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_answer_has_its_meaning),
        TEST(retry_after_is_passed_on),
        TEST(nobody_there_is_a_retry),
        TEST(a_full_backlog_is_not_an_answer),
        TEST(a_request_that_was_not_answered_is_not_repeated),
        TEST(content_is_rendered_and_signed),
        TEST(no_more_than_allowed_are_under_way),
        TEST(what_cannot_be_prepared_is_not_sent),
        TEST(an_outcome_is_offered_until_it_is_taken),
        TEST(stopping_waits_for_what_is_under_way),
        TEST(each_answer_of_a_mail_server_has_its_meaning),
        TEST(a_slow_mail_server_holds_up_nobody_else),
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
