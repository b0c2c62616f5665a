/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_keys.h"

#include "common/error.h"
#include "tests/unit/common/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct bytes content = {(const uint8_t *)"a refused event", 15};

static struct letter_keys *open_keys(void **state, uint32_t slots, bool made)
{
    char path[512];
    struct letter_keys *keys = NULL;
    bool was_made = !made;
    assert_int_equal(letter_keys_open(scratch_join(state, &path, "keys"), slots, &keys, &was_made), 0);
    assert_int_equal(was_made, made);
    return keys;
}

static void a_letter_opens_with_its_own_slot_and_number_alone(void **state)
{
    struct letter_keys *keys = open_keys(state, 8, true);
    _cleanup_(buffer_free) struct buffer sealed = BUFFER_INIT, plain = BUFFER_INIT;
    assert_int_equal(letter_keys_seal(keys, 3, 17, content, &sealed), 0);
    assert_null(memmem(sealed.data, sealed.size, "refused", 7));
    const struct bytes stored = {sealed.data, sealed.size};
    assert_int_equal(letter_keys_open_letter(keys, 3, 17, stored, &plain), 0);
    assert_int_equal(plain.size, content.size);
    assert_memory_equal(plain.data, content.data, content.size);
    assert_int_equal(letter_keys_open_letter(keys, 4, 17, stored, &plain), -QY_ECORRUPT);
    assert_int_equal(letter_keys_open_letter(keys, 3, 18, stored, &plain), -QY_ECORRUPT);
    assert_int_equal(letter_keys_open_letter(keys, 8, 17, stored, &plain), -QY_ECORRUPT);
    assert_int_equal(
        letter_keys_open_letter(keys, 3, 17, (struct bytes){stored.data, 20}, &plain), -QY_ECORRUPT);
    letter_keys_close(&keys);
}

static void what_was_sealed_under_an_overwritten_slot_never_opens_again(void **state)
{
    struct letter_keys *keys = open_keys(state, 8, true);
    _cleanup_(buffer_free) struct buffer one = BUFFER_INIT, other = BUFFER_INIT, plain = BUFFER_INIT;
    assert_int_equal(letter_keys_seal(keys, 0, 1, content, &one), 0);
    assert_int_equal(letter_keys_seal(keys, 7, 2, content, &other), 0);
    assert_int_equal(letter_keys_destroy(keys, (uint32_t[]){0}, 1), 0);
    assert_int_equal(
        letter_keys_open_letter(keys, 0, 1, (struct bytes){one.data, one.size}, &plain), -QY_ECORRUPT);
    letter_keys_close(&keys);
    keys = open_keys(state, 8, false);
    assert_int_equal(
        letter_keys_open_letter(keys, 0, 1, (struct bytes){one.data, one.size}, &plain), -QY_ECORRUPT);
    assert_int_equal(letter_keys_open_letter(keys, 7, 2, (struct bytes){other.data, other.size}, &plain), 0);
    letter_keys_close(&keys);
}

static void the_file_grows_and_keeps_what_it_has(void **state)
{
    char path[512];
    struct stat status;
    uint8_t before[LETTER_CHECK_BYTES], after[LETTER_CHECK_BYTES];
    _cleanup_(buffer_free) struct buffer sealed = BUFFER_INIT, plain = BUFFER_INIT;
    struct letter_keys *keys = open_keys(state, 4, true);
    assert_int_equal(letter_keys_seal(keys, 2, 1, content, &sealed), 0);
    letter_keys_check(keys, before);
    letter_keys_close(&keys);
    keys = open_keys(state, 5000, false);
    letter_keys_check(keys, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(letter_keys_slots(keys), 5000);
    assert_int_equal(
        letter_keys_open_letter(keys, 2, 1, (struct bytes){sealed.data, sealed.size}, &plain), 0);
    letter_keys_close(&keys);
    keys = open_keys(state, 10, false);
    assert_int_equal(letter_keys_slots(keys), 5000);
    letter_keys_close(&keys);
    assert_int_equal(stat(scratch_join(state, &path, "keys"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void what_is_no_such_file_is_not_opened(void **state)
{
    char path[512];
    bool made;
    struct letter_keys *keys = NULL;
    int fd = open(scratch_join(state, &path, "keys"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0 && write(fd, "short", 5) == 5);
    close(fd);
    assert_int_equal(letter_keys_open(path, 4, &keys, &made), -QY_ECORRUPT);
    assert_null(keys);
}

static void a_mark_is_of_source_content_and_file(void **state)
{
    uint8_t one[LETTER_MARK_BYTES], other[LETTER_MARK_BYTES];
    struct letter_keys *keys = open_keys(state, 1, true);
    letter_keys_mark(keys, 1, content, one);
    letter_keys_mark(keys, 1, content, other);
    assert_memory_equal(one, other, sizeof(one));
    letter_keys_mark(keys, 2, content, other);
    assert_memory_not_equal(one, other, sizeof(one));
    letter_keys_mark(keys, 1, (struct bytes){content.data, 4}, other);
    assert_memory_not_equal(one, other, sizeof(one));
    letter_keys_close(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_letter_opens_with_its_own_slot_and_number_alone),
        scratch_test(what_was_sealed_under_an_overwritten_slot_never_opens_again),
        scratch_test(the_file_grows_and_keeps_what_it_has),
        scratch_test(what_is_no_such_file_is_not_opened),
        scratch_test(a_mark_is_of_source_content_and_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
