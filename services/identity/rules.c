/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/rules.h"

#include "services/identity/identity_store.h"

#include <stdlib.h>
#include <string.h>

const unsigned limit_days[LIMIT_COUNT] = {[LIMIT_MONTH] = 30, [LIMIT_WEEK] = 7};

/* Retail's own: one account, one WeChat user; a few cards, phones and addresses; any number of browsers. A phone or an address that
 * was proved to be two accounts' or that goes with two names is a family's, or went to somebody else: it does not say who is who. */
static const struct {
    const char *kind;
    struct kind_rule rule;
} defaults[] = {
    {"user_id", {0, true, VERIFICATION_ISSUED, {1}, 0, false, false, false}},
    {"member_card", {0, true, VERIFICATION_ISSUED, {3}, 5, false, false, false}},
    {"wechat_unionid", {0, true, VERIFICATION_ISSUED, {1}, 5, false, false, false}},
    {"phone", {0, true, VERIFICATION_STATED, {3}, 5, true, true, true}},
    {"email", {0, true, VERIFICATION_STATED, {5}, 5, true, true, false}},
    {"wechat_openid", {0, true, VERIFICATION_ISSUED, {10}, 5, false, false, false}},
    {"anonymous_id", {0, true, VERIFICATION_NEVER, {0}, 5, false, false, false}},
};

static const struct kind_rule unnamed = {0, true, VERIFICATION_STATED, {5}, 5, false, false, false};

void rules_reset(struct identity_rules *rules, const struct kinds *kinds)
{
    uint8_t place = 0;
    *rules = (struct identity_rules){.identifiers_max = IDENTIFIERS_OF_PERSON};
    for (unsigned number = 0; number <= KINDS_MAX; number++)
        rules->kinds[number].strength = KINDS_MAX;
    for (unsigned i = 0; i < kinds->count; i++) {
        const struct kind *kind = &kinds->items[i];
        if (kind->form == FORM_DIGEST)
            continue;
        rules->kinds[kind->number] = unnamed;
        for (size_t k = 0; k < COUNT_OF(defaults); k++)
            if (strcmp(kind->name, defaults[k].kind) == 0)
                rules->kinds[kind->number] = defaults[k].rule;
        rules->kinds[kind->number].strength = place++;
    }
    rules_follow(rules, kinds);
}

/* Stronger than a browser, but never than what they are digests of. */
static unsigned place_digests(const struct identity_rules *rules, const struct kinds *kinds)
{
    const struct kind *anonymous = kinds->anonymous_id;
    unsigned place = anonymous ? rules->kinds[anonymous->number].strength : kinds->count;
    for (unsigned i = 0; i < kinds->count; i++) {
        const struct kind *kind = &kinds->items[i];
        unsigned plain = rules->kinds[kinds->items[kind->plain].number].strength;
        if (kind->form == FORM_DIGEST && plain >= place)
            place = plain + 1;
    }
    return place;
}

void rules_follow(struct identity_rules *rules, const struct kinds *kinds)
{
    unsigned count = 0, place = place_digests(rules, kinds);
    for (unsigned i = 0; i < kinds->count; i++) {
        const struct kind *kind = &kinds->items[i];
        const struct kind_rule *plain = &rules->kinds[kinds->items[kind->plain].number];
        if (kind->form != FORM_DIGEST)
            continue;
        rules->kinds[kind->number] = (struct kind_rule){.strength = (uint8_t)(place + count++),
            .joins = plain->joins,
            .verification = VERIFICATION_NEVER, /* that somebody knows a digest proves nothing */
            .busy_after = plain->busy_after};
    }
    for (unsigned i = 0; i < kinds->count; i++) {
        struct kind_rule *rule = &rules->kinds[kinds->items[i].number];
        if (kinds->items[i].form != FORM_DIGEST && rule->strength >= place)
            rule->strength = (uint8_t)(rule->strength + count);
    }
}

void rules_free(struct identity_rules *rules)
{
    free(rules->blocked);
    rules->blocked = NULL;
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

bool rules_verify(const struct kind_rule *rule, bool trusted, bool stated)
{
    return trusted && (rule->verification == VERIFICATION_ISSUED ||
                          (rule->verification == VERIFICATION_STATED && stated));
}

/* Of what was verified before it was kept by what, the most is taken for granted. */
bool rules_verify_node(const struct kind_rule *rule, unsigned flags)
{
    bool untold = flags & NODE_VERIFIED && !(flags & NODE_TRUSTED);
    return rules_verify(rule, untold || flags & NODE_TRUSTED, untold || flags & NODE_STATED);
}
