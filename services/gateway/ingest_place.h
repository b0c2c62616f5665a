/* SPDX-License-Identifier: Apache-2.0 */
/* Where an event happened, and who served. */
#ifndef QY_GATEWAY_INGEST_PLACE_H
#define QY_GATEWAY_INGEST_PLACE_H

#include "services/gateway/ingest_event.h"

/* The unit that `context.unit` names, else the write key's, and the member of staff that `context.staff` names: by id, by code, or as
 * code:…. What is named and not known is counted in parsed->unknown_units and parsed->unknown_staff, and taken as not named: a till may
 * know of a store before HQ has told. Who has left is known no more, but for history, by id. False where
 * either is no text: the event is refused. */
bool ingest_place(struct event *event, Quanyu__RawEvent *raw, struct parsed *parsed);

#endif
