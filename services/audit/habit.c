/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/habit.h"

#include "common/error.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct habit_rule habit_standard[HABIT_RULES] = {
    {"habit", FEATURE_USES, false, true, 60, 8},
    {"peers", FEATURE_USES, true, true, 100, 10},
    {"breadth", FEATURE_PERSONS, false, true, 40, 8},
    {"off_hours", FEATURE_OFF_HOURS, false, true, 10, 6},
    {"refusals", FEATURE_REFUSALS, false, true, 10, 6},
    {"repeated", FEATURE_REPEATED, false, true, 12, 6},
};

/* -- a day -- */

/* How often a member of staff used one person, by both. */
struct pair {
    uint64_t key; /* 0: free */
    uint32_t count;
};

struct habit_day {
    struct habit *habits;
    size_t count, capacity;
    uint32_t *slots; /* place + 1, by the actor's hash */
    size_t slot_count;
    struct pair *pairs;
    size_t pair_count, pair_slots;
};

int habit_day_open(struct habit_day **ret_day)
{
    *ret_day = calloc(1, sizeof(**ret_day));
    return *ret_day ? 0 : -QY_ENOMEM;
}

void habit_day_close(struct habit_day **day)
{
    if (!*day)
        return;
    free((*day)->habits);
    free((*day)->slots);
    free((*day)->pairs);
    free(*day);
    *day = NULL;
}

void habit_day_end(struct habit_day *day)
{
    free(day->pairs);
    day->pairs = NULL;
    day->pair_count = day->pair_slots = 0;
}

size_t habit_day_count(const struct habit_day *day)
{
    return day->count;
}

const struct habit *habit_day_at(const struct habit_day *day, size_t place)
{
    return &day->habits[place];
}

static uint64_t hash_of(const void *data, size_t size)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES];
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, data, size, key);
    return get_be64(hash);
}

static uint64_t actor_hash(const char *actor)
{
    return hash_of(actor, strnlen(actor, HABIT_ID_BYTES - 1));
}

static void copy_id(char out[HABIT_ID_BYTES], const char *text)
{
    snprintf(out, HABIT_ID_BYTES, "%s", text);
}

/* Where the actor's place is kept, or would be. */
static uint32_t *slot_of(const struct habit_day *day, const char *actor)
{
    size_t slot = actor_hash(actor) & (day->slot_count - 1);
    while (
        day->slots[slot] && strncmp(day->habits[day->slots[slot] - 1].actor, actor, HABIT_ID_BYTES - 1) != 0)
        slot = (slot + 1) & (day->slot_count - 1);
    return &day->slots[slot];
}

static bool grow(struct habit_day *day)
{
    size_t capacity = day->capacity ? 2 * day->capacity : 64;
    struct habit *habits = realloc(day->habits, capacity * sizeof(*habits));
    day->habits = habits ? habits : day->habits;
    uint32_t *slots = habits ? calloc(2 * capacity, sizeof(*slots)) : NULL;
    if (!slots)
        return false;
    free(day->slots);
    day->slots = slots;
    day->slot_count = 2 * capacity;
    day->capacity = capacity;
    for (size_t i = 0; i < day->count; i++)
        *slot_of(day, day->habits[i].actor) = (uint32_t)i + 1;
    return true;
}

static struct habit *habit_of(struct habit_day *day, const struct habit_use *use)
{
    if (day->count == day->capacity && !grow(day))
        return NULL;
    uint32_t *slot = slot_of(day, use->actor);
    if (*slot)
        return &day->habits[*slot - 1];
    struct habit *habit = &day->habits[day->count++];
    *habit = (struct habit){.person = 0};
    copy_id(habit->actor, use->actor);
    copy_id(habit->role, use->role);
    copy_id(habit->unit, use->unit);
    *slot = (uint32_t)day->count;
    return habit;
}

static bool grow_pairs(struct habit_day *day)
{
    size_t slots = day->pair_slots ? 2 * day->pair_slots : 1024;
    struct pair *pairs = calloc(slots, sizeof(*pairs));
    if (!pairs)
        return false;
    for (size_t i = 0; i < day->pair_slots; i++) {
        size_t slot = day->pairs[i].key & (slots - 1);
        while (day->pairs[i].key && pairs[slot].key)
            slot = (slot + 1) & (slots - 1);
        if (day->pairs[i].key)
            pairs[slot] = day->pairs[i];
    }
    free(day->pairs);
    day->pairs = pairs;
    day->pair_slots = slots;
    return true;
}

