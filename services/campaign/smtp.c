/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/smtp.h"

#include "common/error.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COMMAND_BYTES (SMTP_ADDRESS_BYTES + 64)
#define HEARD_BYTES_MAX ((size_t)64 * 1024) /* a server that says more than that wants something else */
#define CODE_BYTES 4                        /* three digits, and whether more lines follow */

enum stage { STAGE_MAIL, STAGE_RCPT, STAGE_DATA, STAGE_CONTENT };

struct smtp {
    enum smtp_state state;
    enum stage stage; /* what was said last */
    char from[SMTP_ADDRESS_BYTES];
    char to[SMTP_ADDRESS_BYTES];
    struct buffer content; /* as it travels: dots doubled, its end marked */
    bool offers_utf8;
    bool offers_size;
    char command[COMMAND_BYTES];
    struct bytes output; /* left of the command or the content */
    long status;
    size_t heard;
    char code[CODE_BYTES]; /* of the line that is coming in */
    size_t line_size;
};

/* -- what the server offers -- */

static bool is_keyword(const char *line, size_t size, const char *keyword)
{
    size_t length = strlen(keyword);
    if (size < CODE_BYTES + length || strncasecmp(line + CODE_BYTES, keyword, length) != 0)
        return false;
    return size == CODE_BYTES + length || strchr(" \r\n", line[CODE_BYTES + length]);
}

void smtp_overhear(struct smtp *smtp, const char *line, size_t size)
{
    /* The greeting, or the start of TLS: what was offered before it does not count (RFC 3207). */
    if (size >= 3 && memcmp(line, "220", 3) == 0)
        smtp->offers_utf8 = smtp->offers_size = false;
    if (size < 3 || memcmp(line, "250", 3) != 0)
        return;
    smtp->offers_utf8 |= is_keyword(line, size, "SMTPUTF8");
    smtp->offers_size |= is_keyword(line, size, "SIZE");
}

/* -- what is said -- */

static void say(struct smtp *smtp, const char *text)
{
    smtp->output = (struct bytes){(const uint8_t *)text, strlen(text)};
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

void smtp_begin(struct smtp *smtp)
{
    char size[32] = "";
    bool needs_utf8 = !is_ascii(smtp->from) || !is_ascii(smtp->to);
    if (smtp->offers_size)
        snprintf(size, sizeof(size), " SIZE=%zu", smtp->content.size);
    snprintf(smtp->command, sizeof(smtp->command), "MAIL FROM:<%s>%s%s\r\n", smtp->from, size,
        needs_utf8 && smtp->offers_utf8 ? " SMTPUTF8" : "");
    say(smtp, smtp->command);
}

static void say_next(struct smtp *smtp)
{
    switch (++smtp->stage) {
    case STAGE_MAIL:
        break;
    case STAGE_RCPT:
        snprintf(smtp->command, sizeof(smtp->command), "RCPT TO:<%s>\r\n", smtp->to);
        say(smtp, smtp->command);
        break;
    case STAGE_DATA:
        say(smtp, "DATA\r\n");
        break;
    case STAGE_CONTENT:
        smtp->output = (struct bytes){smtp->content.data, smtp->content.size};
        break;
    }
}

struct bytes smtp_output(const struct smtp *smtp)
{
    return smtp->output;
}

void smtp_said(struct smtp *smtp, size_t size)
{
    smtp->output.data += size;
    smtp->output.size -= size;
}

/* -- what is heard -- */

static void end(struct smtp *smtp, enum smtp_state state)
{
    smtp->state = state;
    say(smtp, state == SMTP_BROKEN ? "" : "QUIT\r\n");
}

static bool goes_on(enum stage stage, long status)
{
    return stage == STAGE_DATA ? status == 354 : status >= 200 && status < 300;
}

static void take_answer(struct smtp *smtp, long status)
{
    smtp->status = status;
    if (status >= 400) /* at any moment: a server that ends a connection says so */
        end(smtp, SMTP_REFUSED);
    else if (smtp->output.size > 0 || !goes_on(smtp->stage, status))
        end(smtp, SMTP_BROKEN);
    else if (smtp->stage == STAGE_CONTENT)
        end(smtp, SMTP_TAKEN);
    else
        say_next(smtp);
}

static void take_line(struct smtp *smtp)
{
    const char *code = smtp->code;
    long status = 0;
    bool is_code = smtp->line_size >= 3 && code[0] >= '2' && code[0] <= '5' &&
                   (smtp->line_size == 3 || code[3] == ' ' || code[3] == '-');
    for (int i = 0; i < 3 && is_code; i++) {
        is_code = code[i] >= '0' && code[i] <= '9';
        status = status * 10 + (code[i] - '0');
    }
    bool is_last = smtp->line_size == 3 || code[3] == ' ';
    smtp->line_size = 0;
    if (!is_code)
        end(smtp, SMTP_BROKEN);
    else if (is_last)
        take_answer(smtp, status);
}

void smtp_hear(struct smtp *smtp, const char *data, size_t size)
{
    smtp->heard += size;
    if (smtp->heard > HEARD_BYTES_MAX)
        end(smtp, SMTP_BROKEN);
    for (size_t i = 0; i < size && smtp->state == SMTP_UNDER_WAY; i++) {
        if (data[i] == '\n') {
            take_line(smtp);
        } else if (data[i] != '\r') {
            if (smtp->line_size < CODE_BYTES)
                smtp->code[smtp->line_size] = data[i];
            smtp->line_size++;
        }
    }
}

enum smtp_state smtp_state(const struct smtp *smtp)
{
    return smtp->state;
}

long smtp_status(const struct smtp *smtp)
{
    return smtp->status;
}

bool smtp_may_be_taken(const struct smtp *smtp)
{
    return smtp->stage == STAGE_CONTENT;
}

/* -- opening and closing -- */

/* A line that begins with a dot gets another one (RFC 5321, 4.5.2). */
static void copy_content(struct buffer *out, const struct buffer *content)
{
    const uint8_t *at = content->data, *stop = at + content->size;
    buffer_reserve(out, content->size + content->size / 64 + 16); /* seldom moved: moving leaves a copy */
    while (at < stop) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(stop - at));
        size_t size = line_end ? (size_t)(line_end - at) + 1 : (size_t)(stop - at);
        if (*at == '.')
            buffer_byte(out, '.');
        buffer_append(out, at, size);
        at += size;
    }
    if (content->size == 0 || content->data[content->size - 1] != '\n')
        buffer_text(out, "\r\n");
    buffer_text(out, ".\r\n");
}

int smtp_open(const char *from, const char *to, const struct buffer *content, struct smtp **ret_smtp)
{
    if (strlen(from) >= SMTP_ADDRESS_BYTES || strlen(to) >= SMTP_ADDRESS_BYTES)
        return -QY_EINVAL;
    _cleanup_(smtp_close) struct smtp *smtp = calloc(1, sizeof(*smtp));
    if (!smtp)
        return -QY_ENOMEM;
    memcpy(smtp->from, from, strlen(from));
    memcpy(smtp->to, to, strlen(to));
    copy_content(&smtp->content, content);
    if (buffer_error(&smtp->content))
        return -QY_ENOMEM;
    *ret_smtp = TAKE(smtp);
    return 0;
}

void smtp_close(struct smtp **smtp)
{
    if (!*smtp)
        return;
    if ((*smtp)->content.data)
        sodium_memzero((*smtp)->content.data, (*smtp)->content.capacity);
    buffer_free(&(*smtp)->content);
    sodium_memzero(*smtp, sizeof(**smtp));
    free(*smtp);
    *smtp = NULL;
}
