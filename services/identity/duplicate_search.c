/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_search.h"

#include "common/log.h"
#include "common/waiting_work.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LOOK_SECONDS 10 /* how often it looks whether a search is due */
#define STORE_PAIRS 500u
#define NICE 19

struct duplicate_search {
    const struct identity *identity;
    struct service *service;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool asked, stopping, running;
    struct duplicate_progress progress; /* of what runs */
    struct arena *arena;
};

/* -- the state -- */

bool duplicate_search_is_asked(const Quanyu__DuplicateState *state)
{
    return state->asked > (state->ended ? state->ended->number : 0);
}

Quanyu__DuplicateState *duplicate_search_ask(struct store_txn *txn, int64_t now_ms, struct arena *arena)
{
    Quanyu__DuplicateState *state = duplicate_store_state(txn, arena);
    if (!state || duplicate_search_is_asked(state))
        return state;
    state->asked++;
    state->asked_ms = now_ms;
    duplicate_store_put_state(txn, state);
    return store_error(txn) ? NULL : state;
}

static Quanyu__DuplicateModel__Field *view_field(
    const struct duplicate_model *model, enum duplicate_field field, struct arena *arena)
{
    unsigned levels = duplicate_levels(field);
    Quanyu__DuplicateModel__Field *view = arena_alloc(arena, sizeof(*view));
    Quanyu__DuplicateModel__Level *rows = arena_alloc(arena, levels * sizeof(*rows));
    if (!view || !rows)
        return NULL;
    quanyu__duplicate_model__field__init(view);
    view->name = (char *)(uintptr_t)duplicate_field_name(field);
    view->levels = arena_alloc(arena, levels * sizeof(void *));
    for (unsigned level = LEVEL_DIFFERENT; view->levels && level < levels; level++) {
        Quanyu__DuplicateModel__Level *row = &rows[level];
        quanyu__duplicate_model__level__init(row);
        row->name = (char *)(uintptr_t)duplicate_level_name(field, level);
        row->m = model->m[field][level];
        row->u = model->u[field][level];
        row->weight = duplicate_weight(model, field, level);
        view->levels[view->n_levels++] = row;
    }
    return view->levels ? view : NULL;
}

Quanyu__DuplicateModel *duplicate_model_view(const struct duplicate_model *model, struct arena *arena)
{
    Quanyu__DuplicateModel *view = arena_alloc(arena, sizeof(*view));
    if (!view)
        return NULL;
    quanyu__duplicate_model__init(view);
    view->prior = model->prior;
    view->pairs = model->pairs;
    view->fields = arena_alloc(arena, FIELD_COUNT * sizeof(void *));
    for (enum duplicate_field field = 0; view->fields && field < FIELD_COUNT; field++)
        if (!(view->fields[view->n_fields++] = view_field(model, field, arena)))
            return NULL;
    return view->fields ? view : NULL;
}

/* -- through the writer -- */

struct change {
    struct waiting_work waiting;
    uint64_t search;
    uint32_t rank;
    const struct duplicate_pair *pairs;
    size_t count;
    Quanyu__DuplicateRun *run;
    struct arena *arena;
};

static int apply_pairs(struct work *work, struct batch *batch)
{
    struct change *change = (struct change *)work;
    duplicate_store_add_pairs(batch->txn, change->search, change->rank, change->pairs, change->count);
    return store_error(batch->txn);
}

static int apply_sweep(struct work *work, struct batch *batch)
{
    struct change *change = (struct change *)work;
    change->count = duplicate_store_sweep(batch->txn, change->search, STORE_PAIRS);
    return store_error(batch->txn);
}

static int apply_ask(struct work *work, struct batch *batch)
{
    struct change *change = (struct change *)work;
    return duplicate_search_ask(batch->txn, batch->now_ms, change->arena) ? 0 : store_error(batch->txn);
}

