/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that ask one question over HTTP and print the answer. */
#include "common/json.h"
#include "services/cli/argument.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- status -- */

static const char *text_or_dash(yyjson_val *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text ? text : "-";
}

static void print_service(const char *name, yyjson_val *service)
{
    bool ready = yyjson_get_bool(yyjson_obj_get(service, "ready"));
    uint64_t lag = 0;
    size_t index, count;
    yyjson_val *input;
    yyjson_arr_foreach(yyjson_obj_get(service, "inputs"), index, count, input) lag +=
        yyjson_get_uint(yyjson_obj_get(input, "lag_records"));
    printf("%-9s %-9s %12s %12s %10llu %9.1f MB\n", name, ready ? "ready" : "not ready",
        text_or_dash(service, "position"), text_or_dash(service, "journal_end"), (unsigned long long)lag,
        (double)(yyjson_get_uint(yyjson_obj_get(service, "store_bytes")) +
                 yyjson_get_uint(yyjson_obj_get(service, "journal_bytes"))) /
            1e6);
    yyjson_val *reason;
    yyjson_arr_foreach(yyjson_obj_get(service, "reasons"), index, count, reason)
        printf("          %s: %s\n", text_or_dash(reason, "part"), text_or_dash(reason, "reason"));
}

int command_status(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--json") == 0)
        return client_show(PEER_API, "GET", "/api/v1/status", NULL);
    if (argc != 1)
        return command_unknown(argv[0], argv[1]);
    struct client client;
    if (client_open(&client))
        return 1;
    yyjson_doc *doc = client_ask(&client, PEER_API, "GET", "/api/v1/status", NULL);
    client_close(&client);
    if (!doc)
        return 1;
    yyjson_val *root = yyjson_doc_get_root(doc), *name, *service;
    printf("time %s (%s clock), %s\n\n", text_or_dash(root, "time"), text_or_dash(root, "clock"),
        yyjson_get_bool(yyjson_obj_get(root, "quiet")) ? "everything is folded" : "work is under way");
    printf("%-9s %-9s %12s %12s %10s %12s\n", "service", "", "position", "journal", "lag", "size");
    size_t index, count;
    yyjson_obj_foreach(yyjson_obj_get(root, "services"), index, count, name, service)
        print_service(yyjson_get_str(name), service);
    yyjson_doc_free(doc);
    return 0;
}

/* -- person -- */

int command_person(int argc, char **argv)
{
    if (argc != 2)
        return argc > 2 ? command_unknown(argv[0], argv[2]) : command_usage(argv[0]);
    if (argv[1][0] == '-')
        return command_unknown(argv[0], argv[1]);
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    const char *colon = strchr(argv[1], ':');
    if (!colon) {
        buffer_text(&text, "/api/v1/persons/");
        client_escape(&text, argv[1]);
        return client_show(PEER_API, "GET", buffer_c_str(&text), NULL);
    }
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_name(&json, "identifiers");
    json_open(&json, '[');
    json_open(&json, '{');
    json_name(&json, "kind");
    json_text_n(&json, argv[1], (size_t)(colon - argv[1]));
    json_field_text(&json, "value", colon + 1);
    json_close(&json, '}');
    json_close(&json, ']');
    json_close(&json, '}');
    return client_show(PEER_API, "POST", "/api/v1/persons/lookup", buffer_c_str(&text));
}

/* -- audience -- */

char *json_argument(const char *argument)
{
    if (argument[0] != '@')
        return strdup(argument);
    yyjson_doc *doc = yyjson_read_file(argument + 1, YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
    char *text = doc ? yyjson_write(doc, 0, NULL) : NULL;
    if (!text)
        fprintf(stderr, "quanyu: %s is not a file with JSON\n", argument + 1);
    yyjson_doc_free(doc);
    return text;
}

int command_audience(int argc, char **argv)
{
    bool as_of = argc == 4 && strcmp(argv[2], "--as-of") == 0;
    if (argc > 1 && argv[1][0] == '-')
        return command_unknown(argv[0], argv[1]);
    if (argc != 2 && !as_of)
        return argc > 2 ? command_unknown(argv[0], argv[2]) : command_usage(argv[0]);
    _cleanup_(free_pointer) char *rule = json_argument(argv[1]);
    if (!rule)
        return 1;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    json_name(&json, "rule");
    json_raw(&json, rule, strlen(rule), "null");
    if (as_of)
        json_field_text(&json, "as_of", argv[3]);
    json_close(&json, '}');
    return client_show(PEER_API, "POST", "/api/v1/audiences/count", buffer_c_str(&body));
}

/* -- clock -- */

int command_clock(int argc, char **argv)
{
    if (argc == 1)
        return client_show(PEER_API, "GET", "/api/v1/clock", NULL);
    if (strcmp(argv[1], "set") != 0 && strcmp(argv[1], "advance") != 0)
        return command_unknown(argv[0], argv[1]);
    if (argc != 3)
        return argc > 3 ? command_unknown(argv[0], argv[3]) : command_usage(argv[0]);
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    json_field_text(&json, argv[1], argv[2]);
    json_close(&json, '}');
    return client_show(PEER_API, "POST", "/api/v1/clock", buffer_c_str(&body));
}
