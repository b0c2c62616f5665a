/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu dump --canonical`: the state of all services as sorted lines, in which the numbers of nodes and persons, which depend on
 * the order of arrival, are replaced by names: a node's is its kind and keyed hash, a person's that of its first node by name. */
#include "common/buffer.h"
#include "common/rpc.h"
#include "proto/audit.pb-c.h"
#include "proto/identity.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_PAGE 10000
#define TIMEOUT_MS 60000

static const char *const services[] = {"gateway", "identity", "tagging", "campaign", "audit"};

struct dump {
    struct operator operator;
    char **nodes;   /* by number; NULL where there is none */
    char **persons; /* by number; borrowed from nodes */
    size_t node_count;
    char **lines;
    size_t line_count, line_capacity;
};

/* -- on record -- */

/* What everybody did and is, under whatever names, is a use of personal data: first the record, then the data. */
static int put_on_record(struct dump *dump)
{
    char id[OPERATOR_ID_BYTES];
    Quanyu__Actor actor;
    operator_actor(id, &actor);
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT, *records = &record;
    record.actor = &actor;
    record.action = (char *)"state.dump";
    record.outcome = (char *)"ok";
    Quanyu__AppendRequest append = QUANYU__APPEND_REQUEST__INIT;
    append.n_records = 1;
    append.records = &records;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_APPEND;
    request.append = &append;
    struct rpc_call call = {.timeout_ms = TIMEOUT_MS, .patient = true};
    ProtobufCMessage *reply;
    int error = rpc_call(dump->operator.client, "audit", &call, &request.base,
        &quanyu__audit_reply__descriptor, dump->operator.arena, &reply, NULL);
    arena_reset(dump->operator.arena);
    return error;
}

/* -- names -- */

static int keep_name(struct dump *dump, const Quanyu__NodeNamesReply__Name *name)
{
    size_t need = (size_t)(name->node > name->person ? name->node : name->person) + 1;
    if (need > dump->node_count) {
        size_t count = need * 2;
        char **nodes = realloc(dump->nodes, count * sizeof(*nodes));
        if (nodes)
            dump->nodes = nodes;
        char **persons = realloc(dump->persons, count * sizeof(*persons));
        if (persons)
            dump->persons = persons;
        if (!nodes || !persons)
            return -QY_ENOMEM;
        memset(nodes + dump->node_count, 0, (count - dump->node_count) * sizeof(*nodes));
        memset(persons + dump->node_count, 0, (count - dump->node_count) * sizeof(*persons));
        dump->node_count = count;
    }
    char text[256];
    snprintf(text, sizeof(text), "%s:%s", name->kind, name->hash);
    char *copy = strdup(text);
    if (!copy)
        return -QY_ENOMEM;
    dump->nodes[name->node] = copy;
    char **person = &dump->persons[name->person];
    if (!*person || strcmp(copy, *person) < 0)
        *person = copy;
    return 0;
}

static int fetch_names(struct dump *dump)
{
    uint32_t from = 1;
    while (from) {
        Quanyu__NodeNamesRequest question = QUANYU__NODE_NAMES_REQUEST__INIT;
        question.from = from;
        question.limit = NAMES_PAGE;
        Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
        request.call_case = QUANYU__IDENTITY_REQUEST__CALL_NODE_NAMES;
        request.node_names = &question;
        struct rpc_call call = {.timeout_ms = TIMEOUT_MS, .patient = true};
        ProtobufCMessage *reply;
        int error = rpc_call(dump->operator.client, "identity", &call, &request.base,
            &quanyu__identity_reply__descriptor, dump->operator.arena, &reply, NULL);
        if (error)
            return error;
        const Quanyu__NodeNamesReply *page = ((Quanyu__IdentityReply *)reply)->node_names;
        for (size_t i = 0; !error && i < page->n_names; i++)
            error = keep_name(dump, page->names[i]);
        from = page->next;
        arena_reset(dump->operator.arena);
        if (error)
            return error;
    }
    return 0;
}

/* -- lines -- */

static const char *name_of(const struct dump *dump, char which, unsigned long number)
{
    char **names = which == 'n' ? dump->nodes : dump->persons;
    return number < dump->node_count ? names[number] : NULL;
}

/* "n:12" and "p:12", as whole JSON strings, become names. */
static void replace_numbers(const struct dump *dump, const char *line, size_t size, struct buffer *out)
{
    const char *end = line + size;
    while (line < end) {
        bool token = end - line > 4 && line[0] == '"' && (line[1] == 'n' || line[1] == 'p') && line[2] == ':';
        char *after = NULL;
        unsigned long number = token ? strtoul(line + 3, &after, 10) : 0;
        const char *name =
            token && after && after < end && *after == '"' ? name_of(dump, line[1], number) : NULL;
        if (name) {
            buffer_printf(out, "\"%c:%s\"", line[1], name);
            line = after + 1;
        } else {
            buffer_byte(out, (uint8_t)*line++);
        }
    }
}

static int keep_line(struct dump *dump, const char *service, const char *line, size_t size)
{
    if (dump->line_count == dump->line_capacity) {
        size_t capacity = dump->line_capacity ? dump->line_capacity * 2 : 1024;
        char **lines = realloc(dump->lines, capacity * sizeof(*lines));
        if (!lines)
            return -QY_ENOMEM;
        dump->lines = lines;
        dump->line_capacity = capacity;
    }
    struct buffer text = BUFFER_INIT;
    buffer_printf(&text, "%s ", service);
    replace_numbers(dump, line, size, &text);
    buffer_byte(&text, 0);
    if (buffer_error(&text)) {
        buffer_free(&text);
        return -QY_ENOMEM;
    }
    dump->lines[dump->line_count++] = (char *)text.data;
    return 0;
}

static int keep_lines(struct dump *dump, const char *service, ProtobufCBinaryData page)
{
    const char *at = (const char *)page.data, *end = at + page.len;
    int error = 0;
    while (!error && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t size = newline ? (size_t)(newline - at) : (size_t)(end - at);
        if (size > 0)
            error = keep_line(dump, service, at, size);
        at += size + 1;
    }
    return error;
}

static int fetch_lines(struct dump *dump, const char *service)
{
    char cursor[128] = "";
    do {
        Quanyu__DumpRequest question = QUANYU__DUMP_REQUEST__INIT;
        question.cursor = cursor;
        Quanyu__RuntimeRequest request = QUANYU__RUNTIME_REQUEST__INIT;
        request.call_case = QUANYU__RUNTIME_REQUEST__CALL_DUMP;
        request.dump = &question;
        struct rpc_call call = {.timeout_ms = TIMEOUT_MS, .patient = true};
        ProtobufCMessage *reply;
        int error = rpc_call(dump->operator.client, service, &call, &request.base,
            &quanyu__runtime_reply__descriptor, dump->operator.arena, &reply, NULL);
        if (error)
            return error;
        const Quanyu__DumpReply *page = ((Quanyu__RuntimeReply *)reply)->dump;
        error = keep_lines(dump, service, page->lines);
        snprintf(cursor, sizeof(cursor), "%s", page->cursor);
        arena_reset(dump->operator.arena);
        if (error)
            return error;
    } while (cursor[0]);
    return 0;
}

/* -- the command -- */

static void dump_close(struct dump *dump)
{
    operator_close(&dump->operator);
    for (size_t i = 0; i < dump->node_count; i++)
        free(dump->nodes[i]);
    for (size_t i = 0; i < dump->line_count; i++)
        free(dump->lines[i]);
    free(dump->nodes);
    free(dump->persons);
    free(dump->lines);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int command_dump(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[argc - 1], "--canonical") != 0)
        return command_unknown(argv[0], argv[argc - 1]);
    if (argc != 2)
        return command_usage(argv[0]);
    struct dump dump = {0};
    int error = operator_open(&dump.operator);
    if (!error)
        error = operator_complain(put_on_record(&dump), "audit");
    if (!error)
        error = operator_complain(fetch_names(&dump), "identity");
    for (size_t i = 0; !error && i < COUNT_OF(services); i++)
        error = operator_complain(fetch_lines(&dump, services[i]), services[i]);
    if (!error) {
        qsort(dump.lines, dump.line_count, sizeof(*dump.lines), compare_lines);
        for (size_t i = 0; i < dump.line_count; i++)
            puts(dump.lines[i]);
    }
    dump_close(&dump);
    return error ? 1 : 0;
}
