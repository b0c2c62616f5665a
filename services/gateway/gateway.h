/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway: takes events in, and answers HQ from what the other services own. */
#ifndef QY_GATEWAY_H
#define QY_GATEWAY_H

#include "common/http.h"
#include "common/service.h"
#include "common/service_http.h"
#include "proto/gateway.pb-c.h"
#include "services/gateway/audit_gate.h"
#include "services/gateway/dedup.h"
#include "services/gateway/gateway_store.h"
#include "services/gateway/ingest_parse.h"
#include "services/gateway/shed.h"
#include "services/gateway/staff_vault.h"
#include "services/gateway/unmask_store.h"
#include "services/gateway/write_keys.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLASS_EVENT 2u /* the cases of GatewayRecord */
#define CLASS_ACT 3u
#define CLASS_ORGANISATION 4u

struct api;
struct dead_letters;
struct letter_set;
struct ticker;
struct staff_rolls;
struct units;

struct ingest_metrics {
    struct metric *accepted;
    struct metric *duplicates;
    struct metric *unknown_units, *unknown_staff;
    struct metric *limited;
    struct metric *shed;
    struct metric *seconds;
};

struct api_metrics {
    struct metric *strangers;
};

/* Who must have one to sign in with a password. */
enum second_factor { SECOND_FACTOR_NONE, SECOND_FACTOR_ADMINS, SECOND_FACTOR_ALL };

struct gateway {
    struct service *service;
    struct dedup *dedup;
    struct write_keys *write_keys;
    struct units *units;
    struct staff_rolls *staff;
    struct service_http *http;
    struct api *api;
    struct ticker *ticker;
    bool simulated;          /* the clock */
    int64_t start_ms;        /* of a simulated clock */
    atomic_bool clock_moves; /* a call is moving it */
    atomic_bool stopping;    /* calls that would take long end now */
    struct ingest_limits limits;
    struct dead_letters *letters;
    struct shed_limits shed;
    struct ingest_metrics ingest;
    struct api_metrics called;
    struct staff_vault vault;
    int64_t session_idle_ms, session_most_ms;
    enum second_factor second_factor;
    struct unmask_limits unmask_limits;
    struct audit_gate audit_gate;
    int audit_wait_ms;             /* how long a record may take to be durable */
    uint32_t address_failures;     /* to sign in, that are free; 0: all are */
    _Atomic uint64_t access_epoch; /* another one when what anybody may do has changed: look again */
};

/* Time as the gateway sees it now: wall clock, never going back, or the simulated clock. Any thread. */
int64_t gateway_now_ms(const struct gateway *gateway);

/* Names an act in the journal, for audit; joins the writer's batch. Waits for the commit. */
int gateway_record_act(struct gateway *gateway, const Quanyu__Actor *actor, const char *request_id,
    const char *action, const char *detail);

/* The same within a batch. */
void gateway_emit_act(struct batch *batch, const Quanyu__Actor *actor, const char *request_id,
    const char *action, const char *detail);

extern const struct fold_ops gateway_fold;
extern const struct rpc_service gateway_rpc;
int gateway_start(void *self, struct service *service);
void gateway_stop(void *self, struct service *service);

/* Writer: what was valid in a call goes into the journal, unless it is there already; dead letters of its ids go, but for those that
 * are `spared` (may be NULL). */
struct ingest_counts {
    size_t accepted, duplicates;
};
void ingest_commit(struct gateway *gateway, struct batch *batch, const struct parsed *parsed,
    const struct letter_set *spared, struct ingest_counts *ret_counts);
/* After the commit, any thread: for the metrics. */
void ingest_count(const struct gateway *gateway, const struct ingest_counts *counts);
/* Writer: whether ingest_commit() would take it for one that is there already. Changes nothing. */
bool ingest_is_known(struct gateway *gateway, struct batch *batch, const struct ingest_event *event);

/* HTTP thread: one of the ingestion calls (/v1/…). True when the path is one. */
bool ingest_handle(struct gateway *gateway, struct http_request *request);
/* Where the server refuses one by itself: pages may read that answer too, and a pixel stays an image. */
void ingest_refusing(void *self, struct http_request *request, int status);

#endif
