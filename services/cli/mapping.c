/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a mapping, and checking it against the columns. */
#include "services/cli/mapping.h"

#include "common/clock.h"
#include "common/error.h"

#include <stdio.h>
#include <string.h>

#include "services/cli/mapping_internal.h"

#define POINTER_BYTES 176

static const char *const root_members[] = {
    "format", "time_zone", "skip", "group_by", "events", "description", NULL};
static const char *const format_members[] = {"separator", "encoding", "header", "columns", NULL};

static int complain(char error[300], const char *pointer, const char *reason)
{
    snprintf(error, 300, "%s: %s", pointer, reason);
    return -1;
}

static int read_format(struct mapping *mapping, yyjson_val *format, char error[300])
{
    mapping->separator = ',';
    mapping->header = true;
    if (!format)
        return 0;
    if (mapping_check_members(format, format_members, "/format", error))
        return -1;
    const char *separator = yyjson_get_str(yyjson_obj_get(format, "separator"));
    const char *encoding = yyjson_get_str(yyjson_obj_get(format, "encoding"));
    if (separator && strcmp(separator, "whitespace") == 0)
        mapping->separator = 0;
    else if (separator && strlen(separator) == 1)
        mapping->separator = separator[0];
    else if (separator)
        return complain(error, "/format/separator", "must be one character, or \"whitespace\"");
    if (encoding && strcmp(encoding, "latin-1") == 0)
        mapping->encoding = CSV_LATIN1;
    else if (encoding && strcmp(encoding, "utf-8") != 0)
        return complain(error, "/format/encoding", "must be \"utf-8\" or \"latin-1\"");
    yyjson_val *header = yyjson_obj_get(format, "header");
    if (header && !yyjson_is_bool(header))
        return complain(error, "/format/header", "must be true or false");
    mapping->header = header ? yyjson_get_bool(header) : true;
    mapping->columns = yyjson_obj_get(format, "columns");
    if (!mapping->header && !yyjson_is_arr(mapping->columns))
        return complain(error, "/format/columns", "must list the names where the file has no header");
    return 0;
}

static int check_list(yyjson_val *list, const char *pointer, bool required, char error[300])
{
    if (!list && !required)
        return 0;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        return complain(error, pointer, "must be a list that is not empty");
    return 0;
}

static int read_mapping(struct mapping *mapping, char error[300])
{
    yyjson_val *root = yyjson_doc_get_root(mapping->doc);
    if (mapping_check_members(root, root_members, "", error) ||
        read_format(mapping, yyjson_obj_get(root, "format"), error))
        return -1;
    mapping->skip = yyjson_obj_get(root, "skip");
    mapping->events = yyjson_obj_get(root, "events");
    mapping->group_by = yyjson_obj_get(root, "group_by");
    yyjson_val *zone = yyjson_obj_get(root, "time_zone");
    if (zone && (!yyjson_is_str(zone) || clock_set_zone(yyjson_get_str(zone))))
        return complain(error, "/time_zone", "must be an IANA time zone, such as Asia/Shanghai");
    if (check_list(mapping->skip, "/skip", false, error) ||
        check_list(mapping->group_by, "/group_by", false, error) ||
        check_list(mapping->events, "/events", true, error) || mapping_check_skips(mapping->skip, error))
        return -1;
    return mapping_check_events(mapping->events, error);
}

int mapping_open(const char *path, struct mapping *mapping, char error[300])
{
    yyjson_read_err problem;
    *mapping = (struct mapping){0};
    mapping->doc = yyjson_read_file(path, YYJSON_READ_NUMBER_AS_RAW, NULL, &problem);
    if (!mapping->doc) {
        snprintf(error, 300, "%s: at byte %zu: %s", path, problem.pos, problem.msg);
        return -1;
    }
    int result = read_mapping(mapping, error);
    if (result)
        mapping_close(mapping);
    return result;
}

void mapping_close(struct mapping *mapping)
{
    yyjson_doc_free(mapping->doc);
    *mapping = (struct mapping){0};
}

/* -- essence -- */

static void append_value(struct buffer *out, yyjson_val *value)
{
    size_t size = 0;
    _cleanup_(free_pointer) char *text = value ? yyjson_val_write(value, 0, &size) : NULL;
    buffer_append(out, text, size);
    buffer_byte(out, '\n');
    if (value && !text)
        out->error = -QY_ENOMEM;
}

void mapping_essence(const struct mapping *mapping, struct buffer *out)
{
    static const char *const whole[] = {"format", "time_zone", "group_by", "events"};
    size_t index, count;
    yyjson_val *root = yyjson_doc_get_root(mapping->doc), *skip;
    for (size_t i = 0; i < COUNT_OF(whole); i++)
        append_value(out, yyjson_obj_get(root, whole[i]));
    yyjson_arr_foreach(mapping->skip, index, count, skip)
    {
        append_value(out, yyjson_obj_get(skip, "where"));
    }
}

