/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/place_set.h"

#include "common/error.h"

#include <string.h>

#define WORDS (SEGMENT_RECORDS / 64)

void place_set_clear(struct place_set *set)
{
    memset(set, 0, sizeof(*set));
}

void place_set_range(struct place_set *set, unsigned first, unsigned end)
{
    place_set_clear(set);
    for (unsigned word = first / 64; word < WORDS && word * 64 < end; word++) {
        uint64_t bits = ~UINT64_C(0);
        if (word == first / 64)
            bits &= ~UINT64_C(0) << first % 64;
        if (end < (word + 1) * 64)
            bits &= ~(~UINT64_C(0) << end % 64);
        set->bits[word] = first < end ? bits : 0;
    }
}

void place_set_or(struct place_set *set, const struct place_set *other)
{
    for (size_t i = 0; i < WORDS; i++)
        set->bits[i] |= other->bits[i];
}

void place_set_and(struct place_set *set, const struct place_set *other)
{
    for (size_t i = 0; i < WORDS; i++)
        set->bits[i] &= other->bits[i];
}

void place_set_remove(struct place_set *set, const struct place_set *other)
{
    for (size_t i = 0; i < WORDS; i++)
        set->bits[i] &= ~other->bits[i];
}

bool place_set_is_empty(const struct place_set *set)
{
    uint64_t any = 0;
    for (size_t i = 0; i < WORDS; i++)
        any |= set->bits[i];
    return any == 0;
}

unsigned place_set_count(const struct place_set *set)
{
    unsigned count = 0;
    for (size_t i = 0; i < WORDS; i++)
        count += (unsigned)__builtin_popcountll(set->bits[i]);
    return count;
}

unsigned place_set_count_range(const struct place_set *set, unsigned first, unsigned end)
{
    unsigned count = 0;
    for (unsigned word = first / 64; word < WORDS && word * 64 < end && first < end; word++) {
        uint64_t bits = set->bits[word];
        if (word == first / 64)
            bits &= ~UINT64_C(0) << first % 64;
        if (end < (word + 1) * 64)
            bits &= ~(~UINT64_C(0) << end % 64);
        count += (unsigned)__builtin_popcountll(bits);
    }
    return count;
}

bool place_set_below(const struct place_set *set, unsigned below, unsigned *ret_place)
{
    while (below > 0) {
        unsigned word = (below - 1) / 64, bit = (below - 1) % 64;
        uint64_t bits = set->bits[word] << (63 - bit);
        if (bits) {
            *ret_place = below - 1 - (unsigned)__builtin_clzll(bits);
            return true;
        }
        below = word * 64;
    }
    return false;
}

bool place_set_from(const struct place_set *set, unsigned from, unsigned *ret_place)
{
    while (from < SEGMENT_RECORDS) {
        uint64_t bits = set->bits[from / 64] >> from % 64;
        if (bits) {
            *ret_place = from + (unsigned)__builtin_ctzll(bits);
            return true;
        }
        from = (from / 64 + 1) * 64;
    }
    return false;
}

/* -- stored: a head, then the one container, keyed 0, in whichever of its three forms is the smallest; all little-endian -- */

#define COOKIE 12346u /* then the number of containers */
#define COOKIE_WITH_RUNS                                                                                     \
    12347u /* with the number of containers less one above it, then a bit per container that is of runs */
#define LISTED_MOST 4096u
#define BITMAP_BYTES (SEGMENT_RECORDS / 8)
#define HEAD_BYTES 16u
#define HEAD_BYTES_WITH_RUNS 9u

static void put_le16(struct buffer *out, size_t value)
{
    buffer_byte(out, (uint8_t)value);
    buffer_byte(out, (uint8_t)(value >> 8));
}

static void put_le32(struct buffer *out, size_t value)
{
    put_le16(out, value);
    put_le16(out, value >> 16);
}

static unsigned get_le16(const uint8_t *in)
{
    return in[0] | (unsigned)in[1] << 8;
}

static uint32_t get_le32(const uint8_t *in)
{
    return get_le16(in) | (uint32_t)get_le16(in + 2) << 16;
}

static size_t count_runs(const uint16_t *places, size_t count)
{
    size_t runs = 1;
    for (size_t i = 1; i < count; i++)
        runs += places[i] != places[i - 1] + 1;
    return runs;
}

static void write_runs(struct buffer *out, const uint16_t *places, size_t count, size_t runs)
{
    put_le32(out, COOKIE_WITH_RUNS);
    buffer_byte(out, 1);
    put_le16(out, 0);
    put_le16(out, count - 1);
    put_le16(out, runs);
    for (size_t i = 0, first = 0; i < count; i++) {
        if (i + 1 < count && places[i + 1] == places[i] + 1)
            continue;
        put_le16(out, places[first]);
        put_le16(out, i - first);
        first = i + 1;
    }
}

