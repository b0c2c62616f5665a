/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/receipt.h"

#include "common/error.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FIRST_LINE "c2sp.org/tlog-proof@v1"
#define ENTRY_BYTES_MAX 65535u

static void add_base64(struct bytes bytes, struct buffer *out)
{
    size_t size = sodium_base64_encoded_len(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *room = buffer_reserve(out, size);
    if (!room)
        return;
    sodium_bin2base64((char *)room, size, bytes.data, bytes.size, sodium_base64_VARIANT_ORIGINAL);
    out->size += size - 1;
    buffer_byte(out, '\n');
}

void receipt_format(const struct receipt *receipt, struct buffer *out)
{
    buffer_text(out, FIRST_LINE "\nextra ");
    add_base64(receipt->entry, out);
    buffer_printf(out, "index %" PRIu64 "\n", receipt->index);
    for (size_t i = 0; i < receipt->count; i++)
        add_base64((struct bytes){receipt->path[i].bytes, MERKLE_HASH_BYTES}, out);
    buffer_byte(out, '\n');
    buffer_append(out, receipt->note.data, receipt->note.size);
}

/* The next line, without its newline. */
static bool next_line(struct bytes *cursor, struct bytes *ret_line)
{
    const uint8_t *end = cursor->size ? memchr(cursor->data, '\n', cursor->size) : NULL;
    if (!end)
        return false;
    *ret_line = (struct bytes){cursor->data, (size_t)(end - cursor->data)};
    cursor->data += ret_line->size + 1;
    cursor->size -= ret_line->size + 1;
    return true;
}

static bool cut(struct bytes *line, const char *prefix)
{
    size_t size = strlen(prefix);
    if (line->size < size || memcmp(line->data, prefix, size) != 0)
        return false;
    line->data += size;
    line->size -= size;
    return true;
}

static bool take_base64(struct bytes line, void *out, size_t size, size_t *ret_size)
{
    return note_base64((const char *)line.data, line.size, out, size, ret_size);
}

static bool take_index(struct bytes line, uint64_t *ret_index)
{
    uint64_t index = 0;
    if (line.size == 0 || line.size > 19 || (line.size > 1 && line.data[0] == '0'))
        return false;
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return false;
        index = index * 10 + line.data[i] - '0';
    }
    *ret_index = index;
    return true;
}

/* Up to the empty line. */
static bool take_path(struct bytes *cursor, struct receipt *receipt)
{
    struct bytes line;
    size_t size;
    for (receipt->count = 0; next_line(cursor, &line) && line.size > 0; receipt->count++)
        if (receipt->count == MERKLE_PROOF_MAX ||
            !take_base64(line, receipt->path[receipt->count].bytes, MERKLE_HASH_BYTES, &size) ||
            size != MERKLE_HASH_BYTES)
            return false;
    return cursor->size > 0;
}

int receipt_parse(struct bytes text, struct buffer *room, struct receipt *ret_receipt)
{
    struct receipt receipt = {.index = 0};
    struct bytes line;
    size_t size;
    if (!next_line(&text, &line) || !cut(&line, FIRST_LINE) || line.size > 0)
        return -QY_EINVAL;
    buffer_clear(room);
    uint8_t *entry = buffer_reserve(room, ENTRY_BYTES_MAX);
    if (!entry)
        return buffer_error(room);
    if (!next_line(&text, &line) || !cut(&line, "extra ") ||
        !take_base64(line, entry, ENTRY_BYTES_MAX, &size))
        return -QY_EINVAL;
    room->size = size;
    receipt.entry = (struct bytes){room->data, room->size};
    if (!next_line(&text, &line) || !cut(&line, "index ") || !take_index(line, &receipt.index) ||
        !take_path(&text, &receipt))
        return -QY_EINVAL;
    receipt.note = text;
    *ret_receipt = receipt;
    return 0;
}

const char *receipt_check(
    const struct receipt *receipt, const struct note_key *key, struct checkpoint *ret_checkpoint)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct checkpoint checkpoint;
    struct merkle_hash leaf;
    struct note note;
    if (note_open(receipt->note, &note) || checkpoint_parse(note.text, &checkpoint))
        return "it holds no checkpoint";
    if (!note_verify(&note, key, NULL) || strcmp(checkpoint.origin, key->name) != 0)
        return "its checkpoint is not signed with this key";
    if (merkle_hasher_open(&hasher))
        return "it cannot be checked: out of memory";
    merkle_leaf(hasher, receipt->entry, &leaf);
    if (!merkle_verify_inclusion(
            hasher, &leaf, receipt->index, checkpoint.size, receipt->path, receipt->count, &checkpoint.root))
        return "its record is not at this place of the tree that was signed";
    *ret_checkpoint = checkpoint;
    return NULL;
}
