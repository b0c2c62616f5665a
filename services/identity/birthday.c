/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/birthday.h"

#include <stdio.h>
#include <string.h>

static const int days_in[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/* Up to `most` digits; -1 where there is none. */
static int read_number(const char **text, const char *end, int most)
{
    int value = -1;
    for (; most > 0 && *text < end && **text >= '0' && **text <= '9'; (*text)++, most--)
        value = (value < 0 ? 0 : value) * 10 + (**text - '0');
    return value;
}

static bool skip_separator(const char **text, const char *end)
{
    if (*text == end || !**text || !strchr("-/.", **text))
        return false;
    (*text)++;
    return true;
}

bool birthday_read(yyjson_val *value, struct birthday *ret_birthday)
{
    const char *text = yyjson_is_raw(value) ? yyjson_get_raw(value) : yyjson_get_str(value);
    if (!text)
        return false;
    const char *end = text + yyjson_get_len(value);
    const char *begin = text;
    int year = read_number(&text, end, 4);
    bool dated = year >= 0 && text - begin == 4;
    if (!dated) {
        text = begin; /* month and day alone */
    } else if (text < end && *text >= '0' && *text <= '9') {
        if (end - begin < 8)
            return false;
    } else if (!skip_separator(&text, end)) {
        return false;
    }
    int month = read_number(&text, end, 2);
    skip_separator(&text, end);
    int day = read_number(&text, end, 2);
    if (month < 1 || month > 12 || day < 1 || day > days_in[month - 1])
        return false;
    if (text < end && *text != 'T' && *text != ' ')
        return false;
    *ret_birthday = (struct birthday){.year = dated ? year : 0, .month = month, .day = day};
    return true;
}

bool birthday_month_day(yyjson_val *value, char ret_json[BIRTHDAY_BYTES])
{
    struct birthday birthday;
    if (!birthday_read(value, &birthday))
        return false;
    snprintf(ret_json, BIRTHDAY_BYTES, "\"%02u-%02u\"", (unsigned)birthday.month & 15u,
        (unsigned)birthday.day & 31u);
    return true;
}
