/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint64_t first(const struct letter_messages *messages, uint64_t tag)
{
    size_t cursor = 0;
    return letter_messages_next(messages, tag, &cursor);
}

static void letters_are_found_by_their_tag(void **state)
{
    (void)state;
    struct letter_messages messages = {0};
    assert_int_equal(first(&messages, 7), 0);
    letter_messages_remove(&messages, 7, 1);
    for (uint64_t i = 1; i <= 5000; i++)
        assert_true(letter_messages_add(&messages, i * 1000003, i));
    for (uint64_t i = 1; i <= 5000; i++)
        assert_int_equal(first(&messages, i * 1000003), i);
    assert_int_equal(first(&messages, 1), 0);
    letter_messages_clear(&messages);
    assert_int_equal(first(&messages, 1000003), 0);
    letter_messages_free(&messages);
}

static void all_letters_of_one_tag_are_found(void **state)
{
    (void)state;
    struct letter_messages messages = {0};
    uint64_t seen = 0;
    for (uint64_t i = 1; i <= 5; i++)
        assert_true(letter_messages_add(&messages, 7, i));
    letter_messages_remove(&messages, 7, 2);
    letter_messages_remove(&messages, 7, 9);
    size_t cursor = 0;
    for (uint64_t number; (number = letter_messages_next(&messages, 7, &cursor));)
        seen |= UINT64_C(1) << number;
    assert_int_equal(seen, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5);
    letter_messages_free(&messages);
}

/* What has gone gives its room back. */
static void memory_stays_in_proportion(void **state)
{
    (void)state;
    struct letter_messages messages = {0};
    for (uint64_t i = 1; i <= 100000; i++) {
        assert_true(letter_messages_add(&messages, i * 2654435761u, i));
        if (i > 10)
            letter_messages_remove(&messages, (i - 10) * 2654435761u, i - 10);
    }
    assert_true(messages.capacity <= 1024);
    assert_int_equal(first(&messages, 100000 * UINT64_C(2654435761)), 100000);
    letter_messages_free(&messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_found_by_their_tag),
        cmocka_unit_test(all_letters_of_one_tag_are_found),
        cmocka_unit_test(memory_stays_in_proportion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
