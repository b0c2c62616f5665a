/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_parse.h"

#include "common/clock.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECEIVED INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static struct parsed parsed;
static struct ingest_refusal refusal;
static size_t letter_bytes = 65536;
static bool browser;

static bool parse(enum ingest_call call, const char *text)
{
    const struct bytes body = {(const uint8_t *)text, strlen(text)};
    struct ingest_origin origin = {.call = call,
        .source = 1,
        .received_ms = RECEIVED,
        .may_hold_nul = json_may_hold_nul(body),
        .browser = browser};
    struct ingest_limits limits = {.event_bytes = 32768,
        .batch_events = 3,
        .letter_bytes = letter_bytes,
        .future_ms = DAY_MS,
        .past_ms = 365 * DAY_MS};
    parsed_free(&parsed);
    refusal = (struct ingest_refusal){0};
    yyjson_doc *doc = yyjson_read(text, strlen(text), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    bool taken = ingest_parse(yyjson_doc_get_root(doc), &origin, &limits, &parsed, &refusal);
    yyjson_doc_free(doc);
    return taken;
}

static Quanyu__RawEvent *event(size_t i)
{
    assert_true(i < parsed.event_count);
    Quanyu__RawEvent *raw =
        quanyu__raw_event__unpack(NULL, parsed.events[i].size, parsed.packed.data + parsed.events[i].at);
    assert_non_null(raw);
    return raw;
}

static bool memory_is_out;

/* In the place of the library's, for the whole program. */
char *yyjson_val_write_opts(const yyjson_val *value, yyjson_write_flag flags, const yyjson_alc *memory,
    size_t *size, yyjson_write_err *error)
{
    char *(*write)(const yyjson_val *, yyjson_write_flag, const yyjson_alc *, size_t *, yyjson_write_err *);
    void *found = dlsym(RTLD_NEXT, "yyjson_val_write_opts");
    memcpy(&write, &found, sizeof(write));
    return memory_is_out ? NULL : write(value, flags, memory, size, error);
}

static const char *errors(void)
{
    return buffer_c_str(&parsed.errors);
}

static void each_call_type_is_taken_from_pages_and_others(void **state)
{
    (void)state;
    static const struct {
        enum ingest_call call;
        const char *text;
    } calls[] = {
        {CALL_TRACK, "{\"event\":\"Order Completed\",\"userId\":\"u1\",\"messageId\":\"m\"}"},
        {CALL_IDENTIFY, "{\"anonymousId\":\"a\",\"traits\":{\"city\":\"x\"}}"},
        {CALL_PAGE, "{\"userId\":\"u1\",\"name\":\"Home\"}"},
        {CALL_SCREEN, "{\"userId\":\"u1\"}"},
        {CALL_GROUP, "{\"userId\":\"u1\",\"groupId\":\"g\"}"},
        {CALL_ALIAS, "{\"userId\":\"u1\",\"previousId\":\"a\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        browser = i % 2;
        assert_true(parse(calls[i].call, calls[i].text));
        assert_int_equal(parsed.error_count, 0);
        Quanyu__RawEvent *raw = event(0);
        assert_int_equal(raw->type, calls[i].call);
        assert_int_equal(raw->received_ms, RECEIVED);
        assert_int_equal(raw->event_ms, RECEIVED);
        assert_true(raw->message_id[0] != 0 && raw->browser == browser);
        quanyu__raw_event__free_unpacked(raw, NULL);
    }
    browser = false;
}

static void valid_events_are_taken_and_the_others_reported_with_index_and_reason(void **state)
{
    (void)state;
    assert_true(
        parse(CALL_BATCH, "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\"},"
                          "{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\"},{\"type\":\"nonsense\"}]}"));
    assert_int_equal(parsed.event_count, 1);
    assert_int_equal(parsed.error_count, 2);
    assert_non_null(strstr(errors(), "\"index\":0,\"reason\":\"missing_field\",\"field\":\"event\""));
    assert_non_null(strstr(errors(), "\"index\":2,\"reason\":\"unknown_type\",\"field\":\"type\""));
}

static void refusals_name_the_field(void **state)
{
    (void)state;
    static const struct {
        enum ingest_call call;
        const char *text, *reason;
    } cases[] = {
        {CALL_TRACK, "{\"event\":\"A\"}", "\"reason\":\"no_user_anon_id\",\"field\":\"userId\""},
        {CALL_TRACK, "{\"event\":7,\"userId\":\"u\"}", "\"reason\":\"wrong_type\",\"field\":\"event\""},
        {CALL_TRACK, "{\"event\":\"\",\"userId\":\"u\"}", "\"reason\":\"missing_field\",\"field\":\"event\""},
        {CALL_TRACK, "{\"event\":\"A\",\"userId\":{}}", "\"reason\":\"wrong_type\",\"field\":\"userId\""},
        {CALL_TRACK, "{\"event\":\"A\",\"userId\":\"u\",\"properties\":[]}",
            "\"reason\":\"wrong_type\",\"field\":\"properties\""},
        {CALL_TRACK, "{\"event\":\"A\",\"userId\":\"u\",\"timestamp\":\"yesterday\"}",
            "\"reason\":\"invalid_time\",\"field\":\"timestamp\""},
        {CALL_TRACK, "{\"event\":\"A\",\"userId\":\"u\",\"messageId\":5}",
            "\"reason\":\"wrong_type\",\"field\":\"messageId\""},
        {CALL_GROUP, "{\"userId\":\"u\"}", "\"reason\":\"missing_field\",\"field\":\"groupId\""},
        {CALL_ALIAS, "{\"userId\":\"u\"}", "\"reason\":\"missing_field\",\"field\":\"previousId\""},
        {CALL_BATCH, "{\"batch\":[5]}", "\"reason\":\"wrong_type\",\"field\":\"\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(parse(cases[i].call, cases[i].text));
        assert_int_equal(parsed.event_count, 0);
        if (!strstr(errors(), cases[i].reason))
            fail_msg("%s: %s", cases[i].text, errors());
    }
}

static void whole_calls_are_refused_with_a_status(void **state)
{
    (void)state;
    assert_false(parse(CALL_BATCH, "[]"));
    assert_int_equal(refusal.status, 400);
    assert_false(parse(CALL_BATCH, "{\"batch\":{}}"));
    assert_string_equal(refusal.field, "batch");
    assert_false(parse(CALL_BATCH, "{\"batch\":[]}"));
    assert_false(parse(CALL_BATCH, "{\"batch\":[1,2,3,4]}"));
    assert_int_equal(refusal.status, 413);
}

/* A batch goes on without it, a single call has nothing else to say. */
static void what_is_nested_too_deeply_is_refused_with_the_place(void **state)
{
    (void)state;
    char deep[256] = "", text[1024];
    memset(deep, '[', 70);
    memset(deep + 70, ']', 70);
    snprintf(text, sizeof(text),
        "{\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\",\"properties\":{\"a\":%s}},"
        "{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\"}]}",
        deep);
    assert_true(parse(CALL_BATCH, text));
    assert_int_equal(parsed.event_count, 1);
    assert_non_null(strstr(errors(), "\"index\":0,\"reason\":\"too_deep\",\"field\":\"/properties/a/0/0/"));
    assert_non_null(strstr(errors(), "is nested deeper than 64 levels"));
    snprintf(text, sizeof(text),
        "{\"context\":{\"x\":%s},\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\"}]}", deep);
    assert_false(parse(CALL_BATCH, text));
    assert_int_equal(refusal.status, 400);
    assert_memory_equal(refusal.field, "/context/x/0/0/", 15);
}

static void an_event_that_is_too_large_is_refused_as_such(void **state)
{
    (void)state;
    static char filler[33000], text[34000];
    memset(filler, 'x', sizeof(filler) - 1);
    snprintf(text, sizeof(text), "{\"userId\":\"u\",\"properties\":{\"p\":\"%s\"}}", filler);
    assert_true(parse(CALL_PAGE, text));
    assert_true(parsed.oversize && parsed.event_count == 0);
    assert_non_null(strstr(errors(), "\"reason\":\"too_large\""));
    snprintf(text, sizeof(text),
        "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"p\":\"%s\"}}]}", filler);
    assert_true(parse(CALL_BATCH, text));
    assert_non_null(strstr(errors(), "\"reason\":\"too_large\""));
    assert_false(parsed.oversize);
}

static Quanyu__DeadLetter *letter(size_t i)
{
    assert_true(i < parsed.error_count && parsed.refused[i].size > 0);
    Quanyu__DeadLetter *read =
        quanyu__dead_letter__unpack(NULL, parsed.refused[i].size, parsed.letters.data + parsed.refused[i].at);
    assert_non_null(read);
    return read;
}

static void assert_data(ProtobufCBinaryData data, const char *text)
{
    assert_int_equal(data.len, strlen(text));
    assert_memory_equal(data.data, text, data.len);
}

static void what_is_refused_is_packed_so_that_it_can_be_tried_again(void **state)
{
    (void)state;
    assert_true(
        parse(CALL_BATCH, "{\"sentAt\":\"2026-01-01T00:00:00Z\",\"context\":{\"ip\":\"1\"},\"batch\":["
                          "{\"type\":\"page\",\"messageId\":\"m\",\"context\":{\"a\":1}},{\"type\":\"page\","
                          "\"userId\":\"u\"},5]}"));
    assert_int_equal(parsed.event_count, 1);
    assert_int_equal(parsed.error_count, 2);
    Quanyu__DeadLetter *read = letter(0);
    assert_true(read->call == CALL_BATCH && read->from == QUANYU__DEAD_LETTER__FROM__ELSEWHERE);
    assert_string_equal(parsed.refused[0].reason, "no_user_anon_id");
    assert_true(parsed.refused[0].identified && !parsed.refused[1].identified);
    assert_data(read->field, "userId");
    assert_data(read->message_id, "m");
    assert_data(read->sent_at, "\"2026-01-01T00:00:00Z\"");
    assert_data(read->event, "{\"type\":\"page\",\"messageId\":\"m\",\"context\":{\"a\":1,\"ip\":\"1\"}}");
    quanyu__dead_letter__free_unpacked(read, NULL);
    read = letter(1);
    assert_data(read->event, "5");
    quanyu__dead_letter__free_unpacked(read, NULL);
}

/* Its own context, which is wrong, is what has to be seen. */
static void what_is_wrong_stays_although_the_batch_has_the_same(void **state)
{
    (void)state;
    assert_true(parse(CALL_BATCH,
        "{\"context\":{\"a\":1},\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":7}]}"));
    Quanyu__DeadLetter *read = letter(0);
    assert_data(read->event, "{\"type\":\"page\",\"userId\":\"u\",\"context\":7}");
    quanyu__dead_letter__free_unpacked(read, NULL);
}

static void of_what_is_refused_the_place_behind_it_in_the_answer_is_known(void **state)
{
    (void)state;
    assert_true(parse(CALL_BATCH, "{\"batch\":[1,2,3]}"));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(parsed.errors.data[parsed.refused[i].answer_at], '}');
        assert_int_equal(parsed.errors.data[parsed.refused[i].answer_at - 1], '"');
    }
    assert_int_equal(parsed.refused[2].answer_at, parsed.errors.size - 1);
}

static void of_the_refused_only_what_is_too_large_is_not_packed(void **state)
{
    (void)state;
    letter_bytes = 20;
    assert_true(parse(CALL_BATCH, "{\"batch\":[{\"a\":1},{\"a\":\"longer than twenty bytes\"},{\"a\":2}]}"));
    assert_int_equal(parsed.error_count, 3);
    assert_true(parsed.refused[0].size > 0 && parsed.refused[1].size == 0 && parsed.refused[2].size > 0);
    letter_bytes = 0;
    assert_true(parse(CALL_BATCH, "{\"batch\":[1]}"));
    assert_int_equal(parsed.letters.size, 0);
    letter_bytes = 65536;
}

static void clocks_that_cannot_be_right_are_flagged(void **state)
{
    (void)state;
    static const struct {
        const char *time;
        Quanyu__Clock live, history;
    } cases[] = {
        {"2026-01-01T23:59:59Z", QUANYU__CLOCK__CLOCK_PLAUSIBLE, QUANYU__CLOCK__CLOCK_PLAUSIBLE},
        {"2026-01-02T00:00:00.001Z", QUANYU__CLOCK__CLOCK_FUTURE, QUANYU__CLOCK__CLOCK_FUTURE},
        {"9999-12-31T23:59:59Z", QUANYU__CLOCK__CLOCK_FUTURE, QUANYU__CLOCK__CLOCK_FUTURE},
        {"2025-01-01T00:00:00Z", QUANYU__CLOCK__CLOCK_PLAUSIBLE, QUANYU__CLOCK__CLOCK_PLAUSIBLE},
        {"2024-12-31T23:59:59Z", QUANYU__CLOCK__CLOCK_PAST, QUANYU__CLOCK__CLOCK_PLAUSIBLE},
        {"1970-01-01T00:00:00Z", QUANYU__CLOCK__CLOCK_PAST, QUANYU__CLOCK__CLOCK_PLAUSIBLE},
        {"0001-01-01T00:00:00Z", QUANYU__CLOCK__CLOCK_PAST, QUANYU__CLOCK__CLOCK_PLAUSIBLE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[160];
        snprintf(text, sizeof(text),
            "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"%s\"}]}", cases[i].time);
        assert_true(parse(CALL_BATCH, text));
        Quanyu__RawEvent *raw = event(0);
        assert_int_equal(raw->clock, cases[i].live);
        quanyu__raw_event__free_unpacked(raw, NULL);
        assert_true(parse(CALL_IMPORT, text));
        raw = event(0);
        assert_int_equal(raw->clock, cases[i].history);
        quanyu__raw_event__free_unpacked(raw, NULL);
    }
}

/* Two stated times may be ten thousand years apart. */
static void corrected_times_stay_within_the_calendar(void **state)
{
    (void)state;
    assert_true(parse(CALL_PAGE, "{\"userId\":\"u\",\"originalTimestamp\":\"0001-01-01T00:00:00Z\","
                                 "\"sentAt\":\"9999-12-31T00:00:00Z\"}"));
    Quanyu__RawEvent *raw = event(0);
    assert_int_equal(raw->event_ms, TIME_LEAST_MS);
    quanyu__raw_event__free_unpacked(raw, NULL);
    assert_true(parse(CALL_PAGE, "{\"userId\":\"u\",\"originalTimestamp\":\"9999-12-31T00:00:00Z\","
                                 "\"sentAt\":\"0001-01-01T00:00:00Z\"}"));
    raw = event(0);
    assert_int_equal(raw->event_ms, TIME_MOST_MS);
    quanyu__raw_event__free_unpacked(raw, NULL);
}

/* Not the event's fault: a client that is told 400 drops it, one that is told 503 sends it again. */
static void memory_that_is_out_refuses_the_call_and_not_the_event(void **state)
{
    (void)state;
    memory_is_out = true;
    bool single = parse(CALL_PAGE, "{\"userId\":\"u\"}");
    int single_status = refusal.status;
    bool batch = parse(CALL_BATCH, "{\"batch\":[{\"type\":\"page\"},{\"type\":\"page\",\"userId\":\"u\"}]}");
    memory_is_out = false;
    assert_false(single || batch);
    assert_int_equal(single_status, 503);
    assert_int_equal(refusal.status, 503);
}

static void a_nul_is_refused_with_the_pointer_to_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"{\"event\":\"X\\u0000Y\",\"userId\":\"u\"}", "/event"},
        {"{\"event\":\"X\",\"userId\":\"u\\u0000\"}", "/userId"},
        {"{\"event\":\"X\",\"userId\":\"u\",\"messageId\":\"\\u0000\"}", "/messageId"},
        {"{\"event\":\"X\",\"userId\":\"u\",\"properties\":{\"a/b\":[1,{\"c\":\"\\u0000\"}]}}",
            "/properties/a~1b/1/c"},
        {"{\"event\":\"X\",\"userId\":\"u\",\"properties\":{\"a\\u0000\":1}}", "/properties"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char wanted[80];
        snprintf(wanted, sizeof(wanted), "\"reason\":\"invalid\",\"field\":\"%s\"", cases[i].field);
        assert_true(parse(CALL_TRACK, cases[i].text));
        assert_int_equal(parsed.event_count, 0);
        if (!strstr(errors(), wanted))
            fail_msg("%s: %s", cases[i].text, errors());
    }
    assert_true(parse(CALL_TRACK, "{\"event\":\"\\\\u0000\",\"userId\":\"u\"}"));
    assert_int_equal(parsed.event_count, 1);
}

