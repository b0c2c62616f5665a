/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree of RFC 6962 over the audit records: it grows at its right edge, and proves what it holds.
 *
 * A leaf is SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right); the tree splits at the largest
 * power of two below its size. Hashes are stored in tiles, as C2SP's tlog-tiles has them: tile `number` of
 * `level` holds the hashes of the complete subtrees of 256^level leaves from number * 256 on, 256 of them at
 * most. What lies between the levels is computed: at most 255 hashes a tile, so that a proof reads and hashes
 * O(log size). */
#ifndef QY_AUDIT_MERKLE_H
#define QY_AUDIT_MERKLE_H

#include "common/mem.h"

#include <stdbool.h>

#define MERKLE_HASH_BYTES 32
#define MERKLE_TILE_HASHES 256u
#define MERKLE_LEVELS 8u
#define MERKLE_PROOF_MAX 65

struct merkle_hash {
    uint8_t bytes[MERKLE_HASH_BYTES];
};

/* SHA-256 for one thread. It carries its first error, -QY_EIO, as a failed library call would otherwise pass
 * for a hash. */
struct merkle_hasher;
int merkle_hasher_open(struct merkle_hasher **ret_hasher);
void merkle_hasher_close(struct merkle_hasher **hasher);
int merkle_hasher_error(const struct merkle_hasher *hasher);
void merkle_leaf(struct merkle_hasher *hasher, struct bytes entry, struct merkle_hash *ret_hash);
void merkle_node(struct merkle_hasher *hasher, const struct merkle_hash *left,
    const struct merkle_hash *right, struct merkle_hash *ret_hash);
/* The hash of a full tile of 256. */
void merkle_fold(
    struct merkle_hasher *hasher, const struct merkle_hash *hashes, struct merkle_hash *ret_hash);

/* Where tiles lie. `read` borrows the first `width` hashes of a tile, until the next write; NULL where there
 * are fewer. */
struct merkle_tiles {
    void *self;
    const struct merkle_hash *(*read)(void *self, unsigned level, uint64_t number, unsigned width);
    void (*write)(void *self, unsigned level, uint64_t number, const struct merkle_hash *hashes,
        unsigned width); /* or NULL */
};

/* -- growing: the writer's side -- */
struct merkle;
/* Reads the right edge of a tree of `size` leaves. -QY_ECORRUPT where a tile of it is missing. */
int merkle_open(const struct merkle_tiles *tiles, uint64_t size, struct merkle **ret_merkle);
void merkle_close(struct merkle **merkle);
uint64_t merkle_size(const struct merkle *merkle);
/* Appends a leaf; tiles that it fills are written. */
void merkle_add(struct merkle *merkle, const struct merkle_tiles *tiles, struct bytes entry);
/* Writes the partial tiles that have grown since the last flush. Returns the first error of all that was
 * hashed. */
int merkle_flush(struct merkle *merkle, const struct merkle_tiles *tiles);

/* The root of what was added, from the edge that memory holds: no tile is read. */
int merkle_edge_root(struct merkle *merkle, struct merkle_hash *ret_root);

/* -- proving: over the tiles of a flushed tree of `size` leaves or more. -QY_ECORRUPT where a tile is
 * missing. -- */
int merkle_root(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, uint64_t size,
    struct merkle_hash *ret_root);
/* Sibling hashes from the leaf up to the root. -QY_EINVAL unless index < size. */
int merkle_inclusion(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, uint64_t index,
    uint64_t size, struct merkle_hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_count);
/* -QY_EINVAL unless 0 < from <= to. Equal sizes have an empty proof. */
int merkle_consistency(struct merkle_hasher *hasher, const struct merkle_tiles *tiles, uint64_t from,
    uint64_t to, struct merkle_hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_count);

/* -- verifying: with nothing but hashes -- */
bool merkle_verify_inclusion(struct merkle_hasher *hasher, const struct merkle_hash *leaf, uint64_t index,
    uint64_t size, const struct merkle_hash *proof, size_t count, const struct merkle_hash *root);
bool merkle_verify_consistency(struct merkle_hasher *hasher, uint64_t from,
    const struct merkle_hash *from_root, uint64_t to, const struct merkle_hash *to_root,
    const struct merkle_hash *proof, size_t count);

#endif
