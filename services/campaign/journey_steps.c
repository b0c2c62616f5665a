/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/journey_reader.h"

#include "common/clock.h"
#include "common/template.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS_MIN 1000
#define URL_BYTES_MAX 2000
#define SEALED_BYTES_MAX 400
#define SUBJECT_BYTES_MAX 500
#define CONTENT_BYTES_MAX ((size_t)64 * 1024)

/* Turns the id at `key` into a step's index; the step that follows where it is absent. */
static int read_reference(struct reader *reader, const struct part *part, const char *key,
    const struct journey *journey, int follows)
{
    const char *id = reader_text(reader, part, key, false, STEP_ID_BYTES - 1, false);
    if (!id)
        return follows;
    int step = journey_step(journey, id);
    if (step == STEP_END)
        reader_refuse(reader, part, key, "there is no step \"%s\"", id);
    return step;
}

static void read_wait(struct reader *reader, const struct part *part, struct step *step)
{
    const char *length = reader_text(reader, part, "for", false, 20, false);
    const char *until = reader_text(reader, part, "until", false, 40, false);
    if (!length == !until) {
        reader_refuse(reader, part, NULL, "must have either for or until");
    } else if (length) {
        if (!duration_parse(length, strlen(length), &step->wait_ms) || step->wait_ms < WAIT_MS_MIN)
            reader_refuse(reader, part, "for", "must be a duration such as 90s, 15m, 36h, 30d or 6w");
    } else if (!time_parse(until, strlen(until), true, &step->until_ms)) {
        reader_refuse(reader, part, "until", "must be an RFC 3339 time or a date");
    }
}

/* Digits alone: 1 to 100. 0: it is not such a number. */
static unsigned percent_of(yyjson_val *json)
{
    if (!yyjson_is_raw(json) || yyjson_get_len(json) > 3)
        return 0;
    unsigned value = 0;
    const char *digits = yyjson_get_raw(json);
    for (size_t i = 0; i < yyjson_get_len(json); i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
        value = value * 10 + (unsigned)(digits[i] - '0');
    }
    return value <= 100 ? value : 0;
}

static void read_branch(struct reader *reader, const struct part *part, const struct journey *journey,
    int follows, struct step_branch *ret_branch)
{
    static const char *const keys[] = {"share", "next", NULL};
    if (!reader_object(reader, part, keys))
        return;
    ret_branch->share = percent_of(yyjson_obj_get(part->json, "share"));
    if (ret_branch->share == 0)
        reader_refuse(reader, part, "share", "must be a whole number of percent, 1 to 100");
    ret_branch->next = read_reference(reader, part, "next", journey, follows);
}

static void read_split(struct reader *reader, const struct part *part, const struct journey *journey,
    int follows, struct step *step)
{
    struct part branches = {
        yyjson_obj_get(part->json, "branches"), arena_printf(reader->arena, "%s/branches", part->pointer)};
    size_t count = yyjson_arr_size(branches.json);
    if (count < 2 || count > JOURNEY_BRANCHES_MAX) {
        reader_refuse(reader, part, "branches", "must be a list of 2 to %d branches", JOURNEY_BRANCHES_MAX);
        return;
    }
    step->branches = arena_alloc(reader->arena, count * sizeof(*step->branches));
    if (!step->branches || !branches.pointer) {
        reader_fail(reader);
        return;
    }
    unsigned sum = 0;
    for (; step->branch_count < count; step->branch_count++) {
        struct part branch = reader_item(
            reader, &branches, step->branch_count, yyjson_arr_get(branches.json, step->branch_count));
        read_branch(reader, &branch, journey, follows, &step->branches[step->branch_count]);
        sum += step->branches[step->branch_count].share;
    }
    if (sum != 100)
        reader_refuse(reader, part, "branches", "shares must sum to 100, not %u", sum);
}

static void read_condition(struct reader *reader, const struct part *part, const struct journey *journey,
    int follows, struct step *step)
{
    reader_rule(reader, part, "rule", false, &step->rule);
    if (!yyjson_obj_get(part->json, "then") && !yyjson_obj_get(part->json, "else"))
        reader_refuse(reader, part, NULL, "must have then, else, or both");
    step->next = read_reference(reader, part, "then", journey, follows);
    step->otherwise = read_reference(reader, part, "else", journey, follows);
}

