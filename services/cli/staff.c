/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu staff` and `quanyu role`: who works here and what they may do, over the API. */
#include "common/json.h"
#include "services/cli/client.h"
#include "services/cli/command.h"
#include "services/cli/members.h"

#include <stdio.h>
#include <string.h>

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

/* Segments are escaped and joined with slashes; NULL ends them. */
static int ask(
    const char *method, const char *base, const char *const *segments, const char *query, const char *body)
{
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    buffer_text(&path, base);
    for (; *segments; segments++) {
        buffer_byte(&path, '/');
        client_escape(&path, *segments);
    }
    buffer_text(&path, query);
    return client_show(PEER_API, method, buffer_c_str(&path), body);
}

#define PATH(...)                                                                                            \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__ __VA_OPT__(, ) NULL                                                                      \
    }
#define STAFF "/api/v1/staff"
#define ROLES "/api/v1/roles"

static const struct member_option staff_options[] = {
    {"--login", "login", MEMBER_TEXT},
    {"--name", "name", MEMBER_TEXT},
    {"--email", "email", MEMBER_TEXT},
    {"--phone", "phone", MEMBER_TEXT},
    {"--code", "code", MEMBER_TEXT},
    {"--role", "role", MEMBER_TEXT},
    {"--unit", "unit", MEMBER_TEXT},
};
static const struct member_option token_options[] = {
    {"--permission", "permissions", MEMBER_LIST},
    {"--expires", "expires_at", MEMBER_TIME},
};
static const struct member_option role_options[] = {
    {"--permission", "permissions", MEMBER_LIST},
    {"--description", "description", MEMBER_TEXT},
    {"--own-people", "own_people", MEMBER_YES_NO},
};

/* What a body holds besides the members that options state. */
struct put {
    const char *command;
    const struct member_option *options;
    size_t option_count;
    const char *member, *value; /* NULL: none */
};

static int put(const struct put *put, const char *method, const char *base, const char *const *segments,
    int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    if (put->member)
        json_field_text(&json, put->member, put->value);
    int status = members_write(&json, put->command, put->options, put->option_count, argc, argv);
    json_close(&json, '}');
    return status >= 0 ? status : ask(method, base, segments, "", buffer_c_str(&body));
}

/* -- staff: argv[0] is what the command is about -- */

static int staff_list(int argc, char **argv)
{
    static const char *const filters[] = {"--unit", "--role", "--state", "--limit", "--cursor"};
    _cleanup_(buffer_free) struct buffer query = BUFFER_INIT;
    for (int i = 0; i < argc; i += 2) {
        size_t filter = 0;
        while (filter < COUNT_OF(filters) && !is(filters[filter], argv[i]))
            filter++;
        if (filter == COUNT_OF(filters))
            return command_unknown("staff", argv[i]);
        if (i + 1 == argc)
            return command_usage("staff");
        buffer_printf(&query, "%c%s=", i ? '&' : '?', filters[filter] + 2);
        client_escape(&query, argv[i + 1]);
    }
    return ask("GET", STAFF, PATH(), buffer_c_str(&query), NULL);
}

static int staff_show(int argc, char **argv)
{
    (void)argc;
    return ask("GET", STAFF, PATH(argv[0]), "", NULL);
}

/* Without a login, whoever is made signs in with the id. */
static int staff_create(int argc, char **argv)
{
    bool login = argc > 0 && strncmp(argv[0], "--", 2) != 0;
    const struct put about = {
        "staff", staff_options, COUNT_OF(staff_options), login ? "login" : NULL, login ? argv[0] : NULL};
    return put(&about, "POST", STAFF, PATH(), argc - login, argv + login);
}

static int staff_change(int argc, char **argv)
{
    const struct put about = {"staff", staff_options, COUNT_OF(staff_options), NULL, NULL};
    return put(&about, "PATCH", STAFF, PATH(argv[0]), argc - 1, argv + 1);
}

static int staff_invite(int argc, char **argv)
{
    (void)argc;
    return ask("POST", STAFF, PATH(argv[0], "invite"), "", NULL);
}

static int staff_leave(int argc, char **argv)
{
    (void)argc;
    return ask("POST", STAFF, PATH(argv[0], "leave"), "", NULL);
}

static int staff_work(int argc, char **argv)
{
    (void)argc;
    return ask("GET", STAFF, PATH(argv[0], "open-work"), "", NULL);
}

static int staff_reset_factor(int argc, char **argv)
{
    (void)argc;
    return ask("DELETE", STAFF, PATH(argv[0], "second-factor"), "", NULL);
}

static int staff_token(int argc, char **argv)
{
    const struct put about = {
        "staff", token_options, COUNT_OF(token_options), "name", argc > 2 ? argv[2] : ""};
    if (is(argv[0], "list") && argc == 2)
        return ask("GET", STAFF, PATH(argv[1], "tokens"), "?limit=500", NULL);
    if (is(argv[0], "revoke") && argc == 3)
        return ask("DELETE", STAFF, PATH(argv[1], "tokens", argv[2]), "", NULL);
    if (is(argv[0], "create") && argc >= 3)
        return put(&about, "POST", STAFF, PATH(argv[1], "tokens"), argc - 3, argv + 3);
    return is(argv[0], "list") || is(argv[0], "revoke") || is(argv[0], "create")
               ? command_usage("staff")
               : command_unknown("staff", argv[0]);
}

/* -- roles -- */

static int role_list(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return ask("GET", ROLES, PATH(), "", NULL);
}

static int role_show(int argc, char **argv)
{
    (void)argc;
    return ask("GET", ROLES, PATH(argv[0]), "", NULL);
}

static int role_create(int argc, char **argv)
{
    const struct put about = {"role", role_options, COUNT_OF(role_options), "name", argv[0]};
    return put(&about, "POST", ROLES, PATH(), argc - 1, argv + 1);
}

static int role_change(int argc, char **argv)
{
    const struct put about = {"role", role_options, COUNT_OF(role_options), NULL, NULL};
    return put(&about, "PATCH", ROLES, PATH(argv[0]), argc - 1, argv + 1);
}

static int role_delete(int argc, char **argv)
{
    (void)argc;
    return ask("DELETE", ROLES, PATH(argv[0]), "", NULL);
}

/* -- which -- */

int command_staff(int argc, char **argv)
{
    static const struct action actions[] = {
        {"list", staff_list, 0, 10},
        {"show", staff_show, 1, 1},
        {"create", staff_create, 1, 100},
        {"change", staff_change, 1, 100},
        {"invite", staff_invite, 1, 1},
        {"leave", staff_leave, 1, 1},
        {"work", staff_work, 1, 1},
        {"reset-factor", staff_reset_factor, 1, 1},
        {"token", staff_token, 2, 200},
    };
    return command_act(actions, COUNT_OF(actions), argc, argv);
}

int command_role(int argc, char **argv)
{
    static const struct action actions[] = {
        {"list", role_list, 0, 0},
        {"show", role_show, 1, 1},
        {"create", role_create, 1, 200},
        {"change", role_change, 1, 200},
        {"delete", role_delete, 1, 1},
    };
    return command_act(actions, COUNT_OF(actions), argc, argv);
}
