/* SPDX-License-Identifier: Apache-2.0 */
/* What staff write (names, tags, rules) goes to services that hold no personal data: a phone number or an email
 * in it is refused at the border. */
#ifndef QY_GATEWAY_STAFF_TEXT_H
#define QY_GATEWAY_STAFF_TEXT_H

#include <stdbool.h>
#include <yyjson.h>

#define STAFF_POINTER_BYTES 256

enum staff_text { STAFF_TEXT_FINE, STAFF_TEXT_PERSONAL, STAFF_TEXT_DEEP };

/* Looks through an operation's body: every text, every name of a member, and numbers where they are operands
 * that facts are compared with. The pointer leads to what was found, or to the object in which a name was; it never
 * holds it. What a journey sends (its texts, URL and secret) is left alone: a brand's own number may be there. */
enum staff_text staff_text_check(yyjson_val *body, char ret_pointer[STAFF_POINTER_BYTES]);

#endif
