/* SPDX-License-Identifier: Apache-2.0 */
/* At most once: the outbox dies at every border between its states, and is started again. */
#include "tests/unit/campaign/fixture.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFINITION                                                                                           \
    "{\"name\":\"n\",\"entry\":{\"segment\":\"s_1\"},\"steps\":[{\"id\":\"s\",\"type\":\"send\","            \
    "\"channel\":\"webhook\","                                                                               \
    "\"url\":\"http://127.0.0.1:9/\",\"secret\":\"k\",\"content\":{}},"                                      \
    "{\"id\":\"t\",\"type\":\"send\",\"channel\":\"webhook\",\"url\":\"http://127.0.0.1:9/"                  \
    "\",\"secret\":\"k\","                                                                                   \
    "\"content\":{}}]}"
#define DIED 9

/* -- states -- */

static void settle_one(struct fixture *f, enum outcome_kind kind, int64_t retry_after_ms)
{
    struct job *job = fixture_claim(f, 1);
    assert_non_null(job);
    const struct outcome outcome = {.kind = kind, .retry_after_ms = retry_after_ms, .reason = "test"};
    fixture_settle(f, job, &outcome);
    job_free(&job);
}

static void each_outcome_has_its_state_and_count(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        enum outcome_kind kind;
        enum count count;
    } cases[] = {
        {"delivered", OUTCOME_DELIVERED, COUNT_DELIVERED},
        {"failed", OUTCOME_FAILED, COUNT_FAILED},
        {"unknown", OUTCOME_UNKNOWN, COUNT_UNKNOWN},
        {"skipped", OUTCOME_SKIPPED, COUNT_SKIPPED},
    };
    fixture_journey(f, DEFINITION);
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
        char line[64];
        fixture_member(f, "j_1:1", 10 + i, true, false);
        settle_one(f, cases[i].kind, 0);
        snprintf(line, sizeof(line), "\"person\":\"p:%u\"", 10 + i);
        expect_line(f, line);
        snprintf(line, sizeof(line), "\"state\":\"%s\"", cases[i].name);
        expect_line(f, line);
        assert_int_equal(fixture_counts(f, 1, "s").value[cases[i].count], 1);
        fixture_send_all(f, OUTCOME_DELIVERED);
    }
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
}

static void a_refused_send_comes_again_later_and_later(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, DEFINITION);
    fixture_member(f, "j_1:1", 4, true, false);
    settle_one(f, OUTCOME_RETRY, 0);
    assert_int_equal(campaign_fold.pending(&f->campaign), 1); /* t */
    fixture_send_all(f, OUTCOME_DELIVERED);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    int64_t pause = campaign_fold.next_due(&f->campaign) - f->now_ms, before = 0;
    unsigned attempts = 1;
    for (; pause < DAY_MS; attempts++) {
        assert_true(pause >= before);
        before = pause;
        fixture_pass(f, pause - 1);
        assert_int_equal(campaign_fold.pending(&f->campaign), 0);
        fixture_pass(f, 1);
        assert_int_equal(campaign_fold.pending(&f->campaign), 1);
        settle_one(f, OUTCOME_RETRY, 0);
        if (campaign_fold.next_due(&f->campaign) == TIME_NEVER)
            break;
        pause = campaign_fold.next_due(&f->campaign) - f->now_ms;
    }
    assert_int_equal(attempts + 1, OUTBOX_ATTEMPTS_MAX);
    expect_line(f, "\"step\":\"s\",\"entry\":1,\"channel\":\"webhook\",\"state\":\"failed\"");
}

static void what_the_receiver_asks_for_is_waited(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, DEFINITION);
    fixture_member(f, "j_1:1", 4, true, false);
    settle_one(f, OUTCOME_RETRY, 7 * HOUR_MS);
    assert_int_equal(campaign_fold.next_due(&f->campaign), f->now_ms + 7 * HOUR_MS);
}

static void what_was_not_tried_is_no_attempt(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, DEFINITION);
    fixture_member(f, "j_1:1", 4, true, false);
    settle_one(f, OUTCOME_RETURNED, 0);
    for (unsigned i = 0; i < OUTBOX_ATTEMPTS_MAX * 2; i++) {
        settle_one(f, OUTCOME_DEFERRED, 0); /* first s, then t, then s … */
        if (campaign_fold.pending(&f->campaign) == 0)
            fixture_pass(f, campaign_fold.next_due(&f->campaign) - f->now_ms);
    }
    expect_no_line(f, "\"state\":\"failed\"");
    fixture_pass(f, HOUR_MS);
    struct job *job = fixture_claim(f, 1);
    assert_int_equal(job->attempt, 1);
    job_free(&job);
}

static void an_outcome_counts_once(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, DEFINITION);
    fixture_member(f, "j_1:1", 4, true, false);
    struct job *job = fixture_claim(f, 1);
    const struct outcome retry = {.kind = OUTCOME_RETRY}, delivered = {.kind = OUTCOME_DELIVERED};
    fixture_settle(f, job, &retry);
    fixture_settle(f, job, &delivered); /* of an attempt that is over */
    expect_no_line(f, "delivered\"}");
    job_free(&job);
}

static void a_claim_takes_no_more_than_asked(void **state)
{
    struct fixture *f = *state;
    fixture_journey(f, DEFINITION);
    for (uint32_t person = 1; person <= 5; person++)
        fixture_member(f, "j_1:1", person, true, false);
    struct job *jobs = fixture_claim(f, 3);
    unsigned count = 0;
    while (jobs) {
        struct job *job = jobs;
        jobs = job->next;
        job_free(&job);
        count++;
    }
    assert_int_equal(count, 3);
    assert_int_equal(campaign_fold.pending(&f->campaign), 10);
}

