/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letters.h"

#include "common/clock.h"
#include "services/gateway/dead_letter_messages.h"
#include "services/gateway/dead_letter_room.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct dead_letters {
    struct letter_room room;
    struct letter_keys *keys;
    struct letter_messages messages;
    uint64_t next;   /* number */
    uint64_t oldest; /* number; 0: there is none */
    bool touched;    /* in this batch */
    bool checked;    /* the state says which file the keys are in */
    bool stale;      /* a batch was rolled back: memory must be loaded anew */
    struct buffer sealed;
    atomic_int_fast64_t due_ms;
    pthread_mutex_t lock;
    pthread_cond_t destroyed;
    bool destroying; /* something is spent */
};

static void set_destroying(struct dead_letters *letters, bool destroying)
{
    pthread_mutex_lock(&letters->lock);
    letters->destroying = destroying;
    if (!destroying)
        pthread_cond_broadcast(&letters->destroyed);
    pthread_mutex_unlock(&letters->lock);
}

static bool spend(struct dead_letters *letters, uint32_t slot)
{
    if (slot >= letter_keys_slots(letters->keys))
        return true; /* of a file that had more */
    if (letters->room.spent.count == 0)
        set_destroying(letters, true);
    return slot_list_add(&letters->room.spent, slot);
}

static bool has_message(const struct letter_row *row)
{
    static const uint8_t none[sizeof(row->message)];
    return memcmp(row->message, none, sizeof(none)) != 0;
}

static bool know_message(struct dead_letters *letters, uint64_t number, const struct letter_row *row)
{
    return !has_message(row) ||
           letter_messages_add(&letters->messages, letter_message_tag(row->message), number);
}

/* -- loading -- */

struct loading {
    struct dead_letters *letters;
    uint8_t *used; /* a bit a slot */
    bool starved;
};

static bool take_slot(const struct loading *loading, uint32_t slot)
{
    if (slot >= letter_keys_slots(loading->letters->keys) || loading->used[slot / 8] >> (slot % 8) & 1)
        return false;
    loading->used[slot / 8] = (uint8_t)(loading->used[slot / 8] | 1u << (slot % 8));
    return true;
}

/* A letter whose slot the file does not have cannot be opened; it still counts, and expires. */
static bool load_letter(void *self, uint64_t number, const struct letter_row *row)
{
    struct loading *loading = self;
    struct dead_letters *letters = loading->letters;
    if (!letters->oldest) {
        letters->oldest = number;
        atomic_store(&letters->due_ms, row->received_ms + letters->room.limits.kept_ms);
    }
    (void)take_slot(loading, row->slot);
    loading->starved |= !room_count_in(&letters->room, row) || !know_message(letters, number, row);
    return !loading->starved;
}

static bool load_spent(void *self, uint32_t slot)
{
    struct loading *loading = self;
    if (take_slot(loading, slot))
        loading->starved |= !spend(loading->letters, slot);
    return true;
}

static int load(struct dead_letters *letters, struct store_txn *txn)
{
    uint8_t check[LETTER_CHECK_BYTES];
    uint32_t slots = letter_keys_slots(letters->keys);
    _cleanup_(free_pointer) uint8_t *used = calloc(slots / 8 + 1, 1);
    struct loading loading = {.letters = letters, .used = used};
    room_clear(&letters->room);
    letters->oldest = 0;
    letter_messages_clear(&letters->messages);
    atomic_store(&letters->due_ms, TIME_NEVER);
    letters->checked = letter_get_check(txn, check);
    letters->next = letter_next(txn);
    int error = used ? letters_walk(txn, 0, false, load_letter, &loading) : -QY_ENOMEM;
    if (!error)
        error = letter_walk_spent(txn, load_spent, &loading);
    for (uint32_t slot = slots; !error && slot-- > 0;) /* the first ones on top */
        if (!(used[slot / 8] >> (slot % 8) & 1))
            loading.starved |= !slot_list_add(&letters->room.free, slot);
    if (!error && loading.starved)
        error = -QY_ENOMEM;
    letters->stale = error != 0;
    return error;
}

