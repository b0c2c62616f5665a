/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"
#include "common/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FILE_OF(name, text) {name, (const unsigned char *)(text), sizeof(text) - 1}

static const struct embedded_file files[] = {
    FILE_OF("things.json",
        "{\"tags\":[{\"name\":\"things\",\"description\":\"<things> of `code`\"}],"
        "\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
        "\"security\":{\"token\":[{\"token\":[]}]},"
        "\"parameters\":{\"things/{id}\":{\"description\":\"which\",\"schema\":{\"type\":\"string\"}},"
        "\"limit\":{\"description\":\"how many\",\"schema\":{\"type\":\"integer\"}}},"
        "\"responses\":{\"thing_400\":{\"description\":\"another\"}},"
        "\"schemas\":{\"Thing\":{\"description\":\"A "
        "thing\",\"type\":\"object\",\"additionalProperties\":false,"
        "\"properties\":{\"name\":{\"type\":\"string\"},\"parts\":{\"type\":\"array\",\"items\":"
        "{\"$ref\":\"#/components/schemas/Thing\"}}},\"examples\":[{\"name\":\"a\"}]},"
        "\"Open\":{\"description\":\"Anything\",\"type\":\"object\",\"properties\":{\"name\":{}}}}}"),
    FILE_OF("notes.css", "what is no JSON is left alone"),
    {0},
};

static struct openapi_operation operations[3];

static const struct openapi_operation *operation_at(size_t index)
{
    return index < COUNT_OF(operations) && operations[index].id ? &operations[index] : NULL;
}

static struct openapi_description description;

static int setup(void **state)
{
    static const char *const queries[] = {"limit", NULL};
    (void)state;
    description = (struct openapi_description){
        .title = "T", .summary = "S", .security = "token", .files = files, .operation = operation_at};
    operations[0] = (struct openapi_operation){
        "GET", "/things/{id}", "thing_show", "things", "Show one", .gives = "Thing", .others = {404}};
    operations[1] = (struct openapi_operation){"POST", "/things", "thing_make", "things", "Make one",
        .takes = "Thing", .gives = "Thing", .status = 201, .queries = queries, .refuses = "thing"};
    operations[2] = (struct openapi_operation){
        "DELETE", "/things/{id}", "thing_drop", "things", "Drop one", .open = true, .conditional = true};
    return 0;
}

static void test_a_document_says_all_that_the_table_says(void **state)
{
    struct openapi *openapi;
    (void)state;
    assert_int_equal(openapi_open(&description, &openapi), 0);
    struct bytes text = openapi_document(openapi);
    yyjson_doc *doc = yyjson_read((const char *)text.data, text.size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    static const char *const there[] = {"/paths/~1things~1{id}/get/responses/404",
        "/paths/~1things~1{id}/get/responses/401", "/paths/~1things~1{id}/get/parameters/0/required",
        "/paths/~1things/post/responses/201/content", "/paths/~1things/post/responses/413",
        "/paths/~1things/post/requestBody/content/application~1json/example/name",
        "/paths/~1things/post/parameters/0/description", "/paths/~1things~1{id}/delete/responses/204",
        "/paths/~1things~1{id}/delete/responses/412", "/paths/~1things~1{id}/delete/security",
        "/components/schemas/Problem", "/components/schemas/Thing", "/components/securitySchemes/token"};
    for (size_t i = 0; i < COUNT_OF(there); i++)
        assert_non_null(yyjson_ptr_get(root, there[i]));
    assert_null(yyjson_ptr_get(root, "/paths/~1things~1{id}/delete/responses/401"));
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(root, "/paths/~1things/post/responses/400/$ref")),
        "#/components/responses/thing_400");
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(root, "/paths/~1things~1{id}/get/responses/400/$ref")),
        "#/components/responses/400");
    yyjson_doc_free(doc);
    openapi_close(&openapi);
    assert_null(openapi);
}

static void test_members_of_a_closed_schema_are_known_and_of_an_open_one_any(void **state)
{
    struct openapi *openapi;
    (void)state;
    assert_int_equal(openapi_open(&description, &openapi), 0);
    assert_non_null(yyjson_obj_get(openapi_members(openapi, "Thing"), "name"));
    assert_null(yyjson_obj_get(openapi_members(openapi, "Thing"), "nosuch"));
    assert_null(openapi_members(openapi, "Open"));
    openapi_close(&openapi);
}

static void test_the_page_escapes_what_it_shows_and_ends_where_schemas_refer_to_themselves(void **state)
{
    struct openapi *openapi;
    (void)state;
    assert_int_equal(openapi_open(&description, &openapi), 0);
    struct bytes page = openapi_page(openapi);
    assert_non_null(memmem(page.data, page.size, "&lt;things&gt; of <code>code</code>", 35));
    assert_null(memmem(page.data, page.size, "<things>", 8));
    assert_non_null(memmem(page.data, page.size, "<article id=\"thing_drop\">", 25));
    assert_non_null(strstr(openapi_page_policy(openapi), "default-src 'none'; style-src 'sha256-"));
    openapi_close(&openapi);
}

static void test_what_no_file_has_is_refused(void **state)
{
    struct openapi *openapi = NULL;
    (void)state;
    operations[0].gives = "Nosuch";
    assert_int_equal(openapi_open(&description, &openapi), -QY_ENOTFOUND);
    setup(state);
    operations[0].pattern = "/others/{id}";
    assert_int_equal(openapi_open(&description, &openapi), -QY_ENOTFOUND);
    setup(state);
    operations[0].others[0] = 418;
    assert_int_equal(openapi_open(&description, &openapi), -QY_ENOTFOUND);
    setup(state);
    description.security = "nosuch";
    assert_int_equal(openapi_open(&description, &openapi), -QY_ENOTFOUND);
    static const struct embedded_file broken[] = {FILE_OF("broken.json", "{"), {0}};
    setup(state);
    description.files = broken;
    assert_int_equal(openapi_open(&description, &openapi), -QY_ECORRUPT);
    assert_null(openapi);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_document_says_all_that_the_table_says),
        TEST(test_members_of_a_closed_schema_are_known_and_of_an_open_one_any),
        TEST(test_the_page_escapes_what_it_shows_and_ends_where_schemas_refer_to_themselves),
        TEST(test_what_no_file_has_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
