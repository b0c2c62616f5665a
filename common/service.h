/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of every service: a fold over journals, with one writer and many readers.
 *
 * The writer thread takes what has arrived (records of the followed journals, commands, submitted work),
 * applies it to the state inside one batch, commits, and only then replies and wakes followers. A batch holds
 * whatever came while the one before was being committed, so commits grow with the load, up to a second's
 * worth. Many timers of one time fire in several batches, between which commands are taken, before the record
 * that let them fire. A crash at any instant equals not having taken the batch. Readers (queries, HTTP threads) work in
 * snapshots and never wait for the writer.
 *
 * Time is a record: batch.now_ms is the largest time seen in the inputs; a fold never reads the wall clock.
 * Record class 1 of every journal is a tick (no body): the runtime lets the fold's timers fire and passes the
 * tick on to this service's own journal, where the tick came from the first input. */
#ifndef QY_COMMON_SERVICE_H
#define QY_COMMON_SERVICE_H

#include "common/config.h"
#include "common/journal.h"
#include "common/metrics.h"
#include "common/rpc.h"
#include "common/store.h"

#define RECORD_TICK 1u
#define CLASS_BIT(record_class) (UINT64_C(1) << (record_class))
#define CLASS_ALL (~UINT64_C(0))

struct service;

/* What the writer is about to commit. Only the writer thread sees one, only during the callbacks. */
struct batch {
    struct service *service;
    struct store_txn *txn;
    struct journal *journal; /* add output records with batch_emit() */
    int64_t now_ms;          /* the fold's time; during fold.advance the due time of what fires */
    uint64_t records;        /* input records in this batch so far */
    uint32_t timers;         /* that have fired in this batch so far */
    uint32_t timers_max;     /* that may fire in it; 0: all that are due */
};

/* Whether no more timers may fire in this batch. */
static inline bool batch_is_full(const struct batch *batch)
{
    return batch->timers_max > 0 && batch->timers >= batch->timers_max;
}

/* Appends an output record with the batch's time; returns its offset. Errors are sticky in the journal. */
uint64_t batch_emit(struct batch *batch, unsigned record_class, const ProtobufCMessage *message);
/* Time has come to `now_ms` (nothing happens when it is not later): timers fire, then batch->now_ms is it.
 * The runtime calls this for each record of the inputs; only who makes time (the gateway) calls it too. */
int batch_time(struct batch *batch, int64_t now_ms);

/* In fold.open: follows this input from the oldest record on that its leader holds, where nothing of it has been folded; `again`: as if nothing
 * had. The fold knows by itself what it has seen. */
void batch_follow_oldest(struct batch *batch, unsigned input, bool again);

/* The domain's side. `self` is service_spec.self. Callbacks that return int fail the whole batch with a
 * negative code: it is rolled back, discard() is called, and the inputs are taken again (-QY_EFULL: after a
 * pause) or the process ends (others). A record that is malformed or refers to what does not exist must not
 * fail the batch: count it and go on. */
struct fold_ops {
    /* Once, in a write batch, before anything else: first-start setup, caches from the tables. */
    int (*open)(void *self, struct batch *batch);
    /* One record of inputs[input]. */
    int (*record)(void *self, struct batch *batch, unsigned input, const struct journal_record *record);
    /* Fires the timers that are due at `until_ms` or before, in order, each with batch->now_ms at its due time, and counts each in
     * batch->timers, until none is due or batch_is_full(). Then next_due() still says when the next one is due, batch->now_ms is where
     * the last one left it, and what comes next in another batch is what would have come next in this one: what fires depends on the
     * tables alone. May be NULL. */
    int (*advance)(void *self, struct batch *batch, int64_t until_ms);
    /* The earliest due time, INT64_MAX for none; called often, must be cheap. NULL where advance is NULL. */
    int64_t (*next_due)(void *self);
    /* Before the commit: write what was gathered. May be NULL. */
    int (*finish)(void *self, struct batch *batch);
    /* Where the journal decides (service_spec.journal_decides), at the start, after open(): one of this
     * service's own records that the state has not seen. What it changed is done again; nothing is emitted. */
    int (*restore)(void *self, struct batch *batch, const struct journal_record *record);
    /* The batch is durable and visible. May be NULL. */
    void (*committed)(void *self, struct service *service);
    /* The batch was rolled back: drop what memory holds of it. May be NULL where memory holds nothing. */
    void (*discard)(void *self);
    /* Lines for `quanyu dump --canonical`: appends JSON lines from `cursor` on ("" at first), sets the next
     * cursor ("" at the end). Nodes as "n:<number>", persons as "p:<number>"; nothing that two runs over the
     * same input need not share. Reader thread. */
    int (*dump)(
        void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128]);
    /* The writer has ended: free what open() made. May be NULL. */
    void (*close)(void *self);
    /* Work in flight that will change state by itself (sends, checks); 0 when quiet. Any thread. May be NULL.
     */
    uint64_t (*pending)(void *self);
    /* Extra metrics at each scrape. Main thread. May be NULL. */
    void (*scrape)(void *self, struct metrics_page *page);
};

