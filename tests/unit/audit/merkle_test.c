/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/merkle.h"

#include "common/buffer.h"
#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Tiles in memory: two levels of up to 400 tiles are more than the tests grow. */
#define TILES 400
struct shelf {
    struct merkle_hash hashes[3][TILES][MERKLE_TILE_HASHES];
    unsigned width[3][TILES];
    struct merkle_tiles tiles;
};

static const struct merkle_hash *shelf_read(void *self, unsigned level, uint64_t number, unsigned width)
{
    struct shelf *shelf = self;
    assert_in_range(level, 0, 2);
    assert_in_range(number, 0, TILES - 1);
    return shelf->width[level][number] < width ? NULL : shelf->hashes[level][number];
}

static void shelf_write(
    void *self, unsigned level, uint64_t number, const struct merkle_hash *hashes, unsigned width)
{
    struct shelf *shelf = self;
    assert_in_range(level, 0, 2);
    assert_in_range(number, 0, TILES - 1);
    memcpy(shelf->hashes[level][number], hashes, width * sizeof(*hashes));
    shelf->width[level][number] = width;
}

struct fixture {
    struct shelf *shelf;
    struct merkle_hasher *hasher;
    struct merkle *merkle;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->shelf = calloc(1, sizeof(*fixture->shelf));
    fixture->shelf->tiles = (struct merkle_tiles){fixture->shelf, shelf_read, shelf_write};
    assert_int_equal(merkle_hasher_open(&fixture->hasher), 0);
    assert_int_equal(merkle_open(&fixture->shelf->tiles, 0, &fixture->merkle), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    merkle_close(&fixture->merkle);
    merkle_hasher_close(&fixture->hasher);
    free(fixture->shelf);
    free(fixture);
    return 0;
}

static const char *hex(const struct merkle_hash *hash)
{
    static char text[2 * MERKLE_HASH_BYTES + 1];
    for (size_t i = 0; i < MERKLE_HASH_BYTES; i++)
        sprintf(text + 2 * i, "%02x", hash->bytes[i]);
    return text;
}

/* -- the oracle: RFC 6962's definitions, word for word, over the leaf hashes -- */

static size_t half(size_t n)
{
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

static struct merkle_hash naive_root(struct merkle_hasher *hasher, const struct merkle_hash *leaves, size_t n)
{
    if (n == 1)
        return leaves[0];
    size_t k = half(n);
    struct merkle_hash left = naive_root(hasher, leaves, k), right = naive_root(hasher, leaves + k, n - k),
                       root;
    merkle_node(hasher, &left, &right, &root);
    return root;
}

static size_t naive_path(struct merkle_hasher *hasher, const struct merkle_hash *leaves, size_t m, size_t n,
    struct merkle_hash *proof)
{
    if (n == 1)
        return 0;
    size_t k = half(n), count;
    if (m < k) {
        count = naive_path(hasher, leaves, m, k, proof);
        proof[count] = naive_root(hasher, leaves + k, n - k);
    } else {
        count = naive_path(hasher, leaves + k, m - k, n - k, proof);
        proof[count] = naive_root(hasher, leaves, k);
    }
    return count + 1;
}

static size_t naive_subproof(struct merkle_hasher *hasher, const struct merkle_hash *leaves, size_t m,
    size_t n, bool known, struct merkle_hash *proof)
{
    if (m == n) {
        if (known)
            return 0;
        proof[0] = naive_root(hasher, leaves, n);
        return 1;
    }
    size_t k = half(n), count;
    if (m <= k) {
        count = naive_subproof(hasher, leaves, m, k, known, proof);
        proof[count] = naive_root(hasher, leaves + k, n - k);
    } else {
        count = naive_subproof(hasher, leaves + k, m - k, n - k, false, proof);
        proof[count] = naive_root(hasher, leaves, k);
    }
    return count + 1;
}

static void grow(struct fixture *fixture, size_t count, struct merkle_hash *leaves)
{
    for (size_t i = 0; i < count; i++) {
        char entry[32];
        struct bytes bytes = {(const uint8_t *)entry, (size_t)sprintf(entry, "entry %zu", i)};
        merkle_leaf(fixture->hasher, bytes, &leaves[i]);
        merkle_add(fixture->merkle, &fixture->shelf->tiles, bytes);
    }
    assert_int_equal(merkle_flush(fixture->merkle, &fixture->shelf->tiles), 0);
}

/* -- tests -- */

static const struct {
    const char *entry;
    size_t size;
} known_entries[] = {{"", 0}, {"\x00", 1}, {"\x10", 1}, {"\x20\x21", 2}, {"\x30\x31", 2},
    {"\x40\x41\x42\x43", 4}, {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16}};

static const char *const known_roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

static void test_roots_are_those_of_certificate_transparency(void **state)
{
    struct fixture *fixture = *state;
    struct merkle_hash root;
    assert_int_equal(merkle_root(fixture->hasher, &fixture->shelf->tiles, 0, &root), 0);
    assert_string_equal(hex(&root), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 8; i++) {
        struct bytes entry = {(const uint8_t *)known_entries[i].entry, known_entries[i].size};
        merkle_add(fixture->merkle, &fixture->shelf->tiles, entry);
        assert_int_equal(merkle_flush(fixture->merkle, &fixture->shelf->tiles), 0);
        assert_int_equal(merkle_root(fixture->hasher, &fixture->shelf->tiles, i + 1, &root), 0);
        assert_string_equal(hex(&root), known_roots[i]);
    }
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    size_t count;
    assert_int_equal(merkle_inclusion(fixture->hasher, &fixture->shelf->tiles, 0, 8, proof, &count), 0);
    assert_int_equal(count, 3);
    assert_string_equal(hex(&proof[0]), "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    assert_string_equal(hex(&proof[1]), "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e");
    assert_string_equal(hex(&proof[2]), "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4");
}

static void test_roots_and_proofs_equal_the_definition_at_any_size(void **state)
{
    struct fixture *fixture = *state;
    const size_t size = 70000; /* beyond a full tile of the second level */
    struct merkle_hash *leaves = calloc(size, sizeof(*leaves));
    grow(fixture, size, leaves);
    srandom(20261121);
    struct merkle_hash root, old, proof[MERKLE_PROOF_MAX], expected[MERKLE_PROOF_MAX];
    for (unsigned round = 0; round < 300; round++) {
        size_t to = round < 80    ? round + 1
                    : round < 200 ? 1 + (size_t)random() % 1500
                                  : 1 + (size_t)random() % size;
        if (round % 50 == 49)
            to = round % 100 == 99 ? 65536 : 256;
        size_t from = 1 + (size_t)random() % to, index = (size_t)random() % to, count;
        root = naive_root(fixture->hasher, leaves, to);
        struct merkle_hash ours;
        assert_int_equal(merkle_root(fixture->hasher, &fixture->shelf->tiles, to, &ours), 0);
        assert_memory_equal(&ours, &root, sizeof(root));

        assert_int_equal(
            merkle_inclusion(fixture->hasher, &fixture->shelf->tiles, index, to, proof, &count), 0);
        assert_int_equal(count, naive_path(fixture->hasher, leaves, index, to, expected));
        assert_memory_equal(proof, expected, count * sizeof(*proof));
        assert_true(merkle_verify_inclusion(fixture->hasher, &leaves[index], index, to, proof, count, &root));

        assert_int_equal(
            merkle_consistency(fixture->hasher, &fixture->shelf->tiles, from, to, proof, &count), 0);
        assert_int_equal(count, naive_subproof(fixture->hasher, leaves, from, to, true, expected));
        assert_memory_equal(proof, expected, count * sizeof(*proof));
        old = naive_root(fixture->hasher, leaves, from);
        assert_true(merkle_verify_consistency(fixture->hasher, from, &old, to, &root, proof, count));
    }
    free(leaves);
}

static void test_a_wrong_proof_does_not_verify(void **state)
{
    struct fixture *fixture = *state;
    struct merkle_hash leaves[1000], root, old, proof[MERKLE_PROOF_MAX];
    size_t count;
    grow(fixture, 1000, leaves);
    assert_int_equal(merkle_root(fixture->hasher, &fixture->shelf->tiles, 1000, &root), 0);
    assert_int_equal(merkle_root(fixture->hasher, &fixture->shelf->tiles, 700, &old), 0);

    assert_int_equal(merkle_inclusion(fixture->hasher, &fixture->shelf->tiles, 321, 1000, proof, &count), 0);
    assert_true(merkle_verify_inclusion(fixture->hasher, &leaves[321], 321, 1000, proof, count, &root));
    assert_false(merkle_verify_inclusion(fixture->hasher, &leaves[320], 321, 1000, proof, count, &root));
    assert_false(merkle_verify_inclusion(fixture->hasher, &leaves[321], 320, 1000, proof, count, &root));
    assert_false(merkle_verify_inclusion(fixture->hasher, &leaves[321], 321, 1000, proof, count - 1, &root));
    assert_false(merkle_verify_inclusion(fixture->hasher, &leaves[321], 321, 1000, proof, count, &old));
    for (size_t i = 0; i < count; i++) {
        proof[i].bytes[i] ^= 0x20;
        assert_false(merkle_verify_inclusion(fixture->hasher, &leaves[321], 321, 1000, proof, count, &root));
        proof[i].bytes[i] ^= 0x20;
    }

    assert_int_equal(
        merkle_consistency(fixture->hasher, &fixture->shelf->tiles, 700, 1000, proof, &count), 0);
    assert_true(merkle_verify_consistency(fixture->hasher, 700, &old, 1000, &root, proof, count));
    assert_false(merkle_verify_consistency(fixture->hasher, 701, &old, 1000, &root, proof, count));
    assert_false(merkle_verify_consistency(fixture->hasher, 700, &root, 1000, &root, proof, count));
    assert_false(merkle_verify_consistency(fixture->hasher, 700, &old, 1000, &root, proof, 0));
    for (size_t i = 0; i < count; i++) {
        proof[i].bytes[i] ^= 1;
        assert_false(merkle_verify_consistency(fixture->hasher, 700, &old, 1000, &root, proof, count));
        proof[i].bytes[i] ^= 1;
    }
}

static void test_questions_without_an_answer_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct merkle_hash leaves[300], proof[MERKLE_PROOF_MAX];
    size_t count;
    grow(fixture, 300, leaves);
    const struct merkle_tiles *tiles = &fixture->shelf->tiles;
    assert_int_equal(merkle_inclusion(fixture->hasher, tiles, 300, 300, proof, &count), -QY_EINVAL);
    assert_int_equal(merkle_consistency(fixture->hasher, tiles, 0, 300, proof, &count), -QY_EINVAL);
    assert_int_equal(merkle_consistency(fixture->hasher, tiles, 301, 300, proof, &count), -QY_EINVAL);
    assert_int_equal(merkle_consistency(fixture->hasher, tiles, 300, 300, proof, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(merkle_inclusion(fixture->hasher, tiles, 1, 301, proof, &count), -QY_ECORRUPT);
}

static void test_a_tree_opened_again_grows_as_if_it_had_stayed_open(void **state)
{
    struct fixture *fixture = *state;
    const size_t size = 66000;
    struct merkle_hash *leaves = calloc(size, sizeof(*leaves)), root, expected;
    srandom(7);
    for (size_t done = 0; done < size;) {
        size_t until = done + 1 + (size_t)random() % 3000;
        for (; done < until && done < size; done++) {
            uint8_t entry[8];
            put_be64(entry, done);
            merkle_leaf(fixture->hasher, (struct bytes){entry, 8}, &leaves[done]);
            merkle_add(fixture->merkle, &fixture->shelf->tiles, (struct bytes){entry, 8});
        }
        assert_int_equal(merkle_flush(fixture->merkle, &fixture->shelf->tiles), 0);
        merkle_close(&fixture->merkle);
        assert_int_equal(merkle_open(&fixture->shelf->tiles, done, &fixture->merkle), 0);
        assert_int_equal(merkle_size(fixture->merkle), done);
    }
    assert_int_equal(merkle_root(fixture->hasher, &fixture->shelf->tiles, size, &root), 0);
    expected = naive_root(fixture->hasher, leaves, size);
    assert_memory_equal(&root, &expected, sizeof(root));
    free(leaves);
}

static void test_an_edge_that_lies_before_its_size_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    struct merkle_hash leaves[500];
    struct merkle *other = NULL;
    grow(fixture, 500, leaves);
    assert_int_equal(merkle_open(&fixture->shelf->tiles, 501, &other), -QY_ECORRUPT);
    assert_null(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_roots_are_those_of_certificate_transparency, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_roots_and_proofs_equal_the_definition_at_any_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_wrong_proof_does_not_verify, setup, teardown),
        cmocka_unit_test_setup_teardown(test_questions_without_an_answer_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_tree_opened_again_grows_as_if_it_had_stayed_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_edge_that_lies_before_its_size_is_corrupt, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
