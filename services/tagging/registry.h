/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: named rules that are kept evaluated (segments, tags, stages, and what campaign watches).
 *
 * They stand in slots so that whatever a rule refers to has a lower slot: evaluated in the order of slots,
 * each sees what the ones before have become. A set of definitions is a bitmap over slots. */
#ifndef QY_TAGGING_REGISTRY_H
#define QY_TAGGING_REGISTRY_H

#include "common/rule.h"
#include "services/tagging/tagging_store.h"

#define DEFINITIONS_MAX 4096u
#define DEFINITION_WORDS (DEFINITIONS_MAX / 64)
#define STAGES_MAX 64u
#define STAGES_ID "stages"

/* The first three are the protocol's kinds. */
enum definition_kind {
    DEFINITION_SEGMENT,
    DEFINITION_TAG,
    DEFINITION_STAGES,
    DEFINITION_WATCH,
    DEFINITION_TRIGGER
};

struct stage_rule {
    char *stage;
    struct rule *rule;
};

struct definition {
    uint32_t number; /* never reused */
    enum definition_kind kind;
    char *id, *name, *description;
    char *text; /* the rule's JSON; "": a tag by hand only */
    uint64_t version;
    int64_t created_ms, changed_ms;
    bool paused;
    uint32_t build_next; /* evaluated for everybody below this number; 0: for everybody */
    /* Compiled: one rule, or the stages in order. */
    struct rule *rule;
    struct stage_rule *stages;
    size_t stage_count;
    /* Kept in a row of their own. */
    uint64_t count, entered, left;
    uint64_t changes; /* sequence of the next change */
    bool counts_dirty;
    /* Where it stands among the others. */
    unsigned slot;
    uint64_t *dependents; /* definitions that refer to it */
};

struct name_mask {
    const char *name;
    uint64_t *mask;
};

struct name_masks {
    struct name_mask *items; /* by name */
    size_t count;
};

struct registry {
    struct definition **slots;
    size_t count;
    struct definition **by_id; /* by kind and id */
    struct definition **by_number;
    size_t words;        /* of a set of definitions */
    struct arena *arena; /* for the arrangement */
    struct name_masks events, traits, triggers;
    uint64_t *metrics[RULE_METRIC_COUNT];
    uint64_t *identifiers;
    uint64_t *units, *guides; /* look at home units, at guides */
    uint64_t *time;           /* can change as time passes alone */
    uint64_t *all;            /* all but triggers */
    unsigned amount_scale;
};

int registry_open(unsigned amount_scale, struct registry **ret_registry);
void registry_close(struct registry **registry);
/* Replaces its content by what the tables hold; without `with_rules` only stages are compiled, for their
 * names. -QY_ECORRUPT where one does not compile. */
int registry_load(struct registry *registry, struct store_txn *txn, bool with_rules);

struct definition *registry_find(const struct registry *registry, enum definition_kind kind, const char *id);
struct definition *registry_by_number(const struct registry *registry, uint32_t number);

/* For rule_parse(): the names that rules may refer to. */
struct rule_names registry_names(struct registry *registry);

/* Makes one that is not in the registry yet, compiled. -QY_EINVAL with the problem. */
int definition_make(struct registry *registry, enum definition_kind kind, const char *id, const char *text,
    struct definition **ret_definition, struct rule_problem *problem);
void definition_free(struct definition **definition);
/* As users know it: a watch is its journey's. */
#define DEFINITION_NAME_BYTES 160
const char *definition_name(const struct definition *definition, char ret_name[DEFINITION_NAME_BYTES]);
size_t definition_rule_count(const struct definition *definition);
const struct rule *definition_rule(const struct definition *definition, size_t index);
bool definition_depends_on_time(const struct definition *definition);
int definition_set_text(char **field, const char *text);

/* Puts a definition into the registry, in the place of the one with its kind and id where there is one, which
 * it returns through ret_former (may be NULL there; the caller frees it). -QY_ECONFLICT with the problem: a
 * cycle of references, or something that others refer to would vanish; nothing has changed then. Takes over
 * `definition` on success. */
int registry_put(struct registry *registry, struct definition *definition, struct definition **ret_former,
    struct rule_problem *problem);
/* -QY_ECONFLICT: something refers to it; the problem says what. */
int registry_remove(struct registry *registry, struct definition *definition, struct rule_problem *problem);

void definition_save(struct store_txn *txn, const struct definition *definition);
void definition_save_counts(struct store_txn *txn, struct definition *definition);
void definition_delete(struct store_txn *txn, const struct definition *definition);

/* NULL: none. */
const uint64_t *name_masks_find(const struct name_masks *masks, const char *name);

static inline void mask_set(uint64_t *mask, unsigned slot)
{
    mask[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* -- registry_order.c -- */
/* Gives slots and masks anew. -QY_ECONFLICT where there is a cycle (then nothing has changed), -QY_ENOMEM. */
int registry_arrange(struct registry *registry);
/* The first definition that refers to `kind`, `id`; NULL: none. For stages, `id` is a stage's name. */
const struct definition *registry_referrer(
    const struct registry *registry, enum definition_kind kind, const char *id);
/* Whether its rules name this unit (RULE_UNIT) or guide (RULE_GUIDE). */
bool definition_names(const struct definition *definition, enum rule_kind kind, uint32_t number);
/* The first one that names this unit. */
const struct definition *registry_unit_referrer(const struct registry *registry, uint32_t unit);

#endif
