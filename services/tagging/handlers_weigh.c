/* SPDX-License-Identifier: Apache-2.0 */
/* Counts for who may not see single people: none that points at a few. The question is looked into on a reader's thread; that it
 * is among the earlier ones is the writer's to see to, before it is answered. */
#include "services/tagging/audience.h"
#include "services/tagging/tagging_handlers.h"

#include <sodium.h>
#include <stdio.h>

struct weighing {
    struct rpc_context *context;
    const Quanyu__WeighRequest *request;
    struct registry *registry;
    struct rule *rule;
    struct scope scope;
    struct audience audience;
    struct audience_answer answer;
    struct picked picked;
    Quanyu__WeighReply *reply;
};

static void weighing_close(struct weighing *weighing)
{
    person_set_close(&weighing->answer.picked);
    person_set_close(&weighing->answer.population);
    rule_free(&weighing->rule);
    registry_close(&weighing->registry);
}

static bool is_everyone(const struct weighing *weighing)
{
    return rule_root(weighing->rule)->kind == RULE_EVERYONE && weighing->request->as_of_ms == 0;
}

/* The same rule, of the same time and people. */
static uint64_t key_of(const struct weighing *weighing)
{
    const Quanyu__WeighRequest *request = weighing->request;
    crypto_generichash_state state;
    uint8_t hash[16];
    const int64_t parts[] = {
        request->as_of_ms, weighing->scope.bounded, weighing->scope.unit, weighing->scope.staff};
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const uint8_t *)parts, sizeof(parts));
    crypto_generichash_update(&state, request->rule.data, request->rule.len);
    crypto_generichash_final(&state, hash, sizeof(hash));
    return get_be64(hash);
}

/* -- sets whose counts are told without a question -- */

struct told {
    bool same, near;
};

static int read_term(
    const struct weighing *weighing, enum bits_kind kind, const char *term, struct person_set *ret_set)
{
    const struct person_set *population = &weighing->answer.population;
    const struct index_class class = {SORT_BITS, (uint8_t)kind, ""};
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(person_set_close) struct person_set set = {0};
    struct bits_reader reader = {0};
    uint32_t place;
    int error = arena_open(&arena);
    struct text_set terms = {.arena = arena};
    if (!error)
        error = person_set_open(population->blocks, &set);
    if (!error)
        error = text_set_add(&terms, term, strlen(term), &place, NULL);
    if (!error)
        error = bits_open(weighing->context->txn, &class, &terms, set.blocks, arena, &reader);
    for (uint32_t block = 0; !error && block < set.blocks; block++) {
        uint64_t words[BLOCK_WORDS];
        error = bits_read(&reader, block, words);
        for (size_t i = 0; i < BLOCK_WORDS; i++)
            words[i] &= population->words[(size_t)block * BLOCK_WORDS + i];
        person_set_put(&set, block, words);
    }
    bits_close(&reader);
    text_set_close(&terms);
    if (error)
        return error;
    *ret_set = set;
    set = (struct person_set){0};
    return 0;
}

static int look_at_term(
    const struct weighing *weighing, enum bits_kind kind, const char *term, struct told *told)
{
    _cleanup_(person_set_close) struct person_set set = {0};
    uint64_t least = weighing->request->least;
    int error = read_term(weighing, kind, term, &set);
    if (error)
        return error;
    if (set.count < least || weighing->answer.population.count - set.count < least)
        return 0; /* is told to nobody either */
    const struct picked other = {&set, weighing->picked.population};
    uint64_t difference = picked_difference(&weighing->picked, &other, least);
    told->near |= difference > 0 && difference < least;
    told->same |= difference == 0;
    return 0;
}

static bool is_around(uint64_t a, uint64_t b, uint64_t least)
{
    return (a > b ? a - b : b - a) < least;
}

/* By its count, as long as that is of the same people. */
static bool may_be_near(const struct weighing *weighing, uint64_t count)
{
    uint64_t size = weighing->answer.picked.count, others = weighing->answer.population.count - size;
    return weighing->scope.bounded || weighing->request->as_of_ms != 0 ||
           is_around(count, size, weighing->request->least) ||
           is_around(count, others, weighing->request->least);
}

static int look_at_definitions(const struct weighing *weighing, struct told *told)
{
    int error = 0;
    for (size_t i = 0; !error && i < weighing->registry->count; i++) {
        const struct definition *definition = weighing->registry->by_id[i];
        char number[16];
        snprintf(number, sizeof(number), "%u", definition->number);
        if (definition->kind > DEFINITION_TAG || !may_be_near(weighing, definition->count))
            continue;
        bool tag = definition->kind == DEFINITION_TAG;
        error = look_at_term(weighing, tag ? BITS_TAG : BITS_SEGMENT, tag ? number : definition->id, told);
    }
    return error;
}

static int look_at_stages(const struct weighing *weighing, struct told *told)
{
    struct stage_count *stages;
    size_t count;
    int error = tagging_read_stages(weighing->context->txn, weighing->context->arena, &stages, &count);
    for (size_t i = 0; !error && i < count; i++)
        if (may_be_near(weighing, stages[i].persons))
            error = look_at_term(weighing, BITS_STAGE, stages[i].stage, told);
    return error;
}

/* -- the answer -- */

static int pack(struct rpc_context *context, const struct person_set *set, ProtobufCBinaryData *ret_data)
{
    _cleanup_(buffer_free) struct buffer packed = BUFFER_INIT;
    person_set_pack(set, &packed);
    ret_data->len = packed.size;
    ret_data->data = arena_copy(context->arena, packed.data, packed.size);
    return ret_data->data && !buffer_error(&packed) ? 0 : -QY_ENOMEM;
}

