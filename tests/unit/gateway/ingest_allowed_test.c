/* SPDX-License-Identifier: Apache-2.0 */
/* Events against what their write key may send, through the parser of the calls. */
#include "services/gateway/ingest_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct parsed parsed;
static Quanyu__WriteKey row;
static char *sources[] = {(char *)"web", (char *)"app"}, *channels[] = {(char *)"online"};
static char *names[] = {(char *)"Product *", (char *)"Signed Up"};
static Quanyu__EventType types[] = {QUANYU__EVENT_TYPE__EVENT_TRACK, QUANYU__EVENT_TYPE__EVENT_IDENTIFY};

static int setup(void **state)
{
    (void)state;
    quanyu__write_key__init(&row);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    parsed_free(&parsed);
    return 0;
}

static void parse(enum ingest_call call, const char *text)
{
    const struct write_key key = {.row = &row, .restricted = true};
    const struct ingest_origin origin = {.call = call, .source = 1, .key = &key};
    const struct ingest_limits limits = {.event_bytes = 32768, .batch_events = 10};
    struct ingest_refusal refusal;
    parsed_free(&parsed);
    yyjson_doc *doc = yyjson_read(text, strlen(text), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(doc);
    assert_true(ingest_parse(yyjson_doc_get_root(doc), &origin, &limits, &parsed, &refusal));
    yyjson_doc_free(doc);
}

static void taken(const char *text)
{
    parse(CALL_BATCH, text);
    if (parsed.error_count > 0)
        fail_msg("%s: %s", text, buffer_c_str(&parsed.errors));
}

static void denied(const char *text, const char *field)
{
    char expected[100];
    snprintf(expected, sizeof(expected), "\"reason\":\"not_allowed\",\"field\":\"%s\"", field);
    parse(CALL_BATCH, text);
    assert_int_equal(parsed.event_count, 0);
    assert_int_equal(parsed.denied_count, 1);
    if (!strstr(buffer_c_str(&parsed.errors), expected))
        fail_msg("%s: %s", text, buffer_c_str(&parsed.errors));
}

/* The body of the first event, which holds the text. */
static void bears(const char *wanted)
{
    assert_true(parsed.event_count > 0);
    Quanyu__RawEvent *raw =
        quanyu__raw_event__unpack(NULL, parsed.events[0].size, parsed.packed.data + parsed.events[0].at);
    assert_non_null(raw);
    if (!memmem(raw->body.data, raw->body.len, wanted, strlen(wanted)))
        fail_msg("%.*s lacks %s", (int)raw->body.len, (const char *)raw->body.data, wanted);
    quanyu__raw_event__free_unpacked(raw, NULL);
}

static void other_types_are_refused(void **state)
{
    (void)state;
    row.event_types = types;
    row.n_event_types = 2;
    taken("{\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\"},{\"type\":\"identify\","
          "\"userId\":\"u\"}]}");
    denied("{\"batch\":[{\"type\":\"alias\",\"userId\":\"u\",\"previousId\":\"a\"}]}", "type");
    denied("{\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}", "type");
}

static void other_names_are_refused_of_track_events_alone(void **state)
{
    (void)state;
    row.event_names = names;
    row.n_event_names = 2;
    taken("{\"batch\":[{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"u\"},"
          "{\"type\":\"track\",\"event\":\"Signed "
          "Up\",\"userId\":\"u\"},{\"type\":\"page\",\"name\":\"Home\",\"userId\":\"u\"}]}");
    denied("{\"batch\":[{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u\"}]}", "event");
}

static void another_source_or_channel_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    row.sources = sources;
    row.n_sources = 2;
    row.channels = channels;
    row.n_channels = 1;
    taken("{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"source\":\"app\",\"channel\":"
          "\"online\"}}]}");
    denied("{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"source\":\"till\"}}]}",
        "/context/source");
    denied("{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"channel\":\"shop\"}}]}",
        "/context/channel");
    denied(
        "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"source\":7}}]}", "/context/source");
    denied("{\"context\":{\"source\":\"till\"},\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}",
        "/context/source");
    taken("{\"context\":{\"source\":\"till\"},\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":{"
          "\"source\":\"web\"}}]}");
}

static void what_an_event_does_not_state_the_key_states(void **state)
{
    (void)state;
    row.sources = sources;
    row.n_sources = 2;
    row.channels = channels;
    row.n_channels = 1;
    taken("{\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}");
    bears("\"context\":{\"source\":\"web\",\"channel\":\"online\"}");
    taken("{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":null}]}");
    bears("\"context\":{\"source\":\"web\",\"channel\":\"online\"}");
    taken(
        "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"source\":null,\"locale\":\"zh\"}}]}");
    bears("\"source\":\"web\"");
    bears("\"locale\":\"zh\"");
    taken(
        "{\"context\":{\"channel\":\"online\",\"ip\":\"::1\"},\"batch\":[{\"type\":\"page\",\"userId\":\"u\","
        "\"context\":{\"source\":\"app\"}}]}");
    bears("\"source\":\"app\"");
    bears("\"ip\":\"::1\"");
    parse(CALL_PAGE, "{\"userId\":\"u\"}");
    bears("\"source\":\"web\"");
}

/* Everywhere else it is a hash. */
static void the_write_key_of_a_body_is_not_kept(void **state)
{
    (void)state;
    parse(CALL_PAGE, "{\"writeKey\":\"wk_secret\",\"userId\":\"u\",\"writeKey\":\"wk_secret\"}");
    assert_int_equal(parsed.event_count, 1);
    assert_null(memmem(parsed.packed.data, parsed.packed.size, "wk_secret", 9));
    bears("\"userId\":\"u\"");
    taken("{\"writeKey\":\"wk_secret\",\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"writeKey\":\"wk_"
          "secret\"}]}");
    assert_null(memmem(parsed.packed.data, parsed.packed.size, "wk_secret", 9));
}

static void a_batch_of_allowed_and_others_keeps_the_allowed(void **state)
{
    (void)state;
    row.event_types = types;
    row.n_event_types = 1;
    parse(CALL_BATCH, "{\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\"},{\"type\":\"page\","
                      "\"userId\":\"u\"},"
                      "{\"type\":\"track\",\"userId\":\"u\"}]}");
    assert_int_equal(parsed.event_count, 1);
    assert_int_equal(parsed.error_count, 2);
    assert_int_equal(parsed.denied_count, 1);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(other_types_are_refused),
        test(other_names_are_refused_of_track_events_alone),
        test(another_source_or_channel_is_refused_wherever_it_stands),
        test(what_an_event_does_not_state_the_key_states),
        test(the_write_key_of_a_body_is_not_kept),
        test(a_batch_of_allowed_and_others_keeps_the_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
