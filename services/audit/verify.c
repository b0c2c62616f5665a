/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/verify_private.h"

#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS_SAID 1000u

void verify_problem(struct verifying *verifying, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&verifying->lock);
    if (verifying->problems++ < PROBLEMS_SAID)
        verifying->options->problem(verifying->options->self, text);
    pthread_mutex_unlock(&verifying->lock);
}

int verify_keep_edge(struct verifying *verifying, uint64_t size)
{
    uint64_t number = size / MERKLE_TILE_HASHES;
    if (size > verifying->size || size % MERKLE_TILE_HASHES == 0)
        return 0;
    for (size_t i = 0; i < verifying->edge_count; i++)
        if (verifying->edges[i].number == number)
            return 0;
    if (verifying->edge_count == verifying->edge_room) {
        size_t room = 2 * verifying->edge_room + 4;
        struct edge *edges = realloc(verifying->edges, room * sizeof(*edges));
        if (!edges)
            return -QY_ENOMEM;
        verifying->edges = edges;
        verifying->edge_room = room;
    }
    verifying->edges[verifying->edge_count++] = (struct edge){.number = number};
    return 0;
}

/* -- the tree that the records lead to -- */

static const struct merkle_hash *read_edge(const struct verifying *verifying, uint64_t number, unsigned width)
{
    for (size_t i = 0; i < verifying->edge_count; i++)
        if (verifying->edges[i].number == number && verifying->edges[i].width >= width)
            return verifying->edges[i].leaves;
    return NULL;
}

static const struct merkle_hash *read_made(void *self, unsigned level, uint64_t number, unsigned width)
{
    const struct verifying *verifying = self;
    if (level == 0)
        return read_edge(verifying, number, width);
    return tile_width(verifying->size, level, number) >= width
               ? verifying->nodes[level] + number * MERKLE_TILE_HASHES
               : NULL;
}

int verify_root(struct verifying *verifying, uint64_t size, struct merkle_hash *ret_root)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    const struct merkle_tiles made = {.self = verifying, .read = read_made};
    int error = merkle_hasher_open(&hasher);
    return error ? error : merkle_root(hasher, &made, size, ret_root);
}

/* -- all of it -- */

static int make_room(struct verifying *verifying)
{
    for (unsigned level = 1; level < MERKLE_LEVELS; level++) {
        uint64_t count = verifying->size >> (8 * level);
        verifying->nodes[level] = calloc(count + 1, sizeof(struct merkle_hash));
        if (!verifying->nodes[level])
            return -QY_ENOMEM;
    }
    verifying->segments = (verifying->size + SEGMENT_RECORDS - 1) / SEGMENT_RECORDS;
    verifying->gaps = calloc(verifying->segments + 1, sizeof(*verifying->gaps));
    verifying->spans = calloc(verifying->segments + 1, sizeof(*verifying->spans));
    return verifying->gaps && verifying->spans ? 0 : -QY_ENOMEM;
}

static int run(struct verifying *verifying, struct verify_result *result)
{
    int error = make_room(verifying);
    if (!error)
        error = verify_keep_edge(verifying, verifying->size);
    if (!error)
        error = verify_notes_sizes(verifying);
    if (!error)
        error = verify_tiles(verifying);
    if (!error)
        error = verify_joins(verifying);
    if (!error)
        error = verify_notes(verifying, &result->signed_size);
    if (!error) {
        verify_times(verifying);
        error = verify_lasting(verifying, result);
    }
    result->size = atomic_load(&verifying->done);
    result->indexes = atomic_load(&verifying->indexes);
    result->problems = verifying->problems;
    return error;
}

/* What the newest checkpoint says, before it is known whether it holds. */
static uint64_t said_size(struct bytes newest)
{
    struct note note;
    struct checkpoint checkpoint;
    return note_open(newest, &note) == 0 && checkpoint_parse(note.text, &checkpoint) == 0 ? checkpoint.size
                                                                                          : 0;
}

static void close_verifying(struct verifying *verifying)
{
    for (unsigned level = 1; level < MERKLE_LEVELS; level++)
        free(verifying->nodes[level]);
    for (uint64_t i = 0; verifying->gaps && i < verifying->segments; i++) {
        if (verifying->gaps[i])
            free(verifying->gaps[i]->runs);
        free(verifying->gaps[i]);
    }
    free(verifying->gaps);
    free(verifying->edges);
    free(verifying->spans);
    for (size_t i = 0; i < verifying->lasting_count; i++)
        free((void *)(uintptr_t)verifying->lasting[i].record.data);
    free(verifying->lasting);
    free(verifying->moves);
    pthread_mutex_destroy(&verifying->lock);
    free(verifying);
}

int verify_log(const struct verify_options *options, struct verify_result *ret_result)
{
    struct verify_result result = {.size = 0};
    struct verifying *verifying = calloc(1, sizeof(*verifying));
    if (!verifying)
        return -QY_ENOMEM;
    verifying->options = options;
    verifying->size = options->size ? options->size : said_size(options->newest);
    pthread_mutex_init(&verifying->lock, NULL);
    int error = run(verifying, &result);
    close_verifying(verifying);
    *ret_result = result;
    return error;
}
