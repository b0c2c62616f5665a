/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters bear which message id: so that an event that is accepted under an id takes away what was refused under it, at the
 * price of one look into memory. One thread. */
#ifndef QY_GATEWAY_DEAD_LETTER_MESSAGES_H
#define QY_GATEWAY_DEAD_LETTER_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct letter_message {
    uint64_t tag;    /* of the hash of source and message id */
    uint64_t number; /* of the letter; 0: free */
};

struct letter_messages {
    struct letter_message *slots; /* open addressing */
    size_t capacity, used, gone;  /* used: with those that are gone and still stand in the way */
};

/* Of all bytes of the hash the first eight. */
uint64_t letter_message_tag(const uint8_t hash[16]);
void letter_messages_clear(struct letter_messages *messages);
void letter_messages_free(struct letter_messages *messages);
/* False when memory is out. */
bool letter_messages_add(struct letter_messages *messages, uint64_t tag, uint64_t number);
void letter_messages_remove(struct letter_messages *messages, uint64_t tag, uint64_t number);
/* The next letter with this tag, from *cursor on, which is 0 at first; 0 at the end. */
uint64_t letter_messages_next(const struct letter_messages *messages, uint64_t tag, size_t *cursor);

#endif
