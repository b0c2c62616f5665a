/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/duplicate_names.h"

#include "common/buffer.h"
#include "common/error.h"

#include <math.h>
#include <stdlib.h>

#define ROWS 2
#define SLOTS_LEAST ((size_t)1 << 12)
#define SLOTS_MOST ((size_t)1 << 23)
#define RARITY_MOST 8.0 /* bits, up or down: counts are no more than a sample */

struct name_counts {
    const struct block_secret *secret;
    uint64_t names;
    size_t slots; /* of a row: a power of two */
    uint16_t *rows[ROWS];
};

int name_counts_open(const struct block_secret *secret, uint64_t persons, struct name_counts **ret_counts)
{
    struct name_counts *counts = calloc(1, sizeof(*counts));
    if (!counts)
        return -QY_ENOMEM;
    counts->secret = secret;
    counts->slots = SLOTS_LEAST;
    while (counts->slots < persons && counts->slots < SLOTS_MOST)
        counts->slots *= 2;
    for (unsigned row = 0; row < ROWS; row++)
        counts->rows[row] = calloc(counts->slots, sizeof(uint16_t));
    if (!counts->rows[0] || !counts->rows[1])
        name_counts_close(&counts);
    *ret_counts = counts;
    return counts ? 0 : -QY_ENOMEM;
}

void name_counts_close(struct name_counts **counts)
{
    if (!*counts)
        return;
    for (unsigned row = 0; row < ROWS; row++)
        free((*counts)->rows[row]);
    free(*counts);
    *counts = NULL;
}

/* The name's places in the rows. */
static void find_slots(const struct name_counts *counts, const struct text *name, uint16_t *ret_slots[ROWS])
{
    uint8_t hash[crypto_shorthash_siphash24_BYTES];
    crypto_shorthash_siphash24(
        hash, (const uint8_t *)name->chars, name->size * sizeof(name->chars[0]), counts->secret->bytes);
    ret_slots[0] = &counts->rows[0][get_be32(hash) & (counts->slots - 1)];
    ret_slots[1] = &counts->rows[1][get_be32(hash + 4) & (counts->slots - 1)];
}

void name_counts_add(struct name_counts *counts, const struct text *name)
{
    uint16_t *slots[ROWS];
    if (name->size == 0)
        return;
    counts->names++;
    find_slots(counts, name, slots);
    for (unsigned row = 0; row < ROWS; row++)
        if (*slots[row] < UINT16_MAX)
            ++*slots[row];
}

/* Of how many others have it, besides the two, and one more by the average: of a name that nobody else has, little is known. */
double name_counts_rarity(
    const struct name_counts *counts, const struct duplicate_model *model, const struct text *name)
{
    uint16_t *slots[ROWS];
    double average = model->u[FIELD_NAME][duplicate_levels(FIELD_NAME) - 1];
    find_slots(counts, name, slots);
    unsigned count = *slots[0] < *slots[1] ? *slots[0] : *slots[1], others = count > 2 ? count - 2 : 0;
    double frequency = (others + 1) / ((double)counts->names + 1 / average);
    return fmin(fmax(log2(average / frequency), -RARITY_MOST), RARITY_MOST);
}
