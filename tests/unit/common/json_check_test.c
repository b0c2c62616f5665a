/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_check.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool find(const char *text, char pointer[JSON_POINTER_BYTES])
{
    yyjson_doc *document = yyjson_read(text, strlen(text), YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(document);
    bool found = json_find_nul(yyjson_doc_get_root(document), pointer);
    yyjson_doc_free(document);
    return found;
}

static void assert_found(const char *text, const char *wanted)
{
    char pointer[JSON_POINTER_BYTES] = "?";
    if (!find(text, pointer) || strcmp(pointer, wanted) != 0)
        fail_msg("%s: %s", text, pointer);
}

static void a_nul_is_pointed_to_wherever_it_stands(void **state)
{
    (void)state;
    assert_found("\"\\u0000\"", "");
    assert_found("{\"a\":1,\"b\":\"x\\u0000\"}", "/b");
    assert_found("{\"a\":{\"b\":{}},\"c\":[[],[1,{\"d\":\"\\u0000\"}]]}", "/c/1/1/d");
    assert_found("[{\"a\":[[[]]]},\"\\u0000\"]", "/1");
    assert_found("{\"a/b~c\":[\"\\u0000\"]}", "/a~1b~0c/0");
    assert_found("{\"\":[\"\\u0000\"]}", "//0");
    assert_found("{\"a\":{\"b\\u0000\":1}}", "/a");
    assert_found("{\"\\u0000\":1}", "");
}

static void what_holds_none_is_left_alone(void **state)
{
    (void)state;
    char pointer[JSON_POINTER_BYTES];
    assert_false(json_find_nul(NULL, pointer));
    assert_false(find("{}", pointer));
    assert_false(find("[\"a\",{\"b\":[\"\\\\u0000\",1.5,null,\"\\u0001\"]},\"\"]", pointer));
}

static void a_document_without_the_escape_needs_no_look(void **state)
{
    (void)state;
    assert_false(json_may_hold_nul((struct bytes){NULL, 0}));
    assert_false(json_may_hold_nul((struct bytes){(const uint8_t *)"\"\\u0001\"", 8}));
    assert_true(json_may_hold_nul((struct bytes){(const uint8_t *)"\"\\u0000\"", 8}));
}

/* The pointer stops where it does not fit; the stack does not grow with the depth. */
static void deep_and_long_documents_are_borne(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *text = malloc(2 * DEPTH + 9), pointer[JSON_POINTER_BYTES];
    assert_non_null(text);
    memset(text, '[', DEPTH);
    memcpy(text + DEPTH, "\"\\u0000\"", 8);
    memset(text + DEPTH + 8, ']', DEPTH);
    text[2 * DEPTH + 8] = '\0';
    assert_true(find(text, pointer));
    assert_true(strlen(pointer) < JSON_POINTER_BYTES && strncmp(pointer, "/0/0", 4) == 0);
    memset(text, 'k', 1000);
    memcpy(text, "{\"", 2);
    memcpy(text + 1000, "\":\"\\u0000\"}", 12);
    assert_true(find(text, pointer));
    assert_string_equal(pointer, "");
    free(text);
}

/* `depth` lists in one another, `before` and `after` around them. */
static bool find_deep(const char *before, size_t depth, const char *after, char pointer[JSON_POINTER_BYTES])
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    buffer_text(&text, before);
    for (size_t i = 0; i < depth; i++)
        buffer_byte(&text, '[');
    for (size_t i = 0; i < depth; i++)
        buffer_byte(&text, ']');
    buffer_text(&text, after);
    yyjson_doc *document = yyjson_read((const char *)text.data, text.size, 0);
    assert_non_null(document);
    bool found = json_find_deep(yyjson_doc_get_root(document), pointer);
    yyjson_doc_free(document);
    return found;
}

static void what_is_nested_too_deeply_is_pointed_to(void **state)
{
    (void)state;
    char pointer[JSON_POINTER_BYTES] = "";
    assert_false(json_find_deep(NULL, pointer));
    assert_false(find_deep("", JSON_DEPTH_MAX, "", pointer));
    assert_true(find_deep("", JSON_DEPTH_MAX + 1, "", pointer));
    assert_int_equal(strlen(pointer), 2 * JSON_DEPTH_MAX);
    assert_false(find_deep("[", JSON_DEPTH_MAX - 1, ",{},[[]],{\"a\":{\"b\":[1]}}]", pointer));
    assert_true(find_deep("[1,{\"a\":[]},{\"b\":2,\"c\":", JSON_DEPTH_MAX - 1, "},[]]", pointer));
    assert_memory_equal(pointer, "/2/c/0/0/", 9);
    assert_true(find_deep("{\"a\":", 1000000, "}", pointer));
    assert_memory_equal(pointer, "/a/0/0/", 7);
    assert_false(find_deep("[[[[[[]]]]],1,2,[[[[]]]],", 1, "]", pointer));
}

static int find_repeated(const char *text, char pointer[JSON_POINTER_BYTES])
{
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    assert_non_null(doc);
    int result = json_find_repeated(yyjson_doc_get_root(doc), pointer);
    yyjson_doc_free(doc);
    return result;
}

static void a_name_that_is_repeated_is_pointed_to(void **state)
{
    (void)state;
    static const char *const none[] = {"1", "{}", "[]", "{\"a\":1}", "{\"a\":1,\"b\":{\"a\":1,\"b\":1}}",
        "[{\"a\":1},{\"a\":1}]", "{\"a\":\"b\",\"b\":\"a\",\"ab\":1,\"\":0}", "[\"a\",\"a\"]"};
    static const char *const some[][2] = {{"{\"a\":1,\"a\":2}", "/a"},
        {"{\"a\":[],\"b\":3,\"\\u0061\":2}", "/a"},
        {"{\"r\":[0,{\"x/y\":{},\"b\":1,\"x/y\":[1]}]}", "/r/1/x~1y"}, {"{\"\":1,\"\":2}", "/"},
        {"[{\"a\":{\"b\":{\"c\":null,\"c\":{\"c\":1}}}}]", "/0/a/b/c"}};
    char pointer[JSON_POINTER_BYTES];
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_int_equal(find_repeated(none[i], pointer), 0);
    for (size_t i = 0; i < COUNT_OF(some); i++) {
        assert_int_equal(find_repeated(some[i][0], pointer), -QY_EEXISTS);
        assert_string_equal(pointer, some[i][1]);
    }
    assert_int_equal(json_find_repeated(NULL, pointer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nul_is_pointed_to_wherever_it_stands),
        cmocka_unit_test(what_holds_none_is_left_alone),
        cmocka_unit_test(a_document_without_the_escape_needs_no_look),
        cmocka_unit_test(deep_and_long_documents_are_borne),
        cmocka_unit_test(a_name_that_is_repeated_is_pointed_to),
        cmocka_unit_test(what_is_nested_too_deeply_is_pointed_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
