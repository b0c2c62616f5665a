/* SPDX-License-Identifier: Apache-2.0 */
/* A campaign on a real store and a real journal in a directory of its own, driven batch by batch as the
 * runtime would. */
#ifndef QY_TESTS_CAMPAIGN_FIXTURE_H
#define QY_TESTS_CAMPAIGN_FIXTURE_H

#include "common/directory.h"
#include "proto/tagging.pb-c.h"
#include "services/campaign/outbox.h"
#include "services/campaign/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TABLE_FIXTURE CAMPAIGN_TABLE_COUNT /* where the journal's position is kept, as the runtime does */
#define START_MS INT64_C(1770000000000)
#define HOUR_MS INT64_C(3600000)

struct fixture {
    char directory[64];
    struct store *store;
    struct journal *journal;
    struct campaign campaign;
    struct batch batch;
    int64_t now_ms;
    uint64_t seen;       /* records of the journal that expect_record() has passed */
    uint32_t timers_max; /* of a batch; 0: all */
    bool restarts;       /* behind each batch that they fill */
};

static inline void fixture_key(struct store_key *key)
{
    key_reset(key);
    key_text(key, "journal");
}

static inline void fixture_begin(struct fixture *fixture)
{
    fixture->batch = (struct batch){
        .journal = fixture->journal, .now_ms = fixture->now_ms, .timers_max = fixture->timers_max};
    assert_int_equal(store_begin(fixture->store, STORE_WRITE, &fixture->batch.txn), 0);
}

static inline void fixture_commit(struct fixture *fixture)
{
    struct journal_position end;
    struct store_key key;
    assert_int_equal(campaign_fold.finish(&fixture->campaign, &fixture->batch), 0);
    assert_int_equal(journal_commit(fixture->journal, &end), 0);
    fixture_key(&key);
    store_put(fixture->batch.txn, TABLE_FIXTURE, &key, &end, sizeof(end));
    assert_int_equal(store_commit(&fixture->batch.txn), 0);
    journal_publish(fixture->journal, 0, fixture->batch.now_ms);
    campaign_fold.committed(&fixture->campaign, NULL);
    fixture->now_ms = fixture->batch.now_ms;
}

static inline void fixture_abort(struct fixture *fixture)
{
    store_abort(&fixture->batch.txn);
    assert_int_equal(journal_revert(fixture->journal), 0);
    campaign_fold.discard(&fixture->campaign);
}

/* Opens what the directory holds: a start of the service. */
static inline void fixture_start(struct fixture *fixture)
{
    static const char *tables[CAMPAIGN_TABLE_COUNT + 1];
    char path[128], journal_path[128];
    for (unsigned i = 0; i < CAMPAIGN_TABLE_COUNT; i++)
        tables[i] = campaign_tables[i];
    tables[TABLE_FIXTURE] = "fixture";
    snprintf(path, sizeof(path), "%s/state", fixture->directory);
    snprintf(journal_path, sizeof(journal_path), "%s/journal", fixture->directory);
    const struct store_options options = {.path = path,
        .tables = tables,
        .table_count = CAMPAIGN_TABLE_COUNT + 1,
        .map_bytes = (uint64_t)64 << 20,
        .schema_version = CAMPAIGN_SCHEMA_VERSION,
        .migrations = campaign_migrations,
        .migration_count = CAMPAIGN_MIGRATION_COUNT};
    assert_int_equal(store_open(&options, &fixture->store), 0);
    struct store_txn *txn;
    struct store_key key;
    struct bytes value;
    struct journal_position position = {0};
    assert_int_equal(store_begin(fixture->store, STORE_READ, &txn), 0);
    fixture_key(&key);
    if (store_get(txn, TABLE_FIXTURE, &key, &value))
        memcpy(&position, value.data, sizeof(position));
    store_abort(&txn);
    const struct journal_options journal_options = {.path = journal_path, .compression = 1};
    assert_int_equal(journal_open(&journal_options, &position, &fixture->journal), 0);
    fixture->seen = position.next;
    assert_int_equal(campaign_init(&fixture->campaign), 0);
    assert_int_equal(secrets_key(fixture->directory, &fixture->campaign.secret_key), 0);
    fixture->campaign.has_secret_key = true;
    if (!fixture->now_ms)
        fixture->now_ms = START_MS;
    fixture_begin(fixture);
    assert_int_equal(campaign_fold.open(&fixture->campaign, &fixture->batch), 0);
    fixture_commit(fixture);
}

static inline void fixture_end(struct fixture *fixture)
{
    campaign_fold.close(&fixture->campaign);
    journal_close(&fixture->journal);
    store_close(&fixture->store);
}

static inline void fixture_make(struct fixture *fixture)
{
    *fixture = (struct fixture){.directory = "/tmp/quanyu-campaign-XXXXXX"};
    assert_non_null(mkdtemp(fixture->directory));
}

static inline void fixture_remove(struct fixture *fixture)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", fixture->directory);
    assert_int_equal(system(command), 0);
}

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = malloc(sizeof(*fixture));
    fixture_make(fixture);
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_end(fixture);
    fixture_remove(fixture);
    free(fixture);
    return 0;
}

