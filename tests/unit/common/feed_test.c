/* SPDX-License-Identifier: Apache-2.0 */
/* The leader against scripted followers. */
#include "tests/unit/common/feed_fixture.h"

static const struct journal_position beginning;

static void *follower_of(struct leader *leader, const char *name)
{
    return network_client(&leader->network, name, "identity", leader->port);
}

static void send_request(void *follower, const struct journal_position *from, Quanyu__FeedRequest *request)
{
    uint8_t room[128];
    struct journal_position position = *from;
    request->next = position.next;
    request->chain = (ProtobufCBinaryData){.data = position.chain, .len = JOURNAL_CHAIN_BYTES};
    size_t size = quanyu__feed_request__pack(request, room);
    network_send(follower, 1, &(struct bytes){room, size});
}

static void ask(
    void *follower, const struct journal_position *from, uint32_t credit, uint64_t origin, uint64_t confirmed)
{
    Quanyu__FeedRequest request = QUANYU__FEED_REQUEST__INIT;
    request.max_bytes = credit;
    request.origin = origin;
    request.confirmed = confirmed;
    send_request(follower, from, &request);
}

struct answer {
    Quanyu__FeedReply *reply;
    struct frames frames;
    struct bytes chunks;
};

static struct answer next_answer(void *follower)
{
    struct answer answer = {.frames = network_receive(follower)};
    assert_int_equal(answer.frames.count, 2);
    struct bytes head = frame_bytes(&answer.frames, 0);
    answer.reply = quanyu__feed_reply__unpack(NULL, head.size, head.data);
    assert_non_null(answer.reply);
    answer.chunks = frame_bytes(&answer.frames, 1);
    return answer;
}

static void answer_free(struct answer *answer)
{
    quanyu__feed_reply__free_unpacked(answer->reply, NULL);
    frames_close(&answer->frames);
}

/* Reads the chunks as a follower does; the number of records, which must be dense from `position` on. */
static uint64_t read_chunks(struct bytes chunks, struct journal_position *position)
{
    struct chunk_reader *reader = NULL;
    assert_int_equal(chunk_reader_open(&reader), 0);
    uint64_t count = 0, next = position->next;
    while (chunks.size > 0) {
        uint64_t size;
        assert_true(bytes_varint(&chunks, &size) && size <= chunks.size);
        assert_int_equal(chunk_read(reader, (struct bytes){chunks.data, size}, position), 0);
        chunks.data += size;
        chunks.size -= size;
        struct journal_record record;
        for (; chunk_next(reader, &record); count++) {
            assert_int_equal(record.offset, next + count);
            assert_int_equal(get_be64(record.data.data), next + count);
        }
    }
    chunk_reader_close(&reader);
    return count;
}

static void assert_refused(void *follower, int code)
{
    struct answer answer = next_answer(follower);
    assert_int_equal(answer.reply->code, code);
    assert_int_equal(answer.chunks.size, 0);
    answer_free(&answer);
}

static void test_records_are_served_against_credit(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    leader_write(&leader, 3000, 1000, 77, 1234);
    void *follower = follower_of(&leader, "tagging");
    struct journal_position position = beginning;
    unsigned answers = 0;
    while (position.next < 3000) {
        ask(follower, &position, 300000, 0, 0);
        struct answer answer = next_answer(follower);
        assert_int_equal(answer.reply->code, 0);
        assert_true(answer.chunks.size > 0 && answer.chunks.size < 800000);
        read_chunks(answer.chunks, &position);
        assert_int_equal(answer.reply->next, position.next);
        assert_memory_equal(answer.reply->chain.data, position.chain, JOURNAL_CHAIN_BYTES);
        assert_int_equal(answer.reply->at_end, position.next == 3000);
        assert_int_equal(answer.reply->end, 3000);
        assert_int_equal(answer.reply->origin, 77);
        assert_int_equal(answer.reply->time_ms, 1234);
        answer_free(&answer);
        answers++;
    }
    assert_true(answers > 4);
    socket_close(&follower);
    leader_close(&leader);
}

static void test_request_waits_until_something_is_published(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    void *first = follower_of(&leader, "tagging"), *second = follower_of(&leader, "audit");
    ask(first, &beginning, 100000, 0, 0);
    ask(second, &beginning, 100000, 0, 0);
    struct feed_follower rows[FEED_MAX_FOLLOWERS]; /* so both requests have arrived */
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (feed_followers(leader.feed, rows) < 2)
        assert_true(monotonic_ms() < deadline_ms);
    leader_write(&leader, 5, 100, 5, 50);
    void *followers[] = {first, second};
    for (size_t i = 0; i < 2; i++) {
        struct journal_position position = beginning;
        struct answer answer = next_answer(followers[i]);
        assert_int_equal(read_chunks(answer.chunks, &position), 5);
        assert_true(answer.reply->at_end);
        answer_free(&answer);
        socket_close(&followers[i]);
    }
    leader_close(&leader);
}

