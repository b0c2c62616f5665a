/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's fold over a real store and a real journal, driven by hand: events go in, records come out. */
#ifndef QY_TESTS_IDENTITY_WORLD_H
#define QY_TESTS_IDENTITY_WORLD_H

#include "services/identity/identity.h"

#include "proto/gateway.pb-c.h"
#include "proto/identity.pb-c.h"
#include "services/identity/identity_dump.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IDENTIFY QUANYU__EVENT_TYPE__EVENT_IDENTIFY
#define TRACK QUANYU__EVENT_TYPE__EVENT_TRACK
#define ALIAS QUANYU__EVENT_TYPE__EVENT_ALIAS

static const uint8_t master[VAULT_MASTER_BYTES] = {7};

/* The fold on a real store and a real journal in a directory of its own. */
struct world {
    char path[64];
    struct identity identity;
    struct store *store;
    struct journal *journal;
    struct journal_position committed; /* as the runtime keeps it in the state */
    struct journal_position read;
    struct chunk_reader *reader;
    struct buffer chunks;
    struct bytes left;
    struct arena *arena; /* of the record that was read last */
    struct batch batch;
    unsigned settled; /* records that say so: passed over by next() */
    uint64_t offset;  /* of the next event in the gateway's journal */
};

static inline void open_world(struct world *world)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/state", world->path);
    struct store_options options = {
        .path = path,
        .tables = identity_tables,
        .table_count = TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 30,
        .schema_version = IDENTITY_SCHEMA_VERSION,
        .migrations = identity_migrations,
        .migration_count = IDENTITY_MIGRATION_COUNT,
    };
    assert_int_equal(store_open(&options, &world->store), 0);
    char journal_path[128];
    snprintf(journal_path, sizeof(journal_path), "%s/journal", world->path);
    struct journal_options journal = {.path = journal_path, .compression = 1};
    assert_int_equal(journal_open(&journal, &world->committed, &world->journal), 0);
    assert_int_equal(identity_open(master, "loyalty_no", "CN", &world->identity), 0);
    struct batch batch = {0};
    assert_int_equal(store_begin(world->store, STORE_WRITE, &batch.txn), 0);
    assert_int_equal(identity_fold.open(&world->identity, &batch), 0);
    assert_int_equal(store_commit(&batch.txn), 0);
}

static inline void close_world(struct world *world)
{
    identity_fold.close(&world->identity);
    journal_close(&world->journal);
    store_close(&world->store);
}

static inline int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    snprintf(world->path, sizeof(world->path), "/tmp/identity_test.XXXXXX");
    assert_non_null(mkdtemp(world->path));
    assert_int_equal(arena_open(&world->arena), 0);
    assert_int_equal(chunk_reader_open(&world->reader), 0);
    open_world(world);
    *state = world;
    return 0;
}

