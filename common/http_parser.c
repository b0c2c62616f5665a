/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_parser.h"

#include "common/http_target.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* What a connection keeps between requests. */
#define TEXT_KEPT ((size_t)16 * 1024)
#define BODY_KEPT ((size_t)4 * 1024)
/* A body gets this much at first, where more is announced; then as much again as has arrived. */
#define BODY_FIRST HTTP_MEMORY_FREE

/* Framing that each byte of a chunked body may cost: "1\r\n" and "\r\n" around a single one, and some zeros.
 */
#define FRAMING_PER_BYTE 8

static const struct {
    const char *name;
    size_t size;
} known_names[KNOWN_COUNT] = {
    [KNOWN_HOST] = {"host", 4},
    [KNOWN_CONTENT_LENGTH] = {"content-length", 14},
    [KNOWN_TRANSFER_ENCODING] = {"transfer-encoding", 17},
    [KNOWN_CONTENT_ENCODING] = {"content-encoding", 16},
    [KNOWN_CONTENT_TYPE] = {"content-type", 12},
    [KNOWN_EXPECT] = {"expect", 6},
    [KNOWN_AUTHORIZATION] = {"authorization", 13},
    [KNOWN_REQUEST_ID] = {"x-request-id", 12},
};

/* Returns what llhttp takes for "stop". */
static int refuse(struct http_parser *parser, int status, const char *fault)
{
    if (parser->status == 0) {
        parser->status = status;
        parser->fault = fault;
    }
    return -1;
}

/* -- the head, as llhttp reads it -- */

static bool terminate(struct http_parser *parser)
{
    buffer_byte(&parser->text, 0);
    return buffer_error(&parser->text) == 0;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = llhttp->data;
    if (parser->head_whole) /* a trailer: only counted */
        return 0;
    if (parser->field_count == HTTP_FIELDS_MAX)
        return refuse(parser, 431, "too many header fields");
    struct http_field *field = &parser->fields[parser->field_count];
    if (field->name_size == 0)
        field->name = (uint32_t)parser->text.size;
    field->name_size += (uint32_t)size;
    buffer_append(&parser->text, at, size);
    return 0;
}

static int on_field_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;
    if (parser->head_whole)
        return 0;
    if (!terminate(parser))
        return refuse(parser, 503, "out of memory");
    parser->fields[parser->field_count].value = (uint32_t)parser->text.size;
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = llhttp->data;
    if (!parser->head_whole)
        buffer_append(&parser->text, at, size);
    return 0;
}

static int note_known(struct http_parser *parser, const struct http_field *field)
{
    const char *name = http_parser_text(parser, field->name);
    for (int i = 0; i < KNOWN_COUNT; i++) {
        if (known_names[i].size != field->name_size ||
            strncasecmp(known_names[i].name, name, field->name_size) != 0)
            continue;
        if (parser->known[i] >= 0)
            return refuse(parser, 400, "a header field that must be single is repeated");
        parser->known[i] = (int)parser->field_count;
    }
    return 0;
}

static int on_value_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;
    if (parser->head_whole)
        return 0;
    struct http_field *field = &parser->fields[parser->field_count];
    struct buffer *text = &parser->text;
    while (text->size > field->value &&
           (text->data[text->size - 1] == ' ' || text->data[text->size - 1] == '\t'))
        text->size--;
    if (!terminate(parser))
        return refuse(parser, 503, "out of memory");
    if (note_known(parser, field))
        return -1;
    if (++parser->field_count < HTTP_FIELDS_MAX)
        parser->fields[parser->field_count] = (struct http_field){0};
    return 0;
}

/* An absolute target names the host itself; whoever sends two different ones is understood differently by whoever stands between. */
static bool is_host_of_target(const struct http_parser *parser, const char *host)
{
    const char *method = (const char *)parser->text.data, *target = method + strlen(method) + 1;
    const char *path = method + parser->path;
    if (target == path)
        return true;
    const char *authority = strstr(target, "//") + 2;
    return strlen(host) == (size_t)(path - authority) && strncasecmp(host, authority, strlen(host)) == 0;
}

static int check_host(struct http_parser *parser)
{
    const char *host = http_parser_known(parser, KNOWN_HOST);
    if (!host)
        return parser->llhttp.http_minor == 0 ? 0 : refuse(parser, 400, "the Host header field is missing");
    if (*host && !http_is_authority(host, strlen(host)))
        return refuse(parser, 400, "the Host header field is malformed");
    if (!is_host_of_target(parser, host))
        return refuse(parser, 400, "the request target and the Host header field name different hosts");
    return 0;
}

