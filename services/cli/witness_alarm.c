/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/witness_alarm.h"

#include "common/json.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define STATUS 3
#define TIMEOUT_S 20L

static void write_evidence(const struct alarm *alarm, const char *message)
{
    char path[1024];
    snprintf(path, sizeof(path), "%.900s.alarm-%lld", alarm->state, (long long)time(NULL));
    FILE *file = fopen(path, "w");
    if (!file) {
        fprintf(stderr, "quanyu: %s: %s\n", path, strerror(errno));
        return;
    }
    fprintf(file, "%s\n\n-- seen before --\n", message);
    fwrite(alarm->seen.data, 1, alarm->seen.size, file);
    fputs("\n-- given out now --\n", file);
    fwrite(alarm->now.data, 1, alarm->now.size, file);
    fclose(file);
    fprintf(stderr, "quanyu: both checkpoints are in %s: keep them\n", path);
}

static void run_command(const char *command, const char *message)
{
    FILE *pipe = popen(command, "w");
    if (pipe)
        fprintf(pipe, "%s\n", message);
    if (!pipe || pclose(pipe) != 0)
        fprintf(stderr, "quanyu: the alarm's command failed: %s\n", command);
}

static void add(struct json *json, const char *name, struct bytes text)
{
    json_name(json, name);
    json_text_n(json, (const char *)text.data, text.size);
}

static size_t drop(char *data, size_t size, size_t count, void *self)
{
    (void)data;
    (void)self;
    return size * count;
}

static void call_webhook(const struct alarm *alarm, const char *message)
{
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    long status = 0;
    json_open(&json, '{');
    json_field_text(&json, "alarm", message);
    add(&json, "seen", alarm->seen);
    add(&json, "now", alarm->now);
    json_close(&json, '}');
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_URL, alarm->webhook);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, buffer_c_str(&body));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK || status < 200 || status > 299)
        fprintf(stderr, "quanyu: the alarm's webhook did not take it: %s\n", alarm->webhook);
}

int alarm_raise(const struct alarm *alarm, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    fprintf(stderr, "ALARM: %s\n", message);
    write_evidence(alarm, message);
    if (alarm->command)
        run_command(alarm->command, message);
    if (alarm->webhook)
        call_webhook(alarm, message);
    return STATUS;
}
