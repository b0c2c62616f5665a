/* SPDX-License-Identifier: Apache-2.0 */
/* The dead-letter list: events that were refused one by one, kept until they expire, are replayed, deleted, or erased with
 * their person.
 *
 * It is bounded, in all and per source. What comes when it is full is counted and not kept: the first of them show what is wrong,
 * and a source that sends nothing else can neither push out those of the others nor keep the disk busy. A letter that bears a message
 * id and comes again as it was is the same letter; and an event that is accepted under the id, sent again by a client that was
 * mended, takes the letter away, so that a replay does not count it twice. */
#ifndef QY_GATEWAY_DEAD_LETTERS_H
#define QY_GATEWAY_DEAD_LETTERS_H

#include "services/gateway/dead_letter_store.h"

struct dead_letter_limits {
    size_t letter_bytes;                 /* of one event and what is said of its time; 0: none is kept */
    uint64_t count, bytes;               /* in all */
    uint64_t source_count, source_bytes; /* of one source */
    int64_t kept_ms;
};

struct dead_letters;

/* -QY_ECONFLICT: the state has letters under the keys of another file. Where the file is missing, letters that there were are let
 * go: nothing can open them any more (`ret_lost` of them). */
int dead_letters_open(struct store_txn *txn, const struct dead_letter_limits *limits, const char *keys_path,
    struct dead_letters **ret_letters, uint64_t *ret_lost);
void dead_letters_close(struct dead_letters **letters);
/* As it was opened with. Any thread. */
const struct dead_letter_limits *dead_letters_limits(const struct dead_letters *letters);

/* -- writer -- */

struct dead_letter {
    const char *reason;
    uint32_t source;
    int64_t received_ms;
    struct bytes content; /* a packed DeadLetter */
    bool identified;      /* known again by its content */
    bool accepted;        /* the event was, and belongs to nobody (dead_letter_nobody.h) */
    uint8_t message[16];  /* ingest_hash() of its message id; all zero: none */
};

/* Yields its number, which is an earlier one's where that was the same; 0 where there is no room for it. */
int dead_letters_add(struct dead_letters *letters, struct store_txn *txn, const struct dead_letter *letter,
    uint64_t *ret_number);
/* Whether there is room for one more of this source. -QY_EFULL: there is none; others are the transaction's. */
int dead_letters_room(struct dead_letters *letters, struct store_txn *txn, uint32_t source);
/* Numbers of letters, ascending. */
struct letter_set {
    const uint64_t *numbers;
    size_t count;
};
/* Sorts the numbers, which must outlive it. */
struct letter_set letter_set_of(uint64_t *numbers, size_t count);
/* An event with this message id was accepted: what was refused under it is no more needed, but for those that are `spared` (may be
 * NULL). */
void dead_letters_supersede(struct dead_letters *letters, struct store_txn *txn, const uint8_t message[16],
    const struct letter_set *spared);
/* False when it is gone already. */
bool dead_letters_remove(struct dead_letters *letters, struct store_txn *txn, uint64_t number);
/* It was tried again in vain: for another reason now, perhaps. */
int dead_letters_retry(struct dead_letters *letters, struct store_txn *txn, uint64_t number,
    const char *reason, struct bytes content);
/* Removes what is too old. */
int dead_letters_expire(struct dead_letters *letters, struct store_txn *txn, int64_t now_ms);
/* When the next one is. Any thread. */
int64_t dead_letters_next_due(const struct dead_letters *letters);

/* After the commit: overwrites the keys of what has gone. An error means that this is not known to be durable. */
int dead_letters_committed(struct dead_letters *letters);
void dead_letters_discard(struct dead_letters *letters);

/* -- any thread -- */

/* After work that removed letters: until their keys are overwritten. */
void dead_letters_wait(struct dead_letters *letters);
/* Appends the content. -QY_ENOTFOUND: it went since the snapshot was taken. */
int dead_letters_read(const struct dead_letters *letters, struct store_txn *txn, uint64_t number,
    const struct letter_row *row, struct buffer *out);
struct dead_letter_totals {
    uint64_t count, bytes;
};
void dead_letters_totals(const struct dead_letters *letters, struct dead_letter_totals *ret_totals);

#endif
