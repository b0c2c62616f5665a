/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: put together by whoever answers, sent by the connection's thread. */
#include "common/error.h"
#include "common/http_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a connection keeps between requests. */
#define ANSWER_KEPT ((size_t)16 * 1024)

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

static const char *status_text(int status)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "Unknown";
}

int http_status_of(int code)
{
    static const int by_code[QY_ERROR_COUNT] = {
        [QY_OK] = 200,
        [QY_EINVAL] = 400,
        [QY_EUNAUTHENTIC] = 401,
        [QY_EDENIED] = 403,
        [QY_ENOTFOUND] = 404,
        [QY_ECONFLICT] = 409,
        [QY_EEXISTS] = 409,
        [QY_ETOOLARGE] = 413,
        [QY_EFULL] = 503,
        [QY_EUNAVAILABLE] = 503,
        [QY_ETIMEOUT] = 503,
        [QY_ESTOPPED] = 503,
        [QY_ENOMEM] = 503,
        [QY_EOVERTAKEN] = 412,
    };
    int positive = code < 0 ? -code : code;
    return positive < QY_ERROR_COUNT && by_code[positive] ? by_code[positive] : 500;
}

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

void http_add_header(struct http_request *request, const char *name, const char *value)
{
    if (!is_clean(name) || !is_clean(value))
        return;
    buffer_text(&request->extra, name);
    buffer_append(&request->extra, ": ", 2);
    buffer_text(&request->extra, value);
    buffer_append(&request->extra, "\r\n", 2);
}

/* -- the head -- */

/* "Date: …\r\n", made anew once a second. */
static void append_date(struct buffer *out)
{
    static _Thread_local time_t second;
    static _Thread_local char line[48];
    static _Thread_local size_t size;
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    if (now != second) {
        struct tm tm;
        gmtime_r(&now, &tm);
        size = (size_t)snprintf(line, sizeof(line), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
            days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour,
            tm.tm_min, tm.tm_sec);
        second = now;
    }
    buffer_append(out, line, size);
}

static void append_text(struct buffer *out, const char *name, const char *value)
{
    buffer_text(out, name);
    buffer_text(out, value);
    buffer_append(out, "\r\n", 2);
}

static void append_head(struct http_request *request, int status, const char *content_type, size_t size)
{
    const struct http_connection *connection = connection_of(request);
    struct buffer *out = &request->answer;
    buffer_append(out, "HTTP/1.1 ", 9);
    buffer_unsigned(out, (size_t)status);
    append_text(out, " ", status_text(status));
    append_date(out);
    append_text(out, "X-Request-Id: ", request->id);
    if (content_type)
        append_text(out, "Content-Type: ", content_type);
    if (status != 204 && status != 304) {
        buffer_text(out, "Content-Length: ");
        buffer_unsigned(out, size);
        buffer_append(out, "\r\n", 2);
    }
    if (request->close || atomic_load_explicit(&connection->thread->server->stopping, memory_order_relaxed))
        buffer_text(out, "Connection: close\r\n");
    else if (connection->parser.llhttp.http_minor == 0)
        buffer_text(out, "Connection: keep-alive\r\n");
    buffer_append(out, request->extra.data, request->extra.size);
    buffer_append(out, "\r\n", 2);
}

void http_respond(
    struct http_request *request, int status, const char *content_type, const void *body, size_t size)
{
    struct http_connection *connection = connection_of(request);
    assert(!request->answered && status >= 200 && status < 600);
    request->answered = true;
    request->status = status;
    bool has_body = status != 204 && status != 304 && strcmp(http_method(request), "HEAD") != 0;
    buffer_reserve(&request->answer, 512 + request->extra.size + (has_body ? size : 0));
    append_head(request, status, content_type, size);
    if (has_body)
        buffer_append(&request->answer, body, size);
    if (buffer_error(&request->extra))
        request->answer.error = buffer_error(&request->extra);
    if (http_thread_here() == connection->thread && connection->in_handler)
        request->answered_here = true;
    else
        http_thread_post(request);
}

void http_problem(
    struct http_request *request, int status, const char *kind, const char *field, const char *format, ...)
{
    _cleanup_(free_pointer) char *detail = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&detail, format, arguments);
    va_end(arguments);
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    buffer_text(&body, "{\"type\":\"");
    buffer_text(&body, kind ? "urn:quanyu:problem:" : "about:blank");
    buffer_text(&body, kind ? kind : "");
    buffer_printf(&body, "\",\"title\":\"%s\",\"status\":%d,\"detail\":", status_text(status), status);
    if (size < 0)
        detail = NULL;
    buffer_json_string(&body, detail ? detail : "", detail ? (size_t)size : 0);
    if (field) {
        buffer_text(&body, ",\"field\":");
        buffer_json_string(&body, field, strlen(field));
    }
    buffer_printf(&body, ",\"request_id\":\"%s\"}\n", request->id);
    http_respond(request, status, "application/problem+json", body.data, body.size);
}

/* -- memory -- */

void http_request_clear(struct http_request *request)
{
    struct http_memory *memory = &connection_of(request)->thread->server->memory;
    if (request->decoded.capacity > 0)
        http_memory_free(memory, &request->decoded);
    if (request->answer.capacity > ANSWER_KEPT)
        buffer_free(&request->answer);
    buffer_clear(&request->answer);
    buffer_clear(&request->extra);
    request->is_decoded = request->answered = request->answered_here = request->close = false;
    request->client[0] = '\0';
}

void http_request_free(struct http_request *request, struct http_memory *memory)
{
    http_memory_free(memory, &request->decoded);
    buffer_free(&request->answer);
    buffer_free(&request->extra);
}
