/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who: the tables by which records of joined persons are found follow from the joins and splits on record, and from nothing else. */
#include "services/audit/verify_private.h"

#include "common/error.h"
#include "services/audit/audit_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct verifying *verifying, size_t more)
{
    if (verifying->move_count + more <= verifying->move_room)
        return 0;
    size_t room = 2 * verifying->move_room + more + 1024;
    struct move *moves = realloc(verifying->moves, room * sizeof(*moves));
    if (!moves)
        return -QY_ENOMEM;
    verifying->moves = moves;
    verifying->move_room = room;
    return 0;
}

int verify_joins_keep(struct verifying *verifying, uint64_t index, struct bytes record, struct arena *scratch)
{
    if (!verifying->options->source->moved || !audit_record_may_move(record))
        return 0;
    arena_reset(scratch);
    const Quanyu__AuditRecord *read = audit_record_unpack(record, scratch);
    if (!read || read->n_nodes == 0 || read->n_numbers == 0)
        return 0;
    pthread_mutex_lock(&verifying->lock);
    int error = make_room(verifying, read->n_nodes);
    for (size_t i = 0; i < read->n_nodes && !error; i++)
        verifying->moves[verifying->move_count++] = (struct move){read->nodes[i], read->numbers[0], index};
    pthread_mutex_unlock(&verifying->lock);
    return error;
}

static int by_node(const void *one, const void *other)
{
    const struct move *a = one, *b = other;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Of each identifier its last move, in the order of their numbers. */
static void keep_last(struct verifying *verifying)
{
    size_t kept = 0;
    if (verifying->move_count > 0)
        qsort(verifying->moves, verifying->move_count, sizeof(*verifying->moves), by_node);
    for (size_t i = 0; i < verifying->move_count; i++) {
        if (kept > 0 && verifying->moves[kept - 1].node == verifying->moves[i].node)
            kept--;
        verifying->moves[kept++] = verifying->moves[i];
    }
    verifying->move_count = kept;
}

static const struct move *find(const struct verifying *verifying, uint32_t node)
{
    size_t low = 0, high = verifying->move_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (verifying->moves[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < verifying->move_count && verifying->moves[low].node == node ? &verifying->moves[low] : NULL;
}

struct table {
    struct verifying *verifying;
    const char *name;
    uint64_t rows;
};

static bool check_row(void *context, uint32_t node, uint32_t person)
{
    struct table *table = context;
    const struct move *move = find(table->verifying, node);
    table->rows++;
    if (!move)
        verify_problem(table->verifying,
            "the table of %s: identifier %" PRIu32 " is said to have gone over to person %" PRIu32
            ", and no record says so",
            table->name, node, person);
    else if (move->person != person)
        verify_problem(table->verifying,
            "the table of %s: identifier %" PRIu32 " is said to have gone over to person %" PRIu32
            ", and record %" PRIu64 " says to %" PRIu32,
            table->name, node, person, move->index, move->person);
    return true;
}

static int check_table(struct verifying *verifying, void *reader, bool by_person)
{
    struct table table = {verifying, by_person ? "persons" : "identifiers", 0};
    int error = verifying->options->source->moved(reader, by_person, check_row, &table);
    if (!error && table.rows != verifying->move_count)
        verify_problem(verifying, "the table of %s has %" PRIu64 " rows, and the joins on record make %zu",
            table.name, table.rows, verifying->move_count);
    return error;
}

int verify_joins(struct verifying *verifying)
{
    const struct verify_source *source = verifying->options->source;
    void *reader = NULL;
    if (!source->moved)
        return 0;
    keep_last(verifying);
    int error = source->open(source->self, &reader);
    if (!error)
        error = check_table(verifying, reader, false);
    if (!error)
        error = check_table(verifying, reader, true);
    if (reader)
        source->close(reader);
    return error;
}
