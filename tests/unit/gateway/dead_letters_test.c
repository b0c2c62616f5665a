/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letters.h"

#include "common/clock.h"
#include "tests/unit/common/scratch.h"

#define KEPT_MS (30 * DAY_MS)

struct list {
    char keys_path[512];
    struct store *store;
    struct store_txn *txn;
    struct dead_letters *letters;
    struct dead_letter_limits limits;
    uint64_t lost;
};

static void begin(struct list *list)
{
    assert_int_equal(store_begin(list->store, STORE_WRITE, &list->txn), 0);
}

static void commit(struct list *list)
{
    assert_int_equal(store_commit(&list->txn), 0);
    assert_int_equal(dead_letters_committed(list->letters), 0);
}

static int open_letters(struct list *list)
{
    begin(list);
    int error = dead_letters_open(list->txn, &list->limits, list->keys_path, &list->letters, &list->lost);
    assert_int_equal(store_commit(&list->txn), 0);
    if (!error)
        assert_int_equal(dead_letters_committed(list->letters), 0);
    return error;
}

static void list_open(void **state, struct list *list)
{
    char path[512];
    *list = (struct list){
        .limits = {.count = 4, .bytes = 4096, .source_count = 3, .source_bytes = 2048, .kept_ms = KEPT_MS}};
    scratch_join(state, &list->keys_path, "keys");
    struct store_options options = {.path = scratch_join(state, &path, "state"),
        .tables = gateway_tables,
        .table_count = GATEWAY_TABLE_COUNT,
        .map_bytes = 1 << 28,
        .schema_version = 1};
    assert_int_equal(store_open(&options, &list->store), 0);
    assert_int_equal(open_letters(list), 0);
}

static void list_close(struct list *list)
{
    dead_letters_close(&list->letters);
    store_close(&list->store);
}

static void reopen(struct list *list)
{
    dead_letters_close(&list->letters);
    assert_int_equal(open_letters(list), 0);
}

/* In a batch that is open; 0: not kept. */
static uint64_t add(
    struct list *list, uint32_t source, int64_t received_ms, const char *text, bool identified)
{
    uint64_t number = 99;
    const struct dead_letter letter = {.reason = "missing_field",
        .source = source,
        .received_ms = received_ms,
        .content = {(const uint8_t *)text, strlen(text)},
        .identified = identified};
    assert_int_equal(dead_letters_add(list->letters, list->txn, &letter, &number), 0);
    return number;
}

static uint64_t add_one(struct list *list, uint32_t source, int64_t received_ms, const char *text)
{
    begin(list);
    uint64_t number = add(list, source, received_ms, text, true);
    commit(list);
    return number;
}

/* Whether it is there, with this text. */
static bool holds(struct list *list, uint64_t number, const char *text)
{
    struct store_txn *txn;
    struct letter_row row;
    _cleanup_(buffer_free) struct buffer content = BUFFER_INIT;
    assert_int_equal(store_begin(list->store, STORE_READ, &txn), 0);
    bool there =
        letter_get(txn, number, &row) && dead_letters_read(list->letters, txn, number, &row, &content) == 0;
    store_abort(&txn);
    return there && content.size == strlen(text) && memcmp(content.data, text, content.size) == 0;
}

static uint64_t count(struct list *list)
{
    struct dead_letter_totals totals;
    dead_letters_totals(list->letters, &totals);
    return totals.count;
}

static void remove_one(struct list *list, uint64_t number)
{
    begin(list);
    assert_true(dead_letters_remove(list->letters, list->txn, number));
    commit(list);
}

static void letters_are_kept_over_a_restart_and_numbered_in_order(void **state)
{
    struct list list;
    list_open(state, &list);
    assert_int_equal(add_one(&list, 1, 1000, "one"), 1);
    assert_int_equal(add_one(&list, 1, 2000, "two"), 2);
    reopen(&list);
    assert_true(holds(&list, 1, "one") && holds(&list, 2, "two"));
    assert_int_equal(count(&list), 2);
    remove_one(&list, 2);
    reopen(&list);
    assert_int_equal(add_one(&list, 1, 3000, "three"), 3); /* a number is never used again */
    list_close(&list);
}

static void what_comes_when_the_list_is_full_is_not_kept(void **state)
{
    struct list list;
    char large[1500];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    list_open(state, &list);
    assert_true(add_one(&list, 1, 1, "a") && add_one(&list, 1, 2, "b") && add_one(&list, 1, 3, "c"));
    assert_int_equal(add_one(&list, 1, 4, "more than its source may have"), 0);
    assert_int_equal(add_one(&list, 2, 5, "another source has room"), 4);
    assert_int_equal(add_one(&list, 3, 6, "more than all may have"), 0);
    remove_one(&list, 1);
    assert_int_equal(add_one(&list, 2, 7, large), 5);
    remove_one(&list, 2);
    large[0] = 'y';
    assert_int_equal(add_one(&list, 2, 8, large), 0); /* more bytes than its source may have */
    list_close(&list);
}

