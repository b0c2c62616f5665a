/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_metrics(void **state)
{
    struct metrics *metrics = NULL;
    int result = metrics_open("gateway", &metrics);
    *state = metrics;
    return result;
}

static int close_metrics(void **state)
{
    metrics_close((struct metrics **)state);
    assert_null(*state);
    return 0;
}

static void assert_line(struct buffer *page, const char *line)
{
    _cleanup_(buffer_free) struct buffer wanted = BUFFER_INIT;
    buffer_printf(&wanted, "\n%s\n", line);
    if (!strstr(buffer_c_str(page), buffer_c_str(&wanted)))
        fail_msg("no line \"%s\" in\n%s", line, buffer_c_str(page));
}

static void write_page(struct metrics *metrics, struct buffer *page)
{
    buffer_byte(page, '\n');
    metrics_write(metrics, NULL, NULL, page);
    assert_int_equal(buffer_error(page), 0);
}

static void counters_add_and_gauges_are_set(void **state)
{
    struct metrics *metrics = *state;
    struct metric *events =
        metrics_series(metrics, METRIC_COUNTER, "quanyu_events_total", "type=\"track\"", "Events accepted.");
    struct metric *queue =
        metrics_series(metrics, METRIC_GAUGE, "quanyu_queue_bytes", NULL, "Bytes waiting.");
    metric_add(events, 1);
    metric_add(events, 2.5);
    metric_set(queue, 7);
    metric_add(queue, -3);
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    write_page(metrics, &page);
    assert_line(&page, "# HELP quanyu_events_total Events accepted.");
    assert_line(&page, "# TYPE quanyu_events_total counter");
    assert_line(&page, "quanyu_events_total{type=\"track\"} 3.5");
    assert_line(&page, "# TYPE quanyu_queue_bytes gauge");
    assert_line(&page, "quanyu_queue_bytes 4");
}

static void series_is_found_again(void **state)
{
    struct metrics *metrics = *state;
    char labels[] = "code=\"200\"";
    struct metric *first = metrics_series(metrics, METRIC_COUNTER, "quanyu_apples_total", labels, "A.");
    labels[6] = '3';
    struct metric *other = metrics_series(metrics, METRIC_COUNTER, "quanyu_apples_total", labels, "A.");
    assert_ptr_not_equal(first, other);
    assert_ptr_equal(
        first, metrics_series(metrics, METRIC_COUNTER, "quanyu_apples_total", "code=\"200\"", "A."));
}

static void histogram_buckets_are_cumulative(void **state)
{
    struct metrics *metrics = *state;
    struct metric *time =
        metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_wait_seconds", "a=\"b\"", "Waiting.");
    metric_observe(time, 0.0001);
    metric_observe(time, 0.2);
    metric_observe(time, 61);
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    write_page(metrics, &page);
    assert_line(&page, "# TYPE quanyu_wait_seconds histogram");
    assert_line(&page, "quanyu_wait_seconds_bucket{a=\"b\",le=\"0.0001\"} 1");
    assert_line(&page, "quanyu_wait_seconds_bucket{a=\"b\",le=\"0.1\"} 1");
    assert_line(&page, "quanyu_wait_seconds_bucket{a=\"b\",le=\"0.25\"} 2");
    assert_line(&page, "quanyu_wait_seconds_bucket{a=\"b\",le=\"60\"} 2");
    assert_line(&page, "quanyu_wait_seconds_bucket{a=\"b\",le=\"+Inf\"} 3");
    assert_line(&page, "quanyu_wait_seconds_sum{a=\"b\"} 61.2001");
    assert_line(&page, "quanyu_wait_seconds_count{a=\"b\"} 3");
}

static void missing_series_is_ignored(void **state)
{
    (void)state;
    metric_add(NULL, 1);
    metric_set(NULL, 1);
    metric_observe(NULL, 1);
}

static void extra_samples(void *self, struct metrics_page *page)
{
    assert_string_equal(self, "self");
    char labels[32];
    for (int i = 0; i < 2; i++) {
        snprintf(labels, sizeof(labels), "feed=\"%d\"", i);
        page_metric(page, METRIC_GAUGE, "quanyu_lag_records", labels, "Records behind.", i * 1e9);
        page_metric(page, METRIC_COUNTER, "quanyu_births_total", labels, "B.", 1.0 / 3);
    }
}

