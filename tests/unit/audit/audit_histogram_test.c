/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/logbook.h"

#include "services/audit/audit_histogram.h"

#include <time.h>

static struct audit_histogram histogram_of(
    const struct question *question, const char *by, const char *zone_name, unsigned top)
{
    struct audit_grouping grouping = {.top = top};
    struct audit_zone zone;
    struct audit_histogram histogram;
    struct audit_filter filter = filter_of(question);
    struct audit_view view;
    struct store_txn *txn = runtime_read(filled);
    uint64_t count;
    assert_true(audit_grouping_find(by, &grouping));
    assert_true(audit_zone_find(zone_name, filled->arena, &zone));
    audit_view_open(&filled->audit.tails, txn, &view);
    assert_int_equal(audit_filter_resolve(&filter, &view, filled->arena), 0);
    assert_int_equal(audit_histogram(&view, &filter, &grouping, &zone, filled->arena, &histogram), 0);
    assert_int_equal(audit_count(&view, &filter, &count), 0);
    assert_int_equal(count, histogram.total);
    audit_view_close(&view);
    store_abort(&txn);
    return histogram;
}

static void assert_sorted(const struct audit_histogram *histogram)
{
    for (size_t i = 1; i < histogram->count; i++)
        assert_true(histogram->groups[i - 1].count >= histogram->groups[i].count);
}

static uint64_t count_of(const struct audit_histogram *histogram, const char *value)
{
    for (size_t i = 0; i < histogram->count; i++)
        if (strcmp(histogram->groups[i].value, value) == 0)
            return histogram->groups[i].count;
    return 0;
}

static void test_what_records_bear_is_counted_as_a_look_at_every_record_counts(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        struct question question = random_question();
        unsigned t = (unsigned)random() % (PURPOSE); /* texts that are not cut */
        uint64_t counts[64] = {0}, total = 0;
        size_t different = 0;
        arena_reset(filled->arena);
        for (unsigned i = 0; i < LOG_RECORDS; i++)
            if (known_fits(&question, &known[i])) {
                counts[known[i].traits[t]]++;
                total++;
            }
        struct audit_histogram histogram = histogram_of(&question, trait_names[t], "UTC", 1000);
        assert_int_equal(histogram.total, total);
        assert_sorted(&histogram);
        for (unsigned value = 1; value <= trait_values[t]; value++) {
            char text[600];
            assert_int_equal(count_of(&histogram, trait_text(t, value, text)), counts[value]);
            different += counts[value] > 0;
        }
        assert_int_equal(histogram.different, different);
        assert_int_equal(histogram.count, different);
    }
}

static void test_a_record_with_several_values_counts_with_each_and_top_cuts_the_rest_off(void **state)
{
    (void)state;
    struct question question = {.unmasked = -1};
    uint64_t counts[COUNT_OF(field_texts)] = {0};
    arena_reset(filled->arena);
    for (unsigned i = 0; i < LOG_RECORDS; i++)
        for (unsigned f = 0; f < COUNT_OF(field_texts); f++)
            counts[f] += known[i].fields >> f & 1;
    struct audit_histogram histogram = histogram_of(&question, "field", "UTC", 0);
    for (unsigned f = 0; f < COUNT_OF(field_texts); f++)
        assert_int_equal(count_of(&histogram, field_texts[f]), counts[f]);
    histogram = histogram_of(&question, "field", "UTC", 2);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram.different, COUNT_OF(field_texts));
    assert_int_equal(histogram.total, LOG_RECORDS);
}

/* The C library's own idea of a day, in a zone with summer time. */
static void local_label(int64_t ms, const char *format, char text[24])
{
    time_t seconds = ms / 1000;
    struct tm local;
    assert_non_null(localtime_r(&seconds, &local));
    strftime(text, 24, format, &local);
}

