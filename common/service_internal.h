/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the runtime share; nobody else includes it. */
#ifndef QY_COMMON_SERVICE_INTERNAL_H
#define QY_COMMON_SERVICE_INTERNAL_H

#include "common/feed.h"
#include "common/follow.h"
#include "common/keys.h"
#include "common/ops.h"
#include "common/peers.h"
#include "common/rpc_server.h"
#include "common/service.h"

#include <pthread.h>
#include <stdatomic.h>

#define INPUTS_MAX 8
#define PARTS_MAX 16
#define TABLES_MAX 30

/* One followed journal. Follower threads put batches in `waiting`; the writer takes them. */
struct input {
    const struct service_input *spec;
    struct service *service;
    unsigned index;
    struct follow *follow;
    struct follow_batch *waiting;      /* under service->lock; oldest first */
    struct follow_batch **waiting_end; /* likewise */
    struct journal_position committed; /* writer: folded up to here */
    uint32_t stopped; /* writer: which record of the chunk there, from 1, waits for timers; 0: none does */
    bool from_oldest; /* where nothing was folded: set before it is followed */
    uint64_t durable; /* writer: what a crash would not take back of that */
    uint64_t echoed;  /* writer: where it echoes, all that it has said of this journal up to here is folded */
    /* for status, any thread */
    atomic_uint_fast64_t next;
    atomic_int error; /* the leader's final refusal */
};

struct service_part {
    const char *name;
    const char *reason; /* NULL: up */
};

struct writer_metrics {
    struct metric *commits;
    struct metric *commit_seconds;
    struct metric *records;
    struct metric *works;
    struct metric *refused;
};

struct service {
    const struct service_spec *spec;
    struct config *config;
    struct metrics *metrics;
    char data_path[512];
    char journal_path[600];
    char state_path[600];
    char refusal[1000]; /* why it cannot start; "" while nothing says so */
    const char *tables[TABLES_MAX];
    unsigned runtime_table;

    struct store *store;
    struct journal *journal;
    struct keys keys;
    struct gatekeeper *gatekeeper;
    struct peers *peers;
    struct rpc_server *rpc;
    struct feed *feed;
    struct ops *ops;

    struct input inputs[INPUTS_MAX];
    struct chunk_reader *reader;

    pthread_t writer;
    bool writer_started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct work *works; /* oldest first, under lock */
    struct work **works_end;
    atomic_size_t works_bytes; /* changed under lock */
    _Atomic int64_t
        works_since_ns;   /* when the oldest was submitted, by metrics_clock(); 0: none; changed under lock */
    size_t waiting_bytes; /* of all inputs, under lock */
    bool stopping;
    double resume_at; /* writer: when followed records are taken again, by metrics_clock() */

    uint64_t checkpoint; /* writer: the state knows the journal up to here */
    atomic_int_fast64_t now_ms;
    atomic_uint_fast64_t origin;
    atomic_bool full;
    int64_t trimmed_ms; /* writer: wall clock of the last look at retention */

    pthread_mutex_t parts_lock;
    struct service_part parts[PARTS_MAX];
    unsigned part_count;

    struct writer_metrics writer_metrics;

    void (*on_hangup)(void *self); /* main thread */
    void *hangup_self;
};

/* What a round of the writer has taken of one input. */
struct fed {
    struct follow_batch *batches; /* oldest first */
    struct follow_batch *done;    /* the last that is folded whole */
    struct follow_batch *at;      /* the one behind it */
    struct bytes cursor;          /* what is left of that */
};

/* What one round has taken in, so that it can be finished or given back. */
struct round {
    struct batch batch; /* the first member */
    struct work *works;
    struct fed fed[INPUTS_MAX];
    struct journal_position reached[INPUTS_MAX]; /* after what was folded in this round */
    uint32_t stopped
        [INPUTS_MAX]; /* which record of the chunk behind that waits for timers, from 1; of one input at most */
    bool folded[INPUTS_MAX]; /* records of it, and not only word that there are none */
    uint64_t begun_at;       /* the journal's end before */
    double started;
};

/* It follows nobody who tells it the time, and is where its own journal is. */
static inline bool service_makes_time(const struct service_spec *spec)
{
    return spec->input_count == 0 || spec->inputs[0].echoes;
}

/* -- service_round.c -- */
/* Opens the transaction, folds, commits journal and state. What is visible from outside comes after it. */
int round_commit(struct round *round);
/* Journal first, then the state, which decides. */
int round_commit_both(struct round *round);
/* The watermark after this round. */
uint64_t round_origin(const struct round *round);
/* Shows the round to the world: readers, followers, callers. */
void round_publish(struct round *round);

/* -- service_writer.c -- */
int writer_start(struct service *service);
/* Takes in what is queued, commits it, and ends. */
void writer_stop(struct service *service);
/* Follower threads; takes the batch over. */
void writer_take_batch(struct input *input, struct follow_batch *batch);

/* -- service_restore.c -- */
/* Reads the runtime's rows and lets the fold open, in the first batch. */
int writer_open(struct service *service);

/* -- service_rows.c -- */
/* Sets each input's committed position and the service's time. */
int rows_read(struct service *service, struct journal_position *ret_end);
/* Of the inputs, writes those that have moved. */
void rows_put(const struct round *round, const struct journal_position *end);

/* -- service_refusal.c: each says why the start fails, and yields `code` -- */
/* errno tells more. */
int refuse_directory(struct service *service, int code, const char *path, const char *setting);
int refuse_keys(struct service *service, int code, const char *directory, const char *name);
int refuse_state(struct service *service, int code);
int refuse_listen(struct service *service, int code, const char *endpoint, bool feed);

/* -- service_lasting.c -- */
/* Refuses the start where a setting differs from the one with which the state was made. */
int lasting_check(struct service *service);
/* Keeps those that the state does not know yet. */
void lasting_put(struct service *service, struct store_txn *txn);

/* -- service_status.c -- */
extern const struct rpc_handler service_runtime_handlers[2]; /* status, dump */
bool service_ready(void *self, struct buffer *reasons);
void service_scrape(void *self, struct metrics_page *page);

/* -- service_retention.c -- */
/* Writer, after a commit: lets go of what all followers have and retention is over for. Looks once in a
 * while. */
void retention_run(struct service *service);

#endif
