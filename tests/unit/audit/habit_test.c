/* SPDX-License-Identifier: Apache-2.0 */
/* A month of use by a brand's staff, with incidents in it that somebody planted: which of them are found, and what else is taken for
 * one. Another month at each run. */
#include "services/audit/habit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STAFF 240u
#define DAYS 31u
#define KNOWN 14u /* days before the first incident */
#define INCIDENTS 40u
#define CUSTOMERS 120u
#define BUYERS 100000u

static double chance(void)
{
    return (double)random() / ((double)RAND_MAX + 1);
}

static unsigned below(unsigned bound)
{
    return (unsigned)(chance() * bound);
}

static unsigned poisson(double mean)
{
    unsigned count = 0;
    for (double product = chance(), least = exp(-mean); product > least; product *= chance())
        count++;
    return count;
}

/* -- staff: each with a pace, customers and hours of one's own -- */

static struct member {
    char id[16];
    const char *role;
    double pace;      /* uses a day */
    double late;      /* part of them that is outside working hours */
    double refused;   /* part of them */
    double loyalty;   /* part of them that is about one of few */
    unsigned started; /* first day */
    bool weekends;
} staff[STAFF];

enum incident { SCRAPES, BROWSES, COMES_AT_NIGHT, TRIES_DOORS, STALKS, INCIDENT_COUNT };
static const char *const incident_names[] = {
    "many uses", "many people", "off hours", "refusals", "one person over and over"};
static struct {
    unsigned member, day;
    enum incident kind;
    bool found;
} planted[INCIDENTS];

static void hire(void)
{
    static const char *const roles[] = {"guide", "guide", "guide", "manager", "service"};
    for (unsigned i = 0; i < STAFF; i++) {
        struct member *m = &staff[i];
        snprintf(m->id, sizeof(m->id), "st_%u", i);
        m->role = roles[i % 5];
        m->pace = 4 + 40 * chance() * chance() + (strcmp(m->role, "service") == 0 ? 30 : 0);
        m->late = chance() < 0.2 ? 0.3 * chance() : 0.01; /* some work late as a rule */
        m->refused = 0.03 * chance();
        m->loyalty = 0.1 * chance();
        m->started = chance() < 0.1 ? below(DAYS) : 0;
        m->weekends = chance() < 0.5;
    }
}

static bool has_incident(unsigned member, unsigned day)
{
    for (unsigned i = 0; i < INCIDENTS; i++)
        if (planted[i].member == member && planted[i].day == day)
            return true;
    return false;
}

static void plant(void)
{
    memset(planted, 0xff, sizeof(planted));
    for (unsigned i = 0; i < INCIDENTS; i++) {
        unsigned member, day;
        do {
            member = below(STAFF);
            day = KNOWN + below(DAYS - KNOWN);
        } while (staff[member].started + 3 > day || has_incident(member, day));
        planted[i].member = member;
        planted[i].day = day;
        planted[i].kind = (enum incident)(i % INCIDENT_COUNT);
        planted[i].found = false;
    }
}

/* -- a day -- */

/* Half of those whom a guide looks at have bought something lately. */
static void use(struct habit_day *day, const struct member *m, uint64_t person, bool late, bool refused)
{
    const struct habit_use one = {.actor = m->id,
        .role = m->role,
        .unit = "u_1",
        .person = person,
        .bought = person % 2 && person < BUYERS,
        .off_hours = late,
        .refused = refused};
    assert_int_equal(habit_day_add(day, &one), 0);
}

static uint64_t customer_of(const struct member *m)
{
    uint64_t first = 1 + (uint64_t)(m - staff) * CUSTOMERS;
    return chance() < m->loyalty ? first + below(3) : first + below(CUSTOMERS);
}

static void misbehave(struct habit_day *day, const struct member *m, enum incident kind)
{
    unsigned size = 1 + below(3);
    uint64_t victim = 1000000 + below(1000);
    for (unsigned i = 0; kind == SCRAPES && i < (unsigned)(m->pace * 6) + 200 * size; i++)
        use(day, m, 1 + below(STAFF * CUSTOMERS), false, false);
    for (unsigned i = 0; kind == BROWSES && i < (unsigned)(m->pace * 4) + 100 * size; i++)
        use(day, m, 1 + below(STAFF * CUSTOMERS), false, false);
    for (unsigned i = 0; kind == COMES_AT_NIGHT && i < (unsigned)(m->pace * m->late * 4) + 25 * size; i++)
        use(day, m, customer_of(m), true, false);
    for (unsigned i = 0; kind == TRIES_DOORS && i < 25 * size; i++)
        use(day, m, 1 + below(STAFF * CUSTOMERS), false, true);
    for (unsigned i = 0; kind == STALKS && i < 20 * size; i++)
        use(day, m, victim, false, false);
}

/* A day on which everything is sold: many people, many purchases. That is no incident. */
static void sell(struct habit_day *day, const struct member *m)
{
    for (unsigned i = 0; i < 38; i++) {
        const struct habit_use one = {.actor = m->id,
            .role = m->role,
            .unit = "u_1",
            .person = 2000000 + below(100000),
            .bought = true};
        assert_int_equal(habit_day_add(day, &one), 0);
    }
}

