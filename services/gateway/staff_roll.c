/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_roll.h"

#include "common/buffer.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* By number. */
struct member {
    uint32_t unit; /* 0: there is none */
    bool left;
    uint8_t code_size; /* 0: none, or free again */
    char code[STAFF_CODE_BYTES];
};

struct staff_roll {
    atomic_uint references;
    uint64_t version;
    struct member *members; /* `last` + 1 */
    uint32_t last;
    uint32_t *slots;   /* numbers by the code's hash; 0: free */
    size_t slot_count; /* a power of two, more than twice as many as there are codes */
    uint8_t secret[crypto_shorthash_KEYBYTES]; /* nobody can choose codes that fall into one place */
};

/* -- looking -- */

uint32_t staff_roll_unit(const struct staff_roll *roll, uint32_t staff)
{
    return staff <= roll->last ? roll->members[staff].unit : 0;
}

bool staff_roll_has(const struct staff_roll *roll, uint32_t staff)
{
    return staff_roll_unit(roll, staff) != 0 && !roll->members[staff].left;
}

/* Where the code is, or would be. */
static size_t find_slot(const struct staff_roll *roll, const char *code, size_t size)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const uint8_t *)code, size, roll->secret);
    size_t slot = (size_t)get_be64(hash) & (roll->slot_count - 1);
    while (roll->slots[slot]) {
        const struct member *there = &roll->members[roll->slots[slot]];
        if (there->code_size == size && memcmp(there->code, code, size) == 0)
            break;
        slot = (slot + 1) & (roll->slot_count - 1);
    }
    return slot;
}

uint32_t staff_roll_find(const struct staff_roll *roll, const char *code, size_t size)
{
    return size > 0 && size <= STAFF_CODE_BYTES ? roll->slots[find_slot(roll, code, size)] : 0;
}

/* -- making -- */

struct noted {
    uint32_t number;
    struct member member;
};

static struct noted noted_of(const Quanyu__Staff *staff)
{
    struct noted noted = {.number = staff->number,
        .member = {.unit = staff->unit, .left = staff->state == QUANYU__STAFF__STATE__LEFT}};
    size_t size = strlen(staff->code);
    if (!noted.member.left && size <= STAFF_CODE_BYTES) {
        noted.member.code_size = (uint8_t)size;
        memcpy(noted.member.code, staff->code, size);
    }
    return noted;
}

static void roll_free(struct staff_roll *roll)
{
    free(roll->members);
    free(roll->slots);
    free(roll);
}

void staff_roll_release(struct staff_roll **roll)
{
    if (*roll && atomic_fetch_sub_explicit(&(*roll)->references, 1, memory_order_acq_rel) == 1)
        roll_free(*roll);
    *roll = NULL;
}

static int index_codes(struct staff_roll *roll)
{
    size_t codes = 1;
    for (uint32_t number = 1; number <= roll->last; number++)
        codes += roll->members[number].code_size > 0;
    roll->slot_count = 16;
    while (roll->slot_count <= codes * 2)
        roll->slot_count *= 2;
    roll->slots = calloc(roll->slot_count, sizeof(*roll->slots));
    if (!roll->slots)
        return -QY_ENOMEM;
    for (uint32_t number = 1; number <= roll->last; number++) {
        const struct member *member = &roll->members[number];
        if (member->code_size > 0)
            roll->slots[find_slot(roll, member->code, member->code_size)] = number;
    }
    return 0;
}

/* `base` NULL: of nothing. */
static int make(
    const struct staff_roll *base, const struct noted *noted, size_t count, struct staff_roll **ret_roll)
{
    _cleanup_(staff_roll_release) struct staff_roll *roll = calloc(1, sizeof(*roll));
    if (!roll)
        return -QY_ENOMEM;
    atomic_init(&roll->references, 1);
    crypto_shorthash_keygen(roll->secret);
    roll->last = base ? base->last : 0;
    for (size_t i = 0; i < count; i++)
        if (noted[i].number > roll->last)
            roll->last = noted[i].number;
    roll->members = calloc((size_t)roll->last + 1, sizeof(*roll->members));
    if (!roll->members)
        return -QY_ENOMEM;
    if (base)
        memcpy(roll->members, base->members, ((size_t)base->last + 1) * sizeof(*roll->members));
    for (size_t i = 0; i < count; i++)
        roll->members[noted[i].number] = noted[i].member;
    int error = index_codes(roll);
    if (!error)
        *ret_roll = TAKE(roll);
    return error;
}

