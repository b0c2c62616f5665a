/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that ask for money: who may not see it cannot find out by whom a rule picks either. */
#ifndef QY_GATEWAY_RULE_MONEY_H
#define QY_GATEWAY_RULE_MONEY_H

#include "services/gateway/api.h"

/* Refuses the body's member where the caller may not see money and a rule in it asks for some. */
int rule_money_check(struct api_call *call, const char *member);
/* The same of a rule as text, `field` being where it stands. */
int rule_money_check_text(struct api_call *call, struct bytes rule, const char *field);
/* Whether a rule, or a list of what holds rules, does. */
bool rule_asks_for_money(yyjson_val *rule);

#endif
