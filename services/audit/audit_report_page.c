/* SPDX-License-Identifier: Apache-2.0 */
/* Reports for people: a page that can be printed, with charts drawn in it; nothing is loaded from elsewhere and nothing runs. */
#include "common/clock.h"
#include "services/audit/audit_report.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#define CHART_WIDTH 900u
#define CHART_HEIGHT 180u
#define BAR_ROWS_MAX 20u
#define BAR_HEIGHT 18u
#define BAR_LEFT 260u

static const char style[] =
    "body{font:14px/1.45 system-ui,sans-serif;color:#1b1f24;max-width:960px;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.6em;margin:0}h2{font-size:1.15em;margin:2em 0 .4em}p{margin:.3em 0;color:#57606a}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.25em .5em;border-bottom:1px solid #d8dee4}"
    "th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}thead th{border-bottom:2px solid "
    "#57606a}"
    "svg{width:100%;height:auto;margin:.5em 0}svg text{font:11px system-ui,sans-serif;fill:#57606a}"
    ".c0{fill:#2a6fb0}.c1{fill:#e08a2e}.c2{fill:#3f9a5f}.c3{fill:#b5485d}.c4{fill:#7a5aa6}.c5{fill:#3aa3a8}"
    ".c6{fill:#9b7b3c}.c7{fill:#8a94a0}.rest{fill:#c9d1d9}"
    "section{break-inside:avoid-page}@media "
    "print{body{margin:0;max-width:none}thead{display:table-header-group}}";

const char *audit_report_policy(struct arena *arena)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, (const uint8_t *)style, sizeof(style) - 1);
    sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    return arena_printf(arena,
        "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors "
        "'none'",
        text);
}

static void write_text(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            buffer_text(out, entity);
        else
            buffer_byte(out, (uint8_t)*text);
    }
}

static uint64_t cell(const struct report_table *table, size_t row, size_t column)
{
    return table->counts[row * table->column_count + column];
}

static uint64_t largest(const struct report_table *table, size_t rows)
{
    uint64_t most = 1;
    for (size_t row = 0; row < rows; row++)
        most = cell(table, row, 0) > most ? cell(table, row, 0) : most;
    return most;
}

/* -- days: a column each, parted by what it stands for -- */

/* Where records have several values, the parts may be more than the whole: each is cut to what is left. */
static void write_stack(
    struct buffer *out, const struct report_table *table, size_t row, double left, double width, double scale)
{
    double bottom = CHART_HEIGHT, room = (double)cell(table, row, 0) * scale;
    for (size_t column = 1; column < table->column_count && room > 0; column++) {
        double height = (double)cell(table, row, column) * scale;
        height = height < room ? height : room;
        if (height > 0)
            buffer_printf(out, "<rect class=\"c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                column - 1, left, bottom - height, width, height);
        bottom -= height;
        room -= height;
    }
    if (room > 0)
        buffer_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
            table->column_count > 1 ? "rest" : "c0", left, bottom - room, width, room);
}

static void write_days(struct buffer *out, const struct report_table *table)
{
    uint64_t most = largest(table, table->row_count);
    double step = (double)CHART_WIDTH / (double)table->row_count, scale = (double)CHART_HEIGHT / (double)most;
    size_t every = 1 + table->row_count / 10;
    buffer_printf(out, "<svg viewBox=\"0 -14 %u %u\" role=\"img\"><text x=\"0\" y=\"-3\">%" PRIu64 "</text>",
        CHART_WIDTH, CHART_HEIGHT + 34, most);
    for (size_t row = 0; row < table->row_count; row++) {
        write_stack(out, table, row, (double)row * step + step * 0.1, step * 0.8, scale);
        if (row % every == 0)
            buffer_printf(out, "<text x=\"%.1f\" y=\"%u\">%s</text>", (double)row * step, CHART_HEIGHT + 14,
                table->rows[row]);
    }
    buffer_text(out, "</svg>");
}

/* -- others: a bar each -- */

