/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a whole log from without: each record against its leaf, each hash of each tile against what lies below it, each signed size against
 * the root that its records lead to, each signature, each segment's index against its records, each exact set against its hash, and the
 * tables of who is who against the joins and splits on record; and of each record that is not there, that a record of a pruning names it, as the
 * policy on record then allowed. Says what is wrong where. */
#ifndef QY_AUDIT_VERIFY_H
#define QY_AUDIT_VERIFY_H

#include "services/audit/audit_signed.h"
#include "services/audit/checkpoint.h"

/* Where a log is read from. */
struct verify_source {
    void *self;
    bool has_indexes;
    /* A reader for one thread, which closes it. Negative: it cannot be had, as from those below. */
    int (*open)(void *self, void **ret_reader);
    void (*close)(void *reader);
    /* Borrowed until the next call. -QY_ENOTFOUND: it is not there, or has fewer. */
    int (*tile)(
        void *reader, unsigned level, uint64_t number, unsigned width, const struct merkle_hash **ret_hashes);
    /* The records of one bundle, borrowed until the next one; where there are indexes, until one of another segment. Those that were pruned have
     * no data. */
    int (*entries)(
        void *reader, uint64_t number, unsigned width, struct bytes ret_entries[MERKLE_TILE_HASHES]);
    /* Where there are indexes; -QY_ENOTFOUND: the segment has none (yet). */
    int (*index)(void *reader, uint64_t segment, struct bytes *ret_index);
    /* Whether a segment's file holds what it is to hold and nothing else: -QY_ECORRUPT. NULL: no files are shown there. */
    int (*file)(void *reader, uint64_t segment);
    /* The exact set of this hash, as common/exact_set.h has it. NULL: sets are not shown there. */
    int (*set)(void *reader, const uint8_t hash[MERKLE_HASH_BYTES], struct bytes *ret_set);
    /* The tables of who is who, as audit_store_each_moved() has them. NULL: they are not shown there. */
    int (*moved)(void *reader, bool by_person, bool (*visit)(void *context, uint32_t node, uint32_t person),
        void *context);
};

/* A key that signs the log, or signed it. */
struct verify_key {
    const char *verifier_key;
    uint64_t from_size;
    struct bytes handover;
    bool lost;
};

struct verify_options {
    const struct verify_source *source;
    uint64_t size;                 /* of what is there; 0: that of the checkpoint */
    struct bytes newest;           /* the signed notes */
    struct bytes cosigned;         /* empty: there is none */
    struct bytes seen;             /* a checkpoint of this log that was seen earlier; empty: none is known */
    struct signed_before before;   /* than which no newest checkpoint can be smaller */
    const struct verify_key *keys; /* oldest first */
    size_t key_count;
    const char *const *witnesses; /* verifier keys */
    size_t witness_count;
    const char *const *
        trusted; /* verifier keys that are believed: one of them must be among the log's, and vouch for those after it; */
    size_t trusted_count; /* 0: the log's word is taken */
    bool without_indexes; /* passes over those that there are: making them again takes most of the time */
    unsigned threads;
    void *self;
    void (*problem)(void *self, const char *text);                 /* one line; one thread at a time */
    void (*progress)(void *self, uint64_t records, uint64_t size); /* now and then */
};

struct verify_result {
    uint64_t size; /* records that were read */
    uint64_t signed_size;
    uint64_t indexes;
    uint64_t pruned;     /* records that are not there, as records of prunings say */
    uint64_t prunings;   /* such records */
    uint64_t unfinished; /* records that are there, of a pruning that was put on record and not done yet */
    uint64_t problems;
};
/* 0 where it could be checked, whatever was found. Else negative: it could not be read to the end. */
int verify_log(const struct verify_options *options, struct verify_result *ret_result);

#endif
