/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/runtime.h"

#include "common/clock.h"
#include "services/audit/audit_http.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_token.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <yyjson.h>

/* -- the runtime's part: the port's thread finds a writer that commits at once -- */

static struct runtime *running;
static int submit_error;
static unsigned port;

int service_read(struct service *service, struct store_txn **ret_txn)
{
    return store_begin(service->store, STORE_READ, ret_txn);
}

int service_submit(struct service *service, struct work *work)
{
    (void)service;
    if (submit_error)
        return submit_error;
    runtime_begin(running);
    int result = work->apply(work, &running->batch);
    runtime_commit(running);
    work->done(work, result);
    return 0;
}

struct metrics *service_metrics(struct service *service)
{
    return service->metrics;
}

void service_on_hangup(struct service *service, void (*on_hangup)(void *self), void *self)
{
    (void)service;
    (void)on_hangup;
    (void)self;
}

/* A port that was free a moment ago: the settings have no way to tell which one was taken for 0. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    close(listener);
    return ntohs(address.sin_port);
}

static char token[TOKEN_TEXT_BYTES];

static int setup(void **state)
{
    char text[16];
    port = free_port();
    snprintf(text, sizeof(text), "%u", port);
    setenv("QUANYU_AUDIT_HTTP_PORT", text, 1);
    running = runtime_open("simulated");
    submit_error = 0;
    assert_int_equal(metrics_open("audit", &running->service.metrics), 0);
    struct audit_token made;
    runtime_begin(running);
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    audit_token_make(running->batch.txn, "Wang", ROLE_READER, clock_wall_ms(), DAY_MS, token, &made);
    assert_true(
        audit_token_take_owed(running->batch.txn, &detail)); /* the log holds what the tests put there */
    runtime_commit(running);
    assert_int_equal(audit_http_start(&running->audit, &running->service), 0);
    *state = running;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    audit_http_stop(&running->audit, &running->service);
    metrics_close(&running->service.metrics);
    runtime_close(running);
    unsetenv("QUANYU_AUDIT_HTTP_PORT");
    return 0;
}

/* -- a client -- */

struct answer {
    long status;
    struct buffer head;
    struct buffer body;
    yyjson_doc *json;
};

static size_t keep(char *data, size_t size, size_t count, void *buffer)
{
    buffer_append(buffer, data, size * count);
    return size * count;
}

static void answer_free(struct answer *answer)
{
    buffer_free(&answer->head);
    buffer_free(&answer->body);
    yyjson_doc_free(answer->json);
}

static struct answer ask_as(const char *bearer, const char *method, const char *path)
{
    struct answer answer = {0};
    char url[1024], header[200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
    snprintf(header, sizeof(header), "Authorization: Bearer %s", bearer ? bearer : "");
    struct curl_slist *headers = bearer ? curl_slist_append(NULL, header) : NULL;
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer.head);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    answer.json = yyjson_read((const char *)answer.body.data, answer.body.size, 0);
    return answer;
}

static struct answer ask(const char *path)
{
    return ask_as(token, "GET", path);
}

static yyjson_val *at(const struct answer *answer, const char *pointer)
{
    return yyjson_doc_ptr_get(answer->json, pointer);
}

static void assert_text(const struct answer *answer, const char *pointer, const char *expected)
{
    const char *text = yyjson_get_str(at(answer, pointer));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void append_some(unsigned count)
{
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.kind = QUANYU__ACTOR__KIND__STAFF;
    actor.id = "t_1";
    char *persons[] = {"p_a"}, *fields[] = {"traits", "tags"};
    uint32_t number = 7;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT, *records[] = {&record};
    for (unsigned i = 0; i < count; i++) {
        quanyu__audit_record__init(&record);
        record.actor = &actor;
        record.action = i % 2 ? "person.show" : "person.lookup";
        record.fields = fields;
        record.n_fields = 2;
        record.persons = persons;
        record.n_persons = 1;
        record.numbers = &number;
        record.n_numbers = 1;
        record.count = 1;
        record.outcome = "ok";
        assert_int_equal(runtime_append(running, records, 1, NULL), 0);
        running->now_ms += 1000;
    }
}

static uint64_t log_size(void)
{
    struct store_txn *txn = runtime_read(running);
    uint64_t size = audit_store_size(txn);
    store_abort(&txn);
    return size;
}

static void assert_problem(const char *path, long status, const char *field)
{
    struct answer answer = ask(path);
    assert_int_equal(answer.status, status);
    assert_non_null(strstr(buffer_c_str(&answer.head), "application/problem+json"));
    assert_int_equal(yyjson_get_int(at(&answer, "/status")), status);
    if (field)
        assert_text(&answer, "/field", field);
    answer_free(&answer);
}

/* -- tests -- */

static void test_nothing_is_shown_without_an_auditors_token(void **state)
{
    (void)state;
    const char *const wrong[] = {NULL, "", "qya_wrong", "hq_token"};
    append_some(1);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct answer answer = ask_as(wrong[i], "GET", "/v1/records");
        assert_int_equal(answer.status, 401);
        assert_non_null(strstr(buffer_c_str(&answer.head), "WWW-Authenticate: Bearer"));
        assert_null(at(&answer, "/records"));
        answer_free(&answer);
        answer = ask_as(wrong[i], "GET", "/v1/tree");
        assert_int_equal(answer.status, 401);
        answer_free(&answer);
    }
    assert_int_equal(log_size(), 1);
}

