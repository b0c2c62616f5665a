/* SPDX-License-Identifier: Apache-2.0 */
#include "common/openapi.h"

#include "common/error.h"
#include "common/json.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 32

struct openapi {
    struct buffer text;
    yyjson_doc *document; /* of the text */
    struct buffer page;
    char policy[256];
};

/* A document that is being made. */
struct making {
    const struct openapi_description *description;
    yyjson_doc *files[FILES_MAX];
    size_t file_count;
    struct json json;
    bool governed; /* the operation that is written asks something of who calls it */
    struct openapi_rights rights;
    int error;
};

static void open_member(struct making *making, const char *name)
{
    json_name(&making->json, name);
    json_open(&making->json, '{');
}

/* -- files -- */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

static int read_files(struct making *making, const struct embedded_file *file)
{
    for (; file->name; file++) {
        if (!ends_with(file->name, ".json"))
            continue;
        yyjson_doc *doc = yyjson_read((const char *)file->data, file->size, 0);
        if (!yyjson_is_obj(yyjson_doc_get_root(doc)) || making->file_count == FILES_MAX) {
            yyjson_doc_free(doc);
            return -QY_ECORRUPT;
        }
        making->files[making->file_count++] = doc;
    }
    return 0;
}

static struct bytes find_file(const struct embedded_file *file, const char *name)
{
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    return (struct bytes){file->data, file->size};
}

static yyjson_val *find_n(const struct making *making, const char *section, const char *name, size_t size)
{
    yyjson_val *found = NULL;
    for (size_t i = 0; i < making->file_count && !found; i++)
        found = yyjson_obj_getn(yyjson_obj_get(yyjson_doc_get_root(making->files[i]), section), name, size);
    return found;
}

static yyjson_val *find(struct making *making, const char *section, const char *name)
{
    yyjson_val *found = find_n(making, section, name, strlen(name));
    if (!found)
        making->error = -QY_ENOTFOUND;
    return found;
}

/* -- pieces -- */

static void write_value(struct making *making, yyjson_val *value)
{
    size_t size = 0;
    char *text = yyjson_val_write(value, 0, &size);
    if (!text && !making->error)
        making->error = -QY_ENOMEM;
    json_raw(&making->json, text, size, "null");
    free(text);
}

static void write_members(struct making *making, yyjson_val *object)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&members));) {
        json_name(&making->json, yyjson_get_str(name));
        write_value(making, yyjson_obj_iter_get_val(name));
    }
}

static void write_reference(struct making *making, const char *section, const char *name)
{
    char reference[160];
    (void)find(making, section, name);
    snprintf(reference, sizeof(reference), "#/components/%s/%s", section, name);
    json_open(&making->json, '{');
    json_field_text(&making->json, "$ref", reference);
    json_close(&making->json, '}');
}

/* A section of all files as one. */
static void write_section(struct making *making, const char *section)
{
    open_member(making, section);
    for (size_t i = 0; i < making->file_count; i++)
        write_members(making, yyjson_obj_get(yyjson_doc_get_root(making->files[i]), section));
    json_close(&making->json, '}');
}

static void write_tags(struct making *making)
{
    json_name(&making->json, "tags");
    json_open(&making->json, '[');
    for (size_t i = 0; i < making->file_count; i++) {
        size_t index, count;
        yyjson_val *tag;
        yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(making->files[i]), "tags"), index, count, tag)
            write_value(making, tag);
    }
    json_close(&making->json, ']');
}

/* -- parameters -- */

static void write_parameter(struct making *making, const char *key, size_t key_size, const char *name,
    size_t name_size, const char *in)
{
    yyjson_val *about = find_n(making, "parameters", key, key_size);
    if (!about)
        making->error = -QY_ENOTFOUND;
    json_open(&making->json, '{');
    json_name(&making->json, "name");
    json_text_n(&making->json, name, name_size);
    json_field_text(&making->json, "in", in);
    if (strcmp(in, "path") == 0)
        json_field_bool(&making->json, "required", true);
    if (about)
        write_members(making, about);
    json_close(&making->json, '}');
}

