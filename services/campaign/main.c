/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/campaign.h"
#include "services/campaign/dispatch.h"

#include "proto/tagging.pb-c.h"

int main(int argc, char **argv)
{
    static struct campaign campaign;
    static const struct service_input inputs[] = {{
        .leader = "tagging",
        .classes = CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_MEMBERSHIP) |
                   CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_FIRED) |
                   CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_NODE) |
                   CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_MOVED) |
                   CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_ERASED) |
                   CLASS_BIT(QUANYU__TAGGING_RECORD__RECORD_WATCH),
    }};
    static const char *const followers[] = {"tagging", "audit", NULL};
    const struct service_spec spec = {
        .name = "campaign",
        .tables = campaign_tables,
        .table_count = CAMPAIGN_TABLE_COUNT,
        .schema_version = CAMPAIGN_SCHEMA_VERSION,
        .migrations = campaign_migrations,
        .migration_count = CAMPAIGN_MIGRATION_COUNT,
        .inputs = inputs,
        .input_count = COUNT_OF(inputs),
        .followers = followers,
        .rpc = &campaign_rpc,
        .fold = &campaign_fold,
        .journal_compression = 3,
        .self = &campaign,
        .start = dispatch_start,
        .stop = dispatch_stop,
    };
    if (campaign_init(&campaign))
        return 1;
    return service_main(&spec, argc, argv);
}
