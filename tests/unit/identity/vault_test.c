/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/vault.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct vault *open_with(uint8_t first)
{
    uint8_t master[VAULT_MASTER_BYTES] = {first};
    struct vault *vault = NULL;
    assert_int_equal(vault_open(master, &vault), 0);
    return vault;
}

static void what_is_sealed_opens_for_its_node_and_purpose_alone(void **state)
{
    (void)state;
    _cleanup_(vault_close) struct vault *vault = open_with(1);
    struct vault_key key, again;
    uint8_t wrapped[VAULT_WRAPPED_BYTES];
    vault_make_key(vault, 7, &key, wrapped);
    assert_int_equal(vault_unwrap(vault, 7, wrapped, &again), 0);
    assert_memory_equal(key.bytes, again.bytes, sizeof(key.bytes));
    assert_int_equal(vault_unwrap(vault, 8, wrapped, &again), -QY_ECORRUPT);

    _cleanup_(buffer_free) struct buffer sealed = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer plain = BUFFER_INIT;
    vault_seal(&key, VAULT_TRAITS, 7, "secret", 6, &sealed);
    assert_int_equal(buffer_error(&sealed), 0);
    assert_null(memmem(sealed.data, sealed.size, "secret", 6));
    struct bytes bytes = {sealed.data, sealed.size};
    assert_int_equal(vault_unseal(&key, VAULT_TRAITS, 7, bytes, &plain), 0);
    assert_int_equal(plain.size, 6);
    assert_memory_equal(plain.data, "secret", 6);
    assert_int_equal(vault_unseal(&key, VAULT_TRAITS, 8, bytes, &plain), -QY_ECORRUPT);
    assert_int_equal(vault_unseal(&key, VAULT_IDENTIFIER, 7, bytes, &plain), -QY_ECORRUPT);
    sealed.data[sealed.size - 1] ^= 1;
    assert_int_equal(vault_unseal(&key, VAULT_TRAITS, 7, bytes, &plain), -QY_ECORRUPT);
    bytes.size = 10;
    assert_int_equal(vault_unseal(&key, VAULT_TRAITS, 7, bytes, &plain), -QY_ECORRUPT);
}

static void another_master_opens_nothing(void **state)
{
    (void)state;
    _cleanup_(vault_close) struct vault *vault = open_with(1);
    _cleanup_(vault_close) struct vault *other = open_with(2);
    struct vault_key key, again;
    uint8_t wrapped[VAULT_WRAPPED_BYTES];
    vault_make_key(vault, 7, &key, wrapped);
    assert_int_equal(vault_unwrap(other, 7, wrapped, &again), -QY_ECORRUPT);
    wrapped[0] = 99;
    assert_int_equal(vault_unwrap(vault, 7, wrapped, &again), -QY_EVERSION);
}

static void hashes_depend_on_master_kind_and_value(void **state)
{
    (void)state;
    _cleanup_(vault_close) struct vault *vault = open_with(1);
    _cleanup_(vault_close) struct vault *other = open_with(2);
    uint8_t a[VAULT_HASH_BYTES], b[VAULT_HASH_BYTES];
    vault_hash(vault, "phone", "+8613800138000", 14, a);
    vault_hash(vault, "phone", "+8613800138000", 14, b);
    assert_memory_equal(a, b, sizeof(a));
    vault_hash(other, "phone", "+8613800138000", 14, b);
    assert_memory_not_equal(a, b, sizeof(a));
    vault_hash(vault, "user_id", "+8613800138000", 14, b);
    assert_memory_not_equal(a, b, sizeof(a));
    vault_hash(vault, "phone", "+8613800138001", 14, b);
    assert_memory_not_equal(a, b, sizeof(a));
    char token[VAULT_TOKEN_BYTES], long_value[1000] = "x";
    vault_token(vault, "x", 1, token);
    assert_int_equal(strlen(token), VAULT_TOKEN_BYTES - 1);
    vault_token(vault, long_value, sizeof(long_value), token);
    assert_int_equal(memcmp(token, "h_", 2), 0);
    assert_true(vault_message_key(vault, 1, "m", 1) != vault_message_key(vault, 2, "m", 1));
    assert_true(vault_message_key(vault, 1, "m", 1) == vault_message_key(vault, 1, "m", 1));
    vault_message_key(vault, 1, long_value, sizeof(long_value));
    char id[396], near[396]; /* the longest: 99 characters of four bytes */
    memset(id, 'm', sizeof(id));
    memcpy(near, id, sizeof(id));
    near[395] = 'n';
    assert_true(vault_message_key(vault, 1, id, 396) != vault_message_key(vault, 1, near, 396));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_for_its_node_and_purpose_alone),
        cmocka_unit_test(another_master_opens_nothing),
        cmocka_unit_test(hashes_depend_on_master_kind_and_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