/* "segments/{id}" of "/api/v1/segments/{id}/changes". */
static void write_path_parameter(struct making *making, const char *pattern, const char *brace)
{
    const char *key = brace - 1;
    size_t size = strcspn(brace, "}") + 1;
    while (key > pattern && key[-1] != '/')
        key--;
    write_parameter(making, key, (size_t)(brace - key) + size, brace + 1, size - 2, "path");
}

/* "search?from" of this operation, where it means something else here than elsewhere; else "from". */
static void write_query(struct making *making, const char *operation, const char *name)
{
    char own[128];
    int size = snprintf(own, sizeof(own), "%s?%s", operation, name);
    const char *key = find_n(making, "parameters", own, (size_t)size) ? own : name;
    write_parameter(making, key, strlen(key), name, strlen(name), "query");
}

static void write_header_parameter(struct making *making, const char *name)
{
    write_parameter(making, name, strlen(name), name, strlen(name), "header");
}

static void write_parameters(struct making *making, const struct openapi_operation *operation)
{
    json_name(&making->json, "parameters");
    json_open(&making->json, '[');
    for (const char *at = strchr(operation->pattern, '{'); at; at = strchr(at + 1, '{'))
        write_path_parameter(making, operation->pattern, at);
    for (const char *const *name = operation->queries; name && *name; name++)
        write_query(making, operation->id, *name);
    if (operation->conditional)
        write_header_parameter(making, "If-Match");
    if (making->rights.record) {
        write_header_parameter(making, "X-Purpose");
        write_header_parameter(making, "X-Task");
    }
    json_close(&making->json, ']');
}

/* -- bodies and answers -- */

static void write_content(
    struct making *making, const char *type, const char *schema, bool example, const char *const *others)
{
    open_member(making, "content");
    open_member(making, type);
    if (schema) {
        json_name(&making->json, "schema");
        write_reference(making, "schemas", schema);
        yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(find(making, "schemas", schema), "examples"));
        if (example && first) {
            json_name(&making->json, "example");
            write_value(making, first);
        }
    }
    json_close(&making->json, '}');
    for (; others && *others; others++) {
        json_name(&making->json, *others);
        json_raw(&making->json, "{}", 2, "");
    }
    json_close(&making->json, '}');
}

static void write_body(struct making *making, const struct openapi_operation *operation)
{
    open_member(making, "requestBody");
    json_field_bool(&making->json, "required", true);
    write_content(making, operation->takes_type ? operation->takes_type : "application/json",
        operation->takes, true, NULL);
    json_close(&making->json, '}');
}

static void write_headers(struct making *making, const struct openapi_operation *operation)
{
    open_member(making, "headers");
    json_name(&making->json, "X-Request-Id");
    write_reference(making, "headers", "X-Request-Id");
    for (const char *const *name = operation->headers; name && *name; name++) {
        json_name(&making->json, *name);
        write_reference(making, "headers", *name);
    }
    json_close(&making->json, '}');
}

static const char *status_name(unsigned status, char room[8])
{
    snprintf(room, 8, "%u", status);
    return room;
}

static void write_success(struct making *making, const struct openapi_operation *operation, unsigned status)
{
    char name[8];
    open_member(making, status_name(status, name));
    json_name(&making->json, "description");
    write_value(making, find(making, "outcomes", name));
    write_headers(making, operation);
    if (operation->gives || operation->type)
        write_content(making, operation->type ? operation->type : "application/json", operation->gives, false,
            operation->other_types);
    json_close(&making->json, '}');
}

static void write_refusal(struct making *making, const struct openapi_operation *operation, unsigned status)
{
    char name[8], own[40] = "";
    status_name(status, name);
    if (operation->refuses)
        snprintf(own, sizeof(own), "%s_%s", operation->refuses, name);
    bool has_own = find_n(making, "responses", own, strlen(own)) != NULL;
    json_name(&making->json, name);
    write_reference(making, "responses", has_own ? own : name);
}

