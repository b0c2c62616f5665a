/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's part for what works beside the writer: work is committed at once. */
#ifndef QY_TEST_AUDIT_AT_ONCE_H
#define QY_TEST_AUDIT_AT_ONCE_H

#include "tests/unit/audit/runtime.h"

#include "services/audit/audit_signer.h"

static struct runtime *running;
static const char *part_reason; /* of the last service_part() */

int service_read(struct service *service, struct store_txn **ret_txn)
{
    return store_begin(service->store, STORE_READ, ret_txn);
}

int service_submit(struct service *service, struct work *work)
{
    (void)service;
    runtime_begin(running);
    int result = work->apply(work, &running->batch);
    runtime_commit(running);
    work->done(work, result);
    return 0;
}

void service_part(struct service *service, const char *part, const char *reason)
{
    (void)service;
    (void)part;
    part_reason = reason;
}

int service_refuse_start(struct service *service, int code, const char *format, ...)
{
    (void)service;
    (void)format;
    return code;
}

/* Until there is nothing more to sign. */
static inline void sign(void)
{
    struct audit_signer *signer;
    bool more = true;
    assert_int_equal(audit_signer_open(&running->audit, &running->service, &signer), 0);
    while (more)
        assert_int_equal(audit_signer_step(signer, &more), 0);
    audit_signer_close(&signer);
}

#endif