static void test_records_are_shown_newest_first_with_all_that_they_say(void **state)
{
    (void)state;
    append_some(3);
    struct answer answer = ask("/v1/records");
    assert_int_equal(answer.status, 200);
    assert_int_equal(yyjson_arr_size(at(&answer, "/records")), 3);
    assert_text(&answer, "/records/0/index", "2");
    assert_text(&answer, "/records/2/index", "0");
    assert_text(&answer, "/records/2/time", "2026-01-01T00:00:00Z");
    assert_text(&answer, "/records/2/actor/kind", "staff");
    assert_text(&answer, "/records/2/actor/id", "t_1");
    assert_text(&answer, "/records/2/action", "person.lookup");
    assert_text(&answer, "/records/2/fields/1", "tags");
    assert_text(&answer, "/records/2/persons/0", "p_a");
    assert_text(&answer, "/records/2/person_numbers/0", "7");
    assert_int_equal(yyjson_get_int(at(&answer, "/records/2/count")), 1);
    assert_text(&answer, "/records/2/outcome", "ok");
    assert_text(&answer, "/records/2/service", "gateway");
    assert_true(yyjson_is_null(at(&answer, "/next_cursor")));
    answer_free(&answer);
}

static void test_pages_follow_each_other_while_the_log_grows(void **state)
{
    (void)state;
    append_some(10);
    char path[200] = "/v1/records?subject=p_a&limit=3";
    unsigned expected = 10, pages = 0;
    for (;; pages++) {
        struct answer answer = ask(path); /* each page leaves a record of its own */
        assert_int_equal(answer.status, 200);
        size_t count = yyjson_arr_size(at(&answer, "/records"));
        for (size_t i = 0; i < count; i++) {
            char pointer[40], index[16];
            snprintf(pointer, sizeof(pointer), "/records/%zu/index", i);
            snprintf(index, sizeof(index), "%u", --expected);
            assert_text(&answer, pointer, index);
        }
        const char *cursor = yyjson_get_str(at(&answer, "/next_cursor"));
        if (cursor)
            snprintf(path, sizeof(path), "/v1/records?subject=p_a&limit=3&cursor=%s", cursor);
        answer_free(&answer);
        if (!cursor)
            break;
    }
    assert_int_equal(expected, 0);
    assert_int_equal(pages, 3);
}

static void test_filters_and_times_are_taken(void **state)
{
    (void)state;
    append_some(10);
    struct answer answer = ask("/v1/records?actor=t_1&action=person.show&from=2026-01-01T08:00:02%2B08:00"
                               "&to=2026-01-01T00:00:07Z");
    assert_int_equal(answer.status, 200);
    assert_int_equal(yyjson_arr_size(at(&answer, "/records")), 2);
    assert_text(&answer, "/records/0/index", "5");
    assert_text(&answer, "/records/1/index", "3");
    answer_free(&answer);
}

static void test_what_is_wrong_with_a_query_is_named(void **state)
{
    (void)state;
    assert_problem("/v1/records?acto=x", 400, "acto");
    assert_problem("/v1/records?actor=", 400, "actor");
    assert_problem("/v1/records?actor_kind=robot", 400, "actor_kind");
    assert_problem("/v1/records?unmasked=yes", 400, "unmasked");
    assert_problem("/v1/records?has=hair", 400, "has");
    assert_problem("/v1/records?order=random", 400, "order");
    assert_problem("/v1/records?limit=1&limit=2", 400, "limit");
    assert_problem("/v1/records?top=5", 400, "top");
    assert_problem("/v1/records?timezone=Mars/Olympus", 400, "timezone");
    assert_problem("/v1/records/count?limit=5", 400, "limit");
    assert_problem("/v1/records/histogram", 400, "by");
    assert_problem("/v1/records/histogram?by=missed", 400, "by");
    assert_problem("/v1/records/histogram?by=role&top=0", 400, "top");
    assert_problem("/v1/records?actor=%zz", 400, "actor");
    assert_problem("/v1/records?limit=0", 400, "limit");
    assert_problem("/v1/records?limit=1001", 400, "limit");
    assert_problem("/v1/records?limit=1e2", 400, "limit");
    assert_problem("/v1/records?from=yesterday", 400, "from");
    assert_problem("/v1/records?from=2026-01-02&to=2026-01-01", 400, "to");
    assert_problem("/v1/records?cursor=AAAA", 400, "cursor");
    assert_problem("/v1/tree?size=3", 400, "size");
    assert_problem("/v1/records/0?x=1", 400, "x");
    assert_problem("/v1/records/0", 404, "index");
    assert_problem("/v1/records/-1", 404, "index");
    assert_problem("/v1/records/99999999999999999999", 404, "index");
    assert_problem("/v1/nothing", 404, NULL);
    assert_int_equal(log_size(), 0);
}

