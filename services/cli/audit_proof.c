/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit key`, `rotate-key`, `witness-key`: the keys by which the log is proven, from the machine itself. */
#include "services/cli/audit_proof.h"

#include "common/json.h"
#include "common/rpc.h"
#include "proto/audit.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/operator.h"

#include <stdio.h>
#include <string.h>

/* -- the request -- */

static void write_signer(struct json *json, const Quanyu__AuditSigner *signer)
{
    json_open(json, '{');
    json_field_text(json, "verifier_key", signer->verifier_key);
    json_field_unsigned(json, "from_size", signer->from_size);
    json_field_time(json, "created_at", signer->time_ms);
    if (signer->lost)
        json_field_bool(json, "lost_before", true);
    json_close(json, '}');
}

static void write_witness(struct json *json, const Quanyu__AuditWitness *witness)
{
    json_open(json, '{');
    json_field_text(json, "verifier_key", witness->verifier_key);
    json_field_unsigned(json, "size", witness->size);
    if (witness->time_s > 0)
        json_field_time(json, "time", (int64_t)witness->time_s * 1000);
    json_field_time(json, "added_at", witness->added_ms);
    json_close(json, '}');
}

static int print(const Quanyu__AuditKeysReply *reply, bool witnesses)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    for (size_t i = 0; i < (witnesses ? reply->n_witnesses : reply->n_signers); i++) {
        struct json json = json_to(&text);
        if (witnesses)
            write_witness(&json, reply->witnesses[i]);
        else
            write_signer(&json, reply->signers[i]);
        buffer_byte(&text, '\n');
    }
    return !buffer_error(&text) && fwrite(text.data, 1, text.size, stdout) == text.size ? 0 : 1;
}

static int ask(struct operator* operator, Quanyu__AuditKeysRequest * question, bool witnesses)
{
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    Quanyu__AuditReply *reply;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_KEYS;
    request.keys = question;
    return operator_ask_audit(operator, & request, &reply) ? print(reply->keys, witnesses) : 1;
}

static int run(Quanyu__AuditKeysRequest *question, bool witnesses)
{
    struct operator operator= { 0 };
    int status = operator_open(&operator) ? 1 : ask(&operator, question, witnesses);
    operator_close(&operator);
    return status;
}

/* -- the parts -- */

static int show_key(int argc, char **argv)
{
    Quanyu__AuditKeysRequest question = QUANYU__AUDIT_KEYS_REQUEST__INIT;
    return argc > 1 ? command_unknown("audit", argv[1]) : run(&question, false);
}

static int rotate_key(int argc, char **argv)
{
    Quanyu__AuditKeysRequest question = QUANYU__AUDIT_KEYS_REQUEST__INIT;
    question.act = QUANYU__AUDIT_KEYS_REQUEST__ACT__ROTATE;
    question.lost = argc == 2 && strcmp(argv[1], "--lost") == 0;
    return argc > 1 && !question.lost ? command_unknown("audit", argv[1]) : run(&question, false);
}

static int list_witnesses(int argc, char **argv)
{
    Quanyu__AuditKeysRequest question = QUANYU__AUDIT_KEYS_REQUEST__INIT;
    (void)argc;
    (void)argv;
    return run(&question, true);
}

static int change_witness(Quanyu__AuditKeysRequest__Act act, char *key)
{
    Quanyu__AuditKeysRequest question = QUANYU__AUDIT_KEYS_REQUEST__INIT;
    question.act = act;
    question.witness = key;
    return run(&question, true);
}

static int add_witness(int argc, char **argv)
{
    (void)argc;
    return change_witness(QUANYU__AUDIT_KEYS_REQUEST__ACT__WITNESS_ADD, argv[0]);
}

static int remove_witness(int argc, char **argv)
{
    (void)argc;
    return change_witness(QUANYU__AUDIT_KEYS_REQUEST__ACT__WITNESS_REMOVE, argv[0]);
}

static int witness_key(int argc, char **argv)
{
    static const struct action actions[] = {
        {"list", list_witnesses, 0, 0},
        {"add", add_witness, 1, 1},
        {"remove", remove_witness, 1, 1},
    };
    char name[] = "audit", *own[4] = {name};
    int count = argc < 4 ? argc : 4;
    for (int i = 1; i < count; i++)
        own[i] = argv[i];
    return argc > 3 ? command_unknown("audit", argv[3]) : command_act(actions, COUNT_OF(actions), count, own);
}

bool audit_proof_run(int argc, char **argv, int *ret_status)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } parts[] = {
        {"key", show_key},
        {"rotate-key", rotate_key},
        {"witness-key", witness_key},
        {"witness", audit_witness},
        {"verify", audit_verify},
        {"verify-receipt", audit_verify_receipt},
        {"backup", audit_backup},
        {"restore", audit_restore},
        {"mirror", audit_mirror},
    };
    for (size_t i = 0; argc > 1 && i < COUNT_OF(parts); i++) {
        if (strcmp(parts[i].name, argv[1]) != 0)
            continue;
        *ret_status = parts[i].run(argc - 1, argv + 1);
        return true;
    }
    return false;
}
