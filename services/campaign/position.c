/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/position.h"

#include "services/campaign/outbox.h"

#include <string.h>

/* Somebody on the way: what most functions here need. */
struct walker {
    struct campaign *campaign;
    struct batch *batch;
    const struct live_journey *journey;
    uint32_t node;
    struct position position;
};

static struct timer wait_timer(const struct walker *walker)
{
    return (struct timer){.kind = TIMER_WAIT,
        .node = walker->node,
        .journey = walker->journey->number,
        .entry = walker->position.entry};
}

static void count(const struct walker *walker, const char *step, enum count what, int change)
{
    count_sheet_add(
        &walker->campaign->counts, walker->batch->txn, walker->journey->number, step, what, change);
}

static void save(const struct walker *walker)
{
    position_put(walker->batch->txn, walker->node, walker->journey->number, &walker->position);
}

/* False when nobody stands there or the run has ended. */
static bool find_walker(struct walker *walker)
{
    return position_get(walker->batch->txn, walker->node, walker->journey->number, &walker->position) &&
           walker->position.state != POSITION_ENDED;
}

static void leave_wait(struct walker *walker)
{
    if (walker->position.state == POSITION_WAITING) {
        struct timer timer = wait_timer(walker);
        campaign_timer_unset(walker->campaign, walker->batch, walker->position.due_ms, &timer);
    }
    count(walker, walker->position.step, COUNT_WAITING, -1);
    count(walker, walker->position.step, COUNT_LEFT, 1);
}

static void end_run(struct walker *walker, enum position_end end)
{
    static const enum count counts[] = {
        [END_COMPLETED] = COUNT_LEFT,
        [END_EXIT_RULE] = COUNT_EXITED,
        [END_JOINED] = COUNT_MERGED,
        [END_CHANGED] = COUNT_REMOVED,
        [END_DELETED] = COUNT_REMOVED,
    };
    struct position *position = &walker->position;
    position->state = POSITION_ENDED;
    position->end = (uint8_t)end;
    position->ended = meta_next(walker->batch->txn, META_SEQUENCE);
    position->ended_ms = walker->batch->now_ms;
    count(walker, "", COUNT_WAITING, -1);
    count(walker, "", counts[end], 1);
    save(walker);
}

/* Out of the wait, and out of the journey. */
static void break_off(struct walker *walker, enum position_end end)
{
    leave_wait(walker);
    end_run(walker, end);
}

/* The bucket in which a split once put any of the person's nodes, else this node's own, which is kept. */
static unsigned bucket_of(const struct walker *walker, const struct step *step)
{
    struct store_txn *txn = walker->batch->txn;
    uint32_t journey = walker->journey->number;
    unsigned bucket;
    if (side_get(txn, walker->node, journey, step->id, &bucket))
        return bucket;
    _cleanup_(number_list_free) struct number_list nodes = {0};
    person_nodes(txn, person_of(txn, walker->node), &nodes);
    for (size_t i = 0; i < nodes.count; i++)
        if (side_get(txn, (uint32_t)nodes.numbers[i], journey, step->id, &bucket))
            return bucket;
    bucket = journey_bucket(walker->journey->id, step->id, walker->node);
    side_put(txn, walker->node, journey, step->id, bucket);
    return bucket;
}

static int next_of(struct walker *walker, const struct step *step)
{
    switch (step->type) {
    case STEP_CONDITION:
        return member_has(walker->batch->txn, person_of(walker->batch->txn, walker->node), step->rule.watch)
                   ? step->next
                   : step->otherwise;
    case STEP_SPLIT:
        return step_side(step, bucket_of(walker, step));
    case STEP_SEND:
        outbox_add(walker->campaign, walker->batch, walker->journey, walker->node, &walker->position, step);
        return step->next;
    case STEP_WAIT:
    case STEP_EXIT:
        break;
    }
    return step->next;
}

static int64_t due_of(const struct walker *walker, const struct step *step)
{
    return step->wait_ms > 0 ? walker->batch->now_ms + step->wait_ms : step->until_ms;
}

static void start_wait(struct walker *walker, const struct step *step, int64_t due_ms)
{
    memcpy(walker->position.step, step->id, sizeof(walker->position.step));
    walker->position.state = POSITION_WAITING;
    walker->position.due_ms = due_ms;
    count(walker, step->id, COUNT_WAITING, 1);
    save(walker);
    struct timer timer = wait_timer(walker);
    campaign_timer_set(walker->campaign, walker->batch, due_ms, &timer);
}

