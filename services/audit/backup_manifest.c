/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/backup_manifest.h"

#include "common/directory.h"
#include "common/error.h"
#include "common/json.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORMAT "quanyu audit backup"
#define VERSION 1u
#define PATH_BYTES 4096
#define FILES_AT_FIRST 64u
_Static_assert(FILE_HASH_BYTES == MERKLE_HASH_BYTES, "both are SHA-256");

int manifest_open(struct manifest **ret_manifest)
{
    _cleanup_(manifest_close) struct manifest *manifest = calloc(1, sizeof(*manifest));
    int error = manifest ? arena_open(&manifest->arena) : -QY_ENOMEM;
    if (error)
        return error;
    manifest->origin = manifest->checkpoint = "";
    *ret_manifest = TAKE(manifest);
    return 0;
}

void manifest_close(struct manifest **pointer)
{
    struct manifest *manifest = TAKE(*pointer);
    if (!manifest)
        return;
    arena_close(&manifest->arena);
    free(manifest->files);
    free(manifest);
}

/* Room for twice as many whenever their number is a power of two. */
int manifest_add(struct manifest *manifest, const char *name, const struct file_content *content)
{
    size_t count = manifest->count;
    char *kept = arena_text(manifest->arena, name, strlen(name));
    if (!kept)
        return -QY_ENOMEM;
    if (count == 0 || (count >= FILES_AT_FIRST && (count & (count - 1)) == 0)) {
        size_t room = count == 0 ? FILES_AT_FIRST : 2 * count;
        struct manifest_file *files = realloc(manifest->files, room * sizeof(*files));
        if (!files)
            return -QY_ENOMEM;
        manifest->files = files;
    }
    manifest->files[manifest->count++] = (struct manifest_file){.name = kept, .content = *content};
    return 0;
}

const struct manifest_file *manifest_find(const struct manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->count; i++)
        if (strcmp(manifest->files[i].name, name) == 0)
            return &manifest->files[i];
    return NULL;
}

/* -- writing -- */

static void write_hash(struct json *json, const char *name, const uint8_t hash[FILE_HASH_BYTES])
{
    char hex[2 * FILE_HASH_BYTES + 1];
    json_field_text(json, name, sodium_bin2hex(hex, sizeof(hex), hash, FILE_HASH_BYTES));
}

static void write_files(struct json *json, const struct manifest *manifest)
{
    json_name(json, "files");
    json_open(json, '[');
    for (size_t i = 0; i < manifest->count; i++) {
        json_open(json, '{');
        json_field_text(json, "name", manifest->files[i].name);
        json_field_unsigned(json, "bytes", manifest->files[i].content.bytes);
        write_hash(json, "sha256", manifest->files[i].content.hash);
        json_close(json, '}');
    }
    json_close(json, ']');
}

int manifest_write(const struct manifest *manifest, const char *directory)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    _cleanup_(free_pointer) char *path = NULL;
    struct json json = json_to(&text);
    json_open(&json, '{');
    json_field_text(&json, "format", FORMAT);
    json_field_unsigned(&json, "version", VERSION);
    json_field_text(&json, "origin", manifest->origin);
    json_field_time(&json, "taken_at", manifest->taken_ms);
    json_field_integer(&json, "taken_ms", manifest->taken_ms);
    json_field_unsigned(&json, "size", manifest->size);
    write_hash(&json, "root", manifest->root.bytes);
    json_field_text(&json, "checkpoint", manifest->checkpoint);
    json_field_bool(&json, "with_key", manifest->with_key);
    write_files(&json, manifest);
    json_close(&json, '}');
    buffer_byte(&text, '\n');
    if (asprintf(&path, "%s/" MANIFEST_NAME, directory) < 0)
        path = NULL;
    int error = path ? buffer_error(&text) : -QY_ENOMEM;
    return error ? error : directory_replace_file(path, text.data, text.size);
}

/* -- reading -- */

