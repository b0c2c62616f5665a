/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/same.h"

#include "services/identity/span_evidence.h"

#include <sodium.h>
#include <string.h>

#define STEP 4096 /* nodes of a batch, and twice as many as are new in it: what is left to do grows less */

uint32_t graph_plain(const struct graph *graph, struct store_txn *txn, uint32_t node)
{
    bool same = node_index_flags(graph->index, node) & NODE_SAME;
    return same ? identity_store_plain(txn, node) : node;
}

/* -- two nodes become one -- */

struct unifying {
    struct graph *graph;
    struct batch *batch;
    uint32_t digest, plain;
    struct buffer nodes; /* the plain one, the digest, and what the digest was seen with */
};

static bool is_better(const struct link *one, const struct link *other)
{
    enum worth worth = link_worth(one), others = link_worth(other);
    return worth != others ? worth > others : one->evidence < other->evidence;
}

static uint64_t later(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static struct link merge(const struct link *one, const struct link *other)
{
    struct link link = is_better(one, other) ? *one : *other;
    link.joined = later(one->joined, other->joined);
    link.cut = later(one->cut, other->cut);
    link.apart = !one->apart || (other->apart && other->apart < one->apart) ? other->apart : one->apart;
    return link;
}

static int take_over(struct unifying *own, uint32_t other)
{
    struct store_txn *txn = own->batch->txn;
    struct link link, there = {0};
    uint32_t low = own->digest < other ? own->digest : other;
    if (!identity_store_link(txn, own->digest, other, &link))
        return store_fail(txn, -QY_ECORRUPT);
    identity_store_delete_link(txn, own->digest, other);
    node_index_unlink(own->graph->index, own->digest, other);
    if (identity_store_delete_conflict(txn, low, own->digest + other - low))
        own->graph->counters.conflicts--;
    if (other == own->plain)
        return store_error(txn); /* an event carried both */
    bool known = identity_store_link(txn, own->plain, other, &there);
    link = known ? merge(&there, &link) : link;
    identity_store_put_link(txn, own->plain, other, &link, !known);
    buffer_append(&own->nodes, &other, sizeof(other));
    return buffer_error(&own->nodes) ? buffer_error(&own->nodes) : store_error(txn);
}

static int gather_seen(struct unifying *own, struct buffer *seen)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_neighbours(own->batch->txn, own->digest, &scan);
    uint32_t other;
    while (!error && identity_store_next_neighbour(scan, &other))
        buffer_append(seen, &other, sizeof(other));
    if (!error)
        error = buffer_error(seen);
    return error ? error : store_error(own->batch->txn);
}

static int take_over_all(struct unifying *own)
{
    _cleanup_(buffer_free) struct buffer seen = BUFFER_INIT;
    int error = gather_seen(own, &seen);
    const uint32_t *others = (const uint32_t *)(const void *)seen.data;
    for (size_t i = 0; !error && i < seen.size / sizeof(*others); i++)
        error = take_over(own, others[i]);
    return error;
}

/* It came when its digest did, if that was earlier. */
static int take_over_first(struct unifying *own)
{
    struct store_txn *txn = own->batch->txn;
    struct node_row digest, plain;
    if (!identity_store_node(txn, own->digest, &digest) || !identity_store_node(txn, own->plain, &plain))
        return store_fail(txn, -QY_ECORRUPT);
    if (digest.evidence < plain.evidence)
        identity_store_set_first(txn, own->plain, digest.evidence, digest.event_ms);
    return store_error(txn);
}

static int take_over_flags(struct unifying *own)
{
    struct graph *graph = own->graph;
    const unsigned taken = NODE_BLOCKED | NODE_REFUSED | NODE_DECIDED | NODE_CLAIMED;
    unsigned digest = node_index_flags(graph->index, own->digest);
    unsigned plain = node_index_flags(graph->index, own->plain) | (digest & taken);
    int error = graph_set_flags(graph, own->batch->txn, own->plain, plain);
    return error ? error
                 : graph_set_flags(graph, own->batch->txn, own->digest, (digest & NODE_FOUNDER) | NODE_SAME);
}

