/* SPDX-License-Identifier: Apache-2.0 */
/* Likely duplicates: a search is asked for, looked at, and what it found is listed with what it weighs. None is joined by this. */
#include "services/identity/duplicate_search.h"
#include "services/identity/handlers.h"
#include "services/identity/view.h"

#include <string.h>

/* -- searches -- */

static Quanyu__DuplicateProgress *view_progress(
    struct rpc_context *context, struct store_txn *txn, const Quanyu__DuplicateState *state)
{
    const struct identity *identity = context->self;
    struct duplicate_progress running;
    struct identity_counters counters;
    Quanyu__DuplicateProgress *view = arena_alloc(context->arena, sizeof(*view));
    if (!view)
        return NULL;
    quanyu__duplicate_progress__init(view);
    bool asked = duplicate_search_is_asked(state);
    bool runs = asked && identity->duplicates && duplicate_search_progress(identity->duplicates, &running);
    identity_store_counters(txn, &counters);
    view->state = (char *)(uintptr_t)(runs ? "running" : asked ? "waiting" : state->ended ? "ended" : "none");
    view->number = state->asked;
    view->asked_ms = state->asked_ms;
    view->ended = state->ended;
    if (!runs)
        return view;
    view->phase = (char *)(uintptr_t)running.phase;
    view->persons = counters.persons;
    view->persons_read = running.persons_read;
    view->comparisons = running.comparisons;
    view->share = running.share;
    view->found = running.found;
    return view;
}

int handle_duplicate_search(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    struct identity *identity = context->self;
    struct batch *batch = context->batch;
    const Quanyu__DuplicateState *state = duplicate_search_ask(batch->txn, batch->now_ms, context->arena);
    if (!state)
        return store_error(batch->txn) ? store_error(batch->txn) : -QY_ENOMEM;
    identity->search_asked = true;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DUPLICATE_SEARCH;
    reply_of(reply)->duplicate_search = view_progress(context, batch->txn, state);
    return reply_of(reply)->duplicate_search ? store_error(batch->txn) : -QY_ENOMEM;
}

int handle_duplicate_progress(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    const Quanyu__DuplicateState *state = duplicate_store_state(context->txn, context->arena);
    if (!state)
        return store_error(context->txn) ? store_error(context->txn) : -QY_ENOMEM;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DUPLICATE_PROGRESS;
    reply_of(reply)->duplicate_progress = view_progress(context, context->txn, state);
    return reply_of(reply)->duplicate_progress ? store_error(context->txn) : -QY_ENOMEM;
}

/* -- the list -- */

/* As it was learnt by the search that listed the pair. */
static double weight_in(const Quanyu__DuplicateModel *model, enum duplicate_field field, const char *level)
{
    for (size_t i = 0; model && i < model->n_fields; i++) {
        if (strcmp(model->fields[i]->name, duplicate_field_name(field)) != 0)
            continue;
        for (size_t k = 0; k < model->fields[i]->n_levels; k++)
            if (strcmp(model->fields[i]->levels[k]->name, level) == 0)
                return model->fields[i]->levels[k]->weight;
    }
    return 0;
}

static int view_fields(struct rpc_context *context, const Quanyu__DuplicateModel *model,
    const struct duplicate_pair *pair, Quanyu__DuplicatesReply__Pair *view)
{
    Quanyu__DuplicatesReply__Field *fields = arena_alloc(context->arena, FIELD_COUNT * sizeof(*fields));
    view->fields = arena_alloc(context->arena, FIELD_COUNT * sizeof(void *));
    if (!fields || !view->fields)
        return -QY_ENOMEM;
    for (enum duplicate_field field = 0; field < FIELD_COUNT; field++) {
        const char *level = duplicate_level_name(field, pair->agreement.levels[field]);
        quanyu__duplicates_reply__field__init(&fields[field]);
        fields[field].name = (char *)(uintptr_t)duplicate_field_name(field);
        fields[field].level = (char *)(uintptr_t)level;
        fields[field].weight =
            weight_in(model, field, level) + (field == FIELD_NAME ? (double)pair->rarity : 0);
        view->fields[view->n_fields++] = &fields[field];
    }
    return 0;
}

static int view_one(
    struct rpc_context *context, uint32_t person, bool personal, Quanyu__PersonView **ret_view)
{
    Quanyu__PersonView *view = arena_alloc(context->arena, sizeof(*view));
    if (!view)
        return -QY_ENOMEM;
    quanyu__person_view__init(view);
    *ret_view = view;
    return view_person(context->self, context->txn, person, personal, context->arena, view);
}

static int view_pair(struct rpc_context *context, const Quanyu__DuplicateState *state, bool personal,
    const struct duplicate_pair *pair, Quanyu__DuplicatesReply__Pair **ret_pair)
{
    Quanyu__DuplicatesReply__Pair *view = arena_alloc(context->arena, sizeof(*view));
    if (!view)
        return -QY_ENOMEM;
    quanyu__duplicates_reply__pair__init(view);
    view->score = (double)pair->score;
    view->probability = (double)pair->probability;
    *ret_pair = view;
    int error = view_one(context, pair->low, personal, &view->one);
    if (!error)
        error = view_one(context, pair->high, personal, &view->other);
    return error ? error : view_fields(context, state->listed->model, pair, view);
}