static const char *read_template(
    struct reader *reader, const struct part *part, const char *key, const char *text, struct step *step)
{
    char problem[128];
    if (text && template_check(text, &step->message.placeholders, problem))
        reader_refuse(reader, part, key, "%s", problem);
    return text;
}

/* A host is there, and nothing that would travel in the clear or be kept in logs: no user, no fragment. */
static bool is_web_url(const char *url)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    bool good = parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
                curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK && *host &&
                curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parsed);
    return good;
}

static void read_webhook(struct reader *reader, const struct part *part, struct step *step)
{
    struct step_message *message = &step->message;
    size_t size = 0;
    message->url = reader_text(reader, part, "url", true, URL_BYTES_MAX, false);
    if (message->url && (!is_web_url(message->url) || strchr(message->url, ' ')))
        reader_refuse(reader, part, "url", "must be an http or https URL without user and password");
    if (message->url && !reader->stored && strstr(message->url, "{{"))
        reader_refuse(reader, part, "url", "takes no placeholders: addresses are kept in logs; use content");
    if (reader->stored) {
        message->sealed = reader_text(reader, part, "secret_sealed", true, SEALED_BYTES_MAX, false);
    } else {
        message->secret = reader_text(reader, part, "secret", false, SECRET_BYTES_MAX, false);
        reader_bool(reader, part, "secret_set", false);
    }
    message->content =
        read_template(reader, part, "content", reader_json(reader, part, "content", &size), step);
    if (!message->content)
        reader_refuse(reader, part, "content", "is missing");
    else if (size > CONTENT_BYTES_MAX)
        reader_refuse(reader, part, "content", "is larger than %zu bytes", CONTENT_BYTES_MAX);
}

static void read_email(struct reader *reader, const struct part *part, struct step *step)
{
    struct step_message *message = &step->message;
    message->subject = read_template(
        reader, part, "subject", reader_text(reader, part, "subject", true, SUBJECT_BYTES_MAX, false), step);
    message->text = read_template(
        reader, part, "text", reader_text(reader, part, "text", false, CONTENT_BYTES_MAX, true), step);
    message->html = read_template(
        reader, part, "html", reader_text(reader, part, "html", false, CONTENT_BYTES_MAX, true), step);
    if (!message->text && !message->html)
        reader_refuse(reader, part, NULL, "must have text, html, or both");
}

static void read_send(struct reader *reader, const struct part *part, struct step *step)
{
    static const char *const webhook[] = {
        "id", "type", "next", "channel", "url", "secret", "secret_set", "content", NULL};
    static const char *const stored[] = {
        "id", "type", "next", "channel", "url", "secret_sealed", "content", NULL};
    static const char *const email[] = {"id", "type", "next", "channel", "subject", "text", "html", NULL};
    const char *channel = reader_text(reader, part, "channel", true, 20, false);
    if (!channel)
        return;
    if (strcmp(channel, "webhook") == 0) {
        step->channel = CHANNEL_WEBHOOK;
        if (reader_object(reader, part, reader->stored ? stored : webhook))
            read_webhook(reader, part, step);
    } else if (strcmp(channel, "email") == 0) {
        step->channel = CHANNEL_EMAIL;
        if (reader_object(reader, part, email))
            read_email(reader, part, step);
    } else {
        reader_refuse(reader, part, "channel", "must be webhook or email");
    }
}

static void read_step(struct reader *reader, const struct part *part, struct journey *journey, int index)
{
    static const char *const wait[] = {"id", "type", "next", "for", "until", NULL};
    static const char *const condition[] = {"id", "type", "rule", "then", "else", NULL};
    static const char *const split[] = {"id", "type", "branches", NULL};
    static const char *const end[] = {"id", "type", NULL};
    struct step *step = &journey->steps[index];
    int follows = index + 1 < journey->step_count ? index + 1 : STEP_END;
    if (step->type != STEP_CONDITION && step->type != STEP_SPLIT && step->type != STEP_EXIT)
        step->next = read_reference(reader, part, "next", journey, follows);
    switch (step->type) {
    case STEP_WAIT:
        if (reader_object(reader, part, wait))
            read_wait(reader, part, step);
        break;
    case STEP_CONDITION:
        if (reader_object(reader, part, condition))
            read_condition(reader, part, journey, follows, step);
        break;
    case STEP_SPLIT:
        if (reader_object(reader, part, split))
            read_split(reader, part, journey, follows, step);
        break;
    case STEP_SEND:
        read_send(reader, part, step);
        break;
    case STEP_EXIT:
        step->next = STEP_END;
        reader_object(reader, part, end);
        break;
    }
}

