/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_guard.h"

#include "common/clock.h"
#include "common/waiting_work.h"
#include "services/audit/audit_alerts.h"
#include "services/audit/audit_notify.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_rounds.h"
#include "services/audit/audit_store.h"
#include "services/audit/audit_view.h"
#include "services/audit/audit_zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS_MAX (2 * ALERT_WINDOW_DAYS_MAX + 2)
#define FINDINGS_MAX 1000u   /* raised at once; more follow in the next round */
#define ROUND_RECORDS 65536u /* read in one snapshot: a long one keeps the store from using its room again */

struct guard_day {
    int64_t start_ms;
    struct habit_day *day;
};

struct audit_guard {
    struct audit *audit;
    struct service *service;
    struct rounds rounds;
    struct audit_notify *notify;
    /* what has been read so far */
    struct alert_rules rules;
    struct audit_zone zone;
    struct arena *zone_arena, *scratch;
    bool reading;       /* `next` and the days are the rules' */
    uint64_t next;      /* record to be read */
    int64_t judge_from; /* days before it are there to be compared with */
    struct guard_day days[DAYS_MAX];
    size_t day_count; /* the last one is under way */
    int64_t day_end;
};

/* -- findings on their way into the log -- */

struct raising {
    struct waiting_work waiting; /* the first member */
    struct audit_guard *guard;
    struct arena *arena;
    Quanyu__AuditAlert **alerts;
    size_t count;
};

static int apply_raising(struct work *work, struct batch *batch)
{
    struct raising *raising = (struct raising *)work;
    int error = 0;
    for (size_t i = 0; i < raising->count && !error; i++)
        error = audit_alert_raise(raising->guard->audit, batch, raising->alerts[i]);
    return error;
}

static int submit_raising(struct raising *raising)
{
    raising->waiting.bytes = sizeof(*raising) + raising->count * 256;
    return raising->count ? waiting_work_run(raising->guard->service, &raising->waiting, apply_raising) : 0;
}

/* -- judging -- */

struct judging {
    struct raising *raising;
    struct audit_guard *guard;
    const struct guard_day *today;
};

static char *copy(struct arena *arena, const char *text)
{
    return arena_text(arena, text, strlen(text));
}

static int add_finding(void *context, const struct habit_finding *finding)
{
    struct judging *judging = context;
    struct raising *raising = judging->raising;
    struct arena *arena = raising->arena;
    char label[ZONE_LABEL_BYTES];
    Quanyu__AuditAlert *alert = arena_alloc(arena, sizeof(*alert));
    if (!alert || raising->count == FINDINGS_MAX)
        return alert ? 1 : -QY_ENOMEM;
    quanyu__audit_alert__init(alert);
    alert->rule = copy(arena, finding->rule->name);
    alert->actor = copy(arena, finding->habit->actor);
    alert->role = copy(arena, finding->habit->role);
    alert->unit = copy(arena, finding->habit->unit);
    alert->day_ms = judging->today->start_ms;
    alert->day = copy(arena, audit_zone_label(&judging->guard->zone, ZONE_DAY, alert->day_ms, label));
    alert->value = finding->habit->features[finding->rule->feature];
    alert->usual = finding->usual;
    alert->bound = finding->bound;
    uint64_t person = finding->habit->person;
    alert->person_number =
        finding->rule->feature == FEATURE_REPEATED && person && person <= UINT32_MAX + UINT64_C(1)
            ? arena_printf(arena, "%" PRIu64, person - 1)
            : (char *)"";
    if (!alert->rule || !alert->actor || !alert->role || !alert->unit || !alert->day || !alert->person_number)
        return -QY_ENOMEM;
    raising->alerts[raising->count++] = alert;
    return 0;
}

/* The last day against the window before it. */
static int judge(struct audit_guard *guard, struct raising *raising)
{
    struct habit_day *before[DAYS_MAX];
    const struct guard_day *today = &guard->days[guard->day_count - 1];
    int64_t least = today->start_ms - (int64_t)guard->rules.window_days * DAY_MS - DAY_MS / 2;
    size_t count = 0;
    if (today->start_ms < guard->judge_from)
        return 0;
    for (size_t i = 0; i + 1 < guard->day_count; i++)
        if (guard->days[i].start_ms >= least)
            before[count++] = guard->days[i].day;
    struct judging judging = {.raising = raising, .guard = guard, .today = today};
    int result = habit_judge(before, count, today->day, guard->rules.rules, add_finding, &judging);
    return result < 0 ? result : 0;
}