/* Time goes on, and what is due fires. */
static inline void fixture_pass(struct fixture *fixture, int64_t ms)
{
    int64_t until = fixture->now_ms + ms;
    bool more = true;
    while (more) {
        fixture_begin(fixture);
        if (campaign_fold.next_due(&fixture->campaign) <= until)
            assert_int_equal(campaign_fold.advance(&fixture->campaign, &fixture->batch, until), 0);
        more = batch_is_full(&fixture->batch) && campaign_fold.next_due(&fixture->campaign) <= until;
        if (!more)
            fixture->batch.now_ms = until;
        fixture_commit(fixture);
        if (more && fixture->restarts) {
            fixture_end(fixture);
            fixture_start(fixture);
        }
    }
}

/* -- records from tagging, each in a batch of its own -- */

static inline void fixture_record(
    struct fixture *fixture, unsigned record_class, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);
    protobuf_c_message_pack(message, packed);
    const struct journal_record record = {
        .record_class = record_class, .time_ms = fixture->now_ms, .data = {packed, size}};
    fixture_begin(fixture);
    assert_int_equal(campaign_fold.record(&fixture->campaign, &fixture->batch, 0, &record), 0);
    fixture_commit(fixture);
    free(packed);
}

static inline void fixture_member(
    struct fixture *fixture, const char *set, uint32_t person, bool entered, bool history)
{
    Quanyu__MembershipChanged record = QUANYU__MEMBERSHIP_CHANGED__INIT;
    record.set = (char *)set;
    record.person = person;
    record.entered = entered;
    record.history = history;
    fixture_record(fixture, QUANYU__TAGGING_RECORD__RECORD_MEMBERSHIP, &record.base);
}

static inline void fixture_fired(struct fixture *fixture, const char *watch, uint32_t person)
{
    Quanyu__WatchFired record = QUANYU__WATCH_FIRED__INIT;
    record.watch = (char *)watch;
    record.person = person;
    record.node = person;
    fixture_record(fixture, QUANYU__TAGGING_RECORD__RECORD_FIRED, &record.base);
}

static inline void fixture_moved(
    struct fixture *fixture, uint32_t from, uint32_t to, uint32_t *nodes, size_t count)
{
    Quanyu__NodesMoved record = QUANYU__NODES_MOVED__INIT;
    record.nodes = nodes;
    record.n_nodes = count;
    record.from = from;
    record.to = to;
    fixture_record(fixture, QUANYU__TAGGING_RECORD__RECORD_MOVED, &record.base);
}

static inline void fixture_erased(struct fixture *fixture, uint32_t person, uint32_t *nodes, size_t count)
{
    Quanyu__PersonErased record = QUANYU__PERSON_ERASED__INIT;
    record.person = person;
    record.nodes = nodes;
    record.n_nodes = count;
    fixture_record(fixture, QUANYU__TAGGING_RECORD__RECORD_ERASED, &record.base);
}

static inline void fixture_answer(struct fixture *fixture, const char *watch, const char *error)
{
    Quanyu__WatchReady record = QUANYU__WATCH_READY__INIT;
    record.watch = (char *)watch;
    record.error = (char *)error;
    fixture_record(fixture, QUANYU__TAGGING_RECORD__RECORD_WATCH, &record.base);
}

/* -- commands -- */

static inline int fixture_call(struct fixture *fixture, Quanyu__CampaignRequest *request,
    Quanyu__Journey **ret_journey, struct arena *arena, struct rpc_context *ret_context)
{
    static Quanyu__Actor actor;
    static Quanyu__Header header;
    quanyu__actor__init(&actor);
    quanyu__header__init(&header);
    actor.id = (char *)"hq";
    header.actor = &actor;
    header.request_id = (char *)"request-1";
    fixture_begin(fixture);
    *ret_context = (struct rpc_context){.self = &fixture->campaign,
        .header = &header,
        .peer = "gateway",
        .arena = arena,
        .txn = fixture->batch.txn,
        .batch = &fixture->batch};
    Quanyu__CampaignReply reply = QUANYU__CAMPAIGN_REPLY__INIT;
    int error = campaign_rpc.handlers[request->call_case].handle(ret_context, &request->base, &reply.base);
    fixture_commit(fixture);
    if (!error && ret_journey)
        *ret_journey = reply.define; /* the same place in the oneof for set_state */
    return error;
}

/* Creates ("") or changes; the result's id is written to `id`. */
static inline void fixture_define(
    struct fixture *fixture, const char *id, const char *definition, char ret_id[16])
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    Quanyu__JourneyDefineRequest define = QUANYU__JOURNEY_DEFINE_REQUEST__INIT;
    define.id = (char *)id;
    define.definition = (ProtobufCBinaryData){.data = (uint8_t *)definition, .len = strlen(definition)};
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_DEFINE;
    request.define = &define;
    Quanyu__Journey *journey = NULL;
    struct rpc_context context;
    int error = fixture_call(fixture, &request, &journey, arena, &context);
    if (error || !journey)
        fail_msg("define: %s %s", context.error_field, context.error_message);
    else
        snprintf(ret_id, 16, "%s", journey->id);
}

