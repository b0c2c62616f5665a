/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of stored events. */
#include "services/tagging/events.h"

#include <string.h>

/* What a row begins with; then the texts, each with a NUL behind it. */
struct event_head {
    int64_t time_ms;
    uint32_t node; /* until the second version a time stood here */
    uint32_t unused;
    int64_t stated_ms;
    int64_t received_ms;
    uint64_t origin;
    uint64_t message_key;
    uint32_t name_size, properties_size, traits_size, context_size;
    uint16_t carried_size;
    uint8_t version, type, history, clock;
    uint8_t unused_too[2];
};
/* The third, of a contact, has more behind the texts. */
#define EVENT_VERSION 2
#define EVENT_CONTACT_VERSION 3
struct event_contact {
    uint32_t unit, staff, person;
};

static void put_run(struct buffer *out, const void *data, size_t size)
{
    if (size > 0)
        buffer_append(out, data, size);
    buffer_byte(out, 0);
}

void event_encode(const struct stored_event *event, struct buffer *out)
{
    const struct event_head head = {
        .time_ms = event->time_ms,
        .node = event->node,
        .stated_ms = event->stated_ms,
        .received_ms = event->received_ms,
        .origin = event->origin,
        .message_key = event->message_key,
        .name_size = (uint32_t)strlen(event->name),
        .properties_size = (uint32_t)event->properties.size,
        .traits_size = (uint32_t)event->traits.size,
        .context_size = (uint32_t)event->context.size,
        .carried_size = (uint16_t)event->carried.size,
        .version = event_is_contact(event) ? EVENT_CONTACT_VERSION : EVENT_VERSION,
        .type = (uint8_t)event->type,
        .history = event->history,
        .clock = (uint8_t)event->clock,
    };
    buffer_append(out, &head, sizeof(head));
    put_run(out, event->name, head.name_size);
    put_run(out, event->properties.data, head.properties_size);
    put_run(out, event->traits.data, head.traits_size);
    put_run(out, event->context.data, head.context_size);
    put_run(out, event->carried.data, head.carried_size);
    if (event_is_contact(event))
        buffer_append(out, &(struct event_contact){event->unit, event->staff, event->person},
            sizeof(struct event_contact));
}

static struct bytes take_run(const uint8_t **at, size_t size)
{
    struct bytes run = {*at, size};
    *at += size + 1;
    return run;
}

static bool read_head(struct bytes row, struct event_head *head)
{
    if (row.size < sizeof(*head))
        return false;
    memcpy(head, row.data, sizeof(*head));
    size_t size = sizeof(*head) + head->name_size + head->properties_size + head->traits_size +
                  head->context_size + head->carried_size + 5;
    if (head->version == EVENT_CONTACT_VERSION)
        size += sizeof(struct event_contact);
    return head->version >= 1 && head->version <= EVENT_CONTACT_VERSION && row.size == size;
}

bool event_decode(struct bytes row, struct stored_event *ret_event)
{
    struct event_head head;
    if (!read_head(row, &head))
        return false;
    const uint8_t *at = row.data + sizeof(head);
    *ret_event = (struct stored_event){
        .time_ms = head.time_ms,
        .stated_ms = head.stated_ms,
        .received_ms = head.received_ms,
        .origin = head.origin,
        .message_key = head.message_key,
        .type = (Quanyu__EventType)head.type,
        .history = head.history,
        .clock = (Quanyu__Clock)head.clock,
        .node = head.version > 1 ? head.node : 0,
    };
    ret_event->name = (const char *)take_run(&at, head.name_size).data;
    ret_event->properties = take_run(&at, head.properties_size);
    ret_event->traits = take_run(&at, head.traits_size);
    ret_event->context = take_run(&at, head.context_size);
    ret_event->carried = take_run(&at, head.carried_size);
    if (head.version == EVENT_CONTACT_VERSION) {
        struct event_contact contact;
        memcpy(&contact, at, sizeof(contact));
        ret_event->unit = contact.unit;
        ret_event->staff = contact.staff;
        ret_event->person = contact.person;
    }
    return true;
}
