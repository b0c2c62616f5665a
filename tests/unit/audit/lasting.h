/* SPDX-License-Identifier: Apache-2.0 */
/* A log of records of several kinds and ages, and who works on it: signs, seals, prunes, verifies. */
#ifndef QY_TEST_AUDIT_LASTING_H
#define QY_TEST_AUDIT_LASTING_H

#include "tests/unit/audit/looking.h"

#include "common/clock.h"
#include "common/exact_set.h"
#include "services/audit/audit_pruner.h"
#include "services/audit/audit_sealer.h"
#include "services/audit/audit_segment.h"

#define RECORD_MS 400000 /* apart: a segment takes 300 days */

static const struct {
    const char *action;
    enum record_kind kind;
} lasting_kinds[] = {{"person.show", KIND_PERSON}, {"delivery", KIND_DELIVERY}, {"audience.count", KIND_LIST},
    {"identity.block", KIND_IDENTITY}};

/* By index: what was put on record. */
static inline enum record_kind kind_at(uint64_t index)
{
    return lasting_kinds[index % COUNT_OF(lasting_kinds)].kind;
}
static inline unsigned actor_at(uint64_t index)
{
    return (unsigned)(index / 7 % 50);
}

/* The set that some records name: those of the first 100 indexes, or those from 70,000 on. */
static inline void set_of(bool late, uint8_t ret_hash[SET_HASH_BYTES], struct buffer *ret_set)
{
    const uint32_t people[] = {3, 5, late ? 9u : 8u};
    assert_int_equal(exact_set_write(people, COUNT_OF(people), ret_set), 0);
    exact_set_hash((struct bytes){ret_set->data, ret_set->size}, ret_hash);
}

static inline void append_one(uint64_t i)
{
    static char actor_id[16], one_id[16], *persons[] = {one_id};
    static uint8_t hash[SET_HASH_BYTES];
    _cleanup_(buffer_free) struct buffer set = BUFFER_INIT;
    uint32_t number = (uint32_t)(i % 1000);
    uint64_t index;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    snprintf(actor_id, sizeof(actor_id), "st_%u", actor_at(i));
    snprintf(one_id, sizeof(one_id), "p_%u", number);
    actor.kind = QUANYU__ACTOR__KIND__STAFF;
    actor.id = actor_id;
    record.actor = &actor;
    record.action = (char *)lasting_kinds[i % COUNT_OF(lasting_kinds)].action;
    record.outcome = "ok";
    record.service = "gateway";
    record.persons = persons;
    record.n_persons = 1;
    record.numbers = &number;
    record.n_numbers = 1;
    if (i < 100 || (i >= 70000 && i < 70100)) {
        set_of(i >= 70000, hash, &set);
        audit_store_put_set(running->batch.txn, hash, (struct bytes){set.data, set.size});
        record.set_hash = (ProtobufCBinaryData){.data = hash, .len = sizeof(hash)};
    }
    running->batch.now_ms = running->now_ms += RECORD_MS;
    assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    assert_int_equal(index, i);
}

static inline void append_until(uint64_t size)
{
    runtime_begin(running);
    for (uint64_t i = atomic_load(&running->audit.size); i < size; i++)
        append_one(i);
    runtime_commit(running);
}

static inline void seal_all(void)
{
    struct audit_sealer *sealer;
    bool done = true;
    assert_int_equal(audit_sealer_open(&running->audit, &running->service, &sealer), 0);
    while (done)
        assert_int_equal(audit_sealer_step(sealer, &done), 0);
    audit_sealer_close(&sealer);
}

/* One step at a time, each with a pruner of its own, as a start after a crash does; true while there is more to do. */
static inline bool prune_step(struct audit_pruner *pruner)
{
    bool more;
    assert_int_equal(audit_pruner_step(pruner, &more), 0);
    return more;
}

static inline void prune_all(void)
{
    struct audit_pruner *pruner;
    assert_int_equal(audit_pruner_open(&running->audit, &running->service, &pruner), 0);
    for (unsigned steps = 0, idle = 0; idle < 3; steps++) {
        idle = prune_step(pruner) ? 0 : idle + 1;
        sign();
        assert_true(steps < 1000);
    }
    audit_pruner_close(&pruner);
}

/* The change on record, then in force, as the HTTP handler does it. */
static inline void set_days(enum record_kind kind, uint32_t days)
{
    struct retention retention;
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    uint64_t index;
    runtime_begin(running);
    assert_int_equal(retention_read(running->batch.txn, &retention), 0);
    struct retention after = retention;
    after.days[kind] = days;
    after.version++;
    retention_describe(&retention, &after, &json);
    assert_int_equal(retention_put(running->batch.txn, &after), 0);
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    actor.kind = QUANYU__ACTOR__KIND__AUDITOR;
    actor.id = "at_1";
    record.actor = &actor;
    record.action = ACTION_CHANGE;
    record.outcome = "ok";
    record.service = "audit";
    record.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    assert_int_equal(audit_take(&running->audit, &running->batch, &record, &index), 0);
    runtime_commit(running);
}

/* -- a log to begin with: full segments are sealed, the rest stays in the store -- */

static inline int lasting_fill(void **state, uint64_t records)
{
    running = runtime_open("simulated");
    append_until(records);
    sign();
    seal_all();
    *state = running;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    runtime_close(running);
    return 0;
}

#endif