static void write_bars(struct buffer *out, const struct report_table *table)
{
    size_t rows = table->row_count < BAR_ROWS_MAX ? table->row_count : BAR_ROWS_MAX;
    double scale = (double)(CHART_WIDTH - BAR_LEFT - 90) / (double)largest(table, rows);
    buffer_printf(out, "<svg viewBox=\"0 0 %u %zu\" role=\"img\">", CHART_WIDTH, rows * BAR_HEIGHT);
    for (size_t row = 0; row < rows; row++) {
        double width = (double)cell(table, row, 0) * scale;
        size_t top = row * BAR_HEIGHT;
        buffer_printf(out, "<text x=\"%u\" y=\"%zu\" text-anchor=\"end\">", BAR_LEFT - 8, top + 13);
        write_text(out, table->rows[row]);
        buffer_printf(out,
            "</text><rect class=\"c0\" x=\"%u\" y=\"%zu\" width=\"%.1f\" height=\"%u\"/><text x=\"%.1f\" "
            "y=\"%zu\">%" PRIu64 "</text>",
            BAR_LEFT, top + 3, width, BAR_HEIGHT - 6, BAR_LEFT + width + 6, top + 13, cell(table, row, 0));
    }
    buffer_text(out, "</svg>");
}

/* -- the page -- */

static void write_legend(struct buffer *out, const struct report_table *table)
{
    if (table->column_count < 2)
        return;
    buffer_printf(out, "<svg viewBox=\"0 0 %u 16\" role=\"img\">", CHART_WIDTH);
    unsigned step = CHART_WIDTH / (unsigned)(table->column_count - 1);
    for (size_t column = 1; column < table->column_count; column++) {
        unsigned left = (unsigned)(column - 1) * step;
        buffer_printf(out,
            "<rect class=\"c%zu\" x=\"%u\" y=\"3\" width=\"10\" height=\"10\"/><text x=\"%u\" y=\"12\">",
            column - 1, left, left + 14);
        write_text(out, table->columns[column]);
        buffer_text(out, "</text>");
    }
    buffer_text(out, "</svg>");
}

static void write_rows(struct buffer *out, const struct report_table *table)
{
    buffer_printf(out, "<table><thead><tr><th>%s</th>", table->section->by);
    for (size_t column = 0; column < table->column_count; column++) {
        buffer_text(out, "<th>");
        write_text(out, table->columns[column]);
        buffer_text(out, "</th>");
    }
    buffer_text(out, "</tr></thead><tbody>");
    for (size_t row = 0; row < table->row_count; row++) {
        buffer_text(out, "<tr><td>");
        write_text(out, table->rows[row]);
        buffer_text(out, "</td>");
        for (size_t column = 0; column < table->column_count; column++)
            buffer_printf(out, "<td>%" PRIu64 "</td>", cell(table, row, column));
        buffer_text(out, "</tr>");
    }
    buffer_text(out, "</tbody></table>");
}

static void write_section(struct buffer *out, const struct report_table *table)
{
    bool days = strcmp(table->section->by, "day") == 0;
    buffer_printf(out, "<section><h2>%s</h2>", table->section->title);
    if (table->row_count == 0) {
        buffer_text(out, "<p>Nothing.</p></section>");
        return;
    }
    if (days) {
        write_days(out, table);
        write_legend(out, table);
    } else {
        write_bars(out, table);
    }
    write_rows(out, table);
    if (table->different > table->row_count)
        buffer_printf(out, "<p>%zu more with fewer records.</p>", table->different - table->row_count);
    buffer_text(out, "</section>");
}

/* What the report cannot count. */
static void write_pruned(struct buffer *out, const struct audit_report *report)
{
    char until[TIME_TEXT_BYTES];
    for (size_t i = 0; i < report->pruned->n_kinds; i++) {
        const Quanyu__AuditPruned__Kind *kind = report->pruned->kinds[i];
        if (kind->until_ms >= report->from_ms)
            buffer_printf(out, "<p>Of the kind %s, records up to %s were pruned: see record %" PRIu64 ".</p>",
                kind->name, time_format(kind->until_ms, until), kind->record);
    }
}

void audit_report_page(const struct audit_report *report, struct buffer *out)
{
    char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
    buffer_text(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    write_text(out, report->kind->title);
    buffer_printf(out, "</title><style>%s</style></head><body><h1>%s</h1><p>%s</p>", style,
        report->kind->title, report->kind->summary);
    buffer_printf(out, "<p>%s to %s, %" PRIu64 " records.</p>", time_format(report->from_ms, from),
        time_format(report->to_ms, to), report->total);
    write_pruned(out, report);
    for (size_t i = 0; i < report->table_count; i++)
        write_section(out, &report->tables[i]);
    buffer_text(out, "</body></html>\n");
}
