/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_allowed.h"

#include "services/gateway/event_type.h"
#include "services/gateway/write_key_policy.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_BYTES 60

/* A name of a list in the event's context. */
struct listed {
    const char *name, *field;
    char *const *list;
    size_t count;
};

static const char *forbid(
    char detail[INGEST_DETAIL_BYTES], const char *field, const char *what, const char *value, size_t size)
{
    snprintf(detail, INGEST_DETAIL_BYTES, "this write key may not send %s%.*s", what,
        size < SHOWN_BYTES ? (int)size : SHOWN_BYTES, value);
    return field;
}

/* The event's own, else the batch's; NULL where there is none. */
static yyjson_val *in_context(yyjson_val *event, yyjson_val *batch, const char *name)
{
    yyjson_val *own = yyjson_obj_get(yyjson_obj_get(event, "context"), name);
    yyjson_val *value = own ? own : yyjson_obj_get(yyjson_obj_get(batch, "context"), name);
    return yyjson_is_null(value) ? NULL : value;
}

/* One of the list; where none is stated it is the first. */
static const char *check_listed(const struct listed *listed, yyjson_val *event, yyjson_val *batch,
    const char **ret_stated, char detail[INGEST_DETAIL_BYTES])
{
    if (listed->count == 0)
        return NULL;
    yyjson_val *value = in_context(event, batch, listed->name);
    if (!value) {
        *ret_stated = listed->list[0];
        return NULL;
    }
    if (!yyjson_is_str(value))
        return forbid(detail, listed->field, "what is not a text", "", 0);
    if (write_key_lists(listed->list, listed->count, yyjson_get_str(value), yyjson_get_len(value)))
        return NULL;
    return forbid(detail, listed->field, "", yyjson_get_str(value), yyjson_get_len(value));
}

const char *ingest_forbidden(const Quanyu__WriteKey *key, Quanyu__EventType type, yyjson_val *event,
    yyjson_val *batch, struct ingest_stated *ret_stated, char detail[INGEST_DETAIL_BYTES])
{
    const struct listed source = {"source", "/context/source", key->sources, key->n_sources};
    const struct listed channel = {"channel", "/context/channel", key->channels, key->n_channels};
    const char *type_name = event_type_name(type);
    if (!write_key_allows_type(key, type))
        return forbid(detail, "type", "", type_name, strlen(type_name));
    yyjson_val *name = type == QUANYU__EVENT_TYPE__EVENT_TRACK ? yyjson_obj_get(event, "event") : NULL;
    if (name && !write_key_allows_name(key, yyjson_get_str(name), yyjson_get_len(name)))
        return forbid(detail, "event", "", yyjson_get_str(name), yyjson_get_len(name));
    const char *field = check_listed(&source, event, batch, &ret_stated->source, detail);
    return field ? field : check_listed(&channel, event, batch, &ret_stated->channel, detail);
}

static bool put_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, const char *text)
{
    return !text || yyjson_mut_obj_put(object, yyjson_mut_str(doc, name), yyjson_mut_str(doc, text));
}

bool ingest_put_stated(const struct ingest_stated *stated, yyjson_mut_doc *doc, yyjson_mut_val *event)
{
    if (!stated->source && !stated->channel)
        return true;
    yyjson_mut_val *context = yyjson_mut_obj_get(event, "context");
    if (!yyjson_mut_is_obj(context)) {
        context = yyjson_mut_obj(doc);
        if (!context || !yyjson_mut_obj_put(event, yyjson_mut_str(doc, "context"), context))
            return false;
    }
    return put_text(doc, context, "source", stated->source) &&
           put_text(doc, context, "channel", stated->channel);
}