static void a_nul_beside_the_events_of_a_batch_is_refused_for_all(void **state)
{
    (void)state;
    assert_true(parse(CALL_BATCH, "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\\u0000\"},"
                                  "{\"type\":\"page\",\"userId\":\"u\"}]}"));
    assert_int_equal(parsed.event_count, 1);
    assert_non_null(strstr(errors(), "\"index\":0,\"reason\":\"invalid\",\"field\":\"/userId\""));
    assert_false(parse(CALL_BATCH, "{\"context\":{\"ip\":\"\\u0000\"},"
                                   "\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}"));
    assert_int_equal(refusal.status, 400);
    assert_string_equal(refusal.field, "/context/ip");
}

/* received - (sent - original), as the protocol's clock correction says. */
static void clocks_are_corrected(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t event_ms;
    } cases[] = {
        {"{\"userId\":\"u\",\"timestamp\":\"2025-06-01T00:00:00Z\"}", INT64_C(1748736000000)},
        {"{\"userId\":\"u\",\"originalTimestamp\":\"2030-01-01T00:00:00Z\",\"sentAt\":\"2030-01-01T00:00:"
         "05Z\"}",
            RECEIVED - 5000},
        {"{\"userId\":\"u\",\"timestamp\":\"2030-01-01T00:00:00Z\",\"sentAt\":\"2030-01-01T00:01:00Z\"}",
            RECEIVED - 60000},
        {"{\"userId\":\"u\",\"sentAt\":\"2030-01-01T00:01:00Z\"}", RECEIVED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(parse(CALL_PAGE, cases[i].text));
        Quanyu__RawEvent *raw = event(0);
        assert_int_equal(raw->event_ms, cases[i].event_ms);
        quanyu__raw_event__free_unpacked(raw, NULL);
    }
}

