/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_clock.h"

#include <time.h>

int64_t audit_clock_gone_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_apart(int64_t one, int64_t other)
{
    return one - other > CLOCK_JUMP_MS || other - one > CLOCK_JUMP_MS;
}

static int64_t believe(struct audit_clock *clock, int64_t wall_ms, int64_t gone_ms)
{
    clock->begun = true;
    clock->doubted = false;
    clock->wall_ms = wall_ms;
    clock->gone_ms = gone_ms;
    return wall_ms;
}

int64_t audit_clock_take(
    struct audit_clock *clock, int64_t wall_ms, int64_t gone_ms, enum clock_change *ret_change)
{
    int64_t expected = clock->wall_ms + (gone_ms - clock->gone_ms);
    bool was_doubted = clock->doubted;
    *ret_change = CLOCK_AS_BEFORE;
    if (!clock->begun || !is_apart(wall_ms, expected)) {
        *ret_change = was_doubted ? CLOCK_BELIEVED : CLOCK_AS_BEFORE;
        return believe(clock, wall_ms, gone_ms);
    }
    bool jumps = !was_doubted || is_apart(wall_ms, clock->doubted_wall + (gone_ms - clock->doubted_gone));
    if (jumps) {
        clock->doubted = true;
        clock->doubted_wall = wall_ms;
        clock->doubted_gone = gone_ms;
        *ret_change = was_doubted ? CLOCK_AS_BEFORE : CLOCK_DOUBTED;
    } else if (gone_ms - clock->doubted_gone >= CLOCK_PROBATION_MS) {
        *ret_change = CLOCK_BELIEVED;
        return believe(clock, wall_ms, gone_ms);
    }
    return expected;
}
