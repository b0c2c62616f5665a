/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/rules.h"

#include <string.h>

const unsigned limit_days[LIMIT_COUNT] = {[LIMIT_MONTH] = 30, [LIMIT_WEEK] = 7};

/* Retail's own: one account, one WeChat user; a few cards, phones and addresses; any number of browsers. */
static const struct {
    const char *kind;
    struct kind_rule rule;
} defaults[] = {
    {"user_id", {true, VERIFICATION_ISSUED, {1}, 0}},
    {"member_card", {true, VERIFICATION_ISSUED, {3}, 5}},
    {"wechat_unionid", {true, VERIFICATION_ISSUED, {1}, 5}},
    {"phone", {true, VERIFICATION_STATED, {3}, 5}},
    {"email", {true, VERIFICATION_STATED, {5}, 5}},
    {"wechat_openid", {true, VERIFICATION_ISSUED, {10}, 5}},
    {"anonymous_id", {true, VERIFICATION_NEVER, {0}, 5}},
};

/* As many as phones, in three forms each. That somebody knows a digest proves nothing. */
static const struct kind_rule hashed = {true, VERIFICATION_NEVER, {9}, 5};

static const struct kind_rule unnamed = {true, VERIFICATION_STATED, {5}, 5};

void rules_reset(struct identity_rules *rules, const struct kinds *kinds)
{
    *rules = (struct identity_rules){.identifiers_max = IDENTIFIERS_OF_PERSON};
    for (unsigned i = 0; i < kinds->count; i++) {
        const struct kind *kind = &kinds->items[i];
        rules->kinds[kind->number] = kind->form == FORM_DIGEST ? hashed : unnamed;
        for (size_t k = 0; k < COUNT_OF(defaults); k++)
            if (strcmp(kind->name, defaults[k].kind) == 0)
                rules->kinds[kind->number] = defaults[k].rule;
    }
}

struct source_rule rules_source(const struct identity_rules *rules, const char *name, size_t size)
{
    for (unsigned i = 0; name && i < rules->source_count; i++) {
        const struct source_rule *source = &rules->sources[i];
        if (strlen(source->name) == size && memcmp(source->name, name, size) == 0)
            return *source;
    }
    return (struct source_rule){.joins = true, .verifies = true};
}

bool rules_has_window(const struct kind_rule *rule)
{
    return rule->limits[LIMIT_MONTH] || rule->limits[LIMIT_WEEK];
}
