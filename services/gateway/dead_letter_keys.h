/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of dead letters: a file of numbered slots, outside LMDB, whose freed pages and backups keep old bytes.
 *
 * All slots hold random bytes from the beginning, so that to keep a letter writes nothing here. A letter is sealed under the key of
 * the slot that it was given; when it goes, by whatever way, the slot is overwritten, and what the pages still hold says nothing any
 * more. Then the slot may be given to another letter. */
#ifndef QY_GATEWAY_DEAD_LETTER_KEYS_H
#define QY_GATEWAY_DEAD_LETTER_KEYS_H

#include "common/buffer.h"

#define LETTER_MARK_BYTES 16
#define LETTER_CHECK_BYTES 16

struct letter_keys;

/* Opens the file, makes it when missing (`ret_made`), and makes it longer where it has fewer than `slots`; where the disk has no room
 * for that it keeps those that it has. -QY_ECORRUPT: it is no such file. */
int letter_keys_open(const char *path, uint32_t slots, struct letter_keys **ret_keys, bool *ret_made);
void letter_keys_close(struct letter_keys **keys);
uint32_t letter_keys_slots(const struct letter_keys *keys);
/* Tells this file from every other one. */
void letter_keys_check(const struct letter_keys *keys, uint8_t ret_check[LETTER_CHECK_BYTES]);

/* Keyed hash of a letter, by which the same one is known again. */
void letter_keys_mark(const struct letter_keys *keys, uint32_t source, struct bytes content,
    uint8_t ret_mark[LETTER_MARK_BYTES]);

/* Appends the sealed form: bound to the letter's number. Any thread. */
int letter_keys_seal(
    const struct letter_keys *keys, uint32_t slot, uint64_t letter, struct bytes content, struct buffer *out);
/* Appends the plain form. -QY_ECORRUPT where the slot does not open it: it has been overwritten. Any thread. */
int letter_keys_open_letter(
    const struct letter_keys *keys, uint32_t slot, uint64_t letter, struct bytes sealed, struct buffer *out);

/* Overwrites the slots; durable when it returns 0. */
int letter_keys_destroy(const struct letter_keys *keys, const uint32_t *slots, size_t count);

#endif
