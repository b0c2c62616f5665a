/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/dry_run.h"

#include "services/identity/busy.h"
#include "services/identity/connected.h"
#include "services/identity/reverify.h"
#include "services/identity/reweighed.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define EXAMPLES_MAX 20
#define EXAMPLE_PERSONS 10
#define SNAPSHOT_NODES                                                                                       \
    200000 /* after so many a new snapshot: an old one keeps the store from using its pages again */

enum state { RUN_NONE, RUN_RUNNING, RUN_DONE, RUN_CANCELLED, RUN_FAILED };

/* What is known of a node in this run. */
enum mark { MARK_SEEN = 1, MARK_ASKED = 2, MARK_OUT = 4 };

struct example {
    uint32_t before[EXAMPLE_PERSONS], identifiers[EXAMPLE_PERSONS];
    unsigned before_count, after_count;
};

struct figures {
    uint64_t done, all, before, after, joins, splits, moved;
    struct example examples[EXAMPLES_MAX];
    unsigned example_count;
};

struct dry_run {
    const struct identity *identity;
    dry_run_read_fn *read;
    void *self; /* of it */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended; /* with the lock */
    bool joinable;
    enum state state;
    struct figures figures; /* behind the lock */
    struct kinds kinds;
    struct identity_rules rules;
    atomic_bool stop;
};

/* The thread's own. */
struct running {
    struct dry_run *run;
    struct store_txn *txn;
    struct buffer marks;
    struct reweighed *links; /* NULL: they show what they show */
    struct figures figures;
    int error;
};

/* -- whether an identifier is out -- */

static unsigned kind_of(const void *self, uint32_t node)
{
    const struct running *own = self;
    struct node_place place;
    return identity_store_place(own->txn, node, &place) ? place.kind : 0;
}

static bool is_listed(struct running *own, uint32_t node, unsigned kind)
{
    const struct blocklist *blocked = own->run->rules.blocked;
    const struct kind *known = kind_numbered(&own->run->kinds, kind);
    struct node_row row;
    _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
    bool digest = known && known->form == FORM_DIGEST;
    if (!blocked || blocked->count == 0 || digest || !identity_store_node(own->txn, node, &row))
        return false;
    int error = identity_node_value(own->run->identity, node, &row, &value);
    bool listed = !error && blocklist_has(blocked, kind, (const char *)value.data, value.size);
    if (value.data)
        sodium_memzero(value.data, value.capacity);
    if (error)
        own->error = error;
    return listed;
}

static uint8_t *mark_of(struct running *own, uint32_t node)
{
    if (node >= own->marks.size) {
        size_t more = (size_t)node + 65536 - own->marks.size;
        uint8_t *room = buffer_reserve(&own->marks, more);
        if (!room) {
            static uint8_t none;
            own->error = -QY_ENOMEM;
            return &none;
        }
        memset(room, 0, more);
        own->marks.size += more;
    }
    return &own->marks.data[node];
}

static void reweigh(void *self, uint32_t node, uint32_t other, struct link *link)
{
    const struct running *own = self;
    reweighed_look(own->links, node, other, link);
}

/* As the other rules would have it; asked once. */
static bool is_out(void *self, uint32_t node, const struct node_place *place)
{
    struct running *own = self;
    uint8_t marks = *mark_of(own, node);
    if (marks & MARK_ASKED)
        return marks & MARK_OUT;
    enum busy_reason busy = BUSY_NOT;
    const struct busy_view view = {.rules = &own->run->rules,
        .txn = own->txn,
        .vault = own->run->identity->vault,
        .kind_of = kind_of,
        .self = own,
        .reweigh = own->links ? reweigh : NULL,
        .reweigh_self = own};
    bool out = place->flags & NODE_BLOCKED || is_listed(own, node, place->kind);
    if (!out && !own->error)
        own->error = busy_find(&view, node, &busy);
    *mark_of(own, node) |= (uint8_t)(MARK_ASKED | (out || busy ? MARK_OUT : 0));
    return out || busy;
}

/* -- one part -- */

static size_t distinct(uint32_t *numbers, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    return kept;
}

