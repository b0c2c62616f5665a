/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an import: a mapping, a NUL, and the file that it is for. Errors say what is wrong, and what
 * comes out is JSON. */
#include "services/cli/import_groups.h"
#include "services/cli/mapping.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINES_MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

static void write_event(const struct mapping *mapping, const struct line *line)
{
    char error[300] = "";
    struct buffer out = BUFFER_INIT, key = BUFFER_INIT;
    uint64_t bad = 0;
    const char *reason = mapping_skips(mapping, line, error);
    (void)mapping_group(mapping, line, &key);
    if (!reason && !*error && mapping_event(mapping, line, 1, "id-1", &out, &bad, error)) {
        yyjson_doc *doc = yyjson_read((char *)out.data, out.size, YYJSON_READ_NUMBER_AS_RAW);
        check(yyjson_is_obj(yyjson_doc_get_root(doc)));
        yyjson_doc_free(doc);
    } else {
        check(reason || *error);
    }
    buffer_free(&key);
    buffer_free(&out);
}

static void read_lines(struct mapping *mapping, struct csv *csv)
{
    char error[300] = "";
    char *fields[CSV_COLUMNS_MAX];
    if (mapping->header && !csv_next(csv))
        return;
    if (mapping_set_columns(mapping, mapping->header ? csv : NULL, error)) {
        check(*error);
        return;
    }
    for (int i = 0; i < LINES_MOST && csv_next(csv); i++) {
        if (csv->error)
            continue;
        for (size_t column = 0; column < mapping->name_count; column++)
            fields[column] = (char *)(uintptr_t)csv_field(csv, column);
        write_event(mapping, &(struct line){.number = csv->line, .fields = fields});
    }
}

static void import(const char *path, const uint8_t *data, size_t size)
{
    char error[300] = "";
    struct mapping mapping;
    if (mapping_open(path, &mapping, error)) {
        check(*error);
        return;
    }
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "rb");
    check(file != NULL);
    struct csv csv;
    csv_open(&csv, file, mapping.separator, mapping.encoding);
    read_lines(&mapping, &csv);
    csv_close(&csv);
    (void)fclose(file);
    mapping_close(&mapping);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    static char path[64];
    if (descriptor < 0) {
        descriptor = memfd_create("mapping", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    }
    const uint8_t *border = size ? memchr(data, 0, size) : NULL;
    if (!border || border + 1 >= data + size)
        return 0;
    check(ftruncate(descriptor, 0) == 0);
    check(pwrite(descriptor, data, (size_t)(border - data), 0) == border - data);
    import(path, border + 1, size - (size_t)(border - data) - 1);
    return 0;
}
