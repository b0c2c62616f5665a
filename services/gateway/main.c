/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/identity.pb-c.h"
#include "services/gateway/gateway.h"

int main(int argc, char **argv)
{
    static struct gateway gateway;
    static const struct service_input inputs[] = {
        {.leader = "identity", .classes = CLASS_BIT(QUANYU__IDENTITY_RECORD__RECORD_NOBODY), .echoes = true},
    };
    static const char *const followers[] = {"identity", "audit", NULL};
    const struct service_spec spec = {
        .name = "gateway",
        .tables = gateway_tables,
        .table_count = GATEWAY_TABLE_COUNT,
        .schema_version = GATEWAY_SCHEMA_VERSION,
        .migrations = gateway_migrations,
        .migration_count = GATEWAY_MIGRATIONS,
        .inputs = inputs,
        .input_count = COUNT_OF(inputs),
        .followers = followers,
        .rpc = &gateway_rpc,
        .fold = &gateway_fold,
        .journal_compression = 1,
        .journal_encrypted = true,
        .journal_decides = true,
        .self = &gateway,
        .start = gateway_start,
        .stop = gateway_stop,
    };
    return service_main(&spec, argc, argv);
}
