/* SPDX-License-Identifier: Apache-2.0 */
/* quanyu-identity: who is who, and nobody else's business. */
#include "services/identity/identity.h"

#include "common/service.h"

int main(int argc, char **argv)
{
    static struct identity identity;
    static const struct service_input inputs[] = {
        {.leader = "gateway",
            .classes = CLASS_BIT(RECORD_TICK) | CLASS_BIT(IDENTITY_INPUT_EVENT) |
                       CLASS_BIT(IDENTITY_INPUT_ORGANISATION)},
    };
    static const char *const followers[] = {"tagging", "audit", "gateway", NULL};
    const struct service_spec spec = {
        .name = "identity",
        .tables = identity_tables,
        .table_count = TABLE_COUNT,
        .schema_version = IDENTITY_SCHEMA_VERSION,
        .migrations = identity_migrations,
        .migration_count = IDENTITY_MIGRATION_COUNT,
        .inputs = inputs,
        .input_count = COUNT_OF(inputs),
        .rpc = &identity_rpc,
        .fold = &identity_fold,
        .journal_compression = IDENTITY_COMPRESSION,
        .followers = followers,
        .self = &identity,
        .start = identity_start,
        .stop = identity_stop,
    };
    return service_main(&spec, argc, argv);
}
