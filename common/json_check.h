/* SPDX-License-Identifier: Apache-2.0 */
/* What JSON from outside must not hold. Texts are C strings from here on: one that holds a NUL would be cut there and
 * be another text than the one that was sent. And whoever walks down must come to an end. */
#ifndef QY_COMMON_JSON_CHECK_H
#define QY_COMMON_JSON_CHECK_H

#include "common/error.h"
#include "common/mem.h"

#include <stdbool.h>
#include <yyjson.h>

#define JSON_POINTER_BYTES 256
#define JSON_DEPTH_MAX 64 /* of objects and lists in one another */

/* Of a whole document, unread: false for all but very few, and quickly. */
bool json_may_hold_nul(struct bytes document);
/* Looks for a NUL in the texts and members' names below `root`. Yields the JSON pointer from `root` to the text,
 * for a name to the object that has it; the innermost part is left out where it does not fit. */
bool json_find_nul(yyjson_val *root, char ret_pointer[JSON_POINTER_BYTES]);
/* Looks for an object that has two members of one name: -QY_EEXISTS and the pointer to the member; 0 where there is none;
 * -QY_ENOMEM. */
int json_find_repeated(yyjson_val *root, char ret_pointer[JSON_POINTER_BYTES]);
/* Looks for an object or a list that lies deeper than JSON_DEPTH_MAX, `root` being the first. Yields the pointer
 * to it likewise. */
bool json_find_deep(yyjson_val *root, char ret_pointer[JSON_POINTER_BYTES]);

#endif
