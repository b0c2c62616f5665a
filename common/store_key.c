/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"
#include "common/store.h"

#include <string.h>

void key_reset(struct store_key *key)
{
    key->size = 0;
    key->too_long = false;
}

void key_raw(struct store_key *key, const void *data, size_t size)
{
    if (key->too_long || size > sizeof(key->bytes) - key->size) {
        key->too_long = true;
        return;
    }
    if (size > 0)
        memcpy(key->bytes + key->size, data, size);
    key->size = (uint16_t)(key->size + size);
}

void key_u8(struct store_key *key, uint8_t value)
{
    key_raw(key, &value, 1);
}

void key_u16(struct store_key *key, uint16_t value)
{
    key_raw(key, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void key_u32(struct store_key *key, uint32_t value)
{
    uint8_t bytes[4];
    put_be32(bytes, value);
    key_raw(key, bytes, sizeof(bytes));
}

void key_u64(struct store_key *key, uint64_t value)
{
    uint8_t bytes[8];
    put_be64(bytes, value);
    key_raw(key, bytes, sizeof(bytes));
}

void key_i64(struct store_key *key, int64_t value)
{
    /* With the sign bit flipped, the negative ones sort below the others. */
    key_u64(key, (uint64_t)value ^ UINT64_C(1) << 63);
}

void key_text(struct store_key *key, const char *text)
{
    key_raw(key, text, strlen(text) + 1);
}
