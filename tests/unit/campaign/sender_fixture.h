/* SPDX-License-Identifier: Apache-2.0 */
/* A sender with scripted receivers, and the writer's part played by the test. */
#ifndef QY_TESTS_CAMPAIGN_SENDER_FIXTURE_H
#define QY_TESTS_CAMPAIGN_SENDER_FIXTURE_H

#include "services/campaign/sender.h"

#include "tests/unit/campaign/receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>

#define TIMEOUT_MS 400
#define WAIT_SECONDS 20
#define SECRET "a shared secret"

struct settled {
    char step[STEP_ID_BYTES];
    struct outcome outcome;
};

/* The writer's part, played by the test. */
struct desk {
    struct sender *sender;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *waiting; /* what a claim will find */
    struct settled settled[RECEIVED_MAX];
    unsigned count;
    unsigned under_way, most_under_way; /* claimed and not settled yet */
    unsigned refusals;                  /* so many settlements fail before one is taken */
    bool is_refused_later;
    bool prepare_fails;
    struct job_person person;
};

static inline int claim(void *self, unsigned limit)
{
    struct desk *desk = self;
    pthread_mutex_lock(&desk->lock);
    struct job *jobs = NULL, **end = &jobs;
    for (; limit > 0 && desk->waiting; limit--) {
        *end = desk->waiting;
        desk->waiting = (*end)->next;
        end = &(*end)->next;
        desk->under_way++;
    }
    *end = NULL;
    if (desk->under_way > desk->most_under_way)
        desk->most_under_way = desk->under_way;
    bool more = desk->waiting;
    pthread_mutex_unlock(&desk->lock);
    sender_give(desk->sender, jobs, more);
    return 0;
}

static inline int settle(void *self, struct job *job, const struct outcome *outcome)
{
    struct desk *desk = self;
    pthread_mutex_lock(&desk->lock);
    bool refuse = desk->refusals > 0;
    if (refuse) {
        desk->refusals--;
    } else {
        struct settled *settled = &desk->settled[desk->count++];
        memcpy(settled->step, job->step, sizeof(settled->step));
        settled->outcome = *outcome;
        desk->under_way--;
        pthread_cond_broadcast(&desk->changed);
    }
    pthread_mutex_unlock(&desk->lock);
    if (refuse && !desk->is_refused_later)
        return -QY_EFULL;
    if (refuse)
        sender_unsettled(desk->sender, job, outcome);
    else
        sender_settled(desk->sender, job);
    return 0;
}

static inline bool prepare(void *self, struct job *job, struct outcome *ret_outcome)
{
    struct desk *desk = self;
    job->of_person = desk->person;
    if (desk->prepare_fails)
        outcome_set(ret_outcome, OUTCOME_DEFERRED, "identity_UNAVAILABLE");
    return !desk->prepare_fails;
}

static struct receiver web, post;
static struct desk desk;

static inline void open_desk(unsigned concurrency, unsigned timeout_ms)
{
    static char smtp_url[64];
    memset(&desk, 0, sizeof(desk));
    pthread_mutex_init(&desk.lock, NULL);
    pthread_cond_init(&desk.changed, NULL);
    snprintf(smtp_url, sizeof(smtp_url), "smtp://127.0.0.1:%u", post.port);
    const struct sender_options options = {
        .transfer = {.timeout_ms = timeout_ms, .smtp_url = smtp_url, .smtp_from = "brand@example.com"},
        .concurrency = concurrency,
        .claim = claim,
        .settle = settle,
        .prepare = prepare,
        .self = &desk,
    };
    assert_int_equal(sender_open(&options, &desk.sender), 0);
}

static inline void close_desk(void)
{
    sender_stop(desk.sender); /* its threads still use the pointer */
    sender_close(&desk.sender);
    while (desk.waiting) {
        struct job *job = desk.waiting;
        desk.waiting = job->next;
        job_free(&job);
    }
    pthread_mutex_destroy(&desk.lock);
    pthread_cond_destroy(&desk.changed);
}

static inline int setup(void **state)
{
    (void)state;
    receiver_open(&web, web_serve);
    receiver_open(&post, mail_serve);
    open_desk(16, TIMEOUT_MS);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    close_desk();
    receiver_close(&web);
    receiver_close(&post);
    return 0;
}

static inline void put_job(struct job *job)
{
    pthread_mutex_lock(&desk.lock);
    job->next = desk.waiting;
    desk.waiting = job;
    pthread_mutex_unlock(&desk.lock);
}

static inline void put_step(const struct step *step)
{
    struct job *job;
    struct delivery delivery = {.number = 1, .journey = 3, .node = 7, .entry = 1, .attempts = 1};
    memcpy(delivery.step, step->id, sizeof(delivery.step));
    assert_int_equal(job_make(&delivery, 7, step, &job), 0);
    put_job(job);
}

/* The step's id is the path without its slash. */
static inline void put_webhook(const char *path, uint16_t port, const char *content, unsigned placeholders)
{
    char url[160];
    struct step step = {.type = STEP_SEND, .channel = CHANNEL_WEBHOOK};
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
    snprintf(step.id, sizeof(step.id), "%s", path + 1);
    step.message =
        (struct step_message){.url = url, .secret = SECRET, .content = content, .placeholders = placeholders};
    put_step(&step);
}

/* The step's id is the address's name. */
static inline void put_email(const char *address, const char *subject, const char *text, const char *html)
{
    struct step step = {.type = STEP_SEND, .channel = CHANNEL_EMAIL};
    snprintf(step.id, sizeof(step.id), "%.*s", (int)strcspn(address, "@"), address);
    step.message = (struct step_message){.subject = subject, .text = text, .html = html};
    snprintf(desk.person.email, sizeof(desk.person.email), "%s", address);
    put_step(&step);
}

static inline void wait_for(unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    sender_wake(desk.sender);
    pthread_mutex_lock(&desk.lock);
    int error = 0;
    while (desk.count < count && error == 0)
        error = pthread_cond_timedwait(&desk.changed, &desk.lock, &until);
    unsigned reached = desk.count;
    pthread_mutex_unlock(&desk.lock);
    assert_int_equal(reached, count);
}

static inline void expect(const char *step, enum outcome_kind kind, const char *reason)
{
    pthread_mutex_lock(&desk.lock);
    const struct settled *found = NULL;
    for (unsigned i = 0; i < desk.count; i++)
        if (strcmp(desk.settled[i].step, step) == 0)
            found = &desk.settled[i];
    pthread_mutex_unlock(&desk.lock);
    if (!found || found->outcome.kind != kind || strncmp(found->outcome.reason, reason, strlen(reason)) != 0)
        fail_msg(
            "%s: %d %s", step, found ? (int)found->outcome.kind : -1, found ? found->outcome.reason : "none");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
