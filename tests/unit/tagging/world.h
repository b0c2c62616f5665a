/* SPDX-License-Identifier: Apache-2.0 */
/* Tagging on a real store in a directory of its own, fed by hand: stands in for the runtime. */
#ifndef QY_TESTS_TAGGING_WORLD_H
#define QY_TESTS_TAGGING_WORLD_H

#include "proto/campaign.pb-c.h"
#include "services/tagging/tagging.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORLD_START INT64_C(1760000000000) /* 2025-10-09T08:53:20Z */

struct emitted {
    unsigned record_class;
    int64_t now_ms;
    ProtobufCMessage *message;
};

struct world {
    char path[64];
    struct store *store;
    struct tagging tagging;
    struct batch batch;
    uint64_t origin; /* of the next event */
    bool restarts;   /* behind each batch that batch.timers_max has filled */
    struct emitted *emitted;
    size_t emitted_count, emitted_capacity;
    struct arena *arena;         /* of replies */
    Quanyu__Scope *scope;        /* of who asks; NULL: everybody */
    char error[300], field[300]; /* of the last refused request */
};

static struct world *world_now; /* whom the stand-ins below serve */

/* -- what the runtime would provide -- */

uint64_t batch_emit(struct batch *batch, unsigned record_class, const ProtobufCMessage *message)
{
    struct world *world = world_now;
    if (world->emitted_count == world->emitted_capacity) {
        world->emitted_capacity = world->emitted_capacity ? world->emitted_capacity * 2 : 64;
        struct emitted *grown = realloc(world->emitted, world->emitted_capacity * sizeof(*grown));
        assert_non_null(grown);
        world->emitted = grown;
    }
    uint8_t *packed = malloc(protobuf_c_message_get_packed_size(message) + 1);
    assert_non_null(packed);
    size_t size = protobuf_c_message_pack(message, packed);
    struct emitted *record = &world->emitted[world->emitted_count];
    *record = (struct emitted){
        record_class, batch->now_ms, protobuf_c_message_unpack(message->descriptor, NULL, size, packed)};
    free(packed);
    assert_non_null(record->message);
    return world->emitted_count++;
}

const struct config *service_config(const struct service *service)
{
    (void)service;
    return NULL;
}

int service_submit(struct service *service, struct work *work)
{
    (void)service;
    (void)work;
    return 0;
}

int64_t service_now_ms(const struct service *service)
{
    (void)service;
    return world_now->batch.now_ms;
}

/* All that was said, and when. */
static inline uint64_t world_emitted_digest(const struct world *world)
{
    uint64_t digest = world->emitted_count;
    for (size_t i = 0; i < world->emitted_count; i++) {
        const struct emitted *record = &world->emitted[i];
        size_t size = protobuf_c_message_get_packed_size(record->message);
        uint8_t *packed = malloc(size + 1);
        protobuf_c_message_pack(record->message, packed);
        digest = (digest ^ record->record_class ^ (uint64_t)record->now_ms) * UINT64_C(1099511628211);
        for (size_t at = 0; at < size; at++)
            digest = (digest ^ packed[at]) * UINT64_C(1099511628211);
        free(packed);
    }
    return digest;
}

/* -- a world's life -- */

static void world_begin(struct world *world)
{
    assert_int_equal(store_begin(world->store, STORE_WRITE, &world->batch.txn), 0);
}

static void world_open_store(struct world *world)
{
    const struct store_options options = {
        .path = world->path,
        .tables = tagging_tables,
        .table_count = TAGGING_TABLES,
        .map_bytes = UINT64_C(4) << 30,
        .schema_version = TAGGING_SCHEMA,
    };
    assert_int_equal(store_open(&options, &world->store), 0);
    world_begin(world);
    tagging_set_currency(&world->tagging, "CNY");
    assert_int_equal(tagging_fold.open(&world->tagging, &world->batch), 0);
    assert_int_equal(store_commit(&world->batch.txn), 0);
    world_begin(world);
}

static void world_forget_emitted(struct world *world)
{
    for (size_t i = 0; i < world->emitted_count; i++)
        protobuf_c_message_free_unpacked(world->emitted[i].message, NULL);
    world->emitted_count = 0;
}

