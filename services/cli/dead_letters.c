/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu dead-letters`: events that were refused, and what to do with them. */
#include "common/json.h"
#include "services/cli/argument.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 1000

/* What may stand behind an action. */
enum option {
    OPTION_REASON,
    OPTION_SOURCE,
    OPTION_FROM,
    OPTION_TO,
    OPTION_LIMIT,
    OPTION_CURSOR,
    OPTION_MAP,
    OPTION_COUNT
};
static const char *const option_names[OPTION_COUNT] = {
    "reason", "source", "from", "to", "limit", "cursor", "map"};

struct arguments {
    const char *options[OPTION_COUNT];
    const char *ids[IDS_MAX];
    size_t id_count;
    bool all, dry_run;
};

#define FILTER (1u << OPTION_REASON | 1u << OPTION_SOURCE | 1u << OPTION_FROM | 1u << OPTION_TO)
#define PAGES (1u << OPTION_LIMIT | 1u << OPTION_CURSOR)

enum { TAKES_IDS = 1, TAKES_ALL = 2, TAKES_DRY_RUN = 4 };

static int find_option(const char *argument)
{
    if (strncmp(argument, "--", 2) != 0)
        return -1;
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strcmp(argument + 2, option_names[i]) == 0)
            return i;
    return -1;
}

static bool take_flag(const char *argument, unsigned flags, struct arguments *arguments)
{
    bool *flag = flags & TAKES_ALL && strcmp(argument, "--all") == 0           ? &arguments->all
                 : flags & TAKES_DRY_RUN && strcmp(argument, "--dry-run") == 0 ? &arguments->dry_run
                                                                               : NULL;
    if (flag)
        *flag = true;
    return flag != NULL;
}

/* 0, or the exit status of wrong usage, said. */
static int read_arguments(
    int argc, char **argv, unsigned options, unsigned flags, struct arguments *ret_arguments)
{
    struct arguments *arguments = ret_arguments;
    *arguments = (struct arguments){0};
    for (int i = 2; i < argc; i++) {
        int option = find_option(argv[i]);
        if (take_flag(argv[i], flags, arguments))
            continue;
        if (option >= 0 && options & 1u << option) {
            if (i + 1 == argc)
                return command_usage(argv[0]);
            arguments->options[option] = argv[++i];
        } else if (argv[i][0] != '-' && flags & TAKES_IDS && arguments->id_count < IDS_MAX) {
            arguments->ids[arguments->id_count++] = argv[i];
        } else {
            return command_unknown(argv[0], argv[i]);
        }
    }
    return 0;
}

static bool has_filter(const struct arguments *arguments)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (FILTER & 1u << i && arguments->options[i])
            return true;
    return false;
}

static void write_query(const struct arguments *arguments, struct buffer *path)
{
    char separator = '?';
    for (int i = 0; i < OPTION_COUNT; i++)
        if (arguments->options[i]) {
            buffer_printf(path, "%c%s=", separator, option_names[i]);
            client_escape(path, arguments->options[i]);
            separator = '&';
        }
    if (arguments->all)
        buffer_printf(path, "%call=true", separator);
}

/* -- actions -- */

static int list(int argc, char **argv)
{
    struct arguments arguments;
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    int wrong = read_arguments(argc, argv, FILTER | PAGES, 0, &arguments);
    if (wrong)
        return wrong;
    buffer_text(&path, "/api/v1/dead-letters");
    write_query(&arguments, &path);
    return client_show(PEER_API, "GET", buffer_c_str(&path), NULL);
}

static int show(int argc, char **argv)
{
    struct arguments arguments;
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    int wrong = read_arguments(argc, argv, 0, TAKES_IDS, &arguments);
    if (wrong || arguments.id_count != 1)
        return wrong ? wrong : command_usage(argv[0]);
    buffer_text(&path, "/api/v1/dead-letters/");
    client_escape(&path, arguments.ids[0]);
    return client_show(PEER_API, "GET", buffer_c_str(&path), NULL);
}

static int summary(int argc, char **argv)
{
    struct arguments arguments;
    int wrong = read_arguments(argc, argv, 0, 0, &arguments);
    return wrong ? wrong : client_show(PEER_API, "GET", "/api/v1/dead-letters/summary", NULL);
}

static bool write_selection(const struct arguments *arguments, struct json *json)
{
    if ((arguments->id_count > 0) + (has_filter(arguments) || arguments->all) != 1)
        return false;
    json_name(json, arguments->id_count > 0 ? "ids" : "filter");
    json_open(json, arguments->id_count > 0 ? '[' : '{');
    for (size_t i = 0; i < arguments->id_count; i++)
        json_text(json, arguments->ids[i]);
    for (int i = 0; arguments->id_count == 0 && i < OPTION_COUNT; i++)
        if (FILTER & 1u << i)
            json_field_optional(json, option_names[i], arguments->options[i]);
    json_close(json, arguments->id_count > 0 ? ']' : '}');
    return true;
}

static int replay(int argc, char **argv)
{
    struct arguments arguments;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    int wrong = read_arguments(
        argc, argv, FILTER | 1u << OPTION_MAP, TAKES_IDS | TAKES_ALL | TAKES_DRY_RUN, &arguments);
    if (wrong)
        return wrong;
    json_open(&json, '{');
    if (!write_selection(&arguments, &json))
        return command_usage(argv[0]);
    json_field_bool(&json, "dry_run", arguments.dry_run);
    if (arguments.options[OPTION_MAP]) {
        _cleanup_(free_pointer) char *mapping = json_argument(arguments.options[OPTION_MAP]);
        if (!mapping)
            return 1;
        json_name(&json, "mapping");
        json_raw(&json, mapping, strlen(mapping), "null");
    }
    json_close(&json, '}');
    return client_show(PEER_API, "POST", "/api/v1/dead-letters/replay", buffer_c_str(&body));
}

/* Several ids one after the other: each is an act of its own. */
static int delete_ids(const struct arguments *arguments)
{
    int status = 0;
    for (size_t i = 0; !status && i < arguments->id_count; i++) {
        _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
        buffer_text(&path, "/api/v1/dead-letters/");
        client_escape(&path, arguments->ids[i]);
        status = client_show(PEER_API, "DELETE", buffer_c_str(&path), NULL);
    }
    return status;
}

static int delete(int argc, char **argv)
{
    struct arguments arguments;
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    int wrong = read_arguments(argc, argv, FILTER, TAKES_IDS | TAKES_ALL, &arguments);
    if (wrong)
        return wrong;
    if ((arguments.id_count > 0) + (has_filter(&arguments) || arguments.all) != 1)
        return command_usage(argv[0]);
    if (arguments.id_count > 0)
        return delete_ids(&arguments);
    buffer_text(&path, "/api/v1/dead-letters");
    write_query(&arguments, &path);
    return client_show(PEER_API, "DELETE", buffer_c_str(&path), NULL);
}

int command_dead_letters(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } known[] = {
        {"list", list}, {"show", show}, {"summary", summary}, {"replay", replay}, {"delete", delete}};
    if (argc < 2)
        return command_usage(argv[0]);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(argv[1], known[i].name) == 0)
            return known[i].run(argc, argv);
    return command_unknown(argv[0], argv[1]);
}