/* A search that failed leaves the list of the one before. */
static int apply_end(struct work *work, struct batch *batch)
{
    struct change *change = (struct change *)work;
    Quanyu__DuplicateState *state = duplicate_store_state(batch->txn, change->arena);
    if (!state)
        return store_error(batch->txn) ? store_error(batch->txn) : -QY_ENOMEM;
    change->run->ended_ms = batch->now_ms;
    state->ended = change->run;
    if (!*change->run->error)
        state->listed = change->run;
    duplicate_store_put_state(batch->txn, state);
    return store_error(batch->txn);
}

/* Pairs of no list: of the one before, or of a search that a crash has ended. */
static int sweep(struct duplicate_search *search, uint64_t listed)
{
    struct change change = {.search = listed, .count = STORE_PAIRS};
    int error = 0;
    while (!error && change.count == STORE_PAIRS)
        error = waiting_work_run(search->service, &change.waiting, apply_sweep);
    return error;
}

static int store_pairs(struct duplicate_search *search, const Quanyu__DuplicateState *state,
    const struct duplicate_result *result)
{
    int error = sweep(search, state->listed ? state->listed->number : 0);
    for (size_t at = 0; !error && at < result->count; at += STORE_PAIRS) {
        size_t left = result->count - at;
        struct change change = {.search = state->asked,
            .rank = (uint32_t)at,
            .pairs = result->pairs + at,
            .count = left < STORE_PAIRS ? left : STORE_PAIRS};
        error = waiting_work_run(search->service, &change.waiting, apply_pairs);
    }
    return error;
}

static int store_end(struct duplicate_search *search, Quanyu__DuplicateRun *run)
{
    struct change change = {.run = run, .arena = search->arena};
    return waiting_work_run(search->service, &change.waiting, apply_end);
}

/* -- one search -- */

static int take_snapshot(void *self, struct store_txn **ret_txn)
{
    struct duplicate_search *search = self;
    return service_read(search->service, ret_txn);
}

static bool go_on(void *self, const struct duplicate_progress *progress)
{
    struct duplicate_search *search = self;
    pthread_mutex_lock(&search->lock);
    search->progress = *progress;
    bool go_on = !search->stopping;
    pthread_mutex_unlock(&search->lock);
    return go_on;
}

static void describe(const struct duplicate_result *result, Quanyu__DuplicateRun *run)
{
    run->persons = result->persons;
    run->comparisons = result->comparisons;
    run->found = result->count;
    run->complete = result->complete;
    run->passed_over = result->passed_over;
    run->moves = result->moves;
}

static int search_now(struct duplicate_search *search, const Quanyu__DuplicateState *state)
{
    const struct config *config = service_config(search->service);
    const struct duplicate_job job = {.identity = search->identity,
        .snapshot = take_snapshot,
        .go_on = go_on,
        .self = search,
        .directory = service_data_path(search->service),
        .comparisons_max = (uint64_t)config_number(config, "identity.duplicates_comparisons"),
        .pairs_max = (uint32_t)config_number(config, "identity.duplicates_listed"),
        .least_probability = (double)config_number(config, "identity.duplicates_least") / 100};
    struct duplicate_result result;
    Quanyu__DuplicateRun run = QUANYU__DUPLICATE_RUN__INIT;
    run.number = state->asked;
    run.begun_ms = service_now_ms(search->service);
    int error = duplicate_run(&job, &result);
    describe(&result, &run);
    run.model = duplicate_model_view(&result.model, search->arena);
    if (!error)
        error = store_pairs(search, state, &result);
    duplicate_result_free(&result);
    if (error == -QY_ESTOPPED)
        return error;
    if (error) {
        log_line(LOG_ERROR, "the search for likely duplicates failed", "error=%s", error_name(error));
        run.error = (char *)(uintptr_t)error_text(error);
        run.found = 0;
    }
    error = store_end(search, &run);
    return error || *run.error ? error : sweep(search, run.number);
}

