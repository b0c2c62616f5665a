/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes, as C2SP's signed-note has them: a text, an empty line, and a line for each signature.
 *
 *     <text, whose last line ends too>
 *
 *     — <name> <base64(key's id || signature)>
 *
 * A key of type 1 signs the text itself (Ed25519). One of type 4 is a witness's: it signs a time and the text
 * (cosignature/v1). Which key a line belongs to is said by its name and id; lines of unknown keys are passed over. */
#ifndef QY_AUDIT_NOTE_H
#define QY_AUDIT_NOTE_H

#include "common/buffer.h"

#define NOTE_NAME_BYTES 128
#define NOTE_KEY_BYTES 256 /* as text */
#define NOTE_SECRET_BYTES 256
#define NOTE_BYTES_MAX 65536u

enum note_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

/* With which a note is verified. */
struct note_key {
    char name[NOTE_NAME_BYTES];
    uint8_t type;
    uint8_t id[4];
    uint8_t public_key[32];
};
/* With which one is signed. */
struct note_signer {
    struct note_key key;
    uint8_t secret[64];
};

/* A name that a key may have: neither empty nor with blanks, control characters or a plus, and UTF-8. */
bool note_is_name(const char *name);

/* "name+id+base64(type || public key)". -QY_EINVAL. */
int note_key_parse(const char *text, struct note_key *ret_key);
void note_key_format(const struct note_key *key, char ret_text[NOTE_KEY_BYTES]);
bool note_key_equal(const struct note_key *one, const struct note_key *other);

/* A new pair. -QY_EINVAL: no such name. */
int note_signer_make(const char *name, enum note_type type, struct note_signer *ret_signer);
/* "PRIVATE+KEY+name+id+base64(type || seed)". -QY_EINVAL. Who holds the text wipes it. */
int note_signer_parse(const char *text, struct note_signer *ret_signer);
void note_signer_format(const struct note_signer *signer, char ret_text[NOTE_SECRET_BYTES]);

/* Appends the line of a signature of `text`, which ends with a newline. */
void note_sign(const struct note_signer *signer, struct bytes text, struct buffer *out);
/* The same by a witness, at `time_s` of its clock. */
void note_cosign(const struct note_signer *signer, struct bytes text, uint64_t time_s, struct buffer *out);

/* Borrowed from the whole. */
struct note {
    struct bytes text;       /* with its last newline */
    struct bytes signatures; /* lines */
};
/* -QY_EINVAL: that is no signed note. */
int note_open(struct bytes whole, struct note *ret_note);
/* Whether it bears a valid signature of the key; a witness's time goes to `ret_time_s`, which may be NULL. */
bool note_verify(const struct note *note, const struct note_key *key, uint64_t *ret_time_s);
/* The line of that signature, with its newline; false: there is none that is valid. */
bool note_line(const struct note *note, const struct note_key *key, struct bytes *ret_line);

/* Base64 as it is written here: with its padding, in one way only. False where it is not, or more than `most` bytes. */
bool note_base64(const char *text, size_t size, void *out, size_t most, size_t *ret_size);

#endif
