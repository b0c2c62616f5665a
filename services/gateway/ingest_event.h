/* SPDX-License-Identifier: Apache-2.0 */
/* One event within ingest_parse(). */
#ifndef QY_GATEWAY_INGEST_EVENT_H
#define QY_GATEWAY_INGEST_EVENT_H

#include "services/gateway/ingest_allowed.h"
#include "services/gateway/ingest_parse.h"

/* A message id has fewer characters than this; so many bytes hold them. */
#define MESSAGE_ID_CHARACTERS 100
#define MESSAGE_ID_BYTES (4 * MESSAGE_ID_CHARACTERS)

/* One event on its way, and why it is refused. */
struct event {
    const struct ingest_origin *origin;
    yyjson_val *json;
    yyjson_val *batch; /* NULL for single calls */
    enum ingest_call type;
    size_t index;
    struct ingest_stated stated;
    const char *reason; /* NULL while it is valid */
    const char *field;
    char detail[160];
    char pointer[JSON_POINTER_BYTES]; /* for `field` */
};

/* Yields false. `reason` and `field` are borrowed. */
bool event_refuse(struct event *event, const char *reason, const char *field, const char *detail);

/* Whether it is a text that is short enough for a message id. */
bool event_is_message_id(yyjson_val *value);

/* By the protocol's correction of clocks, within the years 1 to 9999. */
bool event_time(struct event *event, int64_t *ret_ms);

/* What must be a batch's sentAt, so that an event of it which came at `received_ms` has its time at `event_ms`. False where the event says
 * that by itself. */
bool event_sent_at(yyjson_val *json, int64_t received_ms, int64_t event_ms, int64_t *ret_sent_ms);

/* What that time says of the sender's clock. */
Quanyu__Clock event_clock(const struct event *event, const struct ingest_limits *limits, int64_t event_ms);

/* The event's JSON, what the batch shares and the key states merged in, without the write key, which is a secret; from `memory`; NULL when that is out. */
char *event_body(const struct event *event, const yyjson_alc *memory, size_t *ret_size);
void event_release(void *text, const yyjson_alc *memory);

/* -- of what is refused, ingest_refused.c -- */

/* NULL when memory is out. It counts once it is reported. */
struct refused_event *refused_add(struct parsed *parsed);
/* Packs it to be kept, where it may be. False when memory is out. */
bool refused_keep(const struct event *event, const struct ingest_limits *limits, struct parsed *parsed,
    struct refused_event *out);
/* Says in the answer what is wrong. */
void refused_report(const struct event *event, struct parsed *parsed, struct refused_event *out);

#endif