/* What comes of asking for rights. */
static bool is_denied(const struct making *making, const struct openapi_operation *operation, unsigned status)
{
    return (status == 404 && making->rights.permission) ||
           (status == 403 && making->governed && strcmp(operation->method, "GET") != 0);
}

static bool answers(const struct making *making, const struct openapi_operation *operation, unsigned status)
{
    for (size_t i = 0; i < OPENAPI_STATUSES && operation->others[i]; i++)
        if (operation->others[i] == status)
            return true;
    return (status == 400 && !operation->open) || (status == 401 && !operation->open) ||
           (status == 412 && operation->conditional) || (status == 413 && operation->takes) ||
           (status == 503 && !operation->open) || is_denied(making, operation, status);
}

static void write_responses(struct making *making, const struct openapi_operation *operation)
{
    bool empty = !operation->gives && !operation->type;
    unsigned success = operation->status ? operation->status : empty ? 204 : 200;
    open_member(making, "responses");
    for (unsigned status = 200; status < 600; status++) {
        if (status < 300 && (status == success || answers(making, operation, status)))
            write_success(making, operation, status);
        else if (answers(making, operation, status))
            write_refusal(making, operation, status);
    }
    json_name(&making->json, "default");
    write_reference(making, "responses", "default");
    json_close(&making->json, '}');
}

/* -- operations -- */

static void write_security(struct making *making, const struct openapi_operation *operation)
{
    if (!operation->open && !operation->security)
        return;
    json_name(&making->json, "security");
    if (operation->security)
        write_value(making, find(making, "security", operation->security));
    else
        json_raw(&making->json, "[]", 2, "");
}

static void write_operation(struct making *making, const struct openapi_operation *operation)
{
    char method[8] = "";
    for (size_t i = 0; i + 1 < sizeof(method) && operation->method[i]; i++)
        method[i] = (char)tolower((unsigned char)operation->method[i]);
    open_member(making, method);
    json_field_text(&making->json, "operationId", operation->id);
    json_name(&making->json, "tags");
    json_open(&making->json, '[');
    json_text(&making->json, operation->tag);
    json_close(&making->json, ']');
    json_field_text(&making->json, "summary", operation->summary);
    json_field_optional(&making->json, "x-permission", making->rights.permission);
    json_field_optional(&making->json, "x-scope", making->rights.scope);
    json_field_optional(&making->json, "x-record", making->rights.record);
    write_security(making, operation);
    write_parameters(making, operation);
    if (operation->takes)
        write_body(making, operation);
    write_responses(making, operation);
    json_close(&making->json, '}');
}

static void write_operation_at(struct making *making, size_t index)
{
    const struct openapi_description *description = making->description;
    making->rights = (struct openapi_rights){NULL, NULL, NULL};
    making->governed = description->rights && description->rights(index, &making->rights);
    write_operation(making, description->operation(index));
}

static bool is_first_of_path(const struct openapi_description *description, size_t index)
{
    const char *pattern = description->operation(index)->pattern;
    for (size_t i = 0; i < index; i++)
        if (strcmp(description->operation(i)->pattern, pattern) == 0)
            return false;
    return true;
}

static void write_paths(struct making *making)
{
    const struct openapi_description *description = making->description;
    const struct openapi_operation *first, *other;
    open_member(making, "paths");
    for (size_t i = 0; (first = description->operation(i)); i++) {
        if (!is_first_of_path(description, i))
            continue;
        open_member(making, first->pattern);
        for (size_t j = i; (other = description->operation(j)); j++)
            if (strcmp(other->pattern, first->pattern) == 0)
                write_operation_at(making, j);
        json_close(&making->json, '}');
    }
    json_close(&making->json, '}');
}

/* -- the document -- */