static inline int fixture_set_state(struct fixture *fixture, const char *id, Quanyu__Journey__State state)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    assert_int_equal(arena_open(&arena), 0);
    Quanyu__JourneyStateRequest change = QUANYU__JOURNEY_STATE_REQUEST__INIT;
    change.id = (char *)id;
    change.state = state;
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_SET_STATE;
    request.set_state = &change;
    struct rpc_context context;
    return fixture_call(fixture, &request, NULL, arena, &context);
}

/* -- what was emitted -- */

/* The next record of this class in our journal; others are passed over. False when there is none. */
static inline bool fixture_next(struct fixture *fixture, unsigned record_class, struct buffer *out)
{
    struct journal_record record;
    while (fixture->seen < journal_next(fixture->journal)) {
        buffer_clear(out);
        assert_int_equal(journal_get(fixture->journal, fixture->seen++, out, &record), 0);
        if (record.record_class == record_class)
            return true;
    }
    return false;
}

/* Answers all questions to tagging with yes, as they come; `initial` persons are members of each from the
 * start. */
static inline void fixture_tagging(struct fixture *fixture, const uint32_t *initial, size_t count)
{
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    while (fixture_next(fixture, RECORD_WATCH, &out)) {
        Quanyu__WatchSet *set = quanyu__watch_set__unpack(NULL, out.size, out.data);
        assert_non_null(set);
        for (size_t i = 0; i < count; i++)
            fixture_member(fixture, set->watch, initial[i], true, false);
        fixture_answer(fixture, set->watch, "");
        quanyu__watch_set__free_unpacked(set, NULL);
    }
}

/* Defines, publishes, and lets tagging answer. The journey is "j_1" in a fresh fixture. */
static inline void fixture_journey(struct fixture *fixture, const char *definition)
{
    char id[16];
    fixture_define(fixture, "", definition, id);
    assert_int_equal(fixture_set_state(fixture, id, QUANYU__JOURNEY__STATE__ACTIVE), 0);
    fixture_tagging(fixture, NULL, 0);
}

/* -- looking into the tables -- */

static inline struct counts fixture_counts(struct fixture *fixture, uint32_t journey, const char *step)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(fixture->store, STORE_READ, &txn), 0);
    struct counts counts = counts_get(txn, journey, step);
    store_abort(&txn);
    return counts;
}

/* The whole canonical dump. */
static inline void fixture_dump(struct fixture *fixture, struct buffer *lines)
{
    char cursor[128] = "", next[128];
    struct store_txn *txn;
    assert_int_equal(store_begin(fixture->store, STORE_READ, &txn), 0);
    do {
        assert_int_equal(campaign_fold.dump(&fixture->campaign, txn, cursor, lines, next), 0);
        memcpy(cursor, next, sizeof(cursor));
    } while (*cursor);
    store_abort(&txn);
}

static inline void expect_line(struct fixture *fixture, const char *line)
{
    _cleanup_(buffer_free) struct buffer lines = BUFFER_INIT;
    fixture_dump(fixture, &lines);
    if (!strstr(buffer_c_str(&lines), line))
        fail_msg("no line with %s in\n%s", line, buffer_c_str(&lines));
}

static inline void expect_no_line(struct fixture *fixture, const char *line)
{
    _cleanup_(buffer_free) struct buffer lines = BUFFER_INIT;
    fixture_dump(fixture, &lines);
    if (strstr(buffer_c_str(&lines), line))
        fail_msg("there is a line with %s in\n%s", line, buffer_c_str(&lines));
}

/* -- the outbox, as the sender would use it -- */

static inline struct job *fixture_claim(struct fixture *fixture, size_t limit)
{
    struct job *jobs = NULL;
    fixture_begin(fixture);
    assert_int_equal(campaign_refresh(&fixture->campaign, fixture->batch.txn), 0);
    assert_int_equal(outbox_claim(&fixture->campaign, &fixture->batch, limit, &jobs), 0);
    fixture_commit(fixture);
    return jobs;
}

static inline void fixture_settle(
    struct fixture *fixture, const struct job *job, const struct outcome *outcome)
{
    fixture_begin(fixture);
    assert_int_equal(campaign_refresh(&fixture->campaign, fixture->batch.txn), 0);
    outbox_settle(&fixture->campaign, &fixture->batch, job->number, job->attempt, outcome);
    fixture_commit(fixture);
}

/* Claims all, settles each with `kind`; returns how many there were. */
static inline unsigned fixture_send_all(struct fixture *fixture, enum outcome_kind kind)
{
    unsigned count = 0;
    struct job *jobs = fixture_claim(fixture, 1000);
    while (jobs) {
        struct job *job = jobs;
        jobs = job->next;
        const struct outcome outcome = {.kind = kind, .reason = "test"};
        fixture_settle(fixture, job, &outcome);
        job_free(&job);
        count++;
    }
    return count;
}

#endif