static struct world *world_open(void)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    world_now = world;
    assert_int_equal(clock_set_zone("Asia/Shanghai"), 0);
    assert_int_equal(arena_open(&world->arena), 0);
    snprintf(world->path, sizeof(world->path), "/tmp/quanyu-tagging-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    world->batch.now_ms = WORLD_START;
    world->origin = 1;
    world_open_store(world);
    return world;
}

static void world_close(struct world *world)
{
    store_abort(&world->batch.txn);
    tagging_fold.close(&world->tagging);
    store_close(&world->store);
    world_forget_emitted(world);
    free(world->emitted);
    arena_close(&world->arena);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", world->path);
    assert_int_equal(system(command), 0);
    free(world);
}

static inline void world_commit(struct world *world)
{
    assert_int_equal(tagging_fold.finish(&world->tagging, &world->batch), 0);
    assert_int_equal(store_commit(&world->batch.txn), 0);
    world_begin(world);
}

/* The batch is rolled back, as after a full disk. */
static inline void world_rollback(struct world *world)
{
    store_abort(&world->batch.txn);
    tagging_fold.discard(&world->tagging);
    world_begin(world);
}

/* The process died and is started again. */
static inline void world_restart(struct world *world)
{
    int64_t now_ms = world->batch.now_ms;
    store_abort(&world->batch.txn);
    tagging_fold.close(&world->tagging);
    store_close(&world->store);
    memset(&world->tagging, 0, sizeof(world->tagging));
    world_open_store(world);
    world->batch.now_ms = now_ms;
}

static inline void world_time(struct world *world, int64_t now_ms)
{
    if (now_ms <= world->batch.now_ms)
        return;
    bool more = tagging_fold.next_due(&world->tagging) <= now_ms;
    while (more) {
        world->batch.timers = 0;
        assert_int_equal(tagging_fold.advance(&world->tagging, &world->batch, now_ms), 0);
        more = batch_is_full(&world->batch) && tagging_fold.next_due(&world->tagging) <= now_ms;
        if (more)
            world_commit(world);
        if (more && world->restarts)
            world_restart(world);
    }
    world->batch.now_ms = now_ms;
}

/* -- records -- */

static void world_record(
    struct world *world, unsigned input, unsigned record_class, const ProtobufCMessage *message)
{
    uint8_t *packed = malloc(protobuf_c_message_get_packed_size(message) + 1);
    assert_non_null(packed);
    const struct journal_record record = {
        .record_class = record_class,
        .time_ms = world->batch.now_ms,
        .data = {packed, protobuf_c_message_pack(message, packed)},
    };
    assert_int_equal(tagging_fold.record(&world->tagging, &world->batch, input, &record), 0);
    free(packed);
}

static inline void world_node(struct world *world, uint32_t node, uint32_t person, const char *kind)
{
    Quanyu__NodeCreated record = QUANYU__NODE_CREATED__INIT;
    record.node = node;
    record.person = person;
    record.kind = (char *)kind;
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_NODE, &record.base);
}

static inline void world_move(struct world *world, uint32_t *nodes, size_t count, uint32_t from, uint32_t to)
{
    Quanyu__NodesMoved record = QUANYU__NODES_MOVED__INIT;
    record.nodes = nodes;
    record.n_nodes = count;
    record.from = from;
    record.to = to;
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_MOVED, &record.base);
}

/* What moved was decided by hand, or follows from other rules. */
static inline void world_settle(struct world *world)
{
    const Quanyu__PersonsSettled record = QUANYU__PERSONS_SETTLED__INIT;
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_SETTLED, &record.base);
}

struct world_event {
    uint32_t node;
    const char *name; /* NULL: an identify */
    int64_t event_ms; /* 0: now */
    const char *properties, *traits;
    bool history;
    uint32_t linked;
    uint32_t unit, staff;
};

static ProtobufCBinaryData world_bytes(const char *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)text, .len = text ? strlen(text) : 0};
}