static bool is_step_id(const char *id)
{
    return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(id);
}

/* Id and type of each step first, so that references can point forward. */
static void read_head(struct reader *reader, const struct part *part, struct journey *journey, int index)
{
    static const char *const types[] = {"wait", "condition", "split", "send", "exit"};
    struct step *step = &journey->steps[index];
    if (!yyjson_is_obj(part->json)) {
        reader_refuse(reader, part, NULL, "must be an object");
        return;
    }
    const char *id = reader_text(reader, part, "id", true, STEP_ID_BYTES - 1, false);
    const char *type = reader_text(reader, part, "type", true, 20, false);
    if (!id || !type)
        return;
    if (!is_step_id(id))
        reader_refuse(reader, part, "id", "must be letters, digits, _ and - only");
    if (journey_step(journey, id) != STEP_END)
        reader_refuse(reader, part, "id", "another step has the id \"%s\"", id);
    snprintf(step->id, sizeof(step->id), "%s", id);
    size_t i = 0;
    while (i < COUNT_OF(types) && strcmp(types[i], type) != 0)
        i++;
    if (i == COUNT_OF(types))
        reader_refuse(reader, part, "type", "must be wait, condition, split, send or exit");
    step->type = (enum step_type)i;
}

/* -- ways back -- */

enum colour { UNSEEN, ON_THE_WAY, DONE };

/* A wait "for" a while lets time pass; a wait "until" lets it pass once only. */
static bool passes_time(const struct step *step)
{
    return step->type == STEP_WAIT && step->wait_ms > 0;
}

/* The index of a step that comes back to itself without time passing, or STEP_END. At most JOURNEY_STEPS_MAX
 * deep. */
static int find_loop(const struct journey *journey, int index, enum colour *colours)
{
    if (index == STEP_END || colours[index] == DONE)
        return STEP_END;
    if (colours[index] == ON_THE_WAY)
        return index;
    const struct step *step = &journey->steps[index];
    colours[index] = ON_THE_WAY;
    int found = STEP_END;
    if (step->type != STEP_SPLIT && !passes_time(step))
        found = find_loop(journey, step->next, colours);
    if (step->type == STEP_CONDITION && found == STEP_END)
        found = find_loop(journey, step->otherwise, colours);
    for (size_t i = 0; i < step->branch_count && found == STEP_END; i++)
        found = find_loop(journey, step->branches[i].next, colours);
    colours[index] = DONE;
    return found;
}

static void refuse_loops(struct reader *reader, const struct part *steps, const struct journey *journey)
{
    enum colour colours[JOURNEY_STEPS_MAX] = {UNSEEN};
    for (int i = 0; i < journey->step_count; i++) {
        int loop = find_loop(journey, i, colours);
        if (loop == STEP_END)
            continue;
        struct part part = reader_item(reader, steps, (size_t)loop, NULL);
        reader_refuse(reader, &part, NULL, "step \"%s\" leads back to itself without a wait \"for\" a while",
            journey->steps[loop].id);
        return;
    }
}

void reader_steps(struct reader *reader, const struct part *root, struct journey *journey)
{
    struct part steps = {yyjson_obj_get(root->json, "steps"), "/steps"};
    size_t count = yyjson_arr_size(steps.json);
    if (count < 1 || count > JOURNEY_STEPS_MAX) {
        reader_refuse(reader, root, "steps", "must be a list of 1 to %d steps", JOURNEY_STEPS_MAX);
        return;
    }
    journey->steps = arena_alloc(reader->arena, count * sizeof(*journey->steps));
    if (!journey->steps) {
        reader_fail(reader);
        return;
    }
    for (size_t i = 0; i < count && !reader->error; i++) {
        struct part part = reader_item(reader, &steps, i, yyjson_arr_get(steps.json, i));
        read_head(reader, &part, journey, (int)i);
        journey->step_count++;
    }
    for (size_t i = 0; i < count && !reader->error; i++) {
        struct part part = reader_item(reader, &steps, i, yyjson_arr_get(steps.json, i));
        read_step(reader, &part, journey, (int)i);
    }
    if (!reader->error)
        refuse_loops(reader, &steps, journey);
}
