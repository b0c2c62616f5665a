/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/verify_http.h"

#include "common/error.h"
#include "services/cli/log_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

struct verify_http {
    const char *url;
    const char *token_file;
    struct buffer newest;
    struct buffer cosigned;
    yyjson_doc *keys;
    struct verify_key *key_list;
    const char **witnesses;
    struct verify_source source;
};

/* -- one thread's -- */

struct reader {
    struct log_client client;
    struct buffer tile;
    struct buffer bundle;
};

static void close_reader(void *self)
{
    struct reader *reader = self;
    log_client_close(&reader->client);
    buffer_free(&reader->tile);
    buffer_free(&reader->bundle);
    free(reader);
}

static int open_reader(void *self, void **ret_reader)
{
    const struct verify_http *http = self;
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -QY_ENOMEM;
    if (log_client_open(&reader->client, http->url, http->token_file)) {
        close_reader(reader);
        return -QY_EUNAVAILABLE;
    }
    *ret_reader = reader;
    return 0;
}

static int fetch_path(struct reader *reader, const char *path, struct buffer *out)
{
    char error[LOG_ERROR_BYTES];
    long status = log_client_get(&reader->client, path, out, error);
    if (status < 0)
        fprintf(stderr, "quanyu: %s\n", error);
    return status == 200   ? 0
           : status == 404 ? -QY_ENOTFOUND
           : status == 500 ? -QY_ECORRUPT
                           : -QY_EUNAVAILABLE;
}

static int fetch(struct reader *reader, const struct tile_place *place, struct buffer *out)
{
    char path[TILE_PATH_BYTES];
    tile_path_format(place, path);
    return fetch_path(reader, path, out);
}

static int read_tile(
    void *self, unsigned level, uint64_t number, unsigned width, const struct merkle_hash **ret_hashes)
{
    struct reader *reader = self;
    int error = fetch(reader, &(struct tile_place){false, level, number, width}, &reader->tile);
    if (error)
        return error;
    if (reader->tile.size != width * sizeof(struct merkle_hash))
        return -QY_ENOTFOUND;
    *ret_hashes = (const struct merkle_hash *)reader->tile.data;
    return 0;
}

static int read_entries(
    void *self, uint64_t number, unsigned width, struct bytes ret_entries[MERKLE_TILE_HASHES])
{
    struct reader *reader = self;
    char path[64];
    int error = fetch(reader, &(struct tile_place){true, 0, number, width}, &reader->bundle);
    snprintf(path, sizeof(path), "v1/entries/%" PRIu64, number);
    if (error == -QY_ENOTFOUND && width == MERKLE_TILE_HASHES) /* some of it may have been pruned */
        error = fetch_path(reader, path, &reader->bundle);
    return error ? error
                 : tile_entries_parse(
                       (struct bytes){reader->bundle.data, reader->bundle.size}, width, ret_entries);
}

/* -- the whole -- */

static const char *text_of(yyjson_val *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text ? text : "";
}

static int list_keys(struct verify_http *http, struct verify_options *options)
{
    yyjson_val *root = yyjson_doc_get_root(http->keys), *item;
    yyjson_val *keys = yyjson_obj_get(root, "keys"), *witnesses = yyjson_obj_get(root, "witnesses");
    size_t index, count;
    http->key_list = calloc(yyjson_arr_size(keys) + 1, sizeof(*http->key_list));
    http->witnesses = calloc(yyjson_arr_size(witnesses) + 1, sizeof(*http->witnesses));
    if (!http->key_list || !http->witnesses)
        return -1;
    yyjson_arr_foreach(keys, index, count, item)
    {
        const char *handover = text_of(item, "handover");
        http->key_list[index] = (struct verify_key){.verifier_key = text_of(item, "verifier_key"),
            .from_size = yyjson_get_uint(yyjson_obj_get(item, "from_size")),
            .handover = {(const uint8_t *)handover, strlen(handover)},
            .lost = yyjson_get_bool(yyjson_obj_get(item, "lost_before"))};
    }
    yyjson_arr_foreach(witnesses, index, count, item) http->witnesses[index] = text_of(item, "verifier_key");
    options->keys = http->key_list;
    options->key_count = yyjson_arr_size(keys);
    options->witnesses = http->witnesses;
    options->witness_count = yyjson_arr_size(witnesses);
    return 0;
}

static int get(struct log_client *client, const char *path, bool may_lack, struct buffer *out)
{
    char error[LOG_ERROR_BYTES];
    long status = log_client_get(client, path, out, error);
    if (status == 404 && may_lack)
        buffer_clear(out);
    else if (status < 0)
        fprintf(stderr, "quanyu: %s\n", error);
    else if (status != 200)
        fprintf(stderr, "quanyu: /%s: the log answers %ld\n", path, status);
    return status == 200 || (status == 404 && may_lack) ? 0 : -1;
}

/* The keys come last: they are those that have signed the notes. */
static int read_notes(struct verify_http *http, struct log_client *client)
{
    _cleanup_(buffer_free) struct buffer keys = BUFFER_INIT;
    if (get(client, "v1/checkpoints/cosigned", true, &http->cosigned) ||
        get(client, "checkpoint", true, &http->newest) || get(client, "v1/keys", false, &keys))
        return -1;
    http->keys = yyjson_read((const char *)keys.data, keys.size, 0);
    return http->keys ? 0 : -1;
}

int verify_http_open(
    const char *url, const char *token_file, struct verify_http **ret_http, struct verify_options *options)
{
    struct log_client client = {0};
    _cleanup_(verify_http_close) struct verify_http *http = calloc(1, sizeof(*http));
    if (!http)
        return -1;
    http->url = url;
    http->token_file = token_file;
    int error = log_client_open(&client, url, token_file);
    if (!error)
        error = read_notes(http, &client);
    log_client_close(&client);
    if (!error)
        error = list_keys(http, options);
    if (error)
        return -1;
    http->source = (struct verify_source){
        .self = http, .open = open_reader, .close = close_reader, .tile = read_tile, .entries = read_entries};
    options->source = &http->source;
    options->newest = (struct bytes){http->newest.data, http->newest.size};
    options->cosigned = (struct bytes){http->cosigned.data, http->cosigned.size};
    *ret_http = TAKE(http);
    return 0;
}

void verify_http_close(struct verify_http **http)
{
    if (!*http)
        return;
    buffer_free(&(*http)->newest);
    buffer_free(&(*http)->cosigned);
    yyjson_doc_free((*http)->keys);
    free((*http)->key_list);
    free((*http)->witnesses);
    free(*http);
    *http = NULL;
}
