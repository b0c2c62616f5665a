/* SPDX-License-Identifier: Apache-2.0 */
#include "common/template.h"

#include "common/error.h"

#include <stdio.h>
#include <string.h>

static const char *const placeholder_names[PLACEHOLDER_COUNT] = {
    [PLACEHOLDER_ONE_ID] = "one_id",
    [PLACEHOLDER_NAME] = "name",
    [PLACEHOLDER_PHONE] = "phone",
    [PLACEHOLDER_EMAIL] = "email",
    [PLACEHOLDER_JOURNEY] = "journey",
    [PLACEHOLDER_STEP] = "step",
    [PLACEHOLDER_DELIVERY_ID] = "delivery_id",
};

/* The placeholder between "{{" and "}}", blanks around it allowed; PLACEHOLDER_COUNT when it is none of ours.
 */
static enum placeholder find_placeholder(const char *name, size_t size)
{
    while (size > 0 && name[0] == ' ') {
        name++;
        size--;
    }
    while (size > 0 && name[size - 1] == ' ')
        size--;
    for (unsigned i = 0; i < PLACEHOLDER_COUNT; i++)
        if (strlen(placeholder_names[i]) == size && memcmp(placeholder_names[i], name, size) == 0)
            return (enum placeholder)i;
    return PLACEHOLDER_COUNT;
}

int template_check(const char *text, unsigned *used, char problem[128])
{
    unsigned found = 0;
    for (const char *open = strstr(text, "{{"); open; open = strstr(open, "{{")) {
        open += 2;
        const char *close = strstr(open, "}}");
        if (!close) {
            snprintf(problem, 128, "a placeholder is not closed by }}");
            return -QY_EINVAL;
        }
        enum placeholder placeholder = find_placeholder(open, (size_t)(close - open));
        if (placeholder == PLACEHOLDER_COUNT) {
            snprintf(problem, 128, "unknown placeholder {{%.*s}}",
                (int)(close - open > 60 ? 60 : close - open), open);
            return -QY_EINVAL;
        }
        found |= PLACEHOLDER_BIT(placeholder);
        open = close + 2;
    }
    *used |= found;
    return 0;
}

static void append_html(struct buffer *out, const char *value)
{
    for (; *value; value++) {
        switch (*value) {
        case '&':
            buffer_text(out, "&amp;");
            break;
        case '<':
            buffer_text(out, "&lt;");
            break;
        case '>':
            buffer_text(out, "&gt;");
            break;
        case '"':
            buffer_text(out, "&quot;");
            break;
        case '\'':
            buffer_text(out, "&#39;");
            break;
        default:
            buffer_byte(out, (uint8_t)*value);
        }
    }
}

static void append_header(struct buffer *out, const char *value)
{
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        buffer_byte(out, c < 0x20 || c == 0x7f ? ' ' : c);
    }
}

/* The string's inside: buffer_json_string() without its quotes. */
static void append_json(struct buffer *out, const char *value)
{
    _cleanup_(buffer_free) struct buffer quoted = BUFFER_INIT;
    buffer_json_string(&quoted, value, strlen(value));
    if (buffer_error(&quoted))
        out->error = quoted.error;
    else
        buffer_append(out, quoted.data + 1, quoted.size - 2);
}

static void append_value(struct buffer *out, enum template_form form, const char *value)
{
    switch (form) {
    case TEMPLATE_TEXT:
        buffer_text(out, value);
        break;
    case TEMPLATE_JSON:
        append_json(out, value);
        break;
    case TEMPLATE_HTML:
        append_html(out, value);
        break;
    case TEMPLATE_HEADER:
        append_header(out, value);
        break;
    }
}

void template_render(const char *text, enum template_form form, const char *const values[PLACEHOLDER_COUNT],
    struct buffer *out)
{
    const char *open, *close;
    while ((open = strstr(text, "{{")) && (close = strstr(open, "}}"))) {
        buffer_append(out, text, (size_t)(open - text));
        enum placeholder placeholder = find_placeholder(open + 2, (size_t)(close - open - 2));
        if (placeholder != PLACEHOLDER_COUNT && values[placeholder])
            append_value(out, form, values[placeholder]);
        text = close + 2;
    }
    buffer_text(out, text);
}
