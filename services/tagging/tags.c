/* SPDX-License-Identifier: Apache-2.0 */
/* Tags that are set by hand, imported or computed elsewhere. They stay with the node that was named. */
#include "services/tagging/tagging.h"

#include <string.h>

#define HAND_TAGS_MAX 500u /* a node */

static void emit_change(
    struct batch *batch, const struct person *person, const char *tag, const char *origin, bool added)
{
    Quanyu__TagChanged changed = QUANYU__TAG_CHANGED__INIT;
    changed.person = person->number;
    changed.tag = (char *)tag;
    changed.added = added;
    changed.origin = (char *)origin;
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_TAG, &changed.base);
}

static void mark_dependents(
    const struct tagging *tagging, const struct definition *definition, uint64_t *mask)
{
    for (size_t i = 0; i < tagging->registry->words; i++)
        mask[i] |= definition->dependents[i];
}

/* Of what stands on several nodes the person loses it with the last one. */
static void emit_taken(struct tagging *tagging, struct batch *batch, const struct person *person,
    const struct definition *definition, const char *origin)
{
    if (!people_hand_tag(&tagging->people, person, definition->number, origin))
        emit_change(batch, person, definition->id, origin, false);
}

static void take_away(struct node *node, size_t index)
{
    node->tag_count--;
    memmove(&node->tags[index], &node->tags[index + 1], (node->tag_count - index) * sizeof(*node->tags));
    node->dirty = true;
}

int64_t tagging_expire_tags(
    struct tagging *tagging, struct batch *batch, struct person *person, uint64_t *mask)
{
    int64_t next_ms = TIME_NEVER;
    for (size_t i = 0; i < person->node_count; i++) {
        struct node *node = people_node(&tagging->people, person->nodes[i].node);
        for (size_t j = 0; node && j < node->tag_count;) {
            struct hand_tag tag = node->tags[j];
            if (tag.expires_ms != 0 && tag.expires_ms <= batch->now_ms) {
                const struct definition *definition = registry_by_number(tagging->registry, tag.definition);
                take_away(node, j);
                person->dirty = person->facts_dirty = true;
                if (definition) {
                    emit_taken(tagging, batch, person, definition, tag.origin);
                    mark_dependents(tagging, definition, mask);
                }
                continue;
            }
            if (tag.expires_ms != 0 && tag.expires_ms < next_ms)
                next_ms = tag.expires_ms;
            j++;
        }
    }
    return next_ms;
}

static struct hand_tag *find(const struct node *node, uint32_t definition, const char *origin)
{
    for (size_t i = 0; i < node->tag_count; i++)
        if (node->tags[i].definition == definition && strcmp(node->tags[i].origin, origin) == 0)
            return &node->tags[i];
    return NULL;
}

static int add(struct tagging *tagging, struct batch *batch, struct person *person, struct node *node,
    uint32_t definition, const Quanyu__TagPersonRequest *request)
{
    struct people *people = &tagging->people;
    struct hand_tag *held = find(node, definition, request->origin);
    bool is_new = !people_hand_tag(people, person, definition, request->origin);
    if (!held) {
        if (node->tag_count >= HAND_TAGS_MAX)
            return -QY_ETOOLARGE;
        if (!people_grow(people, &node->tags, &node->tag_capacity, node->tag_count, sizeof(*node->tags)))
            return people->error;
        held = &node->tags[node->tag_count++];
        *held = (struct hand_tag){.definition = definition, .since_ms = batch->now_ms};
        held->origin = arena_text(people->arena, request->origin, strlen(request->origin));
        if (!held->origin)
            return people->error = -QY_ENOMEM;
        if (is_new)
            emit_change(batch, person, request->tag, held->origin, true);
    }
    held->expires_ms = request->expires_ms;
    node->dirty = true;
    return 0;
}

static void drop(struct tagging *tagging, struct batch *batch, struct person *person,
    const struct definition *definition, const Quanyu__TagPersonRequest *request)
{
    for (size_t i = 0; i < person->node_count; i++) {
        struct node *node = people_node(&tagging->people, person->nodes[i].node);
        for (size_t j = 0; node && j < node->tag_count;) {
            struct hand_tag tag = node->tags[j];
            bool meant = tag.definition == definition->number &&
                         (!*request->origin || strcmp(tag.origin, request->origin) == 0);
            if (meant) {
                take_away(node, j);
                emit_taken(tagging, batch, person, definition, tag.origin);
            }
            j += !meant;
        }
    }
}

int tagging_tag_person(struct tagging *tagging, struct batch *batch, struct person *person,
    const Quanyu__TagPersonRequest *request)
{
    struct node *node = people_node(&tagging->people, request->person);
    const struct definition *definition = registry_find(tagging->registry, DEFINITION_TAG, request->tag);
    if (!node || !definition)
        return node ? -QY_ENOTFOUND : tagging->people.error;
    int error = 0;
    if (request->add)
        error = add(tagging, batch, person, node, definition->number, request);
    else
        drop(tagging, batch, person, definition, request);
    if (error)
        return error;
    person->dirty = person->facts_dirty = true;
    return tagging_evaluate_all(tagging, batch, person, &(struct cause){.kind = CAUSE_HAND});
}