/* -- reading -- */

static void forget(struct audit_guard *guard)
{
    for (size_t i = 0; i < guard->day_count; i++)
        habit_day_close(&guard->days[i].day);
    guard->day_count = 0;
    guard->reading = false;
}

static int begin_day(struct audit_guard *guard, int64_t ms)
{
    if (guard->day_count > 0)
        habit_day_end(guard->days[guard->day_count - 1].day);
    if (guard->day_count == DAYS_MAX) {
        habit_day_close(&guard->days[0].day);
        memmove(guard->days, guard->days + 1, --guard->day_count * sizeof(*guard->days));
    }
    struct guard_day *day = &guard->days[guard->day_count];
    int error = habit_day_open(&day->day);
    if (error)
        return error;
    day->start_ms = audit_zone_floor(&guard->zone, ZONE_DAY, ms);
    guard->day_end = audit_zone_next(&guard->zone, ZONE_DAY, day->start_ms);
    guard->day_count++;
    return 0;
}

static bool is_refused(const char *outcome)
{
    static const char *const refusals[] = {"denied", "not_found", "limited", "too_few", "refused"};
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        if (strcmp(refusals[i], outcome) == 0)
            return true;
    return false;
}

/* What says "person" of a record's place: numbers where there are some, else One IDs by hash; none is 0. */
static uint64_t person_at(const Quanyu__AuditRecord *record, size_t place)
{
    if (record->n_numbers)
        return place < record->n_numbers ? record->numbers[place] + UINT64_C(1) : 0;
    return place < record->n_persons
               ? term_hash((const uint8_t *)record->persons[place], strlen(record->persons[place])) |
                     UINT64_C(1) << 63
               : 0;
}

static int take_record(struct audit_guard *guard, const Quanyu__AuditRecord *record)
{
    int64_t local = record->time_ms + audit_zone_offset_ms(&guard->zone, record->time_ms);
    struct habit_use use = {.actor = record->actor->id, .role = record->actor->role, .unit = record->unit};
    /* Beside a single person all numbers are its own. */
    size_t persons = record->n_persons == 1 ? 1 : record->n_numbers ? record->n_numbers : record->n_persons;
    use.off_hours = alert_rules_is_off(&guard->rules, (int)(local % DAY_MS / 60000));
    use.bought = record->bought;
    use.refused = is_refused(record->outcome);
    use.person = person_at(record, 0);
    if (!persons && !record->count && !use.refused)
        return 0;
    int error = habit_day_add(guard->days[guard->day_count - 1].day, &use);
    use.further = true;
    for (size_t i = 1; i < persons && !error; i++) {
        use.person = person_at(record, i);
        error = habit_day_add(guard->days[guard->day_count - 1].day, &use);
    }
    return error;
}

static int read_record(struct audit_guard *guard, struct store_txn *txn, struct raising *raising)
{
    struct bytes stored;
    if (audit_store_is_pruned(txn, guard->next)) {
        guard->next++;
        return 0;
    }
    if (!audit_store_record(txn, guard->next, &stored))
        return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    arena_reset(guard->scratch);
    const Quanyu__AuditRecord *record = audit_record_unpack(stored, guard->scratch);
    int error = 0;
    guard->next++;
    if (!record || !record->actor || record->actor->kind != QUANYU__ACTOR__KIND__STAFF)
        return 0;
    if (guard->day_count == 0 || record->time_ms >= guard->day_end) {
        if (guard->day_count > 0)
            error = judge(guard, raising);
        if (!error)
            error = begin_day(guard, record->time_ms);
    }
    return error ? error : take_record(guard, record);
}