/* -- open and close -- */

static bool drop_letter(void *self, uint64_t number, const struct letter_row *row)
{
    struct buffer *numbers = self;
    (void)row;
    buffer_append(numbers, &number, sizeof(number));
    return !buffer_error(numbers);
}

static int drop_all(struct dead_letters *letters, struct store_txn *txn, uint64_t *ret_dropped)
{
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    uint8_t check[LETTER_CHECK_BYTES];
    int error = letters_walk(txn, 0, false, drop_letter, &numbers);
    if (!error)
        error = buffer_error(&numbers);
    for (size_t at = 0; !error && at < numbers.size; at += sizeof(uint64_t)) {
        uint64_t number;
        struct letter_row row;
        memcpy(&number, numbers.data + at, sizeof(number));
        if (letter_get(txn, number, &row))
            letter_delete(txn, number, &row);
    }
    letter_keys_check(letters->keys, check);
    letter_put_check(txn, check);
    *ret_dropped = numbers.size / sizeof(uint64_t);
    return error ? error : store_error(txn);
}

static int agree(struct dead_letters *letters, struct store_txn *txn, bool made, uint64_t *ret_lost)
{
    uint8_t known[LETTER_CHECK_BYTES], check[LETTER_CHECK_BYTES];
    letter_keys_check(letters->keys, check);
    if (!letter_get_check(txn, known) || memcmp(known, check, sizeof(check)) == 0)
        return 0;
    return made ? drop_all(letters, txn, ret_lost) : -QY_ECONFLICT;
}

int dead_letters_open(struct store_txn *txn, const struct dead_letter_limits *limits, const char *keys_path,
    struct dead_letters **ret_letters, uint64_t *ret_lost)
{
    struct dead_letters *letters = calloc(1, sizeof(*letters));
    if (!letters)
        return -QY_ENOMEM;
    pthread_mutex_init(&letters->lock, NULL);
    pthread_cond_init(&letters->destroyed, NULL);
    letters->room.limits = *limits;
    bool made = false;
    uint64_t lost = 0;
    int error = letter_keys_open(keys_path, (uint32_t)limits->count, &letters->keys, &made);
    if (!error)
        error = agree(letters, txn, made, &lost);
    if (!error)
        error = load(letters, txn);
    if (error)
        dead_letters_close(&letters);
    *ret_letters = letters;
    *ret_lost = lost;
    return error;
}

void dead_letters_close(struct dead_letters **letters)
{
    if (!*letters)
        return;
    letter_keys_close(&(*letters)->keys);
    room_free(&(*letters)->room);
    letter_messages_free(&(*letters)->messages);
    buffer_free(&(*letters)->sealed);
    pthread_mutex_destroy(&(*letters)->lock);
    pthread_cond_destroy(&(*letters)->destroyed);
    free(*letters);
    *letters = NULL;
}

const struct dead_letter_limits *dead_letters_limits(const struct dead_letters *letters)
{
    return &letters->room.limits;
}

/* -- changes -- */

/* Before any of a batch. Also takes back the slots that were overwritten. */
static int begin(struct dead_letters *letters, struct store_txn *txn)
{
    int error = letters->stale ? load(letters, txn) : 0;
    letters->touched = true;
    for (; !error && letters->room.clean.count > 0; letters->room.clean.count--) {
        uint32_t slot = letters->room.clean.slots[letters->room.clean.count - 1];
        letter_delete_spent(txn, slot);
        if (!slot_list_add(&letters->room.free, slot))
            error = -QY_ENOMEM;
    }
    return error ? store_fail(txn, error) : store_error(txn);
}

static int put(struct dead_letters *letters, struct store_txn *txn, uint64_t number, struct letter_row *row,
    struct bytes content)
{
    buffer_clear(&letters->sealed);
    int error = letter_keys_seal(letters->keys, row->slot, number, content, &letters->sealed);
    if (error)
        return store_fail(txn, error);
    row->size = (uint32_t)letters->sealed.size;
    letter_put(txn, number, row);
    letter_put_content(txn, number, (struct bytes){letters->sealed.data, letters->sealed.size});
    return store_error(txn);
}

