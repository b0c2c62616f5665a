/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of phones and identity cards that come in parts: ["138","0013","8000"], {"area":"021","rest":"64376688"}.
 *
 * Prices, sizes, shop numbers and receipts stand side by side as well. So parts are texts where they are items of a list, which is all of
 * it, and are divided as people divide numbers; as members of an object, all bear the names of parts (key_is_part()). A phone number's
 * last eight digits are no date. */
#ifndef QY_COMMON_NUMBER_PARTS_H
#define QY_COMMON_NUMBER_PARTS_H

#include <yyjson.h>

#include <stdbool.h>

#define NUMBER_PARTS_MAX 5

/* Whether all items together are one number. Reads few items, however many there are. */
bool number_in_items(yyjson_val *list);
/* How many members from `key` on, one behind the other, are one number; 0: none are. `behind` stands behind `key`. */
unsigned number_in_members(yyjson_val *key, yyjson_obj_iter behind);

#endif