static void the_same_letter_again_is_one(void **state)
{
    struct list list;
    list_open(state, &list);
    assert_int_equal(add_one(&list, 1, 1, "same"), 1);
    assert_int_equal(add_one(&list, 1, 2, "same"), 1);
    assert_int_equal(add_one(&list, 2, 3, "same"), 2);
    begin(&list);
    assert_int_equal(add(&list, 1, 4, "same", false), 3); /* without a message id nothing says that it is */
    commit(&list);
    remove_one(&list, 1);
    assert_int_equal(add_one(&list, 1, 5, "same"), 4);
    list_close(&list);
}

/* What a copy of the state still holds does not open with the keys as they are now. */
static void what_has_gone_does_not_open_any_more(void **state)
{
    struct list list;
    struct letter_row row;
    struct bytes sealed;
    _cleanup_(buffer_free) struct buffer old = BUFFER_INIT, plain = BUFFER_INIT;
    list_open(state, &list);
    uint64_t number = add_one(&list, 1, 1, "to be forgotten");
    struct store_txn *txn;
    assert_int_equal(store_begin(list.store, STORE_READ, &txn), 0);
    assert_true(letter_get(txn, number, &row) && letter_get_content(txn, number, &sealed));
    buffer_append(&old, sealed.data, sealed.size);
    store_abort(&txn);
    remove_one(&list, number);
    dead_letters_wait(list.letters);
    dead_letters_close(&list.letters);
    bool made;
    struct letter_keys *keys;
    assert_int_equal(letter_keys_open(list.keys_path, 4, &keys, &made), 0);
    assert_int_equal(
        letter_keys_open_letter(keys, row.slot, number, (struct bytes){old.data, old.size}, &plain),
        -QY_ECORRUPT);
    letter_keys_close(&keys);
    store_close(&list.store);
}

/* A crash between the commit and the overwriting: the next start makes up for it. */
static void what_a_crash_left_is_overwritten_at_the_next_start(void **state)
{
    struct list list;
    struct letter_row row;
    struct bytes sealed;
    _cleanup_(buffer_free) struct buffer old = BUFFER_INIT, plain = BUFFER_INIT;
    bool made;
    struct letter_keys *keys;
    list_open(state, &list);
    uint64_t number = add_one(&list, 1, 1, "to be forgotten");
    begin(&list);
    assert_true(letter_get(list.txn, number, &row) && letter_get_content(list.txn, number, &sealed));
    buffer_append(&old, sealed.data, sealed.size);
    assert_true(dead_letters_remove(list.letters, list.txn, number));
    assert_int_equal(store_commit(&list.txn), 0);
    assert_int_equal(letter_keys_open(list.keys_path, 4, &keys, &made), 0);
    assert_int_equal(
        letter_keys_open_letter(keys, row.slot, number, (struct bytes){old.data, old.size}, &plain), 0);
    reopen(&list);
    assert_int_equal(
        letter_keys_open_letter(keys, row.slot, number, (struct bytes){old.data, old.size}, &plain),
        -QY_ECORRUPT);
    letter_keys_close(&keys);
    for (int64_t i = 0; i < 3; i++) { /* all slots can be used again */
        char text[16];
        snprintf(text, sizeof(text), "letter %d", (int)i);
        uint64_t next = add_one(&list, 1, i, text);
        assert_true(next > 0 && holds(&list, next, text));
    }
    list_close(&list);
}

static void a_batch_that_is_rolled_back_has_changed_nothing(void **state)
{
    struct list list;
    list_open(state, &list);
    uint64_t number = add_one(&list, 1, 1, "stays");
    begin(&list);
    assert_true(dead_letters_remove(list.letters, list.txn, number));
    assert_true(add(&list, 1, 2, "never was", true) > 0);
    store_abort(&list.txn);
    dead_letters_discard(list.letters);
    dead_letters_wait(list.letters);
    assert_true(holds(&list, number, "stays"));
    assert_int_equal(add_one(&list, 1, 3, "next"), number + 1);
    assert_int_equal(count(&list), 2);
    assert_true(holds(&list, number, "stays") && holds(&list, number + 1, "next"));
    list_close(&list);
}

static void letters_expire_by_the_time_that_is_given(void **state)
{
    struct list list;
    list_open(state, &list);
    assert_int_equal(dead_letters_next_due(list.letters), TIME_NEVER);
    add_one(&list, 1, 1000, "old");
    add_one(&list, 1, 5000, "young");
    assert_int_equal(dead_letters_next_due(list.letters), 1000 + KEPT_MS);
    begin(&list);
    assert_int_equal(dead_letters_expire(list.letters, list.txn, 1000 + KEPT_MS), 0);
    commit(&list);
    assert_false(holds(&list, 1, "old"));
    assert_true(holds(&list, 2, "young"));
    assert_int_equal(dead_letters_next_due(list.letters), 5000 + KEPT_MS);
    begin(&list);
    assert_int_equal(dead_letters_expire(list.letters, list.txn, TIME_MOST_MS), 0);
    commit(&list);
    assert_int_equal(count(&list), 0);
    assert_int_equal(dead_letters_next_due(list.letters), TIME_NEVER);
    list_close(&list);
}

