/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/sender.h"

#include "common/deadline.h"

#include <pthread.h>
#include <stdlib.h>

#define IDLE_MS 1000
#define UNSETTLED_PAUSE_MS 200
#define CLOSE_MS 5000
#define MAILS_MAX 16 /* what a mail server grants one client: Exim 20, Postfix 50 connections */

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

struct sender {
    struct sender_options options;
    pthread_t preparer, carrier;
    bool has_preparer, has_carrier;
    CURLM *multi;
    /* the carrier's own */
    unsigned mails;                      /* connecting or talking */
    struct transfer *talking[MAILS_MAX]; /* to mail servers */
    unsigned talks;

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
        curl_multi_wakeup(sender->multi);
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
    curl_multi_wakeup(sender->multi);
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

static void begin(struct sender *sender, struct job *job)
{
    bool is_email = job->channel == CHANNEL_EMAIL;
    struct transfer *transfer;
    struct outcome outcome;
    if (transfer_open(&sender->options.transfer, job, &transfer, &outcome)) {
        settle(sender, job, &outcome);
        return;
    }
    if (curl_multi_add_handle(sender->multi, transfer_handle(transfer)) == CURLM_OK) {
        sender->mails += is_email;
        return;
    }
    transfer_close(&transfer);
    outcome_set(&outcome, OUTCOME_DEFERRED, "out_of_memory");
    settle(sender, job, &outcome);
}

/* The next one that may begin: a mail needs a place with the mail server. */
static struct job *take_prepared(struct sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    struct job *job = queue_take(&sender->prepared[CHANNEL_WEBHOOK]);
    if (!job && sender->mails < MAILS_MAX)
        job = queue_take(&sender->prepared[CHANNEL_EMAIL]);
    pthread_mutex_unlock(&sender->lock);
    return job;
}

static void begin_prepared(struct sender *sender)
{
    for (struct job *job = take_prepared(sender); job; job = take_prepared(sender))
        begin(sender, job);
}

static void end(struct sender *sender, struct transfer *transfer, CURLcode code)
{
    struct outcome outcome;
    transfer_outcome(transfer, code, &outcome);
    curl_multi_remove_handle(sender->multi, transfer_handle(transfer));
    struct job *job = transfer_close(&transfer);
    sender->mails -= job->channel == CHANNEL_EMAIL;
    settle(sender, job, &outcome);
}

static void end_finished(struct sender *sender)
{
    int left;
    for (CURLMsg *message = curl_multi_info_read(sender->multi, &left); message;
        message = curl_multi_info_read(sender->multi, &left)) {
        struct transfer *transfer;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result; /* the message dies with its handle's place */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        if (transfer_goes_on(transfer, code))
            sender->talking[sender->talks++] = transfer;
        else
            end(sender, transfer, code);
    }
}

static void talk(struct sender *sender)
{
    for (unsigned i = 0; i < sender->talks;) {
        struct transfer *transfer = sender->talking[i];
        CURLcode code;
        if (!transfer_talk(transfer, &code)) {
            i++;
            continue;
        }
        sender->talking[i] = sender->talking[--sender->talks];
        end(sender, transfer, code);
    }
}

/* Until a socket is ready, something is due, or another thread wakes it. */
static void wait_for_more(struct sender *sender, int wait_ms)
{
    struct curl_waitfd waits[MAILS_MAX];
    for (unsigned i = 0; i < sender->talks; i++) {
        int64_t deadline_ms;
        transfer_wait(sender->talking[i], &waits[i], &deadline_ms);
        int left_ms = deadline_left(deadline_ms);
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    curl_multi_poll(sender->multi, waits, sender->talks, wait_ms, NULL);
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
    struct sender *sender = data;
    int running, wait_ms;
    while (!is_over(sender, &wait_ms)) {
        curl_multi_perform(sender->multi, &running);
        end_finished(sender);
        talk(sender);
        claim_more(sender);
        begin_prepared(sender); /* where places became free, too; a new handle ends the wait at once */
        wait_for_more(sender, wait_ms);
        settle_again(sender);
    }
    return NULL;
}

/* -- from outside -- */

void sender_wake(struct sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    sender->wanted = true;
    curl_multi_wakeup(sender->multi);
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
    curl_multi_wakeup(sender->multi);
    pthread_mutex_unlock(&sender->lock);
}

static int start_threads(struct sender *sender)
{
    sender->multi = curl_multi_init();
    if (!sender->multi)
        return -QY_ENOMEM;
    sender->has_preparer = pthread_create(&sender->preparer, NULL, prepare_main, sender) == 0;
    sender->has_carrier =
        sender->has_preparer && pthread_create(&sender->carrier, NULL, carry_main, sender) == 0;
    return sender->has_carrier ? 0 : -QY_ENOMEM;
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
    curl_multi_wakeup(sender->multi);
    pthread_mutex_unlock(&sender->lock);
    if (sender->has_preparer)
        pthread_join(sender->preparer, NULL);
    sender->has_preparer = false;
    if (sender->has_carrier)
        pthread_join(sender->carrier, NULL);
    sender->has_carrier = false;
}

void sender_close(struct sender **sender)
{
    struct sender *closing = TAKE(*sender);
    if (!closing)
        return;
    sender_stop(closing);
    curl_multi_cleanup(closing->multi);
    pthread_mutex_destroy(&closing->lock);
    pthread_cond_destroy(&closing->changed);
    free(closing);
    curl_global_cleanup();
}
