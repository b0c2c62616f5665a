/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json, written from the table of operations. */
#include "services/gateway/api.h"

#include <ctype.h>
#include <string.h>

/* What SDKs call; a letter is the short form of the name before it. */
static const char *const ingestion[] = {"/v1/identify", "/v1/i", "/v1/track", "/v1/t", "/v1/page", "/v1/p",
    "/v1/screen", "/v1/s", "/v1/group", "/v1/g", "/v1/alias", "/v1/a", "/v1/batch", "/v1/b", "/v1/import",
    "/beacon/v1/batch"};

static const struct {
    const char *path;
    const char *summary;
    const char *query;
    const char *type; /* of the answer */
} sdk_questions[] = {
    {"/v1/pixel/{type}", "Take one event in, base64 of its JSON; an image whatever becomes of it", "data",
        "image/gif"},
    {"/v1/projects/{writeKey}/settings", "What Segment's SDKs load first: where to send to", NULL,
        "application/json"},
    {"/sourceConfig/", "What RudderStack's SDKs load first", "writeKey", "application/json"},
};

static void write_parameter(struct json *json, const char *name, size_t size, const char *where)
{
    json_open(json, '{');
    json_name(json, "name");
    json_text_n(json, name, size);
    json_field_text(json, "in", where);
    json_field_bool(json, "required", strcmp(where, "path") == 0);
    json_name(json, "schema");
    json_raw(json, NULL, 0, "{\"type\":\"string\"}");
    json_close(json, '}');
}

static void write_parameters(struct json *json, const struct api_operation *operation)
{
    json_name(json, "parameters");
    json_open(json, '[');
    for (const char *at = strchr(operation->pattern, '{'); at; at = strchr(at + 1, '{'))
        write_parameter(json, at + 1, strcspn(at + 1, "}"), "path");
    for (const char *const *name = operation->queries; name && *name; name++)
        write_parameter(json, *name, strlen(*name), "query");
    if (operation->conditional)
        write_parameter(json, "If-Match", strlen("If-Match"), "header");
    json_close(json, ']');
}

static void write_body(struct json *json, const struct api_operation *operation)
{
    json_name(json, "requestBody");
    json_raw(json, NULL, 0,
        "{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"");
    json->comma = false;
    if (operation->members) {
        buffer_text(json->out, ",\"additionalProperties\":false,\"properties\":{");
        for (const char *const *name = operation->members; *name; name++) {
            json_name(json, *name);
            json_raw(json, NULL, 0, "{}");
        }
        buffer_byte(json->out, '}');
    }
    buffer_text(json->out, "}}}}");
    json->comma = true;
}

static void write_operation(struct json *json, const struct api_operation *operation)
{
    char method[8] = "";
    for (size_t i = 0; i + 1 < sizeof(method) && operation->method[i]; i++)
        method[i] = (char)tolower((unsigned char)operation->method[i]);
    json_name(json, method);
    json_open(json, '{');
    json_field_text(json, "summary", operation->summary);
    write_parameters(json, operation);
    if (operation->body == BODY_OBJECT)
        write_body(json, operation);
    json_name(json, "responses");
    json_raw(json, NULL, 0,
        "{\"default\":{\"$ref\":\"#/components/responses/problem\"},\"2XX\":{\"description\":\"done\"}}");
    if (operation->permission) {
        json_field_text(json, "x-permission", permission_name(operation->permission));
        json_field_text(json, "x-scope", api_scope_name(operation->scope));
    }
    if (operation->open) {
        json_name(json, "security");
        json_raw(json, NULL, 0, "[]");
    }
    json_close(json, '}');
}

static bool is_first_of_path(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(api_operations[i].pattern, api_operations[index].pattern) == 0)
            return false;
    return true;
}

static void write_ingestion(struct json *json)
{
    for (size_t i = 0; i < COUNT_OF(ingestion); i++) {
        json_name(json, ingestion[i]);
        json_raw(json, NULL, 0,
            "{\"post\":{\"summary\":\"Take events in; 200 when they are "
            "durable\",\"security\":[{\"writeKey\":[]}],"
            "\"requestBody\":{\"required\":true,\"content\":{\"application/"
            "json\":{\"schema\":{\"type\":\"object\"}}}},"
            "\"responses\":{\"200\":{\"description\":\"stored\"},"
            "\"default\":{\"$ref\":\"#/components/responses/problem\"}}}}");
    }
}

static void write_sdk_parameters(struct json *json, const char *path, const char *query)
{
    json_name(json, "parameters");
    json_open(json, '[');
    const char *name = strchr(path, '{');
    if (name)
        write_parameter(json, name + 1, strcspn(name + 1, "}"), "path");
    if (query)
        write_parameter(json, query, strlen(query), "query");
    json_close(json, ']');
}

/* A write key is all that they are asked for, and it stands in the address. */
static void write_sdk_questions(struct json *json)
{
    for (size_t i = 0; i < COUNT_OF(sdk_questions); i++) {
        json_name(json, sdk_questions[i].path);
        buffer_text(json->out, "{\"get\":");
        json->comma = false;
        json_open(json, '{');
        json_field_text(json, "summary", sdk_questions[i].summary);
        write_sdk_parameters(json, sdk_questions[i].path, sdk_questions[i].query);
        json_name(json, "security");
        json_raw(json, NULL, 0, "[]");
        json_name(json, "responses");
        json_open(json, '{');
        json_name(json, "200");
        json_raw(json, NULL, 0, "{\"description\":\"answered\",\"content\":{");
        json->comma = false;
        json_name(json, sdk_questions[i].type);
        json_raw(json, NULL, 0, "{}}}");
        json_name(json, "default");
        json_raw(json, NULL, 0, "{\"$ref\":\"#/components/responses/problem\"}");
        json_close(json, '}');
        json_close(json, '}');
        buffer_byte(json->out, '}');
        json->comma = true;
    }
}

int openapi_show(struct api_call *call)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "openapi", "3.1.0");
    json_name(&json, "info");
    json_open(&json, '{');
    json_field_text(&json, "title", "Quanyu");
    json_field_text(&json, "version", QUANYU_VERSION);
    json_close(&json, '}');
    json_name(&json, "security");
    json_raw(&json, NULL, 0, "[{\"token\":[]}]");
    json_name(&json, "paths");
    json_open(&json, '{');
    write_ingestion(&json);
    write_sdk_questions(&json);
    for (size_t i = 0; i < api_operation_count; i++) {
        if (!is_first_of_path(i))
            continue;
        json_name(&json, api_operations[i].pattern);
        json_open(&json, '{');
        for (size_t j = i; j < api_operation_count; j++)
            if (strcmp(api_operations[j].pattern, api_operations[i].pattern) == 0)
                write_operation(&json, &api_operations[j]);
        json_close(&json, '}');
    }
    json_close(&json, '}');
    json_name(&json, "components");
    json_raw(&json, NULL, 0,
        "{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
        "\"writeKey\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"the write key as the user "
        "name\"}},"
        "\"responses\":{\"problem\":{\"description\":\"RFC 9457\",\"content\":{\"application/problem+json\":"
        "{\"schema\":{\"type\":\"object\"}}}}}}");
    json_close(&json, '}');
    return 0;
}