static void test_other_methods_are_refused(void **state)
{
    (void)state;
    struct answer answer = ask_as(token, "DELETE", "/v1/records");
    assert_int_equal(answer.status, 405);
    assert_non_null(strstr(buffer_c_str(&answer.head), "Allow: GET"));
    answer_free(&answer);
}

static void test_a_look_is_on_record_before_it_is_answered(void **state)
{
    (void)state;
    append_some(2);
    struct answer answer = ask("/v1/records?subject=p_a&limit=1");
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    answer = ask("/v1/records/0");
    assert_int_equal(answer.status, 200);
    assert_text(&answer, "/index", "0");
    answer_free(&answer);
    assert_int_equal(log_size(), 4);
    const Quanyu__AuditRecord *record = runtime_record(running, 2);
    assert_string_equal(record->action, "audit.search");
    assert_int_equal(record->actor->kind, QUANYU__ACTOR__KIND__AUDITOR);
    assert_string_equal(record->actor->name, "Wang");
    assert_string_equal(record->actor->address, "127.0.0.1");
    assert_string_equal(record->detail, "{\"subject\":\"p_a\",\"limit\":1,\"records\":1}");
    record = runtime_record(running, 3);
    assert_string_equal(record->action, "audit.show");
    assert_string_equal(record->detail, "{\"index\":\"0\",\"records\":1}");
}

static void test_what_cannot_be_recorded_is_not_shown(void **state)
{
    (void)state;
    append_some(2);
    submit_error = -QY_EFULL;
    struct answer answer = ask("/v1/records");
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(buffer_c_str(&answer.head), "Retry-After: 1"));
    assert_null(strstr(buffer_c_str(&answer.body), "p_a"));
    answer_free(&answer);
    submit_error = 0;
    answer = ask("/v1/records");
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

