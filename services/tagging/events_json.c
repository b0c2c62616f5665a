/* SPDX-License-Identifier: Apache-2.0 */
/* A person's newest events, as a profile shows them. */
#include "common/money.h"
#include "services/tagging/events.h"

#include <stdlib.h>
#include <string.h>

/* The newest so far, as a heap with the oldest of them on top. */
struct newest {
    struct people *people;
    struct stored_event *events;
    size_t count, limit;
    int error;
};

static bool is_older(const struct stored_event *a, const struct stored_event *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms;
    return a->origin < b->origin;
}

static void sink(struct stored_event *events, size_t count)
{
    for (size_t at = 0;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && is_older(&events[child + 1], &events[child]))
            child++;
        if (!is_older(&events[child], &events[at]))
            return;
        struct stored_event swap = events[at];
        events[at] = events[child];
        events[child] = swap;
        at = child;
    }
}

static void rise(struct stored_event *events, size_t at)
{
    while (at > 0 && is_older(&events[at], &events[(at - 1) / 2])) {
        struct stored_event swap = events[at];
        events[at] = events[(at - 1) / 2];
        events[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
}

static struct bytes keep(struct newest *newest, struct bytes text)
{
    if (text.size == 0)
        return text;
    uint8_t *copy = arena_copy(newest->people->arena, text.data, text.size);
    if (!copy)
        newest->error = -QY_ENOMEM;
    return (struct bytes){copy, copy ? text.size : 0};
}

/* In a read transaction rows stay where they are, but in a write transaction they do not: copy what is shown.
 */
static bool offer(void *context, uint32_t node, const struct event_reference *reference)
{
    struct newest *newest = context;
    bool full = newest->count == newest->limit;
    struct stored_event kept;
    if (full && reference->time_ms < newest->events[0].time_ms)
        return true;
    if (!event_load(newest->people, node, reference, &kept))
        return false;
    if (full && !is_older(&newest->events[0], &kept))
        return true;
    kept.name =
        (const char *)keep(newest, (struct bytes){(const uint8_t *)kept.name, strlen(kept.name) + 1}).data;
    kept.properties = keep(newest, kept.properties);
    kept.context = keep(newest, kept.context);
    if (newest->error)
        return false;
    if (newest->count < newest->limit) {
        newest->events[newest->count] = kept;
        rise(newest->events, newest->count++);
    } else {
        newest->events[0] = kept;
        sink(newest->events, newest->count);
    }
    return true;
}

static const char *type_name(Quanyu__EventType type)
{
    static const char *const names[] = {"message", "identify", "track", "page", "screen", "group", "alias"};
    return (size_t)type < COUNT_OF(names) ? names[type] : "";
}

static const char *clock_name(Quanyu__Clock clock)
{
    static const char *const names[] = {"", "future", "past"};
    return (size_t)clock < COUNT_OF(names) ? names[clock] : "";
}

static void write_json(struct bytes json, bool amounts, struct buffer *out)
{
    if (amounts && json.size > 0)
        buffer_append(out, json.data, json.size);
    else if (json.size == 0 || money_strip_text(json, out))
        buffer_text(out, "{}");
}

static void write_event(const struct stored_event *event, bool amounts, struct buffer *out)
{
    char text[TIME_TEXT_BYTES];
    buffer_printf(out, "{\"type\":\"%s\",\"name\":", type_name(event->type));
    buffer_json_string(out, event->name, strlen(event->name));
    buffer_printf(out, ",\"time\":\"%s\"", time_format(event->time_ms, text));
    buffer_printf(out, ",\"received_at\":\"%s\"", time_format(event->received_ms, text));
    if (event->stated_ms != event->time_ms)
        buffer_printf(out, ",\"stated_at\":\"%s\"", time_format(event->stated_ms, text));
    if (*clock_name(event->clock))
        buffer_printf(out, ",\"clock\":\"%s\"", clock_name(event->clock));
    buffer_text(out, ",\"properties\":");
    write_json(event->properties, amounts, out);
    if (event->context.size > 0) {
        buffer_text(out, ",\"context\":");
        write_json(event->context, amounts, out);
    }
    buffer_byte(out, '}');
}

int people_events_json(
    struct people *people, const struct person *person, size_t limit, bool amounts, struct buffer *out)
{
    struct newest newest = {.people = people, .limit = limit};
    newest.events = arena_alloc(people->arena, (limit + 1) * sizeof(*newest.events));
    if (!newest.events)
        return -QY_ENOMEM;
    if (limit > 0)
        people_walk_events(people, person, NULL, INT64_MIN, INT64_MAX, offer, &newest);
    if (newest.error || people->error)
        return newest.error ? newest.error : people->error;
    buffer_byte(out, '[');
    /* The top is the oldest of what is left: take them off and write from the other end. */
    for (size_t left = newest.count; left > 0; left--) {
        struct stored_event oldest = newest.events[0];
        newest.events[0] = newest.events[left - 1];
        newest.events[left - 1] = oldest;
        sink(newest.events, left - 1);
    }
    for (size_t i = 0; i < newest.count; i++) {
        if (i > 0)
            buffer_byte(out, ',');
        write_event(&newest.events[i], amounts, out);
    }
    buffer_byte(out, ']');
    return buffer_error(out);
}
