/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/write_keys.h"

#include "common/buffer.h"
#include "common/metrics.h"
#include "common/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct write_key_snapshot {
    struct snapshot snapshot; /* first */
    struct arena *arena;
    struct write_key *keys; /* in order of number; deleted ones too */
    size_t count, capacity;
    struct write_key_secret *secrets; /* places by hash; free where there is no key */
    size_t places;                    /* a power of two, more than twice as many as there are secrets */
};

struct write_keys {
    struct rate_limit rate;
    struct snapshot_slot slot; /* of write_key_snapshots */
    uint64_t prepared; /* the writer's: version of the last snapshot that was made, in force or not yet */
};

/* -- use -- */

void write_key_use_hold(struct write_key_use *use)
{
    atomic_fetch_add_explicit(&use->references, 1, memory_order_relaxed);
}

void write_key_use_release(struct write_key_use **use)
{
    if (*use && atomic_fetch_sub_explicit(&(*use)->references, 1, memory_order_acq_rel) == 1)
        free(*use);
    *use = NULL;
}

static struct write_key_use *use_make(uint32_t source)
{
    struct write_key_use *use = calloc(1, sizeof(*use));
    if (!use)
        return NULL;
    atomic_init(&use->references, 1);
    use->source = source;
    return use;
}

/* -- making a snapshot -- */

static void free_snapshot(struct snapshot *held)
{
    struct write_key_snapshot *snapshot = (struct write_key_snapshot *)held;
    for (size_t i = 0; i < snapshot->count; i++)
        write_key_use_release(&snapshot->keys[i].use);
    arena_close(&snapshot->arena);
    free(snapshot->keys);
    free(snapshot->secrets);
    free(snapshot);
}

void write_key_snapshot_release(struct write_key_snapshot **snapshot)
{
    snapshot_release((struct snapshot *)*snapshot);
    *snapshot = NULL;
}

const struct write_key *write_keys_of_source(const struct write_key_snapshot *snapshot, uint32_t source)
{
    size_t low = 0, high = snapshot ? snapshot->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (snapshot->keys[middle].row->source < source)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = snapshot && low < snapshot->count && snapshot->keys[low].row->source == source;
    return found ? &snapshot->keys[low] : NULL;
}

/* The writer's to look at. */
static const struct write_key_snapshot *in_force(const struct write_keys *keys)
{
    return (const struct write_key_snapshot *)keys->slot.current;
}

static bool is_restricted(const Quanyu__WriteKey *row)
{
    return row->n_sources || row->n_channels || row->n_event_types || row->n_event_names;
}

static struct write_key_use *use_for(const struct write_key *before, uint32_t source)
{
    if (!before)
        return use_make(source);
    write_key_use_hold(before->use);
    return before->use;
}

static int add_key(
    const struct write_keys *keys, struct write_key_snapshot *snapshot, const Quanyu__WriteKey *row)
{
    if (snapshot->count == snapshot->capacity) {
        size_t capacity = snapshot->capacity ? snapshot->capacity * 2 : 16;
        struct write_key *grown = realloc(snapshot->keys, capacity * sizeof(*grown));
        if (!grown)
            return -QY_ENOMEM;
        snapshot->keys = grown;
        snapshot->capacity = capacity;
    }
    struct write_key key = {.row = row,
        .rate = keys->rate,
        .restricted = is_restricted(row),
        .version = snapshot->snapshot.version};
    if (row->rate)
        key.rate = (struct rate_limit){row->rate->events_per_second, row->rate->burst};
    if (!row->removed_ms)
        key.use = use_for(write_keys_of_source(in_force(keys), row->source), row->source);
    if (!row->removed_ms && !key.use)
        return -QY_ENOMEM;
    snapshot->keys[snapshot->count++] = key;
    return 0;
}

static size_t place_of(const struct write_key_snapshot *snapshot, const uint8_t hash[SECRET_HASH_BYTES])
{
    return get_be64(hash) & (snapshot->places - 1);
}

static struct write_key_secret secret_of(const struct write_key *key, const Quanyu__WriteKey__Secret *row)
{
    int64_t ends = key->row->expires_ms, own = row->expires_ms;
    struct write_key_secret secret = {.key = key,
        .expires_ms = ends == 0 || (own != 0 && own < ends) ? own : ends,
        .revoked = row->revoked_ms != 0 || key->row->removed_ms != 0};
    memcpy(secret.hash, row->hash.data, SECRET_HASH_BYTES);
    return secret;
}