/* From where the days begin that are compared with, before those that are judged. */
static int begin(struct audit_guard *guard, struct audit_view *view)
{
    struct view_segment segment;
    int64_t newest, window = (int64_t)guard->rules.window_days * DAY_MS;
    forget(guard);
    arena_reset(guard->zone_arena);
    guard->zone = (struct audit_zone){.fixed = false};
    if (*guard->rules.zone && !audit_zone_find(guard->rules.zone, guard->zone_arena, &guard->zone))
        return -QY_EINVAL;
    int error = view_segment(view, view_segments(view) - 1, &segment);
    if (error)
        return error;
    newest = view_time(&segment, segment.count - 1);
    guard->judge_from = audit_zone_floor(&guard->zone, ZONE_DAY, newest - window);
    error = view_index_at(view, guard->judge_from - window, &guard->next);
    guard->reading = !error;
    return error;
}

/* *ret_more: there are more records than one round reads. */
static int read_round(
    struct audit_guard *guard, struct audit_view *view, struct raising *raising, bool *ret_more)
{
    struct alert_rules rules;
    int error = audit_alert_rules(view->txn, &rules);
    if (error || view->size == 0)
        return error;
    bool other = memcmp(rules.rules, guard->rules.rules, sizeof(rules.rules)) ||
                 strcmp(rules.zone, guard->rules.zone) || rules.window_days != guard->rules.window_days ||
                 rules.work_from != guard->rules.work_from || rules.work_to != guard->rules.work_to;
    guard->rules = rules;
    if (!guard->reading || other || guard->next > view->size)
        error = begin(guard, view);
    uint64_t end = guard->next + ROUND_RECORDS < view->size ? guard->next + ROUND_RECORDS : view->size;
    while (!error && guard->next < end && !rounds_stopping(&guard->rounds) && raising->count < FINDINGS_MAX)
        error = read_record(guard, view->txn, raising);
    *ret_more = guard->next < view->size;
    if (!error && !*ret_more && guard->day_count > 0)
        error = judge(guard, raising);
    return error;
}

static int look(struct audit_guard *guard, bool *ret_more)
{
    struct raising raising = {.guard = guard};
    struct store_txn *txn = NULL;
    struct audit_view view;
    int error = arena_open(&raising.arena);
    if (!error)
        raising.alerts = arena_alloc(raising.arena, FINDINGS_MAX * sizeof(*raising.alerts));
    if (!error && !raising.alerts)
        error = -QY_ENOMEM;
    if (!error)
        error = service_read(guard->service, &txn);
    if (!error) {
        audit_view_open(&guard->audit->tails, txn, &view);
        error = read_round(guard, &view, &raising, ret_more);
        audit_view_close(&view);
    }
    store_abort(&txn);
    if (!error)
        error = submit_raising(&raising);
    arena_close(&raising.arena);
    return error;
}

/* -- the thread -- */

static int work_round(void *self, bool *ret_more)
{
    struct audit_guard *guard = self;
    int error = look(guard, ret_more);
    if (error) {
        forget(guard);
        *ret_more = false;
    }
    audit_notify_run(guard->notify, &guard->rounds.stopping);
    return error;
}

static void guard_close(struct audit_guard **guard)
{
    if (!*guard)
        return;
    forget(*guard);
    audit_notify_close(&(*guard)->notify);
    arena_close(&(*guard)->zone_arena);
    arena_close(&(*guard)->scratch);
    free(*guard);
    *guard = NULL;
}

int audit_guard_start(struct audit *audit, struct service *service, struct audit_guard **ret_guard)
{
    struct audit_guard *guard = calloc(1, sizeof(*guard));
    if (!guard)
        return -QY_ENOMEM;
    guard->audit = audit;
    guard->service = service;
    guard->rounds = (struct rounds){.round = work_round,
        .self = guard,
        .failed = "what staff do could not be looked at, it will be again",
        .pause_ms = config_number(service_config(service), "audit.guard_every")};
    int error = arena_open(&guard->zone_arena);
    if (!error)
        error = arena_open(&guard->scratch);
    if (!error)
        error = audit_notify_open(service, &guard->notify);
    if (!error)
        error = rounds_start(&guard->rounds);
    if (error)
        guard_close(&guard);
    else
        *ret_guard = guard;
    return error;
}

void audit_guard_stop(struct audit_guard **guard)
{
    if (!*guard)
        return;
    rounds_stop(&(*guard)->rounds);
    guard_close(guard);
}
