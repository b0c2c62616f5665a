/* SPDX-License-Identifier: Apache-2.0 */
/* The audit service: every use of data on record, in a log that can be proven. */
#include "services/audit/audit.h"
#include "services/audit/audit_start.h"
#include "services/audit/audit_store.h"

int main(int argc, char **argv)
{
    static struct audit audit;
    const struct service_spec spec = {
        .name = "audit",
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .schema_version = AUDIT_SCHEMA_VERSION,
        .migrations = audit_migrations,
        .migration_count = COUNT_OF(audit_migrations),
        .inputs = audit_inputs,
        .input_count = AUDIT_INPUT_COUNT,
        .rpc = &audit_rpc,
        .fold = &audit_fold,
        .self = &audit,
        .start = audit_start,
        .stop = audit_stop,
    };
    return service_main(&spec, argc, argv);
}