static int check_framing(struct http_parser *parser)
{
    const char *transfer = http_parser_known(parser, KNOWN_TRANSFER_ENCODING);
    if (transfer && (parser->llhttp.http_minor == 0 || http_parser_known(parser, KNOWN_CONTENT_LENGTH)))
        return refuse(parser, 400, "Transfer-Encoding is not allowed here");
    if (transfer && strcasecmp(transfer, "chunked") != 0)
        return refuse(parser, 501, "no Transfer-Encoding but chunked is known");
    if (!transfer && parser->llhttp.content_length > parser->limits->max_body_bytes)
        return refuse(parser, 413, "the body is too large");
    return 0;
}

static int check_expect(struct http_parser *parser)
{
    const char *expect = http_parser_known(parser, KNOWN_EXPECT);
    if (!expect || parser->llhttp.http_minor == 0)
        return 0;
    if (strcasecmp(expect, "100-continue") != 0)
        return refuse(parser, 417, "no expectation but 100-continue can be met");
    parser->expects_continue = (parser->llhttp.flags & F_CHUNKED) || parser->llhttp.content_length > 0;
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;
    if (buffer_error(&parser->text))
        return refuse(parser, 503, "out of memory");
    parser->head_whole = true;
    llhttp->upgrade = 0; /* nothing to upgrade to: the request is answered as if it had not asked */
    if (check_host(parser) || check_framing(parser) || check_expect(parser))
        return -1;
    return parser->expects_continue ? HPE_PAUSED : 0;
}

/* -- the body -- */

/* Room for `size` bytes now and some of the `left` ones that are announced beyond them: only what arrives
 * earns more. */
static int make_room(struct http_parser *parser, size_t size, uint64_t left)
{
    struct buffer *body = &parser->body;
    bool chunked = parser->llhttp.flags & F_CHUNKED;
    size_t most = chunked ? parser->limits->max_body_bytes + 1 : body->size + size + (size_t)left + 1;
    size_t room = size + 1;
    if (body->size + room <= body->capacity)
        return 0;
    if (room < BODY_FIRST && body->capacity == 0)
        room = left < BODY_FIRST - room ? room + (size_t)left : BODY_FIRST;
    if (room > most - body->size)
        room = most - body->size;
    return http_memory_grow(parser->limits->memory, body, room, most);
}

