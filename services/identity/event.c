/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/event.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define PARSE_FLAGS YYJSON_READ_NUMBER_AS_RAW

struct event_reader {
    uint8_t *memory;
    size_t capacity;
};

int event_reader_open(struct event_reader **ret_reader)
{
    *ret_reader = calloc(1, sizeof(**ret_reader));
    return *ret_reader ? 0 : -QY_ENOMEM;
}

void event_reader_close(struct event_reader **reader)
{
    if (!*reader)
        return;
    free((*reader)->memory);
    free(*reader);
    *reader = NULL;
}

static int make_room(struct event_reader *reader, size_t size)
{
    if (size <= reader->capacity)
        return 0;
    uint8_t *memory = realloc(reader->memory, size);
    if (!memory)
        return -QY_ENOMEM;
    reader->memory = memory;
    reader->capacity = size;
    return 0;
}

yyjson_val *event_object(yyjson_val *object, const char *name)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_obj(value) ? value : NULL;
}

static void take_name(struct event *event, const char *member)
{
    yyjson_val *value = yyjson_obj_get(event->root, member);
    if (!yyjson_is_str(value))
        return;
    event->name = yyjson_get_str(value);
    event->name_size = yyjson_get_len(value);
}

int event_read(
    struct event_reader *reader, Quanyu__EventType type, struct bytes body, struct event *ret_event)
{
    int error = make_room(reader, yyjson_read_max_memory_usage(body.size, PARSE_FLAGS));
    if (error)
        return error;
    yyjson_alc allocator;
    yyjson_alc_pool_init(&allocator, reader->memory, reader->capacity);
    /* The document is never freed: it lies in the reader's memory as a whole. Without INSITU the text is only
     * read. */
    yyjson_doc *doc = yyjson_read_opts((char *)body.data, body.size, PARSE_FLAGS, &allocator, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root))
        return -QY_EINVAL;

    struct event event = {.type = type, .root = root, .name = ""};
    event.context = event_object(root, "context");
    event.context_traits = event.context ? event_object(event.context, "traits") : NULL;
    if (type == QUANYU__EVENT_TYPE__EVENT_GROUP) {
        event.properties = event_object(root, "traits");
    } else {
        event.traits = event_object(root, "traits");
        event.properties = event_object(root, "properties");
    }
    if (type == QUANYU__EVENT_TYPE__EVENT_TRACK)
        take_name(&event, "event");
    else if (type == QUANYU__EVENT_TYPE__EVENT_PAGE || type == QUANYU__EVENT_TYPE__EVENT_SCREEN)
        take_name(&event, "name");
    *ret_event = event;
    return 0;
}
