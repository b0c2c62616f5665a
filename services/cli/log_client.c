/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/log_client.h"

#include "common/config.h"
#include "services/audit/note.h"
#include "services/cli/command.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define TIMEOUT_S 60L

/* -- whom to ask -- */

static int take_token(struct log_client *client, const char *file)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    if (!command_read_file(file, &text))
        return -1;
    snprintf(client->token, sizeof(client->token), "%.*s", (int)strcspn(buffer_c_str(&text), " \r\n"),
        buffer_c_str(&text));
    if (!*client->token)
        fprintf(stderr, "quanyu: %s holds no token\n", file);
    return *client->token ? 0 : -1;
}

/* What the first start of the audit service left on this machine. */
static int take_own(struct log_client *client)
{
    char error[256], path[700];
    struct config *config;
    if (config_open(NULL, &config, error)) {
        fprintf(stderr, "quanyu: %s\n", error);
        return -1;
    }
    snprintf(path, sizeof(path), "%.600s/audit.json", config_text(config, "bootstrap"));
    config_close(&config);
    yyjson_doc *doc = yyjson_read_file(path, 0, NULL, NULL);
    const char *url = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "audit_url"));
    const char *token = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "auditor_token"));
    if (url && token) {
        snprintf(client->url, sizeof(client->url), "%s", url);
        snprintf(client->token, sizeof(client->token), "%s", token);
    } else {
        fprintf(stderr, "quanyu: no credentials in %s: name the log with --url and --token-file\n", path);
    }
    yyjson_doc_free(doc);
    return url && token ? 0 : -1;
}

int log_client_open(struct log_client *client, const char *url, const char *token_file)
{
    *client = (struct log_client){0};
    if (url && !token_file) {
        fprintf(stderr, "quanyu: --url goes with --token-file, a file with an auditor's token\n");
        return -1;
    }
    if (url)
        snprintf(client->url, sizeof(client->url), "%.*s",
            (int)(strlen(url) - (*url && url[strlen(url) - 1] == '/')), url);
    if (url ? take_token(client, token_file) : take_own(client))
        return -1;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->curl = curl_easy_init();
    return client->curl ? 0 : -1;
}

void log_client_close(struct log_client *client)
{
    if (client->curl)
        curl_easy_cleanup(client->curl);
    *client = (struct log_client){0};
}

/* -- asking -- */

static size_t take_answer(char *data, size_t size, size_t count, void *self)
{
    struct buffer *answer = self;
    if (answer->size + size * count > ANSWER_BYTES_MAX)
        return 0;
    buffer_append(answer, data, size * count);
    return buffer_error(answer) ? 0 : size * count;
}

static long perform(struct log_client *client, const char *path, const struct bytes *body,
    struct buffer *answer, char error[LOG_ERROR_BYTES])
{
    char url[1024], header[200];
    CURL *curl = client->curl;
    snprintf(url, sizeof(url), "%s/%s", client->url, path);
    snprintf(header, sizeof(header), "Authorization: Bearer %s", client->token);
    struct curl_slist *headers = curl_slist_append(curl_slist_append(NULL, header), "Expect:");
    buffer_clear(answer);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    if (body) {
        headers = curl_slist_append(headers, "Content-Type: text/plain");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body->data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    long status = -1;
    if (code == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    else
        snprintf(error, LOG_ERROR_BYTES, "%.150s: %s", url, curl_easy_strerror(code));
    return status;
}

long log_client_get(
    struct log_client *client, const char *path, struct buffer *answer, char error[LOG_ERROR_BYTES])
{
    return perform(client, path, NULL, answer, error);
}

long log_client_post(struct log_client *client, const char *path, struct bytes body, struct buffer *answer,
    char error[LOG_ERROR_BYTES])
{
    return perform(client, path, &body, answer, error);
}

/* -- arguments -- */

static const struct log_option *find(const struct log_option *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

/* False: there is no room for one more. */
static bool keep(const struct log_option *option, const char *value)
{
    if (option->value) {
        *option->value = value;
        return true;
    }
    if (*option->count == option->most)
        return false;
    option->values[(*option->count)++] = value;
    return true;
}

bool log_options(const char *command, int argc, char **argv, const struct log_option *options, size_t count,
    const char **ret_rest, size_t most)
{
    size_t rest = 0;
    for (int i = 1; i < argc; i++) {
        const struct log_option *option = find(options, count, argv[i]);
        if (!option && argv[i][0] != '-' && rest < most) {
            ret_rest[rest++] = argv[i];
        } else if (!option) {
            command_unknown(command, argv[i]);
            return false;
        } else if (option->flag) {
            *option->flag = true;
        } else if (i + 1 == argc || !keep(option, argv[++i])) {
            command_usage(command);
            return false;
        }
    }
    return true;
}

bool log_keys_good(const char *const *keys, size_t count)
{
    struct note_key key;
    for (size_t i = 0; i < count; i++)
        if (note_key_parse(keys[i], &key) || key.type != NOTE_ED25519) {
            fprintf(stderr, "quanyu: %s is no verifier key of a log\n", keys[i]);
            return false;
        }
    return true;
}
