/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_pixel.h"

#include "common/error.h"

#include <stdio.h>
#include <string.h>

/* One transparent point. */
static const uint8_t image[] = {
    'G',
    'I',
    'F',
    '8',
    '9',
    'a',
    1,
    0,
    1,
    0,
    0x80,
    0,
    0,
    0,
    0,
    0,
    0xff,
    0xff,
    0xff, /* two colours */
    0x21,
    0xf9,
    4,
    1,
    0,
    0,
    0,
    0, /* the first is clear */
    0x2c,
    0,
    0,
    0,
    0,
    1,
    0,
    1,
    0,
    0,
    2,
    2,
    0x44,
    1,
    0,
    0x3b,
};

/* -- base64 -- */

/* 0 to 63, or -1. */
static int digit_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '+' || letter == '-' || letter == ' ')
        return 62;
    return letter == '/' || letter == '_' ? 63 : -1;
}

static bool is_break(char letter)
{
    return letter == '\r' || letter == '\n';
}

/* Without the line breaks and the padding at its end. */
static size_t trimmed(const char *text, size_t size)
{
    for (int padding = 0; size > 0; size--) {
        char last = text[size - 1];
        if (last == '=')
            padding++;
        if ((last != '=' && !is_break(last)) || padding > 2)
            break;
    }
    return size;
}

bool pixel_decode(const char *text, size_t size, struct buffer *out)
{
    uint32_t bits = 0;
    unsigned count = 0; /* of bits that wait */
    size_t digits = 0;
    size = trimmed(text, size);
    for (size_t i = 0; i < size; i++) {
        if (is_break(text[i]))
            continue;
        int digit = digit_of(text[i]);
        if (digit < 0)
            return false;
        digits++;
        bits = (bits & 0xff) << 6 | (uint32_t)digit;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        buffer_byte(out, (uint8_t)(bits >> count));
    }
    return digits > 0 && digits % 4 != 1 && !buffer_error(out);
}

/* -- the request -- */

const char *pixel_read(const struct http_request *request, struct buffer *ret_json)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    size_t room = strlen(http_query(request)) + 1;
    char *data = (char *)buffer_reserve(&text, room);
    if (!data)
        return "unavailable";
    int error = http_parameter(request, "data", data, room);
    if (error == -QY_ENOTFOUND)
        return "missing_data";
    if (error || !pixel_decode(data, strlen(data), ret_json))
        return buffer_error(ret_json) ? "unavailable" : "invalid_base64";
    (void)buffer_c_str(ret_json);
    return buffer_error(ret_json) ? "unavailable" : NULL;
}

const char *pixel_reason_of(int status)
{
    switch (status) {
    case 408:
        return "timeout";
    case 413:
    case 414:
    case 431:
        return "too_large";
    case 503:
        return "unavailable";
    default:
        return "malformed_request";
    }
}

/* Reasons are words of this program: there are few. */
static void count(struct gateway *gateway, const char *reason)
{
    char label[80];
    snprintf(label, sizeof(label), "reason=\"%s\"", reason);
    metric_add(metrics_series(service_metrics(gateway->service), METRIC_COUNTER, "quanyu_pixel_refused_total",
                   label, "Events in pixels that could not be kept; the answer was an image all the same."),
        1);
}

void pixel_answer(struct gateway *gateway, struct http_request *request, const char *reason)
{
    if (reason)
        count(gateway, reason);
    http_add_header(request, "Cache-Control", "no-store");
    http_respond(request, 200, "image/gif", image, sizeof(image));
}
