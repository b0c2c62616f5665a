/* SPDX-License-Identifier: Apache-2.0 */
/* By which time records are taken, where the suite's clock is real: the machine's, unless it jumps.
 *
 * A record's time never falls, so one that was taken by a clock that was wrong for a moment and far ahead would hold all that follow at its
 * time. What the clock says is therefore held against the time that has gone by since it was last believed (CLOCK_BOOTTIME, which nobody
 * sets): where both are further apart than CLOCK_JUMP_MS, records are taken by the latter, until the clock is right again or has gone on
 * from its jump for CLOCK_PROBATION_MS. A start believes it. */
#ifndef QY_AUDIT_CLOCK_H
#define QY_AUDIT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_JUMP_MS INT64_C(600000)
#define CLOCK_PROBATION_MS INT64_C(3600000)

/* Zeros are one that was never asked. One thread. */
struct audit_clock {
    bool begun;
    bool doubted;
    int64_t wall_ms, gone_ms;           /* when it was last believed: what it said, and by CLOCK_BOOTTIME */
    int64_t doubted_wall, doubted_gone; /* likewise, when it began to be doubted, or jumped again */
};
enum clock_change {
    CLOCK_AS_BEFORE,
    CLOCK_DOUBTED,  /* it has jumped */
    CLOCK_BELIEVED, /* it is right again, or is taken to be */
};
int64_t audit_clock_gone_ms(void);
/* The time to be taken for now; `wall_ms` is what the clock says, `gone_ms` audit_clock_gone_ms(). */
int64_t audit_clock_take(
    struct audit_clock *clock, int64_t wall_ms, int64_t gone_ms, enum clock_change *ret_change);

#endif