static int on_body(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = llhttp->data;
    struct buffer *body = &parser->body;
    if (size > parser->limits->max_body_bytes - body->size)
        return refuse(parser, 413, "the body is too large");
    if (make_room(parser, size, llhttp->content_length))
        return refuse(parser, 503, "too many large bodies at once");
    if ((const uint8_t *)at != body->data + body->size)
        memcpy(body->data + body->size, at, size);
    body->size += size;
    body->data[body->size] = 0;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;
    parser->whole = true;
    parser->keep_alive = llhttp_should_keep_alive(llhttp);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* -- feeding -- */

/* All but the buffers, the limits, and the fields' content. */
static void start(struct http_parser *parser)
{
    parser->line_size = parser->path = parser->query = 0;
    parser->field_count = 0;
    parser->fields[0] = (struct http_field){0};
    for (int i = 0; i < KNOWN_COUNT; i++)
        parser->known[i] = -1;
    parser->head_used = parser->framing_used = 0;
    parser->empty_line = false;
    parser->head_whole = parser->whole = parser->keep_alive = parser->expects_continue = false;
    parser->status = 0;
    parser->fault = NULL;
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
}

void http_parser_open(struct http_parser *parser, const struct http_limits *limits)
{
    *parser = (struct http_parser){.limits = limits};
    start(parser);
}

void http_parser_close(struct http_parser *parser)
{
    http_memory_free(parser->limits->memory, &parser->body);
    buffer_free(&parser->text);
}

void http_parser_reset(struct http_parser *parser)
{
    if (parser->text.capacity > TEXT_KEPT)
        buffer_free(&parser->text);
    if (parser->body.capacity > BODY_KEPT)
        http_memory_free(parser->limits->memory, &parser->body);
    buffer_clear(&parser->text);
    buffer_clear(&parser->body);
    start(parser);
}

bool http_parser_has_begun(const struct http_parser *parser)
{
    return parser->head_used > 0;
}

static bool is_method_served(uint8_t method)
{
    return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_POST || method == HTTP_PUT ||
           method == HTTP_PATCH || method == HTTP_DELETE || method == HTTP_OPTIONS;
}

/* "METHOD target HTTP/1.x" CRLF, with one blank each. Sets the target's and the version's first byte. */
static int check_line(struct http_parser *parser, char *line, size_t size, char **ret_target, char **ret_end)
{
    static const char version[] = " HTTP/1.1\r\n";
    const size_t version_size = sizeof(version) - 1;
    if (size < 2 || line[size - 2] != '\r')
        return refuse(parser, 400, "a line ends in a bare LF");
    char *target = memchr(line, ' ', size);
    char *end = line + size - (size < version_size ? size : version_size);
    if (!target || target >= end)
        return refuse(parser, 400, "the request line is malformed");
    if (memcmp(end, version, 6) == 0 && (memcmp(end, version, 8) != 0 || (end[8] != '0' && end[8] != '1')))
        return refuse(parser, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    target++;
    if (target == end || memcmp(end, version, 8) != 0 || memchr(target, ' ', (size_t)(end - target)))
        return refuse(parser, 400, "the request line is malformed");
    *ret_target = target;
    *ret_end = end;
    return 0;
}

/* Of a line that is refused: the method and the path, as far as they can be told, for whoever answers. */
static void note_target(struct http_parser *parser)
{
    struct buffer *text = &parser->text;
    if (text->size == 0 || !terminate(parser))
        return;
    char *line = (char *)text->data;
    char *target = strchr(line, ' ');
    if (!target || target[1] != '/')
        return;
    *target++ = 0;
    char *end = target + strcspn(target, "? \r\n");
    *end = 0;
    parser->line_size = text->size;
    parser->path = (size_t)(target - line);
    parser->query = (size_t)(end - line);
}

/* Checks the line, shows it to llhttp, and cuts it into texts. */
static int take_line(struct http_parser *parser)
{
    char *line = (char *)parser->text.data, *target, *end;
    size_t size = parser->text.size;
    if (check_line(parser, line, size, &target, &end))
        return -1;
    if (llhttp_execute(&parser->llhttp, line, size) != HPE_OK)
        return refuse(parser, 400, llhttp_get_error_reason(&parser->llhttp));
    parser->line_size = size;
    target[-1] = *end = 0;
    if (!is_method_served(parser->llhttp.method))
        return refuse(parser, 501, "the method is not served here");
    size_t path, query;
    const char *fault = http_target_split(target, (size_t)(end - target), &path, &query);
    parser->path = (size_t)(target - line) + path;
    parser->query = (size_t)(target - line) + query;
    return fault ? refuse(parser, 400, fault) : 0;
}

/* Gathers the request line. One empty line before it is forgiven, as RFC 9112 asks. */
static int feed_line(struct http_parser *parser, const uint8_t *data, size_t size, size_t *ret_used)
{
    struct buffer *text = &parser->text;
    const uint8_t *newline = memchr(data, '\n', size);
    size_t used = newline ? (size_t)(newline - data) + 1 : size;
    size_t most = parser->limits->max_header_bytes - text->size;
    buffer_append(text, data, used < most ? used : most);
    if (used > most)
        return refuse(parser, 414, "the request target is too long");
    *ret_used = used;
    if (buffer_error(text))
        return refuse(parser, 503, "out of memory");
    if (!(text->data[0] >= 'A' && text->data[0] <= 'Z') && (text->data[0] != '\r' || parser->empty_line))
        return refuse(parser, 400, "this is not an HTTP request");
    if (text->data[0] == '\r' && text->size > 1) {
        if (text->data[1] != '\n')
            return refuse(parser, 400, "this is not an HTTP request");
        parser->empty_line = true;
        buffer_clear(text);
        return 0;
    }
    parser->head_used = text->size;
    return newline ? take_line(parser) : 0;
}

/* Lets llhttp read on; `size` bytes at most belong to what has a limit. */
static enum http_step feed_llhttp(
    struct http_parser *parser, const uint8_t *data, size_t size, size_t *ret_used)
{
    llhttp_errno_t result = llhttp_execute(&parser->llhttp, (const char *)data, size);
    if (result == HPE_OK) {
        *ret_used = size;
        return HTTP_STEP_MORE;
    }
    const uint8_t *stop = (const uint8_t *)llhttp_get_error_pos(&parser->llhttp);
    *ret_used = stop >= data && stop <= data + size ? (size_t)(stop - data) : size;
    if (result != HPE_PAUSED) {
        refuse(parser, 400, llhttp_get_error_reason(&parser->llhttp));
        return HTTP_STEP_REFUSED;
    }
    llhttp_resume(&parser->llhttp);
    return parser->whole ? HTTP_STEP_REQUEST : HTTP_STEP_CONTINUE;
}

/* The head may take what is left of its limit; beyond the head's end that does no harm. */
static enum http_step feed_head(
    struct http_parser *parser, const uint8_t *data, size_t size, size_t *ret_used)
{
    size_t most = parser->limits->max_header_bytes - parser->head_used;
    if (most == 0) {
        refuse(parser, 431, "the header is too large");
        return HTTP_STEP_REFUSED;
    }
    enum http_step step = feed_llhttp(parser, data, size < most ? size : most, ret_used);
    parser->head_used += *ret_used;
    return step;
}

static enum http_step feed_body(
    struct http_parser *parser, const uint8_t *data, size_t size, size_t *ret_used)
{
    size_t before = parser->body.size;
    enum http_step step = feed_llhttp(parser, data, size, ret_used);
    parser->framing_used += *ret_used - (parser->body.size - before);
    if (step == HTTP_STEP_MORE &&
        parser->framing_used > parser->limits->max_header_bytes + FRAMING_PER_BYTE * parser->body.size) {
        refuse(parser, 413, "the body's framing is too large");
        return HTTP_STEP_REFUSED;
    }
    return step;
}

enum http_step http_parser_feed(
    struct http_parser *parser, const uint8_t *data, size_t size, size_t *ret_used)
{
    assert(!parser->whole && parser->status == 0);
    enum http_step step = HTTP_STEP_MORE;
    *ret_used = 0;
    while (step == HTTP_STEP_MORE && *ret_used < size) {
        size_t used = 0;
        const uint8_t *rest = data + *ret_used;
        if (parser->line_size == 0)
            step = feed_line(parser, rest, size - *ret_used, &used) ? HTTP_STEP_REFUSED : HTTP_STEP_MORE;
        else if (!parser->head_whole)
            step = feed_head(parser, rest, size - *ret_used, &used);
        else
            step = feed_body(parser, rest, size - *ret_used, &used);
        *ret_used += used;
    }
    if (step == HTTP_STEP_REFUSED && parser->line_size == 0)
        note_target(parser);
    return step;
}

uint8_t *http_parser_room(struct http_parser *parser, size_t least, size_t *ret_size)
{
    uint64_t left = parser->llhttp.content_length;
    assert(least > 0);
    if (!parser->head_whole || parser->whole || (parser->llhttp.flags & F_CHUNKED) || left < least)
        return NULL;
    struct buffer *body = &parser->body;
    if (make_room(parser, least, left - least))
        return NULL;
    size_t room = body->capacity - body->size - 1;
    *ret_size = left < room ? (size_t)left : room;
    return body->data + body->size;
}

const char *http_parser_known(const struct http_parser *parser, enum http_known known)
{
    int index = parser->known[known];
    return index < 0 ? NULL : http_parser_text(parser, parser->fields[index].value);
}

const char *http_parser_field(const struct http_parser *parser, const char *name)
{
    size_t size = strlen(name);
    for (unsigned i = 0; i < parser->field_count; i++) {
        const struct http_field *field = &parser->fields[i];
        if (field->name_size == size && strncasecmp(http_parser_text(parser, field->name), name, size) == 0)
            return http_parser_text(parser, field->value);
    }
    return NULL;
}

const char *http_parser_field_before(const struct http_parser *parser, const char *name, unsigned *before)
{
    size_t size = strlen(name);
    while (*before > 0) {
        const struct http_field *field = &parser->fields[--*before];
        if (field->name_size == size && strncasecmp(http_parser_text(parser, field->name), name, size) == 0)
            return http_parser_text(parser, field->value);
    }
    return NULL;
}

const char *http_parser_method(const struct http_parser *parser)
{
    return parser->line_size ? http_parser_text(parser, 0) : "";
}