static void series_of_a_name_stay_together(void **state)
{
    struct metrics *metrics = *state;
    metric_add(metrics_series(metrics, METRIC_COUNTER, "quanyu_births_total", NULL, "B."), 1);
    metric_add(metrics_series(metrics, METRIC_COUNTER, "quanyu_calls_total", NULL, "C."), 1);
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    metrics_write(metrics, extra_samples, "self", &page);
    const char *expected =
        "# HELP quanyu_births_total B.\n# TYPE quanyu_births_total counter\nquanyu_births_total 1\n"
        "quanyu_births_total{feed=\"0\"} 0.33333333333333331\n"
        "quanyu_births_total{feed=\"1\"} 0.33333333333333331\n"
        "# HELP quanyu_build_info ";
    const char *text = buffer_c_str(&page);
    assert_non_null(strstr(text, expected));
    assert_line(&page, "quanyu_lag_records{feed=\"1\"} 1000000000");
}

static void process_shows_itself(void **state)
{
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    write_page(*state, &page);
    assert_line(&page, "quanyu_build_info{service=\"gateway\",version=\"" QUANYU_VERSION "\"} 1");
    static const char *const names[] = {"process_cpu_seconds_total", "process_resident_memory_bytes",
        "process_virtual_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        _cleanup_(buffer_free) struct buffer start = BUFFER_INIT;
        buffer_printf(&start, "\n%s ", names[i]);
        const char *found = strstr(buffer_c_str(&page), buffer_c_str(&start));
        assert_non_null(found);
        if (strstr(names[i], "resident"))
            assert_true(strtod(found + start.size, NULL) > 1e5);
        if (strstr(names[i], "start_time"))
            assert_true(strtod(found + start.size, NULL) > 1.6e9);
    }
}

static void *count_many(void *self)
{
    struct metric **metrics = self;
    for (int i = 0; i < 20000; i++) {
        metric_add(metrics[0], 1);
        metric_observe(metrics[1], 0.5);
    }
    return NULL;
}

static void updates_from_many_threads_all_count(void **state)
{
    struct metrics *metrics = *state;
    struct metric *both[] = {metrics_series(metrics, METRIC_COUNTER, "quanyu_doors_total", NULL, "D."),
        metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_errand_seconds", NULL, "E.")};
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, both), 0);
    _cleanup_(buffer_free) struct buffer meanwhile = BUFFER_INIT;
    write_page(metrics, &meanwhile);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    write_page(metrics, &page);
    assert_line(&page, "quanyu_doors_total 80000");
    assert_line(&page, "quanyu_errand_seconds_count 80000");
    assert_line(&page, "quanyu_errand_seconds_sum 40000");
}

static void promtool_has_no_complaint(void **state)
{
    struct metrics *metrics = *state;
    if (system("command -v promtool >/dev/null") != 0)
        skip();
    metric_add(metrics_series(metrics, METRIC_COUNTER, "quanyu_falls_total", "a=\"x\"", "F."), 1);
    metric_observe(metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_game_seconds", "a=\"x\"", "G."), 1);
    metric_observe(metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_game_seconds", NULL, "G."), 1);
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    metrics_write(metrics, extra_samples, "self", &page);
    char path[] = "/tmp/metrics_test.XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, page.data, page.size), page.size);
    close(file);
    _cleanup_(buffer_free) struct buffer command = BUFFER_INIT;
    buffer_printf(&command, "promtool check metrics <%s 2>&1", path);
    FILE *pipe = popen(buffer_c_str(&command), "re");
    assert_non_null(pipe);
    char complaint[1024];
    complaint[fread(complaint, 1, sizeof(complaint) - 1, pipe)] = 0;
    int status = pclose(pipe);
    unlink(path);
    assert_string_equal(complaint, "");
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counters_add_and_gauges_are_set, open_metrics, close_metrics),
        cmocka_unit_test_setup_teardown(series_is_found_again, open_metrics, close_metrics),
        cmocka_unit_test_setup_teardown(histogram_buckets_are_cumulative, open_metrics, close_metrics),
        cmocka_unit_test(missing_series_is_ignored),
        cmocka_unit_test_setup_teardown(series_of_a_name_stay_together, open_metrics, close_metrics),
        cmocka_unit_test_setup_teardown(process_shows_itself, open_metrics, close_metrics),
        cmocka_unit_test_setup_teardown(updates_from_many_threads_all_count, open_metrics, close_metrics),
        cmocka_unit_test_setup_teardown(promtool_has_no_complaint, open_metrics, close_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
