/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/journey_reader.h"

#include "common/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

const char *channel_name(enum channel channel)
{
    return channel == CHANNEL_EMAIL ? "email" : "webhook";
}

/* {"segment":ID} is itself a rule of the language. */
static void read_entry_segment(
    struct reader *reader, const struct part *root, const struct part *entry, struct journey *journey)
{
    reader_text(reader, entry, "segment", true, 100, false);
    reader_rule(reader, root, "entry", false, &journey->entry);
}

/* Each matching event fires: counting and windows make a membership, which is what "rule" is for. */
static void read_entry_event(struct reader *reader, const struct part *entry, struct journey *journey)
{
    static const char *const keys[] = {"event", "where", NULL};
    struct part event = {yyjson_obj_get(entry->json, "event"), "/entry/event"};
    if (reader_object(reader, &event, keys))
        reader_rule(reader, entry, "event", true, &journey->entry);
}

static void read_entry(struct reader *reader, const struct part *root, struct journey *journey)
{
    static const char *const keys[] = {"segment", "rule", "event", NULL};
    struct part entry = {yyjson_obj_get(root->json, "entry"), "/entry"};
    if (!entry.json) {
        reader_refuse(reader, root, "entry", "is missing");
        return;
    }
    if (!reader_object(reader, &entry, keys))
        return;
    if (yyjson_obj_size(entry.json) != 1)
        reader_refuse(reader, &entry, NULL, "must have one of segment, rule and event");
    else if (yyjson_obj_get(entry.json, "segment"))
        read_entry_segment(reader, root, &entry, journey);
    else if (yyjson_obj_get(entry.json, "rule"))
        reader_rule(reader, &entry, "rule", false, &journey->entry);
    else
        read_entry_event(reader, &entry, journey);
}

static void read_reentry(struct reader *reader, const struct part *root, struct journey *journey)
{
    const char *text = reader_text(reader, root, "reentry", false, 20, false);
    if (!text || strcmp(text, "never") == 0)
        return;
    if (strcmp(text, "after_exit") == 0) {
        journey->reentry = REENTRY_AFTER_EXIT;
        return;
    }
    journey->reentry = REENTRY_AFTER;
    if (!duration_parse(text, strlen(text), &journey->reentry_ms))
        reader_refuse(reader, root, "reentry", "must be never, after_exit or a duration such as 30d");
}

static void read_journey(struct reader *reader, const struct part *root, struct journey *journey)
{
    static const char *const keys[] = {
        "name", "entry", "steps", "include_current", "reentry", "exit_when", NULL};
    if (!reader_object(reader, root, keys))
        return;
    journey->name = reader_text(reader, root, "name", true, JOURNEY_NAME_BYTES_MAX, false);
    read_entry(reader, root, journey);
    journey->include_current = reader_bool(reader, root, "include_current", false);
    if (journey->include_current && journey->entry.trigger)
        reader_refuse(reader, root, "include_current", "needs an entry by segment or rule");
    read_reentry(reader, root, journey);
    if (yyjson_obj_get(root->json, "exit_when"))
        reader_rule(reader, root, "exit_when", false, &journey->exit_when);
    reader_steps(reader, root, journey);
}

int journey_rule_count(const struct journey *journey)
{
    return journey ? journey->step_count + 2 : 0;
}

struct watch_rule *journey_rule(struct journey *journey, int index)
{
    if (index < journey->step_count)
        return &journey->steps[index].rule;
    return index == journey->step_count ? &journey->exit_when : &journey->entry;
}

static int open_journey(struct journey **ret_journey)
{
    struct arena *arena;
    int error = arena_open(&arena);
    if (error)
        return error;
    struct journey *journey = arena_alloc(arena, sizeof(*journey));
    if (!journey) {
        arena_close(&arena);
        return -QY_ENOMEM;
    }
    journey->arena = arena;
    *ret_journey = journey;
    return 0;
}

static int parse(
    const void *json, size_t size, bool stored, struct journey **ret_journey, struct journey_problem *problem)
{
    yyjson_read_err wrong;
    /* yyjson does not write to its input without YYJSON_READ_INSITU. */
    yyjson_doc *document = yyjson_read_opts((char *)json, size, YYJSON_READ_NUMBER_AS_RAW, NULL, &wrong);
    if (!document) {
        snprintf(
            problem->message, sizeof(problem->message), "is no JSON: %s at byte %zu", wrong.msg, wrong.pos);
        return wrong.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? -QY_ENOMEM : -QY_EINVAL;
    }
    struct journey *journey = NULL;
    struct reader reader = {.problem = problem, .stored = stored};
    reader.error = open_journey(&journey);
    if (!reader.error) {
        reader.arena = journey->arena;
        read_journey(&reader, &(struct part){yyjson_doc_get_root(document), ""}, journey);
    }
    yyjson_doc_free(document);
    if (reader.error)
        journey_free(&journey);
    else
        *ret_journey = journey;
    return reader.error;
}

int journey_parse(
    const void *json, size_t size, struct journey **ret_journey, struct journey_problem *problem)
{
    *problem = (struct journey_problem){0};
    if (size > JOURNEY_BYTES_MAX) {
        snprintf(problem->message, sizeof(problem->message), "is larger than %zu bytes", JOURNEY_BYTES_MAX);
        return -QY_ETOOLARGE;
    }
    return parse(json, size, false, ret_journey, problem);
}

int journey_parse_stored(const void *json, size_t size, struct journey **ret_journey)
{
    struct journey_problem problem;
    int error = parse(json, size, true, ret_journey, &problem);
    return error == -QY_EINVAL ? -QY_ECORRUPT : error;
}

void journey_free(struct journey **journey)
{
    if (!*journey)
        return;
    struct arena *arena = (*journey)->arena; /* the journey itself lies in it */
    *journey = NULL;
    arena_close(&arena);
}

int journey_step(const struct journey *journey, const char *id)
{
    for (int i = 0; i < journey->step_count; i++)
        if (strcmp(journey->steps[i].id, id) == 0)
            return i;
    return STEP_END;
}

unsigned journey_bucket(const char *journey_id, const char *step_id, uint32_t node)
{
    uint8_t number[4] = {(uint8_t)(node >> 24), (uint8_t)(node >> 16), (uint8_t)(node >> 8), (uint8_t)node};
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 16);
    crypto_generichash_update(&state, (const uint8_t *)journey_id, strlen(journey_id) + 1);
    crypto_generichash_update(&state, (const uint8_t *)step_id, strlen(step_id) + 1);
    crypto_generichash_update(&state, number, sizeof(number));
    uint8_t hash[16];
    crypto_generichash_final(&state, hash, sizeof(hash));
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | hash[i];
    return (unsigned)(value % 100);
}

int step_side(const struct step *step, unsigned bucket)
{
    unsigned end = 0;
    for (size_t i = 0; i < step->branch_count; i++) {
        end += step->branches[i].share;
        if (bucket < end)
            return step->branches[i].next;
    }
    return STEP_END;
}
