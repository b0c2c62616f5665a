/* SPDX-License-Identifier: Apache-2.0 */
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
    uint64_t offset; /* of the next event in the gateway's journal */
};

static void open_world(struct world *world)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/state", world->path);
    struct store_options options = {
        .path = path,
        .tables = identity_tables,
        .table_count = TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 30,
        .schema_version = IDENTITY_SCHEMA_VERSION,
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

static void close_world(struct world *world)
{
    identity_fold.close(&world->identity);
    journal_close(&world->journal);
    store_close(&world->store);
}

static int set_up(void **state)
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

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
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

static void begin(struct world *world)
{
    world->batch = (struct batch){.journal = world->journal, .now_ms = 1000};
    assert_int_equal(store_begin(world->store, STORE_WRITE, &world->batch.txn), 0);
}

static void add(struct world *world, Quanyu__EventType type, int64_t event_ms, const char *body)
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
    raw.body = (ProtobufCBinaryData){.len = strlen(body), .data = (uint8_t *)body};
    assert_true(quanyu__raw_event__get_packed_size(&raw) <= sizeof(packed));
    struct journal_record record = {
        .offset = world->offset++, .record_class = IDENTITY_INPUT_EVENT, .time_ms = 1000};
    record.data = (struct bytes){packed, quanyu__raw_event__pack(&raw, packed)};
    assert_int_equal(identity_fold.record(&world->identity, &world->batch, 0, &record), 0);
}

static void commit(struct world *world)
{
    assert_int_equal(identity_fold.finish(&world->identity, &world->batch), 0);
    assert_int_equal(journal_commit(world->journal, &world->committed), 0);
    assert_int_equal(store_commit(&world->batch.txn), 0);
    journal_publish(world->journal, world->offset, 1000);
    identity_fold.committed(&world->identity, NULL);
}

static void roll_back(struct world *world)
{
    store_abort(&world->batch.txn);
    assert_int_equal(journal_revert(world->journal), 0);
    identity_fold.discard(&world->identity);
}

static void fold(struct world *world, Quanyu__EventType type, int64_t event_ms, const char *body)
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
};

static bool next_record(struct world *world, struct journal_record *ret_record)
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

static bool next(struct world *world, struct output *ret_output)
{
    struct journal_record record;
    if (!next_record(world, &record))
        return false;
    ProtobufCAllocator *allocator = arena_allocator(world->arena);
    *ret_output = (struct output){.class = record.record_class};
    if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_EVENT)
        ret_output->event = quanyu__person_event__unpack(allocator, record.data.size, record.data.data);
    else if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_NODE)
        ret_output->created = quanyu__node_created__unpack(allocator, record.data.size, record.data.data);
    else if (record.record_class == QUANYU__IDENTITY_RECORD__RECORD_MOVED)
        ret_output->moved = quanyu__nodes_moved__unpack(allocator, record.data.size, record.data.data);
    assert_true(ret_output->event || ret_output->created || ret_output->moved);
    return true;
}

/* All new records in short: "+3phone@1" created, "2,3>1" moved, "e3@1(1,2)" event of node 3, person 1,
 * linked. */
static void check(struct world *world, const char *expected)
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
        }
        used += (size_t)size;
    }
    if (used)
        text[used - 1] = '\0';
    assert_string_equal(text, expected);
}

static const Quanyu__PersonEvent *last_event(struct world *world)
{
    struct output output;
    const Quanyu__PersonEvent *event = NULL;
    while (next(world, &output))
        if (output.event)
            event = output.event;
    assert_non_null(event);
    return event;
}

static void assert_bytes_equal(ProtobufCBinaryData bytes, const char *expected)
{
    char text[4096];
    assert_true(bytes.len < sizeof(text));
    snprintf(text, sizeof(text), "%.*s", (int)bytes.len, bytes.len ? (const char *)bytes.data : "");
    assert_string_equal(text, expected);
}

/* -- asking -- */

static int ask(struct world *world, Quanyu__IdentityRequest *request, struct store_txn **txn,
    Quanyu__IdentityReply *reply, struct rpc_context *context)
{
    assert_int_equal(store_begin(world->store, STORE_READ, txn), 0);
    *context = (struct rpc_context){.self = &world->identity, .arena = world->arena, .txn = *txn};
    quanyu__identity_reply__init(reply);
    int result = identity_rpc.handlers[request->call_case].handle(context, &request->base, &reply->base);
    store_abort(txn);
    return result;
}

