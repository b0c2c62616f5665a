/* SPDX-License-Identifier: Apache-2.0 */
/* One LMDB environment with named tables and sticky-error transactions.
 *
 * Only a service's own *_store.c and the runtime touch a store. At most one write transaction exists at a
 * time (the service's writer); any number of readers, each in its own snapshot, never wait for it. A
 * transaction carries its first error: later operations do nothing, reads find nothing, commit fails with it.
 * So store code is written straight down and looks at the outcome of store_commit() alone. "Not there" is no
 * error. Values that a read hands out are borrowed: they die with the transaction, and in a write transaction
 * with the next put or delete of it. */
#ifndef QY_COMMON_STORE_H
#define QY_COMMON_STORE_H

#include "common/error.h"
#include "common/mem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_txn;

/* Brings the tables from version `from` to `from + 1`, inside one transaction. */
struct store_migration {
    uint32_t from;
    int (*migrate)(struct store_txn *txn);
};

struct store_options {
    const char *path;          /* directory, made when missing (mode 0700) */
    const char *const *tables; /* names; a table is addressed by its index here */
    unsigned table_count;      /* at most 30 */
    uint64_t map_bytes;        /* reserved address space; the file is sparse and never shrinks */
    uint64_t quota_bytes;      /* writes beyond it fail with -QY_EFULL; 0: nine tenths of the map */
    uint32_t schema_version;   /* of the tables' content, from 1 */
    const struct store_migration *migrations;
    unsigned migration_count;
};

/* Opens or makes it. -QY_EVERSION: written by a newer program, or no migration leads here. -QY_ECONFLICT:
 * this process or another one has it open for writing (a lock file tells). */
int store_open(const struct store_options *options, struct store **ret_store);
/* Opens a copy of one to be read, and writes nothing. -QY_ENOTFOUND: none is there. -QY_EVERSION: of another version. -QY_ECONFLICT:
 * it is no copy, but open for writing. */
int store_open_copy(const struct store_options *options, struct store **ret_store);
/* Copies the one at `path`, as its last commit left it, into the directory `to` (made when missing), without its unused pages; durable
 * when it returns 0. It may be open for writing, by another process: that goes on meanwhile, and takes new pages for what it frees until
 * the copy ends. -QY_ENOTFOUND: none is there. -QY_EFULL: `to` has no room, or less than `reserve` bytes would be left; nothing is left of
 * the copy. -QY_EIO. */
int store_snapshot(const char *path, const char *to, uint64_t reserve);
void store_close(struct store **store);

/* Whether some process has the store at `path` open for writing. */
bool store_is_written(const char *path);
/* The process that has the store at `path` open for writing, by what it left in the lock file; 0 where that is not known. */
int store_holder(const char *path);

/* Bytes in use: pages that hold data, without those on the free list. */
uint64_t store_used_bytes(struct store *store);
/* True when quota or the file system (less than 1/50 or 64 MiB of it free) leaves no room to accept more. */
bool store_is_full(struct store *store);

/* A number that is another one after each commit: what was read after this was asked holds at least for as
 * long as the number does. Any thread. */
uint64_t store_version(const struct store *store);

enum store_mode { STORE_READ, STORE_WRITE };
int store_begin(struct store *store, enum store_mode mode, struct store_txn **ret_txn);
/* Durable (fsynced) when it returns 0. Consumes the transaction either way. -QY_EFULL: nothing was changed,
 * later transactions may succeed. -QY_EIO: what is on disk is unknown; the process must end (fsync is never
 * retried). */
int store_commit(struct store_txn **txn);
void store_abort(struct store_txn **txn); /* safe on NULL; ends read transactions too; for _cleanup_ */
int store_error(const struct store_txn *txn);
/* The directory of the store; what a migration needs from outside the store lies beside it. */
const char *store_path(const struct store_txn *txn);
/* Which snapshot a read transaction sees: a number that rises with each commit that changed something. */
uint64_t store_sees(const struct store_txn *txn);
/* That of the oldest snapshot in which anybody reads, the caller's among them: what no snapshot from this one on names, nobody can find any
 * more. 0 where it is not known. */
uint64_t store_oldest_read(struct store_txn *txn);
/* Whether the write transaction has put or deleted anything so far. */
bool store_changed(const struct store_txn *txn);
/* Marks the transaction as failed (first error stays). Returns `code`. */
int store_fail(struct store_txn *txn, int code);

/* Keys: composed big-endian, so that ranges are scans. At most 511 bytes in all; longer sets the key's error,
 * which the operation that is given it passes to the transaction as -QY_ETOOLARGE. */
struct store_key {
    uint16_t size;
    bool too_long;
    uint8_t bytes[511];
};
void key_reset(struct store_key *key);
void key_u8(struct store_key *key, uint8_t value);
void key_u16(struct store_key *key, uint16_t value);
void key_u32(struct store_key *key, uint32_t value);
void key_u64(struct store_key *key, uint64_t value);
void key_i64(struct store_key *key, int64_t value); /* order-preserving */
void key_raw(struct store_key *key, const void *data, size_t size);
void key_text(struct store_key *key, const char *text); /* with its NUL, so that no key is another's prefix */

/* False when absent or when the transaction has failed. */
bool store_get(struct store_txn *txn, unsigned table, const struct store_key *key, struct bytes *ret_value);
bool store_has(struct store_txn *txn, unsigned table, const struct store_key *key);
void store_put(
    struct store_txn *txn, unsigned table, const struct store_key *key, const void *value, size_t size);
/* As store_put, for a key above all others of the table: several times faster. -QY_ECORRUPT when it is not
 * above. */
void store_append(
    struct store_txn *txn, unsigned table, const struct store_key *key, const void *value, size_t size);
/* Room of `size` bytes to write the value into, before any other operation on the transaction; NULL on
 * failure. */
void *store_put_room(struct store_txn *txn, unsigned table, const struct store_key *key, size_t size);
/* True when there was something to delete. */
bool store_delete(struct store_txn *txn, unsigned table, const struct store_key *key);
uint64_t store_count(struct store_txn *txn, unsigned table);

/* A scan over the keys that begin with a prefix, in key order. Do not write to the table that is being
 * scanned but through scan_delete(). */
struct store_scan;
/* `prefix` of size 0: the whole table. `from` (may be NULL): start at the first key >= it, within the prefix.
 */
int scan_open(struct store_txn *txn, unsigned table, const struct store_key *prefix,
    const struct store_key *from, struct store_scan **ret_scan);
/* Backwards from the last key of the prefix that is <= `from` (NULL: from the prefix's end). */
int scan_open_reverse(struct store_txn *txn, unsigned table, const struct store_key *prefix,
    const struct store_key *from, struct store_scan **ret_scan);
bool scan_next(struct store_scan *scan, struct bytes *ret_key, struct bytes *ret_value);
void scan_delete(struct store_scan *scan); /* deletes what scan_next() yielded last */
void scan_close(struct store_scan **scan); /* for _cleanup_ */

#endif
