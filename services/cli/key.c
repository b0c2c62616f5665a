/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu key`: write keys, over the API. */
#include "common/clock.h"
#include "common/json.h"
#include "services/cli/client.h"
#include "services/cli/command.h"
#include "services/cli/members.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH "/api/v1/write-keys"

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static int ask(const char *method, const char *id, const char *action, const char *body)
{
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    buffer_text(&path, PATH);
    if (id) {
        buffer_byte(&path, '/');
        client_escape(&path, id);
    }
    buffer_text(&path, action);
    return client_show(PEER_API, method, buffer_c_str(&path), body);
}

static const struct member_option options[] = {
    {"--name", "name", MEMBER_TEXT},
    {"--description", "description", MEMBER_TEXT},
    {"--platform", "platform", MEMBER_TEXT},
    {"--source", "sources", MEMBER_LIST},
    {"--channel", "channels", MEMBER_LIST},
    {"--unit", "unit", MEMBER_TIME},
    {"--type", "event_types", MEMBER_LIST},
    {"--event", "event_names", MEMBER_LIST},
    {"--origin", "allowed_origins", MEMBER_LIST},
    {"--import", "import", MEMBER_YES_NO},
    {"--rate", "rate", MEMBER_RATE},
    {"--expires", "expires_at", MEMBER_TIME},
};

static int put(const char *method, const char *id, const char *name, int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    if (name)
        json_field_text(&json, "name", name);
    int status = members_write(&json, "key", options, COUNT_OF(options), argc, argv);
    json_close(&json, '}');
    return status >= 0 ? status : ask(method, id, "", buffer_c_str(&body));
}

/* -- the commands: argv[0] is what the command is about -- */

static int list(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return ask("GET", NULL, "?limit=500", NULL);
}

static int show(int argc, char **argv)
{
    (void)argc;
    return ask("GET", argv[0], "", NULL);
}

static int create(int argc, char **argv)
{
    return put("POST", NULL, argv[0], argc - 1, argv + 1);
}

static int change(int argc, char **argv)
{
    return put("PATCH", argv[0], NULL, argc - 1, argv + 1);
}

static int pause_key(int argc, char **argv)
{
    (void)argc;
    return ask("PATCH", argv[0], "", "{\"paused\":true}");
}

static int resume_key(int argc, char **argv)
{
    (void)argc;
    return ask("PATCH", argv[0], "", "{\"paused\":false}");
}

static int rotate(int argc, char **argv)
{
    char body[200];
    int64_t overlap_ms = 0;
    if (argc != 3)
        return command_usage("key");
    if (is(argv[1], "--overlap")) {
        if (!is(argv[2], "0") && !duration_parse(argv[2], strlen(argv[2]), &overlap_ms))
            return command_unknown("key", argv[2]);
        snprintf(body, sizeof(body), "{\"overlap_seconds\":%" PRIi64 "}", overlap_ms / 1000);
        return ask("POST", argv[0], "/rotate", body);
    }
    if (!is(argv[1], "--until"))
        return command_unknown("key", argv[1]);
    _cleanup_(buffer_free) struct buffer until = BUFFER_INIT;
    struct json json = json_to(&until);
    json_open(&json, '{');
    json_field_text(&json, "old_expires_at", argv[2]);
    json_close(&json, '}');
    return ask("POST", argv[0], "/rotate", buffer_c_str(&until));
}

static int revoke(int argc, char **argv)
{
    (void)argc;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    json_field_text(&json, "secret", argv[1]);
    json_close(&json, '}');
    return ask("POST", argv[0], "/revoke", buffer_c_str(&body));
}

static int delete_key(int argc, char **argv)
{
    (void)argc;
    return ask("DELETE", argv[0], "", NULL);
}

static const struct action actions[] = {
    {"list", list, 0, 0},
    {"show", show, 1, 1},
    {"create", create, 1, 1000},
    {"change", change, 1, 1000},
    {"pause", pause_key, 1, 1},
    {"resume", resume_key, 1, 1},
    {"rotate", rotate, 1, 1000},
    {"revoke", revoke, 2, 2},
    {"delete", delete_key, 1, 1},
};

int command_key(int argc, char **argv)
{
    return command_act(actions, COUNT_OF(actions), argc, argv);
}