/* Who was joined or split since, or dismissed, is no such pair any more. */
static bool still_holds(
    struct store_txn *txn, const Quanyu__DuplicateState *state, const struct duplicate_pair *pair)
{
    return duplicate_store_is_unmoved(txn, pair->low, state->listed->moves) &&
           duplicate_store_is_unmoved(txn, pair->high, state->listed->moves) &&
           !duplicate_store_is_dismissed(txn, pair->low, pair->high) &&
           !duplicate_store_are_apart(txn, pair->low, pair->high);
}

static int list_pairs(struct rpc_context *context, const Quanyu__DuplicatesRequest *asked,
    const Quanyu__DuplicateState *state, Quanyu__DuplicatesReply *answer)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    size_t limit = page_of(asked->limit);
    struct duplicate_pair pair;
    uint32_t rank;
    answer->pairs = arena_alloc(context->arena, limit * sizeof(void *));
    int error = answer->pairs ? duplicate_store_scan_pairs(
                                    context->txn, state->listed->number, (uint32_t)asked->after, &scan)
                              : -QY_ENOMEM;
    while (!error && duplicate_store_next_pair(context->txn, scan, &rank, &pair)) {
        if (answer->n_pairs == limit) {
            answer->next = rank;
            break;
        }
        if (!still_holds(context->txn, state, &pair))
            continue;
        error = view_pair(context, state, asked->personal, &pair, &answer->pairs[answer->n_pairs]);
        answer->n_pairs += !error;
    }
    return error ? error : store_error(context->txn);
}

int handle_duplicates(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__DuplicatesRequest *asked = request_of(request)->duplicates;
    const Quanyu__DuplicateState *state = duplicate_store_state(context->txn, context->arena);
    Quanyu__DuplicatesReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!state || !answer)
        return store_error(context->txn) ? store_error(context->txn) : -QY_ENOMEM;
    quanyu__duplicates_reply__init(answer);
    answer->listed = state->listed;
    int error = state->listed ? list_pairs(context, asked, state, answer) : 0;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DUPLICATES;
    reply_of(reply)->duplicates = answer;
    return error;
}

/* -- dismissing -- */

static int find_person(
    struct rpc_context *context, struct store_txn *txn, const char *one_id, uint32_t *ret_person)
{
    const struct identity *identity = context->self;
    uint32_t person;
    if (!one_id_parse(vault_one_id_key(identity->vault), one_id, strlen(one_id), &person) ||
        present_person(txn, person) != person)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such pair of persons");
    *ret_person = person;
    return 0;
}

static int dismiss(struct rpc_context *context, const Quanyu__DuplicateDismissRequest *asked, uint32_t low,
    uint32_t high, Quanyu__DuplicateDismissal **ret_dismissal)
{
    struct store_txn *txn = context->batch->txn;
    Quanyu__DuplicateDismissal *dismissal = duplicate_store_dismissal(txn, low, high, context->arena);
    if (dismissal) {
        dismissal->unchanged = true;
    } else {
        dismissal = arena_alloc(context->arena, sizeof(*dismissal));
        if (!dismissal)
            return -QY_ENOMEM;
        quanyu__duplicate_dismissal__init(dismissal);
        dismissal->reason = asked->reason;
        dismissal->actor = context->header->actor;
        dismissal->at_ms = asked->at_ms;
        duplicate_store_dismiss(txn, low, high, dismissal);
        identity_act(context, "duplicate.dismiss", asked->reason, "{}", (uint32_t[]){low, high}, 2);
    }
    dismissal->one_person = low;
    dismissal->other_person = high;
    dismissal->one_one_id = view_one_id(context->self, low, context->arena);
    dismissal->other_one_id = view_one_id(context->self, high, context->arena);
    *ret_dismissal = dismissal;
    return dismissal->one_one_id && dismissal->other_one_id ? store_error(txn) : -QY_ENOMEM;
}

int handle_duplicate_dismiss(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__DuplicateDismissRequest *asked = request_of(request)->duplicate_dismiss;
    uint32_t one, other;
    if (!*asked->reason)
        return rpc_refuse(context, -QY_EINVAL, "reason", "is required");
    int error = find_person(context, context->batch->txn, asked->one_one_id, &one);
    if (!error)
        error = find_person(context, context->batch->txn, asked->other_one_id, &other);
    if (!error && one == other)
        error = rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such pair of persons");
    if (error)
        return error;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_DUPLICATE_DISMISS;
    return dismiss(context, asked, one < other ? one : other, one < other ? other : one,
        &reply_of(reply)->duplicate_dismiss);
}
