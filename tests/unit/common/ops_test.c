/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ops.h"

#include "common/error.h"
#include "tests/unit/common/http_peer.h"

#include <stdio.h>

#define ASK(method, path) method " " path " HTTP/1.1\r\nHost: a\r\n\r\n"

struct service {
    struct ops *ops;
    struct metrics *metrics;
    const char *reason; /* read by the ops thread while the test waits for its answer */
};

static bool is_ready(void *self, struct buffer *reasons)
{
    const struct service *service = self;
    if (service->reason)
        buffer_text(reasons, service->reason);
    return !service->reason;
}

static void scrape(void *self, struct metrics_page *page)
{
    (void)self;
    page_metric(page, METRIC_GAUGE, "quanyu_lag_records", "feed=\"gateway\"", "Records behind.", 7);
}

static int open_service(void **state)
{
    static struct service service;
    service = (struct service){0};
    *state = &service;
    if (metrics_open("audit", &service.metrics) != 0)
        return -1;
    const struct ops_options options = {.address = "127.0.0.1",
        .metrics = service.metrics,
        .ready = is_ready,
        .scrape = scrape,
        .self = &service};
    char error[256];
    return ops_open(&options, &service.ops, error);
}

static int close_service(void **state)
{
    struct service *service = *state;
    ops_close(&service->ops);
    ops_close(&service->ops);
    metrics_close(&service->metrics);
    return 0;
}

static void living_process_is_healthy(void **state)
{
    struct service *service = *state;
    _cleanup_(peer_close) struct peer peer;
    peer_open(&peer, ops_port(service->ops));
    service->reason = "\"away\"";
    peer_ask(&peer, ASK("GET", "/healthz"), 200);
    assert_string_equal(buffer_c_str(&peer.body), "ok\n");
}

static void readiness_comes_with_reasons(void **state)
{
    struct service *service = *state;
    _cleanup_(peer_close) struct peer peer;
    peer_open(&peer, ops_port(service->ops));
    service->reason = "{\"part\":\"feed\",\"reason\":\"identity is not reachable\"}";
    peer_ask(&peer, ASK("GET", "/readyz"), 503);
    assert_string_equal(peer_header(&peer, "Content-Type"), "application/json");
    assert_string_equal(buffer_c_str(&peer.body),
        "{\"ready\":false,\"reasons\":[{\"part\":\"feed\",\"reason\":\"identity is not reachable\"}]}\n");
    service->reason = NULL;
    peer_ask(&peer, ASK("GET", "/readyz"), 200);
    assert_string_equal(buffer_c_str(&peer.body), "{\"ready\":true,\"reasons\":[]}\n");
}

static void metrics_are_shown_with_what_the_scrape_adds(void **state)
{
    struct service *service = *state;
    _cleanup_(peer_close) struct peer peer;
    peer_open(&peer, ops_port(service->ops));
    metric_add(metrics_series(service->metrics, METRIC_COUNTER, "quanyu_records_total", NULL, "Records."), 3);
    peer_ask(&peer, ASK("GET", "/metrics"), 200);
    assert_string_equal(peer_header(&peer, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(buffer_c_str(&peer.body), "\nquanyu_records_total 3\n"));
    assert_non_null(strstr(buffer_c_str(&peer.body), "\nquanyu_lag_records{feed=\"gateway\"} 7\n"));
    assert_non_null(strstr(buffer_c_str(&peer.body), "\nquanyu_build_info{service=\"audit\","));
}

static void other_requests_are_refused(void **state)
{
    struct service *service = *state;
    _cleanup_(peer_close) struct peer peer;
    peer_open(&peer, ops_port(service->ops));
    peer_ask(&peer, ASK("GET", "/secrets"), 404);
    peer_ask(&peer, ASK("DELETE", "/metrics"), 405);
    assert_string_equal(peer_header(&peer, "Allow"), "GET, HEAD");
}

static void taken_port_is_an_error(void **state)
{
    struct service *service = *state;
    const struct ops_options options = {
        .address = "127.0.0.1", .port = ops_port(service->ops), .metrics = service->metrics};
    struct ops *second = NULL;
    char error[256];
    assert_int_equal(ops_open(&options, &second, error), -QY_EUNAVAILABLE);
    assert_non_null(strstr(error, "cannot listen on 127.0.0.1 port "));
    assert_null(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(living_process_is_healthy),
        TEST(readiness_comes_with_reasons),
        TEST(metrics_are_shown_with_what_the_scrape_adds),
        TEST(other_requests_are_refused),
        TEST(taken_port_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