static inline int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline int tear_down(void **state)
{
    struct world *world = *state;
    close_world(world);
    arena_close(&world->arena);
    chunk_reader_close(&world->reader);
    buffer_free(&world->chunks);
    nftw(world->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(world);
    return 0;
}

/* -- feeding -- */

static inline void begin(struct world *world)
{
    world->batch = (struct batch){.journal = world->journal, .now_ms = 1000};
    assert_int_equal(store_begin(world->store, STORE_WRITE, &world->batch.txn), 0);
}

static inline void add_record(struct world *world, unsigned record_class, struct bytes data)
{
    const struct journal_record record = {
        .offset = world->offset++, .record_class = record_class, .time_ms = 1000, .data = data};
    assert_int_equal(identity_fold.record(&world->identity, &world->batch, 0, &record), 0);
}

struct place {
    uint32_t unit, staff;
};

static inline void add_at(
    struct world *world, Quanyu__EventType type, int64_t event_ms, const char *body, struct place place)
{
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    uint8_t packed[32768];
    char id[32];
    snprintf(id, sizeof(id), "m-%llu", (unsigned long long)world->offset);
    raw.type = type;
    raw.message_id = id;
    raw.event_ms = event_ms;
    raw.received_ms = 5000;
    raw.source = 3;
    raw.unit = place.unit;
    raw.staff = place.staff;
    raw.body = (ProtobufCBinaryData){.len = strlen(body), .data = (uint8_t *)body};
    assert_true(quanyu__raw_event__get_packed_size(&raw) <= sizeof(packed));
    add_record(world, IDENTITY_INPUT_EVENT, (struct bytes){packed, quanyu__raw_event__pack(&raw, packed)});
}

static inline void add(struct world *world, Quanyu__EventType type, int64_t event_ms, const char *body)
{
    add_at(world, type, event_ms, body, (struct place){0});
}

static inline void commit(struct world *world)
{
    assert_int_equal(identity_fold.finish(&world->identity, &world->batch), 0);
    assert_int_equal(journal_commit(world->journal, &world->committed), 0);
    assert_int_equal(store_commit(&world->batch.txn), 0);
    journal_publish(world->journal, world->offset, 1000);
    identity_fold.committed(&world->identity, NULL);
}

static inline void roll_back(struct world *world)
{
    store_abort(&world->batch.txn);
    assert_int_equal(journal_revert(world->journal), 0);
    identity_fold.discard(&world->identity);
}

static inline void fold(struct world *world, Quanyu__EventType type, int64_t event_ms, const char *body)
{
    begin(world);
    add(world, type, event_ms, body);
    commit(world);
}

/* -- reading -- */

struct output {
    unsigned class;
    const Quanyu__PersonEvent *event;
    const Quanyu__NodeCreated *created;
    const Quanyu__NodesMoved *moved;
    const Quanyu__OrganisationChanged *organisation;
    const Quanyu__EventOfNobody *nobody;
    const Quanyu__EventsMoved *events_moved;
};

static inline bool next_record(struct world *world, struct journal_record *ret_record)
{
    while (!chunk_next(world->reader, ret_record)) {
        if (world->left.size == 0) {
            struct journal_position after;
            buffer_clear(&world->chunks);
            assert_int_equal(journal_read(world->journal, &world->read, 1 << 20, &world->chunks, &after), 0);
            world->left = (struct bytes){world->chunks.data, world->chunks.size};
        }
        uint64_t size;
        if (!bytes_varint(&world->left, &size))
            return false;
        assert_int_equal(chunk_read(world->reader, (struct bytes){world->left.data, size}, &world->read), 0);
        world->left.data += size;
        world->left.size -= size;
    }
    return true;
}

static inline bool next(struct world *world, struct output *ret_output)
{
    struct journal_record record;
    do {
        if (!next_record(world, &record))
            return false;
        world->settled += record.record_class == QUANYU__IDENTITY_RECORD__RECORD_SETTLED;
    } while (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_SETTLED ||
             record.record_class == QUANYU__IDENTITY_RECORD__RECORD_ACT); /* for audit alone */
    ProtobufCAllocator *allocator = arena_allocator(world->arena);
    *ret_output = (struct output){.class = record.record_class};
    if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_EVENT)
        ret_output->event = quanyu__person_event__unpack(allocator, record.data.size, record.data.data);
    else if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_NODE)
        ret_output->created = quanyu__node_created__unpack(allocator, record.data.size, record.data.data);
    else if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_MOVED)
        ret_output->moved = quanyu__nodes_moved__unpack(allocator, record.data.size, record.data.data);
    else if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_ORGANISATION)
        ret_output->organisation =
            quanyu__organisation_changed__unpack(allocator, record.data.size, record.data.data);
    else if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_NOBODY)
        ret_output->nobody = quanyu__event_of_nobody__unpack(allocator, record.data.size, record.data.data);
    else if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_EVENTS_MOVED)
        ret_output->events_moved =
            quanyu__events_moved__unpack(allocator, record.data.size, record.data.data);
    assert_true(ret_output->event || ret_output->created || ret_output->moved || ret_output->organisation ||
                ret_output->events_moved || ret_output->nobody);
    return true;
}

/* All new records in short: "+3phone@1" created, "2,3>1" moved, "e3@1(1,2)" event of node 3, person 1,
 * linked, "o2,1" two units and a member of staff, "3!7>4,9>5" of node 3 the events 7 and 9,
 * "n7blocked" the event at 7 of nobody. */
