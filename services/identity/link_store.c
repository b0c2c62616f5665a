/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/link_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LINK_VERIFIED 1
#define LINK_ALIAS 2
#define LINK_EVIDENCE 4
#define LINK_JOINED 8
#define LINK_CUT 16
#define LINK_APART 32
#define LINK_SAME 64
#define LINK_PIECE_BYTES 20
#define LINK_BYTES_MAX (1 + LINK_PIECE_BYTES + 3 * 8)

#define EVIDENCE_WITHDRAWN 1
#define EVIDENCE_ATTRIBUTED 2 /* not to the first: the node stands behind the others */
#define EVIDENCE_NAMED 4      /* its name's hash stands at the end */
#define EVIDENCE_HEAD_BYTES (1 + 1 + 8 + 4)
#define EVIDENCE_ITEM_BYTES 5
#define ITEM_VERIFIED 1
#define ITEM_ALIAS 2
#define ITEM_TRUSTED 4
#define ITEM_STATED 8

static void make_key(struct store_key *key, uint32_t node, uint32_t other)
{
    key_reset(key);
    key_u32(key, node);
    key_u32(key, other);
}

static void make_link_key(struct store_key *key, uint32_t node, uint32_t other)
{
    make_key(key, node < other ? node : other, node < other ? other : node);
}

/* -- links -- */

static size_t write_link(const struct link *link, uint8_t value[LINK_BYTES_MAX])
{
    const struct {
        uint64_t number;
        uint8_t flag;
    } decided[] = {{link->joined, LINK_JOINED}, {link->cut, LINK_CUT}, {link->apart, LINK_APART}};
    size_t size = 1;
    value[0] = (uint8_t)((link->verified ? LINK_VERIFIED : 0) | (link->alias ? LINK_ALIAS : 0) |
                         (link->has_evidence ? LINK_EVIDENCE : 0) | (link->same ? LINK_SAME : 0));
    if (link->has_evidence) {
        put_be64(value + size, link->evidence);
        put_be64(value + size + 8, (uint64_t)link->event_ms);
        put_be32(value + size + 16, link->source);
        size += LINK_PIECE_BYTES;
    }
    for (size_t i = 0; i < COUNT_OF(decided); i++) {
        if (!decided[i].number)
            continue;
        value[0] |= decided[i].flag;
        put_be64(value + size, decided[i].number);
        size += 8;
    }
    return size;
}

static bool read_link(struct store_txn *txn, struct bytes value, struct link *ret_link)
{
    uint8_t flags = value.size ? value.data[0] : 0;
    size_t at = 1 + (flags & LINK_EVIDENCE ? LINK_PIECE_BYTES : 0);
    size_t decided =
        (flags & LINK_JOINED ? 8u : 0u) + (flags & LINK_CUT ? 8u : 0u) + (flags & LINK_APART ? 8u : 0u);
    if (value.size == 0 || value.size != at + decided) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    *ret_link = (struct link){.has_evidence = flags & LINK_EVIDENCE,
        .verified = flags & LINK_VERIFIED,
        .alias = flags & LINK_ALIAS,
        .same = flags & LINK_SAME};
    if (ret_link->has_evidence) {
        ret_link->evidence = get_be64(value.data + 1);
        ret_link->event_ms = (int64_t)get_be64(value.data + 9);
        ret_link->source = get_be32(value.data + 17);
    }
    uint64_t *numbers[] = {&ret_link->joined, &ret_link->cut, &ret_link->apart};
    for (unsigned i = 0; i < COUNT_OF(numbers); i++)
        if (flags & LINK_JOINED << i) {
            *numbers[i] = get_be64(value.data + at);
            at += 8;
        }
    return true;
}

enum worth link_worth(const struct link *link)
{
    if (!link->has_evidence || !link->verified)
        return link->has_evidence ? WORTH_CLAIMED : WORTH_NOTHING;
    return link->alias ? WORTH_ALIAS : WORTH_VERIFIED;
}

bool identity_store_link(struct store_txn *txn, uint32_t node, uint32_t other, struct link *ret_link)
{
    struct store_key key;
    struct bytes value;
    make_link_key(&key, node, other);
    return store_get(txn, TABLE_LINKS, &key, &value) && read_link(txn, value, ret_link);
}