static struct habit_day *live(unsigned day)
{
    struct habit_day *lived;
    double rush = day % 10 == 6 ? 1.8 : 1; /* a campaign: everybody does more */
    assert_int_equal(habit_day_open(&lived), 0);
    for (unsigned i = 0; i < STAFF; i++) {
        const struct member *m = &staff[i];
        bool there = day >= m->started && (day % 7 < 5 || m->weekends) && chance() < 0.92;
        unsigned uses = there ? poisson(m->pace * rush * (0.7 + 0.6 * chance())) : 0;
        for (unsigned n = 0; n < uses; n++)
            use(lived, m, customer_of(m), chance() < m->late, chance() < m->refused);
        if (uses > 0 && m->pace < 8 && chance() < 0.02)
            sell(lived, m);
    }
    for (unsigned i = 0; i < INCIDENTS; i++)
        if (planted[i].day == day)
            misbehave(lived, &staff[planted[i].member], planted[i].kind);
    habit_day_end(lived);
    return lived;
}

/* -- what is found -- */

struct tally {
    unsigned day, right, wrong;
    const struct habit *last; /* what is found of one person on one day is one thing to look at */
};

static int mark(void *context, const struct habit_finding *finding)
{
    struct tally *tally = context;
    bool right = false;
    assert_true(finding->habit->features[finding->rule->feature] > finding->bound);
    for (unsigned i = 0; i < INCIDENTS; i++)
        if (planted[i].day == tally->day && strcmp(staff[planted[i].member].id, finding->habit->actor) == 0)
            right = planted[i].found = true;
    tally->right += right && tally->last != finding->habit;
    tally->wrong += !right && tally->last != finding->habit;
    tally->last = finding->habit;
    return 0;
}

static void test_incidents_are_found_and_little_else(void **state)
{
    (void)state;
    struct tally tally = {0};
    unsigned planted_all = 0, found = 0, by_kind[INCIDENT_COUNT] = {0}, of_kind[INCIDENT_COUNT] = {0};
    for (unsigned month = 0; month < 3; month++) {
        struct habit_day *days[DAYS];
        hire();
        plant();
        for (unsigned day = 0; day < DAYS; day++) {
            days[day] = live(day);
            tally.day = day;
            if (day >= KNOWN)
                assert_int_equal(habit_judge(days, day, days[day], habit_standard, mark, &tally), 0);
        }
        for (unsigned day = 0; day < DAYS; day++)
            habit_day_close(&days[day]);
        for (unsigned i = 0; i < INCIDENTS; i++) {
            planted_all++;
            found += planted[i].found;
            of_kind[planted[i].kind]++;
            by_kind[planted[i].kind] += planted[i].found;
        }
    }
    double precision = (double)tally.right / (double)(tally.right + tally.wrong),
           recall = (double)found / planted_all;
    print_message(
        "three months of %u people: precision %.3f (%u people's days, %u for nothing), recall %.3f (%u of "
        "%u incidents)\n",
        STAFF, precision, tally.right + tally.wrong, tally.wrong, recall, found, planted_all);
    for (unsigned kind = 0; kind < INCIDENT_COUNT; kind++)
        print_message("  %s: %u of %u\n", incident_names[kind], by_kind[kind], of_kind[kind]);
    assert_true(precision >= 0.9);
    assert_true(recall >= 0.9);
}

static void test_a_rule_that_is_off_finds_nothing_and_too_few_days_are_no_habit(void **state)
{
    (void)state;
    struct habit_rule rules[HABIT_RULES];
    struct habit_day *days[HABIT_DAYS_LEAST + 1];
    struct tally tally = {.day = DAYS};
    memcpy(rules, habit_standard, sizeof(rules));
    snprintf(staff[0].id, sizeof(staff[0].id), "st_0");
    staff[0].role = "guide";
    for (unsigned day = 0; day <= HABIT_DAYS_LEAST; day++) {
        assert_int_equal(habit_day_open(&days[day]), 0);
        for (unsigned n = 0; n < (day == HABIT_DAYS_LEAST ? 500 : 10); n++)
            use(days[day], &staff[0], 1 + n, false, false);
    }
    const struct habit *habit = habit_day_at(days[HABIT_DAYS_LEAST], 0);
    assert_int_equal(habit_day_count(days[HABIT_DAYS_LEAST]), 1);
    assert_int_equal(habit->features[FEATURE_USES], 500);
    assert_int_equal(habit->features[FEATURE_PERSONS], 250);
    assert_int_equal(habit->features[FEATURE_REPEATED], 1);
    assert_int_equal(habit_judge(days, HABIT_DAYS_LEAST, days[HABIT_DAYS_LEAST], rules, mark, &tally), 0);
    assert_int_equal(tally.wrong, 1); /* by habit and breadth */
    assert_int_equal(habit_judge(days, HABIT_DAYS_LEAST - 1, days[HABIT_DAYS_LEAST], rules, mark, &tally), 0);
    assert_int_equal(tally.wrong, 1);
    rules[0].on = rules[2].on = false;
    assert_int_equal(habit_judge(days, HABIT_DAYS_LEAST, days[HABIT_DAYS_LEAST], rules, mark, &tally), 0);
    assert_int_equal(tally.wrong, 1);
    for (unsigned day = 0; day <= HABIT_DAYS_LEAST; day++)
        habit_day_close(&days[day]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_incidents_are_found_and_little_else),
        cmocka_unit_test(test_a_rule_that_is_off_finds_nothing_and_too_few_days_are_no_habit),
    };
    const char *given = getenv("QUANYU_SEED");
    unsigned seed =
        given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL) ^ (unsigned)getpid() << 8;
    print_message("QUANYU_SEED=%u\n", seed);
    srandom(seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
