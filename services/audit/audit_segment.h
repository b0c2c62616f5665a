/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed segment: 65,536 records with their hashes and their index in a file of its own, written once, read where it lies.
 *
 * Layout, numbers big-endian: a header of SEGMENT_HEADER_BYTES: "QYSG", version (4), segment (8), bytes of the index (8), of the entries (8), the
 * segment's hash in the tree (32), and the SHA-256 of all that before it. Then, for each bundle of 256 records, where it begins among the
 * entries (8 each); for each record, where it ends in its bundle (4 each); the leaves' hashes, as 256 tiles of level 0; the tile of level 1; the
 * index (audit_index.h); the entries, as tlog-tiles has them: size (2) and bytes.
 *
 * Files lie beside the state, in <data>/audit/segments. They are mapped when they are first needed, and stay so: what is borrowed of them
 * lives as long as the process. */
#ifndef QY_AUDIT_SEGMENT_H
#define QY_AUDIT_SEGMENT_H

#include "services/audit/merkle.h"

#define SEGMENT_HEADER_BYTES 96u
#define SEGMENT_BUNDLES 256u

/* What is to be written; borrowed. */
struct segment_content {
    uint64_t number;
    const struct bytes *records;      /* 65,536 */
    const struct merkle_hash *leaves; /* 65,536 */
    const struct merkle_hash *tiles;  /* 256: those of the tiles of leaves */
    struct merkle_hash root;
    struct bytes index;
};
/* Writes the file, durably, under its name when it is whole. `state` is the store's path. -QY_EFULL, -QY_EIO, -QY_ENOMEM. */
int segment_write(const char *state, const struct segment_content *content);

/* Where its file lies, below <data>/audit: "segments/0000000007.segment". */
#define SEGMENT_NAME_BYTES 48
void segment_name(uint64_t number, char ret_name[SEGMENT_NAME_BYTES]);

struct segment;
/* The file of this segment, whose hash is known. -QY_ENOTFOUND; -QY_ECORRUPT: it is not what was written there, as far as its head tells. Any
 * thread. */
int segment_find(
    const char *state, uint64_t number, const struct merkle_hash *root, const struct segment **ret_segment);
/* False where it is damaged. */
bool segment_record(const struct segment *segment, unsigned place, struct bytes *ret_record);
const struct merkle_hash *segment_leaves(const struct segment *segment); /* 65,536 */
const struct merkle_hash *segment_tiles(const struct segment *segment);  /* 256 */
struct bytes segment_index(const struct segment *segment);

#endif