void identity_store_put_link(
    struct store_txn *txn, uint32_t node, uint32_t other, const struct link *link, bool is_new)
{
    struct store_key key;
    uint8_t value[LINK_BYTES_MAX];
    make_link_key(&key, node, other);
    size_t size = write_link(link, value);
    store_put(txn, TABLE_LINKS, &key, value, size);
    if (!is_new)
        return;
    make_key(&key, node < other ? other : node, node < other ? node : other);
    store_put(txn, TABLE_LINKS, &key, "", 0);
}

/* A link has two rows: what it shows is that from the lower node to the higher one. */
struct new_row {
    uint32_t node, other;
    const struct link *link; /* NULL: what it shows stands the other way round */
};

static int compare_rows(const void *left, const void *right)
{
    const struct new_row *one = left, *other = right;
    if (one->node != other->node)
        return one->node < other->node ? -1 : 1;
    return (one->other > other->other) - (one->other < other->other);
}

void identity_store_add_links(struct store_txn *txn, const struct new_link *links, size_t count)
{
    struct new_row rows[2 * NEW_LINKS_MAX];
    assert(count <= NEW_LINKS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint32_t low = links[i].node < links[i].other ? links[i].node : links[i].other;
        uint32_t high = links[i].node ^ links[i].other ^ low;
        rows[2 * i] = (struct new_row){low, high, &links[i].link};
        rows[2 * i + 1] = (struct new_row){high, low, NULL};
    }
    qsort(rows, 2 * count, sizeof(*rows), compare_rows);
    for (size_t i = 0; i < 2 * count; i++) {
        struct store_key key;
        uint8_t value[LINK_BYTES_MAX];
        make_key(&key, rows[i].node, rows[i].other);
        store_append(txn, TABLE_LINKS, &key, value, rows[i].link ? write_link(rows[i].link, value) : 0);
    }
}

void identity_store_delete_link(struct store_txn *txn, uint32_t node, uint32_t other)
{
    struct store_key key;
    make_key(&key, node, other);
    store_delete(txn, TABLE_LINKS, &key);
    make_key(&key, other, node);
    store_delete(txn, TABLE_LINKS, &key);
}

static const struct store_key no_prefix;

int identity_store_scan_links(
    struct store_txn *txn, uint32_t low, uint32_t high, struct store_scan **ret_scan)
{
    struct store_key from;
    make_key(&from, low, high);
    return scan_open(txn, TABLE_LINKS, &no_prefix, &from, ret_scan);
}

bool identity_store_next_link(struct store_txn *txn, struct store_scan *scan, uint32_t *ret_low,
    uint32_t *ret_high, struct link *ret_link)
{
    struct bytes key, value;
    while (scan_next(scan, &key, &value)) {
        *ret_low = get_be32(key.data);
        *ret_high = get_be32(key.data + 4);
        if (*ret_low < *ret_high)
            return read_link(txn, value, ret_link);
    }
    return false;
}

int identity_store_scan_neighbours(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan)
{
    struct store_key prefix;
    key_reset(&prefix);
    key_u32(&prefix, node);
    return scan_open(txn, TABLE_LINKS, &prefix, NULL, ret_scan);
}

bool identity_store_next_neighbour(struct store_scan *scan, uint32_t *ret_other)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    *ret_other = get_be32(key.data + 4);
    return true;
}

bool identity_store_next_link_of(
    struct store_txn *txn, struct store_scan *scan, uint32_t node, uint32_t *ret_other, struct link *ret_link)
{
    struct bytes key, value;
    if (!scan_next(scan, &key, &value))
        return false;
    *ret_other = get_be32(key.data + 4);
    if (*ret_other > node)
        return read_link(txn, value, ret_link);
    bool there = identity_store_link(txn, *ret_other, node, ret_link);
    if (!there)
        store_fail(txn, -QY_ECORRUPT);
    return there;
}

