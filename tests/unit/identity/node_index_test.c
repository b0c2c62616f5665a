/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identity_store.h"
#include "services/identity/node_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES 40000u

/* Few first bytes, so that places collide and chains wrap around the table's end. */
static void hash_of(uint32_t node, uint8_t hash[VAULT_HASH_BYTES])
{
    memset(hash, 0, VAULT_HASH_BYTES);
    hash[0] = node % 100 == 0 ? 0xff : (uint8_t)(node * 7);
    hash[1] = node % 100 == 0 ? 0xff : (uint8_t)(node >> 3);
    put_be32(hash + 4, node);
}

static void check(struct node_index *index, uint32_t count, const uint32_t *persons)
{
    for (uint32_t node = 1; node <= NODES; node++) {
        uint8_t hash[VAULT_HASH_BYTES];
        uint32_t found = 0, person = 0;
        hash_of(node, hash);
        bool there = node_index_find(index, hash, &found, &person);
        if (there != (node <= count) || (there && (found != node || person != persons[node])))
            fail_msg("node %u of %u: %d, found %u, person %u", node, count, there, found, person);
        assert_int_equal(node_index_peek(index, hash), there ? node : 0);
    }
}

static void add(struct node_index *index, uint32_t from, uint32_t to, uint32_t *persons)
{
    for (uint32_t node = from; node <= to; node++) {
        uint8_t hash[VAULT_HASH_BYTES];
        hash_of(node, hash);
        persons[node] = node;
        const struct node_entry entry = {.node = node, .person = node, .kind = 1};
        assert_int_equal(node_index_add(index, hash, &entry), 0);
    }
}

static void move(struct node_index *index, uint32_t node, uint32_t person, uint32_t *persons)
{
    uint8_t hash[VAULT_HASH_BYTES];
    hash_of(node, hash);
    persons[node] = person;
    assert_int_equal(node_index_move(index, hash, person), 0);
}

static void nodes_are_found_while_the_index_grows_and_batches_are_taken_back(void **state)
{
    (void)state;
    static uint32_t persons[NODES + 1], scratch[NODES + 1];
    _cleanup_(node_index_close) struct node_index *index = NULL;
    assert_int_equal(node_index_open(&index), 0);
    check(index, 0, persons);
    add(index, 1, 2500, persons);
    node_index_keep(index);
    memcpy(scratch, persons, sizeof(scratch));
    add(index, 2501, 2900, scratch);
    for (uint32_t node = 1; node < 2900; node += 7)
        move(index, node, node / 2 + 1, scratch);
    move(index, 1, 9, scratch);
    check(index, 2900, scratch);
    node_index_revert(index);
    check(index, 2500, persons);
    memcpy(scratch, persons, sizeof(scratch));
    add(index, 2501, NODES, scratch); /* grows meanwhile */
    node_index_revert(index);
    check(index, 2500, persons);
    add(index, 2501, NODES, persons);
    move(index, NODES, 1, persons);
    node_index_keep(index);
    check(index, NODES, persons);
}

static void a_node_that_is_not_there_cannot_be_moved(void **state)
{
    (void)state;
    _cleanup_(node_index_close) struct node_index *index = NULL;
    uint8_t hash[VAULT_HASH_BYTES] = {1};
    assert_int_equal(node_index_open(&index), 0);
    assert_true(node_index_move(index, hash, 1) < 0);
}

static void links_are_remembered_until_a_batch_is_taken_back(void **state)
{
    (void)state;
    static uint32_t persons[NODES + 1];
    _cleanup_(node_index_close) struct node_index *index = NULL;
    assert_int_equal(node_index_open(&index), 0);
    add(index, 1, 10, persons);
    node_index_link(index, 3, 7, false);
    assert_true(node_index_linked(index, 3, 7, false));
    assert_true(node_index_linked(index, 7, 3, false));
    assert_false(node_index_linked(index, 3, 7, true));
    assert_false(node_index_linked(index, 4, 7, false));
    node_index_link(index, 7, 3, true);
    assert_true(node_index_linked(index, 3, 7, true));
    node_index_keep(index);
    assert_true(node_index_linked(index, 3, 7, true));
    node_index_revert(index);
    assert_false(node_index_linked(index, 3, 7, false));
}

static void flags_are_taken_back_with_a_batch(void **state)
{
    (void)state;
    static uint32_t persons[NODES + 1];
    _cleanup_(node_index_close) struct node_index *index = NULL;
    assert_int_equal(node_index_open(&index), 0);
    add(index, 1, 10, persons);
    assert_int_equal(node_index_set_flags(index, 4, NODE_VERIFIED), 0);
    node_index_keep(index);
    assert_int_equal(node_index_set_flags(index, 4, NODE_BUSY), 0);
    assert_int_equal(node_index_set_flags(index, 4, NODE_BLOCKED), 0);
    assert_int_equal(node_index_flags(index, 4), NODE_BLOCKED);
    node_index_revert(index);
    assert_int_equal(node_index_flags(index, 4), NODE_VERIFIED);
    assert_int_equal(node_index_kind(index, 4), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_found_while_the_index_grows_and_batches_are_taken_back),
        cmocka_unit_test(a_node_that_is_not_there_cannot_be_moved),
        cmocka_unit_test(links_are_remembered_until_a_batch_is_taken_back),
        cmocka_unit_test(flags_are_taken_back_with_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
