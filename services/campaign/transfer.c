/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/transfer.h"

#include "common/clock.h"
#include "common/deadline.h"
#include "services/campaign/mail.h"
#include "services/campaign/smtp.h"

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
    struct buffer body;
    struct smtp *smtp;   /* of an email */
    bool is_talking;     /* libcurl has connected, the rest is up to `smtp` */
    int64_t deadline_ms; /* of the talk */
    bool failed;         /* libcurl could not take an option or memory was out */
};

/* -- building -- */

#define SET(transfer, option, value)                                                                         \
    ((transfer)->failed |= curl_easy_setopt((transfer)->curl, option, value) != CURLE_OK)

static void add_header(struct transfer *transfer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_header(struct transfer *transfer, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer)
        transfer->headers = longer;
    else
        transfer->failed = true;
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
    SET(transfer, CURLOPT_QUICK_EXIT, 1L); /* else a name that times out blocks until the resolver gives up */
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
    SET(transfer, CURLOPT_FORBID_REUSE, 1L);
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
    buffer_free(buffer);
}

/* NULL where there is no template. */
static const char *render(struct transfer *transfer, const char *template, enum template_form form,
    const char **values, struct buffer *out)
{
    if (!template)
        return NULL;
    template_render(template, form, values, out);
    transfer->failed |= buffer_error(out) != 0;
    return buffer_c_str(out);
}

static void compose(struct transfer *transfer, const struct transfer_options *options, struct buffer *out)
{
    const struct job *job = transfer->job;
    const struct step_message *message = &job->message;
    const char *values[PLACEHOLDER_COUNT];
    _cleanup_(wipe) struct buffer subject = BUFFER_INIT;
    _cleanup_(wipe) struct buffer text = BUFFER_INIT;
    _cleanup_(wipe) struct buffer html = BUFFER_INIT;
    job_values(job, values);
    const struct mail mail = {
        .id = job->id,
        .from = options->smtp_from,
        .to = job->of_person.email,
        .subject = render(transfer, message->subject, TEMPLATE_HEADER, values, &subject),
        .text = render(transfer, message->text, TEMPLATE_TEXT, values, &text),
        .html = render(transfer, message->html, TEMPLATE_HTML, values, &html),
        .wall_ms = clock_wall_ms(),
    };
    mail_compose(&mail, out);
    transfer->failed |= buffer_error(out) != 0;
}

static size_t overhear(char *line, size_t size, size_t count, void *self)
{
    struct transfer *transfer = self;
    smtp_overhear(transfer->smtp, line, size * count);
    return size * count;
}

