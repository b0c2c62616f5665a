/* SPDX-License-Identifier: Apache-2.0 */
/* What events state of their nodes. */
#include "services/tagging/events.h"

#include "services/tagging/subject.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 255
#define TRAIT_BYTES_MAX 8192

struct stating {
    struct people *people;
    struct node *node;
    const struct stored_event *event;
    trait_fn *changed;
    void *context;
};

static int state_trait(const struct stating *stating, yyjson_val *key, yyjson_val *value)
{
    const char *name = yyjson_get_str(key);
    size_t size;
    if (strlen(name) != yyjson_get_len(key) || yyjson_get_len(key) > NAME_MAX_BYTES)
        return 0;
    char *json = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &size);
    if (!json)
        return 0;
    const struct trait trait = {name, json, size, stating->event->time_ms, stating->event->origin};
    if (size <= TRAIT_BYTES_MAX && node_state_trait(stating->people, stating->node, &trait))
        stating->changed(stating->context, name);
    free(json);
    return stating->people->error;
}

int node_state_traits(struct people *people, struct node *node, const struct stored_event *event,
    struct arena *scratch, trait_fn *changed, void *context)
{
    const struct stating stating = {people, node, event, changed, context};
    if (event->traits.size == 0)
        return 0;
    yyjson_val *traits = arena_json(scratch, (const char *)event->traits.data, event->traits.size);
    yyjson_obj_iter members = yyjson_obj_iter_with(traits);
    int error = 0;
    for (yyjson_val *key; !error && (key = yyjson_obj_iter_next(&members));)
        error = state_trait(&stating, key, yyjson_obj_iter_get_val(key));
    return error;
}
