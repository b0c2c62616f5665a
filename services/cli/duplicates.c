/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu duplicates`: people who are likely one, over the API. */
#include "common/json.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <stdio.h>
#include <string.h>

#define PATH "/api/v1/duplicates"

static const char *text_of(yyjson_val *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text ? text : "";
}

/* -- printing -- */

static void print_person(yyjson_val *person)
{
    size_t index, count;
    yyjson_val *item, *key;
    printf("    %s", text_of(person, "one_id"));
    yyjson_obj_foreach(yyjson_obj_get(person, "traits"), index, count, key, item)
        printf(" %s=%s", yyjson_get_str(key), yyjson_is_str(item) ? yyjson_get_str(item) : "***");
    yyjson_arr_foreach(yyjson_obj_get(person, "identifiers"), index, count, item)
    {
        const char *value = text_of(item, "value");
        printf(" %s%s%s (%s)", text_of(item, "kind"), *value ? ":" : "", value, text_of(item, "id"));
    }
    printf("\n");
}

static void print_pair(yyjson_val *pair)
{
    size_t index, count;
    yyjson_val *item;
    printf("%.4f  %+.1f  %s\n   ", yyjson_get_num(yyjson_obj_get(pair, "probability")),
        yyjson_get_num(yyjson_obj_get(pair, "score")), text_of(pair, "id"));
    yyjson_arr_foreach(yyjson_obj_get(pair, "fields"), index, count, item)
    {
        if (strcmp(text_of(item, "level"), "missing") != 0)
            printf(" %s %s %+.1f", text_of(item, "name"), text_of(item, "level"),
                yyjson_get_num(yyjson_obj_get(item, "weight")));
    }
    printf("\n");
    yyjson_arr_foreach(yyjson_obj_get(pair, "persons"), index, count, item) print_person(item);
}

static int print_list(const char *path)
{
    struct client client;
    size_t index, count;
    yyjson_val *pair;
    if (client_open(&client))
        return 1;
    yyjson_doc *doc = client_ask(&client, PEER_API, "GET", path, NULL);
    client_close(&client);
    if (!doc)
        return 1;
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_arr_foreach(yyjson_obj_get(root, "duplicates"), index, count, pair) print_pair(pair);
    if (*text_of(root, "next_cursor"))
        printf("more: --cursor %s\n", text_of(root, "next_cursor"));
    yyjson_doc_free(doc);
    return 0;
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
    return json ? client_show(PEER_API, "GET", buffer_c_str(&path), NULL) : print_list(buffer_c_str(&path));
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