static void test_watermark_alone_is_an_answer(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    leader_write(&leader, 1, 100, 10, 50);
    void *follower = follower_of(&leader, "tagging");
    ask(follower, &leader.end, 100000, 9, 1); /* behind in the watermark alone */
    struct answer answer = next_answer(follower);
    assert_int_equal(answer.reply->origin, 10);
    assert_int_equal(answer.chunks.size, 0);
    assert_true(answer.reply->at_end);
    answer_free(&answer);
    ask(follower, &leader.end, 100000, 10, 1);
    leader_write(&leader, 0, 100, 11, 60);
    answer = next_answer(follower);
    assert_int_equal(answer.reply->origin, 11);
    assert_int_equal(answer.reply->time_ms, 60);
    answer_free(&answer);
    socket_close(&follower);
    leader_close(&leader);
}

static void test_waiting_follower_is_kept_alive(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 50);
    void *follower = follower_of(&leader, "tagging");
    int64_t begun = monotonic_ms();
    ask(follower, &beginning, 100000, 0, 0);
    struct answer answer = next_answer(follower);
    assert_true(monotonic_ms() - begun >= 49);
    assert_int_equal(answer.reply->code, 0);
    assert_int_equal(answer.chunks.size, 0);
    assert_int_equal(answer.reply->next, 0);
    answer_free(&answer);
    socket_close(&follower);
    leader_close(&leader);
}

static void test_newer_request_takes_the_place_of_the_older(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    leader_write(&leader, 1, 100, 1, 50);
    void *follower = follower_of(&leader, "tagging");
    for (uint64_t i = 0; i < 100; i++)
        ask(follower, &leader.end, 100000, 1, i);
    ask(follower, &beginning, 100000, 1, 0); /* answered at once, and the others never */
    struct answer answer = next_answer(follower);
    assert_true(answer.chunks.size > 0);
    answer_free(&answer);
    leader_write(&leader, 1, 100, 2, 51);
    ask(follower, &leader.end, 100000, 1, 2);
    answer = next_answer(follower);
    assert_int_equal(answer.reply->next, 2);
    assert_int_equal(answer.chunks.size, 0);
    answer_free(&answer);
    socket_close(&follower);
    leader_close(&leader);
}

static void test_another_history_is_refused(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    leader_write(&leader, 10, 100, 10, 50);
    void *follower = follower_of(&leader, "tagging");
    struct journal_position position = leader.end;
    position.chain[7] ^= 1;
    ask(follower, &position, 100000, 0, 0);
    assert_refused(follower, QY_EDIVERGED);
    position = leader.end;
    position.next = 11;
    ask(follower, &position, 100000, 0, 0);
    assert_refused(follower, QY_EAHEAD);
    ask(follower, &leader.end, 100000, 0, 0);
    struct answer answer = next_answer(follower);
    assert_int_equal(answer.reply->code, 0);
    answer_free(&answer);
    socket_close(&follower);
    leader_close(&leader);
}

/* Word that nothing is there, up to a position. */
static struct bytes take_passed(struct bytes chunks, struct journal_position *position)
{
    uint64_t size;
    assert_true(bytes_varint(&chunks, &size) && size == 0 && chunks.size >= JOURNAL_PASSED_BYTES);
    position->next = get_be64(chunks.data);
    memcpy(position->chain, chunks.data + 8, JOURNAL_CHAIN_BYTES);
    return (struct bytes){chunks.data + JOURNAL_PASSED_BYTES, chunks.size - JOURNAL_PASSED_BYTES};
}

static void test_whoever_begins_anew_may_begin_with_the_oldest(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 0);
    for (int i = 0; i < 40; i++)
        leader_write(&leader, 100, 1000, 0, 5);
    assert_int_equal(journal_trim(leader.journal, 2000, INT64_MAX), 0);
    struct journal_state held;
    journal_state(leader.journal, &held);
    assert_true(held.first > 0);
    void *follower = follower_of(&leader, "tagging");
    struct journal_position at = {0};
    ask(follower, &at, UINT32_MAX, 0, 0);
    assert_refused(follower, QY_ETRIMMED);
    Quanyu__FeedRequest request = QUANYU__FEED_REQUEST__INIT;
    request.max_bytes = UINT32_MAX;
    request.from_oldest = true;
    send_request(follower, &at, &request);
    struct answer answer = next_answer(follower);
    assert_int_equal(answer.reply->code, 0);
    struct bytes chunks = take_passed(answer.chunks, &at);
    assert_int_equal(at.next, held.first);
    assert_int_equal(read_chunks(chunks, &at), held.end.next - held.first);
    assert_int_equal(answer.reply->next, at.next);
    answer_free(&answer);
    at.next = 1; /* who has begun has lost something */
    send_request(follower, &at, &request);
    assert_refused(follower, QY_ETRIMMED);
    socket_close(&follower);
    leader_close(&leader);
}

