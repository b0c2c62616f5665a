/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/sender.h"

#include "common/deadline.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#define IDLE_MS 1000
#define UNSETTLED_PAUSE_MS 200
#define CLOSE_MS 5000
#define MAIL_CARRIERS 4
#define CARRIERS (1 + MAIL_CARRIERS)

struct job_queue {
    struct job *first;
    struct job **end;
};

/* An outcome that could not be made durable yet. */
struct unsettled {
    struct unsettled *next;
    struct job *job;
    struct outcome outcome;
};

/* A thread that moves bytes. The first one carries webhooks, asks for work and settles what could not be
 * settled. */
struct carrier {
    struct sender *sender;
    CURLM *multi;
    pthread_t thread;
    bool has_thread;
    enum channel channel;
    unsigned limit;     /* transfers at once */
    unsigned under_way; /* the thread's own */
};

struct sender {
    struct sender_options options;
    struct carrier carriers[CARRIERS];
    pthread_t preparer;
    bool has_preparer;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    struct job_queue given;       /* to be prepared */
    struct job_queue prepared[2]; /* to be sent, by channel */
    struct unsettled *unsettled;
    unsigned in_hand;     /* jobs given and not durably settled */
    unsigned with_writer; /* outcomes handed on, not yet answered */
    bool wanted;
    bool claiming;
    bool stopping;
    int64_t give_up_ms; /* once stopping: what cannot be settled until then is left as it is */
};

