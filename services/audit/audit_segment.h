/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed segment: 65,536 records with their hashes and their index in a file of its own, written once, read where it lies. What was
 * pruned of it is not in the file that takes its place: that is of another generation, and the former one goes when nobody reads it.
 *
 * Layout, numbers big-endian: a header of SEGMENT_HEADER_BYTES: "QYSG", version (4), segment (8), bytes of the index (8), of the entries (8), the
 * segment's hash in the tree (32), and the SHA-256 of all that before it. Version 2, of which something was pruned: then its generation (8), a bit for
 * each bundle whose hashes are there (32 bytes, the first bundle's the lowest bit of the first byte), likewise for each record that is there (8,192 bytes).
 * Then, for each bundle of 256 records, where it begins among the entries (8 each); of each bundle whose hashes are there: for each record, where it
 * ends in its bundle (4 each); of each of those again: the leaves' hashes, a tile of level 0; the tile of level 1; the index (audit_index.h; none where no
 * record is left); the entries, as tlog-tiles has them: size (2) and bytes, those that were pruned left out.
 *
 * Files lie beside the state, in <data>/audit/segments. They are mapped when they are first needed, and stay so until they are removed. */
#ifndef QY_AUDIT_SEGMENT_H
#define QY_AUDIT_SEGMENT_H

#include "services/audit/merkle.h"
#include "services/audit/place_set.h"

#define SEGMENT_HEADER_BYTES 96u
#define SEGMENT_BUNDLES 256u

/* What is to be written; borrowed. */
struct segment_content {
    uint64_t number;
    uint64_t generation;              /* 0: all records are there; else it is version 2 */
    const struct bytes *records;      /* 65,536; data is NULL where one was pruned */
    const struct merkle_hash *leaves; /* 65,536; those of bundles that are left out are not read */
    const struct merkle_hash *tiles;  /* 256: those of the tiles of leaves */
    const bool *hashed;               /* 256: bundles whose leaves are kept; NULL: those with a record */
    struct merkle_hash root;
    struct bytes index;
};
/* Writes the file, durably, under its name when it is whole. `state` is the store's path. -QY_EFULL, -QY_EIO, -QY_ENOMEM. */
int segment_write(const char *state, const struct segment_content *content);

/* Where its file lies, below <data>/audit: "segments/0000000007.segment", of another generation "segments/0000000007.81.segment". */
#define SEGMENT_NAME_BYTES 64
void segment_name(uint64_t number, uint64_t generation, char ret_name[SEGMENT_NAME_BYTES]);

struct segment;
/* The file of this segment and generation, whose hash is known. -QY_ENOTFOUND; -QY_ECORRUPT: it is not what was written there, as far as its head
 * tells. Any thread. */
int segment_find(const char *state, uint64_t number, uint64_t generation, const struct merkle_hash *root,
    const struct segment **ret_segment);
/* Removes the file, durably, with its mapping: nobody may hold what is borrowed of it, or find it any more. 0 also where it is not there. */
int segment_remove(const char *state, uint64_t number, uint64_t generation);
/* Removes files that nobody wants: what a crash has left. Before anything is read of them. */
int segment_sweep(
    const char *state, bool (*is_wanted)(void *context, uint64_t number, uint64_t generation), void *context);
uint64_t segment_bytes(const struct segment *segment); /* of the file */

/* Whether its entries are those of the records that are there, one behind the other, and nothing else. */
bool segment_is_sound(const struct segment *segment);
/* False where it was pruned, or is damaged. */
bool segment_record(const struct segment *segment, unsigned place, struct bytes *ret_record);
/* The records that are there; NULL: all. */
const struct place_set *segment_kept(const struct segment *segment);
/* 256; NULL where they went with the records. */
const struct merkle_hash *segment_leaves(const struct segment *segment, unsigned bundle);
const struct merkle_hash *segment_tiles(const struct segment *segment); /* 256 */
struct bytes segment_index(const struct segment *segment);              /* empty: no record is left */

#endif