/* Returns the event's origin. */
static inline uint64_t world_event(struct world *world, struct world_event event)
{
    Quanyu__PersonEvent record = QUANYU__PERSON_EVENT__INIT;
    record.origin = world->origin++;
    record.node = event.node;
    record.type = event.name ? QUANYU__EVENT_TYPE__EVENT_TRACK : QUANYU__EVENT_TYPE__EVENT_IDENTIFY;
    record.name = (char *)(event.name ? event.name : "");
    record.received_ms = world->batch.now_ms;
    record.event_ms = event.event_ms ? event.event_ms : world->batch.now_ms;
    record.history = event.history;
    record.message_key = record.origin;
    record.properties = world_bytes(event.properties);
    record.traits = world_bytes(event.traits);
    record.n_linked = event.linked != 0;
    record.linked = &event.linked;
    record.unit = event.unit;
    record.staff = event.staff;
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_EVENT, &record.base);
    return record.origin;
}

static inline void world_unit(struct world *world, uint32_t unit, uint32_t parent, bool removed)
{
    Quanyu__OrganisationChanged changed = QUANYU__ORGANISATION_CHANGED__INIT;
    Quanyu__OrganisationChanged__Place place = QUANYU__ORGANISATION_CHANGED__PLACE__INIT;
    place.unit = unit;
    place.parent = parent;
    place.removed = removed;
    changed.places = (Quanyu__OrganisationChanged__Place *[]){&place};
    changed.n_places = 1;
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_ORGANISATION, &changed.base);
}

static inline void world_staff(struct world *world, uint32_t staff, uint32_t unit, bool left)
{
    Quanyu__OrganisationChanged changed = QUANYU__ORGANISATION_CHANGED__INIT;
    Quanyu__OrganisationChanged__Member member = QUANYU__ORGANISATION_CHANGED__MEMBER__INIT;
    member.staff = staff;
    member.unit = unit;
    member.left = left;
    changed.members = (Quanyu__OrganisationChanged__Member *[]){&member};
    changed.n_members = 1;
    world_record(world, 0, QUANYU__IDENTITY_RECORD__RECORD_ORGANISATION, &changed.base);
}

/* -- requests -- */

/* Returns the handler's code; the reply lives until the next request. */
static int world_ask(struct world *world, const Quanyu__TaggingRequest *request, Quanyu__TaggingReply *reply)
{
    Quanyu__Header header = QUANYU__HEADER__INIT;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    actor.scope = world->scope;
    header.actor = &actor;
    arena_reset(world->arena);
    quanyu__tagging_reply__init(reply);
    const struct rpc_handler *handler = &tagging_rpc.handlers[request->call_case];
    struct rpc_context context = {
        .self = &world->tagging, .header = &header, .peer = "gateway", .arena = world->arena};
    struct store_txn *snapshot = NULL;
    if (handler->mode == RPC_COMMAND) {
        context.batch = &world->batch;
    } else {
        if (world->tagging.begun)
            world_commit(world);
        assert_int_equal(store_begin(world->store, STORE_READ, &snapshot), 0);
        context.txn = snapshot;
    }
    int code = handler->handle(&context, &request->base, &reply->base);
    snprintf(world->error, sizeof(world->error), "%s", context.error_message ? context.error_message : "");
    snprintf(world->field, sizeof(world->field), "%s", context.error_field ? context.error_field : "");
    store_abort(&snapshot);
    return code;
}

/* `id` NULL: a new segment, whose id is copied into `ret_id` (may be NULL). */
static inline int world_define(struct world *world, Quanyu__Definition__Kind kind, const char *id,
    const char *rule, bool create, char ret_id[64])
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__DefineRequest define = QUANYU__DEFINE_REQUEST__INIT;
    Quanyu__Definition definition = QUANYU__DEFINITION__INIT;
    Quanyu__TaggingReply reply;
    definition.kind = kind;
    definition.id = (char *)(id ? id : "");
    definition.rule = world_bytes(rule);
    define.definition = &definition;
    define.create = create;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_DEFINE;
    request.define = &define;
    int code = world_ask(world, &request, &reply);
    if (code == 0 && ret_id)
        snprintf(ret_id, 64, "%s", reply.define->id);
    return code;
}

static inline void world_segment(struct world *world, const char *rule, char ret_id[64])
{
    int code = world_define(world, QUANYU__DEFINITION__KIND__SEGMENT, NULL, rule, true, ret_id);
    if (code)
        fail_msg("%s refused: %s %s", rule, world->field, world->error);
}

