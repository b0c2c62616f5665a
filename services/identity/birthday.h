/* SPDX-License-Identifier: Apache-2.0 */
/* Birthdays as people state them. Of one, the month and day alone leave identity: enough for a greeting, not for an identity. */
#ifndef QY_IDENTITY_BIRTHDAY_H
#define QY_IDENTITY_BIRTHDAY_H

#include <stdbool.h>
#include <stddef.h>
#include <yyjson.h>

struct birthday {
    int year; /* 0: it was not said */
    int month, day;
};
/* From a date (1990-03-14, 1990/3/14, 19900314, with a time behind it or not) or a month and day (03-14). */
bool birthday_read(yyjson_val *value, struct birthday *ret_birthday);

#define BIRTHDAY_BYTES 8 /* "03-14" in quotes, NUL */
/* The day as a JSON string. */
bool birthday_month_day(yyjson_val *value, char ret_json[BIRTHDAY_BYTES]);

#endif
