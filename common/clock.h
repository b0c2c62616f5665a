/* SPDX-License-Identifier: Apache-2.0 */
/* Times, durations and money as text, and timers as rows.
 *
 * Times are int64 milliseconds since 1970-01-01T00:00:00Z. Money is int64 minor units (cents, fen), exact. */
#ifndef QY_COMMON_CLOCK_H
#define QY_COMMON_CLOCK_H

#include "common/store.h"

#define TIME_NEVER INT64_MAX
#define DAY_MS INT64_C(86400000)

int64_t clock_wall_ms(void);

/* RFC 3339 with any offset, seconds' fraction cut to milliseconds; or (with `allow_date`) a date alone: its midnight in the
 * process's time zone (TZ; clock_set_zone()). The year is 0001 to 9999. False when it is not such a time. */
bool time_parse(const char *text, size_t size, bool allow_date, int64_t *ret_ms);
/* "2026-03-01T08:30:00.250Z", milliseconds left out when 0. */
#define TIME_TEXT_BYTES 32
const char *time_format(int64_t ms, char text[TIME_TEXT_BYTES]);

/* The process's time zone, an IANA name. -QY_EINVAL when the system does not know it. Call it before threads start. */
int clock_set_zone(const char *name);
/* Midnight, in the process's zone, that begins the day of `ms`; and the next one after it. */
int64_t clock_midnight(int64_t ms);
int64_t clock_next_midnight(int64_t ms);
/* Local broken-down time to ms; a time that does not exist (spring) moves forward, one that exists twice is the first. */
int64_t clock_local_ms(int year, int month, int day, int hour, int minute, int second);

/* "90s" "15m" "36h" "30d" "6w": digits and one unit, at most 100 years. */
bool duration_parse(const char *text, size_t size, int64_t *ret_ms);

/* Decimal digits to units of 10^-`scale`: "99.90", "-3", "1e2" is refused, more digits than `scale` are refused unless they are
 * zeros, or rounded half away from zero with `round`. False on anything else or on overflow. */
bool decimal_parse(const char *text, size_t size, unsigned scale, bool round, int64_t *ret_units);
/* As decimal_parse, for a raw JSON number: exponents are taken too. */
bool decimal_parse_json(const char *text, size_t size, unsigned scale, bool round, int64_t *ret_units);
/* "-12.30" for -1230 at scale 2. */
#define DECIMAL_TEXT_BYTES 32
const char *decimal_format(int64_t units, unsigned scale, char text[DECIMAL_TEXT_BYTES]);
/* a / b, half away from zero; b > 0. */
int64_t divide_half_away(int64_t a, int64_t b);

/* Timers: rows (due, payload) in a table of the service's store. Setting the same due and payload twice is one timer. */
struct timers {
    unsigned table;
    int64_t next_due_ms; /* cached; TIME_NEVER when none */
};
void timers_open(struct timers *timers, struct store_txn *txn, unsigned table);
void timers_set(struct timers *timers, struct store_txn *txn, int64_t due_ms, const void *payload, size_t size);
void timers_unset(struct timers *timers, struct store_txn *txn, int64_t due_ms, const void *payload, size_t size);
/* Takes the earliest timer that is due at `until_ms`; false when there is none. The payload is copied. */
bool timers_pop(struct timers *timers, struct store_txn *txn, int64_t until_ms, int64_t *ret_due_ms, uint8_t payload[256],
    size_t *ret_size);

#endif