/* -- columns -- */

int mapping_column(const struct mapping *mapping, const char *name, size_t size)
{
    for (size_t i = 0; i < mapping->name_count; i++)
        if (strlen(mapping->names[i]) == size && memcmp(mapping->names[i], name, size) == 0)
            return (int)i;
    return -1;
}

static int check_name(
    const struct mapping *mapping, const char *name, size_t size, const char *pointer, char error[300])
{
    if (mapping_column(mapping, name, size) >= 0)
        return 0;
    snprintf(error, 300, "%s: the file has no column \"%.*s\"", pointer, (int)size, name);
    return -1;
}

static int check_placeholders(
    const struct mapping *mapping, const char *text, const char *pointer, char error[300])
{
    for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
        const char *end = strchr(at, '}');
        if (!end) {
            snprintf(error, 300, "%s: \"%s\": a placeholder has no end", pointer, text);
            return -1;
        }
        if (check_name(mapping, at + 1, (size_t)(end - at - 1), pointer, error))
            return -1;
    }
    return 0;
}

static int check_names(const struct mapping *mapping, yyjson_val *names, const char *pointer, char error[300])
{
    size_t index, count;
    yyjson_val *name;
    char below[POINTER_BYTES];
    yyjson_arr_foreach(names, index, count, name)
    {
        snprintf(below, sizeof(below), "%.150s/%zu", pointer, index);
        if (!yyjson_is_str(name))
            return complain(error, below, "a column's name must be a text");
        if (check_name(mapping, yyjson_get_str(name), yyjson_get_len(name), below, error))
            return -1;
    }
    return 0;
}

static int check_columns(
    const struct mapping *mapping, yyjson_val *value, const char *pointer, unsigned depth, char error[300]);

static int check_member(const struct mapping *mapping, yyjson_val *key, yyjson_val *member,
    const char *pointer, unsigned depth, char error[300])
{
    bool names_one = yyjson_equals_str(key, "column") || yyjson_equals_str(key, "unless");
    if (names_one && yyjson_is_str(member))
        return check_name(mapping, yyjson_get_str(member), yyjson_get_len(member), pointer, error);
    if (yyjson_equals_str(key, "sum"))
        return check_names(mapping, member, pointer, error);
    return yyjson_equals_str(key, "value") ? 0 : check_columns(mapping, member, pointer, depth + 1, error);
}

/* Every "column", "unless", "sum" and placeholder anywhere in the mapping must name a column. The depth is
 * the mapping's own. */
static int check_columns(
    const struct mapping *mapping, yyjson_val *value, const char *pointer, unsigned depth, char error[300])
{
    size_t index, count;
    yyjson_val *key, *member;
    char below[POINTER_BYTES];
    if (depth > 16)
        return complain(error, pointer, "nested more than 16 deep");
    if (yyjson_is_str(value))
        return check_placeholders(mapping, yyjson_get_str(value), pointer, error);
    yyjson_arr_foreach(value, index, count, member)
    {
        snprintf(below, sizeof(below), "%.150s/%zu", pointer, index);
        if (check_columns(mapping, member, below, depth + 1, error))
            return -1;
    }
    if (!yyjson_is_obj(value))
        return 0;
    yyjson_obj_foreach(value, index, count, key, member)
    {
        const char *name = yyjson_get_str(key);
        snprintf(below, sizeof(below), "%.110s/%.60s", pointer, name ? name : "");
        if (check_member(mapping, key, member, below, depth, error))
            return -1;
    }
    return 0;
}

static int add_name(struct mapping *mapping, const char *name, char error[300])
{
    if (mapping->name_count == CSV_COLUMNS_MAX || strlen(name) >= sizeof(mapping->names[0]) || !*name) {
        snprintf(error, 300, "column %zu has no usable name (1 to 63 bytes, 512 columns at most)",
            mapping->name_count + 1);
        return -1;
    }
    snprintf(mapping->names[mapping->name_count++], sizeof(mapping->names[0]), "%s", name);
    return 0;
}

int mapping_set_columns(struct mapping *mapping, const struct csv *header, char error[300])
{
    size_t index, count;
    yyjson_val *name;
    if (mapping->columns) {
        yyjson_arr_foreach(mapping->columns, index, count, name)
        {
            if (add_name(mapping, yyjson_is_str(name) ? yyjson_get_str(name) : "", error))
                return -1;
        }
    } else {
        for (size_t i = 0; i < header->count; i++)
            if (add_name(mapping, csv_field(header, i), error))
                return -1;
    }
    if (check_names(mapping, mapping->group_by, "/group_by", error) ||
        check_columns(mapping, mapping->skip, "/skip", 0, error))
        return -1;
    return check_columns(mapping, mapping->events, "/events", 0, error);
}
