/* SPDX-License-Identifier: Apache-2.0 */
/* A log of random records, and what is known of each: the oracle of those who look for records. */
#ifndef QY_TEST_AUDIT_LOGBOOK_H
#define QY_TEST_AUDIT_LOGBOOK_H

#include "tests/unit/audit/runtime.h"

#include "services/audit/audit_search.h"

#define LOG_RECORDS (2 * SEGMENT_RECORDS + 9000u) /* two full segments and one that fills */

enum trait { ACTOR, ROLE, UNIT, ADDRESS, ACTION, PURPOSE, OUTCOME, JOURNEY, TRAIT_COUNT };
static const char *const trait_names[TRAIT_COUNT] = {
    "actor", "role", "unit", "address", "operation", "purpose", "outcome", "journey"};
static const unsigned trait_values[TRAIT_COUNT] = {20, 4, 9, 30, 6, 300, 3, 5};
static const char *const field_texts[] = {"traits", "tags", "metrics", "identifiers"};
#define LOG_PERSONS 700u

struct known {
    uint16_t traits[TRAIT_COUNT]; /* 0: none */
    uint8_t fields;               /* bit by field */
    bool unmasked;
    uint16_t person;  /* 0: none */
    bool one_id_only; /* a list: the One ID without its number */
    int64_t time_ms;
};

static struct known known[LOG_RECORDS];
static struct runtime *filled;

/* One in 50 purposes is longer than a term may be. */
static inline const char *trait_text(enum trait trait, unsigned value, char text[600])
{
    if (value == 0)
        return "";
    int size = snprintf(text, 600, "%s.%u", trait_names[trait], value);
    if (trait == PURPOSE && value % 50 == 0) {
        memset(text + size, 'x', 500);
        text[size + 500] = '\0';
    }
    return text;
}

static inline void log_one(unsigned i)
{
    static char texts[TRAIT_COUNT][600];
    const char *text[TRAIT_COUNT];
    char *fields[COUNT_OF(field_texts)], one_id[16], *persons[] = {one_id};
    const struct known *k = &known[i];
    uint32_t number = k->person;
    uint64_t index;
    for (unsigned t = 0; t < TRAIT_COUNT; t++)
        text[t] = trait_text(t, k->traits[t], texts[t]);
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.kind = QUANYU__ACTOR__KIND__STAFF;
    actor.id = (char *)text[ACTOR];
    actor.role = (char *)text[ROLE];
    actor.address = (char *)text[ADDRESS];
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.actor = &actor;
    record.unit = (char *)text[UNIT];
    record.action = (char *)text[ACTION];
    record.purpose = (char *)text[PURPOSE];
    record.outcome = (char *)text[OUTCOME];
    record.journey = (char *)text[JOURNEY];
    record.unmasked = k->unmasked;
    record.fields = fields;
    for (unsigned f = 0; f < COUNT_OF(field_texts); f++)
        if (k->fields >> f & 1)
            fields[record.n_fields++] = (char *)field_texts[f];
    snprintf(one_id, sizeof(one_id), "p_%u", k->person);
    record.persons = persons;
    record.n_persons = k->person > 0;
    record.numbers = &number;
    record.n_numbers = k->person > 0 && !k->one_id_only;
    assert_int_equal(audit_take(&filled->audit, &filled->batch, &record, &index), 0);
    assert_int_equal(index, i);
}

static inline void know(struct known *k)
{
    for (unsigned t = 0; t < TRAIT_COUNT; t++) {
        unsigned most = 1 + (unsigned)random() % trait_values[t]; /* low ones are frequent */
        bool some = t == ACTOR || t == ACTION || random() % 4;
        k->traits[t] = (uint16_t)(some ? 1 + (unsigned)random() % most : 0);
    }
    k->fields = (uint8_t)(random() % 16);
    k->unmasked = random() % 9 == 0;
    k->person = (uint16_t)(random() % 5 ? 1 + (unsigned)random() % LOG_PERSONS : 0);
    k->one_id_only = random() % 4 == 0;
    k->time_ms = filled->now_ms;
}

static inline int log_fill(void **state)
{
    (void)state;
    filled = runtime_open("simulated");
    runtime_begin(filled);
    for (unsigned i = 0; i < LOG_RECORDS; i++) {
        if (random() % 3000 == 0) {
            runtime_commit(filled);
            runtime_begin(filled);
        }
        if (random() % 4 == 0)
            filled->batch.now_ms = filled->now_ms += random() % 90000;
        know(&known[i]);
        log_one(i);
    }
    runtime_commit(filled);
    return 0;
}

