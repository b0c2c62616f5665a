/* SPDX-License-Identifier: Apache-2.0 */
/* What SDKs call, for the description; which path is what, ingest_route.c decides. */
#include "services/gateway/api.h"

#define NAMES(...)                                                                                           \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

#define CALL(path, name, schema, what)                                                                       \
    {"POST", path, name, "events", what, .takes = (schema), .gives = "Accepted", .security = "write_key",    \
        .headers = NAMES("X-RateLimit-Limit", "X-RateLimit-Remaining"), .others = {403, 413, 429},           \
        .refuses = "event"}
#define LETTER(path, name, schema, of) CALL(path, name "_short", schema, "Short form of " of)

#define QUESTION(path, name, what) "GET", path, name, "sdk", what, .headers = NAMES("Cache-Control")

const struct openapi_operation sdk_operations[] = {
    CALL("/v1/identify", "identify", "Identify", "Say who somebody is"),
    LETTER("/v1/i", "identify", "Identify", "/v1/identify"),
    CALL("/v1/track", "track", "Track", "Say what somebody did"),
    LETTER("/v1/t", "track", "Track", "/v1/track"),
    CALL("/v1/page", "page", "Page", "Say which page somebody saw"),
    LETTER("/v1/p", "page", "Page", "/v1/page"),
    CALL("/v1/screen", "screen", "Page", "Say which screen of an app somebody saw"),
    LETTER("/v1/s", "screen", "Page", "/v1/screen"),
    CALL("/v1/group", "group", "Group", "Say what somebody belongs to"),
    LETTER("/v1/g", "group", "Group", "/v1/group"),
    CALL("/v1/alias", "alias", "Alias", "Say that one id is another one"),
    LETTER("/v1/a", "alias", "Alias", "/v1/alias"),
    CALL("/v1/batch", "batch", "Batch", "Send several events at once"),
    LETTER("/v1/b", "batch", "Batch", "/v1/batch"),
    CALL("/v1/import", "import", "Batch",
        "Send history: it builds profiles and starts no journeys; with a write key that may import"),
    CALL("/beacon/v1/batch", "beacon", "Batch", "What RudderStack's browser SDK sends when a page is left"),
    {QUESTION("/v1/pixel/{type}", "pixel", "Take one event in; an image whatever becomes of it"),
        .type = "image/gif", .open = true, .queries = NAMES("data")},
    {QUESTION("/v1/projects/{writeKey}/settings", "sdk_settings",
         "What Segment's SDKs load first: where to send to"),
        .gives = "SdkSettings", .open = true, .others = {404, 503}},
    {QUESTION("/sourceConfig/", "sdk_source_config", "What RudderStack's SDKs load first"),
        .gives = "SourceConfig", .security = "write_key_asked", .open = true, .others = {404, 503}},
};

const size_t sdk_operation_count = COUNT_OF(sdk_operations);