static const Quanyu__PersonView *look_up(struct world *world, const char *kind, const char *value)
{
    Quanyu__Identifier identifier = QUANYU__IDENTIFIER__INIT;
    identifier.kind = (char *)kind;
    identifier.value = (char *)value;
    Quanyu__LookupRequest lookup = QUANYU__LOOKUP_REQUEST__INIT;
    lookup.n_identifiers = 1;
    lookup.identifiers = (Quanyu__Identifier *[]){&identifier};
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_LOOKUP;
    request.lookup = &lookup;
    Quanyu__IdentityReply reply;
    struct store_txn *txn;
    struct rpc_context context;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), 0);
    return reply.person;
}

static Quanyu__IdentityCounts counts(struct world *world)
{
    Quanyu__CountsRequest asked = QUANYU__COUNTS_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_COUNTS;
    request.counts = &asked;
    Quanyu__IdentityReply reply;
    struct store_txn *txn;
    struct rpc_context context;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), 0);
    return *reply.counts;
}

static char *dump(struct world *world)
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

static void an_event_makes_its_nodes_and_one_person(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"anonymousId\":\"a1\",\"userId\":\"u1\",\"event\":\"x\"}");
    check(world, "+1user_id@1 +2anonymous_id@1 e1@1(2)");
    fold(world, TRACK, 2, "{\"anonymousId\":\"a1\",\"event\":\"x\"}");
    check(world, "e2@1()");
    fold(world, TRACK, 3, "{\"userId\":\"u2\",\"event\":\"x\"}");
    check(world, "+3user_id@3 e3@3()");
    fold(world, IDENTIFY, 4, "{\"userId\":\"u1\",\"traits\":{\"phone\":\"13800138000\"}}");
    check(world, "+4phone@1 e1@1(4)");
    Quanyu__IdentityCounts all = counts(world);
    assert_int_equal(all.persons, 2);
    assert_int_equal(all.nodes, 4);
    assert_int_equal(all.events, 4);
    assert_int_equal(all.joins, 0);
}

static void persons_that_turn_out_to_be_one_are_joined(void **state)
{
    struct world *world = *state;
    begin(world);
    add(world, TRACK, 1, "{\"anonymousId\":\"a1\",\"event\":\"x\"}");
    add(world, TRACK, 1, "{\"anonymousId\":\"a2\",\"event\":\"x\"}");
    add(world, TRACK, 1, "{\"userId\":\"u3\",\"anonymousId\":\"a3\",\"event\":\"x\"}");
    commit(world);
    check(world, "+1anonymous_id@1 e1@1() +2anonymous_id@2 e2@2() +3user_id@3 +4anonymous_id@3 e3@3(4)");
    fold(world, TRACK, 2, "{\"userId\":\"u3\",\"anonymousId\":\"a2\",\"event\":\"x\"}");
    check(world, "3,4:3>2 e3@2(2)");
    fold(world, IDENTIFY, 3, "{\"userId\":\"u3\",\"anonymousId\":\"a1\",\"traits\":{\"email\":\"x@y.cn\"}}");
    check(world, "2,3,4:2>1 +5email@1 e3@1(5,1)");
    Quanyu__IdentityCounts all = counts(world);
    assert_int_equal(all.persons, 1);
    assert_int_equal(all.joins, 2);
    char *text = dump(world);
    assert_non_null(strstr(text, "{\"link\":[\"n:1\",\"n:3\"]}"));
    assert_non_null(strstr(text, "{\"link\":[\"n:2\",\"n:3\"]}"));
    assert_non_null(strstr(text, "\"person\":\"p:1\"}"));
    assert_null(strstr(text, "\"person\":\"p:2\"}"));
    free(text);
}

static void one_event_can_join_many_persons(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"userId\":\"u1\",\"event\":\"x\"}");
    fold(world, IDENTIFY, 1, "{\"anonymousId\":\"a2\",\"traits\":{\"phone\":\"13800138000\"}}");
    fold(world, IDENTIFY, 1, "{\"anonymousId\":\"a3\",\"traits\":{\"email\":\"x@y.cn\"}}");
    (void)last_event(world);
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"anonymousId\":\"a9\",\"traits\":{\"email\":\"x@y.cn\",\"phone\":\"+86 "
        "13800138000\"}}");
    check(world, "2,3:2>1 4,5:4>1 +6anonymous_id@1 e1@1(2,4,6)");
}

