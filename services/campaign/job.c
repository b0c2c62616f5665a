/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/job.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *copy(struct arena *arena, const char *text, bool *failed)
{
    if (!text)
        return NULL;
    const char *copied = arena_text(arena, text, strlen(text));
    *failed |= !copied;
    return copied;
}

int job_make(const struct delivery *delivery, uint32_t person, const struct step *step, struct job **ret_job)
{
    _cleanup_(job_free) struct job *job = calloc(1, sizeof(*job));
    if (!job || arena_open(&job->arena))
        return -QY_ENOMEM;
    job->number = delivery->number;
    job->attempt = delivery->attempts;
    job->person = person;
    job->channel = step->channel;
    journey_id(delivery->journey, job->journey);
    memcpy(job->step, delivery->step, sizeof(job->step));
    delivery_id(delivery, job->id);
    const struct step_message *from = &step->message;
    bool failed = false;
    job->message = (struct step_message){
        .url = copy(job->arena, from->url, &failed),
        .secret = copy(job->arena, from->secret, &failed),
        .content = copy(job->arena, from->content, &failed),
        .subject = copy(job->arena, from->subject, &failed),
        .text = copy(job->arena, from->text, &failed),
        .html = copy(job->arena, from->html, &failed),
        .placeholders = from->placeholders,
    };
    if (failed)
        return -QY_ENOMEM;
    *ret_job = TAKE(job);
    return 0;
}

void job_free(struct job **job)
{
    if (!*job)
        return;
    sodium_memzero(&(*job)->of_person, sizeof((*job)->of_person));
    arena_close(&(*job)->arena);
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
