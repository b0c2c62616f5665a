/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file: the first one picks the separator, the second the encoding. What is read is UTF-8,
 * within its limits, and reading ends. */
#include "common/csv.h"
#include "common/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

static void check_text(const char *text)
{
    struct buffer quoted = BUFFER_INIT;
    buffer_json_string(&quoted, text, strlen(text));
    yyjson_doc *doc = yyjson_read((const char *)quoted.data, quoted.size, 0);
    check(doc && yyjson_equals_str(yyjson_doc_get_root(doc), text)); /* nothing had to be replaced */
    yyjson_doc_free(doc);
    buffer_free(&quoted);
}

static void check_record(const struct csv *csv, uint64_t former_line)
{
    check(csv->count > 0 && csv->count <= CSV_COLUMNS_MAX && csv->line > former_line);
    check(csv->text.size <= CSV_RECORD_BYTES_MAX + CSV_COLUMNS_MAX + 1);
    for (size_t i = 0; !csv->error && i < csv->count; i++)
        check_text(csv_field(csv, i));
    check(*csv_field(csv, csv->count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char separators[] = {0, ',', ';', '\t', '|'};
    struct csv csv;
    uint64_t line = 0;
    if (size < 3)
        return 0;
    FILE *file = fmemopen((void *)(uintptr_t)(data + 2), size - 2, "rb");
    check(file != NULL);
    csv_open(&csv, file, separators[data[0] % sizeof(separators)], data[1] % 2 ? CSV_LATIN1 : CSV_UTF8);
    while (csv_next(&csv)) {
        check_record(&csv, line);
        line = csv.line;
    }
    check(csv.bytes_read == size - 2);
    csv_close(&csv);
    (void)fclose(file);
    return 0;
}
