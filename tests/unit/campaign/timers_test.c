/* SPDX-License-Identifier: Apache-2.0 */
/* Many timers of one time: in one batch or in many, what comes of them is the same. */
#include "tests/unit/campaign/fixture.h"

#define MEMBERS 23u
#define HOOK(id)                                                                                             \
    "{\"id\":\"" id                                                                                          \
    "\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/\",\"secret\":\"k\","         \
    "\"content\":{\"p\":\"{{one_id}}\"}}"
#define WAIT(id, length) "{\"id\":\"" id "\",\"type\":\"wait\",\"for\":\"" length "\"}"

/* What the journal holds, but for the ids that are made by chance. */
static void show_journal(struct fixture *f, struct buffer *out)
{
    _cleanup_(buffer_free) struct buffer data = BUFFER_INIT;
    for (uint64_t offset = 0; offset < journal_next(f->journal); offset++) {
        struct journal_record record;
        buffer_clear(&data);
        assert_int_equal(journal_get(f->journal, offset, &data, &record), 0);
        buffer_printf(out, "%u@%lld\n", record.record_class, (long long)record.time_ms);
    }
}

static void live(struct fixture *f, uint32_t timers_max, bool restarts, struct buffer *out)
{
    fixture_make(f);
    fixture_start(f);
    fixture_journey(f, "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[" WAIT("w", "1h") "," HOOK(
                           "s") "," WAIT("x", "2h") "," HOOK("t") "]}");
    f->timers_max = timers_max;
    f->restarts = restarts;
    for (uint32_t person = 1; person <= MEMBERS; person++)
        fixture_member(f, "j_1:1", person, true, false);
    fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_send_all(f, OUTCOME_RETRY), MEMBERS); /* they are tried again, all at once */
    fixture_pass(f, HOUR_MS);
    fixture_send_all(f, OUTCOME_DELIVERED);
    fixture_pass(f, 5 * HOUR_MS);
    fixture_dump(f, out);
    show_journal(f, out);
    fixture_end(f);
    fixture_remove(f);
}

static void a_batch_of_few_timers_changes_nothing(void **state)
{
    (void)state;
    static const uint32_t most[] = {1, 5, MEMBERS, 1000};
    struct fixture f;
    _cleanup_(buffer_free) struct buffer whole = BUFFER_INIT;
    live(&f, 0, false, &whole);
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
        for (int restarts = 0; restarts <= 1; restarts++) {
            _cleanup_(buffer_free) struct buffer parts = BUFFER_INIT;
            live(&f, most[i], restarts, &parts);
            assert_string_equal(buffer_c_str(&parts), buffer_c_str(&whole));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_of_few_timers_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
