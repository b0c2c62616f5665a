/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu duplicates`: people who are likely one, over the API. */
#include "common/json.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <stdio.h>
#include <string.h>

#define PATH "/api/v1/duplicates"

/* -- printing -- */

static void print_person(yyjson_val *person)
{
    size_t index, count;
    yyjson_val *item, *key;
    printf("    %s", client_text(person, "one_id"));
    yyjson_obj_foreach(yyjson_obj_get(person, "traits"), index, count, key, item)
        printf(" %s=%s", yyjson_get_str(key), yyjson_is_str(item) ? yyjson_get_str(item) : "***");
    yyjson_arr_foreach(yyjson_obj_get(person, "identifiers"), index, count, item)
    {
        const char *value = client_text(item, "value");
        printf(" %s%s%s (%s)", client_text(item, "kind"), *value ? ":" : "", value, client_text(item, "id"));
    }
    printf("\n");
}

static void print_pair(yyjson_val *pair)
{
    size_t index, count;
    yyjson_val *item;
    printf("%.4f  %+.1f  %s\n   ", yyjson_get_num(yyjson_obj_get(pair, "probability")),
        yyjson_get_num(yyjson_obj_get(pair, "score")), client_text(pair, "id"));
    yyjson_arr_foreach(yyjson_obj_get(pair, "fields"), index, count, item)
    {
        if (strcmp(client_text(item, "level"), "missing") != 0)
            printf(" %s %s %+.1f", client_text(item, "name"), client_text(item, "level"),
                yyjson_get_num(yyjson_obj_get(item, "weight")));
    }
    printf("\n");
    yyjson_arr_foreach(yyjson_obj_get(pair, "persons"), index, count, item) print_person(item);
}

/* -- actions -- */

static int list(int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    const char *limit = "50", *cursor = NULL;
    bool json = false;
    for (int i = 0; i < argc; i++) {
        bool valued = i + 1 < argc;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (valued && strcmp(argv[i], "--limit") == 0)
            limit = argv[++i];
        else if (valued && strcmp(argv[i], "--cursor") == 0)
            cursor = argv[++i];
        else
            return command_unknown("duplicates", argv[i]);
    }
    buffer_text(&path, PATH "?limit=");
    client_escape(&path, limit);
    if (cursor) {
        buffer_text(&path, "&cursor=");
        client_escape(&path, cursor);
    }
    return json ? client_show(PEER_API, "GET", buffer_c_str(&path), NULL)
                : client_print_page(buffer_c_str(&path), "duplicates", print_pair);
}

static int search(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return client_show(PEER_API, "POST", PATH "/search", NULL);
}

static int progress(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return client_show(PEER_API, "GET", PATH "/search", NULL);
}

static int dismiss(int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    if (argc != 3 || strcmp(argv[1], "--reason") != 0)
        return command_usage("duplicates");
    buffer_text(&path, PATH "/");
    client_escape(&path, argv[0]);
    buffer_text(&path, "/dismiss");
    json_open(&json, '{');
    json_field_text(&json, "reason", argv[2]);
    json_close(&json, '}');
    return client_show(PEER_API, "POST", buffer_c_str(&path), buffer_c_str(&body));
}

int command_duplicates(int argc, char **argv)
{
    static const struct action actions[] = {
        {"search", search, 0, 0},
        {"progress", progress, 0, 0},
        {"list", list, 0, 5},
        {"dismiss", dismiss, 3, 3},
    };
    return command_act(actions, COUNT_OF(actions), argc, argv);
}
