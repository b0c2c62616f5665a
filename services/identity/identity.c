/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identity.h"

#include "common/keys.h"
#include "proto/gateway.pb-c.h"
#include "proto/identity.pb-c.h"
#include "services/identity/digest_index.h"
#include "services/identity/dry_run.h"
#include "services/identity/duplicate_search.h"
#include "services/identity/identity_dump.h"
#include "services/identity/phone.h"
#include "services/identity/span_store.h"
#include "services/identity/worker.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static_assert(IDENTITY_INPUT_EVENT == QUANYU__GATEWAY_RECORD__RECORD_EVENT, "the class is the case");
static_assert(
    IDENTITY_INPUT_ORGANISATION == QUANYU__GATEWAY_RECORD__RECORD_ORGANISATION, "the class is the case");

int identity_open(const uint8_t master[VAULT_MASTER_BYTES], const char *extra_kinds, const char *region,
    struct identity *ret_identity)
{
    char names[1024];
    int size = snprintf(names, sizeof(names), KINDS_STRONG " %s " KINDS_WEAK, extra_kinds);
    if (size < 0 || (size_t)size >= sizeof(names))
        return -QY_EINVAL;
    *ret_identity = (struct identity){0};
    int error = kinds_set(&ret_identity->kinds, names, region);
    if (!error)
        error = vault_open(master, &ret_identity->vault);
    if (!error)
        error = node_index_open(&ret_identity->index);
    if (!error)
        error = worker_open(ret_identity, &ret_identity->worker);
    if (error)
        identity_close(ret_identity);
    return error;
}

void identity_close(struct identity *identity)
{
    dry_run_close(&identity->dry_run);
    duplicate_search_close(&identity->duplicates);
    worker_close(&identity->worker);
    node_index_close(&identity->index);
    vault_close(&identity->vault);
}

#define PART_NODES                                                                                           \
    500 /* of a change of rules: a few milliseconds' worth, so that what comes meanwhile waits no longer */
#define PART_EVENTS 20000 /* that are looked at again, which mostly changes nothing: as much */

/* -- the fold -- */

/* Outside LMDB: freed pages keep what was once written. */
static int read_master(struct service *service, uint8_t ret_master[VAULT_MASTER_BYTES])
{
    char path[700];
    int size = snprintf(path, sizeof(path), "%s/master.key", service_data_path(service));
    if (size < 0 || (size_t)size >= sizeof(path))
        return -QY_EINVAL;
    return keys_secret(path, ret_master);
}

static void refuse_settings(struct service *service, const struct config *config)
{
    const char *region = config_text(config, "phone_region");
    if (!phone_region_known(region))
        (void)service_refuse_start(
            service, -QY_EINVAL, "setting phone_region: no country is known as %s", region);
    else
        (void)service_refuse_start(service, -QY_EINVAL,
            "setting identity.identifier_kinds: a kind is there already, or is no name, or there are too "
            "many");
}

/* Kinds have the numbers under which the state knows them. */
static int register_kinds(struct identity *identity, struct store_txn *txn)
{
    _cleanup_(buffer_free) struct buffer registry = BUFFER_INIT;
    identity_store_kinds(txn, &registry);
    size_t before = registry.size;
    int error = kinds_register(&identity->kinds, &registry);
    if (!error && registry.size != before)
        identity_store_put_kinds(txn, &registry);
    return error ? error : store_error(txn);
}

static int read_state(void *service, struct store_txn **ret_txn)
{
    return service_read(service, ret_txn);
}

static int fold_open(void *self, struct batch *batch)
{
    struct identity *identity = self;
    if (!identity->vault) {
        const struct config *config = service_config(batch->service);
        uint8_t master[VAULT_MASTER_BYTES];
        int error = read_master(batch->service, master);
        if (!error)
            error = identity_open(master, config_text(config, "identity.identifier_kinds"),
                config_text(config, "phone_region"), identity);
        if (!error)
            error = duplicate_search_open(identity, batch->service, &identity->duplicates);
        if (!error)
            error = dry_run_open(identity, read_state, batch->service, &identity->dry_run);
        sodium_memzero(master, sizeof(master));
        if (error == -QY_EINVAL)
            refuse_settings(batch->service, config);
        if (error)
            return error;
        worker_measure(identity->worker, service_metrics(batch->service));
    }
    int error = register_kinds(identity, batch->txn);
    if (!error)
        error = worker_load(identity->worker, batch->txn);
    identity->left = error ? 0 : worker_left(identity->worker);
    return error;
}

