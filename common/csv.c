/* SPDX-License-Identifier: Apache-2.0 */
#include "common/csv.h"

#include <string.h>

void csv_open(struct csv *csv, FILE *file, char separator, enum csv_encoding encoding)
{
    *csv = (struct csv){.file = file, .separator = separator, .encoding = encoding};
}

void csv_close(struct csv *csv)
{
    buffer_free(&csv->text);
}

static int get(struct csv *csv)
{
    int c = getc_unlocked(csv->file);
    if (c != EOF)
        csv->bytes_read++;
    if (c == '\n')
        csv->lines_read++;
    if (c == '\n' && !csv->second_line)
        csv->second_line = csv->bytes_read;
    return c;
}

static int peek(struct csv *csv)
{
    int c = getc_unlocked(csv->file);
    if (c != EOF)
        ungetc(c, csv->file);
    return c;
}

static void put(struct csv *csv, int c)
{
    if (csv->text.size >= CSV_RECORD_BYTES_MAX) {
        csv->error = "the record is longer than 1 MiB";
    } else if (csv->encoding == CSV_LATIN1 && c >= 0x80) {
        buffer_byte(&csv->text, (uint8_t)(0xc0 | c >> 6));
        buffer_byte(&csv->text, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c == 0) {
        csv->error = "a NUL character";
    } else {
        buffer_byte(&csv->text, (uint8_t)c);
    }
}

static void begin_field(struct csv *csv)
{
    if (csv->count == CSV_COLUMNS_MAX)
        csv->error = "more than 512 columns";
    else
        csv->starts[csv->count++] = csv->text.size;
}

static void end_field(struct csv *csv)
{
    buffer_byte(&csv->text, 0);
}

/* Bytes of the character that begins here, 0 when it is not well-formed; a NUL stands behind the text. */
static size_t character_size(const uint8_t *text)
{
    uint8_t lead = text[0];
    if (lead < 0x80)
        return 1;
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0xc2 || lead > 0xf4 || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

static void check_utf8(struct csv *csv)
{
    for (size_t i = 0, size; !csv->error && i < csv->text.size; i += size) {
        size = character_size(csv->text.data + i);
        if (size == 0)
            csv->error = "not UTF-8";
    }
}

static int misquoted(struct csv *csv, const char *error)
{
    csv->error = error;
    csv->misquoted = true;
    return EOF;
}

/* After the opening quote; yields what follows the closing one. EOF ends the record, too. */
static int quoted_field(struct csv *csv)
{
    uint64_t last_line = csv->lines_read + CSV_QUOTED_LINES_MAX,
             last_byte = csv->bytes_read + CSV_RECORD_BYTES_MAX;
    for (;;) {
        int c = get(csv);
        if (c == EOF)
            return misquoted(csv, "a quoted field has no end");
        if (csv->lines_read >= last_line || csv->bytes_read > last_byte)
            return misquoted(csv, "a quoted field has no end within 1,000 lines and 1 MiB");
        if (c != '"') {
            put(csv, c);
            continue;
        }
        if (peek(csv) != '"')
            return get(csv);
        put(csv, get(csv));
    }
}

/* Fields until the end of the line; `c` is the first character. */
static void separated_record(struct csv *csv, int c)
{
    for (;;) {
        begin_field(csv);
        if (c == '"') {
            c = quoted_field(csv);
            if (c == '\r' && peek(csv) == '\n')
                c = get(csv);
            if (c != EOF && c != '\n' && c != (unsigned char)csv->separator) {
                csv->error = "text behind a closing quote";
                csv->misquoted = csv->second_line != 0;
            }
        }
        for (; c != EOF && c != '\n' && c != (unsigned char)csv->separator; c = get(csv))
            if (c != '\r' || peek(csv) != '\n')
                put(csv, c);
        end_field(csv);
        if (c == EOF || c == '\n')
            return;
        c = get(csv);
    }
}

static void spaced_record(struct csv *csv, int c)
{
    bool inside = false;
    for (; c != EOF && c != '\n'; c = get(csv)) {
        bool space = c == ' ' || c == '\t' || c == '\r';
        if (!space && !inside)
            begin_field(csv);
        if (space && inside)
            end_field(csv);
        if (!space)
            put(csv, c);
        inside = !space;
    }
    if (inside)
        end_field(csv);
}

static void skip_byte_order_mark(struct csv *csv)
{
    if (csv->bytes_read == 0 && csv->encoding == CSV_UTF8 && peek(csv) == 0xef) {
        (void)get(csv);
        bool marked = get(csv) == 0xbb;
        marked = marked && get(csv) == 0xbf;
        if (!marked)
            csv->error = "not UTF-8";
    }
}

/* One quote that is missing or too many must not take the lines behind it along. */
static void return_to_second_line(struct csv *csv)
{
    if (csv->second_line && fseeko(csv->file, (off_t)csv->second_line, SEEK_SET) == 0) {
        csv->bytes_read = csv->second_line;
        csv->lines_read = csv->line;
    }
}

bool csv_next(struct csv *csv)
{
    csv->error = NULL;
    skip_byte_order_mark(csv);
    for (;;) {
        csv->line = csv->lines_read + 1;
        csv->count = 0;
        csv->second_line = 0;
        csv->misquoted = false;
        buffer_clear(&csv->text);
        int c = get(csv);
        if (c == EOF)
            return false;
        if (c == '\r' && peek(csv) == '\n')
            c = get(csv);
        if (c == '\n')
            continue;
        if (csv->separator)
            separated_record(csv, c);
        else
            spaced_record(csv, c);
        if (buffer_error(&csv->text))
            csv->error = "out of memory";
        check_utf8(csv);
        if (csv->misquoted)
            return_to_second_line(csv);
        if (csv->count > 0)
            return true;
    }
}

const char *csv_field(const struct csv *csv, size_t column)
{
    return column < csv->count ? (const char *)csv->text.data + csv->starts[column] : "";
}
