/* SPDX-License-Identifier: Apache-2.0 */
/* What identity answers: masked views of persons, one address at a time, public names. Queries all, on reader
 * threads. */
#include "common/looks.h"
#include "proto/identity.pb-c.h"
#include "services/identity/handlers.h"
#include "services/identity/stated.h"
#include "services/identity/view.h"

#include <sodium.h>
#include <string.h>

#define IDENTIFIERS_ASKED_MAX 100
#define FIELDS_ASKED_MAX 20
#define NAMES_MAX 1000
#define ONE_IDS_MAX 10000
#define NUMBERS_MAX 1000

/* -- lookup -- */

/* "phone:0123…" of an identifier that nobody has. A value that is not even one of its kind is hashed as it
 * came. */
static char *missed_text(struct rpc_context *context, const char *kind, const uint8_t hash[VAULT_HASH_BYTES])
{
    char text[2 * VAULT_HASH_BYTES + 1];
    sodium_bin2hex(text, sizeof(text), hash, VAULT_HASH_BYTES);
    return arena_printf(context->arena, "%s:%s", kind, text);
}

/* By the id that answers give it, which says nothing of what it is the id of. */
static int look_up_id(struct rpc_context *context, const char *id, uint32_t *ret_person, char **ret_missed)
{
    const struct identity *identity = context->self;
    struct node_place place;
    uint32_t node;
    bool known = node_id_parse(vault_one_id_key(identity->vault), id, strlen(id), &node) &&
                 identity_store_place(context->txn, node, &place);
    *ret_person = known ? place.person : 0;
    *ret_missed = arena_text(context->arena, "", 0);
    return *ret_missed ? store_error(context->txn) : -QY_ENOMEM;
}

static int look_up_one(struct rpc_context *context, size_t index, const Quanyu__Identifier *asked,
    uint32_t *ret_person, char **ret_missed)
{
    const struct identity *identity = context->self;
    if (*asked->id)
        return look_up_id(context, asked->id, ret_person, ret_missed);
    const struct kind *kind = kind_find(&identity->kinds, asked->kind, strlen(asked->kind));
    if (!kind) {
        char *field = arena_printf(context->arena, "identifiers/%zu/kind", index);
        return rpc_refuse(context, -QY_EINVAL, field, "is no kind of identifier that is configured here");
    }
    struct identifier identifier;
    uint8_t hash[VAULT_HASH_BYTES];
    size_t size = strlen(asked->value);
    enum unusable unusable = identifier_normalise(&identity->kinds, kind, asked->value, size, &identifier);
    if (unusable)
        vault_hash(identity->vault, kind->name, asked->value, size, hash);
    else
        vault_hash(identity->vault, kind->name, identifier.value, identifier.size, hash);
    uint32_t node;
    if (!unusable && identity_find(identity, context->txn, kind, hash, &node, ret_person))
        return 0;
    *ret_person = 0;
    *ret_missed = missed_text(context, kind->name, hash);
    return *ret_missed ? 0 : -QY_ENOMEM;
}

/* Who may not see personal values finds nobody by them either: that somebody has one would confirm it. */
static int refuse_personal(struct rpc_context *context, const Quanyu__LookupRequest *asked)
{
    const struct identity *identity = context->self;
    for (size_t i = 0; !asked->personal && i < asked->n_identifiers; i++) {
        const Quanyu__Identifier *one = asked->identifiers[i];
        const struct kind *kind = kind_find(&identity->kinds, one->kind, strlen(one->kind));
        size_t size = strlen(one->value);
        const char *member = NULL;
        bool personal =
            kind && (kind->form == FORM_PHONE || kind->form == FORM_EMAIL || kind->form == FORM_DIGEST);
        if (personal)
            member = "kind";
        else if (looks_personal(one->value, size))
            member = "value";
        if (!member)
            continue;
        char *field = arena_printf(context->arena, "identifiers/%zu/%s", i, member);
        return rpc_refuse(context, -QY_EINVAL, field, "is nothing that you can look for people by");
    }
    return 0;
}