static void an_alias_joins_whoever_bore_the_previous_id(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"anonymousId\":\"old\",\"event\":\"x\"}");
    fold(world, TRACK, 1, "{\"userId\":\"before\",\"event\":\"x\"}");
    check(world, "+1anonymous_id@1 e1@1() +2user_id@2 e2@2()");
    fold(world, ALIAS, 1, "{\"userId\":\"new\",\"previousId\":\"old\"}");
    check(world, "+3user_id@1 e3@1(1)");
    fold(world, ALIAS, 1, "{\"userId\":\"new\",\"previousId\":\"before\"}");
    check(world, "2:2>1 e3@1(2)");
    fold(world, ALIAS, 1, "{\"userId\":\"new\",\"previousId\":\"never seen\"}");
    check(world, "+4user_id@1 e3@1(4)");
}

static void events_of_nobody_are_counted_and_make_no_person(void **state)
{
    struct world *world = *state;
    begin(world);
    add(world, TRACK, 1, "{\"userId\":\"null\",\"anonymousId\":\"0\",\"event\":\"x\"}");
    add(world, TRACK, 1, "{\"userId\":{},\"event\":\"x\"}");
    add(world, TRACK, 1, "[1]");
    add(world, TRACK, 1, "not JSON");
    uint8_t broken[] = {0xff, 0xff};
    struct journal_record record = {.record_class = IDENTITY_INPUT_EVENT, .data = {broken, sizeof(broken)}};
    assert_int_equal(identity_fold.record(&world->identity, &world->batch, 0, &record), 0);
    commit(world);
    check(world, "");
    Quanyu__IdentityCounts all = counts(world);
    assert_int_equal(all.persons, 0);
    assert_int_equal(all.unattributed, 5);
}

static void the_event_goes_on_without_what_is_personal(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 77,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\",\"city\":\"上海\",\"birthday\":\"1990-03-14\","
        "\"phone\":\"13800138000\"},"
        "\"context\":{\"channel\":\"wechat\",\"ip\":\"10.1.2.3\"}}");
    const Quanyu__PersonEvent *event = last_event(world);
    assert_int_equal(event->origin, 0);
    assert_int_equal(event->event_ms, 77);
    assert_int_equal(event->received_ms, 5000);
    assert_int_equal(event->source, 3);
    assert_int_equal(event->type, IDENTIFY);
    assert_true(event->message_key != 0);
    assert_bytes_equal(
        event->traits, "{\"city\":\"上海\",\"has_phone\":true,\"birthday_month_day\":\"03-14\"}");
    assert_bytes_equal(event->context, "{\"channel\":\"wechat\"}");
    /* what is stored of the person is found in later events that do not state it */
    fold(world, TRACK, 78,
        "{\"userId\":\"u1\",\"event\":\"Hi "
        "王小明\",\"properties\":{\"order_id\":\"o1\",\"a\":\"王小明收\",\"total\":\"9.90\"}}");
    event = last_event(world);
    assert_string_equal(event->name, "[personal]");
    assert_bytes_equal(event->properties, "{\"order_id\":\"o1\",\"total\":\"9.90\"}");
    /* also through another of the person's identifiers */
    fold(world, IDENTIFY, 79, "{\"userId\":\"u1\",\"anonymousId\":\"a1\"}");
    fold(world, TRACK, 80, "{\"anonymousId\":\"a1\",\"event\":\"x\",\"properties\":{\"a\":\"Dear 王小明\"}}");
    event = last_event(world);
    assert_bytes_equal(event->properties, "{}");
}

static void the_latest_statement_of_a_trait_holds(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 100, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Bob Old\",\"note\":\"x\"}}");
    fold(world, IDENTIFY, 300, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Carl New\"}}");
    fold(world, IDENTIFY, 200, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Adam Late\"}}");
    const Quanyu__PersonView *view = look_up(world, "user_id", "u1");
    assert_bytes_equal(view->traits, "{\"name\":\"C*\",\"note\":\"***\"}");
    fold(world, IDENTIFY, 300, "{\"userId\":\"u1\",\"traits\":{\"name\":\"Dora Equal\"}}");
    fold(world, IDENTIFY, 400, "{\"userId\":\"u1\",\"traits\":{\"note\":null}}");
    fold(world, IDENTIFY, 350, "{\"userId\":\"u1\",\"traits\":{\"note\":\"back\"}}");
    view = look_up(world, "user_id", "u1");
    assert_bytes_equal(view->traits, "{\"name\":\"D*\"}");
    /* over the nodes of a person too */
    fold(world, IDENTIFY, 500, "{\"anonymousId\":\"a1\",\"traits\":{\"name\":\"Emil\"}}");
    fold(world, IDENTIFY, 501, "{\"userId\":\"u1\",\"anonymousId\":\"a1\"}");
    view = look_up(world, "anonymous_id", "a1");
    assert_bytes_equal(view->traits, "{\"name\":\"E*\"}");
}