static void test_only_followers_may_follow(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    void *stranger = follower_of(&leader, "campaign");
    ask(stranger, &beginning, 100000, 0, 0);
    assert_refused(stranger, QY_EDENIED);
    struct feed_follower rows[FEED_MAX_FOLLOWERS];
    assert_int_equal(feed_followers(leader.feed, rows), 0);
    socket_close(&stranger);
    leader_close(&leader);
}

static void test_hostile_frames_get_an_error_and_harm_nothing(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    void *follower = follower_of(&leader, "tagging");
    uint8_t large[5000] = {0};
    static const uint8_t short_chain[] = {0x08, 0x01, 0x12, 0x01, 0x00};
    static const char *const text[] = {"", "\xff\xff\xff", "hello"};
    for (size_t i = 0; i < COUNT_OF(text); i++) {
        network_send(follower, 1, &(struct bytes){(const uint8_t *)text[i], strlen(text[i])});
        assert_refused(follower, QY_EINVAL);
    }
    network_send(follower, 1, &(struct bytes){short_chain, sizeof(short_chain)});
    assert_refused(follower, QY_EINVAL);
    network_send(follower, 1, &(struct bytes){large, sizeof(large)});
    assert_refused(follower, QY_EINVAL);
    network_send(follower, 2, (struct bytes[]){{large, 1}, {large, 1}});
    assert_refused(follower, QY_EINVAL);
    leader_write(&leader, 1, 100, 1, 1);
    ask(follower, &beginning, 0, 0, 0); /* no credit at all: one chunk, so that it gets on */
    struct answer answer = next_answer(follower);
    assert_true(answer.chunks.size > 0);
    answer_free(&answer);
    ask(follower, &beginning, UINT32_MAX, 0, UINT64_MAX);
    answer = next_answer(follower);
    assert_true(answer.chunks.size > 0);
    answer_free(&answer);
    assert_int_equal(feed_follower_position(leader.feed, "tagging"), 0); /* not beyond what it asks for */
    socket_close(&follower);
    leader_close(&leader);
}

static void test_confirmed_positions_are_remembered_by_name(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    leader_write(&leader, 10, 100, 10, 50);
    void *tagging = follower_of(&leader, "tagging"), *audit = follower_of(&leader, "audit");
    assert_int_equal(feed_follower_position(leader.feed, "tagging"), 0);
    ask(tagging, &leader.end, 100000, 0, 7);
    struct answer answer = next_answer(tagging);
    answer_free(&answer);
    ask(audit, &beginning, 100000, 0, 0);
    answer = next_answer(audit);
    answer_free(&answer);
    struct feed_follower rows[FEED_MAX_FOLLOWERS];
    assert_int_equal(feed_followers(leader.feed, rows), 2);
    assert_string_equal(rows[0].name, "tagging");
    assert_int_equal(rows[0].confirmed, 7);
    assert_int_equal(rows[0].asked, 10);
    assert_true(rows[0].age_ms >= 0 && rows[0].age_ms < PATIENCE_MS);
    assert_int_equal(feed_follower_position(leader.feed, "tagging"), 7);
    assert_int_equal(feed_follower_position(leader.feed, "audit"), 0);
    socket_close(&tagging);
    socket_close(&audit);
    leader_close(&leader);
}

static void test_follower_that_vanishes_harms_nobody(void **state)
{
    struct leader leader;
    leader_open(&leader, state, 60000);
    void *gone = follower_of(&leader, "audit"), *follower = follower_of(&leader, "tagging");
    ask(gone, &beginning, 100000, 0, 0);
    struct feed_follower rows[FEED_MAX_FOLLOWERS];
    int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
    while (feed_followers(leader.feed, rows) < 1)
        assert_true(monotonic_ms() < deadline_ms);
    socket_close(&gone);
    leader_write(&leader, 1, 100, 1, 1);
    ask(follower, &beginning, 100000, 0, 0);
    struct answer answer = next_answer(follower);
    assert_true(answer.chunks.size > 0);
    answer_free(&answer);
    socket_close(&follower);
    leader_close(&leader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_records_are_served_against_credit),
        scratch_test(test_request_waits_until_something_is_published),
        scratch_test(test_watermark_alone_is_an_answer),
        scratch_test(test_waiting_follower_is_kept_alive),
        scratch_test(test_newer_request_takes_the_place_of_the_older),
        scratch_test(test_another_history_is_refused),
        scratch_test(test_whoever_begins_anew_may_begin_with_the_oldest),
        scratch_test(test_only_followers_may_follow),
        scratch_test(test_hostile_frames_get_an_error_and_harm_nothing),
        scratch_test(test_confirmed_positions_are_remembered_by_name),
        scratch_test(test_follower_that_vanishes_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