static int offer(struct weighing *weighing, uint64_t key)
{
    struct rpc_context *context = weighing->context;
    Quanyu__Question *keep = arena_alloc(context->arena, sizeof(*keep));
    if (!keep)
        return -QY_ENOMEM;
    quanyu__question__init(keep);
    keep->key = key;
    keep->looked = questions_next(context->txn);
    weighing->reply->keep = keep;
    int error = pack(context, &weighing->answer.picked, &keep->persons);
    return error ? error : pack(context, &weighing->answer.population, &keep->population);
}

static bool is_small(const struct weighing *weighing)
{
    uint64_t size = weighing->answer.picked.count, least = weighing->request->least;
    return size < least || (!is_everyone(weighing) && weighing->answer.population.count - size < least);
}

static int look_at_others(struct weighing *weighing, bool *ret_near)
{
    struct told told = {0};
    int error =
        questions_near(weighing->context->txn, &weighing->picked, 0, weighing->request->least, ret_near);
    if (error || *ret_near)
        return error;
    error = look_at_definitions(weighing, &told);
    if (!error)
        error = look_at_stages(weighing, &told);
    *ret_near = told.near && !told.same;
    return error;
}

/* The same question again, while few came or went: the same answer, which tells nothing new. */
static int find_earlier(struct weighing *weighing, uint64_t key, bool *ret_found)
{
    _cleanup_(asked_question_close) struct asked_question earlier = {0};
    int error = questions_latest(weighing->context->txn, key, &earlier);
    if (error || !earlier.persons.words)
        return error;
    const struct picked now = {&weighing->answer.picked, &weighing->answer.picked};
    const struct picked then = {&earlier.persons, &earlier.persons};
    *ret_found = picked_difference(&now, &then, weighing->request->least) < weighing->request->least;
    if (*ret_found) {
        weighing->reply->count = earlier.persons.count;
        weighing->reply->counted_ms = earlier.asked_ms;
    }
    return 0;
}

static int weigh(struct weighing *weighing)
{
    uint64_t key = key_of(weighing);
    bool found = false;
    weighing->reply->count = weighing->answer.picked.count;
    weighing->reply->counted_ms = weighing->audience.now_ms;
    if (is_everyone(weighing) && !weighing->scope.bounded)
        return 0;
    int error = find_earlier(weighing, key, &found);
    if (error || found)
        return error;
    bool too_few = is_small(weighing);
    if (!too_few)
        error = look_at_others(weighing, &too_few);
    if (error || !too_few)
        return error ? error : offer(weighing, key);
    weighing->reply->too_few = true;
    weighing->reply->count = 0;
    return 0;
}

int handle_weigh(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__WeighRequest *question = ((const Quanyu__TaggingRequest *)request)->weigh;
    _cleanup_(weighing_close) struct weighing weighing = {.context = context, .request = question};
    int error = handler_audience(context, question->rule, question->as_of_ms, &weighing.scope,
        &weighing.registry, &weighing.rule, &weighing.audience);
    if (error)
        return error;
    weighing.audience.whole = true;
    error = (question->as_of_ms ? audience_scan : audience_find)(&weighing.audience, &weighing.answer);
    weighing.picked = (struct picked){&weighing.answer.picked, &weighing.answer.population};
    weighing.reply = arena_alloc(context->arena, sizeof(*weighing.reply));
    if (error || !weighing.reply)
        return error ? error : -QY_ENOMEM;
    quanyu__weigh_reply__init(weighing.reply);
    error = weigh(&weighing);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_WEIGH;
    answer->weigh = weighing.reply;
    return error;
}

/* -- keeping -- */

static int unpack(
    struct rpc_context *context, const Quanyu__Question *asked, struct asked_question *ret_question)
{
    struct bytes persons = {asked->persons.data, asked->persons.len};
    struct bytes population = {asked->population.data, asked->population.len};
    ret_question->key = asked->key;
    ret_question->asked_ms = context->batch->now_ms;
    int error = person_set_unpack(persons, &ret_question->persons);
    if (!error)
        error = person_set_unpack(population, &ret_question->population);
    bool fits = !error && ret_question->persons.count <= ret_question->population.count;
    return fits ? 0 : rpc_refuse(context, -QY_EINVAL, "question", "is not one that was weighed");
}

int handle_keep_question(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__KeepQuestionRequest *asked = ((const Quanyu__TaggingRequest *)request)->keep_question;
    struct tagging *tagging = context->self;
    _cleanup_(asked_question_close) struct asked_question question = {0};
    if (!asked->question)
        return rpc_refuse(context, -QY_EINVAL, "question", "is missing");
    Quanyu__KeepQuestionReply *kept = arena_alloc(context->arena, sizeof(*kept));
    int error = kept ? tagging_begin(tagging, context->batch) : -QY_ENOMEM;
    if (!error)
        error = unpack(context, asked->question, &question);
    if (error)
        return handler_check(context, error);
    quanyu__keep_question_reply__init(kept);
    const struct picked picked = {&question.persons, &question.population};
    bool near = false;
    struct store_txn *txn = context->batch->txn;
    error = questions_near(txn, &picked, asked->question->looked, asked->least, &near);
    if (!error && !near)
        error = questions_add(txn, &tagging->question_limits, &question);
    kept->too_few = near;
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_KEEP_QUESTION;
    answer->keep_question = kept;
    return handler_check(context, error);
}
