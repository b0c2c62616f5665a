/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu identity`: who is who, why, and what is decided by hand, over the API. */
#include "common/json.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API "/api/v1"
#define PLACES_MAX 101

/* What stands behind the action. */
struct arguments {
    const char *places[PLACES_MAX]; /* no options */
    int count;
    const char *reason, *since, *limit, *cursor;
    bool json;
};

enum { TAKES_REASON = 1, TAKES_PAGE = 2, TAKES_JSON = 4, TAKES_SINCE = 8 };

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static const char **option_of(struct arguments *arguments, const char *name, unsigned takes)
{
    if (takes & TAKES_REASON && is(name, "--reason"))
        return &arguments->reason;
    if (takes & TAKES_SINCE && is(name, "--since"))
        return &arguments->since;
    if (takes & TAKES_PAGE && is(name, "--limit"))
        return &arguments->limit;
    if (takes & TAKES_PAGE && is(name, "--cursor"))
        return &arguments->cursor;
    return NULL;
}

/* 0, or the exit status of wrong usage, said. */
static int read_arguments(int argc, char **argv, unsigned takes, int least, int most, struct arguments *ret)
{
    *ret = (struct arguments){.count = 0};
    for (int i = 0; i < argc; i++) {
        const char **option = option_of(ret, argv[i], takes);
        if (option && i + 1 == argc)
            return command_usage("identity");
        if (option)
            *option = argv[++i];
        else if (takes & TAKES_JSON && is(argv[i], "--json"))
            ret->json = true;
        else if (argv[i][0] != '-' && ret->count < most)
            ret->places[ret->count++] = argv[i];
        else
            return command_unknown("identity", argv[i]);
    }
    if (ret->count < least || (takes & TAKES_REASON && !ret->reason) || (takes & TAKES_SINCE && !ret->since))
        return command_usage("identity");
    return 0;
}

/* -- decisions by hand -- */

/* KIND:VALUE, or an id. */
static void write_ref(struct json *json, const char *ref)
{
    const char *colon = strchr(ref, ':');
    json_open(json, '{');
    if (colon) {
        json_name(json, "kind");
        json_text_n(json, ref, (size_t)(colon - ref));
        json_field_text(json, "value", colon + 1);
    } else {
        json_field_text(json, "id", ref);
    }
    json_close(json, '}');
}

enum shape { SHAPE_NONE, SHAPE_ONE, SHAPE_LIST };

/* A body with the identifiers from `first` on, and the reason. */
static void write_body(struct buffer *body, const struct arguments *arguments, enum shape shape, int first)
{
    struct json json = json_to(body);
    json_open(&json, '{');
    if (shape != SHAPE_NONE)
        json_name(&json, shape == SHAPE_LIST ? "identifiers" : "identifier");
    if (shape == SHAPE_LIST)
        json_open(&json, '[');
    for (int i = first; shape != SHAPE_NONE && i < arguments->count; i++)
        write_ref(&json, arguments->places[i]);
    if (shape == SHAPE_LIST)
        json_close(&json, ']');
    if (arguments->since)
        json_field_text(&json, "since", arguments->since);
    json_field_text(&json, "reason", arguments->reason);
    json_close(&json, '}');
}

/* One that the action names by its first argument, or none where `base` is the whole path. */
struct decision {
    const char *method, *base, *end;
    enum shape shape;
    int least, most;
    bool named;
    unsigned takes; /* besides a reason */
};

static int decide(const struct decision *decision, int argc, char **argv)
{
    struct arguments arguments;
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    int wrong = read_arguments(
        argc, argv, TAKES_REASON | decision->takes, decision->least, decision->most, &arguments);
    if (wrong)
        return wrong;
    buffer_text(&path, decision->base);
    if (decision->named)
        client_escape(&path, arguments.places[0]);
    buffer_text(&path, decision->end);
    write_body(&body, &arguments, decision->shape, decision->named);
    return client_show(PEER_API, decision->method, buffer_c_str(&path), buffer_c_str(&body));
}

static int join(int argc, char **argv)
{
    const struct decision way = {"POST", API "/persons/join", "", SHAPE_LIST, 2, 2, false, 0};
    return decide(&way, argc, argv);
}

static int split(int argc, char **argv)
{
    const struct decision way = {"POST", API "/persons/", "/split", SHAPE_LIST, 2, PLACES_MAX, true, 0};
    return decide(&way, argc, argv);
}

static int move(int argc, char **argv)
{
    const struct decision way = {"POST", API "/persons/", "/move", SHAPE_ONE, 2, 2, true, 0};
    return decide(&way, argc, argv);
}

static int block(int argc, char **argv)
{
    const struct decision way = {"POST", API "/identifiers/block", "", SHAPE_ONE, 1, 1, false, 0};
    return decide(&way, argc, argv);
}

static int reassign(int argc, char **argv)
{
    const struct decision way = {
        "POST", API "/identifiers/reassign", "", SHAPE_ONE, 1, 1, false, TAKES_SINCE};
    return decide(&way, argc, argv);
}

static int withdraw(int argc, char **argv)
{
    const struct decision way = {"POST", API "/evidence/", "/withdraw", SHAPE_NONE, 1, 1, true, 0};
    return decide(&way, argc, argv);
}

static int undo(int argc, char **argv)
{
    const struct decision way = {"DELETE", API "/identity-decisions/", "", SHAPE_NONE, 1, 1, true, 0};
    return decide(&way, argc, argv);
}

/* -- printing -- */

static void print_identifier(yyjson_val *identifier)
{
    const char *value = client_text(identifier, "value");
    printf("%s%s%s (%s%s)", client_text(identifier, "kind"), *value ? ":" : "", value,
        client_text(identifier, "id"),
        yyjson_get_bool(yyjson_obj_get(identifier, "verified")) ? ", verified" : "");
}

static void print_identifiers(yyjson_val *list)
{
    size_t index, count;
    yyjson_val *identifier;
    yyjson_arr_foreach(list, index, count, identifier)
    {
        printf("%s", index ? ", " : "");
        print_identifier(identifier);
    }
}

/* Where it comes from: "position 12, 2026-03-01T00:00:00Z, Web shop". */
static void print_source(yyjson_val *object)
{
    yyjson_val *key = yyjson_obj_get(object, "write_key");
    const char *texts[] = {client_text(object, "time"),
        *client_text(key, "name") ? client_text(key, "name") : client_text(key, "id"),
        client_text(object, "decision"), client_text(object, "by"), client_text(object, "reason")};
    const char *position = client_text(object, "position"), *comma = "";
    if (*position) {
        printf("position %s", position);
        comma = ", ";
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (!*texts[i])
            continue;
        printf("%s%s", comma, texts[i]);
        comma = ", ";
    }
    printf("\n");
}

static void print_link(yyjson_val *link)
{
    yyjson_val *ends = yyjson_obj_get(link, "identifiers"), *refused = yyjson_obj_get(link, "refused");
    print_identifier(yyjson_arr_get(ends, 0));
    printf(" %s ", yyjson_is_obj(refused) ? "-/-" : "---");
    print_identifier(yyjson_arr_get(ends, 1));
    printf("\n    %s: ", client_text(link, "rank"));
    print_source(link);
    if (yyjson_is_obj(refused))
        printf("    refused (%s): %s\n", client_text(refused, "reason"), client_text(refused, "detail"));
}

static void print_entry(yyjson_val *entry)
{
    printf("%s %-10s ", client_text(entry, "at"), client_text(entry, "what"));
    print_identifiers(yyjson_obj_get(entry, "identifiers"));
    if (*client_text(entry, "from"))
        printf(" from %s", client_text(entry, "from"));
    if (*client_text(entry, "to"))
        printf(" to %s", client_text(entry, "to"));
    printf("\n    ");
    print_source(entry);
}

static void print_decision(yyjson_val *decision)
{
    yyjson_val *undone = yyjson_obj_get(decision, "undone");
    printf("%-6s %s %-8s ", client_text(decision, "id"), client_text(decision, "at"),
        client_text(decision, "what"));
    print_identifiers(yyjson_obj_get(decision, "identifiers"));
    if (*client_text(decision, "position"))
        printf(" position %s", client_text(decision, "position"));
    printf("\n       %s: %s\n", client_text(decision, "by"), client_text(decision, "reason"));
    if (yyjson_is_obj(undone))
        printf("       undone %s by %s: %s\n", client_text(undone, "at"), client_text(undone, "by"),
            client_text(undone, "reason"));
}

static void print_busy(yyjson_val *row)
{
    print_identifier(yyjson_obj_get(row, "identifier"));
    printf(" %s: seen with %llu of %s\n", client_text(row, "reason"),
        (unsigned long long)yyjson_get_uint(yyjson_obj_get(row, "seen_with")), client_text(row, "kind"));
}

/* -- looking -- */

/* `named`: the first argument stands behind `base`. */
static int show_page(int argc, char **argv, bool named, const char *base, const char *end, const char *member,
    client_print_fn *print)
{
    struct arguments arguments;
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    int wrong = read_arguments(argc, argv, TAKES_PAGE | TAKES_JSON, named, named, &arguments);
    if (wrong)
        return wrong;
    buffer_text(&path, base);
    if (named)
        client_escape(&path, arguments.places[0]);
    buffer_printf(&path, "%s?limit=", end);
    client_escape(&path, arguments.limit ? arguments.limit : "50");
    if (arguments.cursor) {
        buffer_text(&path, "&cursor=");
        client_escape(&path, arguments.cursor);
    }
    return arguments.json ? client_show(PEER_API, "GET", buffer_c_str(&path), NULL)
                          : client_print_page(buffer_c_str(&path), member, print);
}

static int decisions(int argc, char **argv)
{
    return show_page(argc, argv, false, API "/identity-decisions", "", "decisions", print_decision);
}

static int conflicts(int argc, char **argv)
{
    return show_page(argc, argv, false, API "/identity-conflicts", "", "conflicts", print_link);
}

static int busy(int argc, char **argv)
{
    return show_page(argc, argv, false, API "/identity-busy", "", "busy", print_busy);
}

static int history(int argc, char **argv)
{
    return show_page(argc, argv, true, API "/persons/", "/history", "history", print_entry);
}

static void print_why(yyjson_val *why)
{
    size_t index, count;
    yyjson_val *persons = yyjson_obj_get(why, "persons"), *links = yyjson_obj_get(why, "links"), *link;
    const char *one = yyjson_get_str(yyjson_arr_get(persons, 0));
    const char *other = yyjson_get_str(yyjson_arr_get(persons, 1));
    if (yyjson_get_bool(yyjson_obj_get(why, "one_person")) || !one || !other)
        printf("one person, %s\n", one ? one : "");
    else
        printf("two persons, %s and %s%s\n", one, other,
            yyjson_arr_size(links) ? "" : "; nothing connects them");
    yyjson_arr_foreach(links, index, count, link) print_link(link);
}

static int explain(int argc, char **argv)
{
    struct arguments arguments;
    struct client client;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    int wrong = read_arguments(argc, argv, TAKES_JSON, 2, 2, &arguments);
    if (wrong)
        return wrong;
    json_open(&json, '{');
    json_name(&json, "one");
    write_ref(&json, arguments.places[0]);
    json_name(&json, "other");
    write_ref(&json, arguments.places[1]);
    json_close(&json, '}');
    if (arguments.json)
        return client_show(PEER_API, "POST", API "/identifiers/explain", buffer_c_str(&body));
    if (client_open(&client))
        return 1;
    yyjson_doc *doc = client_ask(&client, PEER_API, "POST", API "/identifiers/explain", buffer_c_str(&body));
    client_close(&client);
    if (doc)
        print_why(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return doc ? 0 : 1;
}

/* -- rules -- */

static int send_document(const char *method, const char *path, const char *name)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    if (!command_read_file(name, &text))
        return 1;
    return client_show(PEER_API, method, path, buffer_c_str(&text));
}

static int rules(int argc, char **argv)
{
    struct arguments arguments;
    int wrong = read_arguments(argc, argv, 0, 0, 1, &arguments);
    if (wrong)
        return wrong;
    return arguments.count ? send_document("PUT", API "/identity-rules", arguments.places[0])
                           : client_show(PEER_API, "GET", API "/identity-rules", NULL);
}

static int dry_run(int argc, char **argv)
{
    struct arguments arguments;
    int wrong = read_arguments(argc, argv, 0, 0, 1, &arguments);
    if (wrong)
        return wrong;
    return arguments.count ? send_document("POST", API "/identity-rules/dry-run", arguments.places[0])
                           : client_show(PEER_API, "GET", API "/identity-rules/dry-run", NULL);
}

int command_identity(int argc, char **argv)
{
    static const struct action actions[] = {
        {"explain", explain, 2, 3},
        {"history", history, 1, 6},
        {"conflicts", conflicts, 0, 5},
        {"busy", busy, 0, 5},
        {"decisions", decisions, 0, 5},
        {"join", join, 2, 4},
        {"split", split, 2, PLACES_MAX + 2},
        {"move", move, 2, 4},
        {"block", block, 1, 3},
        {"reassign", reassign, 1, 5},
        {"withdraw", withdraw, 1, 3},
        {"undo", undo, 1, 3},
        {"rules", rules, 0, 1},
        {"dry-run", dry_run, 0, 1},
    };
    return command_act(actions, COUNT_OF(actions), argc, argv);
}
