/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_zone.h"

#include "common/ascii.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR_MS INT64_C(3600000)
#define ZONE_DIRECTORY "/usr/share/zoneinfo/"
#define FILE_BYTES_MAX 65536u
#define HEAD_BYTES 44u
#define NAME_BYTES_MAX 64u

/* -- which zone -- */

static bool parse_offset(const char *text, int32_t *ret_offset)
{
    static const char shape[] = "+00:00";
    if (strlen(text) != sizeof(shape) - 1 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    for (size_t i = 1; i < sizeof(shape) - 1; i++)
        if (i != 3 && !ascii_is_digit(text[i]))
            return false;
    int hours = (text[1] - '0') * 10 + text[2] - '0', minutes = (text[4] - '0') * 10 + text[5] - '0';
    *ret_offset = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return hours <= 15 && minutes <= 59;
}

/* Names go into a path: nothing but what is in IANA's. */
static bool is_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > NAME_BYTES_MAX || name[0] == '/' || strstr(name, ".."))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!ascii_is_digit(name[i]) && !ascii_is_letter(name[i]) && !strchr("/_+-", name[i]))
            return false;
    return true;
}

static size_t read_file(const char *name, uint8_t *room)
{
    char path[sizeof(ZONE_DIRECTORY) + NAME_BYTES_MAX];
    snprintf(path, sizeof(path), ZONE_DIRECTORY "%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t size = fread(room, 1, FILE_BYTES_MAX, file);
    fclose(file);
    return size;
}

/* RFC 8536: a head with six counts, then data, with times of 4 bytes; from version 2 on, the same once more with times of 8. */
struct counts {
    uint64_t utc, standard, leap, time, type, character;
};

static bool read_head(struct bytes file, struct counts *ret_counts)
{
    const uint8_t *data = file.data;
    if (file.size < HEAD_BYTES || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return false;
    *ret_counts = (struct counts){get_be32(data + 20), get_be32(data + 24), get_be32(data + 28),
        get_be32(data + 32), get_be32(data + 36), get_be32(data + 40)};
    return true;
}

static uint64_t data_bytes(const struct counts *counts, uint64_t time_bytes)
{
    return counts->time * (time_bytes + 1) + counts->type * 6 + counts->character +
           counts->leap * (time_bytes + 4) + counts->standard + counts->utc;
}

static bool read_zone(struct bytes file, struct audit_zone *zone)
{
    struct counts counts;
    if (!read_head(file, &counts) || HEAD_BYTES + data_bytes(&counts, 4) > file.size)
        return false;
    uint64_t skipped = HEAD_BYTES + data_bytes(&counts, 4);
    struct bytes second = {file.data + skipped, file.size - skipped};
    if (!read_head(second, &counts) || HEAD_BYTES + data_bytes(&counts, 8) > second.size ||
        counts.type == 0 || counts.type > UINT8_MAX)
        return false;
    zone->transitions = (struct bytes){second.data + HEAD_BYTES, 8 * counts.time};
    zone->kinds = zone->transitions.data + zone->transitions.size;
    zone->offsets = zone->kinds + counts.time;
    zone->kind_count = (uint8_t)counts.type;
    for (uint64_t i = 0; i < counts.time; i++)
        if (zone->kinds[i] >= counts.type)
            return false;
    return true;
}

bool audit_zone_find(const char *name, struct arena *arena, struct audit_zone *ret_zone)
{
    struct audit_zone zone = {.fixed = true};
    if (strcmp(name, "UTC") != 0 && !parse_offset(name, &zone.offset)) {
        uint8_t *room = is_name(name) ? arena_alloc(arena, FILE_BYTES_MAX) : NULL;
        size_t size = room ? read_file(name, room) : 0;
        zone = (struct audit_zone){.fixed = false};
        if (!size || !read_zone((struct bytes){room, size}, &zone))
            return false;
    }
    *ret_zone = zone;
    return true;
}

/* -- its time -- */

static int32_t offset_of_kind(const struct audit_zone *zone, unsigned kind)
{
    return (int32_t)get_be32(zone->offsets + 6 * (size_t)kind);
}

/* Before the first transition the first kind holds. */
static int32_t offset_at(const struct audit_zone *zone, int64_t seconds)
{
    size_t low = 0, high = zone->transitions.size / 8;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((int64_t)get_be64(zone->transitions.data + 8 * middle) <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return offset_of_kind(zone, low ? zone->kinds[low - 1] : 0);
}

static int64_t seconds_of(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

int64_t audit_zone_offset_ms(const struct audit_zone *zone, int64_t ms)
{
    struct tm local;
    time_t seconds = seconds_of(ms);
    if (zone->fixed)
        return zone->offset * INT64_C(1000);
    if (zone->kind_count)
        return offset_at(zone, seconds) * INT64_C(1000);
    return localtime_r(&seconds, &local) ? local.tm_gmtoff * INT64_C(1000) : 0;
}

/* -- hours, days, months -- */

static int64_t floor_to(int64_t ms, int64_t unit)
{
    int64_t rest = ms % unit;
    return ms - (rest < 0 ? rest + unit : rest);
}

/* The instant at which the zone's clock shows this; where it skips it, the instant of the jump or soon after. */
static int64_t instant(const struct audit_zone *zone, int64_t local_ms)
{
    int64_t guess = local_ms - audit_zone_offset_ms(zone, local_ms);
    return local_ms - audit_zone_offset_ms(zone, guess);
}

static int64_t month_start(int64_t local_ms, int months_later)
{
    int64_t year;
    int month, day;
    time_date(floor_to(local_ms, DAY_MS) / DAY_MS, &year, &month, &day);
    month += months_later;
    return time_days((int)year + (month > 12), month > 12 ? month - 12 : month, 1) * DAY_MS;
}

int64_t audit_zone_floor(const struct audit_zone *zone, enum zone_unit unit, int64_t ms)
{
    int64_t offset = audit_zone_offset_ms(zone, ms), local = ms + offset;
    if (unit == ZONE_HOUR)
        return floor_to(local, HOUR_MS) - offset;
    int64_t start = instant(zone, unit == ZONE_DAY ? floor_to(local, DAY_MS) : month_start(local, 0));
    return start <= ms ? start : ms;
}

int64_t audit_zone_next(const struct audit_zone *zone, enum zone_unit unit, int64_t start_ms)
{
    int64_t local = start_ms + audit_zone_offset_ms(zone, start_ms);
    if (unit == ZONE_HOUR)
        return start_ms + HOUR_MS;
    int64_t next = instant(zone, unit == ZONE_DAY ? floor_to(local, DAY_MS) + DAY_MS : month_start(local, 1));
    return next > start_ms ? next : start_ms + HOUR_MS;
}

const char *audit_zone_label(
    const struct audit_zone *zone, enum zone_unit unit, int64_t start_ms, char text[ZONE_LABEL_BYTES])
{
    static const size_t sizes[] = {[ZONE_HOUR] = 13, [ZONE_DAY] = 10, [ZONE_MONTH] = 7};
    char local[TIME_TEXT_BYTES];
    time_format(start_ms + audit_zone_offset_ms(zone, start_ms), local);
    snprintf(text, ZONE_LABEL_BYTES, "%.*s", (int)sizes[unit], local);
    return text;
}

bool audit_zone_date(const struct audit_zone *zone, const char *text, int64_t *ret_ms)
{
    char whole[32];
    int64_t utc;
    if (strlen(text) != 10)
        return false;
    snprintf(whole, sizeof(whole), "%sT00:00:00Z", text);
    if (!time_parse(whole, strlen(whole), false, &utc))
        return false;
    *ret_ms = instant(zone, utc);
    return true;
}
