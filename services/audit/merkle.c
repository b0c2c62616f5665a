/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/merkle.h"

#include "common/error.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct merkle_hasher {
    EVP_MD_CTX *context;
    int error;
};

int merkle_hasher_open(struct merkle_hasher **ret_hasher)
{
    struct merkle_hasher *hasher = calloc(1, sizeof(*hasher));
    if (!hasher)
        return -QY_ENOMEM;
    hasher->context = EVP_MD_CTX_new();
    if (hasher->context && EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL)) {
        *ret_hasher = hasher;
        return 0;
    }
    merkle_hasher_close(&hasher);
    return -QY_ENOMEM;
}

void merkle_hasher_close(struct merkle_hasher **hasher)
{
    if (!*hasher)
        return;
    EVP_MD_CTX_free((*hasher)->context);
    free(*hasher);
    *hasher = NULL;
}

int merkle_hasher_error(const struct merkle_hasher *hasher)
{
    return hasher->error;
}

/* The context keeps its algorithm: naming it again would look it up each time. */
static void hash(struct merkle_hasher *hasher, uint8_t prefix, struct bytes first, struct bytes second,
    struct merkle_hash *ret_hash)
{
    EVP_MD_CTX *context = hasher->context;
    if (!EVP_DigestInit_ex(context, NULL, NULL) || !EVP_DigestUpdate(context, &prefix, 1) ||
        !EVP_DigestUpdate(context, first.data, first.size) ||
        !EVP_DigestUpdate(context, second.data, second.size) ||
        !EVP_DigestFinal_ex(context, ret_hash->bytes, NULL))
        hasher->error = -QY_EIO;
}

void merkle_leaf(struct merkle_hasher *hasher, struct bytes entry, struct merkle_hash *ret_hash)
{
    hash(hasher, 0, entry, (struct bytes){0}, ret_hash);
}

void merkle_node(struct merkle_hasher *hasher, const struct merkle_hash *left,
    const struct merkle_hash *right, struct merkle_hash *ret_hash)
{
    struct bytes l = {left->bytes, MERKLE_HASH_BYTES}, r = {right->bytes, MERKLE_HASH_BYTES};
    hash(hasher, 1, l, r, ret_hash);
}

/* The root over `count` hashes, a power of two up to a whole tile. */
static void fold(struct merkle_hasher *hasher, const struct merkle_hash *hashes, size_t count,
    struct merkle_hash *ret_root)
{
    struct merkle_hash level[MERKLE_TILE_HASHES / 2];
    if (count == 1) {
        *ret_root = hashes[0];
        return;
    }
    for (size_t i = 0; i < count / 2; i++)
        merkle_node(hasher, &hashes[2 * i], &hashes[2 * i + 1], &level[i]);
    for (count /= 2; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++)
            merkle_node(hasher, &level[2 * i], &level[2 * i + 1], &level[i]);
    *ret_root = level[0];
}

void merkle_fold(struct merkle_hasher *hasher, const struct merkle_hash *hashes, struct merkle_hash *ret_hash)
{
    fold(hasher, hashes, MERKLE_TILE_HASHES, ret_hash);
}

/* -- growing -- */

struct merkle {
    struct merkle_hasher *hasher;
    uint64_t size;
    unsigned unsaved; /* bit per level whose partial tile has grown */
    struct merkle_hash edge[MERKLE_LEVELS][MERKLE_TILE_HASHES];
};

static unsigned edge_width(uint64_t size, unsigned level)
{
    return (unsigned)(size >> (8 * level)) % MERKLE_TILE_HASHES;
}

static uint64_t edge_number(uint64_t size, unsigned level)
{
    return level + 1 < MERKLE_LEVELS ? size >> (8 * (level + 1)) : 0;
}

static int read_edge(struct merkle *merkle, const struct merkle_tiles *tiles)
{
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        unsigned width = edge_width(merkle->size, level);
        if (width == 0)
            continue;
        const struct merkle_hash *hashes =
            tiles->read(tiles->self, level, edge_number(merkle->size, level), width);
        if (!hashes)
            return -QY_ECORRUPT;
        memcpy(merkle->edge[level], hashes, width * sizeof(*hashes));
    }
    return 0;
}

