/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/transfer.h"

#include "common/clock.h"
#include "services/campaign/mail.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS_MAX 5000L

struct transfer {
    struct job *job;
    CURL *curl;
    struct curl_slist *headers;
    struct curl_slist *recipients;
    curl_mime *mime;
    struct buffer body;
    bool failed; /* libcurl could not take an option or memory was out */
};

void outcome_set(struct outcome *outcome, enum outcome_kind kind, const char *format, ...)
{
    *outcome = (struct outcome){.kind = kind};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(outcome->reason, sizeof(outcome->reason), format, arguments);
    va_end(arguments);
}

/* -- building -- */

#define SET(transfer, option, value)                                                                         \
    ((transfer)->failed |= curl_easy_setopt((transfer)->curl, option, value) != CURLE_OK)

static void add_to(struct transfer *transfer, struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
    else
        transfer->failed = true;
}

static void add_header(struct transfer *transfer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_header(struct transfer *transfer, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    add_to(transfer, &transfer->headers, line);
}

static size_t drop_answer(char *data, size_t size, size_t count, void *self)
{
    (void)data;
    (void)self;
    return size * count;
}

static void set_common(struct transfer *transfer, const struct transfer_options *options)
{
    long timeout = (long)options->timeout_ms;
    SET(transfer, CURLOPT_PRIVATE, transfer);
    SET(transfer, CURLOPT_NOSIGNAL, 1L);
    SET(transfer, CURLOPT_TIMEOUT_MS, timeout);
    SET(transfer, CURLOPT_CONNECTTIMEOUT_MS, timeout < CONNECT_MS_MAX ? timeout : CONNECT_MS_MAX);
    SET(transfer, CURLOPT_FRESH_CONNECT, 1L);
    SET(transfer, CURLOPT_FORBID_REUSE, 1L);
    SET(transfer, CURLOPT_WRITEFUNCTION, drop_answer);
}

static void sign(struct transfer *transfer)
{
    char timestamp[24];
    snprintf(timestamp, sizeof(timestamp), "%" PRId64 ".", clock_wall_ms() / 1000);
    size_t length = strlen(timestamp);
    const char *secret = transfer->job->message.secret;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[sizeof(mac) * 2 + 1];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)timestamp, length);
    crypto_auth_hmacsha256_update(&state, transfer->body.data, transfer->body.size);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    add_header(transfer, "X-Quanyu-Timestamp: %.*s", (int)length - 1, timestamp);
    add_header(transfer, "X-Quanyu-Signature: v1=%s", hex);
}

