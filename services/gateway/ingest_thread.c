/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_thread.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* JSON takes up to some ten times its size, and what was taken once is kept. */
#define KEPT_JSON ((size_t)256 * 1024)
#define KNOWN_KEYS 64
#define AUTHORIZATION_MAX 200

struct known_key {
    uint64_t version; /* of the keys */
    size_t size;      /* 0: none */
    char authorization[AUTHORIZATION_MAX];
    const struct write_key_secret *secret;
};

struct ingest_thread {
    yyjson_alc *memory;
    uint8_t secret[crypto_shorthash_KEYBYTES]; /* nobody can choose keys that fall into one place */
    struct known_key known[KNOWN_KEYS];
    struct write_key_snapshot *keys;
    uint64_t version; /* of the keys */
    struct unit_tree *units;
    struct staff_roll *staff;
};

static pthread_key_t threads;
static int threads_error;

static void thread_free(void *self)
{
    struct ingest_thread *thread = self;
    yyjson_alc_dyn_free(thread->memory);
    sodium_memzero(thread->known, sizeof(thread->known));
    write_key_snapshot_release(&thread->keys);
    unit_tree_release(&thread->units);
    staff_roll_release(&thread->staff);
    free(thread);
}

static void make_key(void)
{
    threads_error = pthread_key_create(&threads, thread_free);
}

static struct ingest_thread *thread_make(void)
{
    struct ingest_thread *thread = calloc(1, sizeof(*thread));
    if (!thread)
        return NULL;
    thread->memory = yyjson_alc_dyn_new();
    crypto_shorthash_keygen(thread->secret);
    if (!thread->memory || pthread_setspecific(threads, thread) != 0) {
        thread_free(thread);
        return NULL;
    }
    return thread;
}

struct ingest_thread *ingest_thread_here(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    if (threads_error)
        return NULL;
    struct ingest_thread *thread = pthread_getspecific(threads);
    return thread ? thread : thread_make();
}

const yyjson_alc *ingest_thread_memory(const struct ingest_thread *thread, size_t size)
{
    return size <= KEPT_JSON ? thread->memory : NULL;
}

/* -- write keys: one place each, where the last one stays -- */

static size_t place_of(const struct ingest_thread *thread, const char *authorization, size_t size)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const uint8_t *)authorization, size, thread->secret);
    return hash[0] % KNOWN_KEYS;
}

void ingest_thread_update(struct ingest_thread *thread, struct write_keys *keys)
{
    thread->version = write_keys_update(keys, &thread->keys);
}

const struct unit_tree *ingest_thread_units(struct ingest_thread *thread, struct units *units)
{
    units_update(units, &thread->units);
    return thread->units;
}

const struct staff_roll *ingest_thread_staff(struct ingest_thread *thread, struct staff_rolls *rolls)
{
    staff_rolls_update(rolls, &thread->staff);
    return thread->staff;
}

const struct write_key_secret *ingest_thread_known(
    const struct ingest_thread *thread, const char *authorization)
{
    size_t size = strlen(authorization);
    const struct known_key *known = &thread->known[place_of(thread, authorization, size)];
    if (size == 0 || known->size != size || known->version != thread->version ||
        sodium_memcmp(known->authorization, authorization, size) != 0)
        return NULL;
    return known->secret;
}

static void learn(
    struct ingest_thread *thread, const char *authorization, const struct write_key_secret *secret)
{
    size_t size = strlen(authorization);
    if (size > AUTHORIZATION_MAX)
        return;
    struct known_key *known = &thread->known[place_of(thread, authorization, size)];
    known->version = thread->version;
    known->size = size;
    memcpy(known->authorization, authorization, size);
    known->secret = secret;
}

const struct write_key_secret *ingest_thread_find(
    struct ingest_thread *thread, const char *text, const char *authorization)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_hash(text, strlen(text), hash);
    const struct write_key_secret *secret = write_keys_find(thread->keys, hash);
    if (secret && authorization)
        learn(thread, authorization, secret);
    return secret;
}