static void set_running(struct duplicate_search *search, bool running)
{
    pthread_mutex_lock(&search->lock);
    search->running = running;
    search->progress = (struct duplicate_progress){.phase = "reading"};
    pthread_mutex_unlock(&search->lock);
}

/* -- when -- */

static bool is_due(struct duplicate_search *search, const Quanyu__DuplicateState *state)
{
    int64_t every_ms = config_number(service_config(search->service), "identity.duplicates_every");
    int64_t last_ms = state->ended ? state->ended->begun_ms : 0;
    return every_ms > 0 && service_now_ms(search->service) - last_ms >= every_ms;
}

static int ask_by_itself(struct duplicate_search *search)
{
    struct change change = {.arena = search->arena};
    int error = waiting_work_run(search->service, &change.waiting, apply_ask);
    if (!error)
        duplicate_search_wake(search);
    return error;
}

static int look(struct duplicate_search *search)
{
    _cleanup_(store_abort) struct store_txn *txn = NULL;
    arena_reset(search->arena);
    int error = service_read(search->service, &txn);
    const Quanyu__DuplicateState *state = error ? NULL : duplicate_store_state(txn, search->arena);
    if (!state)
        return error ? error : -QY_ENOMEM;
    store_abort(&txn);
    if (!duplicate_search_is_asked(state))
        return is_due(search, state) ? ask_by_itself(search) : 0;
    set_running(search, true);
    error = search_now(search, state);
    set_running(search, false);
    return error;
}

/* Until somebody asks, or it is time to look; false when it is to stop. */
static bool wait_for_more(struct duplicate_search *search)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LOOK_SECONDS;
    pthread_mutex_lock(&search->lock);
    while (!search->stopping && !search->asked &&
           pthread_cond_timedwait(&search->wake, &search->lock, &until) != ETIMEDOUT)
        continue;
    search->asked = false;
    bool go_on = !search->stopping;
    pthread_mutex_unlock(&search->lock);
    return go_on;
}

static void *search_main(void *data)
{
    struct duplicate_search *search = data;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    do
        (void)look(search); /* what was asked for and did not end is looked at again */
    while (wait_for_more(search));
    return NULL;
}

/* -- from outside -- */

int duplicate_search_open(
    const struct identity *identity, struct service *service, struct duplicate_search **ret_search)
{
    struct duplicate_search *search = calloc(1, sizeof(*search));
    if (!search)
        return -QY_ENOMEM;
    search->identity = identity;
    search->service = service;
    pthread_mutex_init(&search->lock, NULL);
    pthread_cond_init(&search->wake, NULL);
    int error = arena_open(&search->arena);
    if (error)
        duplicate_search_close(&search);
    *ret_search = search;
    return error;
}

int duplicate_search_start(struct duplicate_search *search)
{
    return pthread_create(&search->thread, NULL, search_main, search) == 0 ? 0 : -QY_ENOMEM;
}

void duplicate_search_stop(struct duplicate_search *search)
{
    pthread_mutex_lock(&search->lock);
    search->stopping = true;
    pthread_cond_signal(&search->wake);
    pthread_mutex_unlock(&search->lock);
    pthread_join(search->thread, NULL);
}

void duplicate_search_close(struct duplicate_search **search)
{
    if (!*search)
        return;
    pthread_mutex_destroy(&(*search)->lock);
    pthread_cond_destroy(&(*search)->wake);
    arena_close(&(*search)->arena);
    free(*search);
    *search = NULL;
}

void duplicate_search_wake(struct duplicate_search *search)
{
    pthread_mutex_lock(&search->lock);
    search->asked = true;
    pthread_cond_signal(&search->wake);
    pthread_mutex_unlock(&search->lock);
}

bool duplicate_search_progress(struct duplicate_search *search, struct duplicate_progress *ret_progress)
{
    pthread_mutex_lock(&search->lock);
    bool running = search->running;
    *ret_progress = search->progress;
    pthread_mutex_unlock(&search->lock);
    return running;
}
