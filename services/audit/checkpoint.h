/* SPDX-License-Identifier: Apache-2.0 */
/* What a log's checkpoint says (C2SP tlog-checkpoint), and where its tiles are found (C2SP tlog-tiles). */
#ifndef QY_AUDIT_CHECKPOINT_H
#define QY_AUDIT_CHECKPOINT_H

#include "services/audit/merkle.h"
#include "services/audit/note.h"

struct checkpoint {
    char origin[NOTE_NAME_BYTES]; /* which log */
    uint64_t size;
    struct merkle_hash root;
};

/* Appends the note's text: origin, size, base64(root), a line each. */
void checkpoint_format(const struct checkpoint *checkpoint, struct buffer *out);
/* -QY_EINVAL. Lines behind those three are passed over. */
int checkpoint_parse(struct bytes text, struct checkpoint *ret_checkpoint);

/* One tile, or one bundle of entries. */
struct tile_place {
    bool entries;
    unsigned level; /* 0 for entries */
    uint64_t number;
    unsigned width; /* 256: the full one */
};
#define TILE_PATH_BYTES 64
/* "tile/1/x001/234.p/5", without a slash before it. */
void tile_path_format(const struct tile_place *place, char ret_path[TILE_PATH_BYTES]);
/* False where it is not written exactly so. */
bool tile_path_parse(const char *path, struct tile_place *ret_place);
/* The records of a bundle, borrowed from its bytes; no data where one of size 0 stands for what was pruned. -QY_ECORRUPT: it is none of so many. */
int tile_entries_parse(struct bytes bundle, unsigned width, struct bytes ret_entries[MERKLE_TILE_HASHES]);
/* How many hashes this tile of a tree of `size` has: 256 at most, 0 where there is none. */
unsigned tile_width(uint64_t size, unsigned level, uint64_t number);

#endif