/* -- in force -- */

struct staff_rolls {
    pthread_mutex_t lock; /* of `current` */
    struct staff_roll *current;
    struct buffer noted; /* the writer's */
    _Atomic uint64_t version;
};

static void put_in_force(struct staff_rolls *rolls, struct staff_roll *roll)
{
    static _Atomic uint64_t versions; /* of all: what a thread holds is never taken for another's */
    pthread_mutex_lock(&rolls->lock);
    struct staff_roll *before = rolls->current;
    rolls->current = roll;
    roll->version = atomic_fetch_add(&versions, 1) + 1;
    atomic_store_explicit(&rolls->version, roll->version, memory_order_release);
    pthread_mutex_unlock(&rolls->lock);
    staff_roll_release(&before);
}

static int apply_noted(struct staff_rolls *rolls)
{
    struct staff_roll *roll = NULL;
    int error = make(rolls->current, (const struct noted *)(const void *)rolls->noted.data,
        rolls->noted.size / sizeof(struct noted), &roll);
    if (error)
        return error;
    put_in_force(rolls, roll);
    buffer_clear(&rolls->noted);
    return 0;
}

static int read_all(struct staff_rolls *rolls, struct store_txn *txn)
{
    int error = 0;
    Quanyu__Staff *staff;
    for (uint32_t number = 0; !error && (staff = staff_next(txn, number, NULL));) {
        number = staff->number;
        error = staff_rolls_note(rolls, staff);
        quanyu__staff__free_unpacked(staff, NULL);
    }
    if (!error)
        error = store_error(txn);
    return error ? error : apply_noted(rolls);
}

int staff_rolls_open(struct store_txn *txn, struct staff_rolls **ret_rolls)
{
    struct staff_rolls *rolls = calloc(1, sizeof(*rolls));
    if (!rolls)
        return -QY_ENOMEM;
    pthread_mutex_init(&rolls->lock, NULL);
    int error = read_all(rolls, txn);
    if (error)
        staff_rolls_close(&rolls);
    else
        *ret_rolls = rolls;
    return error;
}

void staff_rolls_close(struct staff_rolls **rolls)
{
    if (!*rolls)
        return;
    staff_roll_release(&(*rolls)->current);
    buffer_free(&(*rolls)->noted);
    pthread_mutex_destroy(&(*rolls)->lock);
    free(*rolls);
    *rolls = NULL;
}

struct staff_roll *staff_rolls_hold(struct staff_rolls *rolls)
{
    pthread_mutex_lock(&rolls->lock);
    struct staff_roll *roll = rolls->current;
    atomic_fetch_add_explicit(&roll->references, 1, memory_order_relaxed);
    pthread_mutex_unlock(&rolls->lock);
    return roll;
}

void staff_rolls_update(struct staff_rolls *rolls, struct staff_roll **roll)
{
    uint64_t version = atomic_load_explicit(&rolls->version, memory_order_acquire);
    if (*roll && (*roll)->version == version)
        return;
    staff_roll_release(roll);
    *roll = staff_rolls_hold(rolls);
}

int staff_rolls_note(struct staff_rolls *rolls, const Quanyu__Staff *staff)
{
    const struct noted noted = noted_of(staff);
    buffer_append(&rolls->noted, &noted, sizeof(noted));
    return buffer_error(&rolls->noted);
}

void staff_rolls_install(struct staff_rolls *rolls)
{
    if (rolls->noted.size > 0)
        (void)apply_noted(rolls);
}

void staff_rolls_discard(struct staff_rolls *rolls)
{
    buffer_clear(&rolls->noted);
}
