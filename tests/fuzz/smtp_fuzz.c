/* SPDX-License-Identifier: Apache-2.0 */
/* A mail server that says anything, in pieces of any size; the first byte says how its words are cut, and how
 * much of ours it takes at once. The dialogue stays within RFC 5321, and ends. */
#include "services/campaign/smtp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

/* A line that is a dot alone would end the mail before its end. */
static void check_content(struct bytes said)
{
    static const char end[] = "\r\n.\r\n";
    if (said.size < sizeof(end) - 1 ||
        memcmp(said.data + said.size - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
        return;
    check(memmem(said.data, said.size - 1, end, sizeof(end) - 1) == NULL);
}

static void say(struct smtp *smtp, size_t most)
{
    struct bytes out = smtp_output(smtp);
    check_content(out);
    size_t part = out.size < most ? out.size : most;
    if (part > 0)
        smtp_said(smtp, part);
    check(smtp_output(smtp).size == out.size - part);
}

static void talk(struct smtp *smtp, const uint8_t *data, size_t size, size_t piece, size_t most)
{
    smtp_begin(smtp);
    for (size_t at = 0; at < size && smtp_state(smtp) == SMTP_UNDER_WAY; at += piece) {
        say(smtp, most);
        smtp_hear(smtp, (const char *)data + at, size - at < piece ? size - at : piece);
    }
    enum smtp_state state = smtp_state(smtp);
    check(state != SMTP_TAKEN || (smtp_may_be_taken(smtp) && smtp_status(smtp) / 100 == 2));
    check(state != SMTP_REFUSED || smtp_status(smtp) >= 400);
    check(smtp_status(smtp) >= 0 && smtp_status(smtp) < 600);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const recipients[] = {"li@example.com", "l\xc3\xad@example.com"};
    static const char text[] = "Subject: x\r\n\r\n.\r\n..\r\nend";
    if (size < 2)
        return 0;
    const uint8_t *line_end = memchr(data + 2, '\n', size - 2);
    size_t overheard = line_end ? (size_t)(line_end - data) - 1 : 0;
    struct buffer content = BUFFER_INIT;
    buffer_text(&content, text);
    struct smtp *smtp = NULL;
    if (smtp_open("shop@example.com", recipients[data[1] & 1], &content, &smtp) == 0) {
        smtp_overhear(smtp, (const char *)data + 2, overheard);
        size_t most = data[1] & 2 ? SIZE_MAX : 7;
        talk(smtp, data + 2 + overheard, size - 2 - overheard, data[0] ? data[0] : size, most);
    }
    smtp_close(&smtp);
    buffer_free(&content);
    return 0;
}
