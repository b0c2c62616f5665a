/* SPDX-License-Identifier: Apache-2.0 */
/* A story by chance (nodes, joins, splits, events of every kind), told to a world whole or up to some time;
 * and rules by chance. */
#ifndef QY_TESTS_TAGGING_RANDOM_WORLD_H
#define QY_TESTS_TAGGING_RANDOM_WORLD_H

#include "tests/unit/tagging/world.h"

#define STORY_NODES 120u
#define STORY_STEPS 1500u

enum story_kind { STORY_NODE, STORY_EVENT, STORY_MOVE };

struct story_step {
    enum story_kind kind;
    uint32_t node, from, to;
    struct world_event event;
    char properties[200], traits[120];
};

struct story {
    struct story_step steps[STORY_STEPS + STORY_NODES];
    size_t count;
    uint32_t person[STORY_NODES + 1]; /* where each node is now; 0: not there yet */
};

static uint32_t random_below(uint32_t limit)
{
    return (uint32_t)rand() % limit;
}

static const char *random_of(const char *const *texts, size_t count)
{
    return texts[random_below((uint32_t)count)];
}
#define RANDOM_OF(...)                                                                                       \
    random_of((const char *const[]){__VA_ARGS__}, COUNT_OF(((const char *const[]){__VA_ARGS__})))

static void random_event(struct story *story, struct story_step *step)
{
    step->kind = STORY_EVENT;
    step->node = random_below(STORY_NODES) + 1;
    while (story->person[step->node] == 0)
        step->node = random_below(STORY_NODES) + 1;
    step->event = (struct world_event){
        .node = step->node,
        .name = RANDOM_OF(
            "a", "b", "Order Completed", "Order Completed", "Order Refunded", "Product Viewed", NULL),
        .event_ms = WORLD_START - (int64_t)random_below(200 * 86400) * 1000 + random_below(3),
        .history = random_below(4) == 0,
    };
    if (step->event.name)
        snprintf(step->properties, sizeof(step->properties),
            "{\"order_id\":\"o%u\",\"total\":%u.%02u,\"currency\":\"%s\",\"x\":%u,\"products\":[{\"sku\":\"s%"
            "u\"},{\"sku\":\"s%u\"}]}",
            random_below(60), random_below(300), random_below(100), random_below(8) ? "CNY" : "USD",
            random_below(5), random_below(4), random_below(4));
    else
        snprintf(step->traits, sizeof(step->traits), "{\"%s\":%s}", RANDOM_OF("city", "age", "vip", "likes"),
            RANDOM_OF("\"上海\"", "\"北京\"", "\"Wien\"", "null", "17", "18.0", "\"18\"", "18.5", "true",
                "[\"tea\",\"18\"]", "[\"tea\"]", "{\"a\":1}", "\"2025-09-01\""));
    step->event.properties = *step->properties ? step->properties : NULL;
    step->event.traits = *step->traits ? step->traits : NULL;
}

static bool random_move(struct story *story, struct story_step *step)
{
    uint32_t node = random_below(STORY_NODES) + 1, from = story->person[node];
    if (from == 0)
        return false;
    bool split = node != from && random_below(3) == 0;
    uint32_t other = random_below(STORY_NODES) + 1, to = split ? node : story->person[other];
    if (to == 0 || to == from || (split && story->person[node] == node))
        return false;
    if (!split && from < to) { /* the lower number stays */
        uint32_t swap = from;
        from = to;
        to = swap;
    }
    step->kind = STORY_MOVE;
    step->node = split ? node : 0; /* 0: all nodes of `from` */
    step->from = from;
    step->to = to;
    for (uint32_t i = 1; i <= STORY_NODES; i++)
        if (story->person[i] == from && (!split || i == node))
            story->person[i] = to;
    return true;
}

static void random_story(struct story *story, unsigned seed)
{
    memset(story, 0, sizeof(*story));
    srand(seed);
    for (uint32_t made = 0; story->count < STORY_STEPS;) {
        struct story_step *step = &story->steps[story->count];
        uint32_t chance = random_below(100);
        if (made < STORY_NODES && (made == 0 || chance < 10)) {
            step->kind = STORY_NODE;
            step->node = ++made;
            step->to = made;
            story->person[made] = made;
        } else if (chance >= 15 || !random_move(story, step)) {
            random_event(story, step);
        }
        story->count++;
    }
}

static const char *story_kind_of(uint32_t node)
{
    static const char *const kinds[] = {"user_id", "phone", "anonymous_id"};
    return kinds[node % 3];
}

/* Tells the story. With `before_ms`, only events before it, and only nodes that have one: as if told at that
 * time. */
static inline void story_tell(
    struct world *world, struct story *story, int64_t before_ms, unsigned commit_every)
{
    static uint32_t person[STORY_NODES + 1];
    bool told[STORY_NODES + 1] = {false};
    memset(person, 0, sizeof(person));
    for (size_t i = 0; i < story->count; i++)
        if (story->steps[i].kind == STORY_EVENT && story->steps[i].event.event_ms < before_ms)
            told[story->steps[i].node] = true;
    for (size_t i = 0; i < story->count; i++) {
        struct story_step *step = &story->steps[i];
        uint32_t moved[STORY_NODES];
        size_t count = 0;
        switch (step->kind) {
        case STORY_NODE:
            person[step->node] = step->to;
            if (told[step->node])
                world_node(world, step->node, step->to, story_kind_of(step->node));
            break;
        case STORY_EVENT:
            if (step->event.event_ms < before_ms)
                world_event(world, step->event);
            break;
        case STORY_MOVE:
            for (uint32_t node = 1; node <= STORY_NODES; node++)
                if (person[node] == step->from && (step->node == 0 || step->node == node)) {
                    person[node] = step->to;
                    if (told[node])
                        moved[count++] = node;
                }
            if (count > 0)
                world_move(world, moved, count, step->from, step->to);
            break;
        }
        if (commit_every && i % commit_every == 0)
            world_commit(world);
    }
}