static void test_the_tree_is_shown_and_stays_as_it_is(void **state)
{
    (void)state;
    struct answer answer = ask("/v1/tree");
    assert_int_equal(answer.status, 200);
    assert_int_equal(yyjson_get_int(at(&answer, "/size")), 0);
    assert_text(&answer, "/root", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(yyjson_is_null(at(&answer, "/time")));
    answer_free(&answer);
    append_some(5);
    struct merkle_hash root;
    uint64_t size;
    struct store_txn *txn = runtime_read(running);
    assert_int_equal(audit_query_tree(txn, &size, &root), 0);
    store_abort(&txn);
    char hex[2 * MERKLE_HASH_BYTES + 1];
    for (size_t i = 0; i < MERKLE_HASH_BYTES; i++)
        sprintf(hex + 2 * i, "%02x", root.bytes[i]);
    for (int again = 0; again < 2; again++) {
        answer = ask("/v1/tree");
        assert_int_equal(yyjson_get_int(at(&answer, "/size")), 5);
        assert_text(&answer, "/root", hex);
        assert_text(&answer, "/hash", "sha256");
        assert_text(&answer, "/time", "2026-01-01T00:00:04Z");
        answer_free(&answer);
    }
}

static void test_the_description_needs_no_token_and_names_every_path(void **state)
{
    (void)state;
    struct answer answer = ask_as(NULL, "GET", "/openapi.json");
    assert_int_equal(answer.status, 200);
    assert_non_null(at(&answer, "/paths/~1v1~1records/get"));
    assert_non_null(at(&answer, "/paths/~1v1~1records~1{index}/get"));
    assert_non_null(at(&answer, "/paths/~1v1~1tree/get"));
    assert_non_null(at(&answer, "/components/schemas/Record/properties/actor"));
    answer_free(&answer);
}

static void test_a_cursor_is_read_back_and_nothing_else_is(void **state)
{
    (void)state;
    char text[CURSOR_BYTES];
    uint64_t bound;
    bool oldest;
    const uint64_t values[] = {1, 255, 1u << 20, UINT64_MAX};
    for (size_t i = 0; i < 2 * COUNT_OF(values); i++) {
        assert_true(audit_cursor_parse(audit_cursor_format(i % 2, values[i / 2], text), &oldest, &bound));
        assert_int_equal(bound, values[i / 2]);
        assert_int_equal(oldest, i % 2);
    }
    assert_false(audit_cursor_parse("", &oldest, &bound));
    assert_false(audit_cursor_parse(audit_cursor_format(false, 0, text), &oldest, &bound));
    assert_false(audit_cursor_parse("AQAAAAAAAAAB", &oldest, &bound)); /* another version */
    assert_false(audit_cursor_parse("AgIAAAAAAAAAAQ", &oldest, &bound));
}

static void test_the_oldest_come_first_where_asked_and_their_cursors_are_their_own(void **state)
{
    (void)state;
    append_some(5);
    char path[200];
    struct answer answer = ask("/v1/records?order=oldest&limit=2&subject=p_a");
    assert_int_equal(answer.status, 200);
    assert_text(&answer, "/records/0/index", "0");
    assert_text(&answer, "/records/1/index", "1");
    const char *cursor = yyjson_get_str(at(&answer, "/next_cursor"));
    assert_non_null(cursor);
    snprintf(path, sizeof(path), "/v1/records?cursor=%s", cursor);
    assert_problem(path, 400, "cursor");
    snprintf(path, sizeof(path), "/v1/records?order=oldest&limit=9&subject=p_a&cursor=%s", cursor);
    answer_free(&answer);
    answer = ask(path);
    assert_int_equal(yyjson_arr_size(at(&answer, "/records")), 3);
    assert_text(&answer, "/records/0/index", "2");
    assert_true(yyjson_is_null(at(&answer, "/next_cursor")));
    answer_free(&answer);
}

static void test_counts_and_histograms_are_given_and_on_record(void **state)
{
    (void)state;
    append_some(5);
    struct answer answer = ask("/v1/records/count?actor=t_1&actor=t_2&operation=person.*&subject=7");
    assert_int_equal(answer.status, 200);
    assert_int_equal(yyjson_get_int(at(&answer, "/count")), 5);
    answer_free(&answer);
    answer = ask("/v1/records/histogram?by=operation&actor=t_1&top=1");
    assert_text(&answer, "/by", "operation");
    assert_int_equal(yyjson_get_int(at(&answer, "/total")), 5);
    assert_int_equal(yyjson_get_int(at(&answer, "/different")), 2);
    assert_int_equal(yyjson_arr_size(at(&answer, "/groups")), 1);
    assert_text(&answer, "/groups/0/value", "person.lookup");
    assert_int_equal(yyjson_get_int(at(&answer, "/groups/0/count")), 3);
    answer_free(&answer);
    answer = ask("/v1/records/histogram?by=day&timezone=Asia/Shanghai&from=2026-01-01&service=gateway");
    assert_text(&answer, "/groups/0/value", "2026-01-01");
    assert_text(&answer, "/groups/0/start", "2025-12-31T16:00:00Z");
    assert_int_equal(yyjson_get_int(at(&answer, "/groups/0/count")), 5);
    answer_free(&answer);
    assert_string_equal(runtime_record(running, 5)->action, "audit.count");
    assert_string_equal(runtime_record(running, 5)->detail,
        "{\"actor\":[\"t_1\",\"t_2\"],\"operation\":\"person.*\",\"subject\":\"7\",\"count\":5}");
    assert_string_equal(runtime_record(running, 6)->action, "audit.histogram");
    assert_string_equal(runtime_record(running, 6)->detail,
        "{\"actor\":\"t_1\",\"by\":\"operation\",\"count\":5,\"groups\":1}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_shown_without_an_auditors_token),
        TEST(test_records_are_shown_newest_first_with_all_that_they_say),
        TEST(test_pages_follow_each_other_while_the_log_grows),
        TEST(test_filters_and_times_are_taken),
        TEST(test_the_oldest_come_first_where_asked_and_their_cursors_are_their_own),
        TEST(test_counts_and_histograms_are_given_and_on_record),
        TEST(test_what_is_wrong_with_a_query_is_named),
        TEST(test_other_methods_are_refused),
        TEST(test_a_look_is_on_record_before_it_is_answered),
        TEST(test_what_cannot_be_recorded_is_not_shown),
        TEST(test_the_tree_is_shown_and_stays_as_it_is),
        TEST(test_the_description_needs_no_token_and_names_every_path),
        cmocka_unit_test(test_a_cursor_is_read_back_and_nothing_else_is),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