int merkle_open(const struct merkle_tiles *tiles, uint64_t size, struct merkle **ret_merkle)
{
    struct merkle *merkle = calloc(1, sizeof(*merkle));
    if (!merkle)
        return -QY_ENOMEM;
    merkle->size = size;
    int code = merkle_hasher_open(&merkle->hasher);
    if (!code)
        code = read_edge(merkle, tiles);
    if (code)
        merkle_close(&merkle);
    else
        *ret_merkle = merkle;
    return code;
}

void merkle_close(struct merkle **merkle)
{
    if (!*merkle)
        return;
    merkle_hasher_close(&(*merkle)->hasher);
    free(*merkle);
    *merkle = NULL;
}

uint64_t merkle_size(const struct merkle *merkle)
{
    return merkle->size;
}

void merkle_add(struct merkle *merkle, const struct merkle_tiles *tiles, struct bytes entry)
{
    struct merkle_hash subtree;
    merkle_leaf(merkle->hasher, entry, &subtree);
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        struct merkle_hash *edge = merkle->edge[level];
        unsigned width = edge_width(merkle->size, level);
        edge[width] = subtree;
        merkle->unsaved |= 1u << level;
        if (width + 1 < MERKLE_TILE_HASHES)
            break;
        tiles->write(tiles->self, level, edge_number(merkle->size, level), edge, MERKLE_TILE_HASHES);
        merkle->unsaved &= ~(1u << level);
        fold(merkle->hasher, edge, MERKLE_TILE_HASHES, &subtree);
    }
    merkle->size++;
}

int merkle_flush(struct merkle *merkle, const struct merkle_tiles *tiles)
{
    for (unsigned level = 0; level < MERKLE_LEVELS; level++)
        if (merkle->unsaved & 1u << level)
            tiles->write(tiles->self, level, edge_number(merkle->size, level), merkle->edge[level],
                edge_width(merkle->size, level));
    merkle->unsaved = 0;
    return merkle_hasher_error(merkle->hasher);
}

/* -- proving -- */

/* The complete subtree of the leaves [number << height, (number + 1) << height). */
static int subtree(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, unsigned height,
    uint64_t number, struct merkle_hash *ret_hash)
{
    unsigned level = height / 8, count = 1u << height % 8;
    uint64_t position = number << height % 8;
    unsigned offset = (unsigned)(position % MERKLE_TILE_HASHES);
    const struct merkle_hash *tile =
        tiles->read(tiles->self, level, position / MERKLE_TILE_HASHES, offset + count);
    if (!tile)
        return -QY_ECORRUPT;
    fold(hasher, tile + offset, count, ret_hash);
    return 0;
}

/* The tree over the leaves [begin, end), not empty, where `begin` is a multiple of a power of two that is not
 * below their number: as all the ranges are that RFC 6962's splitting makes. Built from its smallest complete
 * subtree, the rightmost. */
static int range(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, uint64_t begin, uint64_t end,
    struct merkle_hash *ret_hash)
{
    struct merkle_hash root;
    bool started = false;
    for (unsigned height = 0; begin < end; height++) {
        if (!((end - begin) >> height & 1))
            continue;
        struct merkle_hash left;
        end -= UINT64_C(1) << height;
        int code = subtree(hasher, tiles, height, end >> height, &left);
        if (code)
            return code;
        if (started)
            merkle_node(hasher, &left, &root, &root);
        else
            root = left;
        started = true;
    }
    *ret_hash = root;
    return merkle_hasher_error(hasher);
}

/* The largest power of two below `size`, which is 2 or more. */
static uint64_t split(uint64_t size)
{
    return UINT64_C(1) << (63 - __builtin_clzll(size - 1));
}

static void reverse(struct merkle_hash *hashes, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct merkle_hash swap = hashes[i];
        hashes[i] = hashes[count - 1 - i];
        hashes[count - 1 - i] = swap;
    }
}

int merkle_root(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, uint64_t size,
    struct merkle_hash *ret_root)
{
    if (size > 0)
        return range(hasher, tiles, 0, size, ret_root);
    unsigned bytes = 0;
    return EVP_Digest("", 0, ret_root->bytes, &bytes, EVP_sha256(), NULL) ? 0 : -QY_EIO;
}

