/* SPDX-License-Identifier: Apache-2.0 */
/* What is on record of a rule: what it asks, without the operands, for those may be personal. */
#ifndef QY_COMMON_RULE_SHAPE_H
#define QY_COMMON_RULE_SHAPE_H

#include "common/json.h"

/* Canonical: without blanks, members in the order of their names, so that the same question always has the same text. The names of traits, metrics, tags, stages, segments, kinds, units, guides, events and properties stay; every other value is
 * "…". The rule was accepted, so its depth is bounded; also a list of stages with their rules. */
void rule_write_shape(struct json *json, yyjson_val *rule);

#endif
