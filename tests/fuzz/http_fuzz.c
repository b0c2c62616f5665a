/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in pieces of any size, through the request parser, the query decoder and the body decoder. The
 * first byte of the input says how the rest is cut. */
#include "common/http_inflate.h"
#include "common/http_parser.h"
#include "common/http_target.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

static void look_at_request(const struct http_parser *parser, const struct http_limits *limits)
{
    char value[64];
    const char *path = http_parser_text(parser, parser->path);
    check(*path == '/' && strlen(http_parser_method(parser)) >= 3);
    check(parser->body.size <= limits->max_body_bytes && parser->field_count <= HTTP_FIELDS_MAX);
    check(parser->head_used <= limits->max_header_bytes);
    http_query_parameter(http_parser_text(parser, parser->query), "a", value, sizeof(value));
    http_parser_field(parser, "x");
}

static void look_at_body(const struct http_parser *parser, const struct http_limits *limits)
{
    enum http_coding coding = http_coding_of(http_parser_known(parser, KNOWN_CONTENT_ENCODING));
    if (parser->body.size == 0 || (coding != CODING_GZIP && coding != CODING_DEFLATE))
        return;
    static struct http_inflater *inflater;
    if (!inflater)
        check(http_inflater_open(&inflater) == 0);
    struct buffer decoded = BUFFER_INIT;
    struct bytes body = {parser->body.data, parser->body.size};
    if (http_inflate(inflater, coding, body, limits->max_body_bytes, limits->memory, &decoded) == 0)
        check(decoded.size <= limits->max_body_bytes && decoded.data[decoded.size] == 0);
    http_memory_free(limits->memory, &decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_memory memory = {.most = 1 << 20};
    const struct http_limits limits = {.max_header_bytes = 2048, .max_body_bytes = 65536, .memory = &memory};
    if (size == 0)
        return 0;
    size_t piece = *data ? *data : SIZE_MAX, at = 1;
    struct http_parser parser;
    http_parser_open(&parser, &limits);
    enum http_step step = HTTP_STEP_MORE;
    while (at < size && step != HTTP_STEP_REFUSED) {
        size_t part = size - at < piece ? size - at : piece, used = 0;
        step = http_parser_feed(&parser, data + at, part, &used);
        check(used <= part && (step != HTTP_STEP_MORE || used == part));
        at += used;
        if (step == HTTP_STEP_REQUEST) {
            look_at_request(&parser, &limits);
            look_at_body(&parser, &limits);
            http_parser_reset(&parser);
        }
    }
    check(step != HTTP_STEP_REFUSED || (parser.status >= 400 && parser.fault));
    http_parser_close(&parser);
    check(memory.held == 0);
    return 0;
}
