/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_prune_commit.h"

#include "common/error.h"
#include "services/audit/audit_record.h"

#include <sodium.h>
#include <string.h>

void prune_commit_begin(
    struct prune_commit *commit, struct audit *audit, enum prune_act act, uint64_t segment)
{
    memset(commit, 0, sizeof(*commit));
    commit->audit = audit;
    commit->act = act;
    commit->segment = segment;
}

bool prune_commit_has_groups(const struct prune_commit *commit)
{
    bool any = false;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        any |= commit->groups[kind].records > 0;
    return any;
}

/* -- announcing -- */

static int announce_group(struct prune_commit *commit, struct batch *batch, enum record_kind kind)
{
    const struct prune_group *group = &commit->groups[kind];
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT, places = BUFFER_INIT;
    const struct pruning pruning = {.segment = commit->segment,
        .kind = kind,
        .days = commit->retention.days[kind],
        .policy_version = commit->retention.version,
        .records = group->records,
        .first_ms = group->first_ms,
        .last_ms = group->last_ms,
        .places = group->places};
    struct json json = json_to(&detail);
    pruning_describe(&pruning, group->bytes, &json);
    pruning_write_places(&group->places, &places);
    if (buffer_error(&detail) || buffer_error(&places))
        return store_fail(batch->txn, -QY_ENOMEM);
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    uint64_t index;
    actor.kind = QUANYU__ACTOR__KIND__SERVICE;
    actor.id = (char *)"audit";
    record.actor = &actor;
    record.action = (char *)ACTION_PRUNE;
    record.outcome = (char *)"ok";
    record.service = (char *)"audit";
    record.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    record.places = (ProtobufCBinaryData){.data = places.data, .len = places.size};
    int error = audit_take(commit->audit, batch, &record, &index);
    if (!error)
        audit_store_put_pruning(batch->txn, commit->segment, index, false);
    return error;
}

/* Whether all is as it was when it was looked at. */
static int check(const struct prune_commit *commit, struct batch *batch)
{
    struct retention now;
    struct merkle_hash root;
    uint64_t generation;
    int error = retention_read(batch->txn, &now);
    if (error)
        return error;
    bool same = audit_store_sealed_as(batch->txn, commit->segment, &root, &generation) &&
                generation == commit->former &&
                (commit->act == PRUNE_TAKE_OVER || now.revision == commit->retention.revision);
    return same ? 0 : -QY_EOVERTAKEN;
}

static int announce(struct prune_commit *commit, struct batch *batch)
{
    int error = 0;
    for (unsigned kind = 0; kind < KIND_COUNT && !error; kind++)
        if (commit->groups[kind].records > 0)
            error = announce_group(commit, batch, kind);
    return error ? error : store_error(batch->txn);
}

/* -- what was announced -- */

struct reading {
    struct prune_commit *commit;
    struct store_txn *txn;
    struct arena *arena;
    int error;
};

static bool read_announced(void *context, uint64_t segment, uint64_t record, bool done)
{
    struct reading *reading = context;
    struct prune_commit *commit = reading->commit;
    struct bytes stored;
    (void)segment;
    if (done)
        return true;
    if (commit->announced_count == KIND_COUNT)
        return false; /* the others are for the next time */
    const Quanyu__AuditRecord *read = audit_store_record(reading->txn, record, &stored)
                                          ? audit_record_unpack(stored, reading->arena)
                                          : NULL;
    struct pruning *pruning = &commit->announced[commit->announced_count];
    if (!read || pruning_read(read, pruning) || pruning->segment != commit->segment) {
        reading->error = -QY_ECORRUPT;
        return false;
    }
    commit->records[commit->announced_count++] = record;
    commit->generation = record;
    place_set_or(&commit->places, &pruning->places);
    return true;
}

int prune_commit_announced(struct prune_commit *commit, struct store_txn *txn, struct arena *arena)
{
    struct reading reading = {.commit = commit, .txn = txn, .arena = arena};
    audit_store_each_pruning(txn, commit->segment, read_announced, &reading);
    if (!reading.error && commit->announced_count == 0)
        reading.error = -QY_ECORRUPT;
    return reading.error ? reading.error : store_error(txn);
}

/* -- exact sets that go with the records -- */

static int add_set(void *context, const uint8_t hash[SET_HASH_BYTES])
{
    struct prune_commit *commit = context;
    for (size_t i = 0; i < commit->set_count; i++)
        if (memcmp(commit->sets[i], hash, SET_HASH_BYTES) == 0)
            return 0;
    if (commit->set_count < PRUNE_SETS_MAX)
        memcpy(commit->sets[commit->set_count++], hash, SET_HASH_BYTES);
    return 0;
}