/* -- rules -- */

struct rule_names_known {
    const char *tags[2], *segment; /* segment NULL: nothing without a history */
};

static void random_test(struct buffer *json, bool number)
{
    if (number)
        buffer_printf(
            json, ",\"%s\":%u", RANDOM_OF("gte", "gt", "lt", "lte", "is", "is_not"), random_below(4));
    else
        buffer_printf(json, ",%s",
            RANDOM_OF("\"is\":\"上海\"", "\"is_not\":\"上海\"", "\"in\":[\"北京\",18]",
                "\"not_in\":[\"tea\",17]", "\"exists\":true", "\"exists\":false", "\"gte\":18",
                "\"lt\":\"18.2\"", "\"contains\":\"tea\"", "\"contains\":\"i\"", "\"starts_with\":\"W\"",
                "\"older_than\":\"30d\"", "\"is\":true"));
}

static void random_metric(struct buffer *json)
{
    switch (random_below(4)) {
    case 0:
        buffer_printf(json, "{\"metric\":\"%s\"", RANDOM_OF("orders", "refunds", "events"));
        random_test(json, true);
        break;
    case 1:
        buffer_printf(json, "{\"metric\":\"%s\",\"%s\":\"%u.5\"",
            RANDOM_OF("gross", "revenue", "average_order"), RANDOM_OF("gte", "gt", "lt", "lte", "is_not"),
            random_below(400));
        break;
    case 2:
        buffer_printf(json, "{\"metric\":\"%s\",\"%s\":\"%ud\"",
            RANDOM_OF("first_order_at", "last_order_at", "first_seen_at", "last_seen_at"),
            RANDOM_OF("older_than", "newer_than"), random_below(200) + 1);
        break;
    default:
        buffer_printf(
            json, "{\"metric\":\"%s\"", RANDOM_OF("recency_score", "frequency_score", "monetary_score"));
        random_test(json, true);
        if (random_below(2))
            buffer_text(json, ",\"in\":[1,3,5]");
        break;
    }
    if (random_below(6) == 0)
        buffer_text(json, ",\"exists\":true");
    buffer_byte(json, '}');
}

static void random_event_condition(struct buffer *json)
{
    buffer_printf(
        json, "{\"event\":\"%s\"", RANDOM_OF("a", "b", "Order Completed", "Product Viewed", "nobody's"));
    if (random_below(3) == 0)
        buffer_printf(json, ",\"where\":[{\"property\":\"%s\"}]",
            RANDOM_OF("x\",\"gte\":\"2", "products.sku\",\"is\":\"s1", "total\",\"lt\":\"100",
                "none\",\"exists\":false,\"is_not\":\"z"));
    if (random_below(2))
        buffer_printf(json, ",\"within\":\"%ud\"", random_below(150) + 1);
    else if (random_below(2))
        buffer_text(json, ",\"between\":[\"2025-06-01\",\"2025-08-15T10:00:00+08:00\"]");
    switch (random_below(5)) {
    case 0:
        buffer_printf(json, ",\"count\":{\"%s\":%u}", RANDOM_OF("gte", "lte", "is", "gt"), random_below(4));
        break;
    case 1:
        buffer_printf(
            json, ",\"sum\":{\"property\":\"total\",\"%s\":%u}", RANDOM_OF("gte", "lt"), random_below(500));
        break;
    case 2:
        buffer_printf(json, ",\"distinct\":{\"property\":\"products.sku\",\"%s\":%u}", RANDOM_OF("gte", "lt"),
            random_below(4));
        break;
    default:
        break;
    }
    buffer_byte(json, '}');
}

static void random_leaf(struct buffer *json, const struct rule_names_known *names)
{
    switch (random_below(names->segment ? 9 : 7)) {
    case 0:
    case 1:
        random_metric(json);
        break;
    case 2:
    case 3:
        random_event_condition(json);
        break;
    case 4:
        buffer_printf(json, "{\"trait\":\"%s\"", RANDOM_OF("city", "age", "vip", "likes", "nothing"));
        random_test(json, false);
        buffer_byte(json, '}');
        break;
    case 5:
        buffer_printf(json, "{\"stage\":%s}",
            RANDOM_OF("\"dormant\"", "[\"new\",\"active\"]", "\"lost\"", "[\"prospect\",\"lost\"]"));
        break;
    case 6:
        buffer_printf(json, "{\"identifier\":\"%s\"}", RANDOM_OF("user_id", "phone", "email"));
        break;
    case 7:
        buffer_printf(json, "{\"tag\":\"%s\"%s}", names->tags[random_below(2)],
            RANDOM_OF("", ",\"origin\":\"guide\"", ",\"origin\":\"rule\""));
        break;
    default:
        buffer_printf(json, "{\"segment\":\"%s\"}", names->segment);
        break;
    }
}

static void random_rule(struct buffer *json, const struct rule_names_known *names, unsigned depth)
{
    uint32_t chance = random_below(10);
    if (depth == 0 || chance < 4) {
        random_leaf(json, names);
        return;
    }
    if (chance == 4) {
        buffer_text(json, "{\"not\":");
        random_rule(json, names, depth - 1);
        buffer_byte(json, '}');
        return;
    }
    buffer_printf(json, "{\"%s\":[", chance < 8 ? "all" : "any");
    for (uint32_t i = 0, count = random_below(3) + 1; i < count; i++) {
        if (i > 0)
            buffer_byte(json, ',');
        random_rule(json, names, depth - 1);
    }
    buffer_text(json, "]}");
}

#endif