static void build_webhook(struct transfer *transfer)
{
    const struct job *job = transfer->job;
    const char *values[PLACEHOLDER_COUNT];
    job_values(job, values);
    template_render(job->message.content, TEMPLATE_JSON, values, &transfer->body);
    if (buffer_error(&transfer->body)) {
        transfer->failed = true;
        return;
    }
    add_header(transfer, "Content-Type: application/json");
    add_header(transfer, "Expect:"); /* no waiting for 100 Continue */
    add_header(transfer, "Idempotency-Key: %s", job->id);
    add_header(transfer, "X-Quanyu-Journey: %s", job->journey);
    add_header(transfer, "X-Quanyu-Step: %s", job->step);
    sign(transfer);
    SET(transfer, CURLOPT_URL, job->message.url);
    SET(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(transfer, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(transfer, CURLOPT_FOLLOWLOCATION, 0L);
    SET(transfer, CURLOPT_USERAGENT, "Quanyu/" QUANYU_VERSION);
    SET(transfer, CURLOPT_POST, 1L);
    SET(transfer, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.size);
    SET(transfer, CURLOPT_POSTFIELDS, (const char *)transfer->body.data);
    SET(transfer, CURLOPT_HTTPHEADER, transfer->headers);
}

/* It held personal values. */
static void wipe(struct buffer *buffer)
{
    if (buffer->data)
        sodium_memzero(buffer->data, buffer->capacity);
}

static void add_rendered_header(struct transfer *transfer, void (*write)(const char *, struct buffer *),
    const char *template, const char **values)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer line = BUFFER_INIT;
    template_render(template, TEMPLATE_HEADER, values, &text);
    write(buffer_c_str(&text), &line);
    transfer->failed |= buffer_error(&text) || buffer_error(&line);
    add_to(transfer, &transfer->headers, buffer_c_str(&line));
    wipe(&text);
    wipe(&line);
}

static void add_part(struct transfer *transfer, curl_mime *mime, const char *type, const char *template,
    enum template_form form, const char **values)
{
    if (!template)
        return;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    template_render(template, form, values, &text);
    curl_mimepart *part = curl_mime_addpart(mime);
    transfer->failed |= !part || buffer_error(&text) ||
                        curl_mime_data(part, (const char *)text.data, text.size) != CURLE_OK ||
                        curl_mime_type(part, type) != CURLE_OK ||
                        curl_mime_encoder(part, "base64") != CURLE_OK;
    wipe(&text);
}

/* Plain text first: a reader shows the last alternative that it can (RFC 2046). */
static void build_parts(struct transfer *transfer, const char **values)
{
    const struct step_message *message = &transfer->job->message;
    transfer->mime = curl_mime_init(transfer->curl);
    curl_mime *alternatives = curl_mime_init(transfer->curl);
    if (!transfer->mime || !alternatives) {
        transfer->failed = true;
        curl_mime_free(alternatives);
        return;
    }
    add_part(transfer, alternatives, "text/plain; charset=utf-8", message->text, TEMPLATE_TEXT, values);
    add_part(transfer, alternatives, "text/html; charset=utf-8", message->html, TEMPLATE_HTML, values);
    curl_mimepart *whole = curl_mime_addpart(transfer->mime);
    if (!whole || curl_mime_subparts(whole, alternatives) != CURLE_OK) {
        transfer->failed = true;
        curl_mime_free(alternatives);
        return;
    }
    transfer->failed |= curl_mime_type(whole, "multipart/alternative") != CURLE_OK;
    SET(transfer, CURLOPT_MIMEPOST, transfer->mime);
}

static void build_headers(
    struct transfer *transfer, const struct transfer_options *options, const char **values)
{
    const struct job *job = transfer->job;
    _cleanup_(buffer_free) struct buffer date = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer message_id = BUFFER_INIT;
    mail_date(clock_wall_ms(), &date);
    mail_message_id(job->id, options->smtp_from, &message_id);
    add_to(transfer, &transfer->headers, buffer_c_str(&date));
    add_to(transfer, &transfer->headers, buffer_c_str(&message_id));
    add_header(transfer, "From: <%s>", options->smtp_from);
    add_header(transfer, "To: <%s>", job->of_person.email);
    add_rendered_header(transfer, mail_subject, job->message.subject, values);
    add_header(transfer, "Auto-Submitted: auto-generated");
    add_header(transfer, "X-Quanyu-Delivery: %s", job->id);
    SET(transfer, CURLOPT_HTTPHEADER, transfer->headers);
}

static void build_email(struct transfer *transfer, const struct transfer_options *options)
{
    const struct job *job = transfer->job;
    const char *values[PLACEHOLDER_COUNT];
    char address[ADDRESS_BYTES + 2];
    job_values(job, values);
    snprintf(address, sizeof(address), "<%s>", job->of_person.email);
    add_to(transfer, &transfer->recipients, address);
    sodium_memzero(address, sizeof(address));
    snprintf(address, sizeof(address), "<%.300s>", options->smtp_from);
    build_headers(transfer, options, values);
    build_parts(transfer, values);
    SET(transfer, CURLOPT_SERVER_RESPONSE_TIMEOUT,
        ((long)options->timeout_ms + 999) / 1000); /* QUIT's, too */
    SET(transfer, CURLOPT_URL, options->smtp_url);
    SET(transfer, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(transfer, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
    SET(transfer, CURLOPT_MAIL_FROM, address);
    SET(transfer, CURLOPT_MAIL_RCPT, transfer->recipients);
}

/* What stands against sending at all. */
static bool is_sendable(
    const struct transfer_options *options, const struct job *job, struct outcome *ret_outcome)
{
    if (job->channel != CHANNEL_EMAIL)
        return true;
    if (!*options->smtp_url || !*options->smtp_from)
        outcome_set(ret_outcome, OUTCOME_SKIPPED, "no_mail_server");
    else if (!*job->of_person.email)
        outcome_set(ret_outcome, OUTCOME_SKIPPED, "no_email");
    else if (!mail_address_is_usable(job->of_person.email))
        outcome_set(ret_outcome, OUTCOME_SKIPPED, "unusable_email");
    else
        return true;
    return false;
}

int transfer_open(const struct transfer_options *options, struct job *job, struct transfer **ret_transfer,
    struct outcome *ret_outcome)
{
    if (!is_sendable(options, job, ret_outcome))
        return -QY_EINVAL;
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    outcome_set(ret_outcome, OUTCOME_DEFERRED, "out_of_memory");
    if (!transfer)
        return -QY_ENOMEM;
    transfer->job = job;
    transfer->curl = curl_easy_init();
    if (transfer->curl) {
        set_common(transfer, options);
        if (job->channel == CHANNEL_EMAIL)
            build_email(transfer, options);
        else
            build_webhook(transfer);
    }
    if (transfer->curl && !transfer->failed) {
        *ret_transfer = transfer;
        return 0;
    }
    transfer_close(&transfer);
    return -QY_ENOMEM;
}

struct job *transfer_close(struct transfer **transfer)
{
    struct transfer *closing = TAKE(*transfer);
    if (!closing)
        return NULL;
    struct job *job = closing->job;
    curl_easy_cleanup(closing->curl);
    curl_mime_free(closing->mime);
    curl_slist_free_all(closing->headers);
    curl_slist_free_all(closing->recipients);
    wipe(&closing->body);
    buffer_free(&closing->body);
    free(closing);
    return job;
}

CURL *transfer_handle(const struct transfer *transfer)
{
    return transfer->curl;
}

/* -- judging -- */

/* Nothing but connecting was tried, and that failed. */
static bool is_before_sending(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

static void judge_broken(const struct transfer_end *end, struct outcome *ret_outcome)
{
    enum outcome_kind kind = end->bytes_left ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
    if (end->code == CURLE_OPERATION_TIMEDOUT)
        outcome_set(ret_outcome, kind, "timeout");
    else
        outcome_set(ret_outcome, kind, "connection_lost_%d", (int)end->code);
}

void transfer_judge_webhook(const struct transfer_end *end, struct outcome *ret_outcome)
{
    if (is_before_sending(end->code)) {
        outcome_set(ret_outcome, OUTCOME_RETRY, "connect_failed_%d", (int)end->code);
    } else if (end->code != CURLE_OK) {
        judge_broken(end, ret_outcome);
    } else if (end->status >= 200 && end->status < 300) {
        outcome_set(ret_outcome, OUTCOME_DELIVERED, "http_%ld", end->status);
    } else if (end->status == 429 || end->status == 503) {
        outcome_set(ret_outcome, OUTCOME_RETRY, "http_%ld", end->status);
        ret_outcome->retry_after_ms = end->retry_after_ms;
    } else if (end->status == 502 || end->status == 504) {
        /* A gateway speaks, who does not know what became of it behind him. */
        outcome_set(ret_outcome, OUTCOME_UNKNOWN, "http_%ld", end->status);
    } else {
        outcome_set(ret_outcome, OUTCOME_FAILED, "http_%ld", end->status);
    }
}

void transfer_judge_email(const struct transfer_end *end, struct outcome *ret_outcome)
{
    if (end->code == CURLE_OK)
        outcome_set(ret_outcome, OUTCOME_DELIVERED, "smtp_%ld", end->status);
    else if (is_before_sending(end->code))
        outcome_set(ret_outcome, OUTCOME_RETRY, "connect_failed_%d", (int)end->code);
    else if (end->status >= 500 && end->status < 600)
        outcome_set(ret_outcome, OUTCOME_FAILED, "smtp_%ld", end->status);
    else if (end->status >= 400)
        outcome_set(ret_outcome, OUTCOME_RETRY, "smtp_%ld", end->status);
    else
        judge_broken(end, ret_outcome);
}

void transfer_outcome(const struct transfer *transfer, CURLcode code, struct outcome *ret_outcome)
{
    struct transfer_end end = {.code = code};
    bool is_email = transfer->job->channel == CHANNEL_EMAIL;
    curl_off_t uploaded = 0, retry_after = 0;
    long request = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &end.status);
    curl_easy_getinfo(transfer->curl, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    curl_easy_getinfo(transfer->curl, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &retry_after);
    /* SMTP's commands are no request: what counts is whether any of the mail itself left. */
    end.bytes_left = uploaded > 0 || (!is_email && request > 0);
    end.retry_after_ms = retry_after > 0 ? (retry_after < 86400 ? retry_after : 86400) * 1000 : 0;
    if (is_email)
        transfer_judge_email(&end, ret_outcome);
    else
        transfer_judge_webhook(&end, ret_outcome);
}