static void assert_times(
    const struct question *question, const char *by, const char *format, const char *zone)
{
    static char labels[LOG_RECORDS][24];
    size_t fitting = 0, at = 0;
    setenv("TZ", zone, 1);
    tzset();
    for (unsigned i = 0; i < LOG_RECORDS; i++)
        if (known_fits(question, &known[i]))
            local_label(known[i].time_ms, format, labels[fitting++]);
    arena_reset(filled->arena);
    struct audit_histogram histogram = histogram_of(question, by, zone, 0);
    assert_int_equal(histogram.total, fitting);
    for (size_t g = 0; g < histogram.count; g++) {
        const struct audit_group *group = &histogram.groups[g];
        for (uint64_t n = 0; n < group->count; n++)
            assert_string_equal(labels[at++], group->value);
        if (g > 0)
            assert_true(group->start_ms > histogram.groups[g - 1].start_ms);
    }
    assert_int_equal(at, fitting);
}

static void test_hours_days_and_months_are_the_zones_own(void **state)
{
    (void)state;
    static const char *const zones[] = {
        "UTC", "Asia/Shanghai", "Europe/London", "America/New_York", "Asia/Kathmandu"};
    for (unsigned i = 0; i < COUNT_OF(zones); i++) {
        struct question question = random_question();
        assert_times(&question, "hour", "%Y-%m-%dT%H", zones[i]);
        assert_times(&question, "day", "%Y-%m-%d", zones[i]);
        assert_times(&question, "month", "%Y-%m", zones[i]);
    }
    unsetenv("TZ");
    tzset();
}

static void test_the_last_day_of_summer_time_has_25_hours(void **state)
{
    (void)state;
    struct audit_zone zone;
    struct arena *arena = filled->arena;
    int64_t day, next;
    char label[ZONE_LABEL_BYTES];
    assert_true(audit_zone_find("Europe/London", arena, &zone));
    assert_true(audit_zone_date(&zone, "2026-10-25", &day));
    next = audit_zone_next(&zone, ZONE_DAY, day);
    assert_int_equal(next - day, INT64_C(25) * 3600000);
    assert_string_equal(audit_zone_label(&zone, ZONE_DAY, next, label), "2026-10-26");
    assert_true(audit_zone_find("+08:00", arena, &zone));
    assert_true(audit_zone_date(&zone, "2026-03-01", &day));
    assert_int_equal(day, INT64_C(1772294400000));
    assert_int_equal(audit_zone_floor(&zone, ZONE_MONTH, day + 5), day);
    static const char *const wrong[] = {
        "", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "+8", "+24:00", "+08:60"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(audit_zone_find(wrong[i], arena, &zone));
    assert_false(audit_zone_date(&zone, "2026-02-30", &day));
}

static void test_too_many_hours_are_refused(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_open("simulated");
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT, *records[] = {&record};
    actor.id = (char *)"st_1";
    record.actor = &actor;
    record.action = (char *)"person.show";
    struct audit_filter filter = {0};
    struct audit_grouping grouping = {0};
    struct audit_zone zone = {.fixed = true};
    struct audit_histogram histogram;
    struct audit_view view;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(runtime_append(runtime, records, 1, NULL), 0);
        runtime->now_ms += (int64_t)TIMES_MAX * 3600000;
    }
    struct store_txn *txn = runtime_read(runtime);
    audit_view_open(&runtime->audit.tails, txn, &view);
    assert_true(audit_grouping_find("hour", &grouping));
    assert_int_equal(
        audit_histogram(&view, &filter, &grouping, &zone, runtime->arena, &histogram), -QY_ETOOLARGE);
    assert_true(audit_grouping_find("month", &grouping));
    assert_int_equal(audit_histogram(&view, &filter, &grouping, &zone, runtime->arena, &histogram), 0);
    assert_int_equal(histogram.total, 2);
    assert_int_equal(histogram.count, 14);
    audit_view_close(&view);
    store_abort(&txn);
    runtime_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_records_bear_is_counted_as_a_look_at_every_record_counts),
        cmocka_unit_test(test_a_record_with_several_values_counts_with_each_and_top_cuts_the_rest_off),
        cmocka_unit_test(test_hours_days_and_months_are_the_zones_own),
        cmocka_unit_test(test_the_last_day_of_summer_time_has_25_hours),
        cmocka_unit_test(test_too_many_hours_are_refused),
    };
    draw_seed();
    return cmocka_run_group_tests(tests, log_fill, log_empty);
}
