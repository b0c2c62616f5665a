/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical dump: what two runs over the same input must share. Times at which something was noticed are
 * not in it, nor what is only campaign's. */
#include "services/tagging/events.h"
#include "services/tagging/tagging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERSONS_A_PAGE 1000u

struct dump {
    struct people people;
    struct registry *registry;
    const struct tagging *tagging;
    struct tagging_state state;
    struct buffer *lines;
};

struct name_list {
    struct arena *arena;
    const char **names;
    size_t count, capacity;
};

static int compare_text(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static bool add_name(struct name_list *list, const char *name)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        const char **names = arena_alloc(list->arena, capacity * sizeof(*names));
        if (!names)
            return false;
        if (list->count > 0)
            memcpy(names, list->names, list->count * sizeof(*names));
        list->names = names;
        list->capacity = capacity;
    }
    list->names[list->count++] = name;
    return true;
}

/* Sorted; with `counted`, as an object of how often each is there, else as a list of each once. */
static void write_names(struct buffer *lines, struct name_list *list, bool counted)
{
    if (list->count > 0)
        qsort(list->names, list->count, sizeof(*list->names), compare_text);
    buffer_byte(lines, counted ? '{' : '[');
    for (size_t i = 0, next; i < list->count; i = next) {
        for (next = i + 1; next < list->count && strcmp(list->names[i], list->names[next]) == 0;)
            next++;
        if (i > 0)
            buffer_byte(lines, ',');
        buffer_json_string(lines, list->names[i], strlen(list->names[i]));
        if (counted)
            buffer_printf(lines, ":%zu", next - i);
    }
    buffer_byte(lines, counted ? '}' : ']');
}

struct event_names {
    struct people *people;
    struct name_list list;
};

static bool collect_event(void *context, uint32_t node, const struct event_reference *reference)
{
    struct event_names *events = context;
    const char *name = event_name(events->people, node, reference);
    name = name ? arena_text(events->list.arena, name, strlen(name)) : NULL;
    return name && add_name(&events->list, name);
}

static void write_traits(struct dump *dump, const struct person *person)
{
    struct name_list names = {.arena = dump->people.arena};
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(&dump->people, person->nodes[i].node);
        for (size_t j = 0; node && j < node->trait_count; j++)
            add_name(&names, node->traits[j].name);
    }
    if (names.count > 0)
        qsort(names.names, names.count, sizeof(*names.names), compare_text);
    const char *former = NULL;
    buffer_text(dump->lines, ",\"traits\":{");
    size_t begin = dump->lines->size;
    for (size_t i = 0; i < names.count; i++) {
        const struct trait *trait = people_trait(&dump->people, person, names.names[i]);
        if (!trait || (former && strcmp(former, names.names[i]) == 0))
            continue;
        former = names.names[i];
        if (dump->lines->size > begin)
            buffer_byte(dump->lines, ',');
        buffer_json_string(dump->lines, former, strlen(former));
        buffer_byte(dump->lines, ':');
        buffer_append(dump->lines, trait->json, trait->size);
    }
    buffer_byte(dump->lines, '}');
}

static void write_tags(struct dump *dump, const struct person *person)
{
    struct arena *arena = dump->people.arena;
    struct name_list tags = {.arena = arena}, segments = {.arena = arena};
    for (size_t i = 0; i < person->membership_count; i++) {
        const struct definition *definition =
            registry_by_number(dump->registry, person->memberships[i].definition);
        if (definition && definition->kind == DEFINITION_TAG)
            add_name(&tags, arena_printf(arena, "%s (rule)", definition->id));
        else if (definition && definition->kind == DEFINITION_SEGMENT)
            add_name(&segments, definition->id);
    }
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(&dump->people, person->nodes[i].node);
        for (size_t j = 0; node && j < node->tag_count; j++) {
            const struct definition *tag = registry_by_number(dump->registry, node->tags[j].definition);
            if (tag)
                add_name(&tags, arena_printf(arena, "%s (%s)", tag->id, node->tags[j].origin));
        }
    }
    buffer_text(dump->lines, ",\"tags\":");
    write_names(dump->lines, &tags, false);
    buffer_text(dump->lines, ",\"segments\":");
    write_names(dump->lines, &segments, false);
}

static void write_person(struct dump *dump, const struct person *person)
{
    buffer_printf(dump->lines, "{\"person\":\"p:%u\",\"nodes\":[", person->number);
    for (size_t i = 0; i < person->node_count; i++)
        buffer_printf(dump->lines, "%s\"n:%u\"", i ? "," : "", person->nodes[i].node);
    buffer_printf(dump->lines, "],\"home_unit\":%u,\"guide\":%u,\"stage\":", person->binding.unit,
        binding_guide(&person->binding));
    buffer_json_string(dump->lines, person->stage, strlen(person->stage));
    buffer_text(dump->lines, ",\"metrics\":");
    totals_json(&person->totals, &dump->state.borders, dump->tagging->money.scale, true, dump->lines);
    write_tags(dump, person);
    write_traits(dump, person);
    struct event_names events = {&dump->people, {.arena = dump->people.arena}};
    people_walk_events(&dump->people, person, NULL, INT64_MIN, INT64_MAX, collect_event, &events);
    buffer_text(dump->lines, ",\"events\":");
    write_names(dump->lines, &events.list, true);
    buffer_text(dump->lines, "}\n");
}

static int dump_persons(struct dump *dump, uint32_t from, uint32_t *ret_next)
{
    uint32_t number = from;
    for (; number <= dump->state.highest && number - from < PERSONS_A_PAGE; number++) {
        people_forget_when_large(&dump->people);
        const struct person *person = people_person(&dump->people, number);
        if (!person)
            return dump->people.error;
        if (person->node_count > 0)
            write_person(dump, person);
    }
    *ret_next = number <= dump->state.highest ? number : 0;
    return dump->people.error;
}

static void dump_definitions(struct dump *dump)
{
    static const char *const kinds[] = {"segment", "tag", "stages"};
    for (size_t i = 0; i < dump->registry->count; i++) {
        const struct definition *definition = dump->registry->by_id[i];
        if (definition->kind > DEFINITION_STAGES)
            continue;
        buffer_printf(dump->lines, "{\"definition\":\"%s\",\"id\":", kinds[definition->kind]);
        buffer_json_string(dump->lines, definition->id, strlen(definition->id));
        buffer_printf(dump->lines, ",\"count\":%llu}\n", (unsigned long long)definition->count);
    }
}

static void dump_close(struct dump *dump)
{
    people_close(&dump->people);
    registry_close(&dump->registry);
    arena_close(&dump->people.arena);
}

int tagging_dump(
    void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128])
{
    _cleanup_(dump_close) struct dump dump = {.tagging = self, .lines = lines};
    struct arena *arena;
    int error = arena_open(&arena);
    if (error)
        return error;
    people_open(&dump.people, txn, arena);
    tagging_read_state(txn, &dump.state);
    error = registry_open(dump.tagging->money.scale, &dump.registry);
    if (!error)
        error = registry_load(dump.registry, txn, false);
    if (error)
        return error;
    uint32_t from = *cursor ? (uint32_t)strtoul(cursor, NULL, 10) : 1, next = 0;
    if (from == 1)
        dump_definitions(&dump);
    error = dump_persons(&dump, from, &next);
    if (error)
        return error;
    if (next)
        snprintf(ret_cursor, 128, "%u", next);
    else
        ret_cursor[0] = 0;
    return buffer_error(lines);
}
