/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/tagging.h"

int main(int argc, char **argv)
{
    static struct tagging tagging;
    static const char *const followers[] = {"campaign", "audit", NULL};
    static const struct service_input inputs[] = {
        {.leader = "identity", .classes = CLASS_ALL},
        {.leader = "campaign",
            .classes = CLASS_BIT(QUANYU__CAMPAIGN_RECORD__RECORD_WATCH) |
                       CLASS_BIT(QUANYU__CAMPAIGN_RECORD__RECORD_DROPPED) |
                       CLASS_BIT(QUANYU__CAMPAIGN_RECORD__RECORD_DELIVERY)},
    };
    const struct service_spec spec = {
        .name = "tagging",
        .tables = tagging_tables,
        .table_count = TAGGING_TABLES,
        .schema_version = TAGGING_SCHEMA,
        .migrations = tagging_migrations,
        .migration_count = TAGGING_MIGRATIONS,
        .inputs = inputs,
        .input_count = COUNT_OF(inputs),
        .followers = followers,
        .rpc = &tagging_rpc,
        .fold = &tagging_fold,
        .journal_compression = 1,
        .self = &tagging,
    };
    return service_main(&spec, argc, argv);
}
