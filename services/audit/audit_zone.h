/* SPDX-License-Identifier: Apache-2.0 */
/* A time zone, for the days and months that something is counted by: any number of them beside the process's own. */
#ifndef QY_AUDIT_ZONE_H
#define QY_AUDIT_ZONE_H

#include "common/buffer.h"

/* The process's own when all is 0. */
struct audit_zone {
    bool fixed;
    int32_t offset;           /* seconds east of UTC, where it is fixed */
    struct bytes transitions; /* else, where there are some: 8 bytes each, seconds since 1970, big-endian */
    const uint8_t *kinds;     /* by transition */
    const uint8_t *offsets;   /* by kind, 6 bytes each, as in a TZif file */
    uint8_t kind_count;
};

/* "UTC", "+08:00", or an IANA name ("Asia/Shanghai"); false when it is none that this machine knows. What is read is in the arena. */
bool audit_zone_find(const char *name, struct arena *arena, struct audit_zone *ret_zone);
/* What is to be added to `ms` to get the zone's own time. */
int64_t audit_zone_offset_ms(const struct audit_zone *zone, int64_t ms);

enum zone_unit { ZONE_HOUR, ZONE_DAY, ZONE_MONTH };
/* When the hour, day or month of `ms` begins, and the one after the one that begins at `start_ms`. */
int64_t audit_zone_floor(const struct audit_zone *zone, enum zone_unit unit, int64_t ms);
int64_t audit_zone_next(const struct audit_zone *zone, enum zone_unit unit, int64_t start_ms);
/* "2026-03-01T14", "2026-03-01", "2026-03". */
#define ZONE_LABEL_BYTES 24
const char *audit_zone_label(
    const struct audit_zone *zone, enum zone_unit unit, int64_t start_ms, char text[ZONE_LABEL_BYTES]);
/* The midnight that begins a date ("2026-03-01"); false when it is none. */
bool audit_zone_date(const struct audit_zone *zone, const char *text, int64_t *ret_ms);

#endif