/* From `index` on, until a wait or the end. Ends: journey_parse() lets no way lead back but through a wait.
 */
static void walk(struct walker *walker, int index)
{
    const struct journey *journey = walker->journey->running;
    while (index != STEP_END) {
        const struct step *step = &journey->steps[index];
        count(walker, step->id, COUNT_ENTERED, 1);
        if (step->type == STEP_WAIT && due_of(walker, step) > walker->batch->now_ms) {
            start_wait(walker, step, due_of(walker, step));
            return;
        }
        index = next_of(walker, step);
        count(walker, step->id, COUNT_LEFT, 1);
    }
    end_run(walker, END_COMPLETED);
}

/* Whether earlier runs, of any of the person's nodes, leave room for another one. */
static bool may_enter(
    const struct batch *batch, const struct live_journey *journey, const struct number_list *nodes)
{
    bool before = false;
    int64_t ended_ms = INT64_MIN;
    for (size_t i = 0; i < nodes->count; i++) {
        struct position position;
        if (!position_get(batch->txn, (uint32_t)nodes->numbers[i], journey->number, &position))
            continue;
        if (position.state != POSITION_ENDED)
            return false;
        before = true;
        if (position.ended_ms > ended_ms)
            ended_ms = position.ended_ms;
    }
    switch (journey->running->reentry) {
    case REENTRY_NEVER:
        return !before;
    case REENTRY_AFTER_EXIT:
        return true;
    case REENTRY_AFTER:
        return !before || batch->now_ms - ended_ms >= journey->running->reentry_ms;
    }
    return false;
}

void position_enter(
    struct campaign *campaign, struct batch *batch, const struct live_journey *journey, uint32_t person)
{
    const struct watch_rule *exit_when = &journey->running->exit_when;
    if (journey->state != QUANYU__JOURNEY__STATE__ACTIVE ||
        (exit_when->json && member_has(batch->txn, person, exit_when->watch)))
        return;
    _cleanup_(number_list_free) struct number_list nodes = {0};
    person_nodes(batch->txn, person, &nodes);
    if (nodes.count == 0 || !may_enter(batch, journey, &nodes))
        return;
    struct walker walker = {.campaign = campaign, .batch = batch, .journey = journey, .node = person};
    struct position earlier = {0};
    position_get(batch->txn, person, journey->number, &earlier);
    walker.position = (struct position){
        .entry = earlier.entry + 1,
        .run = meta_next(batch->txn, META_SEQUENCE),
        .entered_ms = batch->now_ms,
    };
    count(&walker, "", COUNT_ENTERED, 1);
    count(&walker, "", COUNT_WAITING, 1);
    walk(&walker, 0);
}

void position_leave(struct campaign *campaign, struct batch *batch, const struct live_journey *journey,
    uint32_t person, enum position_end end)
{
    _cleanup_(number_list_free) struct number_list nodes = {0};
    person_nodes(batch->txn, person, &nodes);
    for (size_t i = 0; i < nodes.count; i++) {
        struct walker walker = {
            .campaign = campaign, .batch = batch, .journey = journey, .node = (uint32_t)nodes.numbers[i]};
        if (find_walker(&walker))
            break_off(&walker, end);
    }
}

/* From the wait on, where the version in force still has it. */
static void go_on(struct walker *walker)
{
    const struct journey *journey = walker->journey->running;
    int index = journey_step(journey, walker->position.step);
    if (index == STEP_END || journey->steps[index].type != STEP_WAIT) {
        break_off(walker, END_CHANGED);
        return;
    }
    leave_wait(walker);
    walk(walker, journey->steps[index].next);
}

void position_wake(
    struct campaign *campaign, struct batch *batch, uint32_t node, uint32_t journey, uint32_t entry)
{
    struct walker walker = {
        .campaign = campaign, .batch = batch, .journey = campaign_journey(campaign, journey), .node = node};
    if (!walker.journey || !walker.journey->running || !find_walker(&walker) ||
        walker.position.entry != entry || walker.position.state != POSITION_WAITING ||
        walker.position.due_ms > batch->now_ms)
        return;
    if (walker.journey->state == QUANYU__JOURNEY__STATE__PAUSED) {
        walker.position.state = POSITION_HELD;
        save(&walker);
        return;
    }
    go_on(&walker);
}

