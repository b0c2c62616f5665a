/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu bootstrap`: access for the first admin, from the machine itself. */
#include "common/json.h"
#include "common/rpc.h"
#include "proto/gateway.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int ask(struct operator* operator, bool token, const Quanyu__BootstrapReply **ret_reply)
{
    char id[OPERATOR_ID_BYTES];
    Quanyu__Actor actor;
    Quanyu__BootstrapRequest question = QUANYU__BOOTSTRAP_REQUEST__INIT;
    Quanyu__GatewayRequest request = QUANYU__GATEWAY_REQUEST__INIT;
    ProtobufCMessage *reply;
    operator_actor(id, &actor);
    question.token = token;
    request.call_case = QUANYU__GATEWAY_REQUEST__CALL_BOOTSTRAP;
    request.bootstrap = &question;
    struct rpc_call call = {.actor = &actor, .patient = true};
    int error = rpc_call(operator->client, "gateway", &call, &request.base,
        &quanyu__gateway_reply__descriptor, operator->arena, &reply, NULL);
    if (!error)
        *ret_reply = ((Quanyu__GatewayReply *)reply)->bootstrap;
    return error;
}

static void write_reply(struct json *json, const Quanyu__BootstrapReply *reply)
{
    json_open(json, '{');
    json_field_text(json, "staff", reply->staff);
    json_field_text(json, "login", reply->login);
    json_field_optional(json, "invitation", reply->invitation);
    json_field_optional(json, "link", reply->link);
    json_field_optional(json, "token", reply->token);
    json_field_time(json, "expires_at", reply->expires_ms);
    json_close(json, '}');
}

/* A new file that nobody else can read; never in place of another. */
static int write_file(const char *path, const struct buffer *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        fprintf(stderr, "quanyu: %s: %s\n", path, strerror(errno));
        return 1;
    }
    bool written = write(file, text->data, text->size) == (ssize_t)text->size && fsync(file) == 0;
    if (close(file) != 0 || !written) {
        fprintf(stderr, "quanyu: %s could not be written\n", path);
        return 1;
    }
    return 0;
}

static int give(struct operator* operator, bool token, const char *path)
{
    const Quanyu__BootstrapReply *reply = NULL;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    if (path && access(path, F_OK) == 0) {
        fprintf(stderr, "quanyu: %s is there already\n", path);
        return 1;
    }
    if (operator_complain(ask(operator, token, &reply), "gateway") || !reply)
        return 1;
    write_reply(&json, reply);
    buffer_byte(&text, '\n');
    if (buffer_error(&text))
        return 1;
    if (path)
        return write_file(path, &text);
    return fwrite(text.data, 1, text.size, stdout) == text.size ? 0 : 1;
}

int command_bootstrap(int argc, char **argv)
{
    struct operator operator= { 0 };
    const char *path = NULL;
    bool token = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--token") == 0)
            token = true;
        else if (strcmp(argv[i], "--file") == 0 && i + 1 < argc)
            path = argv[++i];
        else if (strcmp(argv[i], "--file") == 0)
            return command_usage(argv[0]);
        else
            return command_unknown(argv[0], argv[i]);
    }
    int status = operator_open(&operator) ? 1 : give(&operator, token, path);
    operator_close(&operator);
    return status;
}
