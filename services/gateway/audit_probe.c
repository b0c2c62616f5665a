/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/audit_probe.h"

#include "common/rpc.h"
#include "proto/audit.pb-c.h"
#include "services/gateway/gateway.h"

#include <inttypes.h>
#include <stdio.h>

static int append(
    struct gateway *gateway, struct rpc_client *client, struct arena *arena, Quanyu__AuditRecord *record)
{
    Quanyu__AppendRequest append = QUANYU__APPEND_REQUEST__INIT;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    const struct rpc_call options = {.actor = record->actor, .timeout_ms = gateway->audit_wait_ms};
    ProtobufCMessage *reply;
    append.n_records = 1;
    append.records = &record;
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_APPEND;
    request.append = &append;
    return rpc_call(
        client, "audit", &options, &request.base, &quanyu__audit_reply__descriptor, arena, &reply, NULL);
}

bool audit_probe(void *self, int64_t shut_ms, uint64_t refused)
{
    struct gateway *gateway = self;
    char detail[80];
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(rpc_client_close) struct rpc_client *client = NULL;
    Quanyu__Actor itself = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    itself.kind = QUANYU__ACTOR__KIND__SERVICE;
    itself.id = (char *)"gateway";
    snprintf(
        detail, sizeof(detail), "{\"milliseconds\":%" PRId64 ",\"refused\":%" PRIu64 "}", shut_ms, refused);
    record.actor = &itself;
    record.action = (char *)"audit.away";
    record.outcome = (char *)"ok";
    record.detail = detail;
    int error = arena_open(&arena);
    if (!error)
        error = rpc_client_open(service_peers(gateway->service), &client);
    return !error && append(gateway, client, arena, &record) == 0;
}
