/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/digest_index.h"

#include "common/hash_tiers.h"

#include <stdlib.h>
#include <string.h>

/* An entry is a hash of 16 bytes to the runs: the beginning of the keyed hash, and the node. */
#define BEGINNING_BYTES (HASH_BYTES - 4)
#define MERGED_PER_ENTRY 2 /* more than come, so that it ends */
#define ROW_BYTES 5        /* number of the kind, the next node */

struct followed {
    const struct kind *kind;
    uint32_t next; /* 0: not in use */
    struct tiers tiers;
    struct buffer added; /* struct hash */
};

struct digest_index {
    struct followed list[KINDS_MAX];
    unsigned count;
    struct buffer sorted;
    bool stale;
};

int digest_index_open(const struct kinds *kinds, struct digest_index **ret_index)
{
    struct digest_index *index = calloc(1, sizeof(*index));
    if (!index)
        return -QY_ENOMEM;
    for (unsigned i = 0; i < kinds->count; i++)
        if (kinds->items[i].form == FORM_DIGEST)
            index->list[index->count++].kind = &kinds->items[i];
    *ret_index = index;
    return 0;
}

void digest_index_close(struct digest_index **index)
{
    if (!*index)
        return;
    for (unsigned i = 0; i < (*index)->count; i++)
        buffer_free(&(*index)->list[i].added);
    buffer_free(&(*index)->sorted);
    free(*index);
    *index = NULL;
}

/* -- in the store -- */

static void make_key(struct store_key *key)
{
    key_reset(key);
    key_text(key, "digests");
}

static void load_one(struct followed *own, struct store_txn *txn, struct bytes rows)
{
    own->next = 0;
    own->tiers = (struct tiers){.table = TABLE_DIGESTS, .set = own->kind->number};
    buffer_clear(&own->added);
    for (size_t at = 0; at + ROW_BYTES <= rows.size; at += ROW_BYTES)
        if (rows.data[at] == own->kind->number)
            own->next = get_be32(rows.data + at + 1);
    if (own->next)
        tiers_load(&own->tiers, txn);
}

void digest_index_load(struct digest_index *index, struct store_txn *txn)
{
    struct store_key key;
    struct bytes rows = {0};
    make_key(&key);
    (void)store_get(txn, TABLE_META, &key, &rows);
    for (unsigned i = 0; i < index->count; i++)
        load_one(&index->list[i], txn, rows);
    index->stale = false;
}

void digest_index_forget(struct digest_index *index)
{
    index->stale = true;
}

bool digest_index_is_stale(const struct digest_index *index)
{
    return index->stale;
}

static void save_rows(const struct digest_index *index, struct store_txn *txn)
{
    struct store_key key;
    uint8_t rows[KINDS_MAX * ROW_BYTES];
    size_t size = 0;
    for (unsigned i = 0; i < index->count; i++) {
        if (!index->list[i].next)
            continue;
        rows[size] = (uint8_t)index->list[i].kind->number;
        put_be32(rows + size + 1, index->list[i].next);
        size += ROW_BYTES;
    }
    make_key(&key);
    store_put(txn, TABLE_META, &key, rows, size);
}

/* -- what is in it -- */

static struct followed *find(const struct digest_index *index, const struct kind *digest)
{
    for (unsigned i = 0; i < index->count; i++)
        if (index->list[i].kind == digest)
            return (struct followed *)(uintptr_t)&index->list[i];
    return NULL;
}

void digest_index_begin(struct digest_index *index, const struct kind *digest)
{
    struct followed *own = find(index, digest);
    if (own && !own->next)
        own->next = 1;
}

bool digest_index_wants(const struct digest_index *index, const struct kind *plain)
{
    for (unsigned i = 0; i < index->count; i++)
        if (index->list[i].next && index->list[i].kind->plain == plain->priority)
            return true;
    return false;
}

uint32_t digest_index_next(const struct digest_index *index)
{
    uint32_t least = 0;
    for (unsigned i = 0; i < index->count; i++)
        if (index->list[i].next && (!least || index->list[i].next < least))
            least = index->list[i].next;
    return least;
}

bool digest_index_lacks(const struct digest_index *index, const struct kind *digest, uint32_t node)
{
    const struct followed *own = find(index, digest);
    return own && own->next && own->next <= node;
}

static void make_beginning(const uint8_t hash[VAULT_HASH_BYTES], struct hash *entry)
{
    memcpy(entry->bytes, hash, BEGINNING_BYTES);
}

int digest_index_add(struct digest_index *index, const struct kind *digest,
    const uint8_t hash[VAULT_HASH_BYTES], uint32_t node)
{
    struct followed *own = find(index, digest);
    struct hash entry;
    make_beginning(hash, &entry);
    put_be32(entry.bytes + BEGINNING_BYTES, node);
    buffer_append(&own->added, &entry, sizeof(entry));
    return buffer_error(&own->added);
}

static void save_one(struct digest_index *index, struct followed *own, struct store_txn *txn)
{
    size_t count = own->added.size / sizeof(struct hash);
    if (count > 0) {
        buffer_clear(&index->sorted);
        buffer_append(&index->sorted, own->added.data, own->added.size);
        if (buffer_error(&index->sorted)) {
            store_fail(txn, buffer_error(&index->sorted));
            return;
        }
        struct hash *sorted = (struct hash *)index->sorted.data;
        run_sort((const struct hash *)own->added.data, count, sorted);
        tiers_add(&own->tiers, txn, sorted, count);
        buffer_clear(&own->added);
    }
    (void)tiers_merge(&own->tiers, txn, MERGED_PER_ENTRY * (count > CHUNK_HASHES ? count : CHUNK_HASHES));
}

void digest_index_save(struct digest_index *index, struct store_txn *txn, uint32_t next)
{
    for (unsigned i = 0; i < index->count; i++) {
        struct followed *own = &index->list[i];
        if (!own->next)
            continue;
        if (own->next < next)
            own->next = next;
        save_one(index, own, txn);
    }
    save_rows(index, txn);
}

uint32_t digest_find(struct store_txn *txn, const struct kind *digest, const uint8_t hash[VAULT_HASH_BYTES])
{
    struct hash entry;
    const struct bytes beginning = {hash, BEGINNING_BYTES};
    if (!tiers_find(txn, TABLE_DIGESTS, digest->number, beginning, &entry))
        return 0;
    return get_be32(entry.bytes + BEGINNING_BYTES);
}
