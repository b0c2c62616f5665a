/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu auditor`: auditors' tokens, from the machine itself. */
#include "common/json.h"
#include "common/rpc.h"
#include "proto/audit.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_auditor(struct json *json, const Quanyu__AuditorsReply__Auditor *auditor, const char *token)
{
    json_open(json, '{');
    json_field_text(json, "id", auditor->id);
    json_field_text(json, "name", auditor->name);
    json_field_text(json, "role", auditor->role);
    json_field_time(json, "created_at", auditor->created_ms);
    json_field_time(json, "expires_at", auditor->expires_ms);
    json_field_optional(json, "token", token);
    json_close(json, '}');
}

static int print(const Quanyu__AuditorsReply *reply)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    for (size_t i = 0; i < reply->n_auditors; i++) {
        struct json json = json_to(&text);
        write_auditor(&json, reply->auditors[i], reply->token);
        buffer_byte(&text, '\n');
    }
    return !buffer_error(&text) && fwrite(text.data, 1, text.size, stdout) == text.size ? 0 : 1;
}

static int ask(struct operator* operator, Quanyu__AuditorsRequest * question)
{
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    Quanyu__AuditReply *reply;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_AUDITORS;
    request.auditors = question;
    return operator_ask_audit(operator, & request, &reply) ? print(reply->auditors) : 1;
}

static int run(Quanyu__AuditorsRequest *question)
{
    struct operator operator= { 0 };
    int status = operator_open(&operator) ? 1 : ask(&operator, question);
    operator_close(&operator);
    return status;
}

static int auditor_list(int argc, char **argv)
{
    Quanyu__AuditorsRequest question = QUANYU__AUDITORS_REQUEST__INIT;
    (void)argc;
    (void)argv;
    return run(&question);
}

static bool read_option(const char *name, char *value, Quanyu__AuditorsRequest *question)
{
    char *end;
    if (strcmp(name, "--role") == 0) {
        question->role = value;
        return true;
    }
    unsigned long days = strcmp(name, "--days") == 0 ? strtoul(value, &end, 10) : 0;
    question->days = (uint32_t)days;
    return days >= 1 && days <= 3650 && !*end;
}

static int auditor_create(int argc, char **argv)
{
    Quanyu__AuditorsRequest question = QUANYU__AUDITORS_REQUEST__INIT;
    question.act = QUANYU__AUDITORS_REQUEST__ACT__MAKE;
    question.name = argv[0];
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !read_option(argv[i], argv[i + 1], &question))
            return command_usage("auditor");
    return run(&question);
}

static int auditor_revoke(int argc, char **argv)
{
    Quanyu__AuditorsRequest question = QUANYU__AUDITORS_REQUEST__INIT;
    (void)argc;
    question.act = QUANYU__AUDITORS_REQUEST__ACT__REVOKE;
    question.id = argv[0];
    return run(&question);
}

int command_auditor(int argc, char **argv)
{
    static const struct action actions[] = {
        {"list", auditor_list, 0, 0},
        {"create", auditor_create, 1, 5},
        {"revoke", auditor_revoke, 1, 1},
    };
    return command_act(actions, COUNT_OF(actions), argc, argv);
}