int merkle_inclusion(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, uint64_t index,
    uint64_t size, struct merkle_hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_count)
{
    if (index >= size)
        return -QY_EINVAL;
    size_t count = 0;
    int code = 0;
    for (uint64_t begin = 0, end = size; end - begin > 1 && !code; count++) {
        uint64_t middle = begin + split(end - begin);
        if (index < middle) {
            code = range(hasher, tiles, middle, end, &ret_proof[count]);
            end = middle;
        } else {
            code = range(hasher, tiles, begin, middle, &ret_proof[count]);
            begin = middle;
        }
    }
    reverse(ret_proof, count);
    if (!code)
        *ret_count = count;
    return code;
}

int merkle_consistency(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, uint64_t from,
    uint64_t to, struct merkle_hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_count)
{
    if (from == 0 || from > to)
        return -QY_EINVAL;
    size_t count = 0;
    int code = 0;
    uint64_t begin = 0, end = to;
    while (end > from && !code) {
        uint64_t middle = begin + split(end - begin);
        if (from <= middle) {
            code = range(hasher, tiles, middle, end, &ret_proof[count++]);
            end = middle;
        } else {
            code = range(hasher, tiles, begin, middle, &ret_proof[count++]);
            begin = middle;
        }
    }
    /* The old tree's last part, unless it is the whole old tree, whose root the verifier has. */
    if (!code && begin > 0)
        code = range(hasher, tiles, begin, end, &ret_proof[count++]);
    reverse(ret_proof, count);
    if (!code)
        *ret_count = count;
    return code;
}

static const struct merkle_hash *read_from_edge(void *self, unsigned level, uint64_t number, unsigned width)
{
    const struct merkle *merkle = self;
    bool there = level < MERKLE_LEVELS && number == edge_number(merkle->size, level) &&
                 width <= edge_width(merkle->size, level);
    return there ? merkle->edge[level] : NULL;
}

int merkle_edge_root(struct merkle *merkle, struct merkle_hash *ret_root)
{
    const struct merkle_tiles edge = {.self = merkle, .read = read_from_edge};
    return merkle_root(merkle->hasher, &edge, merkle->size, ret_root);
}

/* -- verifying: the algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2 -- */

static bool equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

bool merkle_verify_inclusion(struct merkle_hasher *hasher, const struct merkle_hash *leaf, uint64_t index,
    uint64_t size, const struct merkle_hash *proof, size_t count, const struct merkle_hash *root)
{
    if (index >= size)
        return false;
    uint64_t node = index, last = size - 1;
    struct merkle_hash seen = *leaf;
    for (size_t i = 0; i < count; i++, node >>= 1, last >>= 1) {
        if (last == 0)
            return false;
        if (!(node & 1) && node != last) {
            merkle_node(hasher, &seen, &proof[i], &seen);
            continue;
        }
        merkle_node(hasher, &proof[i], &seen, &seen);
        for (; !(node & 1) && node != 0; node >>= 1)
            last >>= 1;
    }
    return last == 0 && equal(&seen, root) && !merkle_hasher_error(hasher);
}

bool merkle_verify_consistency(struct merkle_hasher *hasher, uint64_t from,
    const struct merkle_hash *from_root, uint64_t to, const struct merkle_hash *to_root,
    const struct merkle_hash *proof, size_t count)
{
    if (from == 0 || from > to)
        return false;
    if (from == to)
        return count == 0 && equal(from_root, to_root);
    uint64_t node = from - 1, last = to - 1;
    for (; node & 1; node >>= 1)
        last >>= 1;
    bool whole =
        node == 0; /* the old tree is a complete subtree of the new one: its root begins the proof, unsaid */
    if (!whole && count == 0)
        return false;
    struct merkle_hash old = whole ? *from_root : proof[0], new = old;
    for (size_t i = whole ? 0 : 1; i < count; i++, node >>= 1, last >>= 1) {
        if (last == 0)
            return false;
        if (!(node & 1) && node != last) {
            merkle_node(hasher, &new, &proof[i], &new);
            continue;
        }
        merkle_node(hasher, &proof[i], &old, &old);
        merkle_node(hasher, &proof[i], &new, &new);
        for (; !(node & 1) && node != 0; node >>= 1)
            last >>= 1;
    }
    return last == 0 && equal(&old, from_root) && equal(&new, to_root) && !merkle_hasher_error(hasher);
}