/* Whether a record that is left names the set. */
static int is_named(const struct prune_commit *commit, struct audit_view *view,
    const uint8_t hash[SET_HASH_BYTES], bool *ret_named)
{
    char hex[2 * SET_HASH_BYTES + 1];
    struct term_value value;
    const struct term_values values = {.whole = &value, .whole_count = 1};
    int error = 0;
    term_of_text(TERM_SET, sodium_bin2hex(hex, sizeof(hex), hash, SET_HASH_BYTES), &value.key);
    value.hash = term_hash(value.key.bytes, value.key.size);
    *ret_named = false;
    for (uint64_t number = view_segments(view); number-- > 0 && !*ret_named && !error;) {
        struct view_segment segment;
        struct place_set places = {{0}};
        error = view_segment(view, number, &segment);
        if (!error)
            error = view_find(&segment, &values, &places);
        if (number == commit->segment)
            place_set_remove(&places, &commit->places);
        *ret_named = !place_set_is_empty(&places);
    }
    return error;
}

int prune_commit_find_sets(
    struct prune_commit *commit, const struct prune *prune, struct audit *audit, struct store_txn *txn)
{
    struct audit_view view;
    size_t left = 0;
    int error = prune_each_set(prune, &commit->places, add_set, commit);
    audit_view_open(&audit->tails, txn, &view);
    commit->seen = view.size;
    for (size_t i = 0; i < commit->set_count && !error; i++) {
        bool named;
        error = is_named(commit, &view, commit->sets[i], &named);
        if (!error && !named)
            memmove(commit->sets[left++], commit->sets[i], SET_HASH_BYTES);
    }
    audit_view_close(&view);
    commit->set_count = left;
    return error;
}

/* Whether a record that came meanwhile names it; what holds the same bytes by chance only keeps it longer. */
static bool is_named_since(
    const struct prune_commit *commit, struct store_txn *txn, const uint8_t hash[SET_HASH_BYTES])
{
    uint64_t size = audit_store_size(txn);
    struct bytes record;
    for (uint64_t index = commit->seen; index < size; index++)
        if (!audit_store_record(txn, index, &record) ||
            memmem(record.data, record.size, hash, SET_HASH_BYTES))
            return true;
    return false;
}

/* -- the file without it counts -- */

static Quanyu__AuditPruned__Kind *total_of(
    Quanyu__AuditPruned *totals, enum record_kind kind, struct arena *arena)
{
    const char *name = record_kinds[kind].name;
    for (size_t i = 0; i < totals->n_kinds; i++)
        if (strcmp(totals->kinds[i]->name, name) == 0)
            return totals->kinds[i];
    Quanyu__AuditPruned__Kind **list = arena_alloc(arena, (totals->n_kinds + 1) * sizeof(*list));
    Quanyu__AuditPruned__Kind *total = arena_alloc(arena, sizeof(*total));
    if (!list || !total)
        return NULL;
    if (totals->n_kinds > 0)
        memcpy(list, totals->kinds, totals->n_kinds * sizeof(*list));
    quanyu__audit_pruned__kind__init(total);
    total->name = (char *)(uintptr_t)name;
    list[totals->n_kinds++] = total;
    totals->kinds = list;
    return total;
}

static int add_up(const struct prune_commit *commit, struct batch *batch)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    int error = arena_open(&arena);
    Quanyu__AuditPruned *totals = error ? NULL : retention_pruned(batch->txn, arena);
    if (!totals)
        return store_fail(batch->txn, error ? error : -QY_ECORRUPT);
    for (size_t i = 0; i < commit->announced_count; i++) {
        const struct pruning *pruning = &commit->announced[i];
        Quanyu__AuditPruned__Kind *total = total_of(totals, pruning->kind, arena);
        if (!total)
            return store_fail(batch->txn, -QY_ENOMEM);
        total->records += pruning->records;
        total->until_ms = pruning->last_ms > total->until_ms ? pruning->last_ms : total->until_ms;
        total->record = commit->records[i];
    }
    totals->bytes += commit->freed;
    totals->last_ms = commit->audit->last_ms;
    return retention_put_pruned(batch->txn, totals);
}

static int take_over(struct prune_commit *commit, struct batch *batch)
{
    audit_store_take_over(batch->txn, commit->segment, commit->generation);
    for (size_t i = 0; i < commit->announced_count; i++)
        audit_store_put_pruning(batch->txn, commit->segment, commit->records[i], true);
    for (size_t i = 0; i < commit->set_count; i++)
        if (!is_named_since(commit, batch->txn, commit->sets[i]))
            audit_store_drop_set(batch->txn, commit->sets[i]);
    int error = add_up(commit, batch);
    return error ? error : store_error(batch->txn);
}

static int apply(struct work *work, struct batch *batch)
{
    struct prune_commit *commit = (struct prune_commit *)work;
    int error = check(commit, batch);
    if (error)
        return error;
    return commit->act == PRUNE_ANNOUNCE ? announce(commit, batch) : take_over(commit, batch);
}

int prune_commit_submit(struct prune_commit *commit, struct service *service)
{
    commit->waiting.bytes = sizeof(*commit);
    return waiting_work_run(service, &commit->waiting, apply);
}