static void an_event_about_somebody_known_writes_nothing(void **state)
{
    struct world *world = *state;
    const char *body =
        "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"name\":\"Bob\",\"phone\":\"13800138000\"}}";
    fold(world, IDENTIFY, 100, body);
    char *before = dump(world);
    begin(world);
    uint64_t tables[TABLE_COUNT];
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        tables[i] = store_count(world->batch.txn, i);
    add(world, IDENTIFY, 200, body);
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        assert_int_equal(store_count(world->batch.txn, i), tables[i]);
    commit(world);
    char *after = dump(world);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void lookups_show_masked_values(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 100,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\",\"phone\":\"13800138000\",\"email\":\"li@example."
        "com\",\"address\":{\"a\":1},"
        "\"birthday\":\"1990-03-14\",\"city\":\"x\"}}");
    const Quanyu__PersonView *view = look_up(world, "phone", "138 0013 8000");
    assert_int_equal(view->person, 1);
    assert_int_equal(view->n_nodes, 3);
    assert_int_equal(view->n_identifiers, 3);
    assert_string_equal(view->identifiers[0]->value, "u1");
    assert_string_equal(view->identifiers[1]->value, "138****8000");
    assert_string_equal(view->identifiers[2]->value, "l***@example.com");
    assert_bytes_equal(view->traits, "{\"name\":\"王*\",\"phone\":\"138****8000\",\"email\":\"l***@example."
                                     "com\",\"address\":\"***\",\"birthday\":\"****-03-14\"}");
    assert_int_equal(strlen(view->one_id), ONE_ID_BYTES - 1);
    const Quanyu__PersonView *missed = look_up(world, "phone", "13900139000");
    assert_int_equal(missed->person, 0);
    assert_int_equal(missed->n_missed, 1);
    assert_int_equal(strncmp(missed->missed[0], "phone:", 6), 0);
    assert_null(strstr(missed->missed[0], "139"));
    missed = look_up(world, "phone", "nonsense");
    assert_int_equal(missed->n_missed, 1);
}

static void a_joined_persons_one_id_leads_to_the_other(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"userId\":\"u1\",\"event\":\"x\"}");
    fold(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    char asked[ONE_ID_BYTES];
    snprintf(asked, sizeof(asked), "%s", look_up(world, "user_id", "u2")->one_id);
    fold(world, ALIAS, 1, "{\"userId\":\"u2\",\"previousId\":\"u1\"}");

    Quanyu__LookupRequest lookup = QUANYU__LOOKUP_REQUEST__INIT;
    lookup.one_id = asked;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_LOOKUP;
    request.lookup = &lookup;
    Quanyu__IdentityReply reply;
    struct store_txn *txn;
    struct rpc_context context;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), 0);
    assert_int_equal(reply.person->person, 1);
    assert_string_equal(reply.person->asked_one_id, asked);
    asked[3] = asked[3] == 'x' ? 'y' : 'x';
    assert_int_equal(ask(world, &request, &txn, &reply, &context), -QY_ENOTFOUND);
    lookup.one_id = (char *)protobuf_c_empty_string;
    lookup.person = 3;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), -QY_ENOTFOUND);
    lookup.person = 0;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), -QY_EINVAL);
}

static void one_address_is_given_to_send_to(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\",\"email\":\"old@example.com\"}}");
    fold(world, IDENTIFY, 2, "{\"userId\":\"u1\",\"traits\":{\"email\":\"New@example.com\"}}");
    Quanyu__AddressRequest address = QUANYU__ADDRESS_REQUEST__INIT;
    address.person = 1;
    char email[] = "email", phone[] = "phone", wrong[] = "pigeon";
    address.kind = email;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_ADDRESS;
    request.address = &address;
    Quanyu__IdentityReply reply;
    struct store_txn *txn;
    struct rpc_context context;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), 0);
    assert_string_equal(reply.address->value, "new@example.com");
    assert_string_equal(reply.address->name, "王小明");
    address.kind = phone;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), -QY_ENOTFOUND);
    address.kind = wrong;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), -QY_EINVAL);
    address.kind = email;
    address.person = 9;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), -QY_ENOTFOUND);
}