static void delivery_ids_are_constant_and_different(void **state)
{
    (void)state;
    char ids[4][DELIVERY_ID_BYTES];
    struct delivery delivery = {.journey = 1, .node = 2, .entry = 3, .step = "s", .number = 9, .run = 4};
    delivery_id(&delivery, ids[0]);
    delivery.number = 10;
    delivery.run = 5;
    assert_string_equal(delivery_id(&delivery, ids[1]), ids[0]);
    delivery.entry = 4;
    assert_string_not_equal(delivery_id(&delivery, ids[1]), ids[0]);
    delivery.entry = 3;
    delivery.step[0] = 't';
    assert_string_not_equal(delivery_id(&delivery, ids[2]), ids[0]);
    delivery.step[0] = 's';
    delivery.node = 3;
    assert_string_not_equal(delivery_id(&delivery, ids[3]), ids[0]);
}

/* -- dying -- */

/* The child dies when it comes to its `death`th border. */
static int death, border;

static void here(void)
{
    if (++border == death)
        _exit(DIED);
}

/* What the receiver gets: one line each time bytes reach it. */
static void receive(const struct fixture *f, const struct job *job)
{
    char path[128], line[64];
    snprintf(path, sizeof(path), "%s/received", f->directory);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int size = snprintf(line, sizeof(line), "%s\n", job->id);
    if (file < 0 || write(file, line, (size_t)size) != size)
        _exit(1);
    close(file);
}

static struct job *claim_with_borders(struct fixture *f)
{
    struct job *jobs = NULL;
    fixture_begin(f);
    campaign_refresh(&f->campaign, f->batch.txn);
    outbox_claim(&f->campaign, &f->batch, 1, &jobs);
    here(); /* written, not committed */
    fixture_commit(f);
    here(); /* SENDING is durable, no byte has left */
    return jobs;
}

static void settle_with_borders(struct fixture *f, const struct job *job)
{
    const struct outcome outcome = {.kind = OUTCOME_DELIVERED};
    fixture_begin(f);
    campaign_refresh(&f->campaign, f->batch.txn);
    outbox_settle(&f->campaign, &f->batch, job->number, job->attempt, &outcome);
    here(); /* the outcome is written, not committed */
    fixture_commit(f);
    here(); /* the outcome is durable */
}

static void live(struct fixture *f)
{
    fixture_start(f);
    here();
    struct job *job = claim_with_borders(f);
    while (job) {
        receive(f, job);
        here(); /* the receiver has it, nobody here knows */
        settle_with_borders(f, job);
        job_free(&job);
        job = claim_with_borders(f);
    }
    fixture_end(f);
}

/* True when the child came to its end, false when it died where it should. */
static bool run_child(struct fixture *f, int at)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        death = at;
        live(f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DIED);
    return WEXITSTATUS(status) == 0;
}

/* Nothing arrived twice; what arrived is delivered or unknown, what is delivered arrived; nothing is left
 * over. */
static void expect_at_most_once(struct fixture *f, unsigned deaths)
{
    char path[128], line[64], seen[8][64];
    unsigned received = 0;
    snprintf(path, sizeof(path), "%s/received", f->directory);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        for (unsigned i = 0; i < received; i++)
            assert_string_not_equal(line, seen[i]);
        assert_true(received < COUNT_OF(seen));
        snprintf(seen[received++], sizeof(seen[0]), "%s", line);
    }
    if (file)
        fclose(file);
    fixture_start(f);
    uint64_t delivered = 0, unknown = 0;
    for (const char *step = "s"; step; step = *step == 's' ? "t" : NULL) {
        struct counts counts = fixture_counts(f, 1, step);
        delivered += counts.value[COUNT_DELIVERED];
        unknown += counts.value[COUNT_UNKNOWN];
    }
    assert_int_equal(delivered + unknown, 2);
    assert_true(delivered <= received);
    assert_true(received <= 2);
    assert_true(unknown <= deaths);
    assert_int_equal(campaign_fold.pending(&f->campaign), 0);
    fixture_end(f);
}

static void fill(struct fixture *f)
{
    fixture_make(f);
    fixture_start(f);
    fixture_journey(f, DEFINITION);
    fixture_member(f, "j_1:1", 4, true, false);
    fixture_end(f);
}

static void nothing_is_sent_twice_however_often_it_dies(void **state)
{
    (void)state;
    bool ended = false;
    for (int first = 1; !ended; first++) {
        bool second_ended = false;
        for (int second = 1; !second_ended; second++) {
            struct fixture f;
            fill(&f);
            ended = run_child(&f, first);
            second_ended = ended || run_child(&f, second);
            assert_true(run_child(&f, 0));
            expect_at_most_once(&f, (ended ? 0u : 1u) + (second_ended ? 0u : 1u));
            fixture_remove(&f);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_outcome_has_its_state_and_count),
        TEST(a_refused_send_comes_again_later_and_later),
        TEST(what_the_receiver_asks_for_is_waited),
        TEST(what_was_not_tried_is_no_attempt),
        TEST(an_outcome_counts_once),
        TEST(a_claim_takes_no_more_than_asked),
        cmocka_unit_test(delivery_ids_are_constant_and_different),
        cmocka_unit_test(nothing_is_sent_twice_however_often_it_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