static uint64_t add_named(struct list *list, const char *text, uint8_t name)
{
    uint64_t number = 99;
    struct dead_letter letter = {.reason = "missing_field",
        .source = 1,
        .received_ms = 1,
        .content = {(const uint8_t *)text, strlen(text)},
        .identified = true,
        .message = {1, 2, 3, 4, 5, 6, 7, 8, name}};
    begin(list);
    assert_int_equal(dead_letters_add(list->letters, list->txn, &letter, &number), 0);
    commit(list);
    return number;
}

static void what_is_accepted_under_a_message_id_takes_its_letters_away(void **state)
{
    struct list list;
    list_open(state, &list);
    add_named(&list, "one", 1);
    add_named(&list, "two", 1);
    add_named(&list, "three", 2); /* of the same tag, and another one */
    add_one(&list, 2, 1, "without");
    reopen(&list);
    begin(&list);
    dead_letters_supersede(list.letters, list.txn, (const uint8_t[16]){1, 2, 3, 4, 5, 6, 7, 8, 1}, NULL);
    dead_letters_supersede(list.letters, list.txn, (const uint8_t[16]){9}, NULL);
    commit(&list);
    assert_false(holds(&list, 1, "one") || holds(&list, 2, "two"));
    assert_true(holds(&list, 3, "three") && holds(&list, 4, "without"));
    list_close(&list);
}

static void what_is_spared_stays_whatever_is_accepted_under_its_message_id(void **state)
{
    struct list list;
    list_open(state, &list);
    add_named(&list, "one", 1);
    add_named(&list, "two", 1);
    add_named(&list, "three", 1);
    uint64_t numbers[] = {77, 3, 1};
    const struct letter_set spared = letter_set_of(numbers, 3);
    begin(&list);
    dead_letters_supersede(list.letters, list.txn, (const uint8_t[16]){1, 2, 3, 4, 5, 6, 7, 8, 1}, &spared);
    commit(&list);
    assert_false(holds(&list, 2, "two"));
    assert_true(holds(&list, 1, "one") && holds(&list, 3, "three"));
    list_close(&list);
}

static void what_was_tried_in_vain_has_its_new_reason(void **state)
{
    struct list list;
    struct letter_row row;
    list_open(state, &list);
    uint64_t number = add_one(&list, 1, 1, "first");
    begin(&list);
    assert_int_equal(dead_letters_retry(list.letters, list.txn, number, "wrong_type",
                         (struct bytes){(const uint8_t *)"second", 6}),
        0);
    assert_true(letter_get(list.txn, number, &row));
    commit(&list);
    assert_string_equal(row.reason, "wrong_type");
    assert_int_equal(row.attempts, 1);
    assert_true(holds(&list, number, "second"));
    assert_int_equal(add_one(&list, 1, 2, "first"), number); /* it is still known again */
    list_close(&list);
}

static void letters_whose_keys_are_gone_are_let_go_and_those_of_another_file_are_not(void **state)
{
    struct list list;
    char aside[600];
    list_open(state, &list);
    add_one(&list, 1, 1, "one");
    dead_letters_close(&list.letters);
    snprintf(aside, sizeof(aside), "%s.aside", list.keys_path);
    assert_int_equal(rename(list.keys_path, aside), 0);
    begin(&list); /* a batch that is not committed: what it let go is still there */
    assert_int_equal(dead_letters_open(list.txn, &list.limits, list.keys_path, &list.letters, &list.lost), 0);
    assert_int_equal(list.lost, 1);
    store_abort(&list.txn);
    dead_letters_close(&list.letters);
    assert_int_equal(open_letters(&list), -QY_ECONFLICT);
    assert_int_equal(rename(aside, list.keys_path), 0);
    assert_int_equal(open_letters(&list), 0);
    assert_true(holds(&list, 1, "one"));
    dead_letters_close(&list.letters);
    assert_int_equal(remove(list.keys_path), 0);
    assert_int_equal(open_letters(&list), 0);
    assert_int_equal(list.lost, 1);
    assert_int_equal(count(&list), 0);
    assert_int_equal(add_one(&list, 1, 2, "two"), 2);
    reopen(&list);
    assert_true(holds(&list, 2, "two"));
    list_close(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(letters_are_kept_over_a_restart_and_numbered_in_order),
        scratch_test(what_comes_when_the_list_is_full_is_not_kept),
        scratch_test(the_same_letter_again_is_one),
        scratch_test(what_has_gone_does_not_open_any_more),
        scratch_test(what_a_crash_left_is_overwritten_at_the_next_start),
        scratch_test(a_batch_that_is_rolled_back_has_changed_nothing),
        scratch_test(letters_expire_by_the_time_that_is_given),
        scratch_test(what_is_accepted_under_a_message_id_takes_its_letters_away),
        scratch_test(what_is_spared_stays_whatever_is_accepted_under_its_message_id),
        scratch_test(what_was_tried_in_vain_has_its_new_reason),
        scratch_test(letters_whose_keys_are_gone_are_let_go_and_those_of_another_file_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