static int compare_pairs(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static void keep_example(struct running *own, const struct connected *connected, const uint32_t *before,
    size_t before_count, const uint32_t *after, size_t after_count)
{
    struct figures *figures = &own->figures;
    if (figures->example_count == EXAMPLES_MAX)
        return;
    struct example *example = &figures->examples[figures->example_count++];
    *example = (struct example){0};
    for (size_t i = 0; i < before_count && i < EXAMPLE_PERSONS; i++)
        example->before[example->before_count++] = before[i];
    for (size_t i = 0; i < after_count && i < EXAMPLE_PERSONS; i++) {
        for (size_t k = 0; k < connected->count; k++)
            example->identifiers[i] += connected->nodes[k].person == after[i];
        example->after_count++;
    }
}

/* Pairs of a person now and one then: each beyond a person's first is a split, each beyond the first of one then a join. */
static int compare(struct running *own, const struct connected *connected)
{
    size_t count = connected->count;
    _cleanup_(free_pointer) uint32_t *before = malloc(count * sizeof(*before));
    _cleanup_(free_pointer) uint32_t *after = malloc(count * sizeof(*after));
    _cleanup_(free_pointer) uint64_t *pairs = malloc(count * sizeof(*pairs));
    if (!before || !after || !pairs)
        return -QY_ENOMEM;
    uint64_t moved = 0;
    for (size_t i = 0; i < count; i++) {
        before[i] = connected->persons[i];
        after[i] = connected->nodes[i].person;
        pairs[i] = (uint64_t)before[i] << 32 | after[i];
        moved += before[i] != after[i];
    }
    numbers_sort(before, count);
    numbers_sort(after, count);
    qsort(pairs, count, sizeof(*pairs), compare_pairs);
    size_t befores = distinct(before, count), afters = distinct(after, count), met = 0;
    for (size_t i = 0; i < count; i++)
        met += i == 0 || pairs[i] != pairs[i - 1];
    own->figures.before += befores;
    own->figures.after += afters;
    own->figures.splits += met - befores;
    own->figures.joins += met - afters;
    own->figures.moved += moved;
    if (moved)
        keep_example(own, connected, before, befores, after, afters);
    return 0;
}

static int take_part(struct running *own, uint32_t node)
{
    _cleanup_(connected_free) struct connected connected = {.txn = own->txn,
        .rules = &own->run->rules,
        .kinds = &own->run->kinds,
        .self = own,
        .is_out = is_out,
        .reweigh = own->links ? reweigh : NULL};
    int error = connected_gather(&connected, &node, 1);
    if (!error)
        error = component_solve(
            &own->run->rules, connected.nodes, connected.count, connected.links, connected.link_count);
    if (!error)
        error = compare(own, &connected);
    for (size_t i = 0; !error && i < connected.count; i++)
        *mark_of(own, connected.nodes[i].node) |= MARK_SEEN;
    return error ? error : own->error;
}

/* -- the whole -- */

static void publish(struct running *own, enum state state)
{
    pthread_mutex_lock(&own->run->lock);
    own->run->figures = own->figures;
    own->run->state = state;
    if (state != RUN_RUNNING)
        pthread_cond_broadcast(&own->run->ended);
    pthread_mutex_unlock(&own->run->lock);
}

static int renew(struct running *own)
{
    struct identity_counters counters;
    store_abort(&own->txn);
    int error = own->run->read(own->run->self, &own->txn);
    if (error)
        return error;
    identity_store_counters(own->txn, &counters);
    own->figures.all = counters.nodes;
    publish(own, RUN_RUNNING);
    return store_error(own->txn);
}

/* Where other things verify, links show something else. */
static int reweigh_all(struct running *own)
{
    _cleanup_(rules_free) struct identity_rules holding = {0};
    bool more = true;
    int error = rules_load(own->txn, &own->run->kinds, &holding);
    if (error || !verification_differs(&holding, &own->run->rules))
        return error;
    error = reweighed_open(&holding, &own->run->rules, &own->links);
    while (!error && more) {
        if (atomic_load(&own->run->stop))
            return -QY_ESTOPPED;
        error = reweighed_read(own->links, own->txn, SNAPSHOT_NODES, &more);
        if (!error)
            error = renew(own);
    }
    return error;
}

static int go_through(struct running *own)
{
    int error = renew(own);
    if (!error)
        error = reweigh_all(own);
    for (uint64_t node = 1; !error && node <= own->figures.all; node++) {
        if (atomic_load(&own->run->stop))
            return -QY_ESTOPPED;
        own->figures.done = node;
        if (!(*mark_of(own, (uint32_t)node) & MARK_SEEN))
            error = take_part(own, (uint32_t)node);
        if (!error && node % SNAPSHOT_NODES == 0)
            error = renew(own);
    }
    return error;
}

static void *run_thread(void *self)
{
    struct running own = {.run = self};
    int error = go_through(&own);
    store_abort(&own.txn);
    buffer_free(&own.marks);
    reweighed_close(&own.links);
    publish(&own, error == -QY_ESTOPPED ? RUN_CANCELLED : error ? RUN_FAILED : RUN_DONE);
    return NULL;
}

/* -- outside -- */

int dry_run_open(const struct identity *identity, dry_run_read_fn *read, void *self, struct dry_run **ret_run)
{
    struct dry_run *run = calloc(1, sizeof(*run));
    if (!run)
        return -QY_ENOMEM;
    run->identity = identity;
    run->read = read;
    run->self = self;
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->ended, NULL);
    *ret_run = run;
    return 0;
}

