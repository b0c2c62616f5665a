/* SPDX-License-Identifier: Apache-2.0 */
/* An audit log of the past: fills <data>/audit of a service that was never started with records since 2024-01-01.
 *
 * usage: audit_maker <data>/audit RECORDS MS_BETWEEN */
#include "services/audit/audit.h"
#include "services/audit/audit_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 10000u
#define START_MS INT64_C(1704067200000)

struct service {
    struct config *config;
    struct store *store;
};

const struct config *service_config(const struct service *service)
{
    return service->config;
}

int service_refuse_start(struct service *service, int code, const char *format, ...)
{
    (void)service, (void)format;
    return code;
}

static void check(int error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "audit_maker: %s: %s\n", what, error_text(error));
    exit(1);
}

/* By turns: a look at a person, a delivery, a count, a decision about who is who. Staff st_1001 to st_1020 look at persons 1 to 500. */
static void take(struct audit *audit, struct batch *batch, uint64_t i)
{
    static const char *const actions[] = {"person.show", "delivery", "audience.count", "identity.block"};
    char id[24], one_id[24], *persons[] = {one_id}, *fields[] = {(char *)"traits"};
    uint32_t number = 1 + (uint32_t)(i / 4 % 500);
    uint64_t index;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    bool by_staff = i % 2 == 0;
    snprintf(id, sizeof(id), "st_%" PRIu64, 1001 + i / 8 % 20);
    snprintf(one_id, sizeof(one_id), "p_%07" PRIu32, number);
    actor.kind = by_staff ? QUANYU__ACTOR__KIND__STAFF : QUANYU__ACTOR__KIND__SERVICE;
    actor.id = by_staff ? id : (char *)"campaign";
    actor.role = by_staff ? (char *)"guide" : (char *)"";
    record.actor = &actor;
    record.action = (char *)(uintptr_t)actions[i % 4];
    record.outcome = (char *)"ok";
    record.service = (char *)"gateway";
    record.fields = fields;
    record.n_fields = by_staff;
    record.persons = persons;
    record.n_persons = i % 4 != 2;
    record.numbers = &number;
    record.n_numbers = record.n_persons;
    record.count = 1;
    check(audit_take(audit, batch, &record, &index), "record");
}

static void fill(struct service *service, struct audit *audit, uint64_t records, int64_t between_ms)
{
    for (uint64_t done = 0; done < records;) {
        struct batch batch = {.service = service};
        check(store_begin(service->store, STORE_WRITE, &batch.txn), "begin");
        for (unsigned i = 0; i < BATCH && done < records; i++, done++) {
            batch.now_ms = START_MS + (int64_t)done * between_ms;
            take(audit, &batch, done);
        }
        check(audit_fold.finish(audit, &batch), "finish");
        check(store_commit(&batch.txn), "commit");
    }
}

int main(int argc, char **argv)
{
    static struct service service;
    static struct audit audit;
    char path[4096], error[256];
    if (argc != 4) {
        fprintf(stderr, "usage: audit_maker <data>/audit RECORDS MS_BETWEEN\n");
        return 2;
    }
    snprintf(path, sizeof(path), "%s.conf", argv[1]);
    FILE *file = fopen(path, "w");
    if (!file || fprintf(file, "clock = simulated\nbootstrap = none\n") < 0 || fclose(file))
        check(-QY_EIO, path);
    if (config_open(path, &service.config, error))
        check(-QY_EINVAL, error);
    unlink(path);
    snprintf(path, sizeof(path), "%s/state", argv[1]);
    struct store_options options = {.path = path,
        .tables = audit_tables,
        .table_count = AUDIT_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 33,
        .schema_version = AUDIT_SCHEMA_VERSION};
    check(store_open(&options, &service.store), path);
    struct batch first = {.service = &service, .now_ms = START_MS};
    check(store_begin(service.store, STORE_WRITE, &first.txn), "begin");
    check(audit_fold.open(&audit, &first), "open");
    check(store_commit(&first.txn), "commit");
    fill(&service, &audit, strtoull(argv[2], NULL, 10), strtoll(argv[3], NULL, 10));
    audit_fold.close(&audit);
    store_close(&service.store);
    config_close(&service.config);
    return 0;
}
