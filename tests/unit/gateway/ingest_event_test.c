/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 1500

static struct parsed parsed;
static struct ingest_refusal refusal;

static bool parse(struct buffer *text, size_t call_bytes)
{
    const struct ingest_origin origin = {.call = CALL_BATCH, .source = 1, .received_ms = 1};
    const struct ingest_limits limits = {
        .event_bytes = 32768, .call_bytes = call_bytes, .batch_events = 5000, .future_ms = 1, .past_ms = 1};
    parsed_free(&parsed);
    refusal = (struct ingest_refusal){0};
    yyjson_doc *doc = yyjson_read(buffer_c_str(text), text->size, YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    bool taken = ingest_parse(yyjson_doc_get_root(doc), &origin, &limits, &parsed, &refusal);
    yyjson_doc_free(doc);
    buffer_free(text);
    return taken;
}

static void write_members(struct buffer *out, int first, int last, const char *value)
{
    for (int i = first; i < last; i++)
        buffer_printf(out, "%s\"k%d\":%s", i > first ? "," : "", i, value);
}

static void what_a_batch_shares_is_merged_however_many_members_there_are(void **state)
{
    (void)state;
    struct buffer text = BUFFER_INIT;
    buffer_text(&text, "{\"context\":{");
    write_members(&text, 0, MANY, "1");
    buffer_text(&text, "},\"batch\":[{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\",\"context\":{");
    write_members(&text, MANY / 2, MANY + 100, "2");
    buffer_text(&text, "}}]}");
    assert_true(parse(&text, 0));
    assert_int_equal(parsed.event_count, 1);
    Quanyu__RawEvent *raw =
        quanyu__raw_event__unpack(NULL, parsed.events[0].size, parsed.packed.data + parsed.events[0].at);
    yyjson_doc *doc = yyjson_read((const char *)raw->body.data, raw->body.len, 0);
    yyjson_val *context = yyjson_obj_get(yyjson_doc_get_root(doc), "context");
    assert_int_equal(yyjson_obj_size(context), MANY + 100);
    for (int i = 0; i < MANY + 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "k%d", i);
        assert_int_equal(yyjson_get_int(yyjson_obj_get(context, name)), i < MANY / 2 ? 1 : 2);
    }
    yyjson_doc_free(doc);
    quanyu__raw_event__free_unpacked(raw, NULL);
}

static void a_batch_that_shares_more_than_an_event_may_hold_is_refused_once(void **state)
{
    (void)state;
    struct buffer text = BUFFER_INIT;
    buffer_text(&text, "{\"integrations\":{");
    write_members(&text, 0, 6000, "1");
    buffer_text(
        &text, "},\"batch\":[{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\",\"integrations\":{}}]}");
    assert_false(parse(&text, 0));
    assert_int_equal(refusal.status, 413);
    assert_string_equal(refusal.field, "integrations");
}

static void events_that_are_small_only_as_they_are_sent_are_bounded_together(void **state)
{
    (void)state;
    for (size_t events = 2; events <= 200; events += 198) {
        struct buffer text = BUFFER_INIT;
        buffer_text(&text, "{\"context\":{");
        write_members(&text, 0, 1000, "1");
        buffer_text(&text, "},\"batch\":[");
        for (size_t i = 0; i < events; i++)
            buffer_printf(&text, "%s{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\"}", i ? "," : "");
        buffer_text(&text, "]}");
        assert_int_equal(parse(&text, 100000), events == 2);
        if (events == 2)
            continue;
        assert_int_equal(refusal.status, 413);
        assert_string_equal(refusal.field, "batch");
    }
}

static int free_parsed(void **state)
{
    (void)state;
    parsed_free(&parsed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_batch_shares_is_merged_however_many_members_there_are),
        cmocka_unit_test(a_batch_that_shares_more_than_an_event_may_hold_is_refused_once),
        cmocka_unit_test(events_that_are_small_only_as_they_are_sent_are_bounded_together),
    };
    return cmocka_run_group_tests(tests, NULL, free_parsed);
}
