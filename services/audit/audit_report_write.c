/* SPDX-License-Identifier: Apache-2.0 */
/* Reports for programs: JSON and CSV. */
#include "common/json.h"
#include "services/audit/audit_report.h"

#include <inttypes.h>
#include <string.h>

static void write_table(struct json *json, const struct report_table *table)
{
    json_open(json, '{');
    json_field_text(json, "title", table->section->title);
    json_field_text(json, "by", table->section->by);
    json_field_optional(json, "across", table->section->across);
    json_field_unsigned(json, "different", table->different);
    json_name(json, "columns");
    json_open(json, '[');
    for (size_t i = 0; i < table->column_count; i++)
        json_text(json, table->columns[i]);
    json_close(json, ']');
    json_name(json, "rows");
    json_open(json, '[');
    for (size_t row = 0; row < table->row_count; row++) {
        json_open(json, '{');
        json_field_text(json, "value", table->rows[row]);
        json_name(json, "counts");
        json_open(json, '[');
        for (size_t i = 0; i < table->column_count; i++)
            json_unsigned(json, table->counts[row * table->column_count + i]);
        json_close(json, ']');
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

void audit_report_json(const struct audit_report *report, struct buffer *out)
{
    struct json json = json_to(out);
    json_open(&json, '{');
    json_field_text(&json, "report", report->kind->name);
    json_field_text(&json, "title", report->kind->title);
    json_field_time(&json, "from", report->from_ms);
    json_field_time(&json, "to", report->to_ms);
    json_field_unsigned(&json, "total", report->total);
    retention_write_pruned(&json, report->pruned, report->from_ms);
    json_name(&json, "sections");
    json_open(&json, '[');
    for (size_t i = 0; i < report->table_count; i++)
        write_table(&json, &report->tables[i]);
    json_close(&json, ']');
    json_close(&json, '}');
}

/* RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe, which it takes for a text. */
static void write_cell(struct buffer *out, const char *text)
{
    buffer_byte(out, '"');
    if (*text && strchr("=+-@\t\r", *text))
        buffer_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '"')
            buffer_byte(out, '"');
        buffer_byte(out, (uint8_t)*text);
    }
    buffer_byte(out, '"');
}

void audit_report_csv(const struct audit_report *report, struct buffer *out)
{
    buffer_text(out, "section,by,value,across,column,count\r\n");
    for (size_t t = 0; t < report->table_count; t++) {
        const struct report_table *table = &report->tables[t];
        for (size_t cell = 0; cell < table->row_count * table->column_count; cell++) {
            const char *across = table->section->across;
            write_cell(out, table->section->title);
            buffer_printf(out, ",%s,", table->section->by);
            write_cell(out, table->rows[cell / table->column_count]);
            buffer_printf(out, ",%s,", across && cell % table->column_count ? across : "");
            write_cell(out, table->columns[cell % table->column_count]);
            buffer_printf(out, ",%" PRIu64 "\r\n", table->counts[cell]);
        }
    }
}