static void queue_add(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct job *queue_take(struct job_queue *queue)
{
    struct job *job = queue->first;
    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->end = &queue->first;
    job->next = NULL;
    return job;
}

/* Any thread. */
static void wake(struct sender *sender, bool all)
{
    for (unsigned i = 0; i < (all ? CARRIERS : 1); i++)
        if (sender->carriers[i].multi)
            curl_multi_wakeup(sender->carriers[i].multi);
}

/* -- settling -- */

static void keep_unsettled(struct sender *sender, struct job *job, const struct outcome *outcome)
{
    struct unsettled *unsettled = malloc(sizeof(*unsettled));
    if (!unsettled) { /* its row stays in SENDING, and will be unknown after the next start */
        sender->in_hand--;
        job_free(&job);
        return;
    }
    *unsettled = (struct unsettled){.next = sender->unsettled, .job = job, .outcome = *outcome};
    sender->unsettled = unsettled;
}

static void settle(struct sender *sender, struct job *job, const struct outcome *outcome)
{
    pthread_mutex_lock(&sender->lock);
    sender->with_writer++;
    pthread_mutex_unlock(&sender->lock);
    int error = sender->options.settle(sender->options.self, job, outcome);
    if (!error)
        return;
    pthread_mutex_lock(&sender->lock);
    sender->with_writer--;
    keep_unsettled(sender, job, outcome);
    pthread_mutex_unlock(&sender->lock);
}

void sender_settled(struct sender *sender, struct job *job)
{
    job_free(&job);
    pthread_mutex_lock(&sender->lock);
    sender->with_writer--;
    sender->in_hand--;
    if (sender->wanted || sender->stopping) /* there is a free place now */
        wake(sender, sender->stopping);
    pthread_mutex_unlock(&sender->lock);
}

void sender_unsettled(struct sender *sender, struct job *job, const struct outcome *outcome)
{
    pthread_mutex_lock(&sender->lock);
    sender->with_writer--;
    keep_unsettled(sender, job, outcome);
    pthread_mutex_unlock(&sender->lock);
}

static void settle_again(struct sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    struct unsettled *list = TAKE(sender->unsettled);
    bool give_up = sender->stopping && monotonic_ms() >= sender->give_up_ms;
    pthread_mutex_unlock(&sender->lock);
    while (list) {
        struct unsettled *next = list->next;
        if (give_up) {
            pthread_mutex_lock(&sender->lock);
            sender->in_hand--;
            pthread_mutex_unlock(&sender->lock);
            job_free(&list->job);
        } else {
            settle(sender, list->job, &list->outcome);
        }
        free(list);
        list = next;
    }
}

/* -- preparing -- */

static void prepare_one(struct sender *sender, struct job *job, bool stopping)
{
    struct outcome outcome;
    bool ready = false;
    if (stopping)
        outcome_set(&outcome, OUTCOME_RETURNED, "stopping");
    else
        ready = sender->options.prepare(sender->options.self, job, &outcome);
    if (!ready) {
        settle(sender, job, &outcome);
        return;
    }
    pthread_mutex_lock(&sender->lock);
    queue_add(&sender->prepared[job->channel], job);
    wake(sender, job->channel == CHANNEL_EMAIL);
    pthread_mutex_unlock(&sender->lock);
}

static void *prepare_main(void *data)
{
    struct sender *sender = data;
    pthread_mutex_lock(&sender->lock);
    for (;;) {
        struct job *job = queue_take(&sender->given);
        bool stopping = sender->stopping;
        if (job) {
            pthread_mutex_unlock(&sender->lock);
            prepare_one(sender, job, stopping);
            pthread_mutex_lock(&sender->lock);
        } else if (stopping && !sender->claiming) {
            break;
        } else {
            pthread_cond_wait(&sender->changed, &sender->lock);
        }
    }
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

/* -- carrying -- */

static void begin(struct carrier *carrier, struct job *job)
{
    struct sender *sender = carrier->sender;
    struct transfer *transfer;
    struct outcome outcome;
    if (transfer_open(&sender->options.transfer, job, &transfer, &outcome)) {
        settle(sender, job, &outcome);
        return;
    }
    if (curl_multi_add_handle(carrier->multi, transfer_handle(transfer)) == CURLM_OK) {
        carrier->under_way++;
        return;
    }
    transfer_close(&transfer);
    outcome_set(&outcome, OUTCOME_DEFERRED, "out_of_memory");
    settle(sender, job, &outcome);
}

static void begin_prepared(struct carrier *carrier)
{
    struct sender *sender = carrier->sender;
    while (carrier->under_way < carrier->limit) {
        pthread_mutex_lock(&sender->lock);
        struct job *job = queue_take(&sender->prepared[carrier->channel]);
        pthread_mutex_unlock(&sender->lock);
        if (!job)
            return;
        begin(carrier, job);
    }
}

/* What came while this thread was busy: the wake-up for it may have been used up. */
static bool has_prepared(struct carrier *carrier)
{
    pthread_mutex_lock(&carrier->sender->lock);
    bool has = carrier->sender->prepared[carrier->channel].first;
    pthread_mutex_unlock(&carrier->sender->lock);
    return has;
}

static void end(struct carrier *carrier, CURL *handle, CURLcode code)
{
    struct transfer *transfer;
    struct outcome outcome;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&transfer);
    transfer_outcome(transfer, code, &outcome);
    curl_multi_remove_handle(carrier->multi, handle);
    carrier->under_way--;
    settle(carrier->sender, transfer_close(&transfer), &outcome);
}

static void end_finished(struct carrier *carrier)
{
    int left;
    for (CURLMsg *message = curl_multi_info_read(carrier->multi, &left); message;
        message = curl_multi_info_read(carrier->multi, &left))
        if (message->msg == CURLMSG_DONE)
            end(carrier, message->easy_handle, message->data.result);
}

static void claim_more(struct sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    unsigned room =
        sender->options.concurrency > sender->in_hand ? sender->options.concurrency - sender->in_hand : 0;
    bool claim = sender->wanted && !sender->claiming && !sender->stopping && room > 0;
    sender->claiming |= claim;
    sender->wanted &= !claim;
    pthread_mutex_unlock(&sender->lock);
    if (!claim || sender->options.claim(sender->options.self, room) == 0)
        return;
    pthread_mutex_lock(&sender->lock);
    sender->claiming = false;
    sender->wanted = true;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

/* True when everything has come to its end. */
static bool is_over(struct sender *sender, int *ret_wait_ms)
{
    pthread_mutex_lock(&sender->lock);
    bool over = sender->stopping && !sender->claiming && sender->in_hand == 0 && sender->with_writer == 0;
    *ret_wait_ms = sender->unsettled ? UNSETTLED_PAUSE_MS : IDLE_MS;
    pthread_mutex_unlock(&sender->lock);
    return over;
}

static void *carry_main(void *data)
{
    struct carrier *carrier = data;
    struct sender *sender = carrier->sender;
    bool is_first = carrier == &sender->carriers[0];
    int running, wait_ms;
    while (!is_over(sender, &wait_ms)) {
        begin_prepared(carrier);
        curl_multi_perform(carrier->multi, &running);
        end_finished(carrier);
        if (is_first)
            claim_more(sender);
        if (carrier->under_way > 0 || !has_prepared(carrier))
            curl_multi_poll(carrier->multi, NULL, 0, wait_ms, NULL);
        if (is_first)
            settle_again(sender);
    }
    return NULL;
}

/* -- from outside -- */

void sender_wake(struct sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    sender->wanted = true;
    wake(sender, false);
    pthread_mutex_unlock(&sender->lock);
}

void sender_give(struct sender *sender, struct job *jobs, bool more)
{
    pthread_mutex_lock(&sender->lock);
    while (jobs) {
        struct job *next = jobs->next;
        /* Who needs nothing of identity does not stand in line behind those who do. */
        bool is_prepared = job_needs(jobs) == 0 && !sender->stopping;
        queue_add(is_prepared ? &sender->prepared[jobs->channel] : &sender->given, jobs);
        sender->in_hand++;
        jobs = next;
    }
    sender->claiming = false;
    sender->wanted |= more;
    pthread_cond_broadcast(&sender->changed);
    wake(sender, sender->stopping);
    pthread_mutex_unlock(&sender->lock);
}

static int start_carrier(struct sender *sender, unsigned index)
{
    struct carrier *carrier = &sender->carriers[index];
    carrier->sender = sender;
    carrier->channel = index == 0 ? CHANNEL_WEBHOOK : CHANNEL_EMAIL;
    carrier->limit = index == 0 ? UINT_MAX : 1;
    carrier->multi = curl_multi_init();
    carrier->has_thread = carrier->multi && pthread_create(&carrier->thread, NULL, carry_main, carrier) == 0;
    return carrier->has_thread ? 0 : -QY_ENOMEM;
}

static int start_threads(struct sender *sender)
{
    sender->has_preparer = pthread_create(&sender->preparer, NULL, prepare_main, sender) == 0;
    int error = sender->has_preparer ? 0 : -QY_ENOMEM;
    for (unsigned i = 0; !error && i < CARRIERS; i++)
        error = start_carrier(sender, i);
    return error;
}

int sender_open(const struct sender_options *options, struct sender **ret_sender)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -QY_ENOMEM;
    struct sender *sender = calloc(1, sizeof(*sender));
    if (!sender) {
        curl_global_cleanup();
        return -QY_ENOMEM;
    }
    sender->options = *options;
    sender->given.end = &sender->given.first;
    sender->prepared[0].end = &sender->prepared[0].first;
    sender->prepared[1].end = &sender->prepared[1].first;
    pthread_mutex_init(&sender->lock, NULL);
    pthread_cond_init(&sender->changed, NULL);
    int error = start_threads(sender);
    if (error)
        sender_close(&sender);
    else
        *ret_sender = sender;
    return error;
}

void sender_stop(struct sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    sender->stopping = true;
    sender->give_up_ms = monotonic_ms() + sender->options.transfer.timeout_ms + CLOSE_MS;
    pthread_cond_broadcast(&sender->changed);
    wake(sender, true);
    pthread_mutex_unlock(&sender->lock);
    if (sender->has_preparer)
        pthread_join(sender->preparer, NULL);
    sender->has_preparer = false;
    for (unsigned i = 0; i < CARRIERS; i++) {
        if (sender->carriers[i].has_thread)
            pthread_join(sender->carriers[i].thread, NULL);
        sender->carriers[i].has_thread = false;
    }
}

void sender_close(struct sender **sender)
{
    struct sender *closing = TAKE(*sender);
    if (!closing)
        return;
    sender_stop(closing);
    for (unsigned i = 0; i < CARRIERS; i++)
        curl_multi_cleanup(closing->carriers[i].multi);
    pthread_mutex_destroy(&closing->lock);
    pthread_cond_destroy(&closing->changed);
    free(closing);
    curl_global_cleanup();
}