static bool read_hash(yyjson_val *object, const char *name, uint8_t ret_hash[FILE_HASH_BYTES])
{
    const char *hex = yyjson_get_str(yyjson_obj_get(object, name));
    size_t size;
    return hex && sodium_hex2bin(ret_hash, FILE_HASH_BYTES, hex, strlen(hex), NULL, &size, NULL) == 0 &&
           size == FILE_HASH_BYTES;
}

/* A name that leads nowhere else. */
static bool is_inside(const char *name)
{
    return *name && *name != '/' && !strstr(name, "..");
}

static int read_files(yyjson_val *root, struct manifest *manifest)
{
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(root, "files"), index, count, item)
    {
        const char *name = yyjson_get_str(yyjson_obj_get(item, "name"));
        struct file_content content = {.bytes = yyjson_get_uint(yyjson_obj_get(item, "bytes"))};
        if (!name || !is_inside(name) || !read_hash(item, "sha256", content.hash))
            return -QY_ECORRUPT;
        int error = manifest_add(manifest, name, &content);
        if (error)
            return error;
    }
    return manifest->count > 0 ? 0 : -QY_ECORRUPT;
}

static int read_root(yyjson_val *root, struct manifest *manifest)
{
    const char *origin = yyjson_get_str(yyjson_obj_get(root, "origin"));
    const char *checkpoint = yyjson_get_str(yyjson_obj_get(root, "checkpoint"));
    const char *format = yyjson_get_str(yyjson_obj_get(root, "format"));
    if (!origin || !checkpoint || !format || strcmp(format, FORMAT) != 0 ||
        !read_hash(root, "root", manifest->root.bytes))
        return -QY_ECORRUPT;
    if (yyjson_get_uint(yyjson_obj_get(root, "version")) != VERSION)
        return -QY_EVERSION;
    manifest->origin = arena_text(manifest->arena, origin, strlen(origin));
    manifest->checkpoint = arena_text(manifest->arena, checkpoint, strlen(checkpoint));
    manifest->taken_ms = yyjson_get_sint(yyjson_obj_get(root, "taken_ms"));
    manifest->size = yyjson_get_uint(yyjson_obj_get(root, "size"));
    manifest->with_key = yyjson_get_bool(yyjson_obj_get(root, "with_key"));
    return manifest->origin && manifest->checkpoint ? read_files(root, manifest) : -QY_ENOMEM;
}

int manifest_read(const char *directory, struct manifest **ret_manifest)
{
    _cleanup_(manifest_close) struct manifest *manifest = NULL;
    char path[PATH_BYTES];
    struct stat status;
    snprintf(path, sizeof(path), "%s/" MANIFEST_NAME, directory);
    if (stat(path, &status))
        return error_from_errno(errno);
    int error = manifest_open(&manifest);
    if (error)
        return error;
    yyjson_doc *doc = yyjson_read_file(path, 0, NULL, NULL);
    error = doc ? read_root(yyjson_doc_get_root(doc), manifest) : -QY_ECORRUPT;
    yyjson_doc_free(doc);
    if (!error)
        *ret_manifest = TAKE(manifest);
    return error;
}

int manifest_check(const struct manifest *manifest, const char *directory,
    void (*problem)(void *self, const char *text), void *self, uint64_t *ret_problems)
{
    uint64_t problems = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        char path[PATH_BYTES], text[512] = "";
        struct file_content content;
        snprintf(path, sizeof(path), "%s/%s", directory, file->name);
        int error = file_read(path, &content);
        if (error)
            snprintf(text, sizeof(text), "%.300s cannot be read (%s)", file->name, error_text(error));
        else if (content.bytes != file->content.bytes ||
                 memcmp(content.hash, file->content.hash, sizeof(content.hash)) != 0)
            snprintf(
                text, sizeof(text), "%.300s was altered: it is not what was put into the backup", file->name);
        if (*text) {
            problem(self, text);
            problems++;
        }
    }
    *ret_problems = problems;
    return 0;
}