static int look_up_identifiers(struct rpc_context *context, const Quanyu__LookupRequest *asked,
    Quanyu__PersonView *view, uint32_t *ret_person)
{
    if (asked->n_identifiers > IDENTIFIERS_ASKED_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "identifiers", "holds more than %d", IDENTIFIERS_ASKED_MAX);
    view->missed = arena_alloc(context->arena, asked->n_identifiers * sizeof(char *));
    if (!view->missed)
        return -QY_ENOMEM;
    int refused = refuse_personal(context, asked);
    if (refused)
        return refused;
    for (size_t i = asked->skip; i < asked->n_identifiers; i++) {
        int error = look_up_one(context, i, asked->identifiers[i], ret_person, &view->missed[view->n_missed]);
        if (error)
            return error;
        if (*ret_person) {
            view->place = (uint32_t)i;
            view->n_missed = 0;
            return 0;
        }
        view->n_missed++;
    }
    return 0;
}

static int look_up_one_id(
    struct rpc_context *context, const char *one_id, Quanyu__PersonView *view, uint32_t *ret_person)
{
    const struct identity *identity = context->self;
    uint32_t number;
    if (!one_id_parse(vault_one_id_key(identity->vault), one_id, strlen(one_id), &number))
        return rpc_refuse(context, -QY_ENOTFOUND, "one_id", "there is no such person");
    *ret_person = present_person(context->txn, number);
    if (!*ret_person)
        return rpc_refuse(context, -QY_ENOTFOUND, "one_id", "there is no such person");
    if (*ret_person == number)
        return 0;
    view->asked_one_id = arena_text(context->arena, one_id, strlen(one_id));
    return view->asked_one_id ? 0 : -QY_ENOMEM;
}

/* It is the asker's answer no less: refusing it would tell who guesses names that the guess is right. */
static int look_at_stated(
    struct rpc_context *context, uint32_t person, const char *stated, Quanyu__PersonView *view)
{
    bool personal = false;
    int error = stated_is_personal(context->self, context->txn, person, stated, &personal);
    view->stated_personal = personal;
    return error;
}

static int lookup(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__LookupRequest *asked = request_of(request)->lookup;
    int ways = (asked->n_identifiers > 0) + (*asked->one_id != '\0') + (asked->person != 0);
    if (ways != 1)
        return rpc_refuse(
            context, -QY_EINVAL, "identifiers", "give identifiers, one_id or person, and one of them only");
    Quanyu__PersonView *view = arena_alloc(context->arena, sizeof(*view));
    if (!view)
        return -QY_ENOMEM;
    quanyu__person_view__init(view);
    uint32_t person = 0;
    int error = 0;
    if (asked->n_identifiers > 0)
        error = look_up_identifiers(context, asked, view, &person);
    else if (*asked->one_id)
        error = look_up_one_id(context, asked->one_id, view, &person);
    else if (!(person = present_person(context->txn, asked->person)))
        error = rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
    if (!error && person && *asked->stated)
        error = look_at_stated(context, person, asked->stated, view);
    if (!error && person)
        error = view_person(context->self, context->txn, person, asked->personal, context->arena, view);
    if (error)
        return error;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_PERSON;
    reply_of(reply)->person = view;
    return 0;
}

/* -- the others -- */

static int address(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    const Quanyu__AddressRequest *asked = request_of(request)->address;
    uint32_t person = present_person(context->txn, asked->person);
    if (!person)
        return rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
    if (!kind_find(&identity->kinds, asked->kind, strlen(asked->kind)))
        return rpc_refuse(context, -QY_EINVAL, "kind", "is no kind of identifier that is configured here");
    Quanyu__AddressReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__address_reply__init(answer);
    int error = view_address(identity, context->txn, person, asked->kind, context->arena, answer);
    if (error == -QY_ENOTFOUND)
        return rpc_refuse(context, error, "kind", "the person has none of this kind");
    if (error)
        return error;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_ADDRESS;
    reply_of(reply)->address = answer;
    return 0;
}

