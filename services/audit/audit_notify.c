/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_notify.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/waiting_work.h"
#include "services/audit/audit_alerts.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_MAX 3u /* in one round: each takes its time, and the guard waits */
#define AT_ONCE 50u
#define LOOKED_AT_MAX                                                                                        \
    1000u /* newest alerts: older ones that nobody could be told of are not told of any more */
#define TIMEOUT_MS 10000L

/* Who has been told of an alert; whoever is not to be told counts as told. */
#define TOLD_WEBHOOK 1u
#define TOLD_EMAIL 2u
#define TOLD_ALL (TOLD_WEBHOOK | TOLD_EMAIL)

struct audit_notify {
    struct service *service;
    struct arena *arena;
    struct alert_rules rules;
};

int audit_notify_open(struct service *service, struct audit_notify **ret_notify)
{
    struct audit_notify *notify = calloc(1, sizeof(*notify));
    if (!notify)
        return -QY_ENOMEM;
    notify->service = service;
    int error = curl_global_init(CURL_GLOBAL_DEFAULT) ? -QY_ENOMEM : arena_open(&notify->arena);
    if (error)
        audit_notify_close(&notify);
    else
        *ret_notify = notify;
    return error;
}

void audit_notify_close(struct audit_notify **notify)
{
    if (!*notify)
        return;
    arena_close(&(*notify)->arena);
    free(*notify);
    *notify = NULL;
}

/* -- who has not been told -- */

struct telling {
    struct waiting_work waiting; /* the first member */
    struct audit_notify *notify;
    uint8_t keys[AT_ONCE][ALERT_KEY_BYTES];
    Quanyu__AuditAlert *alerts[AT_ONCE];
    uint32_t told[AT_ONCE]; /* who has been now */
    size_t count;
    size_t looked_at;
};

static bool add_untold(void *context, const uint8_t key[ALERT_KEY_BYTES], struct bytes row)
{
    struct telling *telling = context;
    Quanyu__AuditAlert *alert =
        quanyu__audit_alert__unpack(arena_allocator(telling->notify->arena), row.size, row.data);
    if (alert && alert->told != TOLD_ALL) {
        memcpy(telling->keys[telling->count], key, ALERT_KEY_BYTES);
        telling->alerts[telling->count++] = alert;
    }
    return telling->count < AT_ONCE && ++telling->looked_at < LOOKED_AT_MAX;
}

static int apply_told(struct work *work, struct batch *batch)
{
    struct telling *telling = (struct telling *)work;
    struct arena *arena = telling->notify->arena;
    int error = 0;
    for (size_t i = 0; i < telling->count && !error; i++) {
        Quanyu__AuditAlert *alert =
            telling->told[i] ? audit_alert_get(batch->txn, telling->keys[i], arena) : NULL;
        if (!alert)
            continue;
        alert->told |= telling->told[i];
        error = audit_alert_put(batch->txn, telling->keys[i], alert);
    }
    return error;
}

/* -- telling -- */

static size_t drop_answer(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static CURL *open_curl(const char *url)
{
    CURL *curl = curl_easy_init();
    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_answer);
    return curl;
}

static struct curl_slist *sign(const char *secret, const struct buffer *body)
{
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char timestamp[24], hex[2 * sizeof(mac) + 1], line[160];
    crypto_auth_hmacsha256_state state;
    snprintf(timestamp, sizeof(timestamp), "%" PRId64, clock_wall_ms() / 1000);
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)timestamp, strlen(timestamp));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)".", 1);
    crypto_auth_hmacsha256_update(&state, body->data, body->size);
    crypto_auth_hmacsha256_final(&state, mac);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    snprintf(line, sizeof(line), "X-Quanyu-Timestamp: %s", timestamp);
    headers = curl_slist_append(headers, line);
    snprintf(
        line, sizeof(line), "X-Quanyu-Signature: v1=%s", sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac)));
    return curl_slist_append(headers, line);
}

static bool call_webhook(const struct alert_rules *rules, const struct buffer *body)
{
    CURL *curl = open_curl(rules->webhook_url);
    long status = 0;
    if (!curl)
        return false;
    struct curl_slist *headers = sign(rules->webhook_secret, body);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body->data);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status >= 200 && status < 300;
}

