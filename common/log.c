/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/buffer.h"
#include "common/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_service = "quanyu";
static enum log_level log_least = LOG_INFO;
static bool log_as_json;
static _Thread_local const char *log_request;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_setup(const char *service, enum log_level level, bool json)
{
    log_service = service;
    log_least = level;
    log_as_json = json;
}

void log_set_request(const char *request_id)
{
    log_request = request_id;
}

/* The length of a value: up to a blank, or to the quote that ends it. */
static size_t value_size(const char *value)
{
    if (*value != '"')
        return strcspn(value, " ");
    const char *end = value + 1;
    while (*end && !(*end == '"' && (end[1] == ' ' || end[1] == '\0')))
        end++;
    return (size_t)(end - value) + (*end == '"');
}

/* `a=b c="d e"` to ,"a":"b","c":"d e". */
static void pairs_as_json(struct buffer *line, const char *pairs)
{
    while (*pairs) {
        size_t name = strcspn(pairs, "= ");
        if (pairs[name] == '=') {
            const char *value = pairs + name + 1;
            size_t size = value_size(value);
            bool quoted = size > 1 && value[0] == '"' && value[size - 1] == '"';
            buffer_byte(line, ',');
            buffer_json_string(line, pairs, name);
            buffer_byte(line, ':');
            buffer_json_string(line, value + quoted, size - 2 * (size_t)quoted);
            pairs = value + size;
        } else {
            pairs += name;
        }
        pairs += strspn(pairs, " ");
    }
}

void log_line(enum log_level level, const char *message, const char *pairs, ...)
{
    if (level < log_least)
        return;
    char values[2048];
    va_list arguments;
    va_start(arguments, pairs);
    vsnprintf(values, sizeof(values), pairs, arguments);
    va_end(arguments);

    char time[TIME_TEXT_BYTES];
    time_format(clock_wall_ms(), time);
    _cleanup_(buffer_free) struct buffer line = BUFFER_INIT;
    if (log_as_json) {
        buffer_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"service\":\"%s\",\"message\":", time,
            level_names[level], log_service);
        buffer_json_string(&line, message, strlen(message));
        if (log_request) {
            buffer_text(&line, ",\"request_id\":");
            buffer_json_string(&line, log_request, strlen(log_request));
        }
        pairs_as_json(&line, values);
        buffer_text(&line, "}\n");
    } else {
        buffer_printf(&line, "time=%s level=%s service=%s message=", time, level_names[level], log_service);
        buffer_json_string(&line, message, strlen(message));
        if (log_request)
            buffer_printf(&line, " request_id=%s", log_request);
        if (values[0])
            buffer_printf(&line, " %s", values);
        buffer_byte(&line, '\n');
    }
    if (!buffer_error(&line) && write(STDERR_FILENO, line.data, line.size) < 0)
        return; /* nowhere to say it */
}
