/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_settings.h"

#include "common/error.h"
#include "services/gateway/ingest_key.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Each page of a shop asks; a browser may go by what it has been told for so long. */
#define CACHE "private, max-age=120"

/* -- where -- */

static void place_of_url(const char *url, struct public_place *place)
{
    const char *host = strstr(url, "://");
    place->protocol = strncasecmp(url, "https:", 6) == 0 ? "https" : "http";
    snprintf(place->host, sizeof(place->host), "%.299s", host ? host + 3 : url);
    size_t size = strlen(place->host);
    while (size > 0 && place->host[size - 1] == '/')
        place->host[--size] = '\0';
}

void settings_place(
    const struct http_request *request, const char *public_url, struct public_place *ret_place)
{
    if (*public_url) {
        place_of_url(public_url, ret_place);
        return;
    }
    const char *host = http_header(request, "Host");
    ret_place->protocol = http_scheme(request);
    snprintf(ret_place->host, sizeof(ret_place->host), "%.299s", host ? host : "");
}

/* -- what -- */

static void field_raw(struct json *json, const char *name, const char *text)
{
    json_name(json, name);
    json_raw(json, text, strlen(text), "");
}

/* Nothing is loaded from elsewhere and nothing is sent elsewhere: no destinations, no metrics, no edge
 * functions. Kotlin's and Swift's readers want each of the objects to be there. */
void settings_write(struct json *json, const char *write_key, const struct public_place *place)
{
    char host[304];
    snprintf(host, sizeof(host), "%s/v1", place->host);
    json_open(json, '{');
    json_name(json, "integrations");
    json_open(json, '{');
    json_name(json, "Segment.io");
    json_open(json, '{');
    json_field_text(json, "apiKey", write_key);
    json_field_text(json, "apiHost", host);
    json_field_text(json, "protocol", place->protocol);
    field_raw(json, "unbundledIntegrations", "[]");
    json_field_bool(json, "addBundledMetadata", true);
    field_raw(json, "maybeBundledConfigIds", "{}");
    json_close(json, '}');
    json_close(json, '}');
    json_name(json, "metrics");
    json_open(json, '{');
    json_field_integer(json, "sampleRate", 0);
    json_field_text(json, "host", host);
    json_field_text(json, "protocol", place->protocol);
    json_close(json, '}');
    field_raw(json, "plan",
        "{\"track\":{\"__default\":{\"enabled\":true,\"integrations\":{}}},"
        "\"identify\":{\"__default\":{\"enabled\":true}},\"group\":{\"__default\":{\"enabled\":true}}}");
    field_raw(json, "edgeFunction", "{}");
    field_raw(json, "middlewareSettings", "{\"routingRules\":[]}");
    field_raw(json, "enabledMiddleware", "{}");
    field_raw(json, "remotePlugins", "[]");
    json_field_bool(json, "legacyVideoPluginsEnabled", false);
    json_field_bool(json, "analyticsNextEnabled", true);
    json_close(json, '}');
}

void source_config_write(struct json *json, const char *write_key, uint32_t source)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", source);
    json_open(json, '{');
    json_name(json, "source");
    json_open(json, '{');
    json_field_text(json, "id", id);
    json_field_text(json, "name", id);
    json_field_text(json, "writeKey", write_key);
    json_field_text(json, "workspaceId", "quanyu");
    json_field_bool(json, "enabled", true);
    field_raw(json, "config",
        "{\"statsCollection\":{\"errors\":{\"enabled\":false},\"metrics\":{\"enabled\":false}}}");
    field_raw(json, "destinations", "[]");
    field_raw(json, "connections", "[]");
    field_raw(json, "dataplanes", "{}");
    json_close(json, '}');
    json_close(json, '}');
}

/* -- answers -- */

static void answer_json(struct http_request *request, struct buffer *body)
{
    if (buffer_error(body)) {
        http_add_header(request, "Retry-After", "5");
        http_problem(request, 503, "unavailable", NULL, "out of memory; try again");
        return;
    }
    http_add_header(request, "Cache-Control", CACHE);
    http_respond(request, 200, "application/json", body->data, body->size);
}

static void refuse(struct http_request *request, const struct ingest_key_refusal *refusal)
{
    http_problem(request, 404, refusal->kind, refusal->field, "%s", refusal->detail);
}

static void answer_settings(
    struct gateway *gateway, struct http_request *request, const char *key, struct buffer *body)
{
    struct public_place place;
    settings_place(request, config_text(service_config(gateway->service), "gateway.public_url"), &place);
    struct json json = json_to(body);
    settings_write(&json, key, &place);
    answer_json(request, body);
}

void settings_answer(struct gateway *gateway, struct http_request *request, const struct ingest_route *route)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    char key[INGEST_KEY_BYTES] = "";
    const struct write_key *write_key;
    struct ingest_key_refusal refusal;
    struct ingest_thread *thread = ingest_thread_here();
    if (route->kind == ROUTE_SOURCE_CONFIG)
        (void)ingest_read_key(request, NULL, key);
    else if (route->key_size < sizeof(key))
        memcpy(key, route->key, route->key_size);
    if (!thread) {
        http_add_header(request, "Retry-After", "5");
        http_problem(request, 503, "unavailable", NULL, "out of memory; try again");
    } else if (!ingest_check_key(gateway, thread, key, &write_key, &refusal)) {
        refuse(request, &refusal);
    } else if (route->kind == ROUTE_SETTINGS) {
        answer_settings(gateway, request, key, &body);
    } else {
        struct json json = json_to(&body);
        source_config_write(&json, key, write_key->row->source);
        answer_json(request, &body);
    }
}
