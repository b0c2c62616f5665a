/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is altered in a log is found, and said where: a log in memory, of which each bit can be flipped. */
#include "services/audit/verify.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORDS_MAX 70000u
#define RECORD_BYTES 12u

/* A log whose parts lie in plain memory. */
struct log {
    uint64_t size;
    uint8_t records[RECORDS_MAX][RECORD_BYTES];
    size_t record_bytes[RECORDS_MAX];
    struct merkle_hash *tiles[MERKLE_LEVELS]; /* all hashes of a level, one after the other */
    struct buffer newest, cosigned;
    struct note_signer signers[2], witness;
    char keys[2][NOTE_KEY_BYTES], witness_key[NOTE_KEY_BYTES];
    struct buffer handover;
    struct verify_source source;
    /* what the last run said */
    char said[4096];
    uint64_t problems;
};

static int open_reader(void *self, void **ret_reader)
{
    *ret_reader = self;
    return 0;
}

static void close_reader(void *reader)
{
    (void)reader;
}

static int read_tile(
    void *reader, unsigned level, uint64_t number, unsigned width, const struct merkle_hash **ret_hashes)
{
    struct log *log = reader;
    if (tile_width(log->size, level, number) < width)
        return -QY_ENOTFOUND;
    *ret_hashes = log->tiles[level] + number * MERKLE_TILE_HASHES;
    return 0;
}

static int read_entries(
    void *reader, uint64_t number, unsigned width, struct bytes ret_entries[MERKLE_TILE_HASHES])
{
    struct log *log = reader;
    for (unsigned i = 0; i < width; i++) {
        uint64_t index = number * MERKLE_TILE_HASHES + i;
        if (index >= log->size)
            return -QY_ENOTFOUND;
        ret_entries[i] = (struct bytes){log->records[index], log->record_bytes[index]};
    }
    return 0;
}

static void write_tile(
    void *self, unsigned level, uint64_t number, const struct merkle_hash *hashes, unsigned width)
{
    struct log *log = self;
    memcpy(log->tiles[level] + number * MERKLE_TILE_HASHES, hashes, width * sizeof(*hashes));
}

static void sign(struct log *log, const struct merkle_hash *root, uint64_t size, unsigned first,
    unsigned last, bool witnessed, struct buffer *out)
{
    struct checkpoint checkpoint = {.origin = "example.com/log", .size = size, .root = *root};
    checkpoint_format(&checkpoint, out);
    size_t text = out->size;
    buffer_byte(out, '\n');
    for (unsigned i = first; i <= last; i++)
        note_sign(&log->signers[i], (struct bytes){out->data, text}, out);
    if (witnessed)
        note_cosign(&log->witness, (struct bytes){out->data, text}, 1700000000, out);
    assert_int_equal(buffer_error(out), 0);
}

/* Half way a key hands over to another, and a witness cosigns two thirds of it. */
static struct log *make_log(uint64_t size)
{
    struct log *log = calloc(1, sizeof(*log));
    struct merkle *merkle;
    struct merkle_hash root;
    assert_non_null(log);
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        log->tiles[level] = calloc(
            ((uint64_t)RECORDS_MAX >> (8 * level)) + 2 * MERKLE_TILE_HASHES, sizeof(struct merkle_hash));
        assert_non_null(log->tiles[level]);
    }
    struct merkle_tiles tiles = {.self = log, .write = write_tile};
    assert_int_equal(note_signer_make("example.com/log", NOTE_ED25519, &log->signers[0]), 0);
    assert_int_equal(note_signer_make("example.com/log", NOTE_ED25519, &log->signers[1]), 0);
    assert_int_equal(note_signer_make("example.com/w", NOTE_COSIGNATURE, &log->witness), 0);
    note_key_format(&log->signers[0].key, log->keys[0]);
    note_key_format(&log->signers[1].key, log->keys[1]);
    note_key_format(&log->witness.key, log->witness_key);
    assert_int_equal(merkle_open(&tiles, 0, &merkle), 0);
    for (log->size = 0; log->size < size;) {
        uint64_t index = log->size++;
        log->record_bytes[index] =
            (size_t)snprintf((char *)log->records[index], RECORD_BYTES, "r %u", (unsigned)index);
        merkle_add(merkle, &tiles, (struct bytes){log->records[index], log->record_bytes[index]});
        if (log->size == size / 2 || log->size == size * 2 / 3 || log->size == size)
            assert_int_equal(merkle_edge_root(merkle, &root), 0);
        if (log->size == size / 2)
            sign(log, &root, log->size, 0, 1, false, &log->handover);
        if (log->size == size * 2 / 3)
            sign(log, &root, log->size, 1, 1, true, &log->cosigned);
    }
    assert_int_equal(merkle_flush(merkle, &tiles), 0);
    sign(log, &root, size, 1, 1, false, &log->newest);
    merkle_close(&merkle);
    log->source = (struct verify_source){
        .self = log, .open = open_reader, .close = close_reader, .tile = read_tile, .entries = read_entries};
    return log;
}

