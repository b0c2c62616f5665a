/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers, the links between them and decisions by hand, as answers show them. */
#ifndef QY_GATEWAY_IDENTITY_JSON_H
#define QY_GATEWAY_IDENTITY_JSON_H

#include "common/json.h"
#include "proto/identity.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/write_keys.h"

/* {"id","kind","value","verified"}: the value, masked, where `personal`; and "one_id" where there is one. */
void identity_json_identifier(
    struct json *json, const Quanyu__Identifier *identifier, const char *one_id, bool personal);
/* A member that is a list of them. */
void identity_json_identifiers(
    struct json *json, const char *name, Quanyu__Identifier *const *identifiers, size_t count, bool personal);
/* `keys` name sources; NULL: none is known. */
void identity_json_link(
    struct json *json, const Quanyu__LinkView *link, const struct write_key_snapshot *keys, bool personal);
void identity_json_decision(
    const struct api_call *call, struct json *json, const Quanyu__DecisionReply *decision, bool personal);
/* Who did it, where that is somebody whom the caller may see. */
void identity_json_by(const struct api_call *call, struct json *json, const Quanyu__Actor *actor);

/* "d_7" */
#define DECISION_ID_BYTES 24
const char *decision_id(uint64_t number, char room[DECISION_ID_BYTES]);
/* 0 where it is none. */
uint64_t decision_number_of(const char *id);

#endif
