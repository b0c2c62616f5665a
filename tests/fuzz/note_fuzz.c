/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from outside under a signature: notes, checkpoints, keys, receipts and tiles' paths. What is taken is written again as it was. */
#include "services/audit/checkpoint.h"
#include "services/audit/receipt.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char known[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

static void read_note(struct bytes whole)
{
    struct note_key key;
    struct note note;
    struct bytes line;
    struct checkpoint checkpoint;
    if (note_key_parse(known, &key))
        abort();
    if (note_open(whole, &note))
        return;
    if (note.text.size + 1 + note.signatures.size != whole.size)
        abort();
    if (note_line(&note, &key, &line) != note_verify(&note, &key, NULL))
        abort();
    if (checkpoint_parse(note.text, &checkpoint))
        return;
    _cleanup_(buffer_free) struct buffer again = BUFFER_INIT;
    checkpoint_format(&checkpoint, &again);
    if (again.size > note.text.size || memcmp(again.data, note.text.data, again.size) != 0)
        abort();
}

static void read_receipt(struct bytes whole)
{
    _cleanup_(buffer_free) struct buffer room = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer again = BUFFER_INIT;
    struct receipt receipt;
    struct checkpoint checkpoint;
    struct note_key key;
    if (receipt_parse(whole, &room, &receipt))
        return;
    if (note_key_parse(known, &key) == 0)
        (void)receipt_check(&receipt, &key, &checkpoint);
    receipt_format(&receipt, &again);
    if (again.size != whole.size || memcmp(again.data, whole.data, whole.size) != 0)
        abort();
}

static void read_texts(const char *text)
{
    char again[NOTE_KEY_BYTES], path[TILE_PATH_BYTES];
    struct note_key key;
    struct note_signer signer;
    struct tile_place place;
    if (note_key_parse(text, &key) == 0) {
        note_key_format(&key, again);
        if (strcmp(again, text) != 0)
            abort();
    }
    (void)note_signer_parse(text, &signer);
    if (tile_path_parse(text, &place)) {
        tile_path_format(&place, path);
        if (strcmp(path, text) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_note((struct bytes){data, size});
    read_receipt((struct bytes){data, size});
    read_texts(text);
    free(text);
    return 0;
}