static int unmask(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__UnmaskRequest *asked = request_of(request)->unmask;
    if (!*asked->purpose)
        return rpc_refuse(context, -QY_EINVAL, "purpose", "is required");
    if (asked->n_fields == 0 || asked->n_fields > FIELDS_ASKED_MAX)
        return rpc_refuse(context, -QY_EINVAL, "fields", "must be 1 to %d names", FIELDS_ASKED_MAX);
    uint32_t person = present_person(context->txn, asked->person);
    if (!person)
        return rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
    Quanyu__UnmaskReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__unmask_reply__init(answer);
    int error = view_unmasked(context->self, context->txn, asked, person, context->arena, answer);
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_UNMASK;
    reply_of(reply)->unmask = answer;
    return error;
}

static Quanyu__NodeNamesReply__Name *node_name(
    struct rpc_context *context, uint32_t node, const struct node_place *place)
{
    char hash[2 * VAULT_HASH_BYTES + 1];
    struct node_row row;
    Quanyu__NodeNamesReply__Name *name = arena_alloc(context->arena, sizeof(*name));
    if (!name)
        return NULL;
    if (!identity_store_node(context->txn, node, &row)) {
        store_fail(context->txn, -QY_ECORRUPT);
        return NULL;
    }
    quanyu__node_names_reply__name__init(name);
    sodium_bin2hex(hash, sizeof(hash), place->hash, VAULT_HASH_BYTES);
    name->node = node;
    name->person = place->person;
    name->kind = arena_text(context->arena, row.kind, strlen(row.kind));
    name->hash = arena_text(context->arena, hash, sizeof(hash) - 1);
    return name->kind && name->hash ? name : NULL;
}

static int gather_names(
    struct rpc_context *context, uint32_t from, size_t limit, Quanyu__NodeNamesReply *answer)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = identity_store_scan_places(context->txn, from, &scan);
    uint32_t node;
    struct node_place place;
    while (!error && identity_store_next_place(context->txn, scan, &node, &place)) {
        if (answer->n_names == limit) {
            answer->next = node;
            break;
        }
        Quanyu__NodeNamesReply__Name *name = node_name(context, node, &place);
        if (!name)
            return store_error(context->txn) ? store_error(context->txn) : -QY_ENOMEM;
        answer->names[answer->n_names++] = name;
    }
    return error ? error : store_error(context->txn);
}

static int node_names(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__NodeNamesRequest *asked = request_of(request)->node_names;
    size_t limit = asked->limit && asked->limit < NAMES_MAX ? asked->limit : NAMES_MAX;
    Quanyu__NodeNamesReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__node_names_reply__init(answer);
    answer->names = arena_alloc(context->arena, limit * sizeof(void *));
    int error = answer->names ? gather_names(context, asked->from, limit, answer) : -QY_ENOMEM;
    if (error)
        return error;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_NODE_NAMES;
    reply_of(reply)->node_names = answer;
    return 0;
}

static int one_ids(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    const Quanyu__OneIdsRequest *asked = request_of(request)->one_ids;
    if (asked->n_persons > ONE_IDS_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "persons", "holds more than %d", ONE_IDS_MAX);
    Quanyu__OneIdsReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__one_ids_reply__init(answer);
    answer->one_ids = arena_alloc(context->arena, asked->n_persons * sizeof(char *));
    if (!answer->one_ids)
        return -QY_ENOMEM;
    for (size_t i = 0; i < asked->n_persons; i++) {
        char text[ONE_ID_BYTES] = "";
        if (asked->persons[i])
            one_id_format(vault_one_id_key(identity->vault), asked->persons[i], text);
        char *copy = arena_text(context->arena, text, strlen(text));
        if (!copy)
            return -QY_ENOMEM;
        answer->one_ids[answer->n_one_ids++] = copy;
    }
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_ONE_IDS;
    reply_of(reply)->one_ids = answer;
    return 0;
}

