/* SPDX-License-Identifier: Apache-2.0 */
#include "common/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct reading {
    FILE *file;
    struct csv csv;
};

static struct reading read_bytes(const void *data, size_t size, char separator, enum csv_encoding encoding)
{
    struct reading reading = {.file = tmpfile()};
    assert_non_null(reading.file);
    assert_int_equal(fwrite(data, 1, size, reading.file), size);
    rewind(reading.file);
    csv_open(&reading.csv, reading.file, separator, encoding);
    return reading;
}

static struct reading read_text(const char *text)
{
    return read_bytes(text, strlen(text), ',', CSV_UTF8);
}

static void end(struct reading *reading)
{
    csv_close(&reading->csv);
    assert_int_equal(fclose(reading->file), 0);
}

static void expect(struct csv *csv, uint64_t line, size_t count, const char *const *fields)
{
    assert_true(csv_next(csv));
    assert_null(csv->error);
    assert_int_equal(csv->line, line);
    assert_int_equal(csv->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(csv_field(csv, i), fields[i]);
}

#define EXPECT(csv, line, ...)                                                                               \
    expect(csv, line, COUNT_OF(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__})

static void expect_error(struct csv *csv, uint64_t line, const char *error)
{
    assert_true(csv_next(csv));
    assert_int_equal(csv->line, line);
    assert_non_null(csv->error);
    assert_string_equal(csv->error, error);
}

static void fields_are_parted_by_the_separator(void **state)
{
    (void)state;
    struct reading reading = read_text("a,b,c\n,,\nlast,,\"\"");
    EXPECT(&reading.csv, 1, "a", "b", "c");
    EXPECT(&reading.csv, 2, "", "", "");
    EXPECT(&reading.csv, 3, "last", "", "");
    assert_string_equal(csv_field(&reading.csv, 3), "");
    assert_false(csv_next(&reading.csv));
    assert_false(csv_next(&reading.csv));
    end(&reading);
}

static void quotes_hold_separators_quotes_and_line_breaks(void **state)
{
    (void)state;
    struct reading reading = read_text("\"a,b\",\"say \"\"hi\"\"\"\n\"two\nlines\",x\nnext,9\" wide\n");
    EXPECT(&reading.csv, 1, "a,b", "say \"hi\"");
    EXPECT(&reading.csv, 2, "two\nlines", "x");
    EXPECT(&reading.csv, 4, "next", "9\" wide");
    assert_false(csv_next(&reading.csv));
    end(&reading);
}

static void line_ends_of_any_kind_are_no_text(void **state)
{
    (void)state;
    struct reading reading = read_text("a,b\r\n\"c\",\"d\"\r\n\r\n\ne,f\rg\n");
    EXPECT(&reading.csv, 1, "a", "b");
    EXPECT(&reading.csv, 2, "c", "d");
    EXPECT(&reading.csv, 5, "e", "f\rg");
    assert_false(csv_next(&reading.csv));
    end(&reading);
}

static void white_space_parts_columns(void **state)
{
    (void)state;
    static const char text[] = " 00001 19970101  1   11.77\r\n\t00002\t19970112  \r\n   \r\n00003";
    struct reading reading = read_bytes(text, strlen(text), 0, CSV_UTF8);
    EXPECT(&reading.csv, 1, "00001", "19970101", "1", "11.77");
    EXPECT(&reading.csv, 2, "00002", "19970112");
    EXPECT(&reading.csv, 4, "00003");
    assert_false(csv_next(&reading.csv));
    end(&reading);
}

static void malformed_records_are_named_and_the_next_one_is_read(void **state)
{
    (void)state;
    struct reading reading = read_text("\"a\"b,c\nx,\xc3\x28\nfine,1\n\xff\n\"ab\ncd\n");
    expect_error(&reading.csv, 1, "text behind a closing quote");
    expect_error(&reading.csv, 2, "not UTF-8");
    EXPECT(&reading.csv, 3, "fine", "1");
    expect_error(&reading.csv, 4, "not UTF-8");
    expect_error(&reading.csv, 5, "a quoted field has no end");
    EXPECT(&reading.csv, 6, "cd");
    assert_false(csv_next(&reading.csv));
    end(&reading);
}

static void a_quote_without_end_takes_no_line_but_its_own(void **state)
{
    (void)state;
    struct reading reading = read_text("a,\"b\nc,d\ne,\"f\"\n\"g\nh\",\"i\nj,\"\"\n\"k\n");
    expect_error(&reading.csv, 1, "text behind a closing quote"); /* f's, which closes b's */
    EXPECT(&reading.csv, 2, "c", "d");
    EXPECT(&reading.csv, 3, "e", "f");
    expect_error(&reading.csv, 4, "text behind a closing quote"); /* k's, which closes i's */
    expect_error(&reading.csv, 5, "text behind a closing quote");
    EXPECT(&reading.csv, 6, "j", "");
    expect_error(&reading.csv, 7, "a quoted field has no end");
    assert_false(csv_next(&reading.csv));
    end(&reading);
}

static void a_quoted_field_has_a_limit(void **state)
{
    (void)state;
    static const char error[] = "a quoted field has no end within 1,000 lines and 1 MiB";
    struct buffer text = BUFFER_INIT;
    for (int field = 0; field < 2; field++) { /* of as many lines as are allowed, and of one more */
        buffer_byte(&text, '"');
        for (int i = 0; i < CSV_QUOTED_LINES_MAX - 1 + field; i++)
            buffer_text(&text, "x\n");
        buffer_text(&text, field == 0 ? "\",end\n" : "");
    }
    buffer_text(&text, "\"");
    for (size_t i = 0; i < CSV_RECORD_BYTES_MAX; i++)
        buffer_byte(&text, 'y');
    buffer_text(&text, "\nlast\n");
    struct reading reading = read_bytes(text.data, text.size, ',', CSV_UTF8);
    assert_true(csv_next(&reading.csv));
    assert_null(reading.csv.error);
    assert_string_equal(csv_field(&reading.csv, 1), "end");
    expect_error(&reading.csv, CSV_QUOTED_LINES_MAX + 1, error);
    for (uint64_t line = 2; line <= CSV_QUOTED_LINES_MAX; line++)
        EXPECT(&reading.csv, CSV_QUOTED_LINES_MAX + line, "x");
    expect_error(&reading.csv, 2 * CSV_QUOTED_LINES_MAX + 1, error);
    EXPECT(&reading.csv, 2 * CSV_QUOTED_LINES_MAX + 2, "last");
    assert_false(csv_next(&reading.csv));
    assert_int_equal(reading.csv.bytes_read, text.size);
    end(&reading);
    buffer_free(&text);
}

static void utf8_is_checked_to_the_letter(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
    } cases[] = {{"\xc2\xa3", true}, {"\xe4\xb8\x8a\xe6\xb5\xb7", true}, {"\xf0\x9f\x8d\xb5", true},
        {"\xc0\x80", false}, {"\xe0\x80\x80", false}, {"\xed\xa0\x80", false}, {"\xf4\x90\x80\x80", false},
        {"\xe4\xb8", false}, {"\x80", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading reading = read_text(cases[i].text);
        assert_true(csv_next(&reading.csv));
        assert_int_equal(reading.csv.error == NULL, cases[i].fits);
        end(&reading);
    }
}

static void latin_1_becomes_utf8(void **state)
{
    (void)state;
    struct reading reading = read_bytes("\xa3,\xfc\n", 4, ',', CSV_LATIN1);
    EXPECT(&reading.csv, 1, "\xc2\xa3", "\xc3\xbc");
    end(&reading);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    (void)state;
    struct reading reading = read_text("\xef\xbb\xbfid,name\n");
    EXPECT(&reading.csv, 1, "id", "name");
    end(&reading);
}

static void what_is_too_much_is_refused_and_reading_goes_on(void **state)
{
    (void)state;
    struct buffer text = BUFFER_INIT;
    for (size_t i = 0; i <= CSV_RECORD_BYTES_MAX; i++)
        buffer_byte(&text, 'x');
    buffer_byte(&text, '\n');
    for (size_t i = 0; i < CSV_COLUMNS_MAX; i++)
        buffer_byte(&text, ',');
    buffer_append(&text, "\na\0b\nfine\n", 10);
    struct reading reading = read_bytes(text.data, text.size, ',', CSV_UTF8);
    expect_error(&reading.csv, 1, "the record is longer than 1 MiB");
    expect_error(&reading.csv, 2, "more than 512 columns");
    expect_error(&reading.csv, 3, "a NUL character");
    EXPECT(&reading.csv, 4, "fine");
    assert_int_equal(reading.csv.bytes_read, text.size);
    end(&reading);
    buffer_free(&text);
}

static void an_empty_file_has_no_records(void **state)
{
    (void)state;
    struct reading reading = read_text("");
    assert_false(csv_next(&reading.csv));
    end(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_parted_by_the_separator),
        cmocka_unit_test(quotes_hold_separators_quotes_and_line_breaks),
        cmocka_unit_test(line_ends_of_any_kind_are_no_text),
        cmocka_unit_test(white_space_parts_columns),
        cmocka_unit_test(malformed_records_are_named_and_the_next_one_is_read),
        cmocka_unit_test(a_quote_without_end_takes_no_line_but_its_own),
        cmocka_unit_test(a_quoted_field_has_a_limit),
        cmocka_unit_test(utf8_is_checked_to_the_letter),
        cmocka_unit_test(latin_1_becomes_utf8),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(what_is_too_much_is_refused_and_reading_goes_on),
        cmocka_unit_test(an_empty_file_has_no_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