static void free_log(struct log *log)
{
    for (unsigned level = 0; level < MERKLE_LEVELS; level++)
        free(log->tiles[level]);
    buffer_free(&log->newest);
    buffer_free(&log->cosigned);
    buffer_free(&log->handover);
    free(log);
}

static void keep_problem(void *self, const char *text)
{
    struct log *log = self;
    size_t used = strlen(log->said);
    snprintf(log->said + used, sizeof(log->said) - used, "%s\n", text);
}

/* How many problems there are. */
static uint64_t verify(struct log *log)
{
    const struct verify_key keys[] = {
        {.verifier_key = log->keys[0]}, {.verifier_key = log->keys[1],
                                            .from_size = log->size / 2,
                                            .handover = {log->handover.data, log->handover.size}}};
    const char *witnesses[] = {log->witness_key}, *trusted[] = {log->keys[0]};
    struct verify_options options = {.source = &log->source,
        .newest = {log->newest.data, log->newest.size},
        .cosigned = {log->cosigned.data, log->cosigned.size},
        .keys = keys,
        .key_count = 2,
        .witnesses = witnesses,
        .witness_count = 1,
        .trusted = trusted,
        .trusted_count = 1,
        .threads = 2,
        .self = log,
        .problem = keep_problem};
    struct verify_result result;
    log->said[0] = '\0';
    assert_int_equal(verify_log(&options, &result), 0);
    return result.problems;
}

static void assert_said(struct log *log, const char *what)
{
    if (!strstr(log->said, what))
        fail_msg("\"%s\" was not said, but: %s", what, log->said);
}

/* -- what is promised -- */

static void a_log_as_it_was_put_on_record_is_well(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {2, 3, 9, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 66000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct log *log = make_log(sizes[i]);
        if (verify(log) != 0)
            fail_msg("%u records: %s", (unsigned)sizes[i], log->said);
        free_log(log);
    }
}

static void flip_each(struct log *log, void *bytes, size_t size, size_t step, const char *what)
{
    uint8_t *data = bytes;
    for (size_t bit = 0; bit < size * 8; bit += step) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (verify(log) == 0)
            fail_msg("bit %zu of %s is not noticed", bit, what);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(verify(log), 0);
}

static void any_bit_of_a_small_log_is_noticed(void **state)
{
    (void)state;
    struct log *log = make_log(9);
    for (uint64_t i = 0; i < log->size; i++)
        flip_each(log, log->records[i], log->record_bytes[i], 1, "a record");
    flip_each(log, log->tiles[0], log->size * sizeof(struct merkle_hash), 1, "a tile");
    flip_each(log, log->newest.data, log->newest.size, 1, "the newest checkpoint");
    flip_each(log, log->cosigned.data, log->cosigned.size, 1, "the cosigned checkpoint");
    flip_each(log, log->handover.data, log->handover.size, 1, "the handover");
    free_log(log);
}

static void any_bit_of_a_larger_log_is_noticed_where_it_is(void **state)
{
    (void)state;
    struct log *log = make_log(1000);
    for (unsigned i = 0; i < 300; i++) {
        uint64_t index = (uint64_t)random() % log->size;
        char what[64];
        log->records[index][(size_t)random() % log->record_bytes[index]] ^= (uint8_t)(1u << random() % 8);
        assert_true(verify(log) > 0);
        snprintf(what, sizeof(what), "record %u ", (unsigned)index);
        assert_said(log, what);
        log->record_bytes[index] =
            (size_t)snprintf((char *)log->records[index], RECORD_BYTES, "r %u", (unsigned)index);
    }
    flip_each(log, log->tiles[0], log->size * sizeof(struct merkle_hash), 997, "tiles of level 0");
    flip_each(log, log->tiles[1], 3 * sizeof(struct merkle_hash), 5, "tiles of level 1");
    free_log(log);
}

static void it_says_whether_the_record_or_the_hash_was_altered(void **state)
{
    (void)state;
    struct log *log = make_log(66000);
    log->records[700][2] ^= 1;
    assert_int_equal(verify(log), 1 + 3); /* the record, and the three signed sizes behind it */
    assert_said(log, "record 700 was altered: it is not what hash 188 of tile/0/002 was made of");
    log->records[700][2] ^= 1;
    log->tiles[0][700].bytes[5] ^= 4;
    assert_int_equal(verify(log), 1);
    assert_said(log, "tile/0/002: hash 188 was altered; record 700 is as it was put on record");
    log->tiles[0][700].bytes[5] ^= 4;
    log->tiles[1][2].bytes[5] ^= 4;
    assert_int_equal(verify(log), 2); /* and what is above it */
    assert_said(log, "tile/1/000: hash 2 was altered: it is not that of tile/0/002");
    log->tiles[1][2].bytes[5] ^= 4;
    log->tiles[2][0].bytes[0] ^= 1;
    assert_int_equal(verify(log), 1);
    assert_said(log, "tile/2/000.p/1: hash 0 is not that of tile/1/000");
    log->tiles[2][0].bytes[0] ^= 1;
    assert_int_equal(verify(log), 0);
    free_log(log);
}