static size_t give(char *room, size_t size, size_t count, void *context)
{
    struct bytes *rest = context;
    size_t taken = rest->size < size * count ? rest->size : size * count;
    if (taken > 0)
        memcpy(room, rest->data, taken);
    rest->data += taken;
    rest->size -= taken;
    return taken;
}

static void write_mail(const struct alert_rules *rules, const char *from, const Quanyu__AuditAlert *alert,
    const struct buffer *json, struct buffer *mail)
{
    buffer_printf(mail, "From: %s\r\nTo: ", from);
    for (size_t i = 0; i < rules->email_count; i++)
        buffer_printf(mail, "%s%s", i ? ", " : "", rules->emails[i]);
    buffer_printf(mail,
        "\r\nSubject: Quanyu audit: %s, %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
        "charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n%s did something unusual on %s (rule %s): %" PRIu32
        ", where %.1f is usual and %.1f the bound.\r\n\r\n",
        alert->rule, alert->actor, alert->actor, alert->day, alert->rule, alert->value, alert->usual,
        alert->bound);
    buffer_append(mail, json->data, json->size);
    buffer_text(mail, "\r\n");
}

static bool send_mail(struct audit_notify *notify, const Quanyu__AuditAlert *alert, const struct buffer *json)
{
    const struct config *config = service_config(notify->service);
    const char *from = config_text(config, "audit.smtp_from");
    _cleanup_(buffer_free) struct buffer mail = BUFFER_INIT;
    CURL *curl = open_curl(config_text(config, "audit.smtp_url"));
    struct curl_slist *to = NULL;
    if (!curl)
        return false;
    write_mail(&notify->rules, from, alert, json, &mail);
    for (size_t i = 0; i < notify->rules.email_count; i++)
        to = curl_slist_append(to, notify->rules.emails[i]);
    struct bytes rest = {mail.data, mail.size};
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, &rest);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    CURLcode code = buffer_error(&mail) ? CURLE_OUT_OF_MEMORY : curl_easy_perform(curl);
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return code == CURLE_OK;
}

/* Tells whoever has not been; yields who has now. */
static uint32_t tell(
    struct audit_notify *notify, const uint8_t key[ALERT_KEY_BYTES], const Quanyu__AuditAlert *alert)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    bool mails =
        notify->rules.email_count > 0 && *config_text(service_config(notify->service), "audit.smtp_url");
    uint32_t told = alert->told;
    audit_alert_write(&json, key, alert);
    if (buffer_error(&text))
        return told;
    if (!(told & TOLD_WEBHOOK) && (!*notify->rules.webhook_url || call_webhook(&notify->rules, &text)))
        told |= TOLD_WEBHOOK;
    if (!(told & TOLD_EMAIL) && (!mails || send_mail(notify, alert, &text)))
        told |= TOLD_EMAIL;
    return told;
}

static int find_untold(struct audit_notify *notify, struct telling *telling)
{
    struct store_txn *txn = NULL;
    int error = service_read(notify->service, &txn);
    if (!error)
        error = audit_alert_rules(txn, &notify->rules);
    if (!error && (*notify->rules.webhook_url || notify->rules.email_count > 0))
        audit_store_each_alert(txn, NULL, add_untold, telling);
    store_abort(&txn);
    return error;
}

void audit_notify_run(struct audit_notify *notify, const atomic_bool *stopping)
{
    struct telling telling = {.notify = notify};
    size_t told = 0, failures = 0, news = 0;
    arena_reset(notify->arena);
    if (find_untold(notify, &telling))
        return;
    for (size_t i = 0; i < telling.count && failures < FAILURES_MAX && !atomic_load(stopping); i++) {
        telling.told[i] = tell(notify, telling.keys[i], telling.alerts[i]);
        *(telling.told[i] == TOLD_ALL ? &told : &failures) += 1;
        news += telling.told[i] != telling.alerts[i]->told;
    }
    if (told < telling.count)
        log_line(LOG_WARNING, "some alerts could not be told to the webhook or by email, they will be again",
            "alerts=%zu", telling.count - told);
    telling.waiting.bytes = sizeof(telling);
    if (news > 0) /* where it cannot be kept now they are told again */
        (void)waiting_work_run(notify->service, &telling.waiting, apply_told);
}
