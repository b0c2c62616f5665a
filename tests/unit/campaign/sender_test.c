/* SPDX-License-Identifier: Apache-2.0 */
/* The sender against web servers that behave, and web servers that do not. */
#include "tests/unit/campaign/sender_fixture.h"

#include <dlfcn.h>
#include <netdb.h>
#include <openssl/hmac.h>

/* A resolver that takes its time over one name. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_asked, is_released;
} resolver = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

int getaddrinfo(const char *restrict name, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict ret_list)
{
    int (*of_the_system)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&of_the_system = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || strcmp(name, "slow.invalid") != 0)
        return of_the_system(name, service, hints, ret_list);
    pthread_mutex_lock(&resolver.lock);
    resolver.is_asked = true;
    while (!resolver.is_released)
        pthread_cond_wait(&resolver.changed, &resolver.lock);
    pthread_mutex_unlock(&resolver.lock);
    return EAI_AGAIN;
}

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

/* Giving up on a name does not wait for the resolver to give up. */
static void a_slow_name_holds_up_nobody_else(void **state)
{
    (void)state;
    struct step step = {.type = STEP_SEND,
        .channel = CHANNEL_WEBHOOK,
        .id = "slow",
        .message = {.url = "http://slow.invalid/", .secret = "s", .content = "{}"}};
    put_step(&step);
    wait_for(1);
    expect("slow", OUTCOME_RETRY, "timeout");
    put_webhook("/ok", web.port, "{}", 0);
    wait_for(2);
    expect("ok", OUTCOME_DELIVERED, "http_200");
    pthread_mutex_lock(&resolver.lock);
    assert_true(resolver.is_asked);
    resolver.is_released = true;
    pthread_cond_broadcast(&resolver.changed);
    pthread_mutex_unlock(&resolver.lock);
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
    open_desk(3, TIMEOUT_MS);
    for (int i = 0; i < 8; i++)
        put_webhook("/hang", web.port, "{}", 0);
    wait_for(8);
    assert_int_equal(receiver_count(&web, "/hang"), 8);
    assert_int_equal(desk.most_under_way, 3);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_answer_has_its_meaning),
        TEST(retry_after_is_passed_on),
        TEST(nobody_there_is_a_retry),
        TEST(a_slow_name_holds_up_nobody_else),
        TEST(a_full_backlog_is_not_an_answer),
        TEST(a_request_that_was_not_answered_is_not_repeated),
        TEST(content_is_rendered_and_signed),
        TEST(no_more_than_allowed_are_under_way),
        TEST(what_cannot_be_prepared_is_not_sent),
        TEST(an_outcome_is_offered_until_it_is_taken),
        TEST(stopping_waits_for_what_is_under_way),
    };
    for (const char *const *name =
             (const char *const[]){"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", NULL};
        *name; name++)
        unsetenv(*name);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
