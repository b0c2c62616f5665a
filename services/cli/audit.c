/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit`: questions to the audit log, over the auditors' port. */
#include "services/audit/audit_filter.h"
#include "services/cli/audit_lasting.h"
#include "services/cli/audit_proof.h"
#include "services/cli/client.h"
#include "services/cli/command.h"

#include <stdio.h>
#include <string.h>

/* What is asked, and what it takes besides the filters, "from", "to" and "timezone". */
static const struct question {
    const char *name; /* "": the same as "search" */
    const char *path;
    const char *const *options; /* NULL-terminated */
    bool named;                 /* a word behind it ends the path */
    bool raw;                   /* the answer is printed as it is */
} questions[] = {
    {"search", "/v1/records", (const char *const[]){"order", "limit", "cursor", NULL}, false, false},
    {"count", "/v1/records/count", (const char *const[]){NULL}, false, false},
    {"histogram", "/v1/records/histogram", (const char *const[]){"by", "top", NULL}, false, false},
    {"report", "/v1/reports/", (const char *const[]){"format", NULL}, true, true},
    {"ocsf", "/v1/export/ocsf", (const char *const[]){"from_index", "lines", NULL}, false, true},
    {"", "/v1/records", (const char *const[]){"order", "limit", "cursor", NULL}, false, false},
};

static const struct question *find_question(const char *name)
{
    size_t i = 0;
    while (i + 1 < COUNT_OF(questions) && strcmp(questions[i].name, name) != 0)
        i++;
    return &questions[i];
}

static bool is_option(const struct question *question, const char *name)
{
    static const char *const everywhere[] = {"from", "to", "timezone"};
    for (size_t i = 0; i < COUNT_OF(everywhere); i++)
        if (strcmp(everywhere[i], name) == 0)
            return true;
    for (const char *const *option = question->options; *option; option++)
        if (strcmp(*option, name) == 0)
            return true;
    return audit_filter_name(name);
}

/* Prints the answer as it is, or the problem. */
static int print_raw(const char *path)
{
    struct client client;
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    if (client_open(&client))
        return 1;
    long status = client_call(&client, PEER_AUDIT, "GET", path, NULL, 0, &answer);
    client_close(&client);
    if (status < 0)
        return 1;
    FILE *out = status / 100 == 2 ? stdout : stderr;
    bool written = !buffer_error(&answer) && fwrite(answer.data, 1, answer.size, out) == answer.size;
    return written && status / 100 == 2 ? 0 : 1;
}

/* Options from argv[at] on become the query. */
static int ask(const struct question *question, int at, int argc, char **argv)
{
    _cleanup_(buffer_free) struct buffer path = BUFFER_INIT;
    buffer_text(&path, question->path);
    if (question->named) {
        if (at == argc || argv[at][0] == '-')
            return command_usage(argv[0]);
        client_escape(&path, argv[at++]);
    }
    for (char mark = '?'; at < argc; at += 2, mark = '&') {
        if (strncmp(argv[at], "--", 2) != 0 || !is_option(question, argv[at] + 2))
            return command_unknown(argv[0], argv[at]);
        if (at + 1 == argc)
            return command_usage(argv[0]);
        buffer_printf(&path, "%c%s=", mark, argv[at] + 2);
        client_escape(&path, argv[at + 1]);
    }
    return question->raw ? print_raw(buffer_c_str(&path))
                         : client_show(PEER_AUDIT, "GET", buffer_c_str(&path), NULL);
}

int command_audit(int argc, char **argv)
{
    int status;
    if (audit_proof_run(argc, argv, &status) || audit_lasting_run(argc, argv, &status))
        return status;
    bool tree = argc > 1 && strcmp(argv[1], "tree") == 0;
    if (tree && argc > 2)
        return command_unknown(argv[0], argv[2]);
    if (tree)
        return client_show(PEER_AUDIT, "GET", "/v1/tree", NULL);
    const struct question *question = find_question(argc > 1 ? argv[1] : "");
    return ask(question, *question->name ? 2 : 1, argc, argv);
}
