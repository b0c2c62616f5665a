/* SPDX-License-Identifier: Apache-2.0 */
/* Times, durations and money as text, and timers as rows.
 *
 * Times are int64 milliseconds since 1970-01-01T00:00:00Z. Money is int64 minor units (cents, fen), exact. */
#ifndef QY_COMMON_CLOCK_H
#define QY_COMMON_CLOCK_H

#include "common/decimal.h"
#include "common/store.h"

#define TIME_NEVER INT64_MAX
/* The years 1 to 9999: what else a clock may say is no time. */
#define TIME_LEAST_MS INT64_C(-62135596800000)
#define TIME_MOST_MS INT64_C(253402300799999)
#define DAY_MS INT64_C(86400000)

int64_t clock_wall_ms(void);

/* 2000-01-01: a device that says an earlier time of something that happens now has lost its time. */
#define CLOCK_EPOCH_MS INT64_C(946684800000)
/* When an event counts as having happened: as stated, but not later than it arrived; and at its arrival where its
 * clock cannot have been right (`lost`: it was flagged, see CLOCK_PAST). */
int64_t clock_event_ms(int64_t stated_ms, int64_t received_ms, bool lost);

/* RFC 3339 with any offset, seconds' fraction cut to milliseconds; or (with `allow_date`) a date alone: its
 * midnight in the process's time zone (TZ; clock_set_zone()). The year is 0001 to 9999. False when it is not
 * such a time. */
bool time_parse(const char *text, size_t size, bool allow_date, int64_t *ret_ms);
/* As senders of events state a time, wherever they are: as above, where the offset may lack its colon (+0800) and the seconds may be
 * left out; or a date alone: its midnight in UTC. */
bool time_parse_stated(const char *text, size_t size, int64_t *ret_ms);
/* "2026-03-01T08:30:00.250Z", milliseconds left out when 0. */
#define TIME_TEXT_BYTES 32
const char *time_format(int64_t ms, char text[TIME_TEXT_BYTES]);

/* The process's time zone, an IANA name. -QY_EINVAL when the system does not know it. Call it before threads
 * start. */
int clock_set_zone(const char *name);
/* Midnight, in the process's zone, that begins the day of `ms`; and the next one after it. Where clocks jump
 * over midnight, it is the instant of the jump. */
int64_t clock_midnight(int64_t ms);
int64_t clock_next_midnight(int64_t ms);
int64_t clock_date_ms(int year, int month, int day); /* midnight that begins this date */
/* Local broken-down time to ms; a time that does not exist (spring) moves forward, one that exists twice is
 * the first. */
int64_t clock_local_ms(int year, int month, int day, int hour, int minute, int second);

/* Days from 1970-01-01 to a date of the Gregorian calendar, and back. */
int64_t time_days(int year, int month, int day);
void time_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

/* "90s" "15m" "36h" "30d" "6w": digits and one unit, at most 100 years. */
bool duration_parse(const char *text, size_t size, int64_t *ret_ms);

/* Timers: rows (due, payload) in a table of the service's store. Setting the same due and payload twice is
 * one timer. A payload has at most 256 bytes. After an aborted transaction next_due_ms may lie: open them
 * again. */
struct timers {
    unsigned table;
    int64_t next_due_ms; /* cached; TIME_NEVER when none */
};
void timers_open(struct timers *timers, struct store_txn *txn, unsigned table);
void timers_set(
    struct timers *timers, struct store_txn *txn, int64_t due_ms, const void *payload, size_t size);
void timers_unset(
    struct timers *timers, struct store_txn *txn, int64_t due_ms, const void *payload, size_t size);
/* Takes the earliest timer that is due at `until_ms`; false when there is none. The payload is copied. */
bool timers_pop(struct timers *timers, struct store_txn *txn, int64_t until_ms, int64_t *ret_due_ms,
    uint8_t payload[256], size_t *ret_size);

#endif
