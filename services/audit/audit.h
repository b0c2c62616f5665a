/* SPDX-License-Identifier: Apache-2.0 */
/* The audit service: takes records from callers and from the other services' journals, and never lets go of
 * one but by a policy that is on record itself.
 *
 * What happens by itself (joins, erasures, deliveries) and what staff change is folded from the journals,
 * each journal record once: its service and offset are in the audit record. What is shown of persons is
 * handed in by who is about to show it, and is durable before the caller hears of it. The writer thread alone
 * takes records; tree and index grow with them. */
#ifndef QY_AUDIT_AUDIT_H
#define QY_AUDIT_AUDIT_H

#include "common/service.h"
#include "proto/audit.pb-c.h"
#include "services/audit/audit_clock.h"
#include "services/audit/audit_reading.h"
#include "services/audit/audit_resume.h"
#include "services/audit/audit_tails.h"
#include "services/audit/merkle.h"

#include <stdatomic.h>

enum audit_input { INPUT_GATEWAY, INPUT_IDENTITY, INPUT_TAGGING, INPUT_CAMPAIGN, AUDIT_INPUT_COUNT };
extern const struct service_input audit_inputs[AUDIT_INPUT_COUNT];
extern const struct fold_ops audit_fold;
extern const struct rpc_service audit_rpc;

struct audit_guard;
struct audit_http;
struct audit_pruner;
struct audit_sealer;
struct audit_signer;

/* Who is told by the writer that a segment may be full. */
struct audit_helper {
    void (*wake)(struct audit_helper *helper);
    void (*close)(struct audit_helper *helper); /* when the writer has ended */
};

struct audit {
    /* the writer's */
    bool loaded;  /* what follows reflects the transaction */
    bool settled; /* the making of each token is on record */
    struct merkle *merkle;
    struct audit_tails tails; /* readers hold them, too */
    int64_t last_ms;          /* time of the last record */
    struct buffer packed;
    struct arena *arena;        /* one journal record's */
    struct audit_resume resume; /* where the log was put back from a copy */
    bool wall_time;             /* the suite's clock is real: */
    struct audit_clock clock;
    int64_t now_ms; /* what it says, or is taken to */
    /* any thread */
    atomic_uint_fast64_t size;
    atomic_uint_fast64_t unreadable;
    atomic_uint_fast64_t signed_size; /* of the newest checkpoint */
    atomic_uint_fast64_t pruned;      /* records, since the start */
    atomic_uint_fast64_t freed;       /* bytes, likewise */
    struct audit_reading reading;
    struct audit_signer *signer;
    struct audit_sealer *sealer;
    struct audit_pruner *pruner;
    struct audit_http *http;
    struct audit_guard *guard;
    _Atomic(struct audit_helper *) helper; /* NULL: the writer does its work */
};

/* Writer thread. Takes one record: fills in its time, appends it, and returns its index. The record must have
 * passed audit_record_check(). -QY_EUNAVAILABLE, with nothing written, while a simulated clock has not been
 * heard of; other errors are the transaction's. */
int audit_take(struct audit *audit, struct batch *batch, Quanyu__AuditRecord *record, uint64_t *ret_index);

/* Writer thread: the time that a record gets which is taken now. */
int64_t audit_time(const struct audit *audit, const struct batch *batch);

#endif
