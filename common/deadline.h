/* SPDX-License-Identifier: Apache-2.0 */
/* Milliseconds on the monotonic clock, for waits and deadlines. No fold reads it. */
#ifndef QY_COMMON_DEADLINE_H
#define QY_COMMON_DEADLINE_H

#include <stdint.h>
#include <time.h>

#define DEADLINE_NEVER INT64_MAX

static inline int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What poll() takes: the time left, 0 when it is over, -1 for DEADLINE_NEVER. */
static inline int deadline_left(int64_t deadline_ms)
{
    if (deadline_ms == DEADLINE_NEVER)
        return -1;
    int64_t left = deadline_ms - monotonic_ms();
    return left <= 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

#endif