static inline int world_remove(struct world *world, Quanyu__Definition__Kind kind, const char *id)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__RemoveRequest removal = QUANYU__REMOVE_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    removal.kind = kind;
    removal.id = (char *)id;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_REMOVE;
    request.remove = &removal;
    return world_ask(world, &request, &reply);
}

/* Commits first, as queries see only what is committed. */
static inline Quanyu__ProfileReply *world_profile(struct world *world, uint32_t person)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__ProfileRequest question = QUANYU__PROFILE_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    question.person = person;
    question.events = 100;
    question.amounts = true;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_PROFILE;
    request.profile = &question;
    assert_int_equal(world_ask(world, &request, &reply), 0);
    return reply.profile;
}

static inline int world_audience(
    struct world *world, const char *rule, int64_t as_of_ms, bool by_scan, Quanyu__AudienceReply **ret_reply)
{
    Quanyu__TaggingRequest request = QUANYU__TAGGING_REQUEST__INIT;
    Quanyu__AudienceRequest question = QUANYU__AUDIENCE_REQUEST__INIT;
    Quanyu__TaggingReply reply;
    question.rule = world_bytes(rule);
    question.as_of_ms = as_of_ms;
    question.by_scan = by_scan;
    question.list = 10000;
    request.call_case = QUANYU__TAGGING_REQUEST__CALL_AUDIENCE;
    request.audience = &question;
    int code = world_ask(world, &request, &reply);
    if (code == 0)
        *ret_reply = reply.audience;
    return code;
}

/* The value of a metric, as its JSON, in `out`. */
static inline const char *world_metric(struct world *world, uint32_t person, const char *name, char out[64])
{
    Quanyu__ProfileReply *profile = world_profile(world, person);
    yyjson_doc *doc =
        yyjson_read((const char *)profile->metrics.data, profile->metrics.len, YYJSON_READ_NUMBER_AS_RAW);
    char *text = yyjson_val_write(yyjson_obj_get(yyjson_doc_get_root(doc), name), 0, NULL);
    snprintf(out, 64, "%s", text ? text : "none");
    free(text);
    yyjson_doc_free(doc);
    return out;
}

static inline bool world_in_segment(struct world *world, uint32_t person, const char *id)
{
    Quanyu__ProfileReply *profile = world_profile(world, person);
    for (size_t i = 0; i < profile->n_segments; i++)
        if (strcmp(profile->segments[i]->id, id) == 0)
            return true;
    return false;
}

static inline bool world_has_tag(struct world *world, uint32_t person, const char *tag, const char *origin)
{
    Quanyu__ProfileReply *profile = world_profile(world, person);
    for (size_t i = 0; i < profile->n_tags; i++)
        if (strcmp(profile->tags[i]->name, tag) == 0 && strcmp(profile->tags[i]->origin, origin) == 0)
            return true;
    return false;
}

/* The n-th record of a class, from 0; NULL: there is none. */
static inline const void *world_emitted(const struct world *world, unsigned record_class, size_t n)
{
    for (size_t i = 0; i < world->emitted_count; i++)
        if (world->emitted[i].record_class == record_class && n-- == 0)
            return world->emitted[i].message;
    return NULL;
}

static inline const Quanyu__MembershipChanged *world_change(const struct world *world, size_t n)
{
    return world_emitted(world, QUANYU__TAGGING_RECORD__RECORD_MEMBERSHIP, n);
}

/* The whole dump, in memory of the caller. */
static inline char *world_dump(struct world *world)
{
    struct buffer lines = BUFFER_INIT;
    struct store_txn *snapshot;
    char cursor[128] = "", next[128];
    world_commit(world);
    assert_int_equal(store_begin(world->store, STORE_READ, &snapshot), 0);
    do {
        assert_int_equal(tagging_fold.dump(&world->tagging, snapshot, cursor, &lines, next), 0);
        snprintf(cursor, sizeof(cursor), "%s", next);
    } while (*cursor);
    store_abort(&snapshot);
    buffer_byte(&lines, 0);
    return (char *)lines.data;
}

#endif
