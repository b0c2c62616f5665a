/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu unit`: the tree of units, over the API. */
#include "common/json.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/api/v1/units"
#define NAME "unit"

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static int ask(const char *method, const char *id, const char *body)
{
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    buffer_text(&path, PATH "/");
    client_escape(&path, id);
    return client_show(PEER_API, method, buffer_c_str(&path), body);
}

/* -- create, change, move -- */

static const char *member_of(const char *option)
{
    static const struct {
        const char *option, *member;
    } options[] = {
        {"--name", "name"},
        {"--kind", "kind"},
        {"--parent", "parent"},
        {"--code", "code"},
        {"--ownership", "ownership"},
        {"--opened", "opened_on"},
        {"--closed", "closed_on"},
        {"--zone", "time_zone"},
    };
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (is(options[i].option, option))
            return options[i].member;
    return NULL;
}

/* Members from pairs of option and value; -1 where all is well, else the exit status. */
static int write_members(struct json *json, int argc, char **argv)
{
    for (int i = 0; i < argc; i += 2) {
        const char *member = member_of(argv[i]);
        if (!member)
            return command_unknown(NAME, argv[i]);
        if (i + 1 == argc)
            return command_usage(NAME);
        json_name(json, member);
        if (is(argv[i + 1], "none"))
            json_null(json);
        else
            json_text(json, argv[i + 1]);
    }
    return -1;
}

static int create(int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    json_field_text(&json, "name", argv[0]);
    int status = write_members(&json, argc - 1, argv + 1);
    json_close(&json, '}');
    return status >= 0 ? status : client_show(PEER_API, "POST", PATH, buffer_c_str(&body));
}

static int change(int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    int status = write_members(&json, argc - 1, argv + 1);
    json_close(&json, '}');
    return status >= 0 ? status : ask("PATCH", argv[0], buffer_c_str(&body));
}

static int move(int argc, char **argv)
{
    (void)argc;
    char *members[] = {argv[0], (char *)"--parent", argv[1]};
    return change(3, members);
}

static int show(int argc, char **argv)
{
    (void)argc;
    return ask("GET", argv[0], NULL);
}

static int delete_unit(int argc, char **argv)
{
    (void)argc;
    return ask("DELETE", argv[0], NULL);
}

/* -- lists -- */

/* A query from pairs of option and value; -1 where all is well, else the exit status. */
static int write_query(struct buffer *path, int argc, char **argv)
{
    for (int i = 0; i < argc; i += 2) {
        if (!is(argv[i], "--below") && !is(argv[i], "--kind") && !is(argv[i], "--closed"))
            return command_unknown(NAME, argv[i]);
        if (i + 1 == argc)
            return command_usage(NAME);
        buffer_printf(path, "&%s=", argv[i] + 2);
        client_escape(path, argv[i + 1]);
    }
    return -1;
}

static void print_unit(yyjson_val *unit)
{
    int depth = yyjson_get_int(yyjson_obj_get(unit, "depth"));
    printf("%*s%-10s %-14s %-12s %-8s %s\n", depth * 2, "", client_text(unit, "id"),
        client_text(unit, "code"), client_text(unit, "kind"), client_text(unit, "state"),
        client_text(unit, "name"));
}

/* All pages, one after the other. */
static int print_pages(struct client *client, const char *query)
{
    _cleanup_(free_pointer) char *cursor = NULL;
    do {
        size_t index, count;
        yyjson_val *unit;
        _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
        buffer_printf(&path, PATH "?limit=500%s%s%s", query, cursor ? "&cursor=" : "", cursor ? cursor : "");
        yyjson_doc *doc = client_ask(client, PEER_API, "GET", buffer_c_str(&path), NULL);
        if (!doc)
            return 1;
        yyjson_val *root = yyjson_doc_get_root(doc);
        yyjson_arr_foreach(yyjson_obj_get(root, "units"), index, count, unit) print_unit(unit);
        const char *next = yyjson_get_str(yyjson_obj_get(root, "next_cursor"));
        free(cursor);
        cursor = next ? strdup(next) : NULL;
        yyjson_doc_free(doc);
    } while (cursor);
    return 0;
}

static int list(int argc, char **argv)
{
    struct client client;
    _cleanup_(buffer_free) struct buffer query = BUFFER_INIT;
    int status = write_query(&query, argc, argv);
    if (status >= 0)
        return status;
    if (client_open(&client))
        return 1;
    status = print_pages(&client, buffer_c_str(&query));
    client_close(&client);
    return status;
}

/* -- import -- */

static void print_errors(const struct buffer *answer)
{
    size_t index, count;
    yyjson_val *error;
    yyjson_doc *doc = yyjson_read((const char *)answer->data, answer->size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    fprintf(stderr, "quanyu: %s\n", *client_text(root, "detail") ? client_text(root, "detail") : "refused");
    yyjson_arr_foreach(yyjson_obj_get(root, "errors"), index, count, error)
    {
        const char *column = client_text(error, "column");
        fprintf(stderr, "  line %d%s%s: %s\n", yyjson_get_int(yyjson_obj_get(error, "line")),
            *column ? ", " : "", column, client_text(error, "reason"));
    }
    yyjson_doc_free(doc);
}

static int send_file(struct client *client, const struct buffer *text, bool dry_run)
{
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    long status =
        client_call(client, PEER_API, "POST", dry_run ? PATH "/import?dry_run=true" : PATH "/import",
            (const char *)text->data, text->size, &answer);
    if (status == 200) {
        printf("%s\n", buffer_c_str(&answer));
        return 0;
    }
    if (status > 0)
        print_errors(&answer);
    return 1;
}

static int import_units(int argc, char **argv)
{
    struct client client;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    if (argc == 2 && !is(argv[1], "--dry-run"))
        return command_unknown(NAME, argv[1]);
    if (!command_read_file(argv[0], &text) || client_open(&client))
        return 1;
    int status = send_file(&client, &text, argc == 2);
    client_close(&client);
    return status;
}

static const struct action actions[] = {
    {"list", list, 0, 4},
    {"show", show, 1, 1},
    {"create", create, 1, 20},
    {"change", change, 3, 20},
    {"move", move, 2, 2},
    {"delete", delete_unit, 1, 1},
    {"import", import_units, 1, 2},
};

int command_unit(int argc, char **argv)
{
    return command_act(actions, COUNT_OF(actions), argc, argv);
}
