/* SPDX-License-Identifier: Apache-2.0 */
/* Who is compared with whom: persons who share a key.
 *
 * A record has several keys, each of things that survive most mistakes: name and day, name and year, birthday and initial, birthday
 * and city, name and city; a phone number five times, each time without other three digits, so that one wrong digit and two that
 * changed places leave one of them; the beginning of a street with all numbers in it; an email's local part. Keys are hashes under a
 * key that dies with the search. They go to files without a name, in as many parts as fit into memory one by one; sorted, those
 * of one block lie together. */
#ifndef QY_IDENTITY_DUPLICATE_BLOCK_H
#define QY_IDENTITY_DUPLICATE_BLOCK_H

#include "services/identity/duplicate_model.h"

#include <sodium.h>

enum block_pass {
    BLOCK_NAME_DAY = PASS_RANDOM + 1,
    BLOCK_NAME_YEAR,
    BLOCK_BIRTHDAY_INITIAL,
    BLOCK_BIRTHDAY_CITY,
    BLOCK_NAME_CITY,
    BLOCK_PHONE,
    BLOCK_STREET,
    BLOCK_EMAIL,
    BLOCK_END
};
extern const unsigned block_fixed[PASSES_MAX]; /* the fields that a pass is made by, as bits */

#define PHONE_WINDOWS 5
#define BLOCK_KEYS_MAX (BLOCK_END + VALUES_MAX * (PHONE_WINDOWS + 1))

/* A key is a hash with its pass in the lower four bits: in their order the passes are mixed. */
static inline unsigned block_pass_of(uint64_t key)
{
    return (unsigned)(key & 15);
}

struct block_secret {
    uint8_t bytes[crypto_shorthash_siphash24_KEYBYTES];
};

/* How many keys the record has. */
unsigned block_keys(const struct block_secret *secret, const struct duplicate_record *record,
    uint64_t ret_keys[BLOCK_KEYS_MAX]);

struct block_entry {
    uint64_t key;
    uint32_t person;
} __attribute__((packed));

struct block_files;
/* `memory`: bytes that the entries of one part may take. -QY_EIO: no file could be made in `directory`. */
int block_files_open(const char *directory, uint64_t entries, size_t memory, struct block_files **ret_files);
void block_files_close(struct block_files **files);
int block_files_add(struct block_files *files, const uint64_t *keys, unsigned count, uint32_t person);
/* No more are added. */
int block_files_finish(struct block_files *files);
unsigned block_files_parts(const struct block_files *files);
uint64_t block_files_entries(const struct block_files *files);
/* The entries of a part by their keys, then persons; borrowed until the next call. -QY_EIO, -QY_ENOMEM. */
int block_files_part(
    struct block_files *files, unsigned part, const struct block_entry **ret_entries, size_t *ret_count);

#endif