static void write_bitmap(struct buffer *out, const uint16_t *places, size_t count)
{
    uint8_t *room = buffer_reserve(out, BITMAP_BYTES);
    if (!room)
        return;
    memset(room, 0, BITMAP_BYTES);
    for (size_t i = 0; i < count; i++)
        room[places[i] / 8] |= (uint8_t)(1u << places[i] % 8);
    out->size += BITMAP_BYTES;
}

void places_write(struct buffer *out, const uint16_t *places, size_t count)
{
    size_t runs = count_runs(places, count), plain = count <= LISTED_MOST ? 2 * count : BITMAP_BYTES;
    if (2 + 4 * runs < plain) {
        write_runs(out, places, count, runs);
        return;
    }
    put_le32(out, COOKIE);
    put_le32(out, 1);
    put_le16(out, 0);
    put_le16(out, count - 1);
    put_le32(out, HEAD_BYTES);
    if (count > LISTED_MOST)
        write_bitmap(out, places, count);
    for (size_t i = 0; i < count && count <= LISTED_MOST; i++)
        put_le16(out, places[i]);
}

enum form { LISTED, BITMAP, RUNS };
/* A stored set's container. */
struct container {
    enum form form;
    const uint8_t *data;
    size_t count; /* places, or runs */
};

static int open_plain(struct bytes stored, struct container *container)
{
    if (stored.size < HEAD_BYTES || get_le32(stored.data) != COOKIE || get_le32(stored.data + 4) != 1)
        return -QY_ECORRUPT;
    container->count = get_le16(stored.data + 10) + 1u;
    container->form = container->count > LISTED_MOST ? BITMAP : LISTED;
    container->data = stored.data + HEAD_BYTES;
    size_t size = container->form == BITMAP ? BITMAP_BYTES : 2 * container->count;
    return stored.size == HEAD_BYTES + size ? 0 : -QY_ECORRUPT;
}

static int open_container(struct bytes stored, struct container *container)
{
    if (stored.size < HEAD_BYTES_WITH_RUNS + 2 || get_le32(stored.data) != COOKIE_WITH_RUNS)
        return open_plain(stored, container);
    container->form = RUNS;
    container->count = get_le16(stored.data + HEAD_BYTES_WITH_RUNS);
    container->data = stored.data + HEAD_BYTES_WITH_RUNS + 2;
    return stored.size == HEAD_BYTES_WITH_RUNS + 2 + 4 * container->count ? 0 : -QY_ECORRUPT;
}

static void add_run(struct place_set *set, unsigned first, unsigned last)
{
    uint64_t head = ~UINT64_C(0) << first % 64, tail = ~UINT64_C(0) >> (63 - last % 64);
    if (first / 64 == last / 64) {
        set->bits[first / 64] |= head & tail;
        return;
    }
    set->bits[first / 64] |= head;
    for (unsigned word = first / 64 + 1; word < last / 64; word++)
        set->bits[word] = ~UINT64_C(0);
    set->bits[last / 64] |= tail;
}

static int read_runs(const struct container *container, struct place_set *set)
{
    for (size_t i = 0; i < container->count; i++) {
        unsigned first = get_le16(container->data + 4 * i);
        unsigned last = first + get_le16(container->data + 4 * i + 2);
        if (last >= SEGMENT_RECORDS)
            return -QY_ECORRUPT;
        add_run(set, first, last);
    }
    return 0;
}

static uint64_t bitmap_word(const uint8_t *data, size_t word)
{
    return get_le32(data + 8 * word) | (uint64_t)get_le32(data + 8 * word + 4) << 32;
}

int places_read(struct bytes stored, struct place_set *set)
{
    struct container container;
    int error = open_container(stored, &container);
    if (error)
        return error;
    if (container.form == RUNS)
        return read_runs(&container, set);
    if (container.form == BITMAP)
        for (size_t word = 0; word < WORDS; word++)
            set->bits[word] |= bitmap_word(container.data, word);
    else
        for (size_t i = 0; i < container.count; i++)
            place_set_add(set, get_le16(container.data + 2 * i));
    return 0;
}

int places_count(struct bytes stored, const struct place_set *set, unsigned *ret_count)
{
    struct container container;
    unsigned count = 0;
    int error = open_container(stored, &container);
    if (error)
        return error;
    if (container.form == LISTED)
        for (size_t i = 0; i < container.count; i++)
            count += place_set_has(set, get_le16(container.data + 2 * i));
    if (container.form == BITMAP)
        for (size_t word = 0; word < WORDS; word++)
            count += (unsigned)__builtin_popcountll(set->bits[word] & bitmap_word(container.data, word));
    for (size_t i = 0; i < container.count && container.form == RUNS; i++) {
        unsigned first = get_le16(container.data + 4 * i);
        unsigned last = first + get_le16(container.data + 4 * i + 2);
        if (last >= SEGMENT_RECORDS)
            return -QY_ECORRUPT;
        count += place_set_count_range(set, first, last + 1);
    }
    *ret_count = count;
    return 0;
}
