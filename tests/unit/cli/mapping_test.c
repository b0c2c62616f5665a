/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/mapping.h"
#include "tests/unit/common/scratch.h"

#include <yyjson.h>

struct fixture {
    struct mapping mapping;
    char error[300];
    struct buffer out;
    uint64_t bad_line;
};

static int open_text(void **state, struct fixture *fixture, const char *json)
{
    char path[512];
    *fixture = (struct fixture){.out = BUFFER_INIT};
    FILE *file = fopen(scratch_join(state, &path, "map.json"), "w");
    assert_non_null(file);
    assert_true(fputs(json, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return mapping_open(path, &fixture->mapping, fixture->error);
}

static void end(struct fixture *fixture)
{
    mapping_close(&fixture->mapping);
    buffer_free(&fixture->out);
}

/* Columns a, b, c, time; `members` of its one event besides the type. */
static void open_event(void **state, struct fixture *fixture, const char *members)
{
    char json[2000];
    snprintf(json, sizeof(json),
        "{\"format\":{\"header\":false,\"columns\":[\"a\",\"b\",\"c\",\"time\"]},\"time_zone\":\"Europe/"
        "London\","
        "\"group_by\":[\"a\"],\"events\":[{\"type\":\"page\"%s}]}",
        members);
    assert_int_equal(open_text(state, fixture, json), 0);
    assert_int_equal(mapping_set_columns(&fixture->mapping, NULL, fixture->error), 0);
}

static bool write_lines(struct fixture *fixture, char *(*rows)[4], size_t count)
{
    struct line lines[4];
    assert_true(count <= 4);
    for (size_t i = 0; i < count; i++)
        lines[i] = (struct line){.number = i + 10, .fields = rows[i]};
    buffer_clear(&fixture->out);
    return mapping_event(
        &fixture->mapping, lines, count, "id:10", &fixture->out, &fixture->bad_line, fixture->error);
}

static void expect_event(struct fixture *fixture, char *(*rows)[4], size_t count, const char *rest)
{
    char expected[1000];
    if (!write_lines(fixture, rows, count))
        fail_msg("%s", fixture->error);
    snprintf(expected, sizeof(expected), "{\"messageId\":\"id:10\",\"type\":\"page\"%s}", rest);
    assert_string_equal(buffer_c_str(&fixture->out), expected);
}

#define ROW(a, b, c, time)                                                                                   \
    {(char *)(uintptr_t)(a), (char *)(uintptr_t)(b), (char *)(uintptr_t)(c), (char *)(uintptr_t)(time)}

static void values_are_written_as_the_mapping_says(void **state)
{
    struct fixture fixture;
    open_event(state, &fixture,
        ",\"event\":\"Sold {b}\",\"user_id\":\"{a}\",\"anonymous_id\":{\"text\":\"x-{b}\",\"unless\":\"a\"},"
        "\"properties\":{\"n\":{\"column\":\"b\",\"as\":\"number\"},\"t\":{\"column\":\"b\"},"
        "\"yes\":{\"column\":\"c\",\"as\":\"boolean\"},\"v\":{\"value\":[1,{\"x\":null}]},\"k\":7}");
    char *known[][4] = {ROW("u1", "02.50", "Yes", "")};
    expect_event(&fixture, known, 1,
        ",\"event\":\"Sold 02.50\",\"userId\":\"u1\",\"properties\":{\"n\":2.5,\"t\":\"02.50\",\"yes\":true,"
        "\"v\":[1,{\"x\":null}],\"k\":7}");
    char *unknown[][4] = {ROW("", "-3.00", "", "")};
    expect_event(&fixture, unknown, 1,
        ",\"event\":\"Sold -3.00\",\"anonymousId\":\"x--3.00\",\"properties\":{\"n\":-3,\"t\":\"-3.00\","
        "\"v\":[1,{\"x\":null}],\"k\":7}");
    end(&fixture);
}

static void text_from_the_file_is_quoted(void **state)
{
    struct fixture fixture;
    open_event(state, &fixture, ",\"properties\":{\"t\":\"{b}{c}\"}");
    char *rows[][4] = {ROW("u", "\"9\" {a}\\", "\n\xc2\xa3", "")};
    expect_event(&fixture, rows, 1, ",\"properties\":{\"t\":\"\\\"9\\\" {a}\\\\\\u000a\xc2\xa3\"}");
    end(&fixture);
}

static void sums_are_exact_products_over_the_group(void **state)
{
    struct fixture fixture;
    open_event(state, &fixture,
        ",\"properties\":{\"total\":{\"sum\":[\"b\",\"c\"],\"absolute\":true},\"lines\":{\"count\":true},"
        "\"items\":{\"each\":{\"price\":{\"column\":\"c\",\"as\":\"number\"}}}}");
    char *rows[][4] = {ROW("i", "-3", "0.10", ""), ROW("i", "-1", "0.2", ""), ROW("i", "0", "5", "")};
    expect_event(&fixture, rows, 3,
        ",\"properties\":{\"total\":0.50,\"lines\":3,\"items\":[{\"price\":0.1},{\"price\":0.2},{\"price\":5}"
        "]}");
    char *finer[][4] = {ROW("i", "0.5", "0.0125", "")};
    assert_false(write_lines(&fixture, finer, 1));
    assert_non_null(strstr(fixture.error, "more than 2 decimal places"));
    assert_int_equal(fixture.out.size, 0);
    end(&fixture);
}

static void sums_that_are_too_large_are_refused(void **state)
{
    struct fixture fixture;
    open_event(state, &fixture, ",\"properties\":{\"total\":{\"sum\":[\"b\",\"c\",\"b\",\"c\"]}}");
    char *rows[][4] = {ROW("i", "900000000000000", "900000000000000", "")};
    assert_false(write_lines(&fixture, rows, 1));
    assert_non_null(strstr(fixture.error, "too large"));
    end(&fixture);
}

static void the_line_that_is_bad_is_named(void **state)
{
    struct fixture fixture;
    open_event(state, &fixture,
        ",\"properties\":{\"total\":{\"sum\":[\"b\"]}},\"time\":{\"column\":\"time\",\"format\":\"%Y\"}");
    char *number[][4] = {ROW("i", "1", "", "2020"), ROW("i", "one", "", "2020")};
    assert_false(write_lines(&fixture, number, 2));
    assert_int_equal(fixture.bad_line, 11);
    assert_string_equal(fixture.error, "column b: \"one\" is not a decimal number with at most 4 places");
    char *time[][4] = {ROW("i", "1", "", "2020"), ROW("i", "1", "", "2020"), ROW("i", "2", "", "soon")};
    assert_false(write_lines(&fixture, time, 3));
    assert_int_equal(fixture.bad_line, 12);
    assert_string_equal(fixture.error,
        "column time: \"soon\" is not a time in the mapping's format, or there is no such day");
    end(&fixture);
}

static void times_are_local_and_the_earliest_line_holds(void **state)
{
    struct fixture fixture;
    open_event(state, &fixture, ",\"time\":{\"column\":\"time\",\"format\":\"%Y-%m-%d %H:%M\"}");
    char *rows[][4] = {ROW("i", "", "", "2011-07-01 08:27"), ROW("i", "", "", "2011-07-01 08:26")};
    expect_event(&fixture, rows, 2, ",\"timestamp\":\"2011-07-01T07:26:00Z\"");
    char *trailing[][4] = {ROW("i", "", "", "2011-07-01 08:27 or so")};
    assert_false(write_lines(&fixture, trailing, 1));
    end(&fixture);
}

static void a_day_or_an_hour_that_there_is_not_is_bad(void **state)
{
    static const char *const times[] = {"2027-02-29 10:00", "26-02-28 10:00", "2027-02-30 10:00",
        "2027-04-31 10:00", "2100-02-29 00:00", "2027-00-10 10:00", "2027-13-10 10:00", "2027-02-00 10:00",
        "2027-02-10 24:00", "2027-02-10 10:60"};
    struct fixture fixture;
    open_event(state, &fixture, ",\"time\":{\"column\":\"time\",\"format\":\"%Y-%m-%d %H:%M\"}");
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char *rows[][4] = {ROW("i", "", "", times[i])};
        assert_false(write_lines(&fixture, rows, 1));
        assert_non_null(
            strstr(fixture.error, "is not a time in the mapping's format, or there is no such day"));
    }
    char *leap[][4] = {ROW("i", "", "", "2028-02-29 23:59")};
    expect_event(&fixture, leap, 1, ",\"timestamp\":\"2028-02-29T23:59:00Z\"");
    end(&fixture);
}

static bool skipped(struct fixture *fixture, const char *condition_column, const char *value)
{
    char *row[4] = ROW("", "", "", "");
    row[condition_column[0] - 'a'] = (char *)(uintptr_t)value;
    struct line line = {.number = 1, .fields = row};
    fixture->error[0] = 0;
    return mapping_skips(&fixture->mapping, &line, fixture->error) != NULL;
}

static void conditions_pick_lines(void **state)
{
    static const struct {
        const char *condition, *fits, *fits_not;
    } cases[] = {
        {"\"is\":\"x\"", "x", "xx"},
        {"\"is_not\":\"x\"", "xx", "x"},
        {"\"in\":[\"x\",\"y\"]", "y", "z"},
        {"\"starts_with\":\"C\"", "C12", "12C"},
        {"\"empty\":true", "", "x"},
        {"\"empty\":false", "x", ""},
        {"\"gt\":1.5", "1.5001", "1.5"},
        {"\"gte\":\"1.5\"", "1.50", "1.49"},
        {"\"lt\":0", "-0.01", "0"},
        {"\"lte\":0,\"is_not\":\"-5\"", "-4", "-5"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture fixture;
        char json[400];
        snprintf(json, sizeof(json),
            "{\"format\":{\"header\":false,\"columns\":[\"a\",\"b\",\"c\",\"time\"]},"
            "\"skip\":[{\"where\":[{\"column\":\"b\",%s}],\"reason\":\"r\"}],\"events\":[{\"type\":\"page\"}"
            "]}",
            cases[i].condition);
        assert_int_equal(open_text(state, &fixture, json), 0);
        assert_int_equal(mapping_set_columns(&fixture.mapping, NULL, fixture.error), 0);
        assert_true(skipped(&fixture, "b", cases[i].fits));
        assert_false(skipped(&fixture, "b", cases[i].fits_not));
        assert_string_equal(fixture.error, "");
        end(&fixture);
    }
}

static void a_line_that_cannot_be_compared_is_bad(void **state)
{
    struct fixture fixture;
    open_event(state, &fixture, ",\"where\":[{\"column\":\"b\",\"gt\":1}]");
    char *rows[][4] = {ROW("i", "many", "", "")};
    assert_false(write_lines(&fixture, rows, 1));
    assert_string_equal(fixture.error, "column b: \"many\" is not a decimal number");
    char *fits_none[][4] = {ROW("i", "0", "", "")};
    assert_false(write_lines(&fixture, fits_none, 1));
    assert_string_equal(fixture.error, "no event of the mapping fits this line");
    end(&fixture);
}

static void groups_are_told_apart_by_all_their_columns(void **state)
{
    struct fixture fixture;
    assert_int_equal(
        open_text(state, &fixture,
            "{\"format\":{\"header\":false,\"columns\":[\"a\",\"b\"]},\"group_by\":[\"a\",\"b\"],"
            "\"events\":[{\"type\":\"page\"}]}"),
        0);
    assert_int_equal(mapping_set_columns(&fixture.mapping, NULL, fixture.error), 0);
    char *rows[][4] = {ROW("x", "yz", "", ""), ROW("xy", "z", "", "")};
    struct buffer keys[2] = {BUFFER_INIT, BUFFER_INIT};
    for (size_t i = 0; i < 2; i++) {
        struct line line = {.number = 1, .fields = rows[i]};
        assert_true(mapping_group(&fixture.mapping, &line, &keys[i]));
    }
    assert_true(keys[0].size != keys[1].size || memcmp(keys[0].data, keys[1].data, keys[0].size) != 0);
    buffer_free(&keys[0]);
    buffer_free(&keys[1]);
    end(&fixture);
}

static void what_is_wrong_in_a_mapping_is_named_with_its_place(void **state)
{
    static const struct {
        const char *json, *error;
    } cases[] = {
        {"{}", "/events: must be a list that is not empty"},
        {"{\"events\":[]}", "/events: must be a list that is not empty"},
        {"{\"evnts\":[]}", "/evnts: there is no such member"},
        {"{\"events\":[{}]}", "/events/0: type is required: track, identify, page, screen or group"},
        {"{\"events\":[{\"type\":\"zz\"}]}",
            "/events/0/type: must be track, identify, page, screen or group"},
        {"{\"events\":[{\"type\":\"track\"}]}",
            "/events/0: event, the name of what was done, is required with the type track"},
        {"{\"events\":[{\"type\":\"group\"}]}", "/events/0: group_id is required with the type group"},
        {"{\"events\":[{\"type\":\"page\",\"time\":{\"column\":\"a\",\"format\":\"%Q\"}}]}",
            "/events/0/time/format: must be a format of strptime(3) with the year at least, such as %Y-%m-%d "
            "%H:%M"},
        {"{\"events\":[{\"type\":\"page\",\"time\":{\"column\":\"a\",\"format\":\"%H:%M\"}}]}",
            "/events/0/time/format: must be a format of strptime(3) with the year at least, such as %Y-%m-%d "
            "%H:%M"},
        {"{\"events\":[{\"type\":\"page\",\"time\":{\"column\":\"a\",\"format\":\"%FT%T%z\"}}]}",
            "/events/0/time/format: times are local, in the mapping's time_zone: %z, %Z and %s are not "
            "known"},
        {"{\"events\":[{\"type\":\"page\",\"user\":1}]}", "/events/0/user: there is no such member"},
        {"{\"events\":[{\"type\":\"page\",\"time\":{\"column\":\"a\"}}]}",
            "/events/0/time: must be {\"column\":…,\"format\":…}"},
        {"{\"events\":[{\"type\":\"page\",\"where\":[{\"column\":\"a\",\"equals\":\"x\"}]}]}",
            "/events/0/where/0/equals: there is no such member"},
        {"{\"events\":[{\"type\":\"page\",\"where\":[{\"column\":\"a\",\"gt\":\"x\"}]}]}",
            "/events/0/where/0/gt: must be a decimal number with at most 4 places"},
        {"{\"events\":[{\"type\":\"page\",\"where\":[{\"column\":\"a\",\"is\":5}]}]}",
            "/events/0/where/0/is: must be a text"},
        {"{\"events\":[{\"type\":\"page\",\"where\":[{\"is\":\"5\"}]}]}",
            "/events/0/where/0: must name a column and what holds of it"},
        {"{\"events\":[{\"type\":\"page\",\"properties\":{\"x\":{\"colum\":\"a\"}}}]}",
            "/events/0/properties/x: must have one of text, column, sum, count, each and value"},
        {"{\"events\":[{\"type\":\"page\",\"properties\":{\"x\":{\"column\":\"a\",\"as\":\"date\"}}}]}",
            "/events/0/properties/x: as must be number, boolean or text"},
        {"{\"events\":[{\"type\":\"page\",\"properties\":{\"x\":{\"sum\":[\"a\"],\"decimals\":10}}}]}",
            "/events/0/properties/x: decimals must be 0 to 9"},
        {"{\"events\":[{\"type\":\"page\",\"properties\":{\"x\":{\"sum\":[]}}}]}",
            "/events/0/properties/x: sum must be a list of one to 8 columns"},
        {"{\"events\":[{\"type\":\"page\",\"properties\":{\"x\":{\"each\":{\"y\":{\"text\":5}}}}}]}",
            "/events/0/properties/x/y: must be a text"},
        {"{\"skip\":[{\"where\":[]}],\"events\":[{\"type\":\"page\"}]}",
            "/skip/0: reason, a text, is required"},
        {"{\"skip\":[{\"reason\":\"r\"}],\"events\":[{\"type\":\"page\"}]}",
            "/skip/0/where: must be a list of conditions"},
        {"{\"format\":{\"separator\":\"ab\"},\"events\":[{\"type\":\"page\"}]}",
            "/format/separator: must be one character, or \"whitespace\""},
        {"{\"format\":{\"header\":false},\"events\":[{\"type\":\"page\"}]}",
            "/format/columns: must list the names where the file has no header"},
        {"{\"time_zone\":\"Mars/Olympus\",\"events\":[{\"type\":\"page\"}]}",
            "/time_zone: must be an IANA time zone, such as Asia/Shanghai"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture fixture;
        assert_int_equal(open_text(state, &fixture, cases[i].json), -1);
        assert_string_equal(fixture.error, cases[i].error);
        end(&fixture);
    }
}

static void columns_that_the_file_lacks_are_named(void **state)
{
    static const struct {
        const char *event, *error;
    } cases[] = {
        {"\"user_id\":\"{customer}\"", "/events/0/user_id: the file has no column \"customer\""},
        {"\"user_id\":\"{a\"", "/events/0/user_id: \"{a\": a placeholder has no end"},
        {"\"where\":[{\"column\":\"aa\",\"is\":\"x\"}]",
            "/events/0/where/0/column: the file has no column \"aa\""},
        {"\"properties\":{\"x\":{\"sum\":[\"a\",\"z\"]}}",
            "/events/0/properties/x/sum/1: the file has no column \"z\""},
        {"\"properties\":{\"x\":{\"text\":\"{a}\",\"unless\":\"q\"}}",
            "/events/0/properties/x/unless: the file has no column \"q\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture fixture;
        char json[300];
        snprintf(json, sizeof(json),
            "{\"format\":{\"header\":false,\"columns\":[\"a\"]},\"events\":[{\"type\":\"page\",%s}]}",
            cases[i].event);
        assert_int_equal(open_text(state, &fixture, json), 0);
        assert_int_equal(mapping_set_columns(&fixture.mapping, NULL, fixture.error), -1);
        assert_string_equal(fixture.error, cases[i].error);
        end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(values_are_written_as_the_mapping_says),
        scratch_test(text_from_the_file_is_quoted),
        scratch_test(sums_are_exact_products_over_the_group),
        scratch_test(sums_that_are_too_large_are_refused),
        scratch_test(the_line_that_is_bad_is_named),
        scratch_test(times_are_local_and_the_earliest_line_holds),
        scratch_test(a_day_or_an_hour_that_there_is_not_is_bad),
        scratch_test(conditions_pick_lines),
        scratch_test(a_line_that_cannot_be_compared_is_bad),
        scratch_test(groups_are_told_apart_by_all_their_columns),
        scratch_test(what_is_wrong_in_a_mapping_is_named_with_its_place),
        scratch_test(columns_that_the_file_lacks_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
