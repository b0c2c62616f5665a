/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/mail.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#define ADDRESS_BYTES_MAX 254
#define PLAIN_BYTES_MAX 60
#define WORD_BYTES_MAX 45 /* 60 in base64, with the frame around it 72: a line holds 76 */
#define LINE_BYTES 57     /* 76 in base64 */

bool mail_address_is_usable(const char *address)
{
    const char *at = strchr(address, '@');
    size_t size = strlen(address);
    if (!at || at == address || !at[1] || strchr(at + 1, '@') || size > ADDRESS_BYTES_MAX ||
        address[0] == '-')
        return false;
    for (const char *c = address; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7f || strchr("<>()[],;:\\\"", *c))
            return false;
    return true;
}

static bool is_plain(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return size <= PLAIN_BYTES_MAX && !strstr(text, "=?");
}

/* At most WORD_BYTES_MAX bytes that do not end within a character. */
static size_t word_size(const char *text, size_t size)
{
    if (size <= WORD_BYTES_MAX)
        return size;
    size_t end = WORD_BYTES_MAX;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    return end > 0 ? end : WORD_BYTES_MAX;
}

static void append_word(struct buffer *out, const char *text, size_t size)
{
    char encoded[sodium_base64_ENCODED_LEN(WORD_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)];
    unsigned char word[WORD_BYTES_MAX];
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        word[i] = c < 0x20 || c == 0x7f ? ' ' : c;
    }
    sodium_bin2base64(encoded, sizeof(encoded), word, size, sodium_base64_VARIANT_ORIGINAL);
    buffer_printf(out, "=?UTF-8?B?%s?=", encoded);
}

void mail_subject(const char *subject, struct buffer *out)
{
    buffer_text(out, "Subject: ");
    if (is_plain(subject)) {
        buffer_text(out, subject);
        return;
    }
    size_t left = strlen(subject);
    while (left > 0) {
        size_t size = word_size(subject, left);
        append_word(out, subject, size);
        subject += size;
        left -= size;
        if (left > 0)
            buffer_text(out, "\r\n ");
    }
}

void mail_date(int64_t wall_ms, struct buffer *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buffer_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday,
        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void mail_message_id(const char *id, const char *from, struct buffer *out)
{
    const char *at = strchr(from, '@');
    buffer_printf(out, "Message-ID: <%s@%s>", id, at ? at + 1 : "localhost");
}

/* -- the whole mail -- */

static void append_base64(struct buffer *out, const char *content)
{
    char line[sodium_base64_ENCODED_LEN(LINE_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    size_t left = strlen(content);
    while (left > 0) {
        size_t size = left < LINE_BYTES ? left : LINE_BYTES;
        sodium_bin2base64(line, sizeof(line), (const uint8_t *)content, size, sodium_base64_VARIANT_ORIGINAL);
        buffer_printf(out, "%s\r\n", line);
        content += size;
        left -= size;
    }
    sodium_memzero(line, sizeof(line));
}

/* With the empty line between headers and content: the whole mail's, where there is one part only. */
static void append_part(struct buffer *out, const char *type, const char *content)
{
    buffer_printf(out,
        "Content-Type: %s; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "\r\n",
        type);
    append_base64(out, content);
}

/* Plain text first: a reader shows the last alternative that it can (RFC 2046). */
static void append_alternatives(struct buffer *out, const struct mail *mail)
{
    /* No line of base64 contains an underscore. */
    buffer_printf(out, "Content-Type: multipart/alternative; boundary=\"=_%s\"\r\n", mail->id);
    buffer_printf(out, "\r\n--=_%s\r\n", mail->id);
    append_part(out, "text/plain", mail->text);
    buffer_printf(out, "--=_%s\r\n", mail->id);
    append_part(out, "text/html", mail->html);
    buffer_printf(out, "--=_%s--\r\n", mail->id);
}

void mail_compose(const struct mail *mail, struct buffer *out)
{
    mail_date(mail->wall_ms, out);
    buffer_text(out, "\r\n");
    mail_message_id(mail->id, mail->from, out);
    buffer_printf(out, "\r\nFrom: <%s>\r\nTo: <%s>\r\n", mail->from, mail->to);
    mail_subject(mail->subject, out);
    buffer_printf(out,
        "\r\nAuto-Submitted: auto-generated\r\n"
        "X-Quanyu-Delivery: %s\r\n"
        "MIME-Version: 1.0\r\n",
        mail->id);
    if (mail->text && mail->html)
        append_alternatives(out, mail);
    else if (mail->html)
        append_part(out, "text/html", mail->html);
    else
        append_part(out, "text/plain", mail->text ? mail->text : "");
}
