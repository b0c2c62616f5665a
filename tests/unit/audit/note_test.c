/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes, checkpoints, tiles' paths and receipts, against what others have published. */
#include "services/audit/note.h"

#include "common/error.h"
#include "services/audit/checkpoint.h"
#include "services/audit/receipt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* -- the example of Go's golang.org/x/mod/sumdb/note -- */

static const char go_key[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_secret[] =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char go_text[] = "If you think cryptography is the answer to your problem,\n"
                              "then you don't know what your problem is.\n";
static const char go_line[] =
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static void a_key_is_read_and_written_as_others_do(void **state)
{
    (void)state;
    struct note_key key;
    struct note_signer signer;
    char text[NOTE_KEY_BYTES], secret[NOTE_SECRET_BYTES];
    assert_int_equal(note_key_parse(go_key, &key), 0);
    note_key_format(&key, text);
    assert_string_equal(text, go_key);
    assert_int_equal(note_signer_parse(go_secret, &signer), 0);
    assert_true(note_key_equal(&signer.key, &key));
    note_signer_format(&signer, secret);
    assert_string_equal(secret, go_secret);
}

static void a_key_that_is_not_written_so_is_refused(void **state)
{
    (void)state;
    struct note_key key;
    struct note_signer signer;
    for (size_t i = 0; i < strlen(go_key); i++) {
        char other[sizeof(go_key)];
        memcpy(other, go_key, sizeof(go_key));
        other[i] ^= 1;
        assert_int_equal(note_key_parse(other, &key), -QY_EINVAL);
    }
    static const char *const bad[] = {
        "", "+", "a+b", "PeterNeumann+c74f20a3+", "PeterNeumann+c74f20a3+AR", "a b+c74f20a3+AR"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(note_key_parse(bad[i], &key), -QY_EINVAL);
    assert_int_equal(note_signer_parse(go_key, &signer), -QY_EINVAL);
    assert_int_equal(note_signer_make("two words", NOTE_ED25519, &signer), -QY_EINVAL);
    assert_int_equal(note_signer_make("a+b", NOTE_ED25519, &signer), -QY_EINVAL);
    assert_int_equal(note_signer_make("", NOTE_ED25519, &signer), -QY_EINVAL);
}

static void a_note_is_signed_and_verified_as_others_do(void **state)
{
    (void)state;
    struct note_signer signer;
    struct note note;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    assert_int_equal(note_signer_parse(go_secret, &signer), 0);
    buffer_text(&text, go_text);
    buffer_byte(&text, '\n');
    note_sign(&signer, bytes_of(go_text), &text);
    assert_non_null(strstr(buffer_c_str(&text), go_line));
    assert_int_equal(note_open((struct bytes){text.data, text.size}, &note), 0);
    assert_int_equal(note.text.size, strlen(go_text));
    assert_true(note_verify(&note, &signer.key, NULL));
}

static void a_bit_that_is_another_is_noticed(void **state)
{
    (void)state;
    struct note_signer signer;
    struct note note;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    assert_int_equal(note_signer_parse(go_secret, &signer), 0);
    buffer_text(&text, go_text);
    buffer_byte(&text, '\n');
    buffer_text(&text, go_line);
    for (size_t i = 0; i < text.size * 8; i++) {
        text.data[i / 8] ^= (uint8_t)(1u << i % 8);
        bool holds = note_open((struct bytes){text.data, text.size}, &note) == 0 &&
                     note_verify(&note, &signer.key, NULL);
        assert_false(holds);
        text.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t size = 0; size < text.size; size++)
        assert_false(
            note_open((struct bytes){text.data, size}, &note) == 0 && note_verify(&note, &signer.key, NULL));
}

/* -- the example of C2SP's tlog-cosignature: the lines have the form, the key is not published -- */

static void a_witness_signs_a_time_beside_the_log(void **state)
{
    (void)state;
    struct note_signer log, witness, other;
    struct note note;
    struct bytes line;
    uint64_t time_s = 0;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    static const char body[] = "example.com/log\n2\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_int_equal(note_signer_make("example.com/log", NOTE_ED25519, &log), 0);
    assert_int_equal(note_signer_make("example.com/w1", NOTE_COSIGNATURE, &witness), 0);
    assert_int_equal(note_signer_make("example.com/w1", NOTE_COSIGNATURE, &other), 0);
    buffer_text(&text, body);
    buffer_byte(&text, '\n');
    note_sign(&log, bytes_of(body), &text);
    note_cosign(&witness, bytes_of(body), 1679315147, &text);
    assert_int_equal(note_open((struct bytes){text.data, text.size}, &note), 0);
    assert_true(note_verify(&note, &log.key, NULL));
    assert_true(note_verify(&note, &witness.key, &time_s));
    assert_int_equal(time_s, 1679315147);
    assert_false(note_verify(&note, &other.key, NULL));
    assert_true(note_line(&note, &witness.key, &line));
    assert_true(line.data + line.size == text.data + text.size);
    line = (struct bytes){0};
    assert_false(note_line(&note, &other.key, &line) || line.data);
    /* the time is signed, too: its last byte, in the base64 */
    char *base64 = strstr((char *)text.data, "w1 ") + 3;
    base64[14] = base64[14] == 'A' ? 'B' : 'A';
    assert_false(note_verify(&note, &witness.key, NULL));
}

static void what_is_no_note_is_refused(void **state)
{
    (void)state;
    struct note note;
    static const char *const bad[] = {"", "\n", "\n\n", "text\n", "text\n\n", "text\n\nno dash\n",
        "text\n\n\xe2\x80\x94 a b", "\n\xe2\x80\x94 a b\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(note_open(bytes_of(bad[i]), &note), -QY_EINVAL);
}

/* -- checkpoints -- */

static void a_checkpoint_is_three_lines(void **state)
{
    (void)state;
    static const char text[] =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    struct checkpoint checkpoint;
    _cleanup_(buffer_free) struct buffer again = BUFFER_INIT;
    assert_int_equal(checkpoint_parse(bytes_of(text), &checkpoint), 0);
    assert_string_equal(checkpoint.origin, "example.com/behind-the-sofa");
    assert_int_equal(checkpoint.size, 20852163);
    checkpoint_format(&checkpoint, &again);
    assert_string_equal(buffer_c_str(&again), text);
    static const char *const bad[] = {"a\n1\n", "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(checkpoint_parse(bytes_of(bad[i]), &checkpoint), -QY_EINVAL);
}

/* -- tiles -- */

static void a_tile_has_one_path(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct tile_place place;
    } good[] = {
        {"tile/0/000", {false, 0, 0, 256}},
        {"tile/2/x001/x234/067", {false, 2, 1234067, 256}},
        {"tile/entries/x001/x234/067.p/112", {true, 0, 1234067, 112}},
        {"tile/63/999.p/1", {false, 63, 999, 1}},
        {"tile/0/x123/x456/x789/x012/345", {false, 0, 123456789012345, 256}},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct tile_place place;
        char path[TILE_PATH_BYTES];
        assert_true(tile_path_parse(good[i].path, &place));
        assert_int_equal(place.entries, good[i].place.entries);
        assert_int_equal(place.level, good[i].place.level);
        assert_int_equal(place.number, good[i].place.number);
        assert_int_equal(place.width, good[i].place.width);
        tile_path_format(&place, path);
        assert_string_equal(path, good[i].path);
    }
    static const char *const bad[] = {"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00",
        "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/a/000", "tile/0/x000/000",
        "tile/0/x001", "tile/0/001/x002", "tile/0/001/002", "tile/0/000.p/0", "tile/0/000.p/256",
        "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p", "tile/0/000/", "tile/0/000.p/1/",
        "tile/0/000.p/-1", "tile/entries", "tile/entries/0", "tile/data/000", "tile/0/ 00", "tile/0/+00",
        "tile/0/000.p/+1", "tile/4294967296/000", "tile/0/000.p/4294967297"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct tile_place place;
        if (tile_path_parse(bad[i], &place))
            fail_msg("%s is taken for a path", bad[i]);
    }
}

/* The example of tlog-tiles: 70,000 records. */
static void a_tree_has_the_tiles_that_the_format_says(void **state)
{
    (void)state;
    assert_int_equal(tile_width(70000, 0, 272), 256);
    assert_int_equal(tile_width(70000, 0, 273), 112);
    assert_int_equal(tile_width(70000, 0, 274), 0);
    assert_int_equal(tile_width(70000, 1, 0), 256);
    assert_int_equal(tile_width(70000, 1, 1), 17);
    assert_int_equal(tile_width(70000, 2, 0), 1);
    assert_int_equal(tile_width(70000, 3, 0), 0);
    assert_int_equal(tile_width(256, 0, 0), 256);
    assert_int_equal(tile_width(256, 1, 0), 1);
    assert_int_equal(tile_width(0, 0, 0), 0);
    assert_int_equal(tile_width(70000, 8, 0), 0);
    assert_int_equal(tile_width(70000, 63, 0), 0);
    assert_int_equal(tile_width(UINT64_MAX, 0, UINT64_MAX), 0);
}

/* -- receipts -- */

struct example {
    struct note_signer log;
    struct buffer text;
};

static void make_receipt(struct example *example)
{
    static struct merkle_hash leaves[2];
    struct merkle_hasher *hasher;
    struct checkpoint checkpoint = {.origin = "example.com/log", .size = 2};
    _cleanup_(buffer_free) struct buffer note = BUFFER_INIT;
    assert_int_equal(merkle_hasher_open(&hasher), 0);
    merkle_leaf(hasher, bytes_of("the first"), &leaves[0]);
    merkle_leaf(hasher, bytes_of("the second"), &leaves[1]);
    merkle_node(hasher, &leaves[0], &leaves[1], &checkpoint.root);
    merkle_hasher_close(&hasher);
    assert_int_equal(note_signer_make(checkpoint.origin, NOTE_ED25519, &example->log), 0);
    checkpoint_format(&checkpoint, &note);
    size_t size = note.size;
    buffer_byte(&note, '\n');
    note_sign(&example->log, (struct bytes){note.data, size}, &note);
    struct receipt receipt = {
        .index = 1, .entry = bytes_of("the second"), .count = 1, .note = {note.data, note.size}};
    receipt.path[0] = leaves[0];
    example->text = BUFFER_INIT;
    receipt_format(&receipt, &example->text);
    assert_int_equal(buffer_error(&example->text), 0);
}

static void a_receipt_is_checked_without_the_log(void **state)
{
    (void)state;
    struct example example;
    struct receipt receipt;
    struct checkpoint checkpoint;
    struct note_signer other;
    _cleanup_(buffer_free) struct buffer room = BUFFER_INIT;
    make_receipt(&example);
    assert_int_equal(receipt_parse((struct bytes){example.text.data, example.text.size}, &room, &receipt), 0);
    assert_int_equal(receipt.index, 1);
    assert_int_equal(receipt.entry.size, strlen("the second"));
    assert_memory_equal(receipt.entry.data, "the second", receipt.entry.size);
    assert_null(receipt_check(&receipt, &example.log.key, &checkpoint));
    assert_int_equal(checkpoint.size, 2);
    assert_int_equal(note_signer_make("example.com/log", NOTE_ED25519, &other), 0);
    assert_non_null(receipt_check(&receipt, &other.key, &checkpoint));
    buffer_free(&example.text);
}

static void a_receipt_of_which_a_bit_is_another_does_not_hold(void **state)
{
    (void)state;
    struct example example;
    struct receipt receipt;
    struct checkpoint checkpoint;
    _cleanup_(buffer_free) struct buffer room = BUFFER_INIT;
    make_receipt(&example);
    for (size_t i = 0; i < example.text.size * 8; i++) {
        example.text.data[i / 8] ^= (uint8_t)(1u << i % 8);
        bool holds =
            receipt_parse((struct bytes){example.text.data, example.text.size}, &room, &receipt) == 0 &&
            !receipt_check(&receipt, &example.log.key, &checkpoint);
        if (holds)
            fail_msg("bit %zu is not noticed", i);
        example.text.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t size = 0; size < example.text.size; size++)
        assert_false(receipt_parse((struct bytes){example.text.data, size}, &room, &receipt) == 0 &&
                     !receipt_check(&receipt, &example.log.key, &checkpoint));
    buffer_free(&example.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_read_and_written_as_others_do),
        cmocka_unit_test(a_key_that_is_not_written_so_is_refused),
        cmocka_unit_test(a_note_is_signed_and_verified_as_others_do),
        cmocka_unit_test(a_bit_that_is_another_is_noticed),
        cmocka_unit_test(a_witness_signs_a_time_beside_the_log),
        cmocka_unit_test(what_is_no_note_is_refused),
        cmocka_unit_test(a_checkpoint_is_three_lines),
        cmocka_unit_test(a_tile_has_one_path),
        cmocka_unit_test(a_tree_has_the_tiles_that_the_format_says),
        cmocka_unit_test(a_receipt_is_checked_without_the_log),
        cmocka_unit_test(a_receipt_of_which_a_bit_is_another_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