static void build_email(struct transfer *transfer, const struct transfer_options *options)
{
    const char *to = transfer->job->of_person.email;
    _cleanup_(wipe) struct buffer content = BUFFER_INIT;
    compose(transfer, options, &content);
    transfer->failed = transfer->failed || smtp_open(options->smtp_from, to, &content, &transfer->smtp) != 0;
    SET(transfer, CURLOPT_CONNECT_ONLY, 1L);
    SET(transfer, CURLOPT_SERVER_RESPONSE_TIMEOUT, ((long)options->timeout_ms + 999) / 1000);
    SET(transfer, CURLOPT_URL, options->smtp_url);
    SET(transfer, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(transfer, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
    SET(transfer, CURLOPT_HEADERFUNCTION, overhear);
    SET(transfer, CURLOPT_HEADERDATA, transfer);
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
    transfer->deadline_ms = monotonic_ms() + options->timeout_ms;
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
    curl_slist_free_all(closing->headers);
    smtp_close(&closing->smtp);
    wipe(&closing->body);
    free(closing);
    return job;
}

CURL *transfer_handle(const struct transfer *transfer)
{
    return transfer->curl;
}

/* -- talking to a mail server -- */

bool transfer_goes_on(struct transfer *transfer, CURLcode code)
{
    if (!transfer->smtp || code != CURLE_OK)
        return false;
    transfer->is_talking = true;
    smtp_begin(transfer->smtp);
    return true;
}

void transfer_wait(const struct transfer *transfer, struct curl_waitfd *ret_wait, int64_t *ret_deadline_ms)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    curl_easy_getinfo(transfer->curl, CURLINFO_ACTIVESOCKET, &socket);
    *ret_wait = (struct curl_waitfd){.fd = socket, .events = CURL_WAIT_POLLIN};
    if (smtp_output(transfer->smtp).size > 0)
        ret_wait->events |= CURL_WAIT_POLLOUT;
    *ret_deadline_ms = transfer->deadline_ms;
}

/* CURLE_AGAIN: the socket takes no more now. */
static CURLcode say(struct transfer *transfer)
{
    CURLcode code = CURLE_OK;
    for (struct bytes output = smtp_output(transfer->smtp); code == CURLE_OK && output.size > 0;
        output = smtp_output(transfer->smtp)) {
        size_t size = 0;
        code = curl_easy_send(transfer->curl, output.data, output.size, &size);
        smtp_said(transfer->smtp, size);
    }
    return code;
}

/* CURLE_AGAIN: there is nothing now. */
static CURLcode hear(struct transfer *transfer)
{
    char answer[1024];
    size_t size = 0;
    CURLcode code = curl_easy_recv(transfer->curl, answer, sizeof(answer), &size);
    if (code == CURLE_OK && size == 0)
        return CURLE_RECV_ERROR; /* closed */
    smtp_hear(transfer->smtp, answer, size);
    return code;
}

/* All that can be said and heard without waiting. CURLE_AGAIN: it is not over. */
static CURLcode exchange(struct transfer *transfer)
{
    CURLcode said, heard;
    do {
        said = say(transfer);
        heard = hear(transfer); /* also where nothing could be said: the server may have told why */
    } while (heard == CURLE_OK && smtp_state(transfer->smtp) == SMTP_UNDER_WAY);
    if (smtp_state(transfer->smtp) == SMTP_UNDER_WAY)
        return heard == CURLE_AGAIN && said != CURLE_OK ? said : heard;
    say(transfer); /* farewell; its answer is not waited for, nothing hangs on it */
    return smtp_state(transfer->smtp) == SMTP_TAKEN ? CURLE_OK : CURLE_WEIRD_SERVER_REPLY;
}

bool transfer_talk(struct transfer *transfer, CURLcode *ret_code)
{
    CURLcode code = exchange(transfer);
    if (code == CURLE_AGAIN && monotonic_ms() < transfer->deadline_ms)
        return false;
    *ret_code = code == CURLE_AGAIN ? CURLE_OPERATION_TIMEDOUT : code;
    return true;
}

/* -- the end -- */

static void email_outcome(const struct transfer *transfer, CURLcode code, struct outcome *ret_outcome)
{
    struct transfer_end end = {.code = code, .bytes_left = smtp_may_be_taken(transfer->smtp)};
    if (transfer->is_talking)
        end.status = smtp_status(transfer->smtp);
    else
        curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &end.status);
    judge_email(&end, ret_outcome);
}

static void webhook_outcome(const struct transfer *transfer, CURLcode code, struct outcome *ret_outcome)
{
    struct transfer_end end = {.code = code};
    curl_off_t uploaded = 0, retry_after = 0;
    long request = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &end.status);
    curl_easy_getinfo(transfer->curl, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    curl_easy_getinfo(transfer->curl, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &retry_after);
    end.bytes_left = uploaded > 0 || request > 0;
    end.retry_after_ms = retry_after > 0 ? (retry_after < 86400 ? retry_after : 86400) * 1000 : 0;
    judge_webhook(&end, ret_outcome);
}

void transfer_outcome(const struct transfer *transfer, CURLcode code, struct outcome *ret_outcome)
{
    if (transfer->smtp)
        email_outcome(transfer, code, ret_outcome);
    else
        webhook_outcome(transfer, code, ret_outcome);
}
