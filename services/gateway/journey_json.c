/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/journey_json.h"

#define TOLD_MOST 1024u /* different numbers of one journey */

static const char *state_name(Quanyu__Journey__State state)
{
    switch (state) {
    case QUANYU__JOURNEY__STATE__ACTIVE:
        return "active";
    case QUANYU__JOURNEY__STATE__PAUSED:
        return "paused";
    case QUANYU__JOURNEY__STATE__DELETED:
        return "deleted";
    default:
        return "draft";
    }
}

/* Numbers of people, where they may be told. */
struct number {
    const char *name;
    uint64_t count;
};

/* What of one journey has been told. */
struct told {
    uint32_t least;
    bool withheld; /* nothing is */
    bool
        depends; /* on what people are, which way they go: that all of them went one way tells that of each of a few, too */
    size_t count;
    uint64_t numbers[TOLD_MOST];
};

/* Two numbers of a journey that differ by a few give those few away: a step's other branch. So does it, behind a condition, that they do not
 * differ at all. */
static bool may_tell(const struct told *told, uint64_t number)
{
    for (size_t i = 0; i < told->count; i++) {
        uint64_t other = told->numbers[i], apart = other > number ? other - number : number - other;
        if ((apart > 0 || told->depends) && apart < told->least)
            return false;
    }
    return number >= told->least && told->count < TOLD_MOST;
}

/* Who may not see people is told multiples: one more than in an earlier answer would give away what somebody is who was sent in between. */
static uint64_t whole(uint64_t number, uint32_t least)
{
    return least ? number - number % least : number;
}

static void write_numbers(struct json *json, const struct number *numbers, size_t count, struct told *told)
{
    bool too_few = false;
    if (told->withheld)
        return;
    for (size_t i = 0; i < count; i++) {
        bool may = may_tell(told, numbers[i].count);
        too_few |= !may;
        if (!may)
            continue;
        json_field_unsigned(json, numbers[i].name, whole(numbers[i].count, told->least));
        if (told->least)
            told->numbers[told->count++] = numbers[i].count;
    }
    if (too_few)
        json_field_bool(json, "too_few", true);
}

/* How many steps all who entered come by, up to the first condition; and whether who is on the way says what people are. */
static size_t find_conditions(const Quanyu__Journey *journey, bool *ret_exits)
{
    yyjson_doc *doc = yyjson_read((const char *)journey->definition.data, journey->definition.len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *step;
    size_t index, count, all = 0;
    bool met = false;
    *ret_exits = yyjson_obj_get(root, "exit_when");
    yyjson_arr_foreach(yyjson_obj_get(root, "steps"), index, count, step)
    {
        all += !met;
        met |= yyjson_equals_str(yyjson_obj_get(step, "type"), "condition");
    }
    yyjson_doc_free(doc);
    return all;
}

static void write_steps(struct json *json, const Quanyu__Journey *journey, size_t all, struct told *told)
{
    json_name(json, "steps");
    json_open(json, '[');
    for (size_t i = 0; i < journey->n_steps; i++) {
        const Quanyu__Journey__StepCount *step = journey->steps[i];
        const struct number numbers[] = {{"entered", step->entered}, {"waiting", step->waiting},
            {"left", step->left}, {"delivered", step->delivered}, {"failed", step->failed},
            {"unknown", step->unknown}, {"skipped", step->skipped}};
        json_open(json, '{');
        json_field_text(json, "id", step->step);
        told->depends |= i >= all;
        write_numbers(json, numbers, COUNT_OF(numbers), told);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void journey_write(struct json *json, const Quanyu__Journey *journey, uint32_t least, bool withheld)
{
    const struct number numbers[] = {{"entered", journey->entered}, {"active", journey->active},
        {"completed", journey->completed}, {"exited", journey->exited}, {"merged", journey->merged},
        {"removed", journey->removed}};
    struct told told = {.least = least, .withheld = withheld};
    bool exits;
    size_t all = find_conditions(journey, &exits);
    json_open(json, '{');
    json_field_text(json, "id", journey->id);
    json_field_text(json, "name", journey->name);
    json_field_text(json, "state", state_name(journey->state));
    json_field_unsigned(json, "version", journey->version);
    json_field_unsigned(json, "version_in_force", journey->running_version);
    json_field_time(json, "created_at", journey->created_ms);
    json_field_time(json, "changed_at", journey->changed_ms);
    told.depends = exits;
    write_numbers(json, numbers, COUNT_OF(numbers), &told);
    json_field_optional(json, "error", journey->error);
    told.depends = false;
    write_steps(json, journey, all, &told);
    json_name(json, "definition");
    json_raw(json, journey->definition.data, journey->definition.len, "null");
    json_close(json, '}');
}
