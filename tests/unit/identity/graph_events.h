/* SPDX-License-Identifier: Apache-2.0 */
/* The model's events as the fold takes them. */
#ifndef QY_TESTS_IDENTITY_GRAPH_EVENTS_H
#define QY_TESTS_IDENTITY_GRAPH_EVENTS_H

#include "tests/unit/identity/graph_model.h"
#include "tests/unit/identity/world.h"

static void value_text(unsigned value, char text[64])
{
    snprintf(text, 64, kinds[universe[value].kind].format, universe[value].index); // NOLINT
}

static void write_event(const struct event_made *made, bool trusted, char body[2048])
{
    int used = snprintf(body, 2048, "{");
    char text[64];
    unsigned first = 0;
    if (made->alias) {
        value_text(made->values[0], text);
        used += snprintf(body + used, 2048, "\"userId\":\"%s\",", text);
        value_text(made->values[1], text);
        used += snprintf(body + used, 2048, "\"previousId\":\"%s\",", text);
        first = 2;
    }
    used += snprintf(
        body + used, 2048, "\"context\":{\"source\":\"%s\",\"externalIds\":[", trusted ? "till" : "web");
    for (unsigned i = first; i < made->count; i++) {
        value_text(made->values[i], text);
        used += snprintf(body + used, 2048, "%s{\"type\":\"%s\",\"id\":\"%s\",\"verified\":%s}",
            i > first ? "," : "", kinds[universe[made->values[i]].kind].kind, text,
            made->verified[i] ? "true" : "false");
    }
    used += snprintf(body + used, 2048, "]");
    const char *name = made->name == NO_NAME ? NULL : names[made->name].text;
    if (!name)
        snprintf(body + used, 2048, "}}");
    else if (made->ms % 2)
        snprintf(body + used, 2048, "},\"traits\":{\"city\":\"上海\",\"Name\":\"%s\"}}", name);
    else
        snprintf(body + used, 2048, ",\"traits\":{\"real_name\":\"%s\"}}}", name);
}

static void fold_raw(struct world *world, const char *body, const struct event_made *made, bool browser)
{
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    uint8_t packed[4096];
    char id[] = "m";
    raw.type = made->alias ? ALIAS : TRACK;
    raw.event_ms = made->ms;
    raw.message_id = id;
    raw.browser = browser;
    raw.body = (ProtobufCBinaryData){.len = strlen(body), .data = (uint8_t *)(uintptr_t)body};
    add_record(world, IDENTITY_INPUT_EVENT, (struct bytes){packed, quanyu__raw_event__pack(&raw, packed)});
}

#endif
