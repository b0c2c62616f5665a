/* SPDX-License-Identifier: Apache-2.0 */
/* Corrects refused events before they are tried again: a list of steps, taken in order, that point into the event with JSON pointers.
 *
 *   {"set":"/event","value":"Order Completed"}        puts a value there, whatever was there
 *   {"default":"/userId","value":"u-0"}               only where nothing, null or an empty text is there
 *   {"rename":"/user_id","to":"/userId"}              moves what is there; what was at the target goes
 *   {"remove":"/properties/debug"}                    takes it away
 *   {"convert":"/properties/total","as":"text"}       brings it into another form: "text", "number", or "time" (of seconds or
 *                                                     milliseconds since 1970, or of 2026-03-01 08:30:00 in the time zone of
 *                                                     the deployment)
 *
 * A step that points to what is not there, or converts what has no such form, leaves the event as it is: then the event is refused
 * again, and says why. Objects that a target needs are made. */
#ifndef QY_GATEWAY_DEAD_LETTER_MAPPING_H
#define QY_GATEWAY_DEAD_LETTER_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <yyjson.h>

#define MAPPING_STEPS_MAX 50

struct letter_mapping_fault {
    char field[64]; /* "mapping/3/as" */
    const char *message;
};

/* `mapping` NULL or a JSON list: false, and what is wrong with it. */
bool letter_mapping_check(yyjson_val *mapping, struct letter_mapping_fault *ret_fault);

/* Of a mapping that has been checked. False when memory is out. */
bool letter_mapping_apply(yyjson_val *mapping, yyjson_mut_doc *event);

#endif
