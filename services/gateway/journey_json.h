/* SPDX-License-Identifier: Apache-2.0 */
/* Journeys as the API shows them. */
#ifndef QY_GATEWAY_JOURNEY_JSON_H
#define QY_GATEWAY_JOURNEY_JSON_H

#include "common/json.h"
#include "proto/campaign.pb-c.h"

/* `withheld`: no number is told. `least` above 0: the caller may not see single people, and is told no number that points at fewer. */
void journey_write(struct json *json, const Quanyu__Journey *journey, uint32_t least, bool withheld);

#endif