static void add_secret(
    struct write_key_snapshot *snapshot, const struct write_key *key, const Quanyu__WriteKey__Secret *row)
{
    size_t place = place_of(snapshot, row->hash.data);
    while (snapshot->secrets[place].key)
        place = (place + 1) & (snapshot->places - 1);
    snapshot->secrets[place] = secret_of(key, row);
}

static int index_secrets(struct write_key_snapshot *snapshot)
{
    size_t count = 0;
    for (size_t i = 0; i < snapshot->count; i++)
        count += snapshot->keys[i].row->n_secrets;
    snapshot->places = 16;
    while (snapshot->places <= count * 2)
        snapshot->places *= 2;
    snapshot->secrets = calloc(snapshot->places, sizeof(*snapshot->secrets));
    if (!snapshot->secrets)
        return -QY_ENOMEM;
    for (size_t i = 0; i < snapshot->count; i++)
        for (size_t j = 0; j < snapshot->keys[i].row->n_secrets; j++) {
            const Quanyu__WriteKey__Secret *secret = snapshot->keys[i].row->secrets[j];
            if (secret->hash.len != SECRET_HASH_BYTES)
                return -QY_ECORRUPT;
            add_secret(snapshot, &snapshot->keys[i], secret);
        }
    return 0;
}

static int read_keys(
    const struct write_keys *keys, struct store_txn *txn, struct write_key_snapshot *snapshot)
{
    const Quanyu__WriteKey *row;
    uint32_t at = 0;
    int error = arena_open(&snapshot->arena);
    while (!error && (row = write_key_next(txn, at, arena_allocator(snapshot->arena)))) {
        at = row->source;
        error = add_key(keys, snapshot, row);
    }
    if (!error)
        error = store_error(txn);
    return error ? error : index_secrets(snapshot);
}

int write_keys_prepare(
    struct write_keys *keys, struct store_txn *txn, struct write_key_snapshot **ret_snapshot)
{
    struct write_key_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -QY_ENOMEM;
    snapshot_init(&snapshot->snapshot, free_snapshot);
    keys->prepared = snapshot->snapshot.version;
    int error = read_keys(keys, txn, snapshot);
    if (error)
        write_key_snapshot_release(&snapshot);
    else
        *ret_snapshot = snapshot;
    return error;
}

/* -- looking -- */

const struct write_key_secret *write_keys_find(
    const struct write_key_snapshot *snapshot, const uint8_t hash[SECRET_HASH_BYTES])
{
    size_t place = place_of(snapshot, hash);
    for (; snapshot->secrets[place].key; place = (place + 1) & (snapshot->places - 1))
        if (memcmp(snapshot->secrets[place].hash, hash, SECRET_HASH_BYTES) == 0)
            return &snapshot->secrets[place];
    return NULL;
}

enum write_key_state write_key_secret_state(const struct write_key_secret *secret, int64_t now_ms)
{
    if (!secret)
        return KEY_UNKNOWN;
    if (secret->revoked)
        return KEY_REVOKED;
    if (secret->expires_ms && secret->expires_ms <= now_ms)
        return KEY_EXPIRED;
    return secret->key->row->paused ? KEY_PAUSED : KEY_GOOD;
}

/* -- looking again -- */

struct write_key_proof write_key_proof_of(const struct write_key_secret *secret)
{
    struct write_key_proof proof = {.version = secret->key->version,
        .expires_ms = secret->expires_ms,
        .row_version = secret->key->row->version,
        .source = secret->key->row->source};
    memcpy(proof.hash, secret->hash, SECRET_HASH_BYTES);
    return proof;
}

static enum write_key_state state_in(
    const Quanyu__WriteKey *row, const uint8_t hash[SECRET_HASH_BYTES], int64_t now_ms)
{
    const struct write_key key = {.row = row};
    for (size_t i = 0; i < row->n_secrets; i++)
        if (row->secrets[i]->hash.len == SECRET_HASH_BYTES &&
            memcmp(row->secrets[i]->hash.data, hash, SECRET_HASH_BYTES) == 0) {
            const struct write_key_secret secret = secret_of(&key, row->secrets[i]);
            return write_key_secret_state(&secret, now_ms);
        }
    return KEY_UNKNOWN;
}