uint32_t identity_store_plain(struct store_txn *txn, uint32_t node)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct node_place place;
    uint32_t other;
    if (!identity_store_place(txn, node, &place) || !(place.flags & NODE_SAME))
        return node;
    if (!identity_store_scan_neighbours(txn, node, &scan) && identity_store_next_neighbour(scan, &other))
        return other; /* it has no other link */
    store_fail(txn, -QY_ECORRUPT);
    return node;
}

/* -- evidence -- */

static struct store_key key_of(uint64_t offset)
{
    struct store_key key;
    key_reset(&key);
    key_u64(&key, offset);
    return key;
}

static size_t write_evidence(const struct evidence *evidence, uint8_t *value)
{
    bool first = evidence->attributed == evidence->items[0].node;
    value[0] = (uint8_t)((evidence->withdrawn ? EVIDENCE_WITHDRAWN : 0) | (first ? 0 : EVIDENCE_ATTRIBUTED) |
                         (evidence->name ? EVIDENCE_NAMED : 0));
    value[1] = (uint8_t)evidence->count;
    put_be64(value + 2, (uint64_t)evidence->event_ms);
    put_be32(value + 10, evidence->source);
    uint8_t *item = value + EVIDENCE_HEAD_BYTES;
    for (unsigned i = 0; i < evidence->count; i++, item += EVIDENCE_ITEM_BYTES) {
        put_be32(item, evidence->items[i].node);
        item[4] = (uint8_t)((evidence->items[i].verified ? ITEM_VERIFIED : 0) |
                            (evidence->items[i].alias ? ITEM_ALIAS : 0) |
                            (evidence->items[i].trusted ? ITEM_TRUSTED : 0) |
                            (evidence->items[i].stated ? ITEM_STATED : 0));
    }
    if (!first) {
        put_be32(item, evidence->attributed);
        item += sizeof(uint32_t);
    }
    if (evidence->name) {
        put_be64(item, evidence->name);
        item += sizeof(uint64_t);
    }
    return (size_t)(item - value);
}

static bool read_evidence(
    struct store_txn *txn, uint64_t offset, struct bytes value, struct evidence *ret_evidence)
{
    unsigned count = value.size >= EVIDENCE_HEAD_BYTES ? value.data[1] : 0;
    bool first = count > 0 && !(value.data[0] & EVIDENCE_ATTRIBUTED);
    size_t name = count > 0 && value.data[0] & EVIDENCE_NAMED ? sizeof(uint64_t) : 0;
    size_t behind = (first ? 0 : sizeof(uint32_t)) + name;
    if (count == 0 || count > IDENTIFIERS_MAX ||
        value.size != EVIDENCE_HEAD_BYTES + count * EVIDENCE_ITEM_BYTES + behind) {
        store_fail(txn, -QY_ECORRUPT);
        return false;
    }
    ret_evidence->offset = offset;
    ret_evidence->withdrawn = value.data[0] & EVIDENCE_WITHDRAWN;
    ret_evidence->count = count;
    ret_evidence->event_ms = (int64_t)get_be64(value.data + 2);
    ret_evidence->source = get_be32(value.data + 10);
    const uint8_t *item = value.data + EVIDENCE_HEAD_BYTES;
    for (unsigned i = 0; i < count; i++, item += EVIDENCE_ITEM_BYTES) {
        ret_evidence->items[i].node = get_be32(item);
        ret_evidence->items[i].verified = item[4] & ITEM_VERIFIED;
        ret_evidence->items[i].alias = item[4] & ITEM_ALIAS;
        /* What was verified before it was kept by what: the most is taken for granted. */
        bool untold = (item[4] & (ITEM_VERIFIED | ITEM_TRUSTED)) == ITEM_VERIFIED;
        ret_evidence->items[i].trusted = untold || item[4] & ITEM_TRUSTED;
        ret_evidence->items[i].stated = untold || item[4] & ITEM_STATED;
    }
    ret_evidence->attributed = first ? ret_evidence->items[0].node : get_be32(item);
    ret_evidence->name = name ? get_be64(value.data + value.size - name) : 0;
    return true;
}