static void batch_level_context_is_merged_into_each_event(void **state)
{
    (void)state;
    assert_true(parse(CALL_BATCH, "{\"context\":{\"channel\":\"shop\",\"locale\":\"zh\"},\"sentAt\":\"2026-"
                                  "01-01T00:00:00Z\",\"batch\":["
                                  "{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"locale\":\"en\"}}]}"));
    Quanyu__RawEvent *raw = event(0);
    char body[400];
    snprintf(body, sizeof(body), "%.*s", (int)raw->body.len, (const char *)raw->body.data);
    assert_non_null(strstr(body, "\"context\":{\"locale\":\"en\",\"channel\":\"shop\"}"));
    quanyu__raw_event__free_unpacked(raw, NULL);
}

static void imports_are_history_and_bear_positions(void **state)
{
    (void)state;
    assert_true(parse(CALL_IMPORT, "{\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\","
                                   "\"messageId\":\"00112233445566778899aabbccddeeff:70000\"}]}"));
    assert_true(parsed.events[0].positioned);
    assert_int_equal(parsed.events[0].import_position, 70000);
    assert_int_equal(parsed.events[0].import_id[15], 0xff);
    Quanyu__RawEvent *raw = event(0);
    assert_true(raw->history);
    quanyu__raw_event__free_unpacked(raw, NULL);
}

