/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/witness_state.h"

#include "common/directory.h"
#include "common/error.h"
#include "common/json.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *text_of(yyjson_val *root, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(root, name));
    return text ? text : "";
}

int witness_state_load(const char *path, struct witness_state *ret_state)
{
    struct witness_state state = {.path = path};
    struct note note;
    yyjson_read_err error;
    yyjson_doc *doc = yyjson_read_file(path, 0, NULL, &error);
    if (!doc)
        return access(path, F_OK) == 0 ? -QY_ECORRUPT : error_from_errno(errno);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *text = text_of(root, "checkpoint");
    bool good = note_signer_parse(text_of(root, "key"), &state.own) == 0 &&
                note_key_parse(text_of(root, "log_key"), &state.log) == 0;
    if (good && *text) {
        buffer_text(&state.note, text);
        good = note_open((struct bytes){state.note.data, state.note.size}, &note) == 0 &&
               checkpoint_parse(note.text, &state.seen) == 0;
    }
    yyjson_doc_free(doc);
    if (good)
        *ret_state = state;
    else
        witness_state_free(&state);
    return good ? 0 : -QY_ECORRUPT;
}

static void write_state(const struct witness_state *state, struct buffer *out)
{
    char key[NOTE_SECRET_BYTES], log[NOTE_KEY_BYTES];
    struct json json = json_to(out);
    note_signer_format(&state->own, key);
    note_key_format(&state->log, log);
    json_open(&json, '{');
    json_field_text(&json, "key", key);
    json_field_text(&json, "log_key", log);
    json_name(&json, "checkpoint");
    json_text_n(&json, (const char *)state->note.data, state->note.size);
    json_close(&json, '}');
    buffer_byte(out, '\n');
    sodium_memzero(key, sizeof(key));
}

int witness_state_save(const struct witness_state *state)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    write_state(state, &text);
    int error =
        buffer_error(&text) ? buffer_error(&text) : directory_replace_file(state->path, text.data, text.size);
    sodium_memzero(text.data, text.size);
    return error;
}

void witness_state_free(struct witness_state *state)
{
    buffer_free(&state->note);
    sodium_memzero(&state->own, sizeof(state->own));
}