struct service_input {
    const char *leader; /* name of the service whose journal is followed */
    uint64_t classes; /* CLASS_BIT()s wanted; others are passed over, by the leader where whole chunks are */
    /* The leader folds this service's journal, and what it says is of records in that: it tells this service no time, and records
     * stay until all that it says of them is folded. Who begins to follow it so, begins with the oldest that it holds. */
    bool echoes;
};

struct service_spec {
    const char *name;
    const char *const *tables; /* the domain's tables; the runtime adds its own behind them */
    unsigned table_count;
    uint32_t schema_version;
    const struct store_migration *migrations;
    unsigned migration_count;
    const struct service_input *inputs; /* up to 8; the first one carries time, unless it echoes */
    unsigned input_count;
    const char *const
        *followers; /* who follows this journal, NULL-terminated: it is kept until all of them have it */
    const struct rpc_service *rpc;
    const struct fold_ops *fold;
    int journal_compression; /* zstd level */
    bool journal_encrypted;  /* with a key that is kept outside the state */
    /* A batch that leaves the state unchanged is committed by the journal alone, in half the time; fold.finish
     * may keep in memory what fold.restore can make anew of the journal, as long as it leaves the state
     * unchanged altogether. */
    bool journal_decides;
    void *self;
    /* After the runtime is up (state open, sockets bound): start what is the service's own (HTTP servers,
     * senders). */
    int (*start)(void *self, struct service *service);
    /* On SIGTERM, before the writer stops: no new work after it returns. */
    void (*stop)(void *self, struct service *service);
};

/* Runs the service until SIGTERM or SIGINT; the whole of a main(). Returns the exit status: 0 after an
 * orderly stop, 1 when the start failed (one clear line says why), 2 on wrong settings, 3 when it had to stop
 * (failed fsync, diverged feed). */
int service_main(const struct service_spec *spec, int argc, char **argv);

/* Work that joins the writer's next batch; embed it in a struct of your own. */
struct work {
    struct work *next; /* the queue's */
    size_t bytes;      /* what it holds, roughly, for the queue's limit */
    /* Writer thread, inside the batch. A negative code refuses this work alone: check first, then write, so
     * that a refused one has changed nothing. */
    int (*apply)(struct work *work, struct batch *batch);
    /* Writer thread, after the commit (or the failure): exactly once. `result` is apply's, or the commit's
     * error. Frees it. */
    void (*done)(struct work *work, int result);
    int result;
};

/* Any thread. -QY_EFULL when the writer's queue holds too much (try again later), -QY_ESTOPPED, and done is
 * not called then. */
int service_submit(struct service *service, struct work *work);

/* How much waits for the writer. Any thread, without a lock: the figures are a moment's. */
struct service_load {
    size_t bytes;          /* of the works that are submitted and not done */
    double oldest_seconds; /* for which the oldest of those that the writer has not taken up waits; 0: none */
};
struct service_load service_load(const struct service *service);

/* A snapshot for a reader; store_abort() ends it. */
int service_read(struct service *service, struct store_txn **ret_txn);

/* Of the state, see store_version(). Any thread. */
uint64_t service_version(const struct service *service);

struct journal *service_journal(struct service *service);
const struct config *service_config(const struct service *service);
struct metrics *service_metrics(struct service *service);
const char *service_data_path(const struct service *service); /* this service's own directory */
struct peers *service_peers(struct service *service);         /* for rpc_client_open() */
/* Fold time of the last commit. Any thread. */
int64_t service_now_ms(const struct service *service);
/* The watermark: the gateway's journal is folded up to here. Any thread. */
uint64_t service_origin(const struct service *service);
/* The process must end: logs the reason and exits at once with status 3, without acknowledging anything more.
 */
_Noreturn void service_fail(int code, const char *reason);
/* In start: what SIGHUP does, which never ends a service. The main thread calls it. */
void service_on_hangup(struct service *service, void (*on_hangup)(void *self), void *self);
/* In fold.open and start: why the service cannot start, in one line that names the setting or the path and says what to do. The
 * first one counts. Yields `code`. */
int service_refuse_start(struct service *service, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For /readyz: a part of the service that must be up. NULL reason: it is. `part` and `reason` are static
 * texts. */
void service_part(struct service *service, const char *part, const char *reason);
/* True when state or journals leave no room: refuse new input with 503. */
bool service_is_full(const struct service *service);

#endif