static int fold_record(void *self, struct batch *batch, unsigned input, const struct journal_record *record)
{
    (void)input;
    struct identity *identity = self;
    if (record->record_class == IDENTITY_INPUT_ORGANISATION)
        return worker_pass_on(identity->worker, batch, record);
    if (record->record_class != IDENTITY_INPUT_EVENT)
        return 0;
    return worker_fold(identity->worker, batch, record);
}

static int fold_finish(void *self, struct batch *batch)
{
    struct identity *identity = self;
    int error = worker_save(identity->worker, batch);
    uint64_t left = worker_left(identity->worker);
    if (left > identity->left)
        identity->left = left; /* whoever sees what is committed sees that too */
    return error ? error : store_error(batch->txn);
}

static struct identity *of_more(struct work *work)
{
    return (struct identity *)(void *)((uint8_t *)work - offsetof(struct identity, more));
}

/* A part of what a change of rules makes of everybody, and then of whose events are, while others are taken in between; digests are
 * finish()'s. What failed half way takes the batch with it. */
static int do_more(struct work *work, struct batch *batch)
{
    struct identity *identity = of_more(work);
    uint64_t done, all;
    int error = worker_sweeps(identity->worker, &done, &all)
                    ? worker_sweep(identity->worker, batch, PART_NODES)
                    : worker_attribute(identity->worker, batch, PART_EVENTS);
    return error ? store_fail(batch->txn, error) : 0;
}

static void did_more(struct work *work, int result);

static void ask_for_more(struct identity *identity, struct service *service)
{
    if (identity->asked || identity->left == 0)
        return;
    identity->more = (struct work){.apply = do_more, .done = did_more};
    identity->asked = service_submit(service, &identity->more) == 0;
}

static void did_more(struct work *work, int result)
{
    struct identity *identity = of_more(work);
    identity->asked = false;
    if (result == 0)
        ask_for_more(identity, identity->service);
}

static void fold_committed(void *self, struct service *service)
{
    struct identity *identity = self;
    worker_keep(identity->worker);
    identity->left = worker_left(identity->worker);
    identity->service = service;
    if (service)
        ask_for_more(identity, service);
    if (identity->search_asked && identity->duplicates)
        duplicate_search_wake(identity->duplicates);
    identity->search_asked = false;
}

static void fold_discard(void *self)
{
    struct identity *identity = self;
    if (identity->worker)
        worker_forget(identity->worker);
}

/* Identifiers whose digests are not looked for yet, and a change of rules that has not gone through everybody. */
static uint64_t fold_pending(void *self)
{
    const struct identity *identity = self;
    return identity->left;
}

static void fold_close(void *self)
{
    identity_close(self);
}

const struct fold_ops identity_fold = {
    .open = fold_open,
    .record = fold_record,
    .finish = fold_finish,
    .committed = fold_committed,
    .discard = fold_discard,
    .dump = identity_dump,
    .close = fold_close,
    .pending = fold_pending,
};

/* -- what goes on beside the fold -- */

/* There is a batch: what is left goes on behind it. */
static int do_first(struct work *work, struct batch *batch)
{
    (void)work;
    (void)batch;
    return 0;
}

static void did_first(struct work *work, int result)
{
    (void)work;
    (void)result;
}

int identity_start(void *self, struct service *service)
{
    struct identity *identity = self;
    identity->first = (struct work){.apply = do_first, .done = did_first};
    if (identity->left)
        (void)service_submit(service, &identity->first); /* the next record does as well */
    return duplicate_search_start(identity->duplicates);
}

