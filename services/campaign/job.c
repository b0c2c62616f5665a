/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/job.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* Copies to *at and moves it on. */
static const char *copy(const char *text, char **at)
{
    if (!text)
        return NULL;
    char *copied = *at;
    memcpy(copied, text, text_bytes(text));
    *at += text_bytes(text);
    return copied;
}

int job_make(const struct delivery *delivery, uint32_t person, const struct step *step, struct job **ret_job)
{
    const struct step_message *from = &step->message;
    size_t size = text_bytes(from->url) + text_bytes(from->secret) + text_bytes(from->content) +
                  text_bytes(from->subject) + text_bytes(from->text) + text_bytes(from->html);
    struct job *job = calloc(1, sizeof(*job) + size);
    if (!job)
        return -QY_ENOMEM;
    job->number = delivery->number;
    job->attempt = delivery->attempts;
    job->person = person;
    job->channel = step->channel;
    journey_id(delivery->journey, job->journey);
    memcpy(job->step, delivery->step, sizeof(job->step));
    delivery_id(delivery, job->id);
    char *at = job->texts;
    job->message = (struct step_message){
        .url = copy(from->url, &at),
        .secret = copy(from->secret, &at),
        .content = copy(from->content, &at),
        .subject = copy(from->subject, &at),
        .text = copy(from->text, &at),
        .html = copy(from->html, &at),
        .placeholders = from->placeholders,
    };
    *ret_job = job;
    return 0;
}

void job_free(struct job **job)
{
    if (!*job)
        return;
    sodium_memzero(&(*job)->of_person, sizeof((*job)->of_person));
    if ((*job)->message.secret)
        sodium_memzero((char *)(uintptr_t)(*job)->message.secret, strlen((*job)->message.secret));
    free(*job);
    *job = NULL;
}

unsigned job_needs(const struct job *job)
{
    unsigned needs = job->message.placeholders & PLACEHOLDERS_OF_PERSON;
    return job->channel == CHANNEL_EMAIL ? needs | PLACEHOLDER_BIT(PLACEHOLDER_EMAIL) : needs;
}

void job_values(const struct job *job, const char *values[PLACEHOLDER_COUNT])
{
    values[PLACEHOLDER_ONE_ID] = job->of_person.one_id;
    values[PLACEHOLDER_NAME] = job->of_person.name;
    values[PLACEHOLDER_PHONE] = job->of_person.phone;
    values[PLACEHOLDER_EMAIL] = job->of_person.email;
    values[PLACEHOLDER_JOURNEY] = job->journey;
    values[PLACEHOLDER_STEP] = job->step;
    values[PLACEHOLDER_DELIVERY_ID] = job->id;
}