static void a_message_id_is_measured_in_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"m", "é", "信", "🛒"};
    char id[4 * 100 + 1], text[512];
    for (size_t i = 0; i < COUNT_OF(characters); i++)
        for (size_t count = 99; count <= 100; count++) {
            id[0] = 0;
            for (size_t k = 0; k < count; k++)
                strcat(id, characters[i]);
            snprintf(text, sizeof(text), "{\"userId\":\"u\",\"messageId\":\"%s\"}", id);
            assert_true(parse(CALL_PAGE, text));
            assert_int_equal(parsed.event_count, count == 99);
            if (count == 99) {
                Quanyu__RawEvent *raw = event(0);
                assert_string_equal(raw->message_id, id);
                quanyu__raw_event__free_unpacked(raw, NULL);
            } else {
                assert_non_null(strstr(errors(), "\"reason\":\"too_long\",\"field\":\"messageId\""));
                assert_null(strstr(errors(), "message_id"));
            }
        }
}

static void times_are_taken_as_senders_state_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"2026-03-01T16:30:00+0800", INT64_C(1772353800000)},
        {"2026-03-01T08:30Z", INT64_C(1772353800000)}, {"2026-03-01", INT64_C(1772323200000)}};
    char text[200];
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        snprintf(text, sizeof(text), "{\"userId\":\"u\",\"timestamp\":\"%s\"}", times[i].text);
        assert_true(parse(CALL_PAGE, text));
        assert_int_equal(parsed.event_count, 1);
        Quanyu__RawEvent *raw = event(0);
        assert_int_equal(raw->event_ms, times[i].ms);
        quanyu__raw_event__free_unpacked(raw, NULL);
    }
    assert_true(parse(CALL_PAGE, "{\"userId\":\"u\",\"timestamp\":\"2026-03-01T08:30:00\"}"));
    assert_non_null(
        strstr(errors(), "\"reason\":\"invalid_time\",\"field\":\"timestamp\",\"detail\":\"must be "
                         "a time with its offset"));
}