static inline int log_empty(void **state)
{
    (void)state;
    runtime_close(filled);
    return 0;
}

/* -- what is asked, and what a look at every record says -- */

struct question {
    unsigned values[TRAIT_COUNT][3]; /* any of them, those that are not 0; none: any at all */
    unsigned value_count[TRAIT_COUNT];
    unsigned prefix[TRAIT_COUNT]; /* all whose digits begin so; 0: none */
    unsigned fields[2], field_count;
    unsigned persons[2], person_count;
    int unmasked; /* -1: any */
    int64_t from_ms, to_ms;
};

static inline struct question random_question(void)
{
    struct question q = {.unmasked = random() % 6 ? -1 : (int)(random() % 2)};
    for (unsigned t = 0; t < TRAIT_COUNT; t++) {
        if (random() % 4)
            continue;
        q.value_count[t] = 1 + (unsigned)random() % 3;
        for (unsigned i = 0; i < q.value_count[t]; i++)
            q.values[t][i] = 1 + (unsigned)random() % (trait_values[t] + 2);
        q.prefix[t] = random() % 4 ? 0 : 1 + (unsigned)random() % 9;
    }
    q.field_count = random() % 4 ? 0 : 1 + (unsigned)random() % 2;
    for (unsigned i = 0; i < q.field_count; i++)
        q.fields[i] = (unsigned)random() % COUNT_OF(field_texts);
    q.person_count = random() % 3 ? 0 : 1 + (unsigned)random() % 2;
    for (unsigned i = 0; i < q.person_count; i++)
        q.persons[i] = 1 + (unsigned)random() % (LOG_PERSONS + 3);
    if (random() % 2)
        q.from_ms = known[random() % LOG_RECORDS].time_ms + random() % 2;
    if (random() % 2)
        q.to_ms = known[random() % LOG_RECORDS].time_ms + random() % 2;
    return q;
}

static inline bool any_of(const unsigned *values, size_t count, unsigned value)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == value)
            return true;
    return count == 0;
}

static inline bool begins_so(unsigned value, unsigned prefix)
{
    while (value > prefix)
        value /= 10;
    return prefix && value == prefix;
}

static inline bool trait_fits(const struct question *q, const struct known *k, unsigned t)
{
    if (q->value_count[t] == 0)
        return true;
    return k->traits[t] &&
           (any_of(q->values[t], q->value_count[t], k->traits[t]) || begins_so(k->traits[t], q->prefix[t]));
}

static inline bool known_fits(const struct question *q, const struct known *k)
{
    bool fits = q->field_count == 0;
    for (unsigned t = 0; t < TRAIT_COUNT; t++)
        if (!trait_fits(q, k, t))
            return false;
    for (unsigned i = 0; i < q->field_count; i++)
        fits |= k->fields >> q->fields[i] & 1;
    return fits && any_of(q->persons, q->person_count, k->person) &&
           (q->unmasked < 0 || q->unmasked == k->unmasked) && k->time_ms >= q->from_ms &&
           (!q->to_ms || k->time_ms < q->to_ms);
}

static inline void give(struct audit_filter *filter, const char *name, const char *value)
{
    const char *problem = audit_filter_add(filter, filled->arena, audit_filter_name(name), value);
    if (problem)
        fail_msg("%s %s", name, problem);
}

static inline struct audit_filter filter_of(const struct question *q)
{
    struct audit_filter filter = {.from_ms = q->from_ms, .to_ms = q->to_ms};
    char text[600];
    for (unsigned t = 0; t < TRAIT_COUNT; t++) {
        for (unsigned i = 0; i < q->value_count[t]; i++)
            give(&filter, trait_names[t], trait_text(t, q->values[t][i], text));
        snprintf(text, sizeof(text), "%s.%u*", trait_names[t], q->prefix[t]);
        if (q->value_count[t] && q->prefix[t])
            give(&filter, trait_names[t], text);
    }
    for (unsigned i = 0; i < q->field_count; i++)
        give(&filter, "field", field_texts[q->fields[i]]);
    for (unsigned i = 0; i < q->person_count; i++) {
        snprintf(text, sizeof(text), "p_%u", q->persons[i]);
        give(&filter, "subject", text);
    }
    if (q->unmasked >= 0)
        give(&filter, "unmasked", q->unmasked ? "true" : "false");
    return filter;
}

/* A chance that is another one at each run, and told. */
static inline void draw_seed(void)
{
    const char *given = getenv("QUANYU_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL) ^ (unsigned)getpid();
    print_message("QUANYU_SEED=%u\n", seed);
    srandom(seed);
}

#endif
