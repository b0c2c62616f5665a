/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the audit port's handlers share: a look into the log, from its request to its answer.
 *
 * The answer is made first, in a snapshot; then the writer puts the look on record, and only then it is given. Handlers run on an
 * HTTP thread, or, where they read much, on one of the pool's. */
#ifndef QY_AUDIT_LOOK_H
#define QY_AUDIT_LOOK_H

#include "common/http.h"
#include "common/openapi.h"
#include "common/router.h"
#include "services/audit/audit.h"
#include "services/audit/audit_pool.h"
#include "services/audit/audit_token.h"
#include "services/audit/audit_view.h"

#include <stdatomic.h>

struct audit_http {
    struct audit *audit;
    struct service *service;
    struct service_http *server;
    struct metric *refused;
    struct openapi *openapi;
    struct route *routes; /* of the operations */
    struct audit_pool *pool;
    int64_t search_ms;    /* what one question may take */
    atomic_bool stopping; /* what is looked for is given up */
};

struct look {
    struct work work; /* the first member */
    struct audit *audit;
    struct http_request *request; /* NULL once answered */
    struct arena *arena;
    struct store_txn *txn; /* until the answer is made */
    struct audit_token token;
    struct audit_view view; /* likewise; opened with look_view() */
    bool viewing;
    const char *action;   /* of its record: "audit.search", …; static */
    struct buffer detail; /* of its record: JSON */
    const char *type;     /* of the answer; NULL: JSON */
    const char *refused;  /* NULL, or why it is: with this status (0: 403) and, of its record, outcome */
    const char *outcome;  /* NULL: "ok", or "denied" where it is refused; also the problem's kind; static */
    struct buffer body;
    int status; /* of the answer; 0: 200; 204: the body stays empty */
    /* Writer thread, before the look is on record: what it changes. NULL: nothing. */
    int (*apply)(struct look *look, struct batch *batch);
    void *change;     /* apply's own, in the arena */
    uint64_t reading; /* what is on record once this look is: a mark of audit.reading; 0: none */
};
/* The index, in the look's snapshot. */
struct audit_view *look_view(struct look *look);
/* Who asks, as records name it; borrowed from the look. */
void look_actor(const struct look *look, Quanyu__Actor *ret_actor);
/* Puts on record that it was tried, and answers 403. */
int look_deny(struct audit_http *http, struct look **look, const char *action, const char *why);
/* For the record of it, with this action: one record was shown. */
void look_describe_record(struct look *look, const char *action, uint64_t index);
/* Entries are about to be shown as they lie in the tree. True where that is on record already, for this token and hour: who follows the
 * log bundle by bundle makes it grow by one record an hour. Else it is described, and look_submit() puts it there. */
bool look_reads_entries(struct look *look, const char *path);
void look_close(struct look **look); /* for _cleanup_ */
/* Hands the look over to the writer, which has it when this returns 0: the body is given when the look is on record. */
int look_submit(struct audit_http *http, struct look **look);

/* Answers what went wrong, a negative code. */
void look_refuse(struct http_request *request, int error);
void look_refuse_parameter(struct http_request *request, const char *field, const char *problem);
/* True where the query asks nothing; else answers that this operation has no parameters. */
bool look_asks_nothing(struct http_request *request);

/* -- operations: each answers, or returns an error that is still to be told -- */
typedef int operation_fn(struct audit_http *http, struct look **look, const struct route_match *match);
struct operation {
    operation_fn *run; /* NULL: the description, for everybody */
    struct openapi_operation about;
    bool reads_much; /* it runs on a thread of the pool */
    const char *
        administers; /* it takes an administrator: who is none is denied this action on record; NULL: any auditor */
};
/* The one table. (audit_operations.c) */
extern const struct operation audit_operations[];
extern const size_t audit_operation_count;

operation_fn get_records, get_record;                                        /* audit_http_records.c */
operation_fn get_count, get_histogram;                                       /* audit_http_counts.c */
operation_fn get_alert_rules, put_alert_rules, get_alerts, post_acknowledge; /* audit_http_alerts.c */
operation_fn get_ocsf;                                                       /* audit_http_export.c */
operation_fn get_report;                                                     /* audit_http_reports.c */
operation_fn get_set, get_set_bitmap;                                        /* audit_http_sets.c */
operation_fn post_backup;                                                    /* audit_http_backup.c */
operation_fn get_retention, put_retention;                                   /* audit_http_retention.c */
operation_fn get_holds, post_hold, post_release;                             /* audit_http_holds.c */
operation_fn get_rest;                                                       /* audit_http_rest.c */
operation_fn get_tree;                                                       /* audit_http_tree.c */
operation_fn get_auditors, post_auditor, delete_auditor;                     /* audit_http_auditors.c */
operation_fn get_checkpoint, get_cosigned, get_tile, get_keys, get_inclusion,
    get_consistency;                        /* audit_http_proof.c */
operation_fn get_receipt, post_cosignature; /* audit_http_witness.c */

/* Where this record was pruned: answers 410, naming the record that says so. */
bool look_refuse_pruned(struct look *look, uint64_t index);
/* Where the hashes of the tile in which a tree of this size ends went with their records: answers 410, naming the field that asked for it. */
bool look_refuse_pruned_size(struct look *look, uint64_t size, const char *field);

/* The newest signed checkpoint, with the lines of witnesses where they have signed this one. False: nothing is signed yet.
 * (audit_http_proof.c) */
struct checkpoint;
bool look_checkpoint(struct store_txn *txn, struct bytes *ret_note, struct checkpoint *ret_checkpoint);

#endif
