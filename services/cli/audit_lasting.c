/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit retention` and `quanyu audit hold`: over the auditors' port, with an administrator's token for changes. */
#include "services/cli/audit_lasting.h"

#include "common/json.h"
#include "services/audit/audit_filter.h"
#include "services/audit/audit_kind.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int send(const char *method, const char *path, struct buffer *body)
{
    return buffer_error(body) ? 1 : client_show(PEER_AUDIT, method, path, buffer_c_str(body));
}

/* -- retention -- */

/* What is in force, to which the arguments are changes. */
static yyjson_doc *ask_kinds(void)
{
    struct client client;
    if (client_open(&client))
        return NULL;
    yyjson_doc *doc = client_ask(&client, PEER_AUDIT, "GET", "/v1/retention", NULL);
    client_close(&client);
    return doc;
}

/* "person=1095" or "person=forever"; false: it is neither. */
static bool take_change(const char *text, const char *days[KIND_COUNT])
{
    const char *equals = strchr(text, '=');
    for (unsigned kind = 0; equals && kind < KIND_COUNT; kind++) {
        size_t size = strlen(record_kinds[kind].name);
        if (size != (size_t)(equals - text) || memcmp(record_kinds[kind].name, text, size) != 0)
            continue;
        days[kind] = equals + 1;
        return strcmp(days[kind], "forever") == 0 ||
               (*days[kind] && strspn(days[kind], "0123456789") == strlen(days[kind]));
    }
    return false;
}

static void write_policy(struct buffer *body, yyjson_val *kinds, const char *const days[KIND_COUNT])
{
    struct json json = json_to(body);
    size_t index, count;
    yyjson_val *item;
    json_open(&json, '{');
    json_name(&json, "days");
    json_open(&json, '{');
    yyjson_arr_foreach(kinds, index, count, item)
    {
        enum record_kind kind;
        yyjson_val *before = yyjson_obj_get(item, "days");
        if (!record_kind_find(client_text(item, "kind"), &kind))
            continue;
        json_name(&json, record_kinds[kind].name);
        if (days[kind] ? strcmp(days[kind], "forever") == 0 : !yyjson_is_uint(before))
            json_null(&json);
        else
            json_unsigned(&json, days[kind] ? strtoull(days[kind], NULL, 10) : yyjson_get_uint(before));
    }
    json_close(&json, '}');
    json_close(&json, '}');
}

static int set_retention(int argc, char **argv)
{
    const char *days[KIND_COUNT] = {NULL};
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    for (int i = 0; i < argc; i++)
        if (!take_change(argv[i], days))
            return command_unknown("audit", argv[i]);
    yyjson_doc *doc = ask_kinds();
    if (!doc)
        return 1;
    write_policy(&body, yyjson_obj_get(yyjson_doc_get_root(doc), "kinds"), days);
    yyjson_doc_free(doc);
    return send("PUT", "/v1/retention", &body);
}

static int retention(int argc, char **argv)
{
    static const struct action actions[] = {{"set", set_retention, 1, KIND_COUNT}};
    if (argc == 1)
        return client_show(PEER_AUDIT, "GET", "/v1/retention", NULL);
    return command_act(actions, COUNT_OF(actions), argc, argv);
}

/* -- holds -- */

static bool is_first(int argc, char **argv, int at)
{
    for (int i = 1; i < at && i < argc; i += 2)
        if (strcmp(argv[i], argv[at]) == 0)
            return false;
    return true;
}

/* All values of one filter. */
static void write_values(struct json *json, int argc, char **argv, int at)
{
    json_name(json, argv[at] + 2);
    json_open(json, '[');
    for (int i = at; i < argc; i += 2)
        if (strcmp(argv[i], argv[at]) == 0)
            json_text(json, argv[i + 1]);
    json_close(json, ']');
}

static bool is_filter(const char *option)
{
    return strncmp(option, "--", 2) == 0 &&
           (strcmp(option, "--from") == 0 || strcmp(option, "--to") == 0 || audit_filter_name(option + 2));
}

/* The argument that is no option, or lacks its value; 0: there is none. */
static int find_unknown(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || (strcmp(argv[i], "--reason") != 0 && !is_filter(argv[i])))
            return i;
    return 0;
}

static const char *reason_of(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--reason") == 0)
            return argv[i + 1];
    return NULL;
}

/* argv[0] is the name. */
static int add_hold(int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    int unknown = find_unknown(argc, argv);
    const char *reason = reason_of(argc, argv);
    if (unknown)
        return command_unknown("audit", argv[unknown]);
    if (!reason)
        return command_usage("audit");
    json_open(&json, '{');
    json_field_text(&json, "name", argv[0]);
    json_field_text(&json, "reason", reason);
    json_name(&json, "filter");
    json_open(&json, '{');
    for (int i = 1; i < argc; i += 2) {
        bool time = strcmp(argv[i], "--from") == 0 || strcmp(argv[i], "--to") == 0;
        if (time)
            json_field_text(&json, argv[i] + 2, argv[i + 1]);
        else if (strcmp(argv[i], "--reason") != 0 && is_first(argc, argv, i))
            write_values(&json, argc, argv, i);
    }
    json_close(&json, '}');
    json_close(&json, '}');
    return send("POST", "/v1/holds", &body);
}

/* argv[0] is the id. */
static int release_hold(int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT, path = BUFFER_INIT;
    struct json json = json_to(&body);
    if (argc != 3 || strcmp(argv[1], "--reason") != 0)
        return command_usage("audit");
    json_open(&json, '{');
    json_field_text(&json, "reason", argv[2]);
    json_close(&json, '}');
    buffer_text(&path, "/v1/holds/");
    client_escape(&path, argv[0]);
    buffer_text(&path, "/release");
    return buffer_error(&path) ? 1 : send("POST", buffer_c_str(&path), &body);
}

static int list_holds(int argc, char **argv)
{
    (void)argc, (void)argv;
    return client_show(PEER_AUDIT, "GET", "/v1/holds", NULL);
}

static int hold(int argc, char **argv)
{
    static const struct action actions[] = {{"list", list_holds, 0, 0},
        {"add", add_hold, 3, 1 + 2 * (int)(FILTER_CONDITIONS_MAX * 4)}, {"release", release_hold, 3, 3}};
    return command_act(actions, COUNT_OF(actions), argc, argv);
}

bool audit_lasting_run(int argc, char **argv, int *ret_status)
{
    bool is_retention = argc > 1 && strcmp(argv[1], "retention") == 0;
    bool is_hold = argc > 1 && strcmp(argv[1], "hold") == 0;
    if (!is_retention && !is_hold)
        return false;
    argv[1] = argv[0]; /* whose usage it is */
    *ret_status = is_retention ? retention(argc - 1, argv + 1) : hold(argc - 1, argv + 1);
    return true;
}