enum worth evidence_worth(const struct evidence *evidence, unsigned one, unsigned other)
{
    if (!evidence->items[one].verified || !evidence->items[other].verified)
        return WORTH_CLAIMED;
    return evidence->items[one].alias || evidence->items[other].alias ? WORTH_ALIAS : WORTH_VERIFIED;
}

#define EVIDENCE_BYTES_MAX                                                                                   \
    (EVIDENCE_HEAD_BYTES + IDENTIFIERS_MAX * EVIDENCE_ITEM_BYTES + sizeof(uint32_t) + sizeof(uint64_t))

void identity_store_add_evidence(struct store_txn *txn, const struct evidence *evidence)
{
    struct store_key key = key_of(evidence->offset);
    uint8_t value[EVIDENCE_BYTES_MAX];
    store_append(txn, TABLE_EVIDENCE, &key, value, write_evidence(evidence, value));
}

void identity_store_put_evidence(struct store_txn *txn, const struct evidence *evidence)
{
    struct store_key key = key_of(evidence->offset);
    uint8_t value[EVIDENCE_BYTES_MAX];
    store_put(txn, TABLE_EVIDENCE, &key, value, write_evidence(evidence, value));
}

bool identity_store_evidence(struct store_txn *txn, uint64_t offset, struct evidence *ret_evidence)
{
    struct store_key key = key_of(offset);
    struct bytes value;
    return store_get(txn, TABLE_EVIDENCE, &key, &value) && read_evidence(txn, offset, value, ret_evidence);
}

int identity_store_scan_evidence(struct store_txn *txn, uint64_t offset, struct store_scan **ret_scan)
{
    struct store_key from = key_of(offset);
    return scan_open(txn, TABLE_EVIDENCE, &no_prefix, &from, ret_scan);
}

bool identity_store_next_evidence(
    struct store_txn *txn, struct store_scan *scan, struct evidence *ret_evidence)
{
    struct bytes key, value;
    return scan_next(scan, &key, &value) && read_evidence(txn, get_be64(key.data), value, ret_evidence);
}

/* -- how far it is looked at again -- */

#define ATTRIBUTION_BYTES 16

void attribution_load(struct store_txn *txn, struct attribution_place *ret_place)
{
    struct bytes value;
    *ret_place = (struct attribution_place){0};
    if (!identity_store_meta(txn, "attribution", &value))
        return;
    if (value.size != ATTRIBUTION_BYTES) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    ret_place->next = get_be64(value.data);
    ret_place->end = get_be64(value.data + 8);
}

void attribution_save(struct store_txn *txn, const struct attribution_place *place)
{
    uint8_t value[ATTRIBUTION_BYTES];
    put_be64(value, place->next);
    put_be64(value + 8, place->end);
    identity_store_put_meta(txn, "attribution", value, sizeof(value));
}

/* -- filters of it -- */

void identity_store_add_evidence_filter(
    struct store_txn *txn, uint64_t last, const uint8_t *filter, size_t size)
{
    struct store_key key = key_of(last);
    store_append(txn, TABLE_FILTERS, &key, filter, size);
}

void identity_store_put_evidence_filter(
    struct store_txn *txn, uint64_t last, const uint8_t *filter, size_t size)
{
    struct store_key key = key_of(last);
    store_put(txn, TABLE_FILTERS, &key, filter, size);
}

uint64_t identity_store_evidence_filtered(struct store_txn *txn)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    struct bytes key, filter;
    if (scan_open_reverse(txn, TABLE_FILTERS, &no_prefix, NULL, &scan) || !scan_next(scan, &key, &filter))
        return 0;
    return get_be64(key.data) + 1;
}

int identity_store_scan_evidence_filters(struct store_txn *txn, uint64_t offset, struct store_scan **ret_scan)
{
    struct store_key from = key_of(offset);
    return scan_open(txn, TABLE_FILTERS, &no_prefix, &from, ret_scan);
}

bool identity_store_next_evidence_filter(
    struct store_scan *scan, uint64_t *ret_last, struct bytes *ret_filter)
{
    struct bytes key;
    if (!scan_next(scan, &key, ret_filter))
        return false;
    *ret_last = get_be64(key.data);
    return true;
}
