/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES_MAX ((size_t)256 * 1024 * 1024)

static void take_text(yyjson_val *root, const char *name, char *out, size_t size)
{
    const char *text = yyjson_get_str(yyjson_obj_get(root, name));
    if (text)
        snprintf(out, size, "%s", text);
}

static int read_credentials(struct client *client, const char *service)
{
    char path[700];
    snprintf(path, sizeof(path), "%.600s/%s.json", config_text(client->config, "bootstrap"), service);
    yyjson_doc *doc = yyjson_read_file(path, 0, NULL, NULL);
    if (!doc) {
        fprintf(
            stderr, "quanyu: no credentials in %s: is the suite started, and QUANYU_DATA the same?\n", path);
        return -1;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    take_text(root, "gateway_url", client->gateway_url, sizeof(client->gateway_url));
    take_text(root, "audit_url", client->audit_url, sizeof(client->audit_url));
    take_text(root, "write_key", client->write_key, sizeof(client->write_key));
    take_text(root, "hq_token", client->hq_token, sizeof(client->hq_token));
    take_text(root, "auditor_token", client->auditor_token, sizeof(client->auditor_token));
    yyjson_doc_free(doc);
    return 0;
}

int client_open(struct client *client)
{
    char error[256];
    *client = (struct client){0};
    if (config_open(NULL, &client->config, error)) {
        fprintf(stderr, "quanyu: %s\n", error);
        return -1;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->curl = curl_easy_init();
    if (!client->curl) {
        client_close(client);
        return -1;
    }
    return 0;
}

void client_close(struct client *client)
{
    if (client->curl)
        curl_easy_cleanup(client->curl);
    client->curl = NULL;
    config_close(&client->config);
}

static size_t take_answer(char *data, size_t size, size_t count, void *self)
{
    struct buffer *answer = self;
    if (answer->size + size * count > ANSWER_BYTES_MAX)
        return 0;
    buffer_append(answer, data, size * count);
    return buffer_error(answer) ? 0 : size * count;
}

static struct curl_slist *headers_for(const struct client *client, enum client_peer peer)
{
    char header[200];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (peer != PEER_INGEST) {
        snprintf(header, sizeof(header), "Authorization: Bearer %s",
            peer == PEER_AUDIT ? client->auditor_token : client->hq_token);
        headers = curl_slist_append(headers, header);
    }
    return curl_slist_append(headers, "Expect:");
}

/* Not before they are needed: where HQ's command line runs, the auditor's credentials need not be. */
static int need_credentials(struct client *client, enum client_peer peer)
{
    const char *known = peer == PEER_AUDIT ? client->audit_url : client->gateway_url;
    return *known ? 0 : read_credentials(client, peer == PEER_AUDIT ? "audit" : "gateway");
}

long client_call(struct client *client, enum client_peer peer, const char *method, const char *path,
    const char *body, size_t size, struct buffer *answer)
{
    char url[2048];
    CURL *curl = client->curl;
    if (need_credentials(client, peer))
        return CLIENT_NO_CREDENTIALS;
    snprintf(url, sizeof(url), "%s%s", peer == PEER_AUDIT ? client->audit_url : client->gateway_url, path);
    struct curl_slist *headers = headers_for(client, peer);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (peer == PEER_INGEST) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, client->write_key);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, "");
    }
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    long status = CLIENT_NO_ANSWER;
    if (code == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    else if (client->complained != (int)code)
        fprintf(stderr, "quanyu: %s: %s\n", url, curl_easy_strerror(code));
    client->complained = (int)code;
    return status;
}

static void print_problem(long status, yyjson_val *root)
{
    const char *detail = yyjson_get_str(yyjson_obj_get(root, "detail"));
    const char *field = yyjson_get_str(yyjson_obj_get(root, "field"));
    fprintf(stderr, "quanyu: %ld", status);
    if (field)
        fprintf(stderr, ": %s", field);
    fprintf(stderr, ": %s\n", detail ? detail : "no reason was given");
}

yyjson_doc *client_ask(
    struct client *client, enum client_peer peer, const char *method, const char *path, const char *body)
{
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    long status = client_call(client, peer, method, path, body, body ? strlen(body) : 0, &answer);
    if (status < 0)
        return NULL;
    yyjson_doc *doc = yyjson_read((const char *)answer.data, answer.size, 0);
    if (status >= 200 && status < 300 && doc)
        return doc;
    print_problem(status, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return NULL;
}

static bool print_json(const struct buffer *answer)
{
    yyjson_doc *doc = yyjson_read((const char *)answer->data, answer->size, 0);
    char *text = doc ? yyjson_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL) : NULL;
    if (text)
        printf("%s\n", text);
    free(text);
    yyjson_doc_free(doc);
    return text != NULL;
}

static int show(
    struct client *client, enum client_peer peer, const char *method, const char *path, const char *body)
{
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    long status = client_call(client, peer, method, path, body, body ? strlen(body) : 0, &answer);
    if (status < 0)
        return 1;
    if (status >= 200 && status < 300 && (answer.size == 0 || print_json(&answer)))
        return 0;
    yyjson_doc *doc = yyjson_read((const char *)answer.data, answer.size, 0);
    print_problem(status, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return 1;
}

int client_show(enum client_peer peer, const char *method, const char *path, const char *body)
{
    struct client client;
    if (client_open(&client))
        return 1;
    int status = show(&client, peer, method, path, body);
    client_close(&client);
    return status;
}

const char *client_text(yyjson_val *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text ? text : "";
}

int client_print_page(const char *path, const char *member, client_print_fn *print)
{
    struct client client;
    size_t index, count;
    yyjson_val *item;
    if (client_open(&client))
        return 1;
    yyjson_doc *doc = client_ask(&client, PEER_API, "GET", path, NULL);
    client_close(&client);
    if (!doc)
        return 1;
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_arr_foreach(yyjson_obj_get(root, member), index, count, item) print(item);
    if (*client_text(root, "next_cursor"))
        printf("more: --cursor %s\n", client_text(root, "next_cursor"));
    yyjson_doc_free(doc);
    return 0;
}

void client_escape(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c))
            buffer_byte(out, c);
        else
            buffer_printf(out, "%%%02X", c);
    }
}