static void equal_message_ids_have_equal_hashes_within_a_source(void **state)
{
    (void)state;
    uint8_t first[INGEST_HASH_BYTES];
    assert_true(parse(CALL_PAGE, "{\"userId\":\"u\",\"messageId\":\"m\"}"));
    assert_true(parsed.events[0].deduplicated);
    memcpy(first, parsed.events[0].hash, sizeof(first));
    assert_true(parse(CALL_PAGE, "{\"userId\":\"other\",\"messageId\":\"m\"}"));
    assert_memory_equal(first, parsed.events[0].hash, sizeof(first));
    assert_true(parse(CALL_PAGE, "{\"userId\":\"u\",\"messageId\":\"n\"}"));
    assert_memory_not_equal(first, parsed.events[0].hash, sizeof(first));
    assert_true(parse(CALL_PAGE, "{\"userId\":\"u\"}"));
    assert_false(parsed.events[0].deduplicated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_type_is_taken_from_pages_and_others),
        cmocka_unit_test(valid_events_are_taken_and_the_others_reported_with_index_and_reason),
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(a_message_id_is_measured_in_characters),
        cmocka_unit_test(times_are_taken_as_senders_state_them),
        cmocka_unit_test(whole_calls_are_refused_with_a_status),
        cmocka_unit_test(what_is_nested_too_deeply_is_refused_with_the_place),
        cmocka_unit_test(an_event_that_is_too_large_is_refused_as_such),
        cmocka_unit_test(what_is_refused_is_packed_so_that_it_can_be_tried_again),
        cmocka_unit_test(what_is_wrong_stays_although_the_batch_has_the_same),
        cmocka_unit_test(of_what_is_refused_the_place_behind_it_in_the_answer_is_known),
        cmocka_unit_test(of_the_refused_only_what_is_too_large_is_not_packed),
        cmocka_unit_test(clocks_that_cannot_be_right_are_flagged),
        cmocka_unit_test(corrected_times_stay_within_the_calendar),
        cmocka_unit_test(memory_that_is_out_refuses_the_call_and_not_the_event),
        cmocka_unit_test(a_nul_is_refused_with_the_pointer_to_it),
        cmocka_unit_test(a_nul_beside_the_events_of_a_batch_is_refused_for_all),
        cmocka_unit_test(clocks_are_corrected),
        cmocka_unit_test(batch_level_context_is_merged_into_each_event),
        cmocka_unit_test(imports_are_history_and_bear_positions),
        cmocka_unit_test(equal_message_ids_have_equal_hashes_within_a_source),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    parsed_free(&parsed);
    return failed;
}
