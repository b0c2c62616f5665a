/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/admission.h"

#include <stdlib.h>

#define DAY_MS INT64_C(86400000)

static uint16_t sum(uint16_t one, uint16_t other)
{
    unsigned total = (unsigned)one + other;
    return total < UINT16_MAX ? (uint16_t)total : UINT16_MAX;
}

void group_add(struct group *group, unsigned kind, bool verified)
{
    group->total++;
    group->counts[kind] = sum(group->counts[kind], 1);
    group->verified[kind] = sum(group->verified[kind], verified);
}

void group_merge(struct group *group, const struct group *other)
{
    group->total += other->total;
    for (unsigned kind = 0; kind <= KINDS_MAX; kind++) {
        group->counts[kind] = sum(group->counts[kind], other->counts[kind]);
        group->verified[kind] = sum(group->verified[kind], other->verified[kind]);
    }
}

bool group_repeats_verified(const struct group *group)
{
    for (unsigned kind = 0; kind <= KINDS_MAX; kind++)
        if (group->verified[kind] > 1)
            return true;
    return false;
}

const char *refusal_name(enum refusal refusal)
{
    static const char *const names[REFUSED_COUNT] = {
        [REFUSED_NOT] = "admitted",
        [REFUSED_LIMIT] = "limit",
        [REFUSED_WINDOW] = "limit_within",
        [REFUSED_CLAIMED] = "claimed",
        [REFUSED_APART] = "apart",
        [REFUSED_SIZE] = "size",
    };
    return names[refusal];
}

static struct verdict refuse(enum refusal refusal, unsigned kind)
{
    return (struct verdict){.refusal = refusal, .kind = (uint8_t)kind};
}

/* A union is to blame for too many of a kind only where both bring some. */
static bool exceeds(const struct kind_rule *rule, unsigned one, unsigned other)
{
    return rule->limits[LIMIT_EVER] && one && other && one + other > rule->limits[LIMIT_EVER];
}

struct verdict admission_check(const struct identity_rules *rules, const struct group *one,
    const struct group *other, enum rank rank, unsigned alias_kind)
{
    if (rank == RANK_SAME)
        return refuse(REFUSED_NOT, 0);
    if (rules->identifiers_max && one->total + other->total > rules->identifiers_max)
        return refuse(REFUSED_SIZE, 0);
    if (rank == RANK_HAND)
        return refuse(REFUSED_NOT, 0);
    for (unsigned kind = 1; kind <= KINDS_MAX; kind++)
        if (kind != alias_kind && exceeds(&rules->kinds[kind], one->counts[kind], other->counts[kind]))
            return refuse(REFUSED_LIMIT, kind);
    for (unsigned kind = 1; rank == RANK_CLAIMED && kind <= KINDS_MAX; kind++)
        if (one->verified[kind] && other->verified[kind])
            return refuse(REFUSED_CLAIMED, kind);
    return refuse(REFUSED_NOT, 0);
}

static int compare_times(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

bool admission_fits_windows(const struct kind_rule *rule, int64_t *times, size_t count)
{
    qsort(times, count, sizeof(*times), compare_times);
    for (unsigned span = LIMIT_MONTH; span < LIMIT_COUNT; span++) {
        size_t limit = rule->limits[span];
        for (size_t i = limit; limit && i < count; i++)
            if (times[i] - times[i - limit] < (int64_t)limit_days[span] * DAY_MS)
                return false;
    }
    return true;
}