static void check_keys(struct dead_letters *letters, struct store_txn *txn)
{
    uint8_t check[LETTER_CHECK_BYTES];
    if (letters->checked)
        return;
    letter_keys_check(letters->keys, check);
    letter_put_check(txn, check);
    letters->checked = true;
}

static int add(struct dead_letters *letters, struct store_txn *txn, const struct dead_letter *letter,
    struct letter_row *row, uint64_t *ret_number)
{
    uint64_t number = letters->next++;
    row->slot = letters->room.free.slots[--letters->room.free.count];
    row->received_ms = letter->received_ms;
    row->source = letter->source;
    memcpy(row->message, letter->message, sizeof(row->message));
    memccpy(row->reason, letter->reason, 0, sizeof(row->reason) - 1);
    check_keys(letters, txn);
    letter_put_next(txn, letters->next);
    if (row->marked)
        letter_put_mark(txn, row->mark, number);
    int error = put(letters, txn, number, row, letter->content);
    if (!error && (!room_count_in(&letters->room, row) || !know_message(letters, number, row)))
        error = store_fail(txn, -QY_ENOMEM);
    if (!letters->oldest) {
        letters->oldest = number;
        atomic_store(&letters->due_ms, row->received_ms + letters->room.limits.kept_ms);
    }
    *ret_number = number;
    return error;
}

int dead_letters_add(struct dead_letters *letters, struct store_txn *txn, const struct dead_letter *letter,
    uint64_t *ret_number)
{
    struct letter_row row = {.marked = letter->identified, .accepted = letter->accepted};
    int error = begin(letters, txn);
    if (error)
        return error;
    *ret_number = 0;
    if (row.marked) {
        letter_keys_mark(letters->keys, letter->source, letter->content, row.mark);
        *ret_number = letter_by_mark(txn, row.mark);
    }
    if (*ret_number)
        return 0;
    error = room_check(&letters->room, letter->source, letter->content.size);
    if (error)
        return error == -QY_EFULL ? 0 : store_fail(txn, error);
    return add(letters, txn, letter, &row, ret_number);
}

int dead_letters_room(struct dead_letters *letters, struct store_txn *txn, uint32_t source)
{
    int error = begin(letters, txn);
    if (!error)
        error = room_check(&letters->room, source, 0);
    return error && error != -QY_EFULL ? store_fail(txn, error) : error;
}

static bool first_letter(void *self, uint64_t number, const struct letter_row *row)
{
    struct dead_letters *letters = self;
    letters->oldest = number;
    atomic_store(&letters->due_ms, row->received_ms + letters->room.limits.kept_ms);
    return false;
}

static int find_oldest(struct dead_letters *letters, struct store_txn *txn)
{
    uint64_t from = letters->oldest;
    letters->oldest = 0;
    atomic_store(&letters->due_ms, TIME_NEVER);
    return letters_walk(txn, from, false, first_letter, letters);
}