static void a_log_that_is_cut_off_is_noticed(void **state)
{
    (void)state;
    struct log *log = make_log(1000);
    log->size = 900;
    assert_true(verify(log) > 0);
    free_log(log);
}

/* With all hashes above made anew: then only the signature is against it. */
static void a_log_that_was_made_anew_is_noticed(void **state)
{
    (void)state;
    struct log *log = make_log(1000), *other = make_log(1000);
    struct merkle_tiles tiles = {.self = other, .write = write_tile};
    struct merkle *merkle;
    other->records[500][0] = 'X';
    assert_int_equal(merkle_open(&tiles, 0, &merkle), 0);
    for (uint64_t i = 0; i < other->size; i++)
        merkle_add(merkle, &tiles, (struct bytes){other->records[i], other->record_bytes[i]});
    assert_int_equal(merkle_flush(merkle, &tiles), 0);
    merkle_close(&merkle);
    assert_true(verify(other) > 0);
    assert_said(
        other, "the newest checkpoint: the first 1000 records do not lead to the root that was signed");
    free_log(other);
    /* signed by somebody else */
    memcpy(log->keys[0], log->witness_key, sizeof(log->keys[0]));
    assert_true(verify(log) > 0);
    free_log(log);
}

static void records_that_changed_places_are_noticed(void **state)
{
    (void)state;
    struct log *log = make_log(600);
    uint8_t record[RECORD_BYTES];
    memcpy(record, log->records[300], sizeof(record));
    memcpy(log->records[300], log->records[301], sizeof(record));
    memcpy(log->records[301], record, sizeof(record));
    assert_true(verify(log) > 0);
    assert_said(log, "record 300 ");
    assert_said(log, "record 301 ");
    free_log(log);
}

static void a_key_that_was_not_handed_over_to_is_noticed(void **state)
{
    (void)state;
    struct log *log = make_log(10);
    struct log *other = make_log(10);
    memcpy(log->keys[0], other->keys[0], sizeof(log->keys[0]));
    assert_true(verify(log) > 0);
    assert_said(log, "is not vouched for");
    free_log(log);
    free_log(other);
}

static const struct merkle_hash *hashes_of(void *self, unsigned level, uint64_t number, unsigned width)
{
    const struct merkle_hash *hashes;
    return read_tile(self, level, number, width, &hashes) ? NULL : hashes;
}

/* Each month another one, for years. */
static void a_log_whose_key_changed_often_is_read_to_its_end(void **state)
{
    (void)state;
    enum { KEYS = 90 };
    struct log *log = make_log(KEYS * 300);
    struct merkle_tiles tiles = {.self = log, .read = hashes_of};
    struct merkle_hasher *hasher;
    struct buffer handovers[KEYS] = {BUFFER_INIT};
    struct verify_key keys[KEYS] = {{.verifier_key = log->keys[0]}};
    assert_int_equal(merkle_hasher_open(&hasher), 0);
    for (unsigned i = 1; i < KEYS; i++) {
        struct merkle_hash root;
        assert_int_equal(merkle_root(hasher, &tiles, i * 300 + 1, &root), 0);
        sign(log, &root, i * 300 + 1, 0, 1, false, &handovers[i]);
        keys[i] = (struct verify_key){.verifier_key = log->keys[i % 2],
            .from_size = i * 300 + 1,
            .handover = {handovers[i].data, handovers[i].size}};
    }
    struct verify_options options = {.source = &log->source,
        .newest = {log->newest.data, log->newest.size},
        .keys = keys,
        .key_count = KEYS,
        .threads = 1,
        .self = log,
        .problem = keep_problem};
    struct verify_result result;
    assert_int_equal(verify_log(&options, &result), 0);
    if (result.problems)
        fail_msg("%s", log->said);
    for (unsigned i = 0; i < KEYS; i++)
        buffer_free(&handovers[i]);
    merkle_hasher_close(&hasher);
    free_log(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_as_it_was_put_on_record_is_well),
        cmocka_unit_test(any_bit_of_a_small_log_is_noticed),
        cmocka_unit_test(any_bit_of_a_larger_log_is_noticed_where_it_is),
        cmocka_unit_test(it_says_whether_the_record_or_the_hash_was_altered),
        cmocka_unit_test(a_log_that_is_cut_off_is_noticed),
        cmocka_unit_test(a_log_that_was_made_anew_is_noticed),
        cmocka_unit_test(records_that_changed_places_are_noticed),
        cmocka_unit_test(a_key_that_was_not_handed_over_to_is_noticed),
        cmocka_unit_test(a_log_whose_key_changed_often_is_read_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