static void join_thread(struct dry_run *run)
{
    if (run->joinable)
        pthread_join(run->thread, NULL);
    run->joinable = false;
}

void dry_run_close(struct dry_run **run)
{
    if (!*run)
        return;
    dry_run_cancel(*run);
    join_thread(*run);
    rules_free(&(*run)->rules);
    pthread_cond_destroy(&(*run)->ended);
    pthread_mutex_destroy(&(*run)->lock);
    free(*run);
    *run = NULL;
}

/* Behind the lock; the one before it is done with that. Takes the rules over on success. */
static int start_thread(struct dry_run *run, const struct kinds *kinds, const struct identity_rules *rules)
{
    join_thread(run);
    atomic_store(&run->stop, false);
    run->joinable = pthread_create(&run->thread, NULL, run_thread, run) == 0;
    if (!run->joinable)
        return -QY_ENOMEM;
    rules_free(&run->rules);
    run->kinds = *kinds;
    run->rules = *rules;
    run->figures = (struct figures){0};
    run->state = RUN_RUNNING;
    return 0;
}

int dry_run_begin(struct dry_run *run, const struct kinds *kinds, struct identity_rules *rules)
{
    pthread_mutex_lock(&run->lock);
    bool running = run->state == RUN_RUNNING;
    int error = running ? -QY_ECONFLICT : start_thread(run, kinds, rules);
    pthread_mutex_unlock(&run->lock);
    return error;
}

void dry_run_cancel(struct dry_run *run)
{
    atomic_store(&run->stop, true);
}

void dry_run_wait(struct dry_run *run)
{
    pthread_mutex_lock(&run->lock);
    while (run->state == RUN_RUNNING)
        pthread_cond_wait(&run->ended, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

static int view_example(struct dry_run *run, const struct example *example, struct arena *arena,
    Quanyu__DryRunReply__Example *view)
{
    quanyu__dry_run_reply__example__init(view);
    view->before = (uint32_t *)(void *)arena_copy(arena, example->before, sizeof(example->before));
    view->identifiers =
        (uint32_t *)(void *)arena_copy(arena, example->identifiers, sizeof(example->identifiers));
    view->before_one_ids = arena_alloc(arena, (example->before_count + 1) * sizeof(char *));
    if (!view->before || !view->identifiers || !view->before_one_ids)
        return -QY_ENOMEM;
    view->n_before = example->before_count;
    view->n_identifiers = example->after_count;
    for (unsigned i = 0; i < example->before_count; i++) {
        char one_id[ONE_ID_BYTES];
        one_id_format(vault_one_id_key(run->identity->vault), example->before[i], one_id);
        view->before_one_ids[i] = arena_text(arena, one_id, strlen(one_id));
        if (!view->before_one_ids[i])
            return -QY_ENOMEM;
        view->n_before_one_ids++;
    }
    return 0;
}

static int view_rules(struct dry_run *run, struct arena *arena, Quanyu__DryRunReply *reply)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    rules_write(&run->rules, &run->kinds, &out);
    if (buffer_error(&out))
        return buffer_error(&out);
    reply->document.data = arena_copy(arena, out.data, out.size);
    reply->document.len = out.size;
    return reply->document.data ? 0 : -QY_ENOMEM;
}

static int view_figures(struct dry_run *run, struct arena *arena, Quanyu__DryRunReply *reply)
{
    const struct figures *figures = &run->figures;
    reply->done = figures->done;
    reply->all = figures->all;
    reply->persons_before = figures->before;
    reply->persons_after = figures->after;
    reply->joins = figures->joins;
    reply->splits = figures->splits;
    reply->moved = figures->moved;
    reply->examples = arena_alloc(arena, (figures->example_count + 1) * sizeof(void *));
    if (!reply->examples)
        return -QY_ENOMEM;
    for (unsigned i = 0; i < figures->example_count; i++) {
        Quanyu__DryRunReply__Example *view = arena_alloc(arena, sizeof(*view));
        int error = view ? view_example(run, &figures->examples[i], arena, view) : -QY_ENOMEM;
        if (error)
            return error;
        reply->examples[reply->n_examples++] = view;
    }
    return 0;
}

int dry_run_view(struct dry_run *run, struct arena *arena, Quanyu__DryRunReply *reply)
{
    static const char *const names[] = {"none", "running", "done", "cancelled", "failed"};
    pthread_mutex_lock(&run->lock);
    reply->state = arena_text(arena, names[run->state], strlen(names[run->state]));
    int error = reply->state ? 0 : -QY_ENOMEM;
    if (!error && run->state != RUN_NONE)
        error = view_rules(run, arena, reply);
    if (!error && run->state != RUN_NONE)
        error = view_figures(run, arena, reply);
    pthread_mutex_unlock(&run->lock);
    return error;
}