static inline void check(struct world *world, const char *expected)
{
    char text[4096] = "";
    size_t used = 0;
    struct output output;
    while (next(world, &output)) {
        char *at = text + used;
        size_t room = sizeof(text) - used;
        int size = 0;
        if (output.created) {
            size = snprintf(
                at, room, "+%u%s@%u ", output.created->node, output.created->kind, output.created->person);
        } else if (output.moved) {
            for (size_t i = 0; i < output.moved->n_nodes; i++)
                size +=
                    snprintf(at + size, room - (size_t)size, "%s%u", i ? "," : "", output.moved->nodes[i]);
            size += snprintf(at + size, room - (size_t)size, ":%u>%u ", output.moved->from, output.moved->to);
        } else if (output.event) {
            size = snprintf(at, room, "e%u@%u(", output.event->node, output.event->person);
            for (size_t i = 0; i < output.event->n_linked; i++)
                size +=
                    snprintf(at + size, room - (size_t)size, "%s%u", i ? "," : "", output.event->linked[i]);
            size += snprintf(at + size, room - (size_t)size, ") ");
        } else if (output.nobody) {
            size = snprintf(at, room, "n%u%s ", (unsigned)output.nobody->origin, output.nobody->reason);
        } else if (output.events_moved) {
            size = snprintf(at, room, "%u!", output.events_moved->from);
            for (size_t i = 0; i < output.events_moved->n_origins; i++)
                size += snprintf(at + size, room - (size_t)size, "%s%llu>%u", i ? "," : "",
                    (unsigned long long)output.events_moved->origins[i], output.events_moved->nodes[i]);
            size += snprintf(at + size, room - (size_t)size, " ");
        } else {
            size = snprintf(
                at, room, "o%zu,%zu ", output.organisation->n_places, output.organisation->n_members);
        }
        used += (size_t)size;
    }
    if (used)
        text[used - 1] = '\0';
    assert_string_equal(text, expected);
}

static inline const Quanyu__PersonEvent *last_event(struct world *world)
{
    struct output output;
    const Quanyu__PersonEvent *event = NULL;
    while (next(world, &output))
        if (output.event)
            event = output.event;
    assert_non_null(event);
    return event;
}

static inline void assert_bytes_equal(ProtobufCBinaryData bytes, const char *expected)
{
    char text[4096];
    assert_true(bytes.len < sizeof(text));
    snprintf(text, sizeof(text), "%.*s", (int)bytes.len, bytes.len ? (const char *)bytes.data : "");
    assert_string_equal(text, expected);
}

/* -- asking -- */

static inline int ask(struct world *world, Quanyu__IdentityRequest *request, Quanyu__IdentityReply *reply)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    struct rpc_context context = {.self = &world->identity, .arena = world->arena, .txn = txn};
    quanyu__identity_reply__init(reply);
    int result = identity_rpc.handlers[request->call_case].handle(&context, &request->base, &reply->base);
    store_abort(&txn);
    return result;
}

static inline const Quanyu__PersonView *look_up(struct world *world, const char *kind, const char *value)
{
    Quanyu__Identifier identifier = QUANYU__IDENTIFIER__INIT;
    identifier.kind = (char *)kind;
    identifier.value = (char *)value;
    Quanyu__LookupRequest lookup = QUANYU__LOOKUP_REQUEST__INIT;
    lookup.n_identifiers = 1;
    lookup.personal = true;
    lookup.identifiers = (Quanyu__Identifier *[]){&identifier};
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_LOOKUP;
    request.lookup = &lookup;
    Quanyu__IdentityReply reply;
    assert_int_equal(ask(world, &request, &reply), 0);
    return reply.person;
}

static inline Quanyu__IdentityCounts counts(struct world *world)
{
    Quanyu__CountsRequest asked = QUANYU__COUNTS_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_COUNTS;
    request.counts = &asked;
    Quanyu__IdentityReply reply;
    assert_int_equal(ask(world, &request, &reply), 0);
    return *reply.counts;
}

static inline char *dump(struct world *world)
{
    struct store_txn *txn;
    struct buffer lines = BUFFER_INIT;
    char cursor[128] = "", next_cursor[128];
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    do {
        assert_int_equal(identity_dump(&world->identity, txn, cursor, &lines, next_cursor), 0);
        memcpy(cursor, next_cursor, sizeof(cursor));
    } while (*cursor);
    store_abort(&txn);
    char *text = strdup(buffer_c_str(&lines));
    buffer_free(&lines);
    return text;
}

/* -- the promises -- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