static int numbers(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct identity *identity = context->self;
    const Quanyu__NumbersRequest *asked = request_of(request)->numbers;
    Quanyu__NumbersReply *answer = arena_alloc(context->arena, sizeof(*answer));
    if (asked->n_one_ids > NUMBERS_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "one_ids", "holds more than %d", NUMBERS_MAX);
    if (!answer)
        return -QY_ENOMEM;
    quanyu__numbers_reply__init(answer);
    answer->persons = arena_alloc(context->arena, (asked->n_one_ids + 1) * sizeof(uint32_t));
    for (size_t i = 0; answer->persons && i < asked->n_one_ids; i++) {
        const char *one_id = asked->one_ids[i];
        uint32_t number;
        if (!one_id_parse(vault_one_id_key(identity->vault), one_id, strlen(one_id), &number) ||
            !present_person(context->txn, number))
            return rpc_refuse(context, -QY_ENOTFOUND, arena_printf(context->arena, "one_ids/%zu", i),
                "there is no such person");
        answer->persons[answer->n_persons++] = number;
    }
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_NUMBERS;
    reply_of(reply)->numbers = answer;
    return answer->persons ? store_error(context->txn) : -QY_ENOMEM;
}

static int counts(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    struct identity_counters counters;
    Quanyu__IdentityCounts *answer = arena_alloc(context->arena, sizeof(*answer));
    if (!answer)
        return -QY_ENOMEM;
    quanyu__identity_counts__init(answer);
    identity_store_counters(context->txn, &counters);
    answer->persons = counters.persons;
    answer->nodes = counters.nodes;
    answer->joins = counters.joins;
    answer->events = counters.events;
    answer->unattributed = counters.unattributed;
    answer->splits = counters.splits;
    answer->conflicts = counters.conflicts;
    reply_of(reply)->result_case = QUANYU__IDENTITY_REPLY__RESULT_COUNTS;
    reply_of(reply)->counts = answer;
    return store_error(context->txn);
}

/* Addresses in the clear leave for whoever sends, and for nobody else. */
static const char *const senders[] = {"campaign", NULL};
static const char *const gateway_alone[] = {"gateway", NULL};

static const struct rpc_handler handlers[] = {
    [QUANYU__IDENTITY_REQUEST__CALL_LOOKUP] = {"lookup", lookup, RPC_QUERY, NULL},
    [QUANYU__IDENTITY_REQUEST__CALL_ADDRESS] = {"address", address, RPC_QUERY, senders},
    [QUANYU__IDENTITY_REQUEST__CALL_NODE_NAMES] = {"node_names", node_names, RPC_QUERY, NULL},
    [QUANYU__IDENTITY_REQUEST__CALL_ONE_IDS] = {"one_ids", one_ids, RPC_QUERY, NULL},
    [QUANYU__IDENTITY_REQUEST__CALL_COUNTS] = {"counts", counts, RPC_QUERY, NULL},
    [QUANYU__IDENTITY_REQUEST__CALL_NUMBERS] = {"numbers", numbers, RPC_QUERY, NULL},
    [QUANYU__IDENTITY_REQUEST__CALL_UNMASK] = {"unmask", unmask, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_DECIDE] = {"decide", handle_decide, RPC_COMMAND, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_UNDO] = {"undo", handle_undo, RPC_COMMAND, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_DECISIONS] = {"decisions", handle_decisions, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_EXPLAIN] = {"explain", handle_explain, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_HISTORY] = {"history", handle_history, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_CONFLICTS] = {"conflicts", handle_conflicts, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_BUSY] = {"busy", handle_busy, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_DUPLICATE_SEARCH] = {"duplicate_search", handle_duplicate_search,
        RPC_COMMAND, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_DUPLICATE_PROGRESS] = {"duplicate_progress", handle_duplicate_progress,
        RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_DUPLICATES] = {"duplicates", handle_duplicates, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_DUPLICATE_DISMISS] = {"duplicate_dismiss", handle_duplicate_dismiss,
        RPC_COMMAND, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_RULES] = {"rules", handle_rules, RPC_QUERY, gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_CHANGE_RULES] = {"change_rules", handle_change_rules, RPC_COMMAND,
        gateway_alone},
    [QUANYU__IDENTITY_REQUEST__CALL_DRY_RUN] = {"dry_run", handle_dry_run, RPC_QUERY, gateway_alone},
};

const struct rpc_service identity_rpc = {
    .request = &quanyu__identity_request__descriptor,
    .reply = &quanyu__identity_reply__descriptor,
    .handlers = handlers,
    .handler_count = COUNT_OF(handlers),
};