static int take_over_name(struct unifying *own, const struct name_row *digests, const struct text *text)
{
    struct store_txn *txn = own->batch->txn;
    struct name_row row;
    if (!identity_store_name(txn, own->plain, digests->name, &row))
        return name_keep(own->graph->vault, txn, own->plain, text, digests);
    bool first = !digests->withdrawn && (row.withdrawn || digests->evidence < row.evidence);
    row.evidence = first ? digests->evidence : row.evidence;
    row.withdrawn &= digests->withdrawn;
    row.lasting |= digests->lasting;
    identity_store_set_name(txn, own->plain, &row);
    return store_error(txn);
}

/* A table is not written to while it is scanned. */
static int take_over_names(struct unifying *own)
{
    struct name_rows rows;
    int error = name_rows_read(own->graph->vault, own->batch->txn, own->digest, &rows);
    for (unsigned i = 0; !error && i < rows.count; i++)
        error = take_over_name(own, &rows.rows[i], &rows.texts[i]);
    if (!error && rows.count > 0)
        error = graph_watch_around(own->graph, own->batch->txn, own->plain);
    name_rows_wipe(&rows);
    return error;
}

/* Its other numbers too: whom they are of was seen with one more. */
static int watch_one(struct unifying *own, uint32_t node)
{
    struct graph *graph = own->graph;
    unsigned kind = node_index_kind(graph->index, own->plain);
    int error = graph_watch(graph, own->batch->txn, node);
    bool numbers = node != own->plain && graph->rules.kinds[kind].handed_on;
    return error || !numbers ? error : graph_watch_numbers(graph, own->batch->txn, node, kind);
}

/* What is busy is another question for whoever was seen with it: it is of another kind, or one less. */
static int watch_all(struct unifying *own)
{
    const uint32_t *nodes = (const uint32_t *)(const void *)own->nodes.data;
    int error = 0;
    for (size_t i = 0; !error && i < own->nodes.size / sizeof(*nodes); i++)
        if (nodes[i] != own->digest)
            error = watch_one(own, nodes[i]);
    return error;
}

int graph_unify(struct graph *graph, struct batch *batch, uint32_t digest, uint32_t plain)
{
    struct unifying own = {.graph = graph, .batch = batch, .digest = digest, .plain = plain};
    const struct link same = {.same = true};
    const struct cause cause = {.evidence = graph->counters.latest};
    if (node_index_flags(graph->index, digest) & NODE_SAME)
        return 0;
    buffer_append(&own.nodes, &plain, sizeof(plain));
    buffer_append(&own.nodes, &digest, sizeof(digest));
    int error = take_over_all(&own);
    if (!error)
        error = take_over_first(&own);
    if (!error)
        error = take_over_flags(&own);
    if (!error)
        error = identity_store_take_over_decided(batch->txn, digest, plain);
    if (!error)
        identity_store_put_link(batch->txn, digest, plain, &same, true);
    if (!error)
        error = take_over_names(&own);
    if (!error)
        error = watch_all(&own);
    if (!error)
        error = graph_solve(graph, batch, (const uint32_t *)(const void *)own.nodes.data,
            own.nodes.size / sizeof(uint32_t), &cause);
    buffer_free(&own.nodes);
    if (!error && node_index_flags(graph->index, plain) & NODE_SPANNED)
        error = span_recompute(graph, batch, plain, 0, &cause); /* some was of a later owner's time */
    return error ? error : store_error(batch->txn);
}

/* -- the index -- */

struct indexing {
    struct graph *graph;
    struct batch *batch;
    struct buffer value;
    uint32_t next;
};

