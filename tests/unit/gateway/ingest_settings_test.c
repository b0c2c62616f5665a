/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct public_place place;

static void assert_place(const char *url, const char *protocol, const char *host)
{
    settings_place(NULL, url, &place);
    assert_string_equal(place.protocol, protocol);
    assert_string_equal(place.host, host);
}

static void the_stated_address_loses_scheme_and_slash(void **state)
{
    (void)state;
    assert_place("https://events.shop.example", "https", "events.shop.example");
    assert_place("http://events.shop.example:8080/", "http", "events.shop.example:8080");
    assert_place("HTTPS://[2001:db8::1]:8443/quanyu//", "https", "[2001:db8::1]:8443/quanyu");
    assert_place("events.shop.example", "http", "events.shop.example");
}

static const char *text_at(yyjson_doc *doc, const char *pointer)
{
    return yyjson_get_str(yyjson_doc_ptr_get(doc, pointer));
}

static void analytics_js_finds_what_it_needs(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    struct json json = json_to(&out);
    settings_place(NULL, "https://events.shop.example", &place);
    settings_write(&json, "wk_\"odd", &place);
    yyjson_doc *doc = yyjson_read((const char *)out.data, out.size, 0);
    assert_non_null(doc);
    assert_string_equal(text_at(doc, "/integrations/Segment.io/apiKey"), "wk_\"odd");
    assert_string_equal(text_at(doc, "/integrations/Segment.io/apiHost"), "events.shop.example/v1");
    assert_string_equal(text_at(doc, "/integrations/Segment.io/protocol"), "https");
    assert_int_equal(yyjson_obj_size(yyjson_doc_ptr_get(doc, "/integrations")), 1);
    assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(doc, "/metrics/sampleRate")), 0);
    assert_true(yyjson_is_obj(yyjson_doc_ptr_get(doc, "/plan/track/__default")));
    assert_true(yyjson_is_obj(yyjson_doc_ptr_get(doc, "/edgeFunction")));
    yyjson_doc_free(doc);
}

static void rudderstack_finds_what_it_needs(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer out = BUFFER_INIT;
    struct json json = json_to(&out);
    source_config_write(&json, "wk_a", 7);
    yyjson_doc *doc = yyjson_read((const char *)out.data, out.size, 0);
    assert_non_null(doc);
    assert_string_equal(text_at(doc, "/source/id"), "7");
    assert_string_equal(text_at(doc, "/source/writeKey"), "wk_a");
    assert_true(yyjson_is_true(yyjson_doc_ptr_get(doc, "/source/enabled")));
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(doc, "/source/destinations")), 0);
    assert_true(yyjson_is_false(yyjson_doc_ptr_get(doc, "/source/config/statsCollection/errors/enabled")));
    yyjson_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stated_address_loses_scheme_and_slash),
        cmocka_unit_test(analytics_js_finds_what_it_needs),
        cmocka_unit_test(rudderstack_finds_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