static int count_person(struct habit_day *day, struct habit *habit, uint64_t person, bool bought)
{
    const uint64_t both[] = {(uint64_t)(habit - day->habits), person};
    uint64_t key = hash_of(both, sizeof(both)) | 1u;
    if (2 * day->pair_count >= day->pair_slots && !grow_pairs(day))
        return -QY_ENOMEM;
    size_t slot = key & (day->pair_slots - 1);
    while (day->pairs[slot].key && day->pairs[slot].key != key)
        slot = (slot + 1) & (day->pair_slots - 1);
    struct pair *pair = &day->pairs[slot];
    day->pair_count += !pair->key;
    habit->features[FEATURE_PERSONS] += !pair->key && !bought;
    pair->key = key;
    if (++pair->count > habit->features[FEATURE_REPEATED]) {
        habit->features[FEATURE_REPEATED] = pair->count;
        habit->person = person;
    }
    return 0;
}

int habit_day_add(struct habit_day *day, const struct habit_use *use)
{
    struct habit *habit = habit_of(day, use);
    if (!habit)
        return -QY_ENOMEM;
    habit->features[FEATURE_USES] += !use->further;
    habit->features[FEATURE_OFF_HOURS] += use->off_hours && !use->further;
    habit->features[FEATURE_REFUSALS] += use->refused && !use->further;
    return use->person ? count_person(day, habit, use->person, use->bought) : 0;
}

/* -- judging -- */

struct usual {
    double sum, squares;
    size_t days;
};

static void add_day(struct usual *usual, uint32_t value)
{
    usual->sum += value;
    usual->squares += (double)value * value;
    usual->days++;
}

static void add_own(
    const struct habit_day *day, const struct habit *habit, enum habit_feature feature, struct usual *usual)
{
    uint32_t slot = day->slot_count ? *slot_of(day, habit->actor) : 0;
    if (slot)
        add_day(usual, day->habits[slot - 1].features[feature]);
}

static void add_peers(
    const struct habit_day *day, const struct habit *habit, enum habit_feature feature, struct usual *usual)
{
    for (size_t i = 0; i < day->count; i++)
        if (strcmp(day->habits[i].role, habit->role) == 0 && strcmp(day->habits[i].actor, habit->actor) != 0)
            add_day(usual, day->habits[i].features[feature]);
}

static struct usual usual_of(struct habit_day *const *before, size_t count, const struct habit *habit,
    enum habit_feature feature, bool peers)
{
    struct usual usual = {0};
    for (size_t i = 0; i < count; i++)
        if (peers)
            add_peers(before[i], habit, feature, &usual);
        else
            add_own(before[i], habit, feature, &usual);
    return usual;
}

/* Where too little is known nothing is unusual. */
static bool is_unusual(struct habit_day *const *before, size_t count, const struct habit *habit,
    const struct habit_rule *rule, struct habit_finding *finding)
{
    uint32_t value = habit->features[rule->feature];
    if (!rule->on || value < rule->least)
        return false;
    struct usual usual = usual_of(before, count, habit, rule->feature, rule->peers);
    if (usual.days < HABIT_DAYS_LEAST && !rule->peers)
        usual = usual_of(before, count, habit, rule->feature, true);
    if (usual.days < HABIT_DAYS_LEAST)
        return false;
    double mean = usual.sum / (double)usual.days;
    double spread = sqrt(fmax(usual.squares / (double)usual.days - mean * mean, mean + 1));
    *finding = (struct habit_finding){habit, rule, mean, mean + rule->deviations * spread};
    return value > finding->bound;
}

int habit_judge(struct habit_day *const *before, size_t count, const struct habit_day *today,
    const struct habit_rule *rules, habit_fn *visit, void *context)
{
    int result = 0;
    for (size_t i = 0; i < today->count && !result; i++)
        for (size_t r = 0; r < HABIT_RULES && !result; r++) {
            struct habit_finding finding;
            if (is_unusual(before, count, &today->habits[i], &rules[r], &finding))
                result = visit(context, &finding);
        }
    return result;
}
