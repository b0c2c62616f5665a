/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/operator.h"

#include "common/error.h"
#include "common/keys.h"
#include "common/peers.h"
#include "common/rpc.h"

#include <stdio.h>
#include <unistd.h>

static const char *const services[] = {"gateway", "identity", "tagging", "campaign", "audit"};

int operator_complain(int error, const char *what)
{
    if (error)
        fprintf(stderr, "quanyu: %s: %s\n", what, error_text(error));
    return error;
}

int operator_open(struct operator* operator)
{
    char error[256], endpoints[COUNT_OF(services)][300], name[64];
    struct peer addresses[COUNT_OF(services)];
    struct keys keys;
    if (config_open(NULL, &operator->config, error)) {
        fprintf(stderr, "quanyu: %s\n", error);
        return -QY_EINVAL;
    }
    for (size_t i = 0; i < COUNT_OF(services); i++) {
        snprintf(name, sizeof(name), "%s.host", services[i]);
        const char *host = config_text(operator->config, name);
        snprintf(name, sizeof(name), "%s.rpc_port", services[i]);
        snprintf(endpoints[i], sizeof(endpoints[i]), "tcp://%s:%d", host,
            (int)config_number(operator->config, name));
        addresses[i] = (struct peer){.name = services[i], .endpoint = endpoints[i]};
    }
    const char *directory = config_text(operator->config, "keys");
    int code = operator_complain(keys_load(directory, "cli", &keys), directory);
    if (!code)
        code = peers_open(&keys, directory, addresses, COUNT_OF(services), &operator->peers);
    if (!code)
        code = rpc_client_open(operator->peers, &operator->client);
    return code ? code : arena_open(&operator->arena);
}

void operator_close(struct operator* operator)
{
    rpc_client_close(&operator->client);
    peers_close(&operator->peers);
    arena_close(&operator->arena);
    config_close(&operator->config);
}

void operator_actor(char id_room[OPERATOR_ID_BYTES], Quanyu__Actor *ret_actor)
{
    snprintf(id_room, OPERATOR_ID_BYTES, "uid:%u", (unsigned)getuid());
    quanyu__actor__init(ret_actor);
    ret_actor->kind = QUANYU__ACTOR__KIND__OPERATOR;
    ret_actor->id = id_room;
}

bool operator_ask_audit(
    struct operator* operator, const Quanyu__AuditRequest * request, Quanyu__AuditReply **ret_reply)
{
    char id[OPERATOR_ID_BYTES];
    Quanyu__Actor actor;
    ProtobufCMessage *reply;
    struct rpc_error error = {0};
    operator_actor(id, &actor);
    struct rpc_call call = {.actor = &actor, .patient = true};
    int code = rpc_call(operator->client, "audit", &call, &request->base,
        &quanyu__audit_reply__descriptor, operator->arena, &reply, &error);
    if (code && error.message && *error.message) {
        fprintf(stderr, "quanyu: %s%s%s\n", error.field ? error.field : "",
            error.field && *error.field ? ": " : "", error.message);
        return false;
    }
    if (operator_complain(code, "audit"))
        return false;
    *ret_reply = (Quanyu__AuditReply *)reply;
    return true;
}