enum write_key_state write_keys_look_again(
    const struct write_keys *keys, struct store_txn *txn, const struct write_key_proof *proof, int64_t now_ms)
{
    if (proof->version == keys->prepared)
        return proof->expires_ms && proof->expires_ms <= now_ms ? KEY_EXPIRED : KEY_GOOD;
    Quanyu__WriteKey *row = write_key_get(txn, proof->source, NULL);
    if (!row)
        return KEY_UNKNOWN;
    enum write_key_state state = state_in(row, proof->hash, now_ms);
    if (state == KEY_GOOD && row->version != proof->row_version)
        state = KEY_CHANGED;
    quanyu__write_key__free_unpacked(row, NULL);
    return state;
}

/* -- registry -- */

int write_keys_open(struct store_txn *txn, const struct rate_limit *rate, struct write_keys **ret_keys)
{
    struct write_keys *keys = calloc(1, sizeof(*keys));
    struct write_key_snapshot *first = NULL;
    if (!keys)
        return -QY_ENOMEM;
    keys->rate = *rate;
    snapshot_slot_open(&keys->slot);
    int error = write_keys_prepare(keys, txn, &first);
    if (error) {
        write_keys_close(&keys);
        return error;
    }
    write_keys_install(keys, &first);
    *ret_keys = keys;
    return 0;
}

void write_keys_close(struct write_keys **keys)
{
    if (!*keys)
        return;
    snapshot_slot_close(&(*keys)->slot);
    free(*keys);
    *keys = NULL;
}

/* What a key was allowed before at another rate is no debt at this one. */
static void reset_rates(const struct write_key_snapshot *before, const struct write_key_snapshot *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct write_key *key = &now->keys[i], *was = write_keys_of_source(before, key->row->source);
        if (key->use && was && was->use == key->use &&
            (was->rate.per_second != key->rate.per_second || was->rate.burst != key->rate.burst))
            rate_reset(&key->use->bucket);
    }
}

void write_keys_install(struct write_keys *keys, struct write_key_snapshot **snapshot)
{
    struct snapshot *before = snapshot_install(&keys->slot, &TAKE(*snapshot)->snapshot);
    reset_rates((const struct write_key_snapshot *)before, in_force(keys));
    snapshot_release(before);
}

struct write_key_snapshot *write_keys_hold(struct write_keys *keys)
{
    return (struct write_key_snapshot *)snapshot_take(&keys->slot);
}

uint64_t write_keys_update(struct write_keys *keys, struct write_key_snapshot **snapshot)
{
    *snapshot = (struct write_key_snapshot *)snapshot_update(&keys->slot, (struct snapshot *)*snapshot);
    return (*snapshot)->snapshot.version;
}

/* -- metrics -- */

enum outcome { ACCEPTED, DUPLICATE, REFUSED, LIMITED, OUTCOMES };
static const char *const outcomes[OUTCOMES] = {"accepted", "duplicate", "refused", "limited"};

static void add_use(struct write_key_use *use, uint64_t counts[OUTCOMES])
{
    counts[ACCEPTED] += atomic_load_explicit(&use->accepted, memory_order_relaxed);
    counts[DUPLICATE] += atomic_load_explicit(&use->duplicates, memory_order_relaxed);
    counts[REFUSED] += atomic_load_explicit(&use->refused, memory_order_relaxed);
    counts[LIMITED] += atomic_load_explicit(&use->limited, memory_order_relaxed);
}

static void show(struct metrics_page *page, const char *name, const uint64_t counts[OUTCOMES])
{
    char labels[80];
    for (int i = 0; i < OUTCOMES; i++) {
        snprintf(labels, sizeof(labels), "write_key=\"%s\",outcome=\"%s\"", name, outcomes[i]);
        page_metric(page, METRIC_COUNTER, "quanyu_write_key_events_total", labels,
            "Events by write key, since the start: stored, stored before, not valid or not allowed, over the "
            "rate "
            "limit.",
            (double)counts[i]);
    }
}

void write_keys_scrape(struct write_keys *keys, struct metrics_page *page)
{
    struct write_key_snapshot *snapshot = write_keys_hold(keys);
    uint64_t others[OUTCOMES] = {0};
    unsigned shown = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        uint64_t counts[OUTCOMES] = {0};
        char name[16];
        struct write_key_use *use = snapshot->keys[i].use;
        if (!use)
            continue;
        add_use(use, shown < WRITE_KEYS_SHOWN ? counts : others);
        if (shown++ >= WRITE_KEYS_SHOWN)
            continue;
        snprintf(name, sizeof(name), "k_%" PRIu32, use->source);
        show(page, name, counts);
    }
    if (shown > WRITE_KEYS_SHOWN)
        show(page, "others", others);
    write_key_snapshot_release(&snapshot);
}