static void write_info(struct making *making)
{
    struct json *json = &making->json;
    json_name(json, "info");
    json_open(json, '{');
    json_field_text(json, "title", making->description->title);
    json_field_text(json, "version", QUANYU_VERSION);
    json_field_text(json, "description", making->description->summary);
    json_name(json, "license");
    json_open(json, '{');
    json_field_text(json, "name", "Apache-2.0");
    json_field_text(json, "identifier", "Apache-2.0");
    json_close(json, '}');
    json_close(json, '}');
}

static void write_document(struct making *making)
{
    static const char *const sections[] = {"schemas", "headers", "responses", "securitySchemes"};
    json_open(&making->json, '{');
    json_field_text(&making->json, "openapi", "3.1.0");
    write_info(making);
    json_name(&making->json, "servers");
    json_raw(&making->json, NULL, 0, "[{\"url\":\"/\"}]");
    write_tags(making);
    json_name(&making->json, "security");
    write_value(making, find(making, "security", making->description->security));
    write_paths(making);
    open_member(making, "components");
    for (size_t i = 0; i < COUNT_OF(sections); i++)
        write_section(making, sections[i]);
    json_close(&making->json, '}');
    json_close(&making->json, '}');
}

static int make_document(struct openapi *openapi, struct making *making)
{
    making->json = json_to(&openapi->text);
    write_document(making);
    int error = making->error ? making->error : buffer_error(&openapi->text);
    if (error)
        return error;
    openapi->document = yyjson_read((const char *)openapi->text.data, openapi->text.size, 0);
    return openapi->document ? 0 : -QY_ECORRUPT;
}

static void write_policy(struct openapi *openapi, struct bytes style)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, style.data, style.size);
    sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    snprintf(openapi->policy, sizeof(openapi->policy),
        "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors "
        "'none'",
        text);
}

static int make(struct openapi *openapi, struct making *making)
{
    int error = read_files(making, making->description->files);
    if (!error)
        error = read_files(making, common_openapi_files);
    if (!error)
        error = make_document(openapi, making);
    if (error)
        return error;
    struct bytes style = find_file(common_openapi_files, "page.css");
    write_policy(openapi, style);
    openapi_page_write(yyjson_doc_get_root(openapi->document), style, &openapi->page);
    return buffer_error(&openapi->page);
}

int openapi_open(const struct openapi_description *description, struct openapi **ret_openapi)
{
    struct making making = {.description = description};
    struct openapi *openapi = calloc(1, sizeof(*openapi));
    int error = openapi ? make(openapi, &making) : -QY_ENOMEM;
    for (size_t i = 0; i < making.file_count; i++)
        yyjson_doc_free(making.files[i]);
    if (error)
        openapi_close(&openapi);
    else
        *ret_openapi = openapi;
    return error;
}

void openapi_close(struct openapi **openapi)
{
    if (!*openapi)
        return;
    yyjson_doc_free((*openapi)->document);
    buffer_free(&(*openapi)->text);
    buffer_free(&(*openapi)->page);
    free(*openapi);
    *openapi = NULL;
}

struct bytes openapi_document(const struct openapi *openapi)
{
    return (struct bytes){openapi->text.data, openapi->text.size};
}

struct bytes openapi_page(const struct openapi *openapi)
{
    return (struct bytes){openapi->page.data, openapi->page.size};
}

const char *openapi_page_policy(const struct openapi *openapi)
{
    return openapi->policy;
}

yyjson_val *openapi_members(const struct openapi *openapi, const char *schema)
{
    yyjson_val *root = yyjson_doc_get_root(openapi->document);
    yyjson_val *schemas = yyjson_obj_get(yyjson_obj_get(root, "components"), "schemas");
    yyjson_val *found = yyjson_obj_get(schemas, schema);
    yyjson_val *others = yyjson_obj_get(found, "additionalProperties");
    return yyjson_is_false(others) ? yyjson_obj_get(found, "properties") : NULL;
}