bool dead_letters_remove(struct dead_letters *letters, struct store_txn *txn, uint64_t number)
{
    struct letter_row row;
    if (begin(letters, txn) || !letter_get(txn, number, &row))
        return false;
    letter_delete(txn, number, &row);
    letter_put_spent(txn, row.slot);
    room_count_out(&letters->room, &row);
    if (has_message(&row))
        letter_messages_remove(&letters->messages, letter_message_tag(row.message), number);
    if (!spend(letters, row.slot))
        store_fail(txn, -QY_ENOMEM);
    if (number == letters->oldest)
        (void)find_oldest(letters, txn);
    return store_error(txn) == 0;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

struct letter_set letter_set_of(uint64_t *numbers, size_t count)
{
    qsort(numbers, count, sizeof(*numbers), compare_numbers);
    return (struct letter_set){numbers, count};
}

static bool set_has(const struct letter_set *set, uint64_t number)
{
    return set && set->count && bsearch(&number, set->numbers, set->count, sizeof(number), compare_numbers);
}

void dead_letters_supersede(struct dead_letters *letters, struct store_txn *txn, const uint8_t message[16],
    const struct letter_set *spared)
{
    struct letter_row row;
    size_t cursor = 0;
    uint64_t tag = letter_message_tag(message), number;
    if (letters->stale && begin(letters, txn))
        return;
    while ((number = letter_messages_next(&letters->messages, tag, &cursor)))
        if (!set_has(spared, number) && letter_get(txn, number, &row) &&
            memcmp(row.message, message, sizeof(row.message)) == 0)
            (void)dead_letters_remove(letters, txn, number);
}

int dead_letters_retry(struct dead_letters *letters, struct store_txn *txn, uint64_t number,
    const char *reason, struct bytes content)
{
    struct letter_row row;
    int error = begin(letters, txn);
    if (error || !letter_get(txn, number, &row))
        return store_error(txn);
    room_count_out(&letters->room, &row);
    memset(row.reason, 0, sizeof(row.reason));
    memccpy(row.reason, reason, 0, sizeof(row.reason) - 1);
    row.attempts = (uint16_t)(row.attempts + (row.attempts < UINT16_MAX));
    error = put(letters, txn, number, &row, content);
    if (!error && !room_count_in(&letters->room, &row))
        error = store_fail(txn, -QY_ENOMEM);
    return error;
}

int dead_letters_expire(struct dead_letters *letters, struct store_txn *txn, int64_t now_ms)
{
    int error = begin(letters, txn);
    while (!error && letters->oldest && atomic_load(&letters->due_ms) <= now_ms)
        if (!dead_letters_remove(letters, txn, letters->oldest))
            error = store_error(txn) ? store_error(txn) : store_fail(txn, -QY_ECORRUPT);
    return error;
}

int64_t dead_letters_next_due(const struct dead_letters *letters)
{
    return atomic_load(&letters->due_ms);
}

int dead_letters_committed(struct dead_letters *letters)
{
    letters->touched = false;
    if (letters->room.spent.count == 0)
        return 0;
    int error = letter_keys_destroy(letters->keys, letters->room.spent.slots, letters->room.spent.count);
    for (size_t i = 0; !error && i < letters->room.spent.count; i++)
        if (!slot_list_add(&letters->room.clean, letters->room.spent.slots[i]))
            error = -QY_ENOMEM;
    letters->room.spent.count = 0;
    if (!error)
        set_destroying(letters, false);
    return error;
}

void dead_letters_discard(struct dead_letters *letters)
{
    if (!letters->touched)
        return;
    letters->touched = false;
    letters->stale = true;
    letters->room.spent.count = 0;
    atomic_store(&letters->due_ms, INT64_MIN); /* the next record lets it be loaded again */
    set_destroying(letters, false);
}

/* -- any thread -- */

void dead_letters_wait(struct dead_letters *letters)
{
    pthread_mutex_lock(&letters->lock);
    while (letters->destroying)
        pthread_cond_wait(&letters->destroyed, &letters->lock);
    pthread_mutex_unlock(&letters->lock);
}

int dead_letters_read(const struct dead_letters *letters, struct store_txn *txn, uint64_t number,
    const struct letter_row *row, struct buffer *out)
{
    struct bytes sealed;
    if (!letter_get_content(txn, number, &sealed))
        return store_error(txn) ? store_error(txn) : -QY_ENOTFOUND;
    int error = letter_keys_open_letter(letters->keys, row->slot, number, sealed, out);
    return error == -QY_ECORRUPT ? -QY_ENOTFOUND : error;
}

void dead_letters_totals(const struct dead_letters *letters, struct dead_letter_totals *ret_totals)
{
    ret_totals->count = atomic_load(&letters->room.count);
    ret_totals->bytes = atomic_load(&letters->room.bytes);
}
