/* SPDX-License-Identifier: Apache-2.0 */
/* What is usual for a member of staff, and what is not: days of use, told by a few numbers each, and rules that hold a day against the
 * days before it, the person's own or those of all with the same role. Knows nothing of the log. */
#ifndef QY_AUDIT_HABIT_H
#define QY_AUDIT_HABIT_H

#include "common/buffer.h"

#define HABIT_ID_BYTES 64

enum habit_feature {
    FEATURE_USES,      /* of people's data */
    FEATURE_PERSONS,   /* different people who have not bought anything lately */
    FEATURE_OFF_HOURS, /* uses outside working hours */
    FEATURE_REFUSALS,
    FEATURE_REPEATED, /* uses of the one person who was used most */
    FEATURE_COUNT
};

/* One record, as far as habits go. */
struct habit_use {
    const char *actor;
    const char *role;
    const char *unit;
    uint64_t person; /* any number that is the person's own; 0: nobody in particular */
    bool bought;     /* something, lately: looking at buyers is what goes with a good day's sales */
    bool off_hours;
    bool refused;
    bool further; /* another person of the same record */
};

/* A member of staff on one day. */
struct habit {
    char actor[HABIT_ID_BYTES], role[HABIT_ID_BYTES], unit[HABIT_ID_BYTES];
    uint32_t features[FEATURE_COUNT];
    uint64_t person; /* the one who was used most */
};

struct habit_day;
int habit_day_open(struct habit_day **ret_day);
void habit_day_close(struct habit_day **day); /* for _cleanup_ */
/* -QY_ENOMEM. Ids that are too long are cut. */
int habit_day_add(struct habit_day *day, const struct habit_use *use);
/* Forgets single people and keeps the numbers; nothing can be added any more. */
void habit_day_end(struct habit_day *day);
size_t habit_day_count(const struct habit_day *day);
const struct habit *habit_day_at(const struct habit_day *day, size_t place);

/* A day is unusual where the feature is `least` at least, and more than the mean of the days before and `deviations` times their
 * standard deviation, which counts as the square root of the mean and one at least. */
struct habit_rule {
    const char *name;
    enum habit_feature feature;
    bool peers; /* against days of all others with the role; else against own ones */
    bool on;
    uint32_t least;
    double deviations;
};
#define HABIT_RULES 6u
extern const struct habit_rule habit_standard[HABIT_RULES];
#define HABIT_DAYS_LEAST                                                                                     \
    5u /* days that must be known; with fewer own ones those of others with the role are taken */

struct habit_finding {
    const struct habit *habit;
    const struct habit_rule *rule;
    double usual; /* mean */
    double bound; /* what it would have had to stay below */
};
/* Calls back for each unusual thing on `today`, against the `count` days before it. Stops where `visit` does not return 0, and returns
 * that. */
typedef int habit_fn(void *context, const struct habit_finding *finding);
int habit_judge(struct habit_day *const *before, size_t count, const struct habit_day *today,
    const struct habit_rule *rules, habit_fn *visit, void *context);

#endif
