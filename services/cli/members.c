/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/members.h"

#include "services/cli/command.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static const struct member_option *find(const struct member_option *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (is(options[i].name, name))
            return &options[i];
    return NULL;
}

static void write_list(struct json *json, const char *name, int argc, char **argv)
{
    json_open(json, '[');
    for (int i = 0; i + 1 < argc; i += 2)
        if (is(argv[i], name))
            json_text(json, argv[i + 1]);
    json_close(json, ']');
}

static bool write_rate(struct json *json, const char *text)
{
    char *end;
    if (is(text, "default")) {
        json_null(json);
        return true;
    }
    uint64_t rate = strtoull(text, &end, 10), burst = *end == '/' ? strtoull(end + 1, &end, 10) : 0;
    json_open(json, '{');
    json_field_unsigned(json, "events_per_second", rate);
    json_field_unsigned(json, "burst", burst);
    json_close(json, '}');
    return end != text && *end == '\0' && *text >= '0' && *text <= '9';
}

static bool write_value(struct json *json, const struct member_option *option, const char *value)
{
    switch (option->kind) {
    case MEMBER_TEXT:
        json_text(json, value);
        return true;
    case MEMBER_YES_NO:
        json_bool(json, is(value, "yes"));
        return is(value, "yes") || is(value, "no");
    case MEMBER_RATE:
        return write_rate(json, value);
    case MEMBER_TIME:
        if (is(value, "never"))
            json_null(json);
        else
            json_text(json, value);
        return true;
    default:
        return false;
    }
}

/* A list is written where its first value stands. */
static bool is_first(const char *name, int at, char **argv)
{
    for (int i = 0; i < at; i += 2)
        if (is(argv[i], name))
            return false;
    return true;
}

/* Members from pairs of option and value; -1 where all is well, else the exit status. */
int members_write(struct json *json, const char *command, const struct member_option *options, size_t count,
    int argc, char **argv)
{
    for (int i = 0; i < argc; i += 2) {
        const struct member_option *option = find(options, count, argv[i]);
        if (!option)
            return command_unknown(command, argv[i]);
        if (i + 1 == argc)
            return command_usage(command);
        if (!is_first(argv[i], i, argv)) {
            if (option->kind != MEMBER_LIST)
                return command_unknown(command, argv[i]);
            continue;
        }
        json_name(json, option->member);
        if (option->kind == MEMBER_LIST && is(argv[i + 1], "all"))
            json_null(json);
        else if (option->kind == MEMBER_LIST)
            write_list(json, argv[i], argc - i, argv + i);
        else if (!write_value(json, option, argv[i + 1]))
            return command_unknown(command, argv[i + 1]);
    }
    return -1;
}
