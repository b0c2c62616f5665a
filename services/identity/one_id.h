/* SPDX-License-Identifier: Apache-2.0 */
/* The public name of a person: "p_" and eight characters, derived from the person's number.
 *
 * A keyed bijection scatters the numbers, so that an id tells neither how many persons there are nor who came
 * first; the last character checks the seven before it and finds any one wrong character and any two that are
 * exchanged. */
#ifndef QY_IDENTITY_ONE_ID_H
#define QY_IDENTITY_ONE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONE_ID_BYTES 11 /* with its NUL */

struct one_id_key {
    uint8_t bytes[16];
};

/* `person` is not 0. */
void one_id_format(const struct one_id_key *key, uint32_t person, char ret_text[ONE_ID_BYTES]);

/* Of an identifier, by its node's number: the same with "i_". */
void node_id_format(const struct one_id_key *key, uint32_t node, char ret_text[ONE_ID_BYTES]);
bool node_id_parse(const struct one_id_key *key, const char *text, size_t size, uint32_t *ret_node);

/* Any letter case; o, i and l are read as 0, 1 and 1. False when it was never made under this key; whether
 * the person exists is for the store to say. */
bool one_id_parse(const struct one_id_key *key, const char *text, size_t size, uint32_t *ret_person);

#endif
