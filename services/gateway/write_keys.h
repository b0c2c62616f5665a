/* SPDX-License-Identifier: Apache-2.0 */
/* The write keys in memory: snapshots that HTTP threads look into without a lock and without the store.
 *
 * The writer makes the next snapshot of the state that it is about to commit and puts it in force after the commit,
 * before anybody is told; so who was told that a secret is revoked finds it refused. A thread keeps the snapshot that it used last,
 * and takes the next one when there is one: that is one atomic load for each request. What counts and what a rate limit goes
 * by lives on from one snapshot to the next. */
#ifndef QY_GATEWAY_WRITE_KEYS_H
#define QY_GATEWAY_WRITE_KEYS_H

#include "common/metrics.h"
#include "services/gateway/rate.h"
#include "services/gateway/write_key_store.h"

struct write_keys;
struct write_key_snapshot;

/* Of one source, since the start; any thread. */
struct write_key_use {
    atomic_uint references;
    uint32_t source;
    struct rate_bucket bucket;
    _Atomic uint64_t accepted, duplicates, refused, limited; /* events */
};
void write_key_use_hold(struct write_key_use *use);
void write_key_use_release(struct write_key_use **use); /* safe on NULL */

/* Of a snapshot, and borrowed from it. */
struct write_key {
    const Quanyu__WriteKey *row;
    struct write_key_use *use;
    struct rate_limit rate; /* the settings' where the key has none of its own */
    bool restricted;        /* something is not allowed: look at each event */
    uint64_t version;       /* of the snapshot */
};

struct write_key_secret {
    uint8_t hash[SECRET_HASH_BYTES];
    const struct write_key *key;
    int64_t expires_ms; /* 0: never */
    bool revoked;
};

/* The last one is what write_keys_look_again() alone says: it is good, and may not be what it was. */
enum write_key_state { KEY_GOOD, KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED, KEY_PAUSED, KEY_CHANGED };
/* NULL is unknown. */
enum write_key_state write_key_secret_state(const struct write_key_secret *secret, int64_t now_ms);

/* Which secret a call was admitted with, and by which snapshot: what the writer needs to look again. */
struct write_key_proof {
    uint64_t version;
    int64_t expires_ms;
    uint64_t row_version; /* of the key itself */
    uint32_t source;
    uint8_t hash[SECRET_HASH_BYTES];
};
struct write_key_proof write_key_proof_of(const struct write_key_secret *secret);

/* -- registry -- */

/* Reads all keys. The rate is for keys that have none of their own. */
int write_keys_open(struct store_txn *txn, const struct rate_limit *rate, struct write_keys **ret_keys);
/* Snapshots that are still held stay; so does what is in use. */
void write_keys_close(struct write_keys **keys);

/* The one in force; the caller gives it back. */
struct write_key_snapshot *write_keys_hold(struct write_keys *keys);
void write_key_snapshot_release(struct write_key_snapshot **snapshot); /* safe on NULL */
/* Changes `*snapshot`, which may be NULL, to the one in force. Yields its version, which no other
 * one has, from 1. */
uint64_t write_keys_update(struct write_keys *keys, struct write_key_snapshot **snapshot);
/* NULL where the snapshot has none. */
const struct write_key_secret *write_keys_find(
    const struct write_key_snapshot *snapshot, const uint8_t hash[SECRET_HASH_BYTES]);

/* NULL where there is no such source any more. */
const struct write_key *write_keys_of_source(const struct write_key_snapshot *snapshot, uint32_t source);

/* Writer: the next one, as the transaction's tables are now. */
int write_keys_prepare(
    struct write_keys *keys, struct store_txn *txn, struct write_key_snapshot **ret_snapshot);
/* Writer: what has become of a secret that was good. KEY_CHANGED: it still is, and its key was changed: what it allowed, it may allow no
 * more. Costs nothing while no key has changed since, in this batch or before. */
enum write_key_state write_keys_look_again(const struct write_keys *keys, struct store_txn *txn,
    const struct write_key_proof *proof, int64_t now_ms);
/* Writer, after the commit: puts it in force; takes it over. */
void write_keys_install(struct write_keys *keys, struct write_key_snapshot **snapshot);

/* What each key has sent, for a scrape; the first WRITE_KEYS_SHOWN by number, then all others together. */
#define WRITE_KEYS_SHOWN 100u
void write_keys_scrape(struct write_keys *keys, struct metrics_page *page);

#endif