void identity_stop(void *self, struct service *service)
{
    (void)service;
    struct identity *identity = self;
    duplicate_search_stop(identity->duplicates);
    dry_run_cancel(identity->dry_run); /* who asks for it may still be there */
}

/* -- what readers ask for -- */

/* Whose it is now. */
static bool find_owner(struct store_txn *txn, uint32_t node, const struct node_place *place,
    uint32_t *ret_node, uint32_t *ret_person)
{
    struct node_place owner = *place;
    if (place->flags & NODE_SPANNED) {
        node = identity_store_owner(txn, node, INT64_MAX);
        if (!identity_store_place(txn, node, &owner))
            return false;
    }
    *ret_node = node;
    *ret_person = owner.person;
    return true;
}

/* A digest that no event carried, of somebody who is known. */
static bool find_digest(struct store_txn *txn, const struct kind *kind, const uint8_t hash[VAULT_HASH_BYTES],
    uint32_t *ret_node, uint32_t *ret_person)
{
    struct node_place place;
    uint32_t node = kind->form == FORM_DIGEST ? digest_find(txn, kind, hash) : 0;
    return node && identity_store_place(txn, node, &place) &&
           find_owner(txn, node, &place, ret_node, ret_person);
}

bool identity_find(const struct identity *identity, struct store_txn *txn, const struct kind *kind,
    const uint8_t hash[VAULT_HASH_BYTES], uint32_t *ret_node, uint32_t *ret_person)
{
    struct node_place place;
    uint32_t node = node_index_peek(identity->index, hash);
    if (!node || !identity_store_place(txn, node, &place) ||
        memcmp(place.hash, hash, sizeof(place.hash)) != 0)
        return find_digest(txn, kind, hash, ret_node, ret_person); /* or it came after the snapshot */
    return find_owner(txn, node, &place, ret_node, ret_person);
}

int identity_node_value(
    const struct identity *identity, uint32_t node, const struct node_row *row, struct buffer *out)
{
    struct vault_key key;
    int error = vault_unwrap(identity->vault, node, row->wrapped, &key);
    if (!error)
        error = vault_unseal(&key, VAULT_IDENTIFIER, node, row->sealed, out);
    sodium_memzero(&key, sizeof(key));
    return error;
}

int identity_open_traits(
    const struct identity *identity, uint32_t node, const struct sealed_traits *sealed, struct buffer *out)
{
    struct vault_key key;
    int error = vault_unwrap(identity->vault, node, sealed->wrapped, &key);
    if (!error)
        error = vault_unseal(&key, VAULT_TRAITS, node, sealed->sealed, out);
    sodium_memzero(&key, sizeof(key));
    return error;
}

/* Each node's plain traits behind one another in `texts`, as size and bytes. */
static int gather_traits(
    const struct identity *identity, struct store_txn *txn, uint32_t person, struct buffer *texts)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_traits(txn, person, &scan);
    uint32_t node;
    struct sealed_traits sealed;
    while (!error && identity_store_next_traits(txn, scan, &node, &sealed)) {
        size_t at = texts->size;
        buffer_append(texts, &(uint32_t){0}, sizeof(uint32_t));
        error = identity_open_traits(identity, node, &sealed, texts);
        if (!error)
            error = buffer_error(texts);
        if (!error)
            put_be32(texts->data + at, (uint32_t)(texts->size - at - sizeof(uint32_t)));
    }
    return error ? error : store_error(txn);
}

int identity_person_profile(const struct identity *identity, struct store_txn *txn, uint32_t person,
    struct buffer *texts, struct profile *ret_profile)
{
    ret_profile->count = 0;
    int error = gather_traits(identity, txn, person, texts);
    for (size_t at = 0; !error && at < texts->size;) {
        struct profile node;
        size_t size = get_be32(texts->data + at);
        error = profile_read((struct bytes){texts->data + at + 4, size}, &node);
        if (!error)
            profile_fold(ret_profile, &node);
        at += 4 + size;
    }
    return error;
}
