/* SPDX-License-Identifier: Apache-2.0 */
/* What campaign asks to be watched: rules of its own, kept evaluated like segments, or fired by events. */
#include "services/tagging/tagging.h"

static void emit_ready(struct batch *batch, const char *watch, const char *error)
{
    Quanyu__WatchReady ready = QUANYU__WATCH_READY__INIT;
    ready.watch = (char *)watch;
    ready.error = (char *)error;
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_WATCH, &ready.base);
}

/* A trigger and a membership of the same name are one watch. */
int tagging_drop_watch(struct tagging *tagging, struct batch *batch, const char *watch)
{
    static const enum definition_kind kinds[] = {DEFINITION_WATCH, DEFINITION_TRIGGER};
    int error = 0;
    for (size_t i = 0; !error && i < COUNT_OF(kinds); i++) {
        struct definition *definition = registry_find(tagging->registry, kinds[i], watch);
        struct rule_problem problem;
        if (definition)
            error = tagging_drop(tagging, batch, definition, &problem);
    }
    return error;
}

int tagging_set_watch(struct tagging *tagging, struct batch *batch, const Quanyu__WatchSet *record)
{
    struct rule_problem problem = {0};
    _cleanup_(definition_free) struct definition *definition = NULL;
    char *text = arena_text(tagging->scratch, (const char *)record->rule.data, record->rule.len);
    if (!text)
        return -QY_ENOMEM;
    int error = tagging_drop_watch(tagging, batch, record->watch);
    if (error)
        return error;
    error = definition_make(tagging->registry, record->trigger ? DEFINITION_TRIGGER : DEFINITION_WATCH,
        record->watch, text, &definition, &problem);
    if (!error)
        error = tagging_define(tagging, batch, definition, &problem);
    if (!error) {
        (void)TAKE(definition);
        return 0;
    }
    if (error != -QY_EINVAL && error != -QY_ETOOLARGE && error != -QY_ECONFLICT)
        return error;
    const char *told = arena_printf(
        tagging->scratch, "%s%s%s", problem.pointer, *problem.pointer ? ": " : "", problem.message);
    emit_ready(batch, record->watch, told ? told : "refused");
    return 0;
}
