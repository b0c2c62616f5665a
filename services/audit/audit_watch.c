/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_watch.h"

#include "common/log.h"
#include "services/audit/audit_check.h"

#include <inttypes.h>

/* What was put on record lately is what somebody would alter; and the whole log would take too long. */
#define START_RECORDS 100000u
#define START_SECONDS 0.5

static void set_unready(struct service *service)
{
    service_part(
        service, "log", "records are not what was put on record: the files were altered or are damaged");
}

void audit_watch_report(struct service *service, uint64_t index)
{
    log_line(LOG_ERROR, "a record is not what was put on record: the files were altered or are damaged",
        "index=%" PRIu64, index);
    set_unready(service);
}

int audit_watch_start(struct service *service)
{
    struct audit_sweep sweep = {0};
    struct store_txn *txn = NULL;
    int error = service_read(service, &txn);
    if (error)
        return error;
    error = audit_check_newest(txn, START_RECORDS, START_SECONDS, &sweep);
    store_abort(&txn);
    if (error == -QY_ECORRUPT) {
        log_line(LOG_ERROR, "the tree lacks hashes: the files were altered or are damaged", NULL);
        set_unready(service);
        return 0;
    }
    if (error)
        return error;
    log_line(sweep.altered ? LOG_ERROR : LOG_INFO, "checked the newest records",
        "records=%" PRIu64 " altered=%" PRIu64, sweep.checked, sweep.altered);
    if (sweep.altered)
        audit_watch_report(service, sweep.index);
    return 0;
}