/* The person fulfils the rule by which one leaves. */
static bool must_exit(const struct walker *walker)
{
    const struct journey *journey = walker->journey->running;
    return journey && journey->exit_when.json &&
           member_has(
               walker->batch->txn, person_of(walker->batch->txn, walker->node), journey->exit_when.watch);
}

/* Ends all runs of the person in one journey but the one that began first; that one, too, where the person
 * that the node has come to fulfils the exit's rule already. */
static void collapse(
    struct campaign *campaign, struct batch *batch, uint32_t journey, const struct number_list *nodes)
{
    struct walker first = {.node = 0};
    for (size_t i = 0; i < nodes->count; i++) {
        struct walker walker = {.campaign = campaign,
            .batch = batch,
            .journey = campaign_journey(campaign, journey),
            .node = (uint32_t)nodes->numbers[i]};
        if (!walker.journey || !find_walker(&walker))
            continue;
        if (first.node == 0) {
            first = walker;
        } else if (walker.position.run < first.position.run) {
            break_off(&first, END_JOINED);
            first = walker;
        } else {
            break_off(&walker, END_JOINED);
        }
    }
    if (first.node != 0 && must_exit(&first))
        break_off(&first, END_EXIT_RULE);
}

void position_join(
    struct campaign *campaign, struct batch *batch, uint32_t person, const uint32_t *nodes, size_t count)
{
    _cleanup_(number_list_free) struct number_list all = {0};
    for (size_t i = 0; i < count; i++) {
        _cleanup_(number_list_free) struct number_list journeys = {0};
        position_journeys(batch->txn, nodes[i], &journeys);
        if (journeys.count > 0 && all.count == 0)
            person_nodes(batch->txn, person, &all);
        for (size_t j = 0; j < journeys.count; j++)
            collapse(campaign, batch, (uint32_t)journeys.numbers[j], &all);
    }
}

/* Calls for each live run of the journey. */
static void for_each_walker(struct campaign *campaign, struct batch *batch,
    const struct live_journey *journey, void (*visit)(struct walker *walker))
{
    _cleanup_(number_list_free) struct number_list nodes = {0};
    position_live(batch->txn, journey->number, &nodes);
    for (size_t i = 0; i < nodes.count; i++) {
        struct walker walker = {
            .campaign = campaign, .batch = batch, .journey = journey, .node = (uint32_t)nodes.numbers[i]};
        if (find_walker(&walker))
            visit(&walker);
    }
}

static void adapt_one(struct walker *walker)
{
    const struct journey *journey = walker->journey->running;
    int index = journey_step(journey, walker->position.step);
    if (index == STEP_END || journey->steps[index].type != STEP_WAIT)
        break_off(walker, END_CHANGED);
    else if (must_exit(walker))
        break_off(walker, END_EXIT_RULE);
}

void position_adapt(struct campaign *campaign, struct batch *batch, const struct live_journey *journey)
{
    for_each_walker(campaign, batch, journey, adapt_one);
}

static void resume_one(struct walker *walker)
{
    if (walker->position.state == POSITION_HELD)
        go_on(walker);
}

void position_resume(struct campaign *campaign, struct batch *batch, const struct live_journey *journey)
{
    for_each_walker(campaign, batch, journey, resume_one);
}

static void end_one(struct walker *walker)
{
    break_off(walker, END_DELETED);
}

void position_end_all(struct campaign *campaign, struct batch *batch, const struct live_journey *journey)
{
    for_each_walker(campaign, batch, journey, end_one);
}

void position_erase(struct campaign *campaign, struct batch *batch, uint32_t node)
{
    _cleanup_(number_list_free) struct number_list journeys = {0};
    position_journeys(batch->txn, node, &journeys);
    for (size_t i = 0; i < journeys.count; i++) {
        struct walker walker = {.campaign = campaign,
            .batch = batch,
            .journey = campaign_journey(campaign, (uint32_t)journeys.numbers[i]),
            .node = node};
        if (walker.journey && find_walker(&walker))
            break_off(&walker, END_DELETED);
    }
    position_forget(batch->txn, node);
}
