/* SPDX-License-Identifier: Apache-2.0 */
/* Times and durations as text. Own calendar arithmetic: the libc's is slow and depends on the process's zone.
 */
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define DURATION_MOST_MS (INT64_C(36525) * DAY_MS)

int64_t time_days(int year, int month, int day)
{
    /* The year begins in March here, so that the leap day is its last; 400 years have 146097 days. */
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void time_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

struct cursor {
    const char *at;
    const char *end;
};

static bool take(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

/* Exactly `count` digits, within bounds. */
static bool take_number(struct cursor *cursor, int count, int least, int most, int *ret_number)
{
    int number = 0;
    if (cursor->end - cursor->at < count)
        return false;
    for (int i = 0; i < count; i++, cursor->at++) {
        if (*cursor->at < '0' || *cursor->at > '9')
            return false;
        number = number * 10 + (*cursor->at - '0');
    }
    *ret_number = number;
    return number >= least && number <= most;
}

static bool take_date(struct cursor *cursor, int *ret_year, int *ret_month, int *ret_day)
{
    return take_number(cursor, 4, 1, 9999, ret_year) && take(cursor, '-') &&
           take_number(cursor, 2, 1, 12, ret_month) && take(cursor, '-') &&
           take_number(cursor, 2, 1, days_in_month(*ret_year, *ret_month), ret_day);
}

/* Milliseconds of the day; a leap second counts as the next one. */
static bool take_clock(struct cursor *cursor, bool loose, int64_t *ret_ms, bool *ret_leap)
{
    int hour, minute, second = 0, fraction = 0;
    if (!take_number(cursor, 2, 0, 23, &hour) || !take(cursor, ':') ||
        !take_number(cursor, 2, 0, 59, &minute))
        return false;
    bool seconds = take(cursor, ':');
    if (seconds ? !take_number(cursor, 2, 0, 60, &second) : !loose)
        return false;
    if (seconds && take(cursor, '.')) {
        int count = 0;
        for (int digit; take_number(cursor, 1, 0, 9, &digit); count++)
            if (count < 3)
                fraction = fraction * 10 + digit;
        if (count == 0)
            return false;
        for (; count < 3; count++)
            fraction *= 10;
    }
    *ret_leap = second == 60;
    *ret_ms = ((int64_t)hour * 3600 + (int64_t)minute * 60 + second) * 1000 + fraction;
    return true;
}

static bool take_offset(struct cursor *cursor, bool loose, int64_t *ret_ms)
{
    int hour, minute;
    *ret_ms = 0;
    if (take(cursor, 'Z') || take(cursor, 'z'))
        return true;
    bool west = take(cursor, '-');
    if (!west && !take(cursor, '+'))
        return false;
    if (!take_number(cursor, 2, 0, 23, &hour) || !(take(cursor, ':') || loose) ||
        !take_number(cursor, 2, 0, 59, &minute))
        return false;
    *ret_ms = ((int64_t)hour * 60 + minute) * (west ? -60000 : 60000);
    return true;
}

/* What follows the date, which is in the cursor's past. */
static bool parse_rest(struct cursor *cursor, int64_t days, bool loose, int64_t *ret_ms)
{
    int64_t clock, offset;
    bool leap;
    if (!take(cursor, 'T') && !take(cursor, 't') && !take(cursor, ' '))
        return false;
    if (!take_clock(cursor, loose, &clock, &leap) || !take_offset(cursor, loose, &offset) ||
        cursor->at != cursor->end)
        return false;
    int64_t ms = days * DAY_MS + clock - offset;
    int64_t into_day = ms % DAY_MS < 0 ? ms % DAY_MS + DAY_MS : ms % DAY_MS;
    if (leap && into_day >= 1000) /* leap seconds end a day of UTC, nowhere else */
        return false;
    if (ms < time_days(1, 1, 1) * DAY_MS || ms >= time_days(10000, 1, 1) * DAY_MS)
        return false;
    *ret_ms = ms;
    return true;
}

bool time_parse(const char *text, size_t size, bool allow_date, int64_t *ret_ms)
{
    struct cursor cursor = {text, text + size};
    int year, month, day;
    if (!take_date(&cursor, &year, &month, &day))
        return false;
    if (cursor.at != cursor.end || !allow_date)
        return parse_rest(&cursor, time_days(year, month, day), false, ret_ms);
    *ret_ms = clock_date_ms(year, month, day);
    return true;
}

bool time_parse_stated(const char *text, size_t size, int64_t *ret_ms)
{
    struct cursor cursor = {text, text + size};
    int year, month, day;
    if (!take_date(&cursor, &year, &month, &day))
        return false;
    if (cursor.at != cursor.end)
        return parse_rest(&cursor, time_days(year, month, day), true, ret_ms);
    *ret_ms = time_days(year, month, day) * DAY_MS;
    return true;
}

const char *time_format(int64_t ms, char text[TIME_TEXT_BYTES])
{
    bool borrow = ms % DAY_MS < 0;
    int64_t days = ms / DAY_MS - borrow;
    int into_day = (int)(ms % DAY_MS + (borrow ? DAY_MS : 0));
    int64_t year;
    int month, day;
    time_date(days, &year, &month, &day);
    int size = snprintf(text, TIME_TEXT_BYTES, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d", year, month, day,
        into_day / 3600000, into_day / 60000 % 60, into_day / 1000 % 60);
    if (into_day % 1000)
        size += snprintf(text + size, (size_t)(TIME_TEXT_BYTES - size), ".%03d", into_day % 1000);
    snprintf(text + size, (size_t)(TIME_TEXT_BYTES - size), "Z");
    return text;
}

static int64_t unit_ms(char unit)
{
    switch (unit) {
    case 's':
        return 1000;
    case 'm':
        return INT64_C(60) * 1000;
    case 'h':
        return INT64_C(3600) * 1000;
    case 'd':
        return DAY_MS;
    case 'w':
        return 7 * DAY_MS;
    default:
        return 0;
    }
}

bool duration_parse(const char *text, size_t size, int64_t *ret_ms)
{
    int64_t unit = size < 2 ? 0 : unit_ms(text[size - 1]);
    if (unit == 0)
        return false;
    int64_t number = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
        if (number > DURATION_MOST_MS / unit)
            return false;
    }
    *ret_ms = number * unit;
    return true;
}
