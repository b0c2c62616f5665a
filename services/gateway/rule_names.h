/* SPDX-License-Identifier: Apache-2.0 */
/* Units and staff in rules. Who states a rule names them by id or by the brand's own code; the services evaluate numbers and know no
 * codes. So the gateway puts ids in the place of codes, and refuses whom the caller cannot see as if they did not exist. */
#ifndef QY_GATEWAY_RULE_NAMES_H
#define QY_GATEWAY_RULE_NAMES_H

#include "services/gateway/api.h"

/* In the body's rule: what it is written of afterwards has ids alone. `pointer` is where the rule stands in the body, "/rule"; NULL for
 * `rule` is no rule. What is malformed is left to who evaluates it. */
int rule_names_resolve(struct api_call *call, yyjson_val *rule, const char *pointer);
/* The same in a list of stages, and in a journey's definition. */
int rule_names_resolve_stages(struct api_call *call);
int rule_names_resolve_journey(struct api_call *call);
/* Refuses a stored rule that names what there is no more; nothing is put in its place. */
int rule_names_check(struct api_call *call, struct bytes rule, const char *pointer);

/* What has a rule that names the unit, as users know it, in the call's arena; "" where nothing has. */
int rule_names_referrer(struct api_call *call, uint32_t unit, const char **ret_name);

#endif
