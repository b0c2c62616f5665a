/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/name_memo.h"

#include "common/buffer.h"
#include "common/error.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BITS 16 /* 1 MiB, of which only what is used takes memory */
#define SLOTS (1u << SLOT_BITS)
#define STATED_BYTES                                                                                         \
    512 /* of names and nodes that are told apart; longer ones by their beginning and their length */

struct name_memo {
    uint8_t key[crypto_shorthash_siphash24_KEYBYTES]; /* of this process */
    struct {
        uint64_t key; /* 0: free */
        uint64_t name;
    } slots[SLOTS];
};

int name_memo_open(struct name_memo **ret_memo)
{
    *ret_memo = calloc(1, sizeof(**ret_memo));
    if (!*ret_memo)
        return -QY_ENOMEM;
    randombytes_buf((*ret_memo)->key, sizeof((*ret_memo)->key));
    return 0;
}

void name_memo_close(struct name_memo **memo)
{
    free(*memo);
    *memo = NULL;
}

static size_t put(uint8_t *stated, size_t used, const void *data, size_t size)
{
    size_t room = STATED_BYTES - used, kept = size < room ? size : room;
    if (kept > 0)
        memcpy(stated + used, data, kept);
    return used + kept;
}

uint64_t name_memo_key(
    const struct name_memo *memo, const struct stated_name *name, const uint32_t *nodes, unsigned count)
{
    uint8_t stated[STATED_BYTES], hash[crypto_shorthash_siphash24_BYTES];
    size_t used = put(stated, 0, nodes, count * sizeof(*nodes));
    for (unsigned part = NAME_WHOLE; part < NAME_PARTS; part++) {
        size_t size;
        const char *text = trait_text(name->parts[part], &size);
        used = put(stated, used, &(uint32_t){(uint32_t)size}, sizeof(uint32_t));
        used = put(stated, used, text, size);
    }
    crypto_shorthash_siphash24(hash, stated, used, memo->key);
    uint64_t key = get_be64(hash);
    return key ? key : 1;
}

bool name_memo_find(const struct name_memo *memo, uint64_t key, uint64_t *ret_name)
{
    size_t slot = key & (SLOTS - 1);
    if (memo->slots[slot].key != key)
        return false;
    *ret_name = memo->slots[slot].name;
    return true;
}

void name_memo_put(struct name_memo *memo, uint64_t key, uint64_t name)
{
    size_t slot = key & (SLOTS - 1);
    memo->slots[slot].key = key;
    memo->slots[slot].name = name;
}

void name_memo_clear(struct name_memo *memo)
{
    memset(memo->slots, 0, sizeof(memo->slots));
}