static void names_of_nodes_come_in_pages(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"13800138000\"}}");
    Quanyu__NodeNamesRequest names = QUANYU__NODE_NAMES_REQUEST__INIT;
    names.limit = 2;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_NODE_NAMES;
    request.node_names = &names;
    Quanyu__IdentityReply reply;
    struct store_txn *txn;
    struct rpc_context context;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), 0);
    assert_int_equal(reply.node_names->n_names, 2);
    assert_string_equal(reply.node_names->names[1]->kind, "phone");
    assert_int_equal(strlen(reply.node_names->names[1]->hash), 2 * VAULT_HASH_BYTES);
    assert_int_equal(reply.node_names->next, 3);
    names.from = 3;
    assert_int_equal(ask(world, &request, &txn, &reply, &context), 0);
    assert_int_equal(reply.node_names->n_names, 1);
    assert_int_equal(reply.node_names->next, 0);
}

static void a_batch_that_is_rolled_back_never_was(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"event\":\"x\"}");
    check(world, "+1user_id@1 +2anonymous_id@1 e1@1(2)");
    char *before = dump(world);
    begin(world);
    add(world, IDENTIFY, 1, "{\"userId\":\"u1\",\"anonymousId\":\"a2\",\"traits\":{\"name\":\"Bob\"}}");
    add(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    roll_back(world);
    char *after = dump(world);
    assert_string_equal(before, after);
    free(before);
    free(after);
    check(world, "");
    begin(world);
    add(world, IDENTIFY, 1, "{\"userId\":\"u1\",\"anonymousId\":\"a2\",\"traits\":{\"name\":\"Bob\"}}");
    add(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    commit(world);
    check(world, "+3anonymous_id@1 e1@1(3) +4user_id@4 e4@4()");
    char *again = dump(world);
    assert_non_null(strstr(again, "{\"link\":[\"n:1\",\"n:3\"]}"));
    free(again);
    assert_int_equal(counts(world).events, 3);
}

static void everything_is_there_after_a_restart(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1, "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\"}}");
    check(world, "+1user_id@1 e1@1()");
    char *before = dump(world);
    close_world(world);
    open_world(world);
    char *after = dump(world);
    assert_string_equal(before, after);
    free(before);
    free(after);
    fold(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    assert_int_equal(last_event(world)->node, 2);
    assert_bytes_equal(look_up(world, "user_id", "u1")->traits, "{\"name\":\"王*\"}");
}

static void no_file_holds_personal_data_in_the_clear(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明明\",\"phone\":\"13800138000\",\"email\":\"li@"
        "example.com\"},\"x\":1}");
    static const char *const secrets[] = {"王小明明", "13800138000", "li@example.com"};
    char command[200];
    close_world(world);
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        snprintf(command, sizeof(command), "grep -rqF '%s' %s", secrets[i], world->path);
        assert_int_not_equal(system(command), 0);
    }
    open_world(world);
}

static void every_call_has_a_handler(void **state)
{
    (void)state;
    assert_null(rpc_service_check(&identity_rpc));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_makes_its_nodes_and_one_person),
        TEST(persons_that_turn_out_to_be_one_are_joined),
        TEST(one_event_can_join_many_persons),
        TEST(an_alias_joins_whoever_bore_the_previous_id),
        TEST(events_of_nobody_are_counted_and_make_no_person),
        TEST(the_event_goes_on_without_what_is_personal),
        TEST(the_latest_statement_of_a_trait_holds),
        TEST(an_event_about_somebody_known_writes_nothing),
        TEST(lookups_show_masked_values),
        TEST(a_joined_persons_one_id_leads_to_the_other),
        TEST(one_address_is_given_to_send_to),
        TEST(names_of_nodes_come_in_pages),
        TEST(a_batch_that_is_rolled_back_never_was),
        TEST(everything_is_there_after_a_restart),
        TEST(no_file_holds_personal_data_in_the_clear),
        cmocka_unit_test(every_call_has_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