/* A table is not written to while it is scanned. */
static int gather_nodes(struct indexing *own, struct buffer *nodes)
{
    struct graph *graph = own->graph;
    uint64_t fresh = graph->counters.nodes - graph->committed.nodes;
    uint64_t last = (uint64_t)own->next + STEP + 2 * fresh;
    last = last < graph->counters.nodes ? last : graph->counters.nodes;
    for (uint32_t node = own->next; node <= last; node++) {
        const struct kind *kind = kind_numbered(graph->kinds, node_index_kind(graph->index, node));
        bool later = node_index_flags(graph->index, node) & NODE_LATER; /* the first one stands for it */
        if (kind && !later && digest_index_wants(graph->digests, kind))
            buffer_append(nodes, &node, sizeof(node));
    }
    own->next = (uint32_t)last + 1;
    return buffer_error(nodes);
}

static int open_value(struct indexing *own, uint32_t node)
{
    struct node_row row;
    struct vault_key key;
    buffer_clear(&own->value);
    if (!identity_store_node(own->batch->txn, node, &row))
        return store_fail(own->batch->txn, -QY_ECORRUPT);
    int error = vault_unwrap(own->graph->vault, node, row.wrapped, &key);
    if (!error)
        error = vault_unseal(&key, VAULT_IDENTIFIER, node, row.sealed, &own->value);
    sodium_memzero(&key, sizeof(key));
    return error;
}

static int take_digest(struct indexing *own, const struct kind *kind, const char *text, uint32_t node)
{
    struct graph *graph = own->graph;
    char digits[DIGEST_TEXT_BYTES];
    uint8_t hash[VAULT_HASH_BYTES];
    uint32_t digest, person;
    int error = digester_text(graph->digester, kind->algorithm, text, digits);
    if (error)
        return error;
    vault_hash(graph->vault, kind->name, digits, strlen(digits), hash);
    sodium_memzero(digits, sizeof(digits));
    if (node_index_find(graph->index, hash, &digest, &person))
        return graph_unify(graph, own->batch, digest, node);
    return digest_index_add(graph->digests, kind, hash, node);
}

static int take_in(struct indexing *own, uint32_t node)
{
    const struct kinds *kinds = own->graph->kinds;
    const struct kind *plain = kind_numbered(kinds, node_index_kind(own->graph->index, node));
    struct digest_forms forms;
    int error = open_value(own, node);
    if (error)
        return error;
    digest_forms_of(kinds, plain, (const char *)own->value.data, own->value.size, &forms);
    for (unsigned algorithm = 0; !error && algorithm < DIGEST_COUNT; algorithm++) {
        const struct kind *kind = kind_hashed(kinds, plain, (enum digest_algorithm)algorithm);
        for (unsigned i = 0; !error && kind && i < forms.count; i++)
            if (digest_index_lacks(own->graph->digests, kind, node))
                error = take_digest(own, kind, forms.texts[i], node);
    }
    sodium_memzero(&forms, sizeof(forms));
    return error;
}

void graph_note_digest(struct graph *graph, struct store_txn *txn, const struct kind *digest)
{
    if (digest_index_is_stale(graph->digests))
        digest_index_load(graph->digests, txn);
    digest_index_begin(graph->digests, digest);
}

uint64_t graph_digests_left(const struct graph *graph)
{
    uint64_t next = digest_index_next(graph->digests), nodes = graph->counters.nodes;
    return next && next <= nodes ? nodes - next + 1 : 0;
}

int graph_index_digests(struct graph *graph, struct batch *batch)
{
    struct indexing own = {.graph = graph, .batch = batch};
    _cleanup_(buffer_free) struct buffer nodes = BUFFER_INIT;
    if (digest_index_is_stale(graph->digests))
        digest_index_load(graph->digests, batch->txn);
    if (!graph_digests_left(graph))
        return 0;
    own.next = digest_index_next(graph->digests);
    int error = gather_nodes(&own, &nodes);
    const uint32_t *numbers = (const uint32_t *)(const void *)nodes.data;
    for (size_t i = 0; !error && i < nodes.size / sizeof(*numbers); i++)
        error = take_in(&own, numbers[i]);
    if (!error)
        digest_index_save(graph->digests, batch->txn, own.next);
    if (own.value.data)
        sodium_memzero(own.value.data, own.value.capacity);
    buffer_free(&own.value);
    return error ? error : store_error(batch->txn);
}
